"""The documentation site: its navigation names every page, no link is dead, and nothing is asked of another host."""

import itertools
import re
from pathlib import Path

import pytest
import yaml

DOCS = Path(__file__).resolve().parents[3] / "docs"
ROOT = DOCS.parent
MAKER = "site_hooks"
CONFIG = yaml.safe_load((ROOT / "mkdocs.yml").read_text())
DOCUMENTS = [*sorted(ROOT.glob("*.md")), *sorted(DOCS.rglob("*.md"))]
FENCE = re.compile(r"^```.*?^```[^\n]*$", re.MULTILINE | re.DOTALL)


def pages(navigation):
    for entry in navigation:
        for below in entry.values():
            yield from [below] if isinstance(below, str) else pages(below)


def anchors(document):
    """Return the anchors that a forge gives a document's headings."""
    found = []
    for heading in re.findall(r"^#+ (.*)$", FENCE.sub("", document.read_text()), re.MULTILINE):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower().strip()
        found.append(re.sub(r"[^\w\- ]", "", plain).replace(" ", "-"))
    return [f"{one}-{found[:i].count(one)}" if one in found[:i] else one for i, one in enumerate(found)]


def test_the_navigation_names_every_page_once(maker):
    own = [path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md")]
    assert sorted(pages(CONFIG["nav"])) == sorted([*own, *maker.ROOT_PAGES.values()])
    assert {path.name for path in ROOT.glob("*.md")} == set(maker.ROOT_PAGES)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_link_is_dead(maker, document):
    source = document.relative_to(ROOT).as_posix()
    dead = []
    for found in maker.links(document.read_text()):
        target = found[1]
        if maker.is_local(target):
            path = ROOT / maker.repository_path(source, target)
            anchor = target.partition("#")[2]
            if not path.is_file() or (anchor and anchor not in anchors(path)):
                dead.append(target)
    assert dead == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_picture_lies_here_and_is_described(maker, document):
    text = document.read_text()
    pictures = re.findall(r"!\[([^\]]*)\]\(([^)]*)\)", text)
    assert [where for words, where in pictures if len(words.split()) < 3 or not maker.is_local(where)] == []
    assert "<img" not in FENCE.sub("", text)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_list_begins_after_an_empty_line(document):
    # A forge takes a list that follows a line of words for a list; the site takes it for more words.
    lines = FENCE.sub("", document.read_text()).split("\n")
    item = re.compile(r"(?:[-*]|\d+\.) ")
    pairs = itertools.pairwise(lines)
    begun = [here for above, here in pairs if item.match(here) and above and not item.match(above) and above[0] != " "]
    assert begun == []


def test_the_gallery_has_every_picture():
    shown = re.findall(r"!\[[^\]]*\]\(images/([^)]*)\)", (DOCS / "gallery.md").read_text())
    marks = {"mark.svg"}
    assert sorted(shown) == sorted({path.name for path in (DOCS / "images").iterdir()} - marks)


def test_links_lead_on_the_site_where_they_lead_in_the_repository(maker):
    text = "[a](docs/plugins.md#hooks) [b](ARCHITECTURE.md) [c](LICENSE) [d](#here) [e](https://x.org/README.md) "
    text += "`[f](LICENSE)`"
    assert maker.relinked(text, "README.md") == (
        "[a](plugins.md#hooks) [b](architecture.md) [c](repository/LICENSE) [d](#here) [e](https://x.org/README.md) "
        "`[f](LICENSE)`"
    )
    deep = "[a](../../README.md#install) ![b](../images/lesions.png) [c](../nowhere.md) [d](paper.md)"
    assert maker.relinked(deep, "docs/tutorials/review.md") == (
        "[a](../overview.md#install) ![b](../images/lesions.png) [c](../nowhere.md) [d](paper.md)"
    )


def test_what_a_forge_writes_otherwise_is_turned(maker):
    fence = "```python file=my_plugin.py\nx = 1\n```\n"
    assert maker.in_dialect(fence) == '```python title="my_plugin.py"\nx = 1\n```\n'
    assert maker.in_dialect(r"| `a\|b` | c\|d |") == r"| `a|b` | c\|d |"
    assert maker.in_dialect(r"words `a\|b`") == r"words `a\|b`"


@pytest.mark.parametrize(
    ("page", "asks"),
    [
        ('<script src="https://unpkg.com/shim"></script>', True),
        ("<img alt='' src='//host/a.png'>", True),
        ('<link rel="stylesheet" href="https://fonts.example/css">', True),
        ("a { background: url(http://host/a.png) }", True),
        ('@import "https://host/a.css";', True),
        ('<a href="https://keepachangelog.com">', False),
        ('<link rel="canonical" href="https://docs.example/">', False),
        ('<script src="../assets/a.js"></script><img src="images/a.png">', False),
        ("a { background: url(data:image/svg+xml;base64,AA) }", False),
    ],
)
def test_what_would_be_asked_of_another_host_is_seen(maker, page, asks):
    assert bool(maker.foreign(page)) is asks


def test_the_site_is_built_strictly_and_takes_nothing_from_elsewhere():
    assert CONFIG["strict"] is True
    assert set(CONFIG["validation"].values()) == {"warn"}
    assert CONFIG["theme"]["font"] is False
    # The theme's own plugin for reading offline would take a script from a foreign host.
    assert "offline" not in CONFIG["plugins"]
    assert CONFIG["use_directory_urls"] is False
