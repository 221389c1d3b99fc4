"""Layout: text fitted to a terminal without a broken word; the ledger of a configuration, as a table where it fits."""

from __future__ import annotations

import shutil
import sys
import textwrap
from collections.abc import Sequence
from itertools import zip_longest
from typing import Any

GAP = 2
LEAST_DESCRIPTION = 40
LEAST_SOURCE = 16
"""Columns narrower than these are harder to read than fields one below the other."""

Field = dict[str, Any]


def terminal_width() -> int | None:
    """Return how many columns the terminal has; None for a file or a pipe, into which all goes, however wide."""
    if not sys.stdout.isatty():
        return None
    return shutil.get_terminal_size((80, 24)).columns


def ledger(fields: Sequence[Field], width: int | None, indent: str = "") -> list[str]:
    """Return the lines that show the fields of a configuration.

    Args:
        fields: as ``bench info --json`` gives them.
        width: columns of text to keep to; None never breaks a line, for a file or a pipe.
        indent: before every line.
    """
    shown = _columns_of(fields)
    if width is None:
        return _stacked(fields, shown, None, indent)
    return _table(fields, shown, width, indent) or _stacked(fields, shown, width, indent)


def wrapped(text: str, width: int | None, indent: str, hanging: str) -> list[str]:
    """Return a text as lines that break between words alone; a word that is wider stands on a line of its own."""
    if width is None:
        return [indent + text]
    return textwrap.wrap(
        text,
        width=width,
        initial_indent=indent,
        subsequent_indent=hanging,
        break_long_words=False,
        break_on_hyphens=False,
    ) or [indent.rstrip()]


def _columns_of(fields: Sequence[Field]) -> list[str]:
    """Return which values are told: one where the profiles agree, and that of the variant where it differs."""
    same = all(f["quick"] == f["paper"] for f in fields)
    changed = any("value" in f and f["value"] not in (f["quick"], f["paper"]) for f in fields)
    if same and not changed:
        return ["value"]
    return ["value", "quick", "paper"] if changed else ["quick", "paper"]


def _value(field: Field, column: str) -> str:
    return str(field.get(column, field["quick"]))


def _table(fields: Sequence[Field], shown: Sequence[str], width: int, indent: str) -> list[str]:
    """Return the fields as a table, nothing where it would not fit."""
    heads = ["field", *shown, "source", "description"]
    rows = [[f["field"], *(_value(f, c) for c in shown), f["source"], f["description"]] for f in fields]
    columns = list(zip(*rows, strict=True))
    fixed = [max(map(len, (head, *cells))) for head, cells in zip(heads[:-2], columns[:-2], strict=True)]
    room = width - len(indent) - 2 - sum(fixed) - GAP * (len(heads) - 1)
    words = [max((len(word) for text in cells for word in text.split()), default=0) for cells in columns[-2:]]
    source = max(LEAST_SOURCE, words[0], len("source"))
    if room - source < max(LEAST_DESCRIPTION, words[1]):
        return []
    # What is left goes to whichever needs it.
    source = min(max(map(len, (*columns[-2], "source"))), max(source, room // 3))
    description = min(max(map(len, (*columns[-1], "description"))), room - source)
    widths = [*fixed, source, description]
    lines = [_row(heads, widths), "─" * (sum(widths) + GAP * (len(widths) - 1))]
    for row in rows:
        cells = [wrapped(text, w, "", "") for text, w in zip(row, widths, strict=True)]
        lines += [_row(line, widths) for line in zip_longest(*cells, fillvalue="")]
    return [f"{indent}  {line}".rstrip() for line in lines]


def _row(cells: Sequence[str], widths: Sequence[int]) -> str:
    return (" " * GAP).join(cell.ljust(w) for cell, w in zip(cells, widths, strict=True))


def _stacked(fields: Sequence[Field], shown: Sequence[str], width: int | None, indent: str) -> list[str]:
    lines = []
    for f in fields:
        told = _told(f, shown)
        lines += wrapped(f"{f['field']} = {told}" + f"  ({f['source']})", width, f"{indent}  ", f"{indent}      ")
        if f["description"]:
            lines += wrapped(f["description"], width, f"{indent}      ", f"{indent}      ")
    return lines


def _told(field: Field, shown: Sequence[str]) -> str:
    values = {column: _value(field, column) for column in shown}
    if len(set(values.values())) == 1:
        return next(iter(values.values()))
    first, *others = values.items()
    lead = first[1] if first[0] == "value" else f"{first[1]} in {first[0]}"
    return ", ".join([lead, *(f"{value} in {column}" for column, value in others)])
