"""The page in a browser: sorted, filtered, slid, read by keyboard; narrow, dark and printed; it asks for nothing."""

from __future__ import annotations

import pytest

TABLE = "#set-1-rows"


def column(page, place):
    """Return the texts of the visible cells of a column."""
    return page.eval_on_selector_all(
        f"{TABLE} tbody tr:not([hidden])", "(rows, k) => rows.map(r => r.cells[k].textContent.trim())", place
    )


def heading(page, name):
    return page.locator(f"{TABLE} thead th", has=page.get_by_role("button", name=name, exact=True))


@pytest.fixture
def open_page(opened, page):
    return lambda **options: opened(page, **options)


def test_at_first_the_metric_that_decides_is_shown(open_page):
    page = open_page()
    assert set(column(page, 1)) == {"auroc\u00a0✦"}
    assert set(column(page, 2)) == {"all"}


def test_a_heading_sorts_both_ways_and_says_so(open_page):
    page = open_page()
    value = heading(page, "value")
    assert value.get_attribute("aria-sort") == "none"
    value.get_by_role("button").click()
    rising = [float(v) for v in column(page, 4)]
    assert rising == sorted(rising)
    assert value.get_attribute("aria-sort") == "ascending"
    value.get_by_role("button").click()
    assert [float(v) for v in column(page, 4)] == rising[::-1]
    assert value.get_attribute("aria-sort") == "descending"
    name = heading(page, "enhancer")
    name.get_by_role("button").click()
    assert value.get_attribute("aria-sort") == "none"
    assert name.get_attribute("aria-sort") == "ascending"


def test_what_has_no_number_stays_behind_either_way(open_page):
    page = open_page()
    for _ in range(2):
        heading(page, "Δ").get_by_role("button").click()
        assert column(page, 6)[-1] == ""


def filters(page):
    """The filters of the first table; those of the sets of tables stand before them."""
    return page.locator(".filters").filter(has=page.get_by_label("Words")).first


def test_filters_show_what_is_asked_for_and_count_it(open_page):
    page = open_page()
    box = filters(page)
    n = len(column(page, 0))
    box.get_by_label("Words").fill("wls")
    assert column(page, 0)
    assert all("wls" in name for name in column(page, 0))
    assert page.locator(f"{TABLE}-count").inner_text().startswith(f"{len(column(page, 0))} of ")
    box.get_by_role("button", name="Show all").click()
    assert len(column(page, 0)) > n
    box.get_by_label("Words").fill("no such row")
    assert column(page, 0) == []


def test_controls_can_be_left_out(opened, board, tmp_path):
    from radbench.report.writing import Wanted, report

    file = tmp_path / "report.html"
    file.write_text(report([board / "grabcut.csv"], Wanted(images=False)))
    page = opened(file)
    assert any("control" in name for name in column(page, 0))
    filters(page).get_by_label("Controls").uncheck()
    assert column(page, 0)
    assert not any("control" in name for name in column(page, 0))


def test_all_of_it_works_by_keyboard(open_page):
    page = open_page()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    page.keyboard.press("Enter")
    button = heading(page, "value").get_by_role("button")
    button.focus()
    page.keyboard.press("Enter")
    assert heading(page, "value").get_attribute("aria-sort") == "ascending"
    page.keyboard.press("Space")
    assert heading(page, "value").get_attribute("aria-sort") == "descending"
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"


def test_the_theme_follows_the_system_and_its_reader(open_page):
    paper = "getComputedStyle(document.body).backgroundColor"
    light, dark = open_page(color_scheme="light"), open_page(color_scheme="dark")
    bright = light.evaluate(paper)
    assert bright != dark.evaluate(paper)
    dark.get_by_role("button", name="Light page").click()
    assert dark.evaluate(paper) == bright


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_whatever_is_written_can_be_told_from_what_is_below_it(open_page, scheme):
    """WCAG 2.2, 1.4.3: contrast of 4.5:1, of texts of the page and of its figures."""
    page = open_page(color_scheme=scheme)
    found = page.evaluate(
        """() => {
          const channel = (v) => { v /= 255; return v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; };
          const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
          const parts = (c) => c.match(/[\\d.]+/g).map(Number);
          const below = (e) => {
            for (; e; e = e.parentElement) {
              const c = parts(getComputedStyle(e).backgroundColor);
              if (c.length < 4 || c[3] === 1) return c;
            }
            return [255, 255, 255];
          };
          const bad = [];
          const written = "p, li, th, td, h1, h2, h3, a, small, summary, figcaption, .badge, text";
          for (const e of document.querySelectorAll(written)) {
            if (!e.textContent.trim() || !e.getClientRects().length) continue;
            const style = getComputedStyle(e);
            const [a, b] = [light(parts(e.tagName === "text" ? style.fill : style.color)), light(below(e))];
            const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
            if (ratio < 4.5) bad.push(`${e.tagName} ${e.textContent.trim().slice(0, 30)} ${ratio.toFixed(2)}`);
          }
          return bad;
        }"""
    )
    assert found == []


@pytest.mark.parametrize("width", [320, 768])
def test_a_narrow_screen_scrolls_tables_and_not_the_page(opened, page, pictured, width):
    for file in (page, pictured):
        shown = opened(file, width=width, height=700)
        # A data set may have a name that no telephone is wide enough for.
        shown.evaluate("for (const one of document.querySelectorAll('select')) one.add(new Option('x'.repeat(99)))")
        assert shown.evaluate("document.documentElement.scrollWidth") <= width


def test_the_page_works_without_script(opened, page):
    shown = opened(page, java_script_enabled=False)
    assert shown.locator(".filters").first.is_hidden()
    assert shown.locator(f"{TABLE} tbody tr").first.is_visible()


def test_it_prints_with_all_that_is_folded_away(opened, page, tmp_path):
    shown = opened(page)
    shown.emulate_media(media="print")
    shown.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert shown.locator("details:not([open])").count() == 0
    assert shown.locator(".filters").first.is_hidden()
    assert len(shown.pdf()) > 10_000
    shown.evaluate("dispatchEvent(new Event('afterprint'))")
    assert shown.locator("details:not([open])").count() > 0


def test_the_slider_uncovers_the_original(opened, pictured):
    page = opened(pictured)
    viewer = page.locator(".viewer:not(.unchanged)").first
    viewer.scroll_into_view_if_needed()
    slider, clip = viewer.locator("input[type=range]"), viewer.locator("clipPath rect")
    width = float(viewer.get_attribute("data-width"))
    assert float(clip.get_attribute("width")) == width / 2
    slider.focus()
    page.keyboard.press("ArrowRight")
    assert float(clip.get_attribute("width")) == pytest.approx(width * 0.51, abs=0.1)
    page.keyboard.press("Home")
    assert float(clip.get_attribute("width")) == 0
    box = viewer.locator("svg").first.bounding_box()
    page.mouse.click(box["x"] + 0.75 * box["width"], box["y"] + 20)
    assert float(clip.get_attribute("width")) == pytest.approx(width * 0.75, rel=0.02)
    assert viewer.locator("line.edge").get_attribute("x1") == clip.get_attribute("width")


def test_pictures_are_decoded_and_can_be_seen(opened, pictured):
    page = opened(pictured)
    viewer = page.locator(".viewer").first
    viewer.scroll_into_view_if_needed()
    page.wait_for_timeout(300)
    box = viewer.locator("svg").first.bounding_box()
    shot = page.screenshot(clip=box)
    import io

    import numpy as np
    from PIL import Image

    levels = np.asarray(Image.open(io.BytesIO(shot)).convert("L"), float)
    # A CT slice has a dark surround and a body.
    assert levels.std() > 20


def test_difference_window_part_and_outlines_change_what_is_seen(opened, pictured):
    page = opened(pictured)
    bar, gallery = page.locator(".toolbar").first, page.locator("#set-1-gallery")
    viewer = gallery.locator(".viewer:not(.unchanged)").first
    viewer.scroll_into_view_if_needed()
    assert viewer.locator("use.change").is_hidden()
    bar.get_by_label("View").select_option("change")
    assert viewer.locator("use.change").is_visible()
    bar.get_by_label("View").select_option("compare")
    assert viewer.locator("path.truth").first.is_visible()
    bar.get_by_label("outlines of the truth").uncheck()
    assert viewer.locator("path.truth").first.is_hidden()
    before = viewer.locator("svg").first.get_attribute("viewBox")
    bar.get_by_label("Part").select_option("closer")
    assert viewer.locator("svg").first.get_attribute("viewBox") != before
    bar.get_by_label("Window: width").fill("50")
    slope = page.locator("#set-1-window feFuncR")
    assert float(slope.get_attribute("slope")) == 2.0
    assert float(slope.get_attribute("intercept")) == -0.5
    bar.get_by_role("button", name="Whole window").click()
    assert float(slope.get_attribute("slope")) == 1.0
