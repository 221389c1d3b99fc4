"""The table in LaTeX: booktabs, best bold, second underlined; needs no other package."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest

from radbench.leaderboard.table import Cell, Heading, Table

LINE = 81
"""Characters of 8 pt type to the line of a standard page; columns beyond go into further blocks of the same table."""

LONG_NAME = 14
"""An enhancer with a longer name has a line of its own above its numbers."""

COLUMN_SEPARATION = 1.5
"""Twice 3 pt, in characters."""

Column = tuple[Heading, list[list[str]]]

_SPECIAL = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"$<$",
    ">": r"$>$",
    "|": r"$|$",
    '"': "''",
    "±": r"$\pm$",
    "Δ": r"$\Delta$",
    "†": r"$^\dagger$",
    "–": "--",
    "↑": r"$\uparrow$",
    "↓": r"$\downarrow$",
    "µ": r"$\mu$",
    "×": r"$\times$",
    "…": r"\dots{}",
}


def latex(tables: Sequence[Table]) -> str:
    """Return a ``table`` environment per table, with caption and label."""
    return "\n".join(_table(table) for table in tables)


def escape(text: str) -> str:
    """Return text that LaTeX prints as it is, on one line; what pdflatex has no letter for as its code point."""
    return "".join(_SPECIAL.get(c) or (c if c.isprintable() and c < "\u0180" else _code(c)) for c in _one_line(text))


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _code(character: str) -> str:
    return f"[U+{ord(character):04X}]"


def _table(table: Table) -> str:
    columns = [(h, [_cell_lines(row[k]) for _, row in table.rows]) for k, h in enumerate(table.headings)]
    widths = [_width(h, [row[k] for _, row in table.rows]) for k, h in enumerate(table.headings)]
    if table.ranks:
        heading = Heading("rank", remark=f"by {table.ranked_by}")
        columns.append((heading, [[escape(rank)] for rank in table.ranks]))
        widths.append(max(map(len, ("rank", heading.remark, *table.ranks))))
    names = [name for name, _ in table.rows]
    label = max(len(name) for name in ("enhancer", *names) if len(name) <= LONG_NAME)
    blocks: list[list[Column]] = [[]]
    used = float(label)
    for column, width in zip(columns, widths, strict=True):
        if blocks[-1] and used + COLUMN_SEPARATION + width > LINE:
            blocks.append([])
            used = float(label)
        blocks[-1].append(column)
        used += COLUMN_SEPARATION + width
    reading = ["Best bold, second best underlined."] if table.ranked else []
    remarks = [remark if remark.endswith(".") else remark + "." for remark in table.remarks]
    caption = " ".join(map(escape, (table.title + ".", *table.notes, *reading, *remarks)))
    return "\n".join(
        [
            r"% \usepackage{booktabs}",
            r"\begin{table}[t]",
            r"\centering",
            r"\footnotesize",
            r"\setlength{\tabcolsep}{3pt}",
            rf"\caption{{{caption}}}",
            rf"\label{{tab:{table.slug}}}",
            r"\par\smallskip",
            "\n\\par\\medskip\n".join(_tabular(names, block) for block in blocks),
            r"\end{table}",
            "",
        ]
    )


def _width(heading: Heading, cells: Sequence[Cell]) -> int:
    numbers = [f"{c.value} ± {c.std}" if c.std else c.value for c in cells]
    return max(map(len, (f"{heading.name} {heading.arrow}", heading.remark, *numbers)))


def _tabular(names: Sequence[str], columns: Sequence[Column]) -> str:
    n = len(columns)
    lines = [rf"\begin{{tabular}}{{@{{}}l{'r' * n}@{{}}}}", r"\toprule"]
    lines.append(_line("enhancer", [escape(f"{h.name} {h.arrow}".strip()) for h, _ in columns]))
    if any(h.remark for h, _ in columns):
        lines.append(_line("", [escape(h.remark) for h, _ in columns]))
    lines.append(r"\midrule")
    for k, name in enumerate(names):
        if k:
            lines.append(r"\addlinespace")
        label = escape(name)
        if len(name) > LONG_NAME:
            lines.append(rf"\multicolumn{{{n + 1}}}{{@{{}}l@{{}}}}{{{label}}} \\")
            label = ""
        cells = [own[k] for _, own in columns]
        for i, line in enumerate(zip_longest(*cells, fillvalue="")):
            lines.append(_line("" if i else label, line))
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}"])


def _line(label: str, cells: Sequence[str]) -> str:
    return " & ".join([label, *cells]).strip() + r" \\"


def _cell_lines(cell: Cell) -> list[str]:
    value = escape(cell.value)
    if not cell.failed:
        value = value.replace("-", "$-$")
    marked = {1: r"\textbf{%s}", 2: r"\underline{%s}"}.get(cell.place, "%s") % value
    lines = [marked + (rf" $\pm$ {cell.std}" if cell.std else "") + (r"$^\dagger$" if cell.incomplete else "")]
    if cell.interval:
        lines.append(rf"{{\scriptsize [{cell.interval.replace('-', '$-$')}]}}")
    if cell.delta:
        stars = f"^{{{cell.stars}}}" if cell.stars else ""
        # In braces the sign belongs to the number and is no operator.
        signed = f"{{{cell.delta[0]}}}{cell.delta[1:]}" if cell.delta[0] in "+-" else cell.delta
        lines.append(rf"{{\scriptsize $\Delta\,{signed}{stars}$}}")
    return lines
