"""A reader's page in a real browser: from the first key to the file of answers, offline, across a reload."""

from __future__ import annotations

import json
import re
import shutil
import time
from pathlib import Path

import numpy as np
import pytest

from radbench.cli import main
from radbench.reader_study.key import read_key
from radbench.reader_study.results import analyse_study

from .made_study import ENHANCERS, made_folder, made_images, made_key, write_answers

READY = (
    "document.querySelectorAll('.panel').length > 0 && "
    "[...document.querySelectorAll('.panel canvas')].every((c) => c.dataset.ready)"
)


@pytest.fixture(scope="module")
def browser():
    """Return Chromium: Playwright's own where it was installed, else the system's."""
    api = pytest.importorskip("playwright.sync_api", reason="needs the package playwright: not installed")
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    with api.sync_playwright() as playwright:
        there = Path(playwright.chromium.executable_path).exists()
        if not there and not found:
            pytest.skip("needs a browser: neither Playwright's Chromium nor a system's is installed")
        # In a container there is no room for Chromium's own sandbox.
        launched = playwright.chromium.launch(executable_path=None if there else found, args=["--no-sandbox"])
        yield launched
        launched.close()


def until(page, program):
    """Wait until an expression is true in a page, whose policy forbids Playwright's own waiting: it evaluates text."""
    end = time.monotonic() + 60
    while not page.evaluate(program):
        assert time.monotonic() < end, program
        page.wait_for_timeout(50)


class Desk:
    """A reader before her page."""

    def __init__(self, context, folder, reader=1):
        self.heard, self.asked = [], []
        self.page = context.new_page()
        self.page.on("console", lambda message: self.heard.append(message.text))
        self.page.on("pageerror", lambda error: self.heard.append(str(error)))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.address = (folder / "readers" / f"reader-{reader}.html").resolve().as_uri()
        self.page.goto(self.address)

    def press(self, *keys):
        for key in keys:
            self.page.keyboard.press(key)

    def begin(self):
        self.press("Enter")
        until(self.page, READY)

    def text(self, name):
        return self.page.text_content(name)

    def saved(self, folder, key="s"):
        with self.page.expect_download() as got:
            self.press(key)
        file = folder / "answers" / got.value.suggested_filename
        got.value.save_as(file)
        return file

    def pixel(self, panel, x=0.5, y=0.5):
        """Return what stands on a panel's canvas, red green blue."""
        program = (
            "([k, x, y]) => { const c = document.querySelectorAll('.panel canvas')[k];"
            "const at = (v, n) => Math.floor(v * n);"
            "return [...c.getContext('2d').getImageData(at(x, c.width), at(y, c.height), 1, 1).data]; }"
        )
        self.page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
        return self.page.evaluate(program, [panel, x, y])[:3]


@pytest.fixture
def context(browser):
    made = browser.new_context(viewport={"width": 1280, "height": 800}, accept_downloads=True)
    made.set_default_timeout(60_000)
    made.set_offline(True)
    yield made
    made.close()


def ranked(key, reader, desk, rank, trials):
    for trial in key.readers[reader][trials]:
        desk.press(*[str(rank[key.image_of[image][1]]) for image in trial.images], "Enter")


RANK = {"fattal": 3, "madmad": 2, "guided-unet": 1}


def test_a_ranking_by_keyboard_alone_across_a_reload_to_the_analysis(context, tmp_path):
    key = made_key(cases=6, repeats=2)
    folder = made_folder(tmp_path / "study", key)
    for reader in (1, 2):
        desk = Desk(context, folder, reader)
        desk.begin()
        assert desk.text("#count") == "case 1 of 8"
        ranked(key, reader, desk, RANK, slice(0, 3))
        desk.press("3")  # of the fourth, one image alone
        desk.page.reload()
        assert "Go on with case 4" in desk.text("#screen")
        desk.begin()
        assert desk.page.locator(".grade[aria-pressed=true]").count() == 1
        # The marked image is the first that has no rank yet: the one before keeps its own.
        desk.press("ArrowLeft")
        ranked(key, reader, desk, RANK, slice(3, 8))
        assert "All 8 cases are judged" in desk.text("#screen")
        assert desk.text("#count") == "8 of 8 done"
        file = desk.saved(folder, "Enter")
        assert re.fullmatch(rf"answers-{key.study[:9]}-reader-{reader}\.csv", file.name)
        assert (desk.heard, set(desk.asked) - {desk.address}) == ([], {u for u in desk.asked if u.startswith("blob:")})
    results = analyse_study(folder)
    assert results.answers.notes == ()
    for block in results.analysis.blocks[:2]:
        assert [m.value for m in block.means] == [3.0, 2.0, 1.0]
    assert all(one.plain.observed == 1.0 for one in results.analysis.intra)


def test_from_a_run_by_the_commands_through_the_browser_to_the_table(context, run, tmp_path, monkeypatch, capsys):
    def bench(*words):
        monkeypatch.setattr("sys.argv", ["bench", "reader-study", *map(str, words)])
        with pytest.raises(SystemExit) as left:
            main()
        assert not left.value.code
        return capsys.readouterr().out

    study = tmp_path / "study"
    bench("make", run, "-e", "original,unsharp,gamma", "--cases", 8, "--readers", 1, "--repeats", 1, "--out", study)
    key = read_key(study)
    desk = Desk(context, study)
    desk.begin()
    ranked(key, 1, desk, {"unsharp": 1, "gamma": 2}, slice(None))
    desk.saved(study, "Enter")
    said = bench("analyse", study)
    assert "told apart by rank (Wilcoxon's signed ranks, Holm): unsharp better than gamma" in said
    assert re.search(r"^1 +100\.0 % +0\.0 %$", said, re.MULTILINE)


def test_the_page_writes_what_the_tests_files_of_answers_are_made_like(context, tmp_path):
    key = made_key(cases=2)
    folder = made_folder(tmp_path / "study", key)
    desk = Desk(context, folder)
    desk.begin()
    ranked(key, 1, desk, RANK, slice(0, 2))
    page = desk.saved(folder).read_text().splitlines()
    ours = write_answers(folder, key, 1, lambda c, e, again: RANK[e], name="x.csv").read_text().splitlines()
    first, second = ([line.split(",")[:5] for line in lines] for lines in (page, ours))
    assert first == second


def test_a_partial_file_is_saved_at_any_time_and_gone_on_with_elsewhere(browser, context, tmp_path):
    key = made_key(cases=4)
    folder = made_folder(tmp_path / "study", key)
    desk = Desk(context, folder)
    desk.begin()
    ranked(key, 1, desk, RANK, slice(0, 2))
    file = desk.saved(folder)
    assert len(file.read_text().splitlines()) == 1 + 2 * 3
    other = browser.new_context(viewport={"width": 1280, "height": 800}, accept_downloads=True)
    other.set_default_timeout(60_000)
    elsewhere = Desk(other, folder)
    elsewhere.page.set_input_files("input[type=file]", file)
    until(elsewhere.page, "document.getElementById('told').textContent !== ''")
    assert elsewhere.text("#told") == f"2 answers taken from {file.name}."
    elsewhere.begin()
    assert elsewhere.text("#count") == "case 3 of 4"
    spoilt = tmp_path / "spoilt.csv"
    spoilt.write_text(file.read_text().replace(",3,", ",1,", 1))
    elsewhere.page.reload()
    elsewhere.page.set_input_files("input[type=file]", spoilt)
    until(elsewhere.page, "document.getElementById('told').textContent !== ''")
    assert elsewhere.text("#told") == "spoilt.csv was changed or is damaged, and nothing of it was taken."
    other.close()


def test_without_ties_a_rank_is_given_once(context, tmp_path):
    key = made_key(cases=2, ties=False)
    desk = Desk(context, made_folder(tmp_path / "study", key))
    desk.begin()
    desk.press("1", "1")
    assert desk.page.locator(".grade[aria-pressed=true]").count() == 1
    assert desk.page.locator("#next").is_disabled()
    # Back at the one that lost its rank.
    desk.press("2", "3")
    assert desk.page.locator("#next").is_enabled()


def test_nothing_goes_on_before_every_image_has_its_rank(context, tmp_path):
    key = made_key(cases=2)
    desk = Desk(context, made_folder(tmp_path / "study", key))
    desk.begin()
    desk.press("1", "2", "Enter")
    assert desk.text("#count") == "case 1 of 2"
    desk.press("2", "Enter")
    assert desk.text("#count") == "case 2 of 2"
    desk.press("Backspace")
    assert desk.text("#count") == "case 1 of 2"
    assert desk.page.locator(".grade[aria-pressed=true]").count() == 3


@pytest.mark.parametrize("design", ["rating", "detection"])
def test_one_by_one_with_a_rest_between_the_parts(context, tmp_path, design):
    key = made_key(design, cases=3, enhancers=("fattal", "madmad"), readers=1)
    folder = made_folder(tmp_path / "study", key)
    desk = Desk(context, folder)
    desk.begin()
    assert desk.page.locator(".panel").count() == 1
    for k, trial in enumerate(key.readers[1]):
        if k == 3:
            assert "Part 1 of 2 is done" in desk.text("#screen")
            desk.press("Enter")
        desk.press("5" if key.image_of[trial.images[0]][1] == "fattal" else "2", "Enter")
    desk.saved(folder)
    results = analyse_study(folder)
    assert results.judged.values[0].tolist() == [[5.0, 2.0]] * 3


def test_preferences_by_keys_with_no_difference(context, tmp_path):
    key = made_key("preference", cases=2, readers=1)
    folder = made_folder(tmp_path / "study", key)
    desk = Desk(context, folder)
    desk.begin()
    assert desk.page.locator("#neither").is_visible()
    for trial in key.readers[1]:
        names = [key.image_of[image][1] for image in trial.images]
        chosen = "3" if "madmad" not in names else str(1 + names.index("madmad"))
        desk.press(chosen, "Enter")
    desk.saved(folder)
    pairs = {(p.first, p.second): (p.wins, p.ties, p.losses) for p in analyse_study(folder).analysis.pairs}
    assert pairs == {
        ("fattal", "madmad"): (0, 0, 2),
        ("fattal", "guided-unet"): (0, 2, 0),
        ("madmad", "guided-unet"): (2, 0, 0),
    }


def test_window_level_reaches_greys_that_eight_bits_do_not_hold(context, tmp_path):
    """Two halves 40 of 65535 greys apart are one grey to 8 bits, and far apart in a narrow window."""
    key = made_key("rating", cases=1, enhancers=("fattal",), readers=1)
    image = np.full((40, 40), 0.5, dtype=np.float32)
    image[:, 20:] += 40 / 65535
    desk = Desk(context, made_folder(tmp_path / "study", key, dict.fromkeys(made_images(key), image)))
    desk.begin()
    assert desk.pixel(0, 0.45) == desk.pixel(0, 0.55)
    desk.press(*["c"] * 40)
    left, right = desk.pixel(0, 0.45), desk.pixel(0, 0.55)
    # The narrowest window is 2 % of the range.
    assert right[0] - left[0] == pytest.approx(255 * 40 / 65535 / 0.02, abs=1)


def test_an_image_without_a_palette_is_shown_as_it_is(context, tmp_path):
    key = made_key("rating", cases=1, enhancers=("fattal",), readers=1)
    wide = np.tile(np.linspace(0, 1, 400, dtype=np.float32), (40, 1))
    desk = Desk(context, made_folder(tmp_path / "study", key, dict.fromkeys(made_images(key), wide)))
    desk.begin()
    # It takes the whole width.
    for x in (0.2, 0.5, 0.8):
        assert desk.pixel(0, x)[0] == pytest.approx(255 * x, abs=2)


def test_inverting_brightening_and_resetting(context, tmp_path):
    key = made_key("rating", cases=1, enhancers=("fattal",), readers=1)
    images = {name: np.full((40, 40), 0.25, dtype=np.float32) for name in made_images(key)}
    desk = Desk(context, made_folder(tmp_path / "study", key, images))
    desk.begin()
    assert desk.pixel(0) == [64, 64, 64]
    desk.press("i")
    assert desk.pixel(0) == [191, 191, 191]
    desk.press("i", "b")
    assert desk.pixel(0) == [79, 79, 79]
    assert "window 100 % at 44 %" in desk.text("#view")
    desk.press("r")
    assert desk.pixel(0) == [64, 64, 64]


def test_all_images_of_a_trial_have_one_window_and_zoom_and_the_next_begins_anew(context, tmp_path):
    key = made_key(cases=2)
    image = np.zeros((60, 60), dtype=np.float32)
    image[28:32, 28:32] = 1.0
    desk = Desk(context, made_folder(tmp_path / "study", key, dict.fromkeys(made_images(key), image)))
    desk.begin()
    # Off the small square in the middle, until it is enlarged.
    assert [desk.pixel(k, 0.42) for k in range(4)] == [[0, 0, 0]] * 4
    desk.press(*["+"] * 12)
    assert [desk.pixel(k, 0.48) for k in range(4)] == [[255, 255, 255]] * 4
    desk.press("1", "2", "3", "Enter")
    until(desk.page, READY)
    assert desk.page.locator("#view").is_hidden()
    assert [desk.pixel(k, 0.42) for k in range(4)] == [[0, 0, 0]] * 4


def test_a_drag_sets_the_window_and_the_wheel_the_zoom(context, tmp_path):
    key = made_key(cases=1)
    desk = Desk(context, made_folder(tmp_path / "study", key))
    desk.begin()
    box = desk.page.locator(".panel canvas").nth(1).bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    desk.page.mouse.move(x, y)
    desk.page.mouse.down()
    desk.page.mouse.move(x - 60, y - 30, steps=4)
    desk.page.mouse.up()
    desk.page.mouse.wheel(0, -400)
    desk.pixel(0)
    told = re.fullmatch(r"window (\d+) % at (\d+) % · zoom (\d+\.\d)", desk.text("#view"))
    assert int(told[1]) < 100
    assert int(told[2]) < 50
    assert float(told[3]) > 2
    # Whoever is dragged is the marked one.
    assert "active" in desk.page.locator(".panel").nth(1).get_attribute("class")


def test_one_image_alone_is_changed_in_place(context, tmp_path):
    key = made_key(cases=1)
    desk = Desk(context, made_folder(tmp_path / "study", key))
    desk.begin()
    desk.press("m")
    assert desk.page.locator(".panel:visible").count() == 1
    before = desk.page.locator(".panel:visible .letter").text_content()
    desk.press("ArrowRight")
    assert desk.page.locator(".panel:visible").count() == 1
    assert desk.page.locator(".panel:visible .letter").text_content() != before
    desk.press("Escape")
    assert desk.page.locator(".panel:visible").count() == 4


def test_the_reference_is_named_and_takes_no_rank(context, tmp_path):
    key = made_key(cases=1)
    desk = Desk(context, made_folder(tmp_path / "study", key))
    desk.begin()
    assert [desk.page.locator(".letter").nth(k).text_content() for k in range(4)] == ["Original", "A", "B", "C"]
    desk.press("ArrowLeft", "1")
    assert desk.page.locator(".grade[aria-pressed=true]").count() == 0


def test_what_a_browser_will_not_keep_is_told_of(context, tmp_path):
    key = made_key(cases=1)
    folder = made_folder(tmp_path / "study", key)
    context.add_init_script("Storage.prototype.setItem = () => { throw new Error('full'); };")
    desk = Desk(context, folder)
    desk.begin()
    desk.press("1")
    assert "could not be kept in this browser" in desk.text("#warning")
    assert desk.text("#saved") == "not saved"


def test_a_page_that_lost_an_image_says_so(context, tmp_path):
    key = made_key(cases=1)
    folder = made_folder(tmp_path / "study", key)
    file = folder / "readers" / "reader-1.html"
    text = file.read_text()
    file.write_text(re.sub(rf'<script type="text/plain" id="{key.readers[1][0].images[0]}".*?</script>', "", text))
    desk = Desk(context, folder)
    desk.press("Enter")
    desk.page.wait_for_selector("#warning:not([hidden])")
    assert "an image is missing from this page" in desk.text("#warning")


def test_it_is_usable_on_a_narrow_screen(browser, tmp_path):
    key = made_key(cases=1)
    narrow = browser.new_context(viewport={"width": 420, "height": 800})
    desk = Desk(narrow, made_folder(tmp_path / "study", key))
    desk.begin()
    assert desk.page.evaluate("document.documentElement.scrollWidth") <= 420
    for name in ("#next", "#back", "#export", "#keys"):
        box = desk.page.locator(name).bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 420
    narrow.close()


def test_what_is_seen_has_contrast_enough_and_a_name(context, tmp_path):
    """WCAG 2.1, 1.4.3: 4.5 to 1 for text; every button and picture has a name."""
    key = made_key("rating", cases=1, enhancers=("fattal",), readers=1)
    desk = Desk(context, made_folder(tmp_path / "study", key))
    program = """() => {
      const light = (text) => {
        const linear = (v) => (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
        const [r, g, b] = text.match(/[0-9.]+/g).map((v) => linear(Number(v) / 255));
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
      };
      const ground = (node) => {
        for (; node; node = node.parentElement) {
          const found = getComputedStyle(node).backgroundColor;
          if (!/, 0(\\.\\d+)?\\)$/.test(found)) return found;
        }
        return "rgb(0, 0, 0)";
      };
      const weak = [];
      for (const node of document.querySelectorAll("body *")) {
        const own = [...node.childNodes].some((child) => child.nodeType === 3 && child.textContent.trim());
        if (!own || !node.getClientRects().length || node.closest(":disabled") || node.tagName === "SCRIPT") continue;
        const [a, b] = [light(getComputedStyle(node).color), light(ground(node))].sort((x, y) => y - x);
        if ((a + 0.05) / (b + 0.05) < 4.5) weak.push(node.textContent.trim().slice(0, 30));
      }
      const unnamed = [...document.querySelectorAll("button, canvas[role=img]")].filter(
        (node) => !node.textContent.trim() && !node.getAttribute("aria-label"));
      return [weak, unnamed.length];
    }"""
    assert desk.page.evaluate(program) == [[], 0]
    desk.begin()
    desk.press("3")
    assert desk.page.evaluate(program) == [[], 0]


def test_enhancers_cannot_be_told_from_what_the_page_holds_while_it_is_read(context, tmp_path):
    key = made_key(cases=2)
    desk = Desk(context, made_folder(tmp_path / "study", key))
    desk.begin()
    seen = desk.page.evaluate("() => document.body.innerText + document.title + JSON.stringify({ ...localStorage })")
    assert not [name for name in (*ENHANCERS, "secret") if name in seen]
    assert json.loads(desk.page.evaluate("() => document.getElementById('study').textContent"))["reader"] == 1
