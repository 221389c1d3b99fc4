"""Table: the paper's table as data - headings, cells with marks, notes - before any format gives it a shape."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

from radbench.engine.keep.texts import visible

ONE_SEED = "‡"
"""Stands behind the name of an enhancer that was trained but once."""

ARROWS = {"higher": "↑", "lower": "↓", "": ""}


@dataclass(frozen=True)
class Cell:
    """One entry (an enhancer, or one of its seeds) under one metric.

    Attributes:
        value: the number, or the status of a failed pair, or "–" where there is neither.
        std: its standard deviation, or "".
        interval: "low, high", or "".
        delta: signed difference to the reference, or "".
        delta_interval: "low, high" of the difference, or "".
        spread: of several seeds "least to largest" of their values, or "".
        stars: significance of the difference.
        place: 1 best, 2 second best, 0 neither.
        incomplete: whether it has a value and no rank, because cases failed.
        failed: whether ``value`` is no number.
        p: "p = 0.012" of the difference, or "".
        rank: "rank 2 [1–3]", or "".
    """

    value: str
    std: str = ""
    interval: str = ""
    delta: str = ""
    stars: str = ""
    place: int = 0
    incomplete: bool = False
    failed: bool = False
    delta_interval: str = ""
    spread: str = ""
    p: str = ""
    rank: str = ""

    @property
    def difference(self) -> str:
        """The difference with its interval, "+0.012 [0.004, 0.020]", or ""."""
        return f"{self.delta} [{self.delta_interval}]" if self.delta_interval else self.delta


@dataclass(frozen=True)
class Heading:
    """A column: its name, the arrow of its direction, and a remark ("n = 25")."""

    name: str
    direction: str = ""
    remark: str = ""

    @property
    def arrow(self) -> str:
        """Return "↑" where higher is better, "↓" where lower is, else ""."""
        return ARROWS[self.direction]


@dataclass(frozen=True)
class Table:
    """A table as a paper prints it.

    Attributes:
        title: task, data set, split and size.
        headings: of the columns after the enhancer.
        rows: name of the entry and its cells.
        ranks: per row, lines: the rank by one metric with its interval, and what is shown of it against the reference;
            empty where the table has none.
        ranked_by: that metric.
        notes: sentences below it: what it is made of and how to read it.
        remarks: per entry, what failed.
        slug: for labels and file names, ASCII.
        label: what the rows are, above their names.
        ranked: whether any cell is marked best.
    """

    title: str
    headings: tuple[Heading, ...]
    rows: tuple[tuple[str, tuple[Cell, ...]], ...]
    ranks: tuple[tuple[str, ...], ...]
    ranked_by: str
    notes: tuple[str, ...]
    remarks: tuple[str, ...]
    slug: str
    label: str = "enhancer"

    @property
    def ranked(self) -> bool:
        """Whether any cell is marked best."""
        return any(cell.place for _, cells in self.rows for cell in cells)


def harmless(table: Table) -> Table:
    """Return a table of which no text drives a terminal or turns the direction of writing."""
    return replace(table, **{field.name: _harmless(getattr(table, field.name)) for field in fields(table)})


def _harmless(value: Any) -> Any:
    if isinstance(value, str):
        return visible(value)
    if isinstance(value, tuple):
        return tuple(map(_harmless, value))
    if isinstance(value, Cell | Heading):
        return replace(value, **{field.name: _harmless(getattr(value, field.name)) for field in fields(value)})
    return value
