"""Notebook: leaderboards as Jupyter shows them, the tables of ``bench leaderboard`` in HTML."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from radbench.leaderboard.console import plain_text
from radbench.leaderboard.markdown import markdown
from radbench.leaderboard.table import Cell, Heading, Table


@dataclass(frozen=True)
class Shown:
    """Tables that a notebook draws; ``print`` and ``str`` give them as text.

    Attributes:
        tables: one below the other.
    """

    tables: Sequence[Table]

    def _repr_html_(self) -> str:
        """Return HTML for a notebook, without styles or scripts, so that every front end takes it."""
        return "\n".join(map(html, self.tables))

    def _repr_markdown_(self) -> str:
        """Return Markdown, for front ends that take no HTML."""
        return markdown(self.tables)

    def __str__(self) -> str:
        return plain_text(self.tables)

    def __repr__(self) -> str:
        return str(self)


def html(table: Table) -> str:
    """Return a table in HTML: best bold, second best underlined, notes and remarks below."""
    heads = "".join(f'<th scope="col">{_heading(h)}</th>' for h in table.headings)
    ranked = f'<th scope="col">rank by {escape(table.ranked_by)}</th>' if table.ranks else ""
    rows = []
    for k, (name, cells) in enumerate(table.rows):
        last = f"<td>{'<br>'.join(map(escape, table.ranks[k]))}</td>" if table.ranks else ""
        rows.append(f'<tr><th scope="row">{escape(name)}</th>{"".join(map(_cell, cells))}{last}</tr>')
    reading = ["Best bold, second best underlined."] if table.ranked else []
    notes = " ".join(map(escape, (*table.notes, *reading)))
    remarks = "".join(f"<li>{escape(remark)}</li>" for remark in table.remarks)
    return "\n".join(
        [
            "<table>",
            f"<caption>{escape(table.title)}</caption>",
            f'<thead><tr><th scope="col">enhancer</th>{heads}{ranked}</tr></thead>',
            f"<tbody>{''.join(rows)}</tbody>",
            "</table>",
            *([f"<p><small>{notes}</small></p>"] if notes else []),
            *([f"<ul><small>{remarks}</small></ul>"] if remarks else []),
        ]
    )


def _heading(heading: Heading) -> str:
    return escape(f"{heading.name} {heading.arrow}".strip()) + (
        f"<br>{escape(heading.remark)}" if heading.remark else ""
    )


def _cell(cell: Cell) -> str:
    value = escape(cell.value)
    value = {1: f"<b>{value}</b>", 2: f"<u>{value}</u>"}.get(cell.place, value)
    lines = [value + (f" ± {escape(cell.std)}" if cell.std else "") + (" †" if cell.incomplete else "")]
    lines += [f"[{escape(cell.interval)}]"] if cell.interval else []
    lines += [escape(cell.spread)] if cell.spread else []
    if cell.delta:
        lines.append(f"Δ {escape(cell.difference)} {escape(cell.stars)}".rstrip())
    elif cell.stars:
        lines.append(escape(cell.stars))
    lines += [escape(text) for text in (cell.p, cell.rank) if text]
    return f"<td>{'<br>'.join(lines)}</td>"
