"""Sheets: small tables of results, as text, Markdown or LaTeX."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from textwrap import wrap

from radbench.leaderboard.latex import escape
from radbench.leaderboard.markdown import escape as in_markdown

WIDTH = 100
"""Columns of text that notes are broken at, below a table that is no wider."""


@dataclass(frozen=True)
class Sheet:
    """A table.

    Attributes:
        title: what it shows; a caption.
        headings: (what several columns share, the column's own name); the first column is the rows' name.
        rows: cells, as many as there are headings.
        notes: sentences below it.
        label: for LaTeX.
    """

    title: str
    headings: tuple[tuple[str, str], ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()
    label: str = field(default="reader-study")


def number(value: float, digits: int = 2) -> str:
    """Return a number for people; "–" where there is none."""
    return "–" if math.isnan(value) else f"{value:.{digits}f}"


def interval(value: float, low: float, high: float, digits: int = 2) -> str:
    """Return a number with its interval, where it has one."""
    if math.isnan(low) or math.isnan(value):
        return number(value, digits)
    return f"{number(value, digits)} [{number(low, digits)}, {number(high, digits)}]"


def p_value(p: float) -> str:
    """Return a p-value for people; "–" where it is withheld."""
    return "–" if math.isnan(p) else "<0.001" if p < 0.001 else f"{p:.3f}"


def percent(part: int, whole: int) -> str:
    """Return a share in percent with one decimal, as papers print it."""
    return f"{100 * part / whole:.1f} %" if whole else "–"


def as_text(sheets: Sequence[Sheet]) -> str:
    """Return tables as text, one below the other."""
    return "\n".join("\n".join(_text(sheet)) + "\n" for sheet in sheets)


def _text(sheet: Sheet) -> Iterator[str]:
    yield sheet.title
    names = [name for _, name in sheet.headings]
    widths = [max(len(row[k]) for row in (names, *sheet.rows)) for k in range(len(names))]
    groups = [(name, [*found]) for name, found in groupby(enumerate(sheet.headings), key=lambda at: at[1][0])]
    for name, columns in groups:
        # What several columns share must have room above them.
        room = sum(widths[k] for k, _ in columns) + 2 * (len(columns) - 1)
        widths[columns[-1][0]] += max(0, len(name) - room)
    if any(name for name, _ in groups):
        over = [name.center(sum(widths[k] for k, _ in columns) + 2 * (len(columns) - 1)) for name, columns in groups]
        yield "  ".join(over).rstrip()
    yield _text_line(names, widths)
    yield "  ".join("─" * w for w in widths)
    for row in sheet.rows:
        yield _text_line(row, widths)
    for note in sheet.notes:
        yield from wrap(note, max(WIDTH, sum(widths) + 2 * (len(widths) - 1)))


def _text_line(cells: Sequence[str], widths: Sequence[int]) -> str:
    first, *others = zip(cells, widths, strict=True)
    return "  ".join([first[0].ljust(first[1]), *(cell.rjust(w) for cell, w in others)]).rstrip()


def as_markdown(sheets: Sequence[Sheet]) -> str:
    """Return tables in GitHub's Markdown."""
    return "\n".join("\n".join(_markdown(sheet)) + "\n" for sheet in sheets)


def _markdown(sheet: Sheet) -> Iterator[str]:
    heads = [
        f"{in_markdown(group)}: {in_markdown(name)}" if group else in_markdown(name) for group, name in sheet.headings
    ]
    yield f"### {in_markdown(sheet.title)}"
    yield ""
    yield "| " + " | ".join(heads) + " |"
    yield "| " + " | ".join([":--", *["--:"] * (len(heads) - 1)]) + " |"
    for row in sheet.rows:
        yield "| " + " | ".join(map(in_markdown, row)) + " |"
    if sheet.notes:
        yield ""
        yield " ".join(map(in_markdown, sheet.notes))


def in_latex(text: str) -> str:
    """Return text that LaTeX prints as it is, with minus signs for hyphens before numbers."""
    signed = re.sub(r"(?<![\w.])-(?=\d)", "\u2212", text)
    return "$-$".join(map(_spaced, signed.split("\u2212")))


def _spaced(text: str) -> str:
    # The blanks at the ends part words from the sign between them.
    before, after = (" " if text[:1].isspace() else ""), (" " if text[-1:].isspace() else "")
    return f"{before}{escape(text)}{after}" if text.strip() else before


def as_latex(sheets: Sequence[Sheet]) -> str:
    """Return tables as LaTeX's ``table`` environments; they need the package booktabs."""
    return "\n".join("\n".join(_latex(sheet)) + "\n" for sheet in sheets)


def _latex(sheet: Sheet) -> Iterator[str]:
    yield r"\begin{table}"
    yield r"\centering"
    yield rf"\caption{{{in_latex(sheet.title)}. {' '.join(map(in_latex, sheet.notes))}}}".replace(". }", ".}")
    yield rf"\label{{tab:{sheet.label}}}"
    yield rf"\begin{{tabular}}{{l{'r' * (len(sheet.headings) - 1)}}}"
    yield r"\toprule"
    groups = [(name, len([*found])) for name, found in groupby(sheet.headings, key=lambda heading: heading[0])]
    if any(name for name, _ in groups):
        yield (
            " & ".join(
                rf"\multicolumn{{{n}}}{{c}}{{{in_latex(name)}}}" if name else " & " * (n - 1) for name, n in groups
            )
            + r" \\"
        )
        first, rules = 1, []
        for name, n in groups:
            rules += [rf"\cmidrule(lr){{{first}-{first + n - 1}}}"] if name else []
            first += n
        yield " ".join(rules)
    yield " & ".join(in_latex(name) for _, name in sheet.headings) + r" \\"
    yield r"\midrule"
    for row in sheet.rows:
        # A row may begin with a bracket, which would be the optional argument of the line's end before it.
        yield " & ".join(_bracketed(in_latex(cell)) for cell in row) + r" \\"
    yield r"\bottomrule"
    yield r"\end{tabular}"
    yield r"\end{table}"


def _bracketed(cell: str) -> str:
    return f"{{}}{cell}" if cell.startswith(("[", "*")) else cell
