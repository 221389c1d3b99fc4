"""The page: one file that says what the rows say, asks for nothing, and lets no text do anything."""

from __future__ import annotations

import base64
import hashlib
import re
import stat
from html.parser import HTMLParser

import pytest

from radbench.contracts import UsageError
from radbench.leaderboard.schema import read_leaderboard
from radbench.report.writing import Wanted, check_place, report, write_page

from .conftest import HOSTILE


class Read(HTMLParser):
    """Collects the tags of a page with their attributes, and checks that ids are there once."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def all(self, *names):
        return [attributes for tag, attributes in self.tags if tag in names]


@pytest.fixture(scope="module")
def text(page):
    return page.read_text()


@pytest.fixture(scope="module")
def read(text):
    return Read(text)


def test_it_stands_alone(text, read):
    """No address leads out of the file but those of words that name one."""
    for tag, attributes in read.tags:
        for name in ("src", "href", "action", "data", "srcset", "poster"):
            address = attributes.get(name)
            assert address is None or address.startswith(("#", "data:")), (tag, name, address)
    assert "@import" not in text
    assert not re.search(r"url\((?!#|['\"]?data:)", text)


def test_its_policy_lets_in_nothing_foreign_and_knows_its_one_script(text, read):
    (policy,) = [a["content"] for a in read.all("meta") if a.get("http-equiv") == "Content-Security-Policy"]
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'"
    assert rules["img-src"] == "data:"
    (script,) = re.findall(r"<script>(.*?)</script>", text, re.S)
    seal = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert rules["script-src"] == f"'sha256-{seal}'"
    assert not any("http" in rule or "*" in rule for rule in rules.values())


def test_hostile_names_are_text(text, read):
    assert HOSTILE not in text
    assert not any("onerror" in attributes for _, attributes in read.tags)
    assert "49" not in re.findall(r"&lt;script&gt;alert\(2\)&lt;/script&gt;(.{0,4})", text)[0]
    assert len(read.all("script")) == 1
    assert not read.all("img")


def test_ids_are_there_once_and_what_refers_finds_them(text, read):
    ids = [a["id"] for _, a in read.tags if a.get("id")]
    assert len(ids) == len({*ids})
    for _, attributes in read.tags:
        address = attributes.get("href") or ""
        if address.startswith("#"):
            assert address[1:] in ids, address
        for name in ("aria-labelledby", "data-table", "data-of", "data-gallery", "data-window"):
            if attributes.get(name):
                assert attributes[name] in ids, (name, attributes[name])
        for found in re.findall(r"url\(#([^)]+)\)", attributes.get("clip-path") or ""):
            assert found in ids, found


def test_every_number_is_the_leaderboards(board, text):
    rows = read_leaderboard(board / "grabcut.csv")
    row = rows[(rows["enhancer"] == "wls") & (rows["group"] == "all") & (rows["metric"] == "dice")].iloc[0]
    (line,) = [
        one
        for one in re.findall(r"<tr><th scope=\"row\">wls</th>.*?</tr>", text)
        if ">dice\u00a0✦<" in one and "<td>all</td>" in one
    ]
    by = [float(b) for b in re.findall(r'data-by="(-?[\d.e-]+)"', line)]
    assert f"{row['value']:.10g}" in {f"{b:.10g}" for b in by}
    for name in ("delta", "ci_low", "delta_ci_low", "p_value", "effect_size", "detectable"):
        assert any(b == pytest.approx(row[name], rel=1e-9) for b in by), name
    assert ">40</td>" in line
    assert ">20</td>" in line


def test_controls_are_marked_wherever_they_stand(read, text):
    assert text.count('<tr class="control"') >= 2 * 3
    lines = re.findall(r"<tr([^>]*)><th scope=\"row\"[^>]*>(blur|null\[of=wls\]|wls|he)(?=[ <])", text)
    assert {name for attributes, name in lines if "control" in attributes} == {"blur", "null[of=wls]"}
    assert {name for attributes, name in lines if "control" not in attributes} == {"wls", "he"}


def test_tables_and_figures_can_be_read_aloud(read):
    assert all(a.get("scope") in ("col", "row") for a in read.all("th"))
    figures = [a for a in read.all("svg") if a.get("role") == "img"]
    assert figures
    assert all(a.get("aria-label") or a.get("aria-labelledby") for a in figures)
    assert all(a.get("aria-hidden") == "true" for a in read.all("svg") if a.get("role") != "img")
    assert all(a.get("aria-label") for a in read.all("div") if a.get("role") in ("region", "group"))
    (html,) = read.all("html")
    assert html["lang"] == "en"


def test_it_cites_what_was_used_with_licences(text):
    assert "@software{radbench," in text
    assert "farbman2008edge" in text
    assert "licence: CC BY 4.0" in text
    assert "doe2020collection" in text


def test_reliability_is_drawn_where_there_are_probabilities(text):
    assert "Reliability of the probabilities of mass" in text
    assert text.count("lies on the diagonal") >= 1


def test_the_same_rows_give_the_same_bytes(board, text):
    assert report([board], Wanted()) == text


def test_figures_are_written_as_svg_and_pdf_the_same_each_time(board, tmp_path):
    for name in ("a", "b"):
        report([board / "grabcut.csv"], Wanted(figures=tmp_path / name, images=False))
    files = sorted(file.name for file in (tmp_path / "a").iterdir())
    assert "1-grabcut-lesions-dice-cases.svg" in files
    assert "1-grabcut-lesions-dice-ranks.pdf" in files
    assert {file.rpartition(".")[0] for file in files if file.endswith("svg")} == {
        file.rpartition(".")[0] for file in files if file.endswith("pdf")
    }
    for file in files:
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()
    assert (tmp_path / "a" / "1-grabcut-lesions-dice-cases.pdf").read_bytes().startswith(b"%PDF-")
    assert b"<script" not in (tmp_path / "a" / "1-grabcut-lesions-dice-cases.svg").read_bytes()


def test_another_reference_is_taken(board):
    text = report([board / "grabcut.csv"], Wanted(reference="he", images=False))
    assert "Differences (Δ) are taken to he" in text
    with pytest.raises(UsageError, match="unknown enhancer 'hee'"):
        report([board], Wanted(reference="hee"))


def test_a_page_is_for_its_user_alone_and_replaces_a_report_and_nothing_else(tmp_path, text):
    file = tmp_path / "report.html"
    write_page(text, file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    write_page(text, file)
    other = tmp_path / "thesis.html"
    other.write_text("<html>mine</html>")
    with pytest.raises(UsageError, match="is no report of radbench"):
        write_page(text, other)
    assert other.read_text() == "<html>mine</html>"


def test_where_nothing_can_be_written_is_said_before_a_page_is_made(tmp_path):
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(UsageError, match=r"cannot write '.*report\.html'"):
        check_place(tmp_path / "file" / "report.html")
    check_place(tmp_path / "new" / "report.html")
    assert [p.name for p in tmp_path.iterdir() if p.is_dir()] == ["new"]
    assert not list((tmp_path / "new").iterdir())


def test_a_runs_page_shows_its_cases_with_their_truth(pictured):
    text = pictured.read_text()
    read = Read(text)
    pictures = read.all("image")
    assert len(pictures) >= 3 + 2 * 2
    assert all(a["href"].startswith("data:image/webp;base64,") for a in pictures)
    assert text.count('class="truth"') >= 9
    for place in ("worst", "median", "best"):
        assert f"<strong>{place}</strong>" in text
    # The run knows its settings, and where the values come from.
    assert "Settings of gamma." in text
    assert "of=gamma" in text


def test_a_runs_page_names_no_case_and_no_path(run_folder, pictured):
    run, cache = run_folder
    text = pictured.read_text()
    rows = (next((run / "cases").glob("*original*.csv"))).read_text().splitlines()
    ids = [line.split(",")[0] for line in rows[1:]]
    assert ids
    assert not any(re.search(rf"\b{re.escape(case)}\b", text) for case in ids)
    assert str(run) not in text
    assert str(cache) not in text


def test_images_that_are_kept_no_more_are_made_again(run_folder, pictured, monkeypatch, tmp_path):
    import shutil

    run, cache = run_folder
    shutil.copytree(cache, tmp_path / "cache", dirs_exist_ok=True)
    shutil.rmtree(tmp_path / "cache" / "enhancements")
    monkeypatch.setenv("RADBENCH_CACHE", str(tmp_path / "cache"))
    assert report([run], Wanted()) == pictured.read_text()


def test_images_can_be_left_out(run_folder, monkeypatch):
    run, cache = run_folder
    monkeypatch.setenv("RADBENCH_CACHE", str(cache))
    text = report([run], Wanted(images=False))
    assert "<image" not in text
    assert "Pictures were left out" in text
