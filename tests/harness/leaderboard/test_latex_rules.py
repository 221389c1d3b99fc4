"""LaTeX tables by the rules of LaTeX and booktabs, read by a reader of our own: what is printed is what was meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from radbench.leaderboard.latex import latex, latex_side_by_side
from radbench.leaderboard.paper import paper_tables, shown
from radbench.leaderboard.schema import read_leaderboard
from radbench.leaderboard.table import Cell, Heading, Table, harmless
from radbench.leaderboard.tabulate import tables
from radbench.reader_study.sheets import Sheet, as_latex
from radbench.studies.figures import PrintedFigure
from radbench.studies.figures import as_latex as of_figure

from .latex_reader import LatexError, read

BOARDS = Path(__file__).resolve().parents[3] / "leaderboards"
HOSTILE = (
    "[34] Fattal",
    "*Ours",
    r"\input{x}",
    r"a & b \\ c",
    "$x$ #1 50 %",
    "~^_{}",
    "} \\end{tabular} {",
    '<b>|"q"',
    "p ≤ 0.05 ± 2 µm × ∞ – … ↑ Δ",
)


def printed(text: str) -> str:
    """Return a text as LaTeX's fonts have it."""
    return " ".join(text.replace('"', "''").replace("–", "--").split())


@pytest.mark.parametrize("task", sorted(f.stem for f in BOARDS.glob("*.csv") if not f.stem.endswith(".cases")))
def test_tables_of_published_leaderboards_are_latex(task: str) -> None:
    frame = read_leaderboard(BOARDS / f"{task}.csv")
    found = [*tables(frame)]
    document = read(latex(found))
    assert len(document.captions) == len(document.labels) <= len(found)
    names = {" ".join(name.split()) for table in found for name, _ in table.rows}
    first = {row[0][0] for table in document.tabulars for row in table.rows}
    assert {printed(name) for name in names} <= first
    # A number of the table stands in it.
    cell = next(c for table in found for _, cells in table.rows for c in cells if c.value[:1].isdigit())
    assert any(cell.value in text for table in document.tabulars for row in table.rows for text, _ in row)


def test_a_table_of_a_paper_is_latex() -> None:
    frame = read_leaderboard(BOARDS / "hnn.csv")
    columns = ["hnn[input=stacked]:dice", "hnn[input=stacked]:dice:lesion-type"]
    parts = paper_tables(frame, columns, shown("value,interval,delta,p,rank"))
    document = read(latex_side_by_side(parts))
    assert any(name == "cmidrule" for table in document.tabulars for name, _ in table.rules) or len(parts) == 1


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_text_is_printed_and_does_nothing(text: str) -> None:
    cell = Cell("0.5", interval="-0.1, 0.2", delta="-0.02", stars="**", place=1)
    one = Table(
        title=text,
        headings=(Heading(text, "higher", text), Heading("b", "lower")),
        rows=((text, (cell, Cell("–"))), (text * 3, (Cell(text, failed=True), cell))),
        ranks=(),
        ranked_by="",
        notes=(text,),
        remarks=(text,),
        slug="a",
    )
    document = read(latex([harmless(one)]))
    rows = [row for table in document.tabulars for row in table.rows]
    assert any(row[0][0] == printed(text) for row in rows)
    assert any(row[0][0] == printed(text * 3) for row in rows)
    assert any(printed(text) in cells for row in rows for cells, _ in row[1:])
    assert document.captions[0].count(printed(text)) == 3


@pytest.mark.parametrize("text", HOSTILE)
def test_so_does_none_in_a_reader_study_and_below_a_figure(text: str) -> None:
    sheet = Sheet(text, (("", "row"), (text, "a"), (text, "b")), ((text, text, "-0.1"),), (text,))
    document = read(as_latex([sheet]))
    (table,) = document.tabulars
    assert [cell for cell, _ in table.rows[-1]][:2] == [printed(text)] * 2
    assert printed(text) in document.captions[0]
    figure = PrintedFigure(text, "figure-1", "a-figure-1", (text,), (text,))
    document = read(of_figure(figure))
    assert document.pictures == ["figure-1"]
    assert document.captions[0].count(printed(text)) == 3


GOOD = r"""\begin{table}[t]
\caption{A.}
\label{tab:a}
\begin{tabular}{@{}lr@{}}
\toprule
a & b \\
\midrule
c & 1 \\
\bottomrule
\end{tabular}
\end{table}
"""


@pytest.mark.parametrize(
    ("written", "instead"),
    [
        (r"\toprule", r"\hline"),
        (r"\midrule" + "\n", ""),
        ("lr", "l|r"),
        ("c & 1", "c & 1 & 2"),
        ("c & 1", "c"),
        ("c & 1", "50 % & 1"),
        ("c & 1", "a_b & 1"),
        ("c & 1", "{c & 1"),
        ("c & 1", "$c & 1$"),
        ("c & 1", r"\input{x} & 1"),
        ("\\midrule\nc", "\\midrule\n[c]"),
        ("1 \\\\\n\\bottomrule", "1 \\\\\n* & 2 \\\\\n\\bottomrule"),
        ("c & 1", "≤ & 1"),
        (r"\end{table}", r"\end{figure}"),
        ("A.", "A#"),
    ],
)
def test_the_reader_refuses_what_latex_would(written: str, instead: str) -> None:
    assert read(GOOD).tabulars[0].rows == [[("a", 1), ("b", 1)], [("c", 1), ("1", 1)]]
    assert written in GOOD
    with pytest.raises((LatexError, ValueError)):
        read(GOOD.replace(written, instead))
