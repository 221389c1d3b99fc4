"""The table in LaTeX: booktabs, best bold, second underlined; needs no other package."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Sequence
from itertools import groupby, zip_longest

from radbench.leaderboard.table import Cell, Heading, Table

LINE = 81
"""Characters of 8 pt type to the line of a standard page; columns beyond go into further blocks of the same table."""

PAGE = 60
"""Lines of 8 pt type that a page has beside a caption."""

LONG_NAME = 14
"""An enhancer with a longer name has a line of its own above its numbers."""

SMALL = 0.85
"""A character of script size, in characters."""

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
    "‡": r"$^\ddagger$",
    "≤": r"$\leq$",
    "∞": r"$\infty$",
    "–": "--",
    "↑": r"$\uparrow$",
    "↓": r"$\downarrow$",
    "µ": r"$\mu$",
    "×": r"$\times$",
    "…": r"\dots{}",
}


def latex(tables: Sequence[Table]) -> str:
    """Return ``table`` environments with captions and labels.

    Tables over the metrics of several tasks that have the same enhancers share one, side by side as far as the line
    goes and then one below the other, as far as the page goes: a paper prints the tasks of a run together.
    """
    return "\n".join(_table(shared) for shared in _shared(tables))


def latex_side_by_side(parts: Sequence[Table]) -> str:
    """Return parts that have the same rows as one ``table`` environment, each under a heading of its own."""
    return _table(parts)


def escape(text: str) -> str:
    """Return text that LaTeX prints as it is, on one line; what pdflatex has no letter for as its code point."""
    return "".join(_SPECIAL.get(c) or (c if c.isprintable() and c < "\u0180" else _code(c)) for c in _one_line(text))


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _code(character: str) -> str:
    return f"[U+{ord(character):04X}]"


def _shared(tables: Sequence[Table]) -> list[list[Table]]:
    """Return which tables stand in one environment; those by group or facet stand alone."""
    found: list[list[Table]] = []
    open_: dict[frozenset[str], list[Table]] = {}
    for table in tables:
        names = frozenset(name for name, _ in table.rows)
        together = [*open_.get(names, ()), table]
        if table.ranks and len(together) > 1 and _lines(together) <= PAGE:
            open_[names].append(table)
            continue
        found.append([table])
        if table.ranks:
            open_[names] = found[-1]
    return found


def _lines(tables: Sequence[Table]) -> int:
    """Return how many lines tables take that share an environment, the caption left out."""
    names = [name for name, _ in tables[0].rows]
    long = sum(len(name) > LONG_NAME for name in names)
    count = 0
    for block in _blocks(tables, names):
        tallest = [max(len(own[k]) for _, (_, own) in block) for k in range(len(names))]
        count += 3 + long + sum(tallest)
    return count


def _columns(tables: Sequence[Table], names: Sequence[str]) -> Iterator[tuple[int, Column, int]]:
    """Yield each column with the place of its table and its width, its cells in the order of some names."""
    for place, table in enumerate(tables):
        own = dict(table.rows)
        for k, heading in enumerate(table.headings):
            cells = [own[name][k] for name in names]
            yield place, (heading, [_cell_lines(cell) for cell in cells]), _width(heading, cells)
        if table.ranks:
            ranks = dict(zip(own, table.ranks, strict=True))
            heading = Heading("rank", remark=f"by {table.ranked_by}")
            width = max(map(len, ("rank", heading.remark, *(text for lines in table.ranks for text in lines))))
            yield place, (heading, [[*map(escape, ranks[name])] for name in names]), width


def _blocks(tables: Sequence[Table], names: Collection[str]) -> list[list[tuple[int, Column]]]:
    """Return the columns, broken where the line ends."""
    ordered = [name for name, _ in tables[0].rows]
    label = max(len(name) for name in (tables[0].label, *names) if len(name) <= LONG_NAME)
    blocks: list[list[tuple[int, Column]]] = [[]]
    used = float(label)
    columns = [*_columns(tables, ordered)]
    of_table = [sum(COLUMN_SEPARATION + w for place, _, w in columns if place == k) for k in range(len(tables))]
    last = 0
    for place, column, width in columns:
        # A table is broken only where it is wider than the line.
        new, last = place != last, place
        if blocks[-1] and used + (of_table[place] if new else COLUMN_SEPARATION + width) > LINE:
            blocks.append([])
            used = float(label)
        blocks[-1].append((place, column))
        used += COLUMN_SEPARATION + width
    return blocks


def _table(tables: Sequence[Table]) -> str:
    names = [name for name, _ in tables[0].rows]
    tasks = [table.title.partition(" on ")[0].partition("[")[0] for table in tables]
    heads = [escape(f"{_panel(k)} {task}") for k, task in enumerate(tasks)] if len(tables) > 1 else []
    return "\n".join(
        [
            r"% \usepackage{booktabs}",
            r"\begin{table}[t]",
            r"\centering",
            r"\footnotesize",
            r"\setlength{\tabcolsep}{3pt}",
            rf"\caption{{{' '.join(map(escape, _caption(tables)))}}}",
            rf"\label{{tab:{'--'.join(table.slug for table in tables)}}}",
            r"\par\smallskip",
            "\n\\par\\medskip\n".join(
                _tabular(tables[0].label, names, block, heads) for block in _blocks(tables, names)
            ),
            r"\end{table}",
            "",
        ]
    )


def _panel(place: int) -> str:
    return f"({chr(ord('a') + place)})"


def _caption(tables: Sequence[Table]) -> list[str]:
    """Return the sentences of a caption: what is said of every table once, what of one under its letter."""
    reading = ["Best bold, second best underlined."] if any(table.ranked for table in tables) else []
    if len(tables) == 1:
        (table,) = tables
        return [f"{table.title}.", *table.notes, *reading, *map(_sentence, table.remarks)]
    of_all = [note for note in tables[0].notes if all(note in table.notes for table in tables)]
    titles = [f"{_panel(k)} {table.title}." for k, table in enumerate(tables)]
    own = []
    for k, table in enumerate(tables):
        said = [*(note for note in table.notes if note not in of_all), *map(_sentence, table.remarks)]
        own += [f"{_panel(k)} {' '.join(said)}"] if said else []
    return [*titles, *own, *of_all, *reading]


def _sentence(remark: str) -> str:
    return remark if remark.endswith(".") else remark + "."


def _width(heading: Heading, cells: Sequence[Cell]) -> int:
    numbers = [f"{c.value} ± {c.std}" if c.std else c.value for c in cells]
    small = [
        SMALL * len(text)
        for c in cells
        for text in (c.interval, c.spread, f"Δ {c.difference}{c.stars}" if c.delta else c.stars, c.p, c.rank)
    ]
    return math.ceil(max(*map(len, (f"{heading.name} {heading.arrow}", heading.remark, *numbers)), *small))


def _tabular(label: str, names: Sequence[str], block: Sequence[tuple[int, Column]], heads: Sequence[str]) -> str:
    columns = [column for _, column in block]
    n = len(columns)
    lines = [rf"\begin{{tabular}}{{@{{}}l{'r' * n}@{{}}}}", r"\toprule"]
    if heads:
        lines += _line_of_heads([place for place, _ in block], heads)
    lines.append(_line(escape(label), [escape(f"{h.name} {h.arrow}".strip()) for h, _ in columns]))
    if any(h.remark for h, _ in columns):
        lines.append(_line("", [escape(h.remark) for h, _ in columns]))
    lines.append(r"\midrule")
    for k, name in enumerate(names):
        if k:
            lines.append(r"\addlinespace")
        row = escape(name)
        if len(name) > LONG_NAME:
            lines.append(rf"\multicolumn{{{n + 1}}}{{@{{}}l@{{}}}}{{{row}}} \\")
            row = ""
        cells = [own[k] for _, own in columns]
        for i, line in enumerate(zip_longest(*cells, fillvalue="")):
            lines.append(_line("" if i else row, line))
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}"])


def _line_of_heads(places: Sequence[int], heads: Sequence[str]) -> list[str]:
    """Return a line that names the table of each column, and rules below the names."""
    spans = [(place, len([*group])) for place, group in groupby(places)]
    cells, rules, at = [], [], 2
    for place, n in spans:
        cells.append(rf"\multicolumn{{{n}}}{{c}}{{{heads[place]}}}")
        rules.append(rf"\cmidrule(lr){{{at}-{at + n - 1}}}")
        at += n
    return [" & ".join(["", *cells]).strip() + r" \\", " ".join(rules)]


def _line(label: str, cells: Sequence[str]) -> str:
    # A bracket would be the optional argument of the rule or the line's end before it.
    label = f"{{}}{label}" if label.startswith(("[", "*")) else label
    return " & ".join([label, *cells]).strip() + r" \\"


def _cell_lines(cell: Cell) -> list[str]:
    value = escape(cell.value)
    if not cell.failed:
        value = value.replace("-", "$-$")
    marked = {1: r"\textbf{%s}", 2: r"\underline{%s}"}.get(cell.place, "%s") % value
    lines = [marked + (rf" $\pm$ {cell.std}" if cell.std else "") + (r"$^\dagger$" if cell.incomplete else "")]
    if cell.interval:
        lines.append(rf"{{\scriptsize [{cell.interval.replace('-', '$-$')}]}}")
    if cell.spread:
        lines.append(rf"{{\scriptsize {cell.spread.replace('-', '$-$')}}}")
    if cell.delta:
        stars = f"^{{{cell.stars}}}" if cell.stars else ""
        # In braces the sign belongs to the number and is no operator.
        signed = f"{{{cell.delta[0]}}}{cell.delta[1:]}" if cell.delta[0] in "+-" else cell.delta
        between = f" [{cell.delta_interval.replace('-', '$-$')}]" if cell.delta_interval else ""
        lines.append(rf"{{\scriptsize $\Delta\,{signed}{stars}${between}}}")
    elif cell.stars:
        lines.append(rf"{{\scriptsize ${cell.stars}$}}")
    return [*lines, *(rf"{{\scriptsize {escape(text)}}}" for text in (cell.p, cell.rank) if text)]
