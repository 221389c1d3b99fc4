"""Which code a step runs: found by reading files, the same on every Python, and noticed where it was not foreseen."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from importlib import resources
from pathlib import Path
from types import ModuleType

import pytest

from radbench.contracts import PluginError
from radbench.contracts.remembered import recall
from radbench.engine.keep import readings as readings_module
from radbench.engine.keep.code import Code, code_of, forget_code, strange_modules
from radbench.engine.keep.readings import Readings
from radbench.engine.keep.syntax import scan

ROOT = Path(__file__).parents[3]


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """Return a function that writes modules, by path, into a folder that imports search, and forgets what was read."""
    folder = tmp_path / "tree"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)

    def write(files: dict[str, str | bytes], root: Path = folder) -> Path:
        for name, text in files.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text if isinstance(text, bytes) else text.encode())
        forget_code()
        return folder

    yield write
    forget_code()


def reached(*modules: str, declared: tuple[str, ...] = ()) -> set[str]:
    """Return what is reached of the modules that the tests write."""
    return {name for name in code_of(modules, declared).modules if name.partition(".")[0] != "radbench"}


def changes(write, before: dict[str, str | bytes], after: dict[str, str | bytes], module: str = "own") -> bool:
    write(before)
    first = code_of([module]).digest
    write(after)
    return code_of([module]).digest != first


LAZY = """
from typing import TYPE_CHECKING
def __getattr__(name): ...
if TYPE_CHECKING:
    from pkg.overlap import dice
    from .surface import hausdorff as distance
"""

SOURCE = '''
"""What it is."""
import math

class Filter:
    """A filter."""

    gain = 2

    @staticmethod
    def apply(x, amount=1.5):
        """Do it."""
        return math.exp(x) * amount  # as the paper says
'''


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("  # as the paper says", ""),
        ('"""What it is."""', '"""Something else."""'),
        ('    """A filter."""\n', ""),
        ('"""Do it."""', "'''Do\n        it.'''"),
        ("math.exp(x) * amount", "(math.exp(\n            x) * amount)"),
        ("import math\n", "import math\n\n\n"),
        ("1.5", "1.50"),
    ],
)
def test_what_nobody_runs_changes_nothing(tree, old, new):
    assert old in SOURCE
    assert not changes(tree, {"own.py": SOURCE}, {"own.py": SOURCE.replace(old, new)})


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("gain = 2", "gain = 3"),
        ("gain = 2", "gain = 2.0"),
        ("gain = 2", "gain = '2'"),
        ("amount=1.5", "amount=1.6"),
        ("@staticmethod", "@classmethod"),
        ("class Filter:", "class Filter(dict):"),
        ("* amount", "/ amount"),
        ("math.exp(x)", "math.exp(-x)"),
        ("return math", "yield math"),
    ],
)
def test_what_runs_changes_the_digest(tree, old, new):
    assert old in SOURCE
    assert changes(tree, {"own.py": SOURCE}, {"own.py": SOURCE.replace(old, new)})


def test_a_name_leads_where_the_package_takes_it_from_and_nowhere_else(tree):
    tree({"pkg/__init__.py": LAZY, "pkg/overlap.py": "", "pkg/surface.py": "", "pkg/other.py": ""})
    tree({"own.py": "from pkg import dice", "two.py": "from pkg import distance"})
    assert reached("own") == {"own", "pkg", "pkg.overlap"}
    assert reached("two") == {"two", "pkg", "pkg.surface"}


def test_a_name_is_followed_through_several_packages(tree):
    tree(
        {"outer/__init__.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from pkg import dice as score"}
    )
    tree({"pkg/__init__.py": LAZY, "pkg/overlap.py": "", "pkg/surface.py": "", "own.py": "from outer import score"})
    assert reached("own") == {"own", "outer", "pkg", "pkg.overlap"}


def test_packages_that_name_each_other_in_a_circle_end(tree):
    circle = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from {} import name"
    tree({"a/__init__.py": circle.format("b"), "b/__init__.py": circle.format("a"), "own.py": "from a import name"})
    assert reached("own") == {"own", "a", "b"}


def test_a_name_that_a_package_gives_and_no_block_tells_of_counts_the_package_whole(tree):
    tree({"pkg/__init__.py": LAZY, "pkg/overlap.py": "", "pkg/surface.py": "", "own.py": "from pkg import forgotten"})
    assert reached("own") == {"own", "pkg", "pkg.overlap", "pkg.surface"}


@pytest.mark.parametrize(
    "statement",
    [
        "def f():\n    import helper",
        "try:\n    import helper\nexcept ImportError:\n    helper = None",
        "class A:\n    if sys.platform:\n        from helper import name",
        "if TYPE_CHECKING:\n    pass\nelse:\n    import helper",
        "import os, helper as h",
        "x = importlib.import_module('helper')",
        "code = 'helper'\nif not TYPE_CHECKING:\n    from helper import *",
    ],
)
def test_import_statements_count_wherever_they_stand(tree, statement):
    tree({"own/__init__.py": "", "own/a.py": statement.replace("helper", "own.helper"), "own/helper.py": ""})
    assert "own.helper" in reached("own.a")


@pytest.mark.parametrize("guard", ["TYPE_CHECKING", "typing.TYPE_CHECKING"])
def test_what_is_imported_for_types_alone_does_not_count(tree, guard):
    tree({"own.py": f"if {guard}:\n    import helper\n    from helper import name", "helper.py": ""})
    assert reached("own") == {"own"}


def test_a_missing_module_under_try_is_ignored_and_its_package_counts(tree):
    tree(
        {"own.py": "try:\n    import gone\n    from pkg.gone import x\nexcept ImportError: pass", "pkg/__init__.py": ""}
    )
    assert reached("own") == {"own", "pkg"}


@pytest.mark.parametrize(
    "use",
    [
        "import pkg",
        "import pkg.sub",
        "from pkg import sub",
        "from pkg.sub import *",
        "import pkg.sub.one\npkg.sub.two.f()\npkg.sub.one.f()",
        "import pkg.sub.one\ng(pkg.sub)",
    ],
)
def test_a_package_by_its_bare_name_counts_whole(tree, use):
    tree({"own.py": use, "pkg/__init__.py": "", "pkg/sub/__init__.py": "", "pkg/sub/one.py": "", "pkg/sub/two.py": ""})
    assert reached("own") == {"own", "pkg", "pkg.sub", "pkg.sub.one", "pkg.sub.two"}


def test_a_module_of_a_package_counts_alone_and_a_dotted_use_leads_to_its_name(tree):
    tree({"pkg/__init__.py": LAZY, "pkg/overlap.py": "", "pkg/surface.py": "", "pkg/other.py": ""})
    tree({"own.py": "import pkg.other\npkg.other.f()", "two.py": "import pkg.other\npkg.dice(1)"})
    assert reached("own") == {"own", "pkg", "pkg.other"}
    assert reached("two") == {"two", "pkg", "pkg.other", "pkg.overlap"}


def test_relative_imports_and_circles(tree):
    tree({"own/__init__.py": "", "own/a.py": "from . import b\nfrom .deep.c import f", "own/b.py": "from .a import g"})
    tree({"own/deep/__init__.py": "", "own/deep/c.py": "from ..d import f\nfrom ...... import x", "own/d.py": ""})
    assert reached("own.a") == {"own", "own.a", "own.b", "own.deep", "own.deep.c", "own.d"}


def test_packages_on_the_way_count(tree):
    tree({"own.py": "import space.pkg.one", "space/pkg/__init__.py": "import extra", "space/pkg/one.py": ""})
    tree({"extra.py": "", "space/other.py": ""})
    assert reached("own") == {"own", "space", "space.pkg", "space.pkg.one", "extra"}


def test_data_files_count_by_their_bytes_up_to_the_next_package(tree):
    files = {"own/__init__.py": "", "own/a.py": "", "own/sub/__init__.py": "", "own/sub/b.npz": b"1"}
    assert changes(tree, {**files, "own/data/deep/t.npz": b"1"}, {"own/data/deep/t.npz": b"2"}, "own.a")
    assert changes(tree, {}, {"own/data/new.txt": b""}, "own.a")
    for name in ("sub/b.npz", ".hidden", "__pycache__/x.pyc", "py.typed", "a.pyi", "data/.hidden/t"):
        assert not changes(tree, {}, {f"own/{name}": b"3"}, "own.a"), name


def test_a_library_in_a_package_counts_by_its_bytes(tree):
    suffix = __import__("importlib.machinery", fromlist=[""]).EXTENSION_SUFFIXES[0]
    tree({"own/__init__.py": "", "own/a.py": "from own._fast import f", f"own/_fast{suffix}": b"1"})
    assert "own._fast" in reached("own.a")
    assert changes(tree, {}, {f"own/_fast{suffix}": b"2"}, "own.a")


def test_texts_that_name_modules_lead_there(tree):
    lazy = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from own.far import Far"
    tree(
        {"own/__init__.py": lazy, "own/near.py": "", "own/far.py": "", "own/data.py": "", "own/unused.py": "'own.x.y'"}
    )
    tree({"own/a.py": "AGGREGATION = 'own.near:Near'", "own/b.py": "f('own:Far')"})
    tree({"own/c.py": "resources.files('own.data')", "own/d.py": '"""own.near"""\nx = "see own.near", "own . near"'})
    assert reached("own.a") == {"own", "own.a", "own.near"}
    assert reached("own.b") == {"own", "own.b", "own.far"}
    assert reached("own.c") == {"own", "own.c", "own.data"}
    assert reached("own.d") == {"own", "own.d"}


@pytest.mark.parametrize("use", ["f.__doc__", "__doc__", "inspect.getdoc(f)", "getattr(f, '__doc__')"])
def test_who_reads_docstrings_keeps_them(tree, use):
    files = {"own/__init__.py": "", "own/a.py": f"from own.b import f\nx = {use}", "own/b.py": "def f():\n    'one'"}
    assert changes(tree, files, {"own/b.py": "def f():\n    'two'"}, "own.a")
    assert not changes(tree, {}, {"own/b.py": "def f():\n    'two'  # of them"}, "own.a")


def test_what_is_declared_counts_a_package_whole(tree):
    tree({"own.py": "", "pkg/__init__.py": "", "pkg/one.py": "", "pkg/two.py": "import three", "three.py": ""})
    assert reached("own", declared=("pkg.one",)) == {"own", "pkg", "pkg.one"}
    assert reached("own", declared=("pkg",)) == {"own", "pkg", "pkg.one", "pkg.two", "three"}


def test_errors_are_sentences_that_name_the_module(tree):
    tree(
        {
            "own/__init__.py": "",
            "own/bad.py": "x = 1\ndef f(:",
            "own/null.py": b"x = '\0'",
            "own/a.py": "import own.bad",
        }
    )
    with pytest.raises(
        PluginError, match=r"^module 'own.bad' is no Python that can be read: invalid syntax \(line 2\)$"
    ):
        code_of(["own.a"])
    with pytest.raises(PluginError, match=r"module 'own.null' is no Python"):
        code_of(["own.null"])
    with pytest.raises(PluginError, match=r"module 'own.gone' cannot be found"):
        code_of(["own.gone"])
    with pytest.raises(PluginError, match=r"module 'nowhere' cannot be found"):
        code_of(["own"], ["nowhere"])


def test_nothing_is_imported(tree):
    boom = "raise SystemExit('imported')"
    tree({"own/__init__.py": boom, "own/a.py": f"from own.b import c\n{boom}", "own/b/__init__.py": boom})
    assert reached("own.a") == {"own", "own.a", "own.b"}
    assert not {name for name in sys.modules if name.partition(".")[0] == "own"}


def test_a_plugin_file_is_found_by_the_name_it_was_loaded_under(tree, tmp_path, monkeypatch):
    file = tmp_path / "elsewhere" / "my_plugin.py"
    tree({"my_plugin.py": "x = 1"}, file.parent)
    module = ModuleType("my_plugin")
    module.__file__ = str(file)
    monkeypatch.setitem(sys.modules, "my_plugin", module)
    first = code_of(["my_plugin"])
    assert "my_plugin" in first.modules
    tree({"my_plugin.py": "x = 2"}, file.parent)
    assert code_of(["my_plugin"]).digest != first.digest


# Distributions ---------------------------------------------------------------------------------------------


def install(write, site: Path, name: str, version: str, tops: dict[str, str], editable: Path | None = None) -> None:
    """Put a distribution into a folder as an installer would."""
    shutil.rmtree(next(site.glob(f"{name}-*.dist-info"), site / "none"), ignore_errors=True)
    info = f"{name}-{version}.dist-info"
    files = {f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"}
    if editable is None:
        files |= tops
    else:
        files[f"{info}/direct_url.json"] = json.dumps({"url": editable.as_uri(), "dir_info": {"editable": True}})
    record = "".join(f"{file},,\n" for file in [*files, f"{info}/RECORD"])
    write({**files, f"{info}/RECORD": record}, site)


@pytest.fixture(params=["lib/site-packages", "target"])
def site(tmp_path, monkeypatch, request):
    """Return a folder for distributions: where an environment has them, or where ``pip install --target`` puts them."""
    folder = tmp_path / request.param
    folder.mkdir(parents=True)
    monkeypatch.syspath_prepend(folder)
    return folder


def test_another_distribution_counts_by_name_and_version(tree, site):
    tree({"own.py": "try:\n    from other.sub import f\nexcept ImportError: pass\nimport pluggy, json"})
    missing = code_of(["own"])
    install(tree, site, "Other-Things", "1.0", {"other/__init__.py": "x = 1", "other/sub.py": ""})
    one = code_of(["own"])
    assert missing.distributions == {}
    assert one.distributions == {"Other-Things": "1.0"}
    assert one.modules & {"other", "other.sub"} == set()
    tree({"other/__init__.py": "x = 2"}, site)
    assert code_of(["own"]).digest == one.digest
    install(tree, site, "Other-Things", "1.1", {"other/__init__.py": "x = 1", "other/sub.py": ""})
    assert code_of(["own"]).distributions == {"Other-Things": "1.1"}
    assert len({missing.digest, one.digest, code_of(["own"]).digest}) == 3


def test_a_distributions_other_packages_are_read(tree, site):
    install(
        tree, site, "mine", "1", {"own/__init__.py": "import sibling.a", "sibling/a.py": "x = 1", "sibling/b.py": ""}
    )
    assert reached("own") == {"own", "sibling", "sibling.a"}
    assert code_of(["own"]).distributions == {}
    assert changes(tree, {}, {f"{site}/sibling/a.py": "x = 2"})
    before = code_of(["own"]).digest
    install(tree, site, "mine", "2", {"own/__init__.py": "import sibling.a", "sibling/a.py": "x = 2"})
    assert code_of(["own"]).digest == before, "its own version number says nothing"


def test_an_editable_distribution_is_read_where_it_is_ones_own_and_else_counts_by_version(tree, site, tmp_path):
    folder = tree({"own.py": "import sibling, lone", "sibling.py": "", "lone.py": ""})
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    install(tree, site, "mine", "1", {}, editable=folder)
    assert reached("own") == {"own", "sibling", "lone"}
    (folder / "own.py").rename(elsewhere / "own.py")
    sys.path.insert(0, str(elsewhere))
    try:
        forget_code()
        assert reached("own") == {"own"}
        assert code_of(["own"]).distributions == {"mine": "1"}
    finally:
        sys.path.remove(str(elsewhere))


def test_a_declared_distribution_counts_by_version(tree, site):
    install(tree, site, "other", "1.0", {"other/__init__.py": "import more", "other/a.py": ""})
    tree({"own.py": ""})
    found = code_of(["own"], ["other"])
    assert found.distributions == {"other": "1.0"}
    assert "other" not in found.modules


# The worker's check ----------------------------------------------------------------------------------------


def test_modules_that_no_code_foresaw_are_strange(tree, site, monkeypatch):
    install(tree, site, "mine", "1", {"own/__init__.py": "", "own/a.py": "", "own/b.py": "", "sibling.py": ""})
    install(tree, site, "other", "1", {"other/__init__.py": ""})
    codes = [code_of(["own.a"]), Code("", frozenset({"radbench.metrics"}), {})]
    before = {"own.early"}
    for name in ("own", "own.a", "own.b", "own.early", "sibling", "other", "radbench.metrics", "radbench.unforeseen"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    before |= {name for name in sys.modules if name.partition(".")[0] not in ("own", "sibling", "other")}
    before -= {"radbench.metrics", "radbench.unforeseen"}
    for name in ("own", "sibling", "other"):
        monkeypatch.setattr(sys.modules[name], "__file__", str(site / f"{name}.py"), raising=False)
    assert strange_modules(set(sys.modules) - before, codes) == ["own.b", "radbench.unforeseen", "sibling"]
    assert strange_modules([], codes) == []


# What was read before --------------------------------------------------------------------------------------


def test_files_are_parsed_once_even_by_another_process(tree, monkeypatch, tmp_path):
    tree({"own.py": SOURCE})
    first = code_of(["own"])
    parsed = []
    monkeypatch.setattr(readings_module, "scan", lambda source: parsed.append(source) or scan(source))
    readings_module._readings_at.cache_clear()
    forget_code()
    assert code_of(["own"]) == first
    assert parsed == []
    tree({"own.py": SOURCE + "\n"})
    assert code_of(["own"]) == first
    assert len(parsed) == 1


@pytest.mark.parametrize(
    "harm", [lambda b: b[:-1], lambda b: b.replace(b"1", b"2"), lambda b: b"", lambda b: b"\xff\0"]
)
def test_a_damaged_memory_begins_anew(tree, tmp_path, harm):
    tree({"own.py": SOURCE})
    first = code_of(["own"])
    file = tmp_path / "cache" / "code" / "readings.json"
    kept = file.read_bytes()
    assert harm(kept) != kept
    file.write_bytes(harm(kept))
    readings_module._readings_at.cache_clear()
    forget_code()
    assert code_of(["own"]) == first
    assert json.loads(file.read_bytes().partition(b"\n")[2]).keys() == json.loads(kept.partition(b"\n")[2]).keys()


def test_a_memory_that_cannot_be_kept_is_no_error(tree, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("RADBENCH_CACHE", str(tmp_path / "file"))
    tree({"own.py": SOURCE})
    assert "own" in code_of(["own"]).modules


def test_the_memory_forgets_what_was_not_used_longest(tmp_path, monkeypatch):
    monkeypatch.setattr(readings_module, "_MOST", 3)
    memory = Readings(tmp_path / "readings.json", {})
    for key in "abcad":
        memory.remembered(key, lambda key=key: key.upper())
    memory.keep()
    assert recall(tmp_path / "readings.json", readings_module._way_of_reading()) == {"c": "C", "a": "A", "d": "D"}


def test_a_file_that_changes_within_the_clocks_grain_is_read_again(tmp_path):
    memory, file = Readings(tmp_path / "readings.json", {}), tmp_path / "a.bin"
    for data in (b"1", b"2"):
        file.write_bytes(data)
        os.utime(file, ns=(10**18, 10**18))
        assert memory.content(file) == hashlib.sha256(data).hexdigest()


# The real tree ---------------------------------------------------------------------------------------------


def test_lazy_names_of_the_toolkit_are_followed():
    assert "radbench.metrics.overlap" in code_of(["radbench_lesions.grabcut"]).modules
    quality = code_of(["radbench_quality.quality"]).modules
    assert {"radbench.metrics", "radbench.metrics.natural_scene"} <= quality


def test_an_enhancer_does_not_reach_what_it_has_no_use_for():
    reached = code_of(["radbench_classical.adaptive"])
    assert not {
        name for name in reached.modules if name.startswith(("radbench.xray", "radbench.learn", "radbench.engine"))
    }
    assert "scikit-image" in reached.distributions


def test_a_coefficient_of_a_metric_is_in_the_code_of_what_reaches_it(monkeypatch):
    monkeypatch.setattr(Readings, "content", lambda self, file: hashlib.sha256(file.read_bytes()).hexdigest())
    forget_code()
    before = code_of(["radbench_quality.quality"]), code_of(["radbench_classical.adaptive"])
    table = next(f for f in (resources.files("radbench.metrics") / "data").iterdir() if f.name.endswith(".npz"))
    real = Readings.content
    monkeypatch.setattr(
        Readings, "content", lambda self, file: "0" * 64 if file.name == table.name else real(self, file)
    )
    forget_code()
    after = code_of(["radbench_quality.quality"]), code_of(["radbench_classical.adaptive"])
    forget_code()
    assert before[0].digest != after[0].digest
    assert before[1] == after[1]


@pytest.mark.parametrize("package", ["radbench", "radbench.contracts", "radbench.metrics", "radbench.learn"])
def test_what_a_package_gives_on_demand_is_what_it_tells_type_checkers(package):
    module = __import__(package, fromlist=["_"])
    told = scan(Path(module.__file__).read_bytes()).exports
    assert set(told) == set(module._ROOMS)


PYTHONS = ("3.11", "3.12", "3.13")


def test_every_python_gives_the_same_digests(tmp_path):
    found = {}
    for version in PYTHONS:
        python = shutil.which(f"python{version}")
        # pyenv's commands stand for whichever version is chosen.
        environment = os.environ | {"PYENV_VERSION": version, "RADBENCH_CACHE": str(tmp_path / version)}
        environment.pop("PYTHONPATH", None)
        if python is None or subprocess.run([python, "-c", ""], env=environment, capture_output=True).returncode:
            continue
        script = [python, str(ROOT / "benchmarks" / "code_digests.py"), "--json"]
        found[version] = json.loads(subprocess.run(script, env=environment, check=True, capture_output=True).stdout)
    if len(found) < 2:
        pytest.skip(f"needs two of Python {', '.join(PYTHONS)}: there is {', '.join(found) or 'none'}")
    first, *others = found.values()
    assert len(first["files"]) > 200
    for other in others:
        assert other == first


@pytest.mark.parametrize(
    ("source", "digest"),
    [
        ("f'a' 'b{x}' f'{x!r:>{w}}c' 'd'", "1428bdcfc587cddd"),
        ("f'{x=}' f'{y:}{{'", "70bfc3f41bf9332b"),
        ("x = '\\u1c89\\U0001fae8', u'\\n', -0.1e400, 0xff, 1j, b'\\0', ...", "007180b661f3157f"),
        (
            "class A: pass\nasync def f(a, /, *, b: int = 1, **c): return None\nwith a as b, c: del d",
            "43332383adb868e5",
        ),
    ],
)
def test_what_pythons_parse_differently_has_one_digest_on_all(source, digest):
    assert scan(source.encode()).digest.startswith(digest)


def test_a_sum_of_two_thousand_terms_is_read():
    assert scan(("x = " + "+".join(["1"] * 2000)).encode()).digest
