"""Imports: which modules are asked for while a step runs, those among them that were loaded before.

A module that an earlier step loaded is loaded no more, so that what is new says nothing of who uses it. Noted is
therefore every request: by an import statement, ``__import__``, ``importlib.import_module`` and what stands on them.

Not seen is what asks nobody: a look into ``sys.modules``, or at an attribute of a package; code that is read from a
file and run without becoming a module; what a library's own threads ask for from C; what plugins asked for before the
noting began (in the caller's own process).
"""

from __future__ import annotations

import builtins
import importlib.util
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, NamedTuple

from radbench.engine.keep.code import Code, strange_modules
from radbench.engine.keep.modules import distributions_of

_ENGINE = ("radbench.engine.", "radbench.registry.", "radbench.cli.")
_BETWEEN = frozenset({__name__, "radbench.on_demand"})
"""Modules that ask on behalf of whoever called them."""


class _Chain(NamedTuple):
    """Who took part in asking for a module: those whose code called each other, from the start of it to the request.

    Attributes:
        modules: of whatever distribution.
        called: whether the engine called them; else a module that was being imported is the first (whoever imports that
            one has what it asked for), or a thread began there.
    """

    modules: frozenset[str]
    called: bool


class Imports:
    """What was asked for in this process while somebody noted it."""

    def __init__(self) -> None:
        self._chains: dict[str, set[_Chain]] = {}
        self.count = 0

    @contextmanager
    def noted(self) -> Iterator[None]:
        """Note requests until the block ends."""
        # Whoever took the name ``import_module`` before ends in this function of it, too.
        bootstrap: Any = vars(importlib)["_bootstrap"]
        statement, function = builtins.__import__, bootstrap._gcd_import

        def by_statement(name: str, globals: Any = None, locals: Any = None, fromlist: Any = (), level: int = 0) -> Any:
            found = statement(name, globals, locals, fromlist, level)
            full = _absolute(name, level, globals) if level else name
            self._note(full, sys._getframe().f_back)
            for one in fromlist or ():
                below = sys.modules.get(f"{full}.{one}")
                if below is not None and getattr(found, "__dict__", {}).get(one) is below:
                    self._note(f"{full}.{one}", sys._getframe().f_back)
            return found

        def by_function(name: str, package: str | None = None, level: int = 0) -> Any:
            found = function(name, package, level)
            full = importlib.util.resolve_name("." * level + name, package) if level else name
            self._note(full, sys._getframe().f_back)
            return found

        builtins.__import__, bootstrap._gcd_import = by_statement, by_function
        try:
            yield
        finally:
            # A plugin that put its own in this place keeps it.
            if builtins.__import__ is by_statement:
                builtins.__import__ = statement
            if bootstrap._gcd_import is by_function:
                bootstrap._gcd_import = function

    def strange(
        self, new: Iterable[str], codes: Iterable[Code], parts: Iterable[str], plugins: Iterable[str] = ()
    ) -> list[str]:
        """Return the modules that some code uses, as far as can be seen, and that it does not reach.

        Those are modules that are new, and modules that it may have asked for, now or earlier in this process: it may
        where everybody who took part in asking belongs to it. What other distributions bring for themselves (a file
        that they wrote) is their own affair.

        Args:
            new: modules that were loaded while it ran.
            codes: everything that runs.
            parts: modules of its factories, who answer for what nobody was seen asking for.
            plugins: packages of all plugins there are. What one that has no part in it asked for, as its hooks do
                when they are listed, is no affair of this code.
        """
        new, codes, plugins = {*new}, [*codes], {*plugins}
        known: frozenset[str] = frozenset().union(*(code.modules for code in codes))
        tops = {"radbench", *(name.partition(".")[0] for name in known)}
        found = []
        for name in strange_modules([*new, *self._chains], codes):
            if name not in self._chains and name in new:
                self._chains[name] = {_Chain(frozenset({part}), True) for part in parts}
            top = name.partition(".")[0]
            alone = top not in tops and not distributions_of(top)
            chains = [chain for chain in [*self._chains[name]] if not alone or not _is_others(chain, known)]
            if chains and (name in new or any(_takes_part(codes, known, plugins, chain) for chain in chains)):
                found.append(name)
        return found

    def _note(self, module: str, frame: FrameType | None) -> None:
        # No frame: a thread that no Python began (autograd has one for each card) asks from C.
        if module.partition(".")[0] in sys.stdlib_module_names:
            return
        chain = _chain(frame)
        chains = self._chains.setdefault(module, set()) if chain.modules else set()
        if chain.modules and chain not in chains:
            chains.add(chain)
            self.count += 1


def _chain(frame: FrameType | None) -> _Chain:
    found: set[str] = set()
    while frame is not None:
        name = str(frame.f_globals.get("__name__", ""))
        if name.startswith(_ENGINE) and name not in _BETWEEN:
            return _Chain(frozenset(found), True)
        if name not in _BETWEEN:
            found.add(name)
            # Not the body of a text that is executed.
            if frame.f_code.co_name == "<module>" and vars(sys.modules.get(name, sys)) is frame.f_globals:
                break
        frame = frame.f_back
    return _Chain(frozenset(found), False)


def _takes_part(codes: list[Code], known: frozenset[str], plugins: set[str], chain: _Chain) -> bool:
    """Tell whether all who asked belong to some code or are helpers from elsewhere; the engine's own are not, nor are
    plugins that have no part in it."""
    if any(name.partition(".")[0] in plugins for name in chain.modules - known):
        return False
    return (not chain.called or bool(chain.modules & known)) and not strange_modules(chain.modules, codes)


def _is_others(chain: _Chain, known: frozenset[str]) -> bool:
    """Tell whether another distribution asked; the standard library does so for whoever calls it."""
    return not chain.modules & known and any(n.partition(".")[0] not in sys.stdlib_module_names for n in chain.modules)


def _absolute(name: str, level: int, names: Any) -> str:
    package = names.get("__package__") or getattr(names.get("__spec__"), "parent", None)
    if package is None:
        package = names["__name__"] if "__path__" in names else str(names["__name__"]).rpartition(".")[0]
    return importlib.util.resolve_name("." * level + name, package)
