"""Studies: a file becomes runs and the paper's tables; what is done is not done again, what is not there says so."""

from __future__ import annotations

import csv
import io
import json
import math
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from radbench.cli import main
from radbench.contracts.errors import UsageError
from radbench.engine.plan.seeds import seeds_of
from radbench.engine.run.reporting import Silent
from radbench.engine.run.running import Options
from radbench.leaderboard.schema import read_leaderboard, write_csv
from radbench.registry.registry import load_registry
from radbench.studies.planning import Wish, plan_study
from radbench.studies.printing import as_table, records
from radbench.studies.results import Results, Shown, orders, results_in_leaderboards, sentences
from radbench.studies.running import StudyRun, results_so_far, run_study
from radbench.studies.study import Cell, Study, Table, load_study
from radbench.studies.writing import FORMATS, rendered

from .made_greys import PLUGIN, STUDY, ran


def text_of(folder: Path, name: str = "tables.txt") -> str:
    return (folder / "out" / name).read_text()


def test_a_study_prints_the_papers_figures_and_ours_on_its_scale(there: tuple[Path, StudyRun]) -> None:
    folder, done = there
    frame = read_leaderboard(folder / "out" / "films")
    row = frame[(frame["enhancer"] == "plus[amount=0.2]")].iloc[0]
    text = text_of(folder)
    assert f"{100 * row['value']:.1f}" in text
    assert f"[{100 * row['ci_low']:.1f}, {100 * row['ci_high']:.1f}]" in text
    assert "30.0 ± 3.0" in text
    assert "grey % x 100" in text
    assert "Made up." in text
    assert done.failed == 0


def test_what_differs_from_the_paper_is_said_of_each_row(there: tuple[Path, StudyRun]) -> None:
    text = " ".join(text_of(there[0]).split())
    assert "9 cases of 9 patients (paper: a thousand films (§1))" in text
    assert "More: amount 0.2 (0.4)" in text
    assert "Learnt: learnt from films[root=@" in text
    assert "(paper: other films (§2))" in text
    assert "Learnt: trained once" in text
    assert "Learnt: As told by hand." in text


def test_what_no_plugin_offers_says_so_and_stops_nothing(there: tuple[Path, StudyRun]) -> None:
    folder, done = there
    assert set(done.results.reasons) == {"other"}
    text = " ".join(text_of(folder).split())
    assert "Gone: not here: enhancer 'gone' is not installed here" in text
    assert "not here: task 'of-no-plugin' is not installed here" in text
    assert "bench reader-study make RUN" in text


def test_a_second_run_computes_nothing_and_gives_the_same_tables(there: tuple[Path, StudyRun]) -> None:
    folder, done = there
    before = {name: text_of(folder, name) for name in ("tables.txt", "tables.csv", "tables.tex", "tables.json")}
    again = ran(folder)
    assert done.computed > 0
    assert (again.computed, again.failed) == (0, 0)
    assert again.reused == done.computed + done.reused
    assert before == {name: text_of(folder, name) for name in before}


def test_what_was_run_is_published(there: tuple[Path, StudyRun]) -> None:
    frame = read_leaderboard(there[0] / "out" / "leaderboards" / "grey.csv")
    assert len(set(frame["enhancer"])) == 3


def test_results_are_found_in_published_leaderboards(there: tuple[Path, StudyRun]) -> None:
    folder, done = there
    study, base = load_study(str(folder / "study.toml"))
    registry = load_registry([folder / "studied_plugin.py"])
    runs = plan_study(registry, study, Wish(), base)
    results = results_in_leaderboards(registry, runs, [folder / "out" / "leaderboards"])
    for _, _, cell in study.tables[0].cells():
        mine, theirs = results.of(cell), done.results.of(cell)
        assert (mine.row is None) == (theirs.row is None)
        if mine.row is not None and theirs.row is not None:
            assert mine.row["value"] == theirs.row["value"]


@pytest.mark.parametrize(
    ("wish", "shown"),
    [
        (Wish(), {"original", "more", "learnt"}),
        (Wish(seeds=(0,)), {"original", "more", "learnt"}),
        (Wish(seeds=(3,)), {"original", "more"}),
        (Wish(precision="mixed"), set()),
        (Wish(limit=3), set()),
    ],
)
def test_rows_of_leaderboards_are_those_that_are_asked_for(
    there: tuple[Path, StudyRun], wish: Wish, shown: set[str]
) -> None:
    folder, _ = there
    study, base = load_study(str(folder / "study.toml"))
    registry = load_registry([folder / "studied_plugin.py"])
    runs = plan_study(registry, study, wish, base)
    results = results_in_leaderboards(registry, runs, [folder / "out" / "leaderboards"], wish.seeds)
    cells = {cell.enhancer: results.of(cell) for _, _, cell in study.tables[0].cells() if cell.enhancer != "gone"}
    assert {name for name, one in cells.items() if one.row is not None} == shown
    for name in cells.keys() - shown:
        assert "otherwise than it is asked for" in cells[name].reason


def altered(there: tuple[Path, StudyRun], **columns: Any) -> tuple[Any, Study, Results]:
    """Return the study's results with other things in the row of "more"."""
    folder, done = there
    study, _ = load_study(str(folder / "study.toml"))
    frame = done.results.frames["films"].copy()
    for name, value in columns.items():
        frame.loc[frame["enhancer"] == "plus[amount=0.2]", name] = value
    registry = load_registry([folder / "studied_plugin.py"])
    return registry, study, Results(done.results.runs, {"films": frame}, done.results.reasons)


def test_a_row_that_lacks_cases_is_marked_and_neither_placed_nor_ordered(there: tuple[Path, StudyRun]) -> None:
    def printed(*told: Any) -> tuple[dict[str, Any], Any, Any]:
        registry, study, results = told
        table = as_table(registry, study, study.tables[0], results)
        return {name: cells[1] for name, cells in table.rows}, table, [*orders(study.tables[0], results)]

    cells, table, (order,) = printed(*altered(there))
    assert not any(cell.incomplete for cell in cells.values())
    assert order.pairs == 3
    lacking = {"rank": math.nan, "rank_low": math.nan, "rank_high": math.nan, "n_cases": 7, "value": 0.999}
    cells, table, (order,) = printed(*altered(there, error="2 of 9 cases failed", **lacking))
    assert (cells["More"].value, cells["More"].incomplete, cells["More"].place) == ("99.9", True, 0)
    assert sorted(cells[name].place for name in ("Film", "Learnt")) == [1, 2]
    assert order.pairs == 1
    assert "More: †, not ranked: 2 of 9 cases failed" in table.remarks


def test_what_is_not_here_is_told_with_its_columns(there: tuple[Path, StudyRun]) -> None:
    registry, study, results = altered(there)
    table = study.tables[0]
    other = table.columns[0].model_copy(update={"heading": "By side", "facet": "left"})
    rows = tuple(row.model_copy(update={"printed": (), "spread": (), "texts": ()}) for row in table.rows)
    both = table.model_copy(update={"columns": (table.columns[0], other), "rows": rows})
    remarks = as_table(registry, study, both, results).remarks
    assert sum("there is no mean, left of it" in text for text in remarks) == 1
    (told,) = (text for text in remarks if "left" in text)
    assert told.endswith(" (By side): not here: there is no mean, left of it")
    assert "Gone: not here: enhancer 'gone' is not installed here" in remarks


def test_where_a_row_was_looked_for_is_said(there: tuple[Path, StudyRun], tmp_path: Path) -> None:
    folder, _ = there
    study, base = load_study(str(folder / "study.toml"))
    registry = load_registry([folder / "studied_plugin.py"])
    frame = read_leaderboard(folder / "out" / "leaderboards" / "grey.csv")
    write_csv(frame.assign(dataset="elsewhere", scores_digest=""), tmp_path / "grey.csv")
    results = results_in_leaderboards(registry, plan_study(registry, study, Wish(), base), [tmp_path / "grey.csv"])
    remarks = as_table(registry, study, study.tables[0], results).remarks
    assert any("not here: these leaderboards have no row of it under grey on films" in text for text in remarks)


def test_rows_of_another_precision_are_shown_and_said(there: tuple[Path, StudyRun], tmp_path: Path) -> None:
    folder, done = there
    frame = read_leaderboard(folder / "out" / "leaderboards" / "grey.csv")
    write_csv(frame.assign(precision="mixed", scores_digest=""), tmp_path / "grey.csv")
    study, base = load_study(str(folder / "study.toml"))
    registry = load_registry([folder / "studied_plugin.py"])
    for wish in (Wish(), Wish(precision="mixed")):
        runs = plan_study(registry, study, wish, base)
        results = results_in_leaderboards(registry, runs, [tmp_path / "grey.csv"])
        remarks = as_table(registry, study, study.tables[0], results).remarks
        assert "Learnt: trained in mixed precision" in remarks
    assert not any("mixed" in text for text in as_table(registry, study, study.tables[0], done.results).remarks)


def test_numbers_are_printed_as_leaderboards_print_them(there: tuple[Path, StudyRun]) -> None:
    registry, study, results = altered(there, delta=-0.0001, delta_ci_low=-0.002, delta_ci_high=math.nan)
    cell = as_table(registry, study, study.tables[0], results).rows[1][1][1]
    # A rounded zero has no side; an interval may have but one end.
    assert (cell.delta, cell.delta_interval) == ("0.0", "-0.2")
    registry, study, results = altered(there, value=math.inf, delta=-math.inf)
    cell = as_table(registry, study, study.tables[0], results).rows[1][1][1]
    assert (cell.value, cell.delta) == ("∞", "-∞")
    assert [record["n_cases"] for record in records(study, study.tables[0], results)][:2] == [9, 9]
    assert isinstance(next(records(study, study.tables[0], results))["n_cases"], int)


def test_what_the_papers_settings_are_is_not_passed_over_where_it_cannot_be_told(there: tuple[Path, StudyRun]) -> None:
    folder, done = there
    study = Study.model_validate(tomllib.loads(STUDY.replace("plus[amount=0.4]", "plus[gone=0.4]")))
    registry = load_registry([folder / "studied_plugin.py"])
    runs = {run.name: run for run in plan_study(registry, study, Wish(), folder)}
    results = Results(runs, done.results.frames, done.results.reasons)
    remarks = " ".join(as_table(registry, study, study.tables[0], results).remarks)
    assert "More: in what settings it differs from the paper's cannot be told" in remarks
    assert "gone" in remarks


def test_every_format_says_the_same(there: tuple[Path, StudyRun]) -> None:
    folder, done = there
    study, _ = load_study(str(folder / "study.toml"))
    registry = load_registry([folder / "studied_plugin.py"])
    texts = {name: rendered(registry, study, Wish(), done.results, name) for name in FORMATS}
    records = json.loads(texts["json"])
    assert len(records) == 6
    assert records[1]["place"] == "Table 1, row 'More', column 'grey %'"
    assert (records[1]["printed"], records[1]["printed_spread"]) == ("30.0", "3.0")
    lines = [*csv.DictReader(io.StringIO(texts["csv"]))]
    assert [line["row"] for line in lines] == [record["row"] for record in records]
    assert float(lines[1]["value"]) == records[1]["value"]
    assert texts["latex"].count(r"\begin{table}") == 3
    assert r"\toprule" in texts["latex"]
    assert "### Table 1: Greys" in texts["markdown"]


def test_another_data_set_takes_the_studys_place(there: tuple[Path, StudyRun], tmp_path: Path) -> None:
    folder, _ = there
    study, base = load_study(str(folder / "study.toml"))
    registry = load_registry([folder / "studied_plugin.py"])
    wish = Wish(datasets={"films": "films"}, shown=("table-1",), limit=3)
    options = Options("cpu", 1, debug=True, out=tmp_path / "mine")
    done = run_study(registry, study, wish, options, Silent(), base)
    shown = done.results.of(next(study.tables[0].cells())[2])
    assert shown.row is not None
    assert (shown.row["dataset"], shown.row["n_cases"]) == ("films", 3)
    assert wish.folder_name("greys") != Wish().folder_name("greys") == "study-greys-quick"
    with pytest.raises(UsageError, match="unknown run 'film'"):
        plan_study(registry, study, Wish(datasets={"film": "x"}), base)


def test_data_that_are_not_here_are_a_reason_and_no_crash(there: tuple[Path, StudyRun], tmp_path: Path) -> None:
    folder, _ = there
    study, base = load_study(str(folder / "study.toml"))
    options = Options("cpu", 1, debug=True, out=tmp_path / "paper")
    done = run_study(
        load_registry([folder / "studied_plugin.py"]),
        study,
        Wish(datasets={"": "no-such-set"}),
        options,
        Silent(),
        base,
    )
    assert "no-such-set" in done.results.reasons["films"]
    assert "no-such-set" in (tmp_path / "paper" / "tables.txt").read_text()


def cell(name: str, value: float, low: float, high: float, printed: float, **more: Any) -> Shown:
    rank = {"rank": (low + high) / 2, "rank_low": low, "rank_high": high}
    row = {
        "direction": "higher",
        "enhancer": name,
        "value": value,
        "reference": "",
        "p_adjusted": math.nan,
        **rank,
        **more,
    }
    return Shown(Cell(run="r", task="t", enhancer=name, metric="m", group="all", printed=str(printed)), row, ranked=3)


class Given(Results):
    """Results that are told."""

    def __init__(self, shown: dict[str, Shown]) -> None:
        super().__init__({}, {}, {})
        object.__setattr__(self, "shown", shown)

    def of(self, cell: Cell) -> Shown:
        return self.shown[cell.enhancer]  # type: ignore[attr-defined]


def table_of(*rows: Shown) -> tuple[Table, Given]:
    told = [{"name": s.cell.enhancer, "enhancer": s.cell.enhancer, "printed": [s.cell.printed]} for s in rows]
    columns = [{"heading": "M", "run": "r", "task": "t", "metric": "m"}]
    table = Table.model_validate({"name": "t", "place": "T", "caption": "c", "columns": columns, "rows": told})
    return table, Given({s.cell.enhancer: s for s in rows})


def test_an_order_is_shown_where_rank_intervals_do_not_meet() -> None:
    best, middle, worst = cell("a", 0.9, 1, 1, 9), cell("b", 0.5, 2, 3, 5), cell("c", 0.6, 2, 3, 4)
    (order,) = orders(*table_of(worst, best, middle))
    assert [row.name for row in order.rows] == ["a", "b", "c"]
    assert (order.pairs, order.alike, order.alike_shown, order.contrary, order.contrary_shown) == (3, 2, 2, 1, 0)
    (said,) = sentences([order])
    assert "of 3 pairs of rows that the paper tells apart, 2 stand in the same order here (2 of these shown)" in said
    assert "the paper's best, a, has rank 1 [1-1] of the 3 that the leaderboard ranks" in said


def test_an_order_is_shown_by_the_difference_to_the_reference() -> None:
    reference = cell("a", 0.5, 1, 2, 1)
    better = cell("b", 0.6, 1, 2, 2, reference="a", p_adjusted=0.01)
    (order,) = orders(*table_of(reference, better))
    assert "holds here, and that is shown" in order.said
    (order,) = orders(*table_of(reference, cell("b", 0.6, 1, 2, 2, reference="a", p_adjusted=0.06)))
    assert "holds here, but that is not shown" in order.said
    (order,) = orders(*table_of(reference, cell("b", 0.4, 1, 2, 2, reference="a", p_adjusted=0.01)))
    assert "is reversed here, and that is shown" in order.said


def test_lower_is_better_where_the_metric_says_so() -> None:
    rows = [cell("a", 1.0, 1, 1, 3, direction="lower"), cell("b", 2.0, 2, 2, 4, direction="lower")]
    (order,) = orders(*table_of(*rows))
    assert (order.alike, order.alike_shown) == (1, 1)
    assert order.rows[0].name == "a"


def test_equal_figures_of_the_paper_have_no_order() -> None:
    (order,) = orders(*table_of(cell("a", 0.5, 1, 1, 2), cell("b", 0.6, 2, 2, 2)))
    assert order.pairs == 0
    assert sentences([order]) == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (('enhancer = "more"', 'enhancer = "mroe"'), "names enhancer 'mroe', which run 'films' has not"),
        (("printed = [30.0]", "printed = [30.0, 1.0]"), "row 'More' has 2 in 'printed' for the 1 columns"),
        (('run = "films"', 'run = "film"'), "names no run that there is (films, other), but 'film'"),
        (("summary =", "sumary ="), "sumary"),
        (('radbench = ">=0.2"', 'radbench = ">=99"'), "wants radbench >=99"),
        (('radbench = ">=0.2"', 'nobody = ">=1"'), "wants nobody >=1, which is not installed"),
        (('radbench = ">=0.2"', 'radbench = "new"'), "must read >=0.2 or ==1.4.1"),
        (
            ("[runs.films.variants]", "[runs.films.variants]\nless = {quick = 'a', paper = 'b'}"),
            "variant 'less' is neither",
        ),
        (('name = "greys"', "name = "), "is no TOML"),
        (("[runs.other]", '[runs."../../other"]'), "String should match pattern"),
        (("[runs.other]", "[runs.leaderboards]"), "no run may be called 'leaderboards'"),
        (('name = "table-1"', 'name = "../table"'), "String should match pattern"),
        ((STUDY[STUDY.index("[[tables]]") :], ""), "tables: Field required"),
        (("printed = [30.0]", 'printed = ["about 30"]'), "'about 30' is no number as a paper prints it"),
    ],
)
def test_a_fault_of_the_file_is_said_with_its_place(tmp_path: Path, change: tuple[str, str], said: str) -> None:
    assert change[0] in STUDY
    file = tmp_path / "study.toml"
    file.write_text(STUDY.replace(*change, 1))
    with pytest.raises(UsageError) as error:
        plan_study(load_registry(), load_study(str(file))[0], Wish(), PLUGIN.parent)
    assert said in str(error.value)


def test_seeds_are_read_as_they_are_typed() -> None:
    assert seeds_of("0-2,7") == (0, 1, 2, 7)
    for wrong in ("", "a", "3-1", "1-", "0-99999999999"):
        with pytest.raises(UsageError, match="seeds"):
            seeds_of(wrong)


def test_the_verbs_print(
    there: tuple[Path, StudyRun], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, _ = there

    def left(*words: str) -> int:
        monkeypatch.setattr(sys, "argv", ["bench", "study", *words])
        with pytest.raises(SystemExit) as done:
            main()
        return int(done.value.code or 0)

    assert left("list") == 0
    assert "sgan-2018" in capsys.readouterr().out
    file = str(folder / "study.toml")
    assert left("show", file, "--table", "table-1", "--format", "markdown") == 0
    said = capsys.readouterr()
    assert "the paper's figures alone" in said.err
    assert "not here" not in said.out
    assert left("show", file, "--out", str(folder / "out"), "--table", "table-1") == 0
    assert "a thousand films" in capsys.readouterr().out
    assert left("run", file, "--plan") == 0
    assert "other: cannot be run: task 'of-no-plugin' is not installed here" in capsys.readouterr().out
    assert left("run", file, "--out", str(folder / "out"), "--debug", "--device", "cpu", "--jobs", "1") == 1
    said = capsys.readouterr()
    assert "nothing recomputed" in said.err
    assert "1 run not run (other)" in said.err
    assert left("show", "sgan-2081") == 2
    assert "did you mean 'sgan-2018'" in capsys.readouterr().err


def test_what_a_study_holds_so_far_is_shown(there: tuple[Path, StudyRun]) -> None:
    folder, done = there
    study, base = load_study(str(folder / "study.toml"))
    runs = plan_study(load_registry([folder / "studied_plugin.py"]), study, Wish(), base)
    found = results_so_far(runs, folder / "out")
    assert {name: len(frame) for name, frame in found.frames.items()} == {"films": len(done.results.frames["films"])}
    assert isinstance(study, Study)
