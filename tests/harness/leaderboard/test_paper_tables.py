"""Tables for papers: chosen columns side by side, what is shown of them, and captions that say what it is."""

from __future__ import annotations

import csv
import io
import json
import math
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest

from radbench.api import show
from radbench.cli import main
from radbench.contracts.errors import UnknownNameError, UsageError
from radbench.leaderboard.exports import on_dataset
from radbench.leaderboard.latex import latex_side_by_side
from radbench.leaderboard.notebook import Shown, html
from radbench.leaderboard.paper import Column, as_csv, as_json, p_text, paper_tables, shown, side_by_side
from radbench.leaderboard.schema import read_leaderboard
from radbench.leaderboard.table import Cell, Heading, Table

BOARDS = Path(__file__).resolve().parents[3] / "leaderboards"
LESIONS = ("grabcut[input=stacked]:dice", "hnn:dice", "hnn:recall")


@pytest.fixture(scope="module")
def board() -> pd.DataFrame:
    frames = [read_leaderboard(BOARDS / f"{task}.csv") for task in ("grabcut", "hnn", "cad")]
    return pd.concat(frames, ignore_index=True)


def row(board: pd.DataFrame, task: str, enhancer: str, metric: str, group: str = "all", facet: str = "") -> pd.Series:
    own = board[(board["task"] == task) & (board["enhancer"] == enhancer) & (board["metric"] == metric)]
    own = own[(own["group"] == group) & (own["facet"] == facet)]
    return own[(own["n_seeds"] > 1) | (len(own) == 1)].iloc[0]


def test_tasks_stand_side_by_side_with_the_same_rows_and_seeds_pooled(board: pd.DataFrame) -> None:
    grabcut, hnn = paper_tables(board, LESIONS)
    assert [name for name, _ in grabcut.rows] == [name for name, _ in hnn.rows]
    assert [h.name for h in hnn.headings] == ["dice", "recall"]
    cells = dict(hnn.rows)["sgan"]
    expected = row(board, "hnn[input=stacked]", "sgan", "dice")
    assert cells[0].value == f"{expected['value']:.3f}"
    assert cells[0].interval == f"{expected['ci_low']:.3f}, {expected['ci_high']:.3f}"
    assert any("Of 3 trainings their mean" in note for note in hnn.notes)
    # An enhancer that one of the tasks lacks has an empty cell there.
    assert dict(hnn.rows)["bm3d[noise_band=2]"][0].value == "–"


def test_the_reference_stands_first_and_the_others_by_the_first_column(board: pd.DataFrame) -> None:
    (part,) = paper_tables(board, ["hnn:dice"])
    names = [name for name, _ in part.rows]
    values = [row(board, "hnn[input=stacked]", name, "dice")["value"] for name in names[1:]]
    assert names[0] == "original"
    assert values == sorted(values, reverse=True)


def test_groups_and_facets_are_columns(board: pd.DataFrame) -> None:
    (part,) = paper_tables(board, ["hnn:dice:lesion-type", "hnn:dice:lesion-type=liver", "hnn:dice"])
    assert len(part.headings) == 10
    liver = row(board, "hnn[input=stacked]", "sgan", "dice", "lesion-type=liver")
    assert part.headings[8].remark == f"liver, n = {liver['n_cases']}"
    assert dict(part.rows)["sgan"][8].value == f"{liver['value']:.3f}"
    (found,) = paper_tables(board, ["cad:ap:*"])
    assert [h.remark.partition(",")[0] for h in found.headings] == ["mass", "nodule"]
    (found,) = paper_tables(board, ["cad:auroc:mass"])
    mass = row(board, "cad", "original", "auroc", facet="mass")
    # A sign after a name says how many seeds there are.
    (cells,) = (cells for name, cells in found.rows if name.partition(" ")[0] == "original")
    assert cells[0].value == f"{mass['value']:.3f}"


def test_a_column_without_a_metric_is_the_one_that_decides(board: pd.DataFrame) -> None:
    (part,) = paper_tables(board, ["cad"])
    assert [h.name for h in part.headings] == ["ap"]


def test_a_cell_shows_what_is_asked_for_and_the_caption_tells_of_nothing_else(board: pd.DataFrame) -> None:
    (bare,) = paper_tables(board, ["hnn:dice"], shown("value"))
    assert all(
        cell == Cell(cell.value, place=cell.place) for _, cells in bare.rows for cell in cells if not cell.failed
    )
    assert not any(word in note for note in bare.notes for word in ("interval with", "Δ", "p:", "Ranks", "±"))
    (full,) = paper_tables(board, ["hnn:dice"], shown("value,std,interval,delta,delta-interval,p,stars,rank"))
    cell = dict(full.rows)["sgan"][0]
    expected = row(board, "hnn[input=stacked]", "sgan", "dice")
    assert cell.p == p_text(expected["p_adjusted"])
    assert cell.rank.startswith(f"rank {expected['rank']:.0f} [")
    assert cell.delta
    assert cell.std
    text = " ".join(full.notes)
    assert "±: standard deviation over cases" in text
    assert "95 % interval with patients as clusters: per side the farther end of Student's t" in text
    assert "Δ: paired difference to original on the cases that both have with its 95 % interval." in text
    assert f"adjusted for {expected['family']}" in text
    assert expected["p_test"] in text
    assert "Ranks with their 95 % intervals" in text


def test_captions_name_the_interval_of_each_kind_of_score(board: pd.DataFrame) -> None:
    (part,) = paper_tables(board, ["cad:ap:mass", "cad:auroc:mass"])
    text = " ".join(part.notes)
    assert "The average precision of all cases and the area under the ROC curve of all cases; " in text
    assert "Newcombe's method 5" in text
    assert "logit scale with the bootstrap's error" in text


def test_rows_are_chosen_and_ordered(board: pd.DataFrame) -> None:
    (part,) = paper_tables(board, ["hnn:dice"], shown("value"), ["sgan", "original"])
    assert [name for name, _ in part.rows] == ["sgan", "original"]
    with pytest.raises(UnknownNameError, match="unknown enhancer 'sgna': did you mean 'sgan'"):
        paper_tables(board, ["hnn:dice"], shown("value"), ["sgna"])


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        (["hnnn"], "unknown task 'hnnn'"),
        (["hnn:dise"], "task 'hnn' has no metric 'dise': did you mean 'dice'"),
        (["hnn:dice:lesion-typ"], "unknown group or facet 'lesion-typ': did you mean 'lesion-type'"),
        (["grabcut[foreground_share=0.05]:dice:nothing"], "unknown group or facet"),
    ],
)
def test_what_is_not_there_is_said(board: pd.DataFrame, columns: list[str], said: str) -> None:
    with pytest.raises(UsageError, match=re.escape(said)):
        paper_tables(board, columns)


def test_tables_that_do_not_compare_are_never_one_column() -> None:
    frame = read_leaderboard(BOARDS / "image-quality.csv")
    with pytest.raises(UsageError, match="do not compare with each other"):
        paper_tables(frame, ["image-quality:brisque"])
    (part,) = paper_tables(on_dataset(frame, "phantom-lesions"), ["image-quality:brisque"])
    assert len(part.rows) == 11


def test_columns_are_read_with_colons_within_brackets() -> None:
    assert Column.parse("region[of=a,around=boxes:mass]:dice:lesion-type=a:b") == Column(
        "region[of=a,around=boxes:mass]", "dice", "lesion-type=a:b"
    )
    assert Column.parse("hnn") == Column("hnn")
    with pytest.raises(UsageError, match="must read TASK"):
        Column.parse(":dice")
    with pytest.raises(UsageError, match="must name 'value'"):
        shown("interval")
    with pytest.raises(UnknownNameError, match="number to show"):
        shown("value,intervals")


def test_p_is_printed_as_papers_print_it() -> None:
    assert [p_text(p) for p in (0.0, 0.00099, 0.0123, 0.4567, 1.0)] == [
        "p < 0.001",
        "p < 0.001",
        "p = 0.012",
        "p = 0.46",
        "p = 1.00",
    ]


def test_latex_has_a_heading_over_each_task_and_compiles(board: pd.DataFrame, tmp_path: Path) -> None:
    text = latex_side_by_side(paper_tables(board, LESIONS, shown("value,std,interval,delta,p,stars,rank")))
    assert text.count(r"\begin{table}") == 1
    assert r"\multicolumn{2}{c}{(b) hnn}" in text
    assert r"\toprule" in text
    assert "p = " in text
    if not shutil.which("pdflatex"):
        pytest.skip("needs pdflatex")
    (tmp_path / "t.tex").write_text(
        "\\documentclass{article}\\usepackage{booktabs}\\begin{document}\n" + text + "\\end{document}\n"
    )
    done = subprocess.run(["pdflatex", "-interaction=batchmode", "t.tex"], cwd=tmp_path, capture_output=True)
    assert done.returncode == 0


def test_csv_and_json_hold_what_the_table_shows(board: pd.DataFrame) -> None:
    parts = paper_tables(board, LESIONS, shown("value,interval,p"))
    lines = [*csv.DictReader(io.StringIO(as_csv(parts)))]
    line = next(line for line in lines if line["enhancer"] == "sgan")
    expected = row(board, "hnn[input=stacked]", "sgan", "dice")
    assert line["hnn[input=stacked] dice value"] == f"{expected['value']:.3f}"
    assert line["hnn[input=stacked] dice p"] == p_text(expected["p_adjusted"])
    assert not any(name.endswith(("std", "delta", "rank")) for name in line)
    record = json.loads(as_json(parts))
    assert [part["title"] for part in record] == [part.title for part in parts]
    assert record[1]["rows"][0]["cells"][0]["value"] == dict(parts[1].rows)["original"][0].value


class Text(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


def test_a_notebook_draws_the_same_tables(board: pd.DataFrame) -> None:
    drawn = show(board[board["task"] == "cad"], metric="ap")
    page = Text()
    page.feed(drawn._repr_html_())
    assert page.tags.count("table") == len(drawn.tables) == 2
    assert page.tags.count("caption") == 2
    for table in drawn.tables:
        for name, cells in table.rows:
            assert name in page.text
            assert all(cell.value in page.text for cell in cells)
        assert all(note in page.text for note in table.notes)
    assert "### " in drawn._repr_markdown_()
    assert repr(drawn) == str(drawn)
    columns = show(board, columns=LESIONS, numbers=("value", "p"))
    assert "hnn[input=stacked]: dice" in columns._repr_html_()


def test_hostile_names_do_nothing_in_a_notebook() -> None:
    evil = "<script>alert(1)</script>"
    cell = Cell(evil, evil, evil, evil, evil, delta_interval=evil, spread=evil, p=evil, rank=evil)
    table = Table(evil, (Heading(evil, "", evil),), ((evil, (cell,)),), ((evil,),), evil, (evil,), (evil,), "x")
    page = html(table)
    assert "<script" not in page
    assert page.count("&lt;script&gt;") >= 15
    assert Shown([table])._repr_html_() == page


def test_the_verb_prints_every_format(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["bench", "leaderboard", str(BOARDS / "cad.csv"), "--column", "cad:ap", "--column", "cad:auroc"]
    for format, mark in (
        ("table", "ap ↑"),
        ("markdown", "| enhancer |"),
        ("latex", "\\toprule"),
        ("csv", "cad ap value"),
    ):
        monkeypatch.setattr(sys, "argv", [*words, "--show", "value,p", "--format", format])
        with pytest.raises(SystemExit) as left:
            main()
        assert not left.value.code
        assert mark in capsys.readouterr().out
    monkeypatch.setattr(sys, "argv", [*words, "--format", "json", "--enhancer", "clahe"])
    with pytest.raises(SystemExit):
        main()
    (part,) = json.loads(capsys.readouterr().out)
    assert [r["enhancer"].split()[0] for r in part["rows"]] == ["clahe"]


@pytest.mark.parametrize("option", ["--show", "--enhancer"])
def test_what_goes_with_columns_alone_is_refused_without_any(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], option: str
) -> None:
    """Ignored, it would look as if the whole table were what was asked for."""
    monkeypatch.setattr(sys, "argv", ["bench", "leaderboard", str(BOARDS / "cad.csv"), option, "clahe"])
    with pytest.raises(SystemExit) as left:
        main()
    assert left.value.code == 2
    assert f"{option} goes with --column" in capsys.readouterr().err


def test_a_file_that_is_no_leaderboard_is_wrong_usage(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Status 1 of ``bench verify`` would say that rows came out otherwise."""
    other = tmp_path / "other.csv"
    other.write_text("a,b\n1,2\n")
    for verb in ("leaderboard", "verify"):
        monkeypatch.setattr(sys, "argv", ["bench", verb, str(other)])
        with pytest.raises(SystemExit) as left:
            main()
        assert (verb, left.value.code) == (verb, 2)
        assert "is no radbench leaderboard" in capsys.readouterr().err


def test_a_failed_seed_leaves_no_pooled_row_to_show(board: pd.DataFrame) -> None:
    own = board[board["task"] == "hnn[input=stacked]"]
    broken = own[~((own["enhancer"] == "sgan") & (own["n_seeds"] > 1))]
    with pytest.raises(UsageError, match="'sgan' has several seeds and no row that stands for them"):
        paper_tables(broken, ["hnn:dice"])
    assert not math.isnan(row(board, "hnn[input=stacked]", "sgan", "dice")["value"])


def test_parts_are_one_table_where_no_heading_stands_above_columns(board: pd.DataFrame) -> None:
    parts = paper_tables(board, LESIONS)
    whole = side_by_side(parts)
    assert [h.name for h in whole.headings] == [
        "grabcut[input=stacked]: dice",
        "hnn[input=stacked]: dice",
        "hnn[input=stacked]: recall",
    ]
    assert side_by_side(parts[:1]) is parts[0]


def test_the_python_of_the_docs_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    root = BOARDS.parent
    monkeypatch.chdir(root)
    found = re.findall(r"^```python\n(.*?)^```", (root / "docs" / "tables.md").read_text(), re.MULTILINE | re.DOTALL)
    assert len(found) == 2
    names: dict[str, object] = {}
    for text in found:
        exec(compile(text, "docs/tables.md", "exec"), names)
    by_type, shown_ = names["by_type"], names["shown"]
    assert isinstance(by_type, pd.DataFrame)
    assert isinstance(shown_, pd.DataFrame)
    assert "lesion-type=liver" in by_type.columns
    assert by_type.loc["sgan", "all"] == round(shown_.loc["sgan", "value"], 3)
