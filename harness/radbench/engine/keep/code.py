"""Code: which files a step runs, found by reading them, and the digest that its key holds of them.

The code of a part is every file reached from the module of its factory and from the engine's module that does the step:

- by import statements anywhere in a file, under ``try`` and in functions, too; packages' ``__init__`` on the way count;
- a name taken from a package leads where that package's ``if TYPE_CHECKING`` block says (lazy re-exports), or to the
  module of that name; a package imported by its bare name counts whole;
- a text that is the name of one of these modules, or "module:attribute", leads there.

Files of radbench and of the plugin's distribution, and those of no distribution at all, count by their syntax; other
files that lie in a reached package, by their bytes; any other distribution by name and version, an editable one, too:
what is edited in it changes no key. Nothing is imported to find out.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from radbench.contracts.errors import PluginError
from radbench.engine.keep.modules import (
    data_of,
    distributions_of,
    forget_modules,
    lies_alone,
    modules_below,
    place_of,
)
from radbench.engine.keep.readings import readings
from radbench.engine.keep.syntax import Scan

_NO_NUMBERS = frozenset({"pluggy", "pydantic", "pydantic-core", "rich", "typer", "platformdirs", "filelock", "psutil"})
"""Distributions that no pixel and no score passes through."""

_DEEPEST = 16
"""Packages that a name is followed through; more is a circle."""


@dataclass(frozen=True)
class Code:
    """The code that something runs.

    Attributes:
        digest: SHA-256 over all of it.
        modules: names of the modules that were read.
        distributions: other distributions that are reached, with their versions.
    """

    digest: str
    modules: frozenset[str]
    distributions: Mapping[str, str]


def code_of(modules: Iterable[str], declared: Iterable[str] = ()) -> Code:
    """Return the code reached from some modules.

    Args:
        modules: dotted names. The distributions that bring them are those whose files are read.
        declared: what runs, too, and no import statement leads to: modules, packages (which count whole), or modules of
            another distribution (which count by its version).

    Raises:
        PluginError: one of the modules cannot be found, or one of the files cannot be read as Python.
    """
    return _code_of(tuple(modules), tuple(declared))


@cache
def _code_of(modules: tuple[str, ...], declared: tuple[str, ...]) -> Code:
    graph = _graph(frozenset({"radbench", *(_top(name) for name in modules)}))
    start = _Reach()
    for name in modules:
        graph.start(name, start)
    for name in declared:
        graph.start(name, start)
        if name in start.modules:
            graph.whole(name, start)
    return graph.code(start)


def forget_code() -> None:
    """Have files looked for and read anew: in a session that goes on (a notebook) they may have been edited since."""
    _code_of.cache_clear()
    _graph.cache_clear()
    forget_modules()


def strange_modules(names: Iterable[str], codes: Iterable[Code]) -> list[str]:
    """Return those of some loaded modules that ought to be of some code and are of none.

    Those are modules of radbench, of the distributions that any of the codes has modules of, and of no distribution.

    Args:
        names: of the modules.
        codes: of everything that ran.
    """
    known: frozenset[str] = frozenset().union(*(code.modules for code in codes))
    unknown = {name for name in names if name not in known and name in sys.modules}
    if not unknown:
        return []
    tops = {"radbench", *(_top(name) for name in known)}
    owners = {owner for top in tops for owner in distributions_of(top)}
    ours = {
        top
        for top in {_top(name) for name in unknown}
        if top in tops or owners & distributions_of(top).keys() or lies_alone(top)
    }
    return sorted(name for name in unknown if _top(name) in ours)


@dataclass(frozen=True)
class _Reach:
    """Modules and other distributions that something leads to; filled while it is found out."""

    modules: set[str] = field(default_factory=set)
    distributions: dict[str, str] = field(default_factory=dict)


@cache
def _graph(tops: frozenset[str]) -> _Graph:
    return _Graph(tops)


class _Graph:
    """Where each module leads, as seen from some top-level modules: with their distributions' files open to read."""

    def __init__(self, tops: frozenset[str]) -> None:
        self._tops = tops
        self._readings = readings()
        self._owners = {owner for top in tops for owner in distributions_of(top)}
        self._owned: dict[str, bool] = {}
        self._scans: dict[str, Scan | None] = {}
        self._leads: dict[str, _Reach] = {}
        self._data: dict[str, list[tuple[str, str, str]]] = {}

    # The closure -------------------------------------------------------------------------------------------

    def start(self, name: str, reach: _Reach) -> None:
        """Begin with a module.

        Raises:
            PluginError: there is none of that name.
        """
        if place_of(name) is None and _top(name) not in sys.stdlib_module_names:
            raise PluginError(f"module '{name}' cannot be found, so that nobody can tell which code it runs")
        self._module(name, reach)

    def code(self, start: _Reach) -> Code:
        """Return everything that a start leads to."""
        found, todo = _Reach(), [*start.modules]
        found.distributions.update(start.distributions)
        while todo:
            name = todo.pop()
            if name in found.modules:
                continue
            found.modules.add(name)
            if name not in self._leads:
                self._leads[name] = self._led(name)
            found.distributions.update(self._leads[name].distributions)
            todo += self._leads[name].modules - found.modules
        documented = {_top(name) for name in found.modules if (scan := self._scan(name)) and scan.reads_docs}
        facts = [fact for name in found.modules for fact in self._facts(name, _top(name) in documented)]
        facts += [("distribution", *one) for one in found.distributions.items()]
        self._readings.keep()
        h = hashlib.sha256()
        for fact in sorted(facts):
            h.update("\0".join(fact).encode("utf-8", "surrogateescape") + b"\n")
        return Code(h.hexdigest(), frozenset(found.modules), dict(sorted(found.distributions.items())))

    def _facts(self, name: str, documented: bool) -> list[tuple[str, str, str]]:
        scan, place = self._scan(name), place_of(name)
        if name not in self._data:
            files = [(f"{name}/{file}", path) for file, path in data_of(name)]
            if place is not None and place.file is not None and place.source is None:
                files.append((name, place.file))
            self._data[name] = [("data", file, self._content(file, path)) for file, path in files]
        syntax = "" if scan is None else scan.documented if documented else scan.digest
        return [("module", name, syntax), *self._data[name]]

    def _scan(self, name: str) -> Scan | None:
        """Return what a module's file says, None where it has none or holds no Python."""
        if name not in self._scans:
            place = place_of(name)
            file = place.source if place is not None else None
            try:
                self._scans[name] = self._readings.scan(file) if file is not None else None
            except OSError as e:
                raise PluginError(f"module '{name}' cannot be read: {e.strerror or e}") from e
            except SyntaxError as e:
                raise PluginError(f"module '{name}' is no Python that can be read: {e.msg} (line {e.lineno})") from e
            except (ValueError, RecursionError, MemoryError) as e:
                raise PluginError(f"module '{name}' is no Python that can be read: {e or type(e).__name__}") from e
        return self._scans[name]

    def _content(self, name: str, path: Path) -> str:
        try:
            return self._readings.content(path)
        except OSError as e:
            raise PluginError(f"data file '{name}' cannot be read: {e.strerror or e}") from e

    # From one module to others -----------------------------------------------------------------------------

    def _led(self, name: str) -> _Reach:
        reach, scan = _Reach(), self._scan(name)
        if above := name.rpartition(".")[0]:
            reach.modules.add(above)
        if scan is None:
            return reach
        package = name if _is_package(name) else above
        for level, module, names in scan.imports:
            self._imported(_absolute(package, level, module), names, reach)
        for chain in scan.chains:
            self._used(chain, reach)
        for text in scan.texts:
            module, _, attribute = text.partition(":")
            # Other words look like modules, too; only the distributions' own names are worth the search.
            if self._is_of_owners(_top(module)) and self._module(module, reach) and attribute:
                self._taken(module, attribute.partition(".")[0], reach)
        return reach

    def _imported(self, module: str, names: tuple[str, ...], reach: _Reach) -> None:
        """Follow ``import module``, or ``from module import names``."""
        if not self._module(module, reach):
            return
        if not names and _is_package(module):
            self.whole(module, reach)
        for name in names:
            self._taken(module, name, reach)

    def _taken(self, module: str, name: str, reach: _Reach, depth: int = 0) -> None:
        """Follow a name that is taken from a module."""
        scan, below = self._scan(module), f"{module}.{name}"
        if scan is not None and name in scan.exports and depth < _DEEPEST:
            level, target, original = scan.exports[name]
            target = _absolute(module if _is_package(module) else module.rpartition(".")[0], level, target)
            if self._module(target, reach):
                self._taken(target, original, reach, depth + 1)
        elif not _is_package(module):
            return
        elif self._module(below, reach):
            # What is taken from a package in turn is an attribute, which no statement names.
            if _is_package(below):
                self.whole(below, reach)
        elif name == "*" or (scan is not None and scan.answers and not name.startswith("__")):
            # It is found when it is asked for, and nothing says where.
            self.whole(module, reach)

    def _used(self, chain: str, reach: _Reach) -> None:
        """Follow a dotted use of a package, as in ``a.b.function`` after ``import a.c``."""
        module, *rest = chain.split(".")
        for name in rest:
            if not self._is_own(_top(module)) or not _is_package(module):
                return
            scan = self._scan(module)
            if (scan is not None and name in scan.exports) or place_of(f"{module}.{name}") is None:
                self._taken(module, name, reach)
                return
            module = f"{module}.{name}"
            self._module(module, reach)
        if self._is_own(_top(module)) and _is_package(module):
            self.whole(module, reach)

    def _module(self, name: str, reach: _Reach) -> bool:
        """Take in a module; tell whether it is one to be read.

        Of one that is not there, the packages above it count: that much an import statement under ``try`` runs.
        """
        top = _top(name)
        if not self._is_own(top):
            if top and top not in sys.stdlib_module_names:
                found = distributions_of(top).items()
                reach.distributions.update((k, v) for k, v in found if k.lower().replace("_", "-") not in _NO_NUMBERS)
            return False
        there = name
        while there and place_of(there) is None:
            there = there.rpartition(".")[0]
        if there:
            reach.modules.add(there)
        return there == name

    def whole(self, name: str, reach: _Reach) -> None:
        """Take in everything below a package."""
        reach.modules.update(modules_below(name))

    def _is_own(self, top: str) -> bool:
        """Tell whether a top-level module is one to be read: of the same distributions, or of none."""
        if top not in self._owned:
            elsewhere = not top or top in sys.stdlib_module_names or place_of(top) is None
            self._owned[top] = not elsewhere and (self._is_of_owners(top) or not distributions_of(top))
        return self._owned[top]

    def _is_of_owners(self, top: str) -> bool:
        return top in self._tops or bool(self._owners & distributions_of(top).keys())


def _absolute(package: str, level: int, module: str) -> str:
    """Return the name that a relative import means, "" where it leads out of its package."""
    if not level:
        return module
    parts = package.split(".")
    above = parts[: len(parts) - (level - 1)] if package else []
    return ".".join([*above, module] if module else above) if above else ""


def _is_package(name: str) -> bool:
    place = place_of(name)
    return place is not None and bool(place.folders)


def _top(name: str) -> str:
    return name.partition(".")[0]
