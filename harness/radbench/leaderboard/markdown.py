"""The table in GitHub's Markdown: best bold, second underlined, lines within cells by ``<br>``."""

from __future__ import annotations

import re
from collections.abc import Sequence

from radbench.leaderboard.table import Cell, Table


def markdown(tables: Sequence[Table]) -> str:
    """Return the tables one below the other, each under its title as a heading."""
    return "\n".join(_table(table) for table in tables)


def escape(text: str) -> str:
    """Return text that Markdown and HTML leave as it is, on one line."""
    return re.sub(r"([\\`*_{}\[\]<>|#~$&])", r"\\\1", " ".join(text.split()))


def _table(table: Table) -> str:
    heads = [
        " ".join(filter(None, (escape(h.name), h.arrow))) + (f"<br>{escape(h.remark)}" if h.remark else "")
        for h in table.headings
    ]
    rows = [[escape(name), *map(_cell, cells)] for name, cells in table.rows]
    if table.ranks:
        heads.append(f"rank by {escape(table.ranked_by)}")
        rows = [[*row, "<br>".join(map(escape, lines))] for row, lines in zip(rows, table.ranks, strict=True)]
    lines = [
        f"### {escape(table.title)}",
        "",
        _line([escape(table.label), *heads]),
        _line([":--", *["--:"] * len(heads)]),
        *map(_line, rows),
        "",
        # GitHub's own sanitiser keeps <ins>, and drops <u>.
        " ".join(map(escape, (*table.notes, *(["Best bold, second best underlined."] if table.ranked else [])))),
    ]
    if table.remarks:
        lines += ["", *(f"- {escape(remark)}" for remark in table.remarks)]
    return "\n".join(lines) + "\n"


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _cell(cell: Cell) -> str:
    marked = {1: "**{}**", 2: "<ins>{}</ins>"}.get(cell.place, "{}").format(escape(cell.value))
    lines = [marked + (f" ± {cell.std}" if cell.std else "") + (" †" if cell.incomplete else "")]
    if cell.interval:
        lines.append(f"[{cell.interval}]")
    if cell.spread:
        lines.append(cell.spread)
    if cell.delta:
        lines.append(f"Δ {cell.difference} {escape(cell.stars)}".rstrip())
    elif cell.stars:
        lines.append(escape(cell.stars))
    return "<br>".join([*lines, *(escape(text) for text in (cell.p, cell.rank) if text)])
