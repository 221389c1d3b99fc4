"""The studies that come with the package: the figures are the papers', and the labels are what plugins offer."""

from __future__ import annotations

import json
import re
from itertools import pairwise
from pathlib import Path

import pytest

from radbench.engine.plan.layers import looked_at_by
from radbench.leaderboard.schema import read_leaderboard
from radbench.registry.registry import load_attribute, load_registry
from radbench.studies.figure import CASE
from radbench.studies.planning import Wish, plan_of, plan_study
from radbench.studies.printing import as_table
from radbench.studies.results import results_in_leaderboards
from radbench.studies.study import load_study, shipped
from radbench.studies.writing import FORMATS, rendered

ROOT = Path(__file__).resolve().parents[3]
PAPERS = ROOT.parent / "shared" / "papers"
BOARDS = [ROOT / "leaderboards" / f"{task}.csv" for task in ("grabcut", "hnn")]
STUDIES = [load_study(name)[0] for name in shipped()]


def windows(text: str, place: str) -> list[str]:
    """Return what follows each mention of a table's caption, or all where the place is a section."""
    if place.startswith("§"):
        return [text]
    starts = [m.start() for m in re.finditer(re.escape(place) + r"[.:]", text)]
    return [text[max(0, start - 2500) : start + 2500] for start in starts]


def numbers(text: str) -> list[float]:
    plain = re.sub(r"<[^>]*>", "", text).replace(r"\pm", " ").replace("(.", "(0.").replace("\xb1", " ")
    return [float(found) for found in re.findall(r"(?<![\w.])\d*\.?\d+(?![\w])", plain)]


def stands_in(wanted: list[float], found: list[float]) -> bool:
    n = len(wanted)
    return any(found[k : k + n] == wanted for k in range(len(found) - n + 1))


@pytest.mark.parametrize(
    ("study", "table"), [(s, t) for s in STUDIES for t in s.tables if s.name != "xraysyn-2020"], ids=lambda x: x.name
)
def test_every_printed_figure_stands_in_the_papers_text(study, table):  # type: ignore[no-untyped-def]
    file = PAPERS / f"{study.name.rpartition('-')[0]}.txt"
    if not file.exists():
        pytest.skip("needs ../shared/papers: not present")
    places = [numbers(window) for window in windows(file.read_text(), table.place)]
    assert places, f"{table.place} is not in the text"
    for row in table.rows:
        if not row.printed:
            continue
        values, spreads = [*map(float, row.printed)], [*map(float, row.spread)]
        both = [n for pair in zip(values, spreads, strict=True) for n in pair] if spreads else values
        # A row may be printed as one line, as two lines of values and of deviations, or broken after the fourth column.
        ways = [[both], [values, spreads], [both[:8], both[8:]], [[value] for value in values]]
        ways = ways if table.place.startswith("§") else ways[:3]
        fits = [all(stands_in(part, found) for part in way if part) for found in places for way in ways]
        assert any(fits), (table.place, row.name)


@pytest.mark.parametrize("table", ["table-1-simulated", "table-1-real", "table-4"])
def test_every_figure_of_xraysyn_stands_in_the_papers_text(table):  # type: ignore[no-untyped-def]
    """Its tables lie in the text column by column, each PSNR with its SSIM: the pairs are looked for."""
    file = PAPERS / "xraysyn.txt"
    if not file.exists():
        pytest.skip("needs ../shared/papers: not present")
    text = file.read_text().replace("2031/0.754", "20.31/0.754")
    study = next(study for study in STUDIES if study.name == "xraysyn-2020")
    for row in study.table(table).rows:
        pairs = [f"{a}/{b}" for a, b in zip(row.printed[::2], row.printed[1::2], strict=False) if a]
        assert pairs
        assert [pair for pair in pairs if pair not in text] == [], row.name
        # A row of pairs on one line of the text stands in the order of the columns.
        rest = row.printed[len(pairs) * 2 :] if len(row.printed) % 2 else ()
        assert all(f"\n{figure}\n" in text for figure in rest)
    if table == "table-4":
        average = [sum(map(float, row.printed[::2])) / 10 for row in study.table(table).rows]
        over_twenty = [float(row.printed[6]) for row in study.table("table-1-simulated").rows]
        # Ten views of the supplement, and twenty of Table 1, lie near each other.
        assert all(abs(a - b) < 0.25 for a, b in zip(average, over_twenty, strict=True))


def test_the_network_is_the_one_that_xraysyn_prints_but_for_its_last_channels():
    table = next(study for study in STUDIES if study.name == "xraysyn-2020").table("table-3")
    found = load_attribute(table.check)()
    differ = {
        (row.name, column.heading): (row.texts[k], found[row.name, column.heading])
        for row in table.rows
        for k, column in enumerate(table.columns)
        if found[row.name, column.heading] != row.texts[k]
    }
    assert differ == {("CONV11", "Nc"): ("2", "3")}
    assert set(found) == {(row.name, column.heading) for row in table.rows for column in table.columns}


def test_every_figure_that_a_paper_draws_of_scores_is_there():
    figures = {study.name: [figure.place for figure in study.figures] for study in STUDIES}
    # Of boxes those of the guided U-Net; the others show images alone. XraySyn's are of views.
    assert figures["guided-unet-2023"] == ["Figure 6", "Figure 7", "Figure 8", "Figure 10", "Figure 11"]
    assert figures["lung-unet-2018"] == ["Figure 6", "Figure 7", "Figure 8"]
    assert figures["bone-unet-2020"] == ["Figure 5", "Figure 6"]
    assert figures["sgan-2018"] == ["Figure 1"]
    assert figures["xraysyn-2020"] == []


def test_every_study_of_the_five_papers_is_there_with_all_its_tables():
    tables = {study.name: [table.place for table in study.tables] for study in STUDIES}
    assert tables["lung-unet-2018"] == ["§3.1", "Table 1", "Table 2"]
    assert tables["bone-unet-2020"] == ["Table 1"]
    assert tables["sgan-2018"] == ["Table 1", "Table 2"]
    assert tables["xraysyn-2020"] == ["Table 1", "Table 1", "Table 3", "Table 4"]
    assert tables["guided-unet-2023"] == ["Table I", "Table II", "Table III", "Table IV", "Table V"]


@pytest.mark.parametrize("study", STUDIES, ids=lambda study: study.name)
def test_every_label_is_one_that_plugins_offer_and_every_metric_one_of_its_task(study):  # type: ignore[no-untyped-def]
    registry = load_registry()
    runs = {run.name: run for run in plan_study(registry, study, Wish())}
    offered = {kind: set(registry.names(kind)) for kind in ("enhancer", "task")}
    assert {name: dict(run.missing) for name, run in runs.items() if run.missing} == {}
    for table in study.tables:
        if table.kind != "scores":
            continue
        for row, _, cell in table.cells():
            if row.only_printed or cell.task not in runs[cell.run].tasks:
                continue
            part = runs[cell.run].tasks[cell.task]
            assert part.name in offered["task"]
            assert set(cell.metrics) & {metric.name for metric in part.spec.metrics}, (table.name, cell.metric)
    for figure in study.figures:
        for panel in figure.panels:
            task = runs[panel.run].tasks[panel.task]
            assert figure.kind == "images" or panel.metric in {metric.name for metric in task.spec.metrics}
            for entry in figure.entries:
                kept = {*looked_at_by(task)} & {*runs[panel.run].enhancers[entry.enhancer].spec.layers}
                assert {*entry.layer.split("|")} & {CASE, "", *kept}, (figure.name, entry.name)


@pytest.mark.parametrize("study", STUDIES, ids=lambda study: study.name)
def test_every_run_is_planned_here_and_each_cell_has_a_pair_that_applies(study):  # type: ignore[no-untyped-def]
    registry = load_registry()
    runs = {run.name: run for run in plan_study(registry, study, Wish())}
    plans = {name: plan_of(registry, run) for name, run in runs.items()}
    assert {name: plan for name, plan in plans.items() if isinstance(plan, str)} == {}
    applies = {
        (name, pair.task.label, pair.enhancer.label)
        for name, plan in plans.items()
        for pair in plan.pairs
        if not pair.reason
    }
    for table in study.tables:
        for _, _, cell in table.cells() if table.kind == "scores" else ():
            if not cell.only_printed:
                run = runs[cell.run]
                label = (cell.run, run.tasks[cell.task].label, run.enhancers[cell.enhancer].label)
                assert label in applies


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("study", STUDIES, ids=lambda study: study.name)
def test_every_table_is_printed_in_every_format_before_anything_was_run(study, format):  # type: ignore[no-untyped-def]
    text = rendered(load_registry(), study, Wish(), None, format)
    for table in study.tables:
        for row in table.rows:
            assert all(figure in text for figure in row.printed), (table.name, row.name)
    if format == "json":
        assert len(json.loads(text)) == sum(len(table.rows) * len(table.columns) for table in study.tables)


@pytest.mark.parametrize("study", STUDIES, ids=lambda study: study.name)
def test_the_two_profiles_name_one_enhancer(study):  # type: ignore[no-untyped-def]
    for run in study.runs.values():
        for label in run.variants.values():
            assert label.quick.partition("[")[0] == label.paper.partition("[")[0]


def test_sgan_is_printed_from_the_published_leaderboards():
    study, _ = load_study("sgan-2018")
    registry = load_registry()
    results = results_in_leaderboards(registry, plan_study(registry, study, Wish()), BOARDS)
    printed = as_table(registry, study, study.table("table-1"), results)
    frame = read_leaderboard(ROOT / "leaderboards" / "grabcut.csv")
    own = frame[(frame["task"] == "grabcut[input=stacked]") & (frame["metric"] == "dice") & (frame["group"] == "all")]
    own = own[(own["n_seeds"] != 1) & (own["facet"] == "")]
    values = {row["enhancer"]: row["value"] for row in own.to_dict("records")}
    column = [
        k for k, heading in enumerate(printed.headings) if (heading.name, heading.remark) == ("GrabCut, Dice", "here")
    ]
    found = {name: cells[column[0]].value for name, cells in printed.rows}
    expected = {row.name: f"{values[row.enhancer]:.3f}" for row in study.table("table-1").rows}
    assert found == expected
    assert any("pairs of rows that the paper tells apart" in note for note in printed.notes)
    assert any(remark.startswith("OG+SGAN") or "OG+SGAN" in remark.partition(":")[0] for remark in printed.remarks)


def test_a_figure_of_the_paper_stands_on_the_scale_that_the_leaderboard_has():
    """A table of the same scale: within tenfold of each other, where both are there."""
    registry = load_registry()
    for study in STUDIES:
        tasks = {task.partition("[")[0] for run in study.runs.values() for task in run.tasks}
        boards = [file for task in sorted(tasks) if (file := ROOT / "leaderboards" / f"{task}.csv").exists()]
        if not boards:
            continue
        results = results_in_leaderboards(registry, plan_study(registry, study, Wish()), boards)
        for table in (t for t in study.tables if t.kind == "scores"):
            for row, column, cell in table.cells():
                if row.only_printed or not cell.printed:
                    continue
                shown = results.of(cell)
                # What stands in for the paper's metric, as a distance on random features, has a scale of its own.
                if shown.row is not None and shown.row["metric"] == column.metric.partition("|")[0]:
                    assert 0.1 < column.scale * shown.row["value"] / cell.figure < 10, (table.name, column.heading)


def test_figures_that_stand_twice_in_a_paper_agree():
    guided = next(study for study in STUDIES if study.name == "guided-unet-2023")
    third, fourth, fifth = (guided.table(f"table-{k}") for k in (3, 4, 5))
    ours = {row.name: row.printed for row in third.rows}
    assert fourth.rows[1].printed == fifth.rows[3].printed == ours["Ours"][:2]
    assert fifth.rows[0].printed == ours["Original"][:2]
    assert all(a != b for a, b in pairwise(row.printed for row in fourth.rows))
