"""Fills the tables of the pages of reference from the code itself: ``python docs/make_reference.py``."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

from make_commands import commands_of, options_of

PAGES = tuple(Path(__file__).with_name(name) for name in ("reference.md", "commands.md", "files.md"))
MARKED = re.compile(r"(<!-- (\w+) ([\w.]+) -->\n?).*?(<!-- end -->)", re.DOTALL)

MEANINGS = {
    "case": "the case: in a run's folder its id, in what is published its digest",
    "patient": "whose it is: in a run's folder the id, in what is published a running number within the pair",
    "groups": "its strata, `name=value`",
    "observation": "what was observed",
    "status": "how the case ended; of a line without a case `lacking` or `noted`",
    "error": "why it failed, or what is said of the pair; no case, file or path is named",
    "place": "of a prediction that a case has several of, counted from 0; else empty",
    "label": "0 or 1; empty where it is not stated",
    "score": "the number, or of a prediction its score",
    "finding": "of which finding; empty where there is but one",
    "probability": "as the task predicted it",
    "low": "lower end of the bin",
    "high": "upper end, which belongs to it",
    "n": "cases in it",
    "mean_probability": "their mean probability",
    "share_of_positives": "the share of them with label 1",
    "study": "a token of the study",
    "reader": "number of the reader",
    "trial": "a token of the trial",
    "image": "a token of the image",
    "answer": "rank, grade or choice",
    "milliseconds": "that the trial was on the screen",
    "answered_unix": "when, in seconds since 1970, UTC",
    "check": "checksum of the line",
    "IMAGE_SUFFIXES": "suffixes of the files that count as images in a folder",
}
"""What columns hold that the leaderboard has not, and what no docstring tells."""


def filled(page: str) -> str:
    """Return a page with what stands between its marks made anew: ``<!-- fields radbench.EnhancerSpec -->``."""
    makers = {
        "fields": fields_of,
        "names": names_of,
        "hooks": hooks_of,
        "types": types_of,
        "methods": methods_of,
        "schema": schema_of,
        "columns": columns_of,
        "value": lambda path: str(_object(path)),
        "commands": commands_of,
        "options": options_of,
    }
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


def types_of(path: str) -> str:
    """Return a table of the classes that a module defines, each with its attributes."""
    module = importlib.import_module(path)
    rows = []
    for name, found in vars(module).items():
        own = inspect.isclass(found) and found.__module__ == path and not name.startswith("_")
        if own and not name.startswith("Logger"):
            told = [_sentences(inspect.getdoc(found) or "")]
            for text, group in groupby(_section(found, "Attributes"), key=lambda entry: entry[1]):
                told.append(f"{', '.join(f'`{attribute}`' for attribute, _ in group)}: {text}")
            rows.append((f"`{name}`", " ".join(told)))
    return _table(("name", "what it is"), rows)


def methods_of(path: str) -> str:
    """Return a table of what a protocol asks for: its attributes and methods."""
    found = _object(path)
    rows = [(f"`{name}`", text) for name, text in _section(found, "Attributes")]
    for base in found.__mro__:
        for name, method in vars(base).items():
            if not name.startswith("_") and inspect.isfunction(method) and base.__module__ == found.__module__:
                arguments = [one for one in inspect.signature(method).parameters if one != "self"]
                rows.append((f"`{name}({', '.join(arguments)})`", _sentences(inspect.getdoc(method) or "")))
    return _table(("member", "what it is"), rows)


def schema_of(path: str) -> str:
    """Return a table of the leaderboard's columns: type, bounds, meaning."""
    lines = ["| column | type | what it holds |\n|---|---|---|\n"]
    for column in _object(path).values():
        kind = column.kind + (", or infinite" if column.infinite else "")
        if column.low is not None or column.high is not None:
            ends = [f"from {column.low:g}" if column.low is not None else ""]
            ends += [f"to {column.high:g}" if column.high is not None else ""]
            kind += f", {' '.join(filter(None, ends))}"
        if not column.nullable:
            kind += ", never empty"
        told = _plain(column.meaning)
        if column.values:
            told += ": " + ", ".join(f"`{value}`" for value in column.values if value)
        told += f" (since version {column.since})" if column.since > 1 else ""
        lines.append(f"| `{column.name}` | {kind} | {told} |\n".replace("<", "&lt;"))
    return "".join(lines)


def columns_of(path: str) -> str:
    """Return a table of the columns of a file, by their names in the code.

    Raises:
        KeyError: nobody has said yet what one of them holds.
    """
    from radbench.leaderboard.columns import COLUMNS

    return _table(
        ("column", "what it holds"),
        [(f"`{n}`", MEANINGS[n] if n in MEANINGS else _plain(COLUMNS[n].meaning)) for n in _object(path)],
    )


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
    """Return the first paragraph of what is said of a name: its docstring's, or of an alias the text below it.

    Raises:
        KeyError: nothing is said of it anywhere.
    """
    found = getattr(package, name)
    if inspect.isclass(found) or inspect.isfunction(found):
        return _sentences(inspect.getdoc(found) or "")
    room = vars(package).get("_ROOMS", {}).get(name)
    module = importlib.import_module(f"{package.__name__}.{room}") if room else package
    tree = ast.parse(inspect.getsource(module))
    for here, below in zip(tree.body, [*tree.body[1:], None], strict=True):
        if isinstance(here, ast.FunctionDef) and here.name == name:
            # Behind a decorator: a fixture, a function that remembers.
            return _sentences(ast.get_docstring(here) or "")
        targets = here.targets if isinstance(here, ast.Assign) else [getattr(here, "target", None)]
        named = any(isinstance(t, ast.Name) and t.id == name for t in targets)
        if named and isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant):
            return _plain(str(below.value.value))
    return MEANINGS[name]


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
    for page in PAGES:
        page.write_text(filled(page.read_text()))
