"""The table in LaTeX: booktabs, best bold, second underlined; needs no other package."""

from __future__ import annotations

from collections.abc import Sequence

from radbench.leaderboard.table import Cell, Heading, Table

COLUMNS_PER_BLOCK = 5
"""More do not fit a page's width; the rest goes into further blocks of the same table."""

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
    ranks = (Heading(f"rank by {table.headings[0].name}"),) if table.ranks else ()
    headings = (*table.headings, *ranks)
    grid: list[tuple[str, list[list[str]]]] = []
    for k, (name, cells) in enumerate(table.rows):
        lines = [_cell_lines(cell) for cell in cells]
        grid.append((escape(name), [*lines, [escape(table.ranks[k])]] if table.ranks else lines))
    blocks = range(0, len(headings), COLUMNS_PER_BLOCK)
    tabulars = [
        _tabular(headings[at : at + COLUMNS_PER_BLOCK], [(n, c[at : at + COLUMNS_PER_BLOCK]) for n, c in grid])
        for at in blocks
    ]
    reading = ["Best bold, second best underlined."] if table.ranked else []
    remarks = [remark if remark.endswith(".") else remark + "." for remark in table.remarks]
    caption = " ".join(map(escape, (table.title + ".", *table.notes, *reading, *remarks)))
    return "\n".join(
        [
            r"% \usepackage{booktabs}",
            r"\begin{table}[t]",
            r"\centering",
            r"\small",
            rf"\caption{{{caption}}}",
            rf"\label{{tab:{table.slug}}}",
            "\n\\par\\medskip\n".join(tabulars),
            r"\end{table}",
            "",
        ]
    )


def _tabular(headings: Sequence[Heading], grid: Sequence[tuple[str, list[list[str]]]]) -> str:
    top = " & ".join(["enhancer", *(escape(f"{h.name} {h.arrow}".strip()) for h in headings)])
    lines = [rf"\begin{{tabular}}{{@{{}}l{'r' * len(headings)}@{{}}}}", r"\toprule", top + r" \\"]
    if any(h.remark for h in headings):
        lines.append(" & ".join(["", *(escape(h.remark) for h in headings)]).strip() + r" \\")
    lines.append(r"\midrule")
    for k, (name, cells) in enumerate(grid):
        for i in range(max(len(cell) for cell in cells)):
            line = [name if i == 0 else "", *(cell[i] if i < len(cell) else "" for cell in cells)]
            lines.append(" & ".join(line).strip() + r" \\")
        if k < len(grid) - 1:
            lines.append(r"\addlinespace")
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}"])


def _cell_lines(cell: Cell) -> list[str]:
    value = escape(cell.value)
    if not cell.failed:
        value = value.replace("-", "$-$")
    marked = {1: r"\textbf{%s}", 2: r"\underline{%s}"}.get(cell.place, "%s") % value
    lines = [marked + (rf" $\pm$ {cell.std}" if cell.std else "") + (r"$^\dagger$" if cell.incomplete else "")]
    if cell.interval:
        lines.append(rf"{{\footnotesize [{cell.interval.replace('-', '$-$')}]}}")
    if cell.delta:
        stars = f"^{{{cell.stars}}}" if cell.stars else ""
        lines.append(rf"{{\footnotesize $\Delta\,{cell.delta}{stars}$}}")
    return lines
