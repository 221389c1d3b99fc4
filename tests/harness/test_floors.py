"""The house stands as it is drawn: floors, doors between rooms, and what is not imported before it is needed."""

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HARNESS = ROOT / "harness" / "radbench"
FLOORS = {
    "contracts": 1,
    "on_demand": 1,
    "version": 1,
    "imaging": 2,
    "metrics": 2,
    "stats": 2,
    "xray": 2,
    "learn": 2,
    "registry": 3,
    "engine": 4,
    "leaderboard": 5,
    "report": 5,
    "verification": 5,
    "reader_study": 5,
    "studies": 5,
    "api": 6,
    "conformance": 6,
    "scaffold": 6,
    "testing": 6,
    "cli": 6,
}
HEAVY = {
    "torch",
    "torchvision",
    "timm",
    "piq",
    "pandas",
    "sklearn",
    "scipy",
    "skimage",
    "cv2",
    "matplotlib",
    "jinja2",
    "nibabel",
}
LIGHT_ROOMS = (
    "contracts",
    "registry",
    "engine",
    "cli",
    "leaderboard",
    "verification",
    "reader_study",
    "report",
    "studies",
)
"""Rooms that listing, planning and help go through; the toolkit, which may import torch, is entered when it is used."""


def rel(path):
    return path.relative_to(ROOT).as_posix()


MODULES = {".".join(p.relative_to(ROOT / "harness").with_suffix("").parts): p for p in sorted(HARNESS.rglob("*.py"))}


def imports(tree, *, at_top):
    """Yield the modules that a file imports, without those for type checkers alone."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module
        elif not (at_top and isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)):
            yield from imports(node, at_top=at_top)


def floor(module):
    parts = module.split(".")
    return FLOORS[parts[1]] if parts[1:] and parts[1] != "__init__" else 6


@pytest.mark.parametrize("module", MODULES)
def test_a_module_imports_from_its_own_floor_and_those_below(module):
    found = {m for m in imports(ast.parse(MODULES[module].read_text()), at_top=False) if m.startswith("radbench.")}
    assert [m for m in sorted(found) if floor(m) > floor(module)] == []


@pytest.mark.parametrize("module", [m for m in MODULES if m.startswith("radbench.engine.") and m.count(".") > 2])
def test_the_engines_rooms_stand_on_those_below(module):
    rooms = ("keep", "plan", "work", "run")
    found = imports(ast.parse(MODULES[module].read_text()), at_top=False)
    below = {m for m in found if m.startswith("radbench.engine.")}
    if module == "radbench.engine.plan.parts":
        # How an object is built counts as code of every step, so it lives among them; a plan builds objects, too.
        below.discard("radbench.engine.work.building")
    assert [m for m in below if rooms.index(m.split(".")[2]) > rooms.index(module.split(".")[2])] == []


@pytest.mark.parametrize(
    "file", sorted([*(ROOT / "plugins").rglob("*.py"), *(ROOT / "datasets").rglob("*.py")]), ids=str
)
def test_a_plugin_stands_on_contracts_and_toolkit_alone(file):
    own = next(p for p in file.relative_to(ROOT).parts if p.startswith("radbench_"))
    for module in imports(ast.parse(file.read_text()), at_top=False):
        top, _, rest = module.partition(".")
        if top == "radbench" and rest:
            assert floor(module) <= 2 or rest == "registry.hookspecs", module
        if top.startswith("radbench_"):
            assert top == own


@pytest.mark.parametrize("module", [m for m in MODULES if m.split(".")[1:2] and m.split(".")[1] in LIGHT_ROOMS])
def test_no_heavy_library_is_imported_before_it_is_used(module):
    found = {m.partition(".")[0] for m in imports(ast.parse(MODULES[module].read_text()), at_top=True)}
    assert found & HEAVY == set()


def test_the_architecture_draws_every_room():
    drawn = (ROOT / "ARCHITECTURE.md").read_text()
    rooms = {p.name for p in HARNESS.iterdir() if (p / "__init__.py").exists()}
    assert {room for room in rooms if f"{room}/" not in drawn} == set()
    assert {f"{name}.py" for name in ("api", "testing") if f"{name}.py" not in drawn} == set()


def lazy_rooms():
    for module, path in MODULES.items():
        if path.name == "__init__.py" and "on_demand(" in path.read_text():
            yield module.removesuffix(".__init__"), path


@pytest.mark.parametrize(("package", "path"), [*lazy_rooms()], ids=lambda value: str(value).rpartition("/")[2])
def test_what_a_package_offers_on_demand_type_checkers_see_too(package, path):
    offered = set(importlib.import_module(package).__all__)
    seen = set()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            seen = {alias.asname or alias.name for one in node.body for alias in one.names}
    assert offered - seen <= {"__version__"}
    assert seen <= offered
    for name in offered:
        assert getattr(importlib.import_module(package), name) is not None


def test_listing_and_help_import_nothing_heavy():
    program = (
        "import sys; from radbench.cli import main\ntry: main()\nexcept SystemExit: pass\nprint(sorted(sys.modules))"
    )
    for words in (["--help"], ["list"], ["run", "--help"]):
        done = subprocess.run([sys.executable, "-c", program, *words], capture_output=True, text=True, check=True)
        loaded = set(ast.literal_eval(done.stdout.strip().splitlines()[-1]))
        assert loaded & HEAVY == set(), words


def test_planning_with_what_does_not_derive_from_a_network_imports_no_torch():
    """Importing torch takes longer than the whole of a run that finds everything there already."""
    program = (
        "import sys; from radbench.registry.registry import load_factory, load_registry\n"
        "registry = load_registry(); loaded = []\n"
        "for kind in ('enhancer', 'task', 'dataset'):\n"
        "    for name in registry.names(kind):\n"
        "        entry = registry.entry(kind, name)\n"
        "        learns = ('radbench_ct_unets', 'radbench_lesions.hnn', 'radbench_sgan',\n"
        "            'radbench_guided.guided', 'radbench_guided.madmad', 'radbench_cad', 'radbench_xraysyn')\n"
        "        if not entry.spec.factory.startswith(learns):\n"
        "            load_factory(entry); loaded.append(name)\n"
        "print([loaded, sorted(sys.modules)])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded, modules = ast.literal_eval(done.stdout.strip().splitlines()[-1])
    assert {"clahe", "wls", "grabcut", "image-quality", "nodule-visibility", "folder", "phantom-cxr"} <= {*loaded}
    assert HEAVY & {*modules} == set()


@pytest.mark.parametrize("module", MODULES)
def test_no_module_grows_too_large_to_read(module):
    assert len(MODULES[module].read_text().splitlines()) <= 430
