"""A module that the key does not stand for is refused, whoever loaded it first and however it was asked for."""

import _thread
import builtins
import importlib
import sys
import sysconfig
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from radbench.engine.keep.code import code_of, forget_code
from radbench.engine.work.imports import Imports

from .session_runs import go_fixture  # noqa: F401

HIDDEN = "importlib.import_module('rooms.' + 'hel' + 'per')"
PLUGIN = """
from radbench import EnhancerSpec, hookimpl
@hookimpl
def radbench_enhancers():
    names = {names}
    return [EnhancerSpec(name=n, factory=f, summary=n) for n, f in names.items()]
"""


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Return a function that writes modules, by path, into a folder that imports search."""
    monkeypatch.syspath_prepend(tmp_path / "tree")
    before = {*sys.modules}

    def files(**texts):
        for name, text in texts.items():
            path = tmp_path / "tree" / f"{name.replace('__', '/')}.py"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        importlib.invalidate_caches()
        forget_code()
        return tmp_path / "tree"

    yield files
    for name in {*sys.modules} - before:
        if str(tmp_path) in str(getattr(sys.modules[name], "__file__", "")) or name == "rooms":
            del sys.modules[name]
    forget_code()


class Engine:
    """Calls functions as the engine does, and holds each call against the code of one module."""

    def __init__(self):
        self.imports, names = Imports(), {"__name__": "radbench.engine.pretended"}
        exec("def call(function):\n    return function()", names)
        self.call = names["call"]

    def strange(self, module, function):
        before = {*sys.modules}
        with self.imports.noted():
            self.call(function)
        return self.imports.strange({*sys.modules} - before, [code_of([module])], [module])


@pytest.fixture
def rooms(write):
    write(
        rooms__aa=f"import importlib\ndef f(): return {HIDDEN}.AMOUNT\n",
        rooms__bb="def f():\n    from rooms.helper import AMOUNT\n    return AMOUNT\n",
        rooms__helper="AMOUNT = 0.5\n",
    )


@pytest.mark.parametrize("order", ["aa", "aa bb", "bb aa", "bb aa bb aa"])
def test_who_loaded_a_module_first_decides_nothing(rooms, order):
    engine = Engine()
    for name in order.split():
        module = importlib.import_module(f"rooms.{name}")
        assert engine.strange(f"rooms.{name}", module.f) == (["rooms.helper"] if name == "aa" else [])


ASKING = {
    "function": "import importlib\ndef f(): return importlib.import_module('rooms.' + 'helper')",
    "name taken": "from importlib import import_module\ndef f(): return import_module('rooms.' + 'helper')",
    "relative": "from importlib import import_module\ndef f(): return import_module('.hel' + 'per', 'rooms')",
    "statement": "def f(): return __import__('rooms.' + 'helper')",
    "from": "def f(): return __import__('rooms', fromlist=['hel' + 'per'])",
    "level": "def f(): return __import__('hel' + 'per', globals(), fromlist=['AMOUNT'], level=1)",
    "standard library": "import pkgutil\ndef f(): return pkgutil.resolve_name('rooms.' + 'helper')",
    "text": "def f(): exec('import rooms.' + 'helper', {})",
    "kept": "import importlib\nM = None\ndef f():\n    global M\n"
    "    M = M or importlib.import_module('rooms.' + 'helper')\n    return M",
    "by path": "import importlib.util as u, os, sys\ndef f():\n    if 'rooms.hel' + 'per' in sys.modules: return\n"
    "    s = u.spec_from_file_location('rooms.hel' + 'per', os.path.dirname(__file__) + '/hel' + 'per.py')\n"
    "    sys.modules[s.name] = u.module_from_spec(s)\n    s.loader.exec_module(sys.modules[s.name])",
}


@pytest.mark.parametrize("how", ASKING)
def test_a_request_is_seen_each_time_however_it_is_made(write, how):
    write(rooms__cc=ASKING[how], rooms__helper="AMOUNT = 1")
    module, engine = importlib.import_module("rooms.cc"), Engine()
    for _ in range(2):
        assert engine.strange("rooms.cc", module.f) == ["rooms.helper"]
    assert engine.strange("rooms.helper", lambda: None) == []


def test_a_request_in_a_thread_is_seen(write):
    write(rooms__cc="", rooms__helper="")
    importlib.import_module("rooms.cc")
    importlib.import_module("rooms.helper")
    with ThreadPoolExecutor(1) as pool:
        ask = pool.submit
        assert Engine().strange("rooms.cc", lambda: ask(importlib.import_module, "rooms.helper").result()) == [
            "rooms.helper"
        ]


def test_what_a_module_asked_for_when_it_was_imported_counts_for_whoever_imports_it(write):
    write(
        rooms__aa="def f():\n    import rooms.middle\n",
        rooms__bb="def f():\n    import rooms.middle\n",
        rooms__middle=f"import importlib\n{HIDDEN}\n",
        rooms__helper="",
        rooms__dd="def f(): return 1",
    )
    engine = Engine()
    for name in ("aa", "bb", "aa"):
        assert engine.strange(f"rooms.{name}", importlib.import_module(f"rooms.{name}").f) == ["rooms.helper"]
    assert engine.strange("rooms.dd", importlib.import_module("rooms.dd").f) == []


def test_a_helper_that_asks_for_several_parts_blames_each_for_its_own(write):
    lazy = "import importlib\ndef load(name): return importlib.import_module('rooms.' + name)"
    use = "from rooms.lazy import load\ndef f(): return load('hel' + 'per{}')"
    write(rooms__lazy=lazy, rooms__aa=use.format(1), rooms__bb=use.format(2), rooms__helper1="", rooms__helper2="")
    engine = Engine()
    for _ in range(2):
        assert engine.strange("rooms.aa", importlib.import_module("rooms.aa").f) == ["rooms.helper1"]
        assert engine.strange("rooms.bb", importlib.import_module("rooms.bb").f) == ["rooms.helper2"]


def test_a_file_that_another_distribution_wrote_for_itself_is_its_own_affair(write, tmp_path, monkeypatch):
    site = tmp_path / "lib" / "site-packages"
    for name, text in {
        "other.py": "import written_by_it\n",
        "other-1.dist-info/METADATA": "Name: other\nVersion: 1",
    }.items():
        (site / name).parent.mkdir(parents=True, exist_ok=True)
        (site / name).write_text(text)
    (site / "other-1.dist-info" / "RECORD").write_text("other.py,,\nother-1.dist-info/METADATA,,\n")
    monkeypatch.syspath_prepend(site)
    write(rooms__cc="def f():\n    import other\n", written_by_it="")
    assert Engine().strange("rooms.cc", importlib.import_module("rooms.cc").f) == []
    write(rooms__dd="import importlib\ndef f(): importlib.import_module('written_' + 'by_it')")
    assert Engine().strange("rooms.dd", importlib.import_module("rooms.dd").f) == ["written_by_it"]


def test_what_the_hooks_of_another_plugin_ask_for_is_no_affair_of_those_that_have_no_part_in_it(
    write, tmp_path, monkeypatch
):
    site = tmp_path / "lib" / "site-packages"
    (site / "elsewhere-1.dist-info").mkdir(parents=True)
    (site / "elsewhere_plugin.py").write_text("import rooms.helper\n")
    (site / "elsewhere-1.dist-info" / "METADATA").write_text("Name: elsewhere\nVersion: 1")
    (site / "elsewhere-1.dist-info" / "RECORD").write_text("elsewhere_plugin.py,,\nelsewhere-1.dist-info/METADATA,,\n")
    monkeypatch.syspath_prepend(site)
    write(rooms__dd="def f(): return 1", rooms__helper="")
    engine, codes = Engine(), [code_of(["rooms.dd"])]
    with engine.imports.noted():
        importlib.import_module("elsewhere_plugin")
    # A library that does so may be a helper of whatever runs; a plugin is told of by its own name.
    assert engine.imports.strange([], codes, ["rooms.dd"]) == ["rooms.helper"]
    assert engine.imports.strange([], codes, ["rooms.dd"], ["elsewhere_plugin"]) == []


def test_the_standard_library_and_its_data_are_nobodys(write):
    name = sysconfig._get_sysconfigdata_name()
    write(rooms__cc=f"import importlib\ndef f(): importlib.import_module('_' + {name[1:]!r})")
    sys.modules.pop(name, None)
    assert Engine().strange("rooms.cc", importlib.import_module("rooms.cc").f) == []


@pytest.mark.parametrize("ask", [lambda: builtins.__import__, lambda: importlib._bootstrap._gcd_import])
def test_a_request_from_a_thread_that_no_python_began_is_answered(write, monkeypatch, ask):
    """Autograd's threads for cards are such: they ask from C, with no caller to look at."""
    write(asked_from_c="")
    errors, before = [], _thread._count()
    monkeypatch.setattr(sys, "unraisablehook", errors.append)
    with Imports().noted():
        _thread.start_new_thread(ask(), ("asked_from_c",))
        while _thread._count() > before or "asked_from_c" not in sys.modules:
            time.sleep(0.01)
    assert errors == []


def test_imports_are_as_they_were_once_nobody_notes_them():
    before = builtins.__import__, importlib._bootstrap._gcd_import
    with Imports().noted():
        assert builtins.__import__ is not before[0]
        with Imports().noted():
            pass
    assert (builtins.__import__, importlib._bootstrap._gcd_import) == before


@pytest.mark.parametrize("order", ["aa", "bb,aa", "aa,bb"])
def test_a_run_refuses_the_part_at_fault_in_any_order(write, go, order):
    write(
        rooms__aa=f"import importlib\ndef f(images): return images * {HIDDEN}.AMOUNT",
        rooms__bb="def f(images):\n    from rooms.helper import AMOUNT\n    return images * AMOUNT",
        rooms__helper="AMOUNT = 0.5",
    )
    tree = write(rooms_plugin=PLUGIN.format(names={"aa": "rooms.aa:f", "bb": "rooms.bb:f"}))
    run = go(order, "toy-mean", plugins=[tree / "rooms_plugin.py"])
    expected = {"aa toy-mean": "error", "bb toy-mean": "ok", "original toy-mean": "ok"}
    assert run.statuses == {name: expected[name] for name in run.statuses}
    assert len(run.statuses) == len(order.split(",")) + 1


def test_a_helper_beside_a_plugin_file_is_refused_unless_it_is_declared(write, go):
    loose = (
        "import importlib\ndef loose(images): return images * importlib.import_module('_'.join(['loose', 'helper'])).A"
    )
    plugin = PLUGIN.format(names={"loose": "loose_plugin:loose"}) + loose
    tree = write(loose_plugin=plugin, loose_helper="A = 0.5")
    assert go("loose", "toy-mean", plugins=[tree / "loose_plugin.py"]).statuses["loose toy-mean"] == "error"
    write(loose_plugin=plugin.replace("summary=n", "summary=n, code=('loose_helper',)"))
    declared = go("loose", "toy-mean", plugins=[tree / "loose_plugin.py"], out="declared")
    assert declared.statuses["loose toy-mean"] == "ok"
    write(loose_helper="A = 0.25")
    del sys.modules["loose_helper"]  # a run has workers of its own
    changed = go("loose", "toy-mean", plugins=[tree / "loose_plugin.py"], out="changed")
    means = [float(run.scores["loose toy-mean"]["test1"][-1]) for run in (declared, changed)]
    assert means == pytest.approx([0.05, 0.025])
