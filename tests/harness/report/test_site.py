"""The site: a page that finds leaderboards, one for each task and data set; what is not its own is left alone."""

from __future__ import annotations

import json
import re

import pytest

from radbench.contracts import UsageError
from radbench.leaderboard.schema import read_leaderboard
from radbench.report.site import site
from radbench.report.writing import Wanted, report, write_page

from .made_boards import pair, published
from .test_report_page import Read


@pytest.fixture(scope="module")
def made(board, page, tmp_path_factory):
    """Return the folder of a site, with a link to a report."""
    out = tmp_path_factory.mktemp("site")
    site(board, out, [page])
    return out


def test_each_task_and_data_set_has_a_page_and_the_first_leads_to_all(made):
    read = Read((made / "index.html").read_text())
    pages = {a["href"] for a in read.all("a") if a.get("href", "").endswith(".html") and "/" not in a["href"]}
    assert {name.partition("--")[0] for name in pages} == {"grabcut", "cad"}
    assert all((made / name).is_file() for name in pages)
    for name in pages:
        assert 'href="index.html"' in (made / name).read_text()


def test_every_address_leads_to_a_file_of_the_site(made):
    for file in made.rglob("*.html"):
        for tag, attributes in Read(file.read_text()).tags:
            for name in ("src", "href"):
                address = attributes.get(name)
                if address and not address.startswith(("#", "data:")):
                    assert tag == "a", (tag, address)
                    assert re.fullmatch(r"[\w./-]+", address), address
                    assert (file.parent / address).is_file(), address


def test_the_first_page_says_who_is_better_and_leaves_controls_out(made):
    text = (made / "index.html").read_text()
    (line,) = re.findall(r"<tr><th[^>]*><a[^>]*>grabcut</a>.*?</tr>", text)
    cells = re.findall(r"<td[^>]*>(.*?)</td>", line)
    assert cells[1] == "wls"
    assert "he" in cells[2].split(", ")
    assert cells[3] == "gamma"
    assert "blur" not in line
    assert "null[" not in line


def test_leaderboards_and_their_scores_are_given_as_they_are(made, board):
    for name in ("grabcut.csv", "grabcut.cases.csv", "cad.csv"):
        assert (made / "data" / name).read_bytes() == (board / name).read_bytes()
    assert len(read_leaderboard(made / "data" / "grabcut.csv"))


def test_a_report_is_linked_where_its_sets_are(made, page):
    assert (made / "reports" / page.name).read_bytes() == page.read_bytes()
    for file in made.glob("*--*.html"):
        assert f'href="reports/{page.name}"' in file.read_text()


def test_a_report_on_other_sets_is_linked_nowhere(board, tmp_path):
    other = published(tmp_path / "other", pair("original", dataset="others"), pair("he", 0.1, dataset="others"))
    write_page(report([other], Wanted()), tmp_path / "other.html")
    site(board, tmp_path / "site", [tmp_path / "other.html"])
    assert (tmp_path / "site" / "reports" / "other.html").is_file()
    assert "reports/" not in "".join(file.read_text() for file in (tmp_path / "site").glob("*.html"))


def test_sets_that_do_not_compare_are_filtered_apart(board, tmp_path):
    told = {"given": "recist", "task_digest": "ab" * 8}
    folder = published(tmp_path / "a", pair("original"), pair("wls", 0.05))
    rows = published(tmp_path / "b", pair("original", **told), pair("wls", 0.05, **told))
    (rows / "grabcut.csv").rename(folder / "grabcut-told.csv")
    (rows / "grabcut.cases.csv").rename(folder / "grabcut-told.cases.csv")
    site(folder, tmp_path / "site")
    (file,) = (tmp_path / "site").glob("grabcut--*.html")
    text = file.read_text()
    assert text.count('class="chapter set"') == 2
    assert 'data-fact="given"' in text
    assert 'data-fact="dataset"' not in text


def test_another_site_takes_its_place_and_nothing_else_goes(board, tmp_path):
    out = tmp_path / "site"
    first = site(board, out)
    (out / "CNAME").write_text("example.org")
    only = published(tmp_path / "only", pair("original"), pair("wls", 0.05))
    second = site(only, out)
    gone = {*first} - {*second}
    assert any(name.startswith("cad--") for name in gone)
    assert not any((out / name).exists() for name in gone)
    assert all((out / name).is_file() for name in second)
    assert (out / "CNAME").read_text() == "example.org"
    assert json.loads((out / ".radbench-site.json").read_text()) == sorted(second)


def test_a_folder_that_holds_something_else_is_left_alone(board, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "index.html").write_text("mine")
    with pytest.raises(UsageError, match="no site of radbench"):
        site(board, tmp_path / "mine")
    assert (tmp_path / "mine" / "index.html").read_text() == "mine"


def test_a_list_of_files_that_leads_out_of_the_site_deletes_nothing(board, tmp_path):
    out, victim = tmp_path / "site", tmp_path / "victim.txt"
    victim.write_text("mine")
    site(board, out)
    (out / ".radbench-site.json").write_text(json.dumps(["../victim.txt", "/etc/hosts", "data/../../victim.txt", ".."]))
    site(board, out)
    assert victim.read_text() == "mine"


def test_what_is_no_report_is_refused(board, tmp_path):
    (tmp_path / "x.html").write_text("<html></html>")
    with pytest.raises(UsageError, match="is no report of 'bench report'"):
        site(board, tmp_path / "site", [tmp_path / "x.html"])
    assert not (tmp_path / "site").exists()


def test_the_same_leaderboards_give_the_same_bytes(made, board, page, tmp_path):
    site(board, tmp_path / "again", [page])
    for file in made.rglob("*.*"):
        assert (tmp_path / "again" / file.relative_to(made)).read_bytes() == file.read_bytes()


def test_the_first_page_is_filtered_and_sorted_in_a_browser(opened, made):
    page = opened(made / "index.html")
    rows = page.locator("#sets tbody tr:not([hidden])")
    assert rows.count() == 2
    page.get_by_label("Words").fill("films")
    assert rows.count() == 1
    page.get_by_role("button", name="Show all").click()
    page.get_by_role("button", name="cases", exact=True).click()
    assert page.locator("#sets tbody tr").first.locator("td.num").first.inner_text() == "40"
    page.get_by_role("link", name="grabcut", exact=True).click()
    assert page.locator("h1").inner_text() == "grabcut on lesions"
    page.get_by_role("link", name="All leaderboards").click()
    assert page.locator("h1").inner_text() == "Leaderboards"


@pytest.mark.parametrize("width", [320, 1024])
def test_the_first_page_is_no_wider_than_its_screen(opened, made, width):
    page = opened(made / "index.html", width=width)
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_the_table_of_all_leaderboards_fits_a_usual_screen_whatever_its_labels(opened, made):
    page = opened(made / "index.html", width=1200)
    page.evaluate("for (const one of document.querySelectorAll('#sets td:not(.num)')) one.append('x'.repeat(99))")
    assert page.evaluate("(e => e.scrollWidth <= e.clientWidth)(document.querySelector('.scroll'))")
    # Words of the headings stay whole.
    assert page.evaluate("[...document.querySelectorAll('#sets thead th')].every(e => e.scrollWidth <= e.clientWidth)")
