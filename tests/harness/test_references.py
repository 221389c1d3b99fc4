"""Whatever the documents and docstrings point to is there: files, headings, and names in the code."""

import ast
import importlib
import importlib.util
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md"))]
MODULES = {
    ".".join(path.relative_to(ROOT / root).with_suffix("").parts).removesuffix(".__init__"): path
    for root in ("harness", "plugins", "datasets")
    for path in sorted((ROOT / root).rglob("*.py"))
}
LINK = re.compile(r"!?\[[^\]]*\]\(([^()\s]+)\)")
ROLE = re.compile(r":(?:func|class|meth|attr|data|mod|exc):`~?([\w.]+)`")


def prose(page):
    """Return a page without its code, in which brackets mean something else."""
    return re.sub(r"`[^`\n]*`", "", re.sub(r"^```.*?^```", "", page.read_text(), flags=re.M | re.S))


def anchors(page):
    titles = re.findall(r"^#+ (.+)$", re.sub(r"^```.*?^```", "", page.read_text(), flags=re.M | re.S), re.M)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_of_the_documents_lead_somewhere(page):
    for target in LINK.findall(prose(page)):
        if re.match(r"[a-z]+:", target):
            continue
        file, _, anchor = target.partition("#")
        there = (page.parent / file) if file else page
        assert there.exists(), target
        assert not anchor or anchor in anchors(there), target


def test_every_document_can_be_reached_from_the_readme():
    seen, waiting = set(), [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page in seen:
            continue
        seen.add(page)
        found = LINK.findall(prose(page)) if page.suffix == ".md" else []
        waiting += [(page.parent / t.partition("#")[0]).resolve() for t in found if not re.match(r"[a-z]+:|#", t)]
    assert {page for page in PAGES if page.name != "CHANGELOG.md"} <= seen


def docstrings(tree):
    """Yield (text, the classes that it stands in), strings beneath an attribute among them."""

    def walk(node, classes):
        for child in ast.iter_child_nodes(node):
            if (
                isinstance(child, ast.Expr)
                and isinstance(child.value, ast.Constant)
                and isinstance(child.value.value, str)
            ):
                yield child.value.value, classes
            yield from walk(child, [*classes, child.name] if isinstance(child, ast.ClassDef) else classes)

    yield from walk(tree, [])


def found(module, name, classes):
    """Tell whether a name that a docstring of a module points to exists."""
    starts = [importlib.import_module(module)]
    for one in classes:
        starts.append(getattr(starts[-1], one))
    for start in reversed(starts):
        try:
            for word in name.split("."):
                start = (
                    start.__dataclass_fields__[word]
                    if word in getattr(start, "__dataclass_fields__", ())
                    else getattr(start, word)
                )
        except AttributeError:
            continue
        return True
    parts = name.split(".")
    for n in range(len(parts), 0, -1):
        try:
            start = importlib.import_module(".".join(parts[:n]))
        except ImportError:
            continue
        return n == len(parts) or found(".".join(parts[:n]), ".".join(parts[n:]), [])
    return False


@pytest.mark.parametrize("module", MODULES)
def test_names_in_docstrings_exist(module):
    for text, classes in docstrings(ast.parse(MODULES[module].read_text())):
        for name in ROLE.findall(text):
            assert found(module, name, classes), name


@pytest.mark.parametrize(
    "script", [*sorted((ROOT / "docs").glob("*.py")), *sorted((ROOT / "benchmarks").glob("*.py"))], ids=lambda p: p.name
)
def test_scripts_import_what_is_there(script):
    """Nobody runs them but by hand, so that nothing else would notice a name that has moved."""
    for node in ast.walk(ast.parse(script.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0].startswith("radbench"):
            module = importlib.import_module(node.module)
            for alias in node.names:
                below = hasattr(module, "__path__") and importlib.util.find_spec(f"{node.module}.{alias.name}")
                assert hasattr(module, alias.name) or below, alias.name
