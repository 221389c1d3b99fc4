"""Fills the tables of ``docs/reference.md`` from the code's own docstrings: ``python docs/make_reference.py``."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

PAGE = Path(__file__).with_name("reference.md")
MARKED = re.compile(r"(<!-- (\w+) ([\w.]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def filled(page: str) -> str:
    """Return a page with what stands between its marks made anew: ``<!-- fields radbench.EnhancerSpec -->``."""
    makers = {"fields": fields_of, "names": names_of, "hooks": hooks_of}
    return MARKED.sub(lambda m: m[1] + makers[m[2]](m[3]) + m[4], page)


def fields_of(path: str) -> str:
    """Return a table of a class's attributes, with their defaults where they have any."""
    found = _object(path)
    shown = inspect.signature(found).parameters
    told = {name: text for base in reversed(found.__mro__) for name, text in _section(base, "Attributes")}
    order = [*(name for name in shown if name in told), *(name for name in told if name not in shown)]
    rows = [(f"`{name}`{_default(shown.get(name))}", told[name]) for name in order]
    return _table(("field", "what it is"), rows)


def names_of(path: str) -> str:
    """Return a table of a package's public names."""
    package = importlib.import_module(path)
    rows = [(f"`{name}{_call(getattr(package, name))}`", _first(package, name)) for name in package.__all__]
    return _table(("name", "what it is"), rows)


def hooks_of(path: str) -> str:
    """Return a table of the hooks that a module specifies."""
    module = importlib.import_module(path)
    rows = []
    for name, hook in vars(module).items():
        if name.startswith("radbench_"):
            told = _sentences(inspect.getdoc(hook) or "")
            told = " ".join([told, *(f"`{arg}`: {text}" for arg, text in _section(hook, "Args"))])
            rows.append((f"`{name}({', '.join(inspect.signature(hook).parameters)})`", told))
    return _table(("hook", "when it is called, and what it returns"), rows)


def _object(path: str) -> Any:
    module, _, name = path.rpartition(".")
    return getattr(importlib.import_module(module), name)


def _default(parameter: inspect.Parameter | None) -> str:
    if parameter is None or parameter.default is parameter.empty:
        return ""
    default = parameter.default
    # A factory's sentinel and a function say nothing that a reader could use.
    return "" if callable(default) or "factory" in repr(default) else f" = `{default!r}`"


def _call(found: Any) -> str:
    if not inspect.isfunction(found):
        return ""
    return f"({', '.join(inspect.signature(found).parameters)})"


def _first(package: Any, name: str) -> str:
    """Return the first paragraph of what is said of a name: its docstring's, or of an alias the text below it."""
    found = getattr(package, name)
    if inspect.isclass(found) or inspect.isfunction(found):
        return _sentences(inspect.getdoc(found) or "")
    for module in (m for m in vars(package).get("_ROOMS", {}).values() if vars(package)["_ROOMS"][name] == m):
        tree = ast.parse(inspect.getsource(importlib.import_module(f"{package.__name__}.{module}")))
        for here, below in zip(tree.body, tree.body[1:], strict=False):
            targets = here.targets if isinstance(here, ast.Assign) else [getattr(here, "target", None)]
            named = any(isinstance(t, ast.Name) and t.id == name for t in targets)
            if named and isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant):
                return _plain(str(below.value.value))
    return ""


def _sentences(text: str) -> str:
    return _plain(re.split(r"\n\s*\n", text.strip())[0])


def _section(found: Any, title: str) -> Iterator[tuple[str, str]]:
    """Yield the entries of a section of a docstring, by name."""
    text = inspect.cleandoc(vars(found).get("__doc__") or "") if inspect.isclass(found) else inspect.getdoc(found) or ""
    match = re.search(rf"^{title}:\n((?:[ ]+.*\n|\n)*)", text + "\n", re.MULTILINE)
    for entry in re.findall(r"^    (\S.*?)(?=^    \S|\Z)", match[1] if match else "", re.MULTILINE | re.DOTALL):
        names, _, told = entry.partition(": ")
        for name in names.split(", "):
            yield name.strip(), _plain(told)


def _plain(text: str) -> str:
    text = re.sub(r":\w+:`~?([^`]+)`", r"`\1`", text).replace("``", "`")
    return " ".join(text.split())


def _table(heads: tuple[str, str], rows: list[tuple[str, str]]) -> str:
    lines = ["| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |\n" for line in (heads, *rows)]
    return "".join([lines[0], "|---|---|\n", *lines[1:]])


if __name__ == "__main__":
    PAGE.write_text(filled(PAGE.read_text()))
