"""A study's figures: boxes of the cases behind its rows, stars where the test says so, images as they were made."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path

import numpy as np
import pytest

from radbench.contracts.errors import UsageError
from radbench.registry.registry import load_registry
from radbench.studies.boxes import box_panels
from radbench.studies.figure import Figure
from radbench.studies.figures import PrintedFigure, as_latex, as_markdown, as_text, print_figure
from radbench.studies.images import image_lines
from radbench.studies.planning import Wish, plan_study
from radbench.studies.results import results_in_leaderboards
from radbench.studies.running import StudyRun
from radbench.studies.study import load_study
from radbench.studies.writing import write_study

from .made_greys import STUDY, ran

There = tuple[Path, StudyRun]
TWO = '{ name = "More", enhancer = "more" },\n  { name = "Gone"'
GREYS = sorted((k * k % 13) / 20 for k in range(9))


def test_a_figure_is_written_beside_the_tables_with_its_numbers(there: There) -> None:
    folder, done = there
    assert [one.name for one in done.figures] == ["figure-1", "figure-2", ""]
    for name in ("figure-1", "figure-2"):
        assert (folder / "out" / f"{name}.svg").read_text().startswith("<?xml")
        assert (folder / "out" / f"{name}.pdf").read_bytes().startswith(b"%PDF-")
    rows = list(csv.DictReader(io.StringIO((folder / "out" / "figures.csv").read_text())))
    assert [row["entry"] for row in rows] == ["Film", "More"]
    film, more = rows
    # On the paper's scale, by numpy from the files themselves.
    for name, expected in (
        ("mean", np.mean(GREYS)),
        ("quartile_1", np.percentile(GREYS, 25)),
        ("median", np.median(GREYS)),
        ("quartile_3", np.percentile(GREYS, 75)),
        ("whisker_low", min(GREYS)),
        ("whisker_high", max(GREYS)),
    ):
        assert float(film[name]) == pytest.approx(100 * expected, abs=1e-4)
        assert float(more[name]) == pytest.approx(100 * (expected + 0.2), abs=1e-4)
    assert (film["n_cases"], film["n_patients"]) == ("9", "9")
    # Nine differences of one sign: the exact p is 2 / 2^9, and there is one comparison.
    assert film["p_adjusted"] == f"More: {2 / 2**9!r}"
    told = json.loads((folder / "out" / "figures.json").read_text())
    assert told[1]["p_adjusted"] == {"Film": 2 / 2**9}


def test_what_lacks_in_a_figure_is_said_below_it(there: There) -> None:
    folder, done = there
    first, second, third = done.figures
    assert first.remarks == (
        "Gone: not here: enhancer 'gone' is not installed here",
        "Film, More (x): not here: task 'of-no-plugin' is not installed here",
    )
    assert "films: Gone: enhancer 'gone' is not installed here" in second.remarks
    assert "films: Bones: its run kept no layer 'bone_image' (there is none)" in second.remarks
    assert third.remarks == ("Film: not here: task 'of-no-plugin' is not installed here",)
    text = (folder / "out" / "tables.txt").read_text()
    assert "Figure 1: Greys\nfigure-1.svg, figure-1.pdf\n" in text
    assert "Figure 3: Of another task\nnot drawn\n" in text
    assert "By hand." in text
    # Of two panels one has boxes: three entries wide, and no other beside it.
    width = float(re.search(r'width="([\d.]+)pt"', (folder / "out" / "figure-1.svg").read_text())[1])  # type: ignore[index]
    assert width == pytest.approx(72 * (0.75 + 3 * 0.78), rel=0.01)
    assert "![Figure 1: Greys](figure-1.svg)" in (folder / "out" / "tables.md").read_text()
    assert r"\includegraphics[width=\linewidth]{figure-1}" in (folder / "out" / "tables.tex").read_text()


def test_a_bracket_stands_where_the_test_finds_a_difference(there: There) -> None:
    folder, done = there
    study, _ = load_study(str(folder / "study.toml"))
    (panel, other) = box_panels(study.figures[0], done.results)
    assert [(one.first, one.second, one.stars) for one in panel.compared] == [(1, 0, "**")]
    assert panel.heading == "grey % ↑"
    assert (other.compared, other.heading) == ([], "x")


def test_images_are_those_that_the_enhancers_made(there: There) -> None:
    folder, done = there
    study, _ = load_study(str(folder / "study.toml"))
    lines, _ = image_lines(study.figures[1], done.results)
    assert len(lines) == 2
    for line in lines:
        came, more, bones, gone = line.images
        assert bones is None
        assert gone is None
        assert came.shape == more.shape == (4, 4)
        assert more == pytest.approx(came + 0.2)
        assert any(came == pytest.approx(grey) for grey in GREYS)
    # By their digests: neither by name nor by look.
    assert [line.case for line in lines] == sorted(line.case for line in lines)
    svg = (folder / "out" / "figure-2.svg").read_text()
    assert len(re.findall(r"<image ", svg)) == 4


def test_figures_of_leaderboards_have_the_same_boxes_and_no_images(there: There, tmp_path: Path) -> None:
    folder, done = there
    study, base = load_study(str(folder / "study.toml"))
    registry = load_registry([folder / "studied_plugin.py"])
    runs = plan_study(registry, study, Wish(), base)
    results = results_in_leaderboards(registry, runs, [folder / "out" / "leaderboards"])
    first, second, _ = write_study(registry, study, Wish(), results, tmp_path)
    assert first.records == done.figures[0].records
    assert (tmp_path / "figure-1.svg").read_bytes() == (folder / "out" / "figure-1.svg").read_bytes()
    assert second.remarks == ("films: a leaderboard has no images: 'bench study run' makes them",)
    assert not (tmp_path / "figure-2.svg").exists()


def test_figures_of_an_earlier_time_go_where_nothing_can_be_drawn(there: There, tmp_path: Path) -> None:
    folder, done = there
    study, _ = load_study(str(folder / "study.toml"))
    (tmp_path / "figure-3.svg").write_text("old")
    assert print_figure(study, study.figures[2], done.results, tmp_path).name == ""
    assert [*tmp_path.iterdir()] == []


def test_one_table_alone_leaves_the_files_of_the_whole_study_whole(there: There) -> None:
    folder, _ = there
    names = [f"tables.{ending}" for ending in ("txt", "md", "tex", "csv", "json")]
    names += ["figures.csv", "figures.json", "figure-1.svg", "figure-1.pdf", "figure-2.svg", "figure-2.pdf"]
    before = {name: (folder / "out" / name).read_bytes() for name in names}
    for shown in ("table-1", "table-3", "figure-1"):
        done = ran(folder, Wish(shown=(shown,)))
        assert {name: (folder / "out" / name).read_bytes() for name in names} == before
        assert [one.name for one in done.figures] == (["figure-1"] if shown == "figure-1" else [])
        assert set(done.results.runs) == {"table-1": {"films"}, "table-3": set()}.get(shown, {"films", "other"})
    with pytest.raises(UsageError, match="unknown table or figure 'figure-9'"):
        ran(folder, Wish(shown=("figure-9",)))


@pytest.mark.parametrize(
    ("written", "instead", "said"),
    [
        ('against = "Film"', 'against = "Flim"', "compares with 'Flim', which it does not show"),
        ('name = "figure-3"', 'name = "table-3"', "two tables or figures have one name"),
        (TWO, TWO.replace("More", "Film"), "have one name"),
        ('task = "grey", metric = "mean", scale = 100 }', 'task = "grey" }', "names no metric"),
        (
            '{ name = "Film", enhancer = "original" },',
            '{ name = "Film", enhancer = "original", layer = "case" },',
            "layer",
        ),
        (
            '[{ name = "Film", enhancer = "original" }]',
            '[{ name = "Film", enhancer = "lost" }]',
            "names enhancer 'lost'",
        ),
        ("cases = 2", "cases = 0", "greater than or equal to 1"),
    ],
)
def test_a_fault_of_a_figure_is_said(tmp_path: Path, written: str, instead: str, said: str) -> None:
    assert written in STUDY
    (tmp_path / "study.toml").write_text(STUDY.replace(written, instead))
    with pytest.raises(UsageError, match=said):
        load_study(str(tmp_path / "study.toml"))


def test_hostile_texts_of_a_figure_are_escaped() -> None:
    title = r"Figure 1: \input{x} & 50 % <b>_a_</b>"
    told = PrintedFigure(title, "figure-1", "greys-figure-1", (r"$\write18$ #1",), ("{x}~^",))
    tex = as_latex(told)
    assert r"\input{x}" not in tex
    assert r"\textbackslash{}input\{x\} \& 50 \%" in tex
    assert r"\write18" not in tex
    page = as_markdown(told)
    assert "<b>" not in page.replace(r"\<b\>", "")
    assert title in as_text(told)
    # Nothing that was not drawn is included.
    assert as_latex(PrintedFigure("a\nb", "", "x", (), ())) == "% a b.\n"


BOARDS = Path(__file__).resolve().parents[3] / "leaderboards"


@pytest.mark.parametrize(
    ("name", "board", "panel"),
    [
        ("guided-unet-2023", "image-quality", {"run": "nih", "task": "image-quality", "metric": "brisque"}),
        ("sgan-2018", "hnn", {"run": "lesions", "task": "hnn[input=stacked]", "metric": "dice"}),
        (
            "sgan-2018",
            "grabcut",
            {
                "run": "lesions",
                "task": "grabcut[input=stacked]",
                "metric": "recall",
                "group": "lesion-type=bone",
            },
        ),
    ],
)
def test_boxes_of_published_rows_stand_on_the_cases_behind_them(name: str, board: str, panel: dict[str, str]) -> None:
    study, _ = load_study(name)
    registry = load_registry()
    file = BOARDS / f"{board}.csv"
    results = results_in_leaderboards(registry, plan_study(registry, study, Wish()), [file])
    entries = [{"name": one, "enhancer": one} for one in study.runs[panel["run"]].enhancers]
    figure = Figure.model_validate(
        {"name": "f", "place": "F", "caption": "", "against": "original", "entries": entries}
        | {"panels": [{"heading": "h", **panel}]}
    )
    (drawn,) = box_panels(figure, results)
    boxes = {k: box for k, box in enumerate(drawn.boxes) if box.cases}
    assert len(boxes) > 1
    for box in boxes.values():
        assert box.row is not None
        assert np.mean([*box.cases.values()]) == pytest.approx(box.row["value"], rel=1e-9)
        assert len(box.cases) == box.row["n_cases"]
        assert len({*box.patients.values()}) == box.row["n_patients"]


@pytest.mark.parametrize("enhancer", ["fattal", "preprocess"])
def test_the_test_of_two_boxes_is_the_published_one(enhancer: str) -> None:
    study, _ = load_study("guided-unet-2023")
    registry = load_registry()
    results = results_in_leaderboards(registry, plan_study(registry, study, Wish()), [BOARDS / "image-quality.csv"])
    entries = [{"name": one, "enhancer": one} for one in ("original", enhancer)]
    panels = [{"heading": m, "run": "nih", "task": "image-quality", "metric": m} for m in ("brisque", "lpc_si")]
    figure = {"name": "f", "place": "F", "caption": "", "entries": entries, "panels": panels}
    for panel in box_panels(Figure.model_validate(figure), results):
        (compared,) = panel.compared
        row = panel.boxes[1].row
        assert row is not None
        assert compared.p == pytest.approx(row["p_wilcoxon"], rel=1e-9)
        assert 0 < compared.p < 0.05
