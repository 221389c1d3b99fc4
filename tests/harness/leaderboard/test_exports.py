"""Tables as a paper prints them: what is marked, what is said below, and that every format holds it."""

from __future__ import annotations

import dataclasses
import io
import json
import math
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal
from rich.cells import cell_len
from rich.console import Console

from radbench.contracts import MetricSpec, Status, UsageError
from radbench.contracts.evidence import Prediction
from radbench.leaderboard.aggregate import PairResult, leaderboard_rows
from radbench.leaderboard.exports import FORMATS, render, renderable, select
from radbench.leaderboard.latex import escape
from radbench.leaderboard.privacy import publishable
from radbench.leaderboard.ranking import places
from radbench.leaderboard.schema import COLUMNS, read_leaderboard
from radbench.leaderboard.tabulate import decimals, tables
from radbench.leaderboard.verdicts import UNTESTED

METRICS = (MetricSpec("dice", "higher"), MetricSpec("recall", "higher"), MetricSpec("brisque", "lower"))
GROUPS = ("bone", "liver", "soft tissue")
LONG = "images[root=/data/of/some_one/enhanced&sorted]"


def pair(enhancer: str, shift: float, skip: int = -1, **changes: Any) -> PairResult:
    noise = np.random.default_rng(sum(map(ord, enhancer)))
    base = np.random.default_rng(1).uniform(0.4, 0.8, 60)
    evidence = {
        f"c{k:02}": {
            "dice": float(base[k] + shift + noise.normal(0, 0.01)),
            "recall": float(base[k] - shift),
            "brisque": float(40 + 10 * base[k] - 50 * shift),
        }
        for k in range(60)
        if k != skip
    }
    facts: dict[str, Any] = {
        "task": "grabcut",
        "dataset": "phantom-lesions",
        "metrics": METRICS,
        "evidence": evidence,
        "failures": {f"c{skip:02}": "it returned NaN"} if skip >= 0 else {},
        "patients": {f"c{k:02}": f"p{k // 2}" for k in range(60)},
        "groups": {f"c{k:02}": {"lesion": GROUPS[k % 3]} for k in range(60)},
        "expected_cases": 60,
        "dataset_fingerprint": "a1b2c3d4" * 8,
        "task_digest": "9f8e7d6c5b4a3928",
        "created_utc": "2025-11-21T08:00:00Z",
    }
    return PairResult(split="test", profile="quick", enhancer=enhancer, **{"seed": None, **facts, **changes})


PAIRS = (
    pair("original", 0.0),
    pair("clahe", 0.05),
    pair("wls", 0.02),
    pair(LONG, -0.02),
    pair("sharpest_100%", 0.09, skip=7),
    pair("he", 0.0, status=Status.CRASHED, error="died\n(signal 9) at 50 % of_it", evidence={}),
)
BOARD = leaderboard_rows(PAIRS, 300)


def text(format: str, **options: Any) -> str:
    return render(BOARD, format, **options)


def test_the_best_is_marked_first_and_the_next_second_and_ties_are_all_marked() -> None:
    assert places(["0.8", "0.9", "0.7", None], lower=False) == [2, 1, 0, 0]
    assert places(["0.8", "0.9", "0.7", None], lower=True) == [2, 0, 1, 0]
    assert places(["0.9", "0.9", "0.8", "0.8", "0.1"], lower=False) == [1, 1, 2, 2, 0]
    assert places(["0.9", None], lower=False) == [0, 0]


@pytest.mark.parametrize(
    ("values", "expected"),
    [([0.7, 0.9], 3), ([38.2, 40.1], 2), ([1.0], 3), ([0.031], 4), ([0.0004], 6), ([0.0], 3), ([math.nan], 3)],
)
def test_decimals_follow_the_size_of_the_scores(values: list[float], expected: int) -> None:
    assert decimals(values) == expected


def test_original_stands_first_then_best_to_worst_then_unranked_then_failed() -> None:
    table = next(tables(BOARD))
    assert [name for name, _ in table.rows] == ["original", "clahe", "wls", LONG, "sharpest_100%", "he"]


def test_marks_follow_the_direction_and_leave_out_incomplete_rows() -> None:
    table = next(tables(BOARD))
    marks = {name: [cell.place for cell in cells] for name, cells in table.rows}
    assert marks == {
        "original": [0, 2, 0],
        "clahe": [1, 0, 1],
        "wls": [2, 0, 2],
        LONG: [0, 1, 0],
        "sharpest_100%": [0, 0, 0],
        "he": [0, 0, 0],
    }
    incomplete = dict(table.rows)["sharpest_100%"]
    assert all(cell.incomplete for cell in incomplete)
    assert dict(table.rows)["he"][0].value == "crashed"


def test_stars_are_those_of_the_adjusted_p_value() -> None:
    board = BOARD.copy()
    at = (board["enhancer"] == "wls") & (board["group"] == "all")
    for p, stars in ((0.001, "***"), (0.0011, "**"), (0.01, "**"), (0.011, "*"), (0.05, "*"), (0.051, ""), (0.9, "")):
        board.loc[at, "p_adjusted"] = p
        assert {c.stars for c in dict(next(tables(board)).rows)["wls"]} == {stars}


def test_the_notes_say_what_the_table_is_made_of() -> None:
    told = leaderboard_rows([dataclasses.replace(p, given="recist") for p in PAIRS], 300)
    table = next(tables(told))
    notes = " ".join(table.notes)
    assert table.title == "grabcut on phantom-lesions, test split (60 cases of 30 patients)"
    for said in (
        "Profile quick, data a1b2c3d4, task 9f8e7d6c",
        "given: recist",
        "(t and bootstrap-t over patients)",
        "p ≤ 0.05, 0.01, 0.001 adjusted for 3 comparisons of the primary metric",
        "95 %",
    ):
        assert said in notes
    assert table.remarks == (
        "sharpest_100%: 1 of 60 cases failed ('c07'): it returned NaN",
        "he: crashed: died (signal 9) at 50 % of_it",
    )


def test_groups_get_a_second_table_of_the_first_metric() -> None:
    first, second = tables(BOARD)
    assert [(h.name, h.remark) for h in second.headings] == [("all", "n = 60"), *((g, "n = 20") for g in GROUPS)]
    assert second.title.startswith("dice by lesion")
    complete = dict(second.rows)["sharpest_100%"]
    assert [cell.incomplete for cell in complete] == [True, False, True, False]
    assert len(first.ranks) == 6
    assert second.ranks == ()


def test_one_metric_alone_leads_its_own_tables() -> None:
    first, second = tables(BOARD[BOARD["metric"].isin(["brisque", ""])])
    assert [h.name for h in first.headings] == ["brisque"]
    assert second.title.startswith("brisque by lesion")


def test_rows_on_other_data_are_never_in_one_table() -> None:
    other = leaderboard_rows([pair("original", 0.0, dataset_fingerprint="ff" * 32, groups={})], 300)
    board = pd.concat([BOARD, other], ignore_index=True)
    made = list(tables(board))
    assert len(made) == 3
    assert all("do not compare" in " ".join(t.notes) for t in made)
    assert len({t.slug for t in made}) == 3
    assert "do not compare" not in " ".join(next(tables(BOARD)).notes)


def test_the_newest_of_several_runs_stands() -> None:
    newer = leaderboard_rows([pair("wls", 0.3, created_utc="2026-01-01T00:00:00Z")], 300)
    table = next(tables(pd.concat([newer, BOARD], ignore_index=True)))
    assert dict(table.rows)["wls"][0].place == 1
    assert "newest rows stand" in " ".join(table.notes)


def test_a_board_of_failures_alone_is_a_table_of_statuses() -> None:
    board = leaderboard_rows([pair("he", 0, metrics=(), evidence={}, status=Status.TIMEOUT, error="600 s")], 300)
    for format in ("table", "markdown", "latex"):
        assert "timeout" in render(board, format)


@pytest.mark.parametrize("width", [None, 140, 80, 60])
def test_the_text_table_keeps_to_its_width_and_loses_nothing(width: int | None) -> None:
    shown = text("table", width=width)
    lines = shown.splitlines()
    assert "\x1b" not in shown
    assert "…" not in shown
    assert not any(line != line.rstrip() for line in lines)
    if width:
        assert max(map(cell_len, lines)) <= width
    packed = re.sub(r"\s", "", shown)
    for said in ("#1", "#2", "crashed", "dice↑", "brisque↓", "n=20", "**Δ+0.0"):
        assert said in packed
    for row in BOARD[(BOARD["group"] == "all") & (BOARD["metric"] == "dice") & (BOARD["status"] == "ok")].itertuples():
        assert f"{row.value:.3f} ± {row.std:.3f}" in shown
        assert f"[{row.ci_low:.3f}, {row.ci_high:.3f}]" in shown


def test_a_terminal_gets_bold_and_underline_at_its_own_width() -> None:
    console = Console(file=io.StringIO(), width=80, force_terminal=True, color_system="standard")
    console.print(renderable(BOARD))
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    assert "\x1b[1m#1 " in shown
    assert "\x1b[4m#2 " in shown
    assert max(cell_len(re.sub(r"\x1b\[[0-9;]*m", "", line)) for line in shown.splitlines()) <= 80


def test_brackets_in_names_are_not_taken_for_rich_markup() -> None:
    board = leaderboard_rows([pair("original", 0.0), pair("gamma[bold=1]", 0.1)], 300)
    assert "gamma[bold=1]" in render(board, "table")


def test_markdown_rows_have_equally_many_cells_and_escape_what_marks_up() -> None:
    shown = text("markdown")
    blocks = re.findall(r"(?:^\|.*\|\n)+", shown, flags=re.M)
    assert len(blocks) == 2
    for block in blocks:
        counts = {len(re.findall(r"(?<!\\)\|", line)) for line in block.splitlines()}
        assert len(counts) == 1
        assert re.fullmatch(r"\| :-- (\| --: )+\|", block.splitlines()[1])
    assert "sharpest\\_100%" in shown
    assert "images\\[root=/data/of/some\\_one/enhanced\\&sorted\\]" in shown
    assert shown.count("**") > 0
    assert "<ins>" in shown
    assert "<u>" not in shown
    best = next(c.value for c in dict(next(tables(BOARD)).rows)["clahe"])
    assert f"**{best}**" in shown
    assert "\\*\\*\\*" in shown


def test_latex_is_a_booktabs_table_whose_rows_have_equally_many_columns() -> None:
    shown = text("latex")
    assert shown.count(r"\begin{table}") == shown.count(r"\end{table}") == 2
    assert len(re.findall(r"\\caption\{", shown)) == len(set(re.findall(r"\\label\{tab:[a-z0-9-]+\}", shown))) == 2
    unescaped = re.sub(r"\\[{}]", "", shown)
    assert unescaped.count("{") == unescaped.count("}")
    assert shown.count("$") % 2 == 0
    for columns, body in re.findall(r"\\begin\{tabular\}\{@\{\}(\w+)@\{\}\}(.*?)\\end\{tabular\}", shown, flags=re.S):
        assert body.count(r"\toprule") == body.count(r"\midrule") == body.count(r"\bottomrule") == 1
        for line in body.splitlines():
            if line.endswith(r"\\") and not line.startswith(r"\multicolumn"):
                assert len(re.findall(r"(?<!\\)&", line)) == len(columns) - 1
    best = next(c.value for c in dict(next(tables(BOARD)).rows)["clahe"])
    assert rf"\textbf{{{best}}} $\pm$" in shown
    assert r"\underline{" in shown
    assert r"sharpest\_100\%" in shown
    assert r"^{**}$" in shown
    assert all(c.isascii() for c in shown)
    assert "[U+" not in shown


def test_latex_escapes_every_character_that_means_something() -> None:
    assert escape("a&b%c$d#e_f{g}h~i^j\\k") == (
        r"a\&b\%c\$d\#e\_f\{g\}h\textasciitilde{}i\textasciicircum{}j\textbackslash{}k"
    )
    assert escape("p ≤ 0.05") == r"p $\leq$ 0.05"
    assert escape("x\n y\t<z> ü 中") == "x y $<$z$>$ ü [U+4E2D]"


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="needs pdflatex")
def test_latex_compiles(tmp_path: Path) -> None:
    source = "\\documentclass{article}\\usepackage{booktabs}\\begin{document}\n" + text("latex") + "\\end{document}\n"
    (tmp_path / "board.tex").write_text(source, encoding="utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "board.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-2000:]


def test_csv_is_the_rows_themselves(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(text("csv"), encoding="utf-8", newline="")
    read = read_leaderboard(tmp_path / "a.csv")
    assert_frame_equal(read, publishable(BOARD), check_exact=True)
    assert_frame_equal(read.drop(columns="error"), BOARD.drop(columns="error"), check_exact=True)


def test_json_holds_every_row_with_null_for_nothing() -> None:
    board = json.loads(text("json"), parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    assert board["schema_version"] == 2
    assert len(board["rows"]) == len(BOARD)
    assert list(board["rows"][0]) == list(COLUMNS)
    original = board["rows"][0]
    assert original["delta"] is None
    assert original["value"] == BOARD["value"][0]
    assert original["n_cases"] == 60


def test_a_metric_and_a_task_can_be_chosen_and_misspelt_ones_are_helped() -> None:
    stacked = leaderboard_rows([pair("original", 0.0, task="grabcut[input=stacked]"), pair("wls", 0.1)], 300)
    assert set(json.loads(render(stacked, "json", metric="recall"))["rows"][0]["metric"].split()) == {"recall"}
    assert len(json.loads(render(stacked, "json", task="grabcut"))["rows"]) == len(stacked)
    one = json.loads(render(stacked, "json", task="grabcut[input=stacked]"))["rows"]
    assert {row["enhancer"] for row in one} == {"original"}
    with pytest.raises(UsageError, match="did you mean 'recall'"):
        text("table", metric="recal")
    with pytest.raises(UsageError, match="did you mean 'grabcut'"):
        text("table", task="grabcat")
    with pytest.raises(UsageError, match="did you mean 'latex'"):
        text("latx")


@pytest.mark.parametrize("format", FORMATS)
def test_an_empty_leaderboard_renders(format: str) -> None:
    assert isinstance(render(leaderboard_rows([]), format), str)


FINDINGS = ("mass", "nodule")


def cad(enhancer: str, seed: int | None, shift: float, **changes: Any) -> PairResult:
    auroc = MetricSpec("auroc", "higher", of="findings", aggregation="auroc", over_facets="mean", primary=True)
    metrics = (MetricSpec("psnr", "higher"), auroc, MetricSpec("angle_rmse", "lower"))
    noise = np.random.default_rng([*map(ord, enhancer), seed or 0])
    evidence = {
        f"c{k:02}": {
            "psnr": float(30 + shift + noise.normal()),
            "findings": {f: Prediction(k % 2, float(shift * (k % 2) + noise.random())) for f in FINDINGS},
            "angle_rmse": {angle: float(noise.random()) for angle in ("10", "-5")},
        }
        for k in range(60)
    }
    facts = {"task": "cad", "seed": seed, "metrics": metrics, "evidence": evidence, "groups": {}, **changes}
    return dataclasses.replace(pair(enhancer, 0.0), **facts)


SEEDS = leaderboard_rows(
    [
        cad("original", None, 0.0),
        cad("unet", 0, 0.4),
        cad("unet", 1, 0.5),
        cad("once", 0, 0.2),
        cad("he", None, 0.0, evidence={}, status=Status.CRASHED, error="died"),
    ],
    300,
)


def test_a_seed_is_named_only_where_a_table_holds_several_of_an_enhancer() -> None:
    table = next(tables(SEEDS))
    assert {name for name, _ in table.rows} == {"original", "unet (2 seeds)", "once ‡", "he"}
    assert table.notes[0].startswith("Profile quick, seeds 0, 1, data")
    each = next(tables(SEEDS, each_seed=True))
    seeds = ["unet (2 seeds)", "unet (seed 0)", "unet (seed 1)"]
    assert [name for name, _ in each.rows] == ["original", *seeds, "once ‡", "he"]
    one_seed = SEEDS[(SEEDS["n_seeds"] == 0) | (SEEDS["seed"] == 0)]
    assert {name for name, _ in next(tables(one_seed)).rows} == {"original", "unet ‡", "once ‡", "he"}
    none = next(tables(SEEDS[SEEDS["n_seeds"] == 0]))
    assert none.notes[0].startswith("Profile quick, data")


def test_the_metric_that_decides_leads_the_order_and_the_ranks() -> None:
    table = next(tables(SEEDS))
    assert [h.name for h in table.headings] == ["psnr", "auroc"]
    assert table.ranked_by == "auroc"
    assert [name for name, _ in table.rows] == ["original", "unet (2 seeds)", "once ‡", "he"]
    assert "rank by auroc" in render(SEEDS, "markdown")


def test_each_metric_with_facets_has_a_table_of_them() -> None:
    _, auroc, angles = tables(SEEDS)
    assert auroc.title == "auroc by facet: cad on phantom-lesions, test split (60 cases of 30 patients)"
    assert [(h.name, h.arrow, h.remark) for h in auroc.headings] == [
        (name, "↑", "n = 60") for name in ("whole", *FINDINGS)
    ]
    assert [h.name for h in angles.headings] == ["-5", "10"]
    assert {cell.value for cell in dict(auroc.rows)["he"]} == {"crashed"}
    assert "(t with the bootstrap's error; DeLong over patients)" in " ".join(auroc.notes)
    assert "Wilcoxon" not in " ".join(auroc.notes)


def test_a_table_of_facets_alone_needs_no_whole() -> None:
    (table,) = tables(SEEDS[(SEEDS["metric"] == "angle_rmse") & (SEEDS["status"] == "ok")])
    assert table.title.startswith("angle_rmse by facet")
    assert table.rows[0][0] == "original"


def test_groups_of_each_name_have_a_table() -> None:
    groups = {f"c{k:02}": {"sex": "fm"[k % 2], "size": "large" if k < 30 else "small"} for k in range(60)}
    board = leaderboard_rows([pair(e, s, groups=groups) for e, s in (("original", 0.0), ("he", 0.1))], 300)
    _, sex, size = tables(board)
    assert (sex.title[:11], [h.name for h in sex.headings]) == ("dice by sex", ["all", "f", "m"])
    assert (size.title[:12], [h.name for h in size.headings]) == ("dice by size", ["all", "large", "small"])
    assert len({t.slug for t in tables(board)}) == 3


def test_a_group_a_name_of_groups_and_a_facet_can_be_chosen() -> None:
    (liver,) = tables(select(BOARD, group="lesion=liver"))
    assert liver.title == "grabcut on phantom-lesions, test split, lesion=liver (20 cases of 20 patients)"
    assert len(liver.ranks) == 6
    assert [t.title[:14] for t in tables(select(BOARD, group="lesion"))] == ["grabcut on pha", "dice by lesion"]
    assert len(list(tables(select(BOARD, group="all")))) == 1
    (nodule,) = tables(select(SEEDS, facet="nodule"))
    assert nodule.title.startswith("cad on phantom-lesions, test split, nodule (")
    assert [h.name for h in nodule.headings] == ["auroc"]
    assert dict(nodule.rows)["he"][0].value == "crashed"
    with pytest.raises(UsageError, match="did you mean 'lesion=liver'"):
        render(BOARD, group="lesion=livr")
    with pytest.raises(UsageError, match="did you mean 'nodule'"):
        render(SEEDS, facet="nodul")


def test_rows_of_version_1_are_never_in_a_table_with_newer_ones() -> None:
    old = BOARD.assign(schema_version=1)
    made = list(tables(pd.concat([old, BOARD], ignore_index=True)))
    assert len(made) == 4
    assert len({t.slug for t in made}) == 4


def test_what_is_missing_is_said_by_its_kind_and_once() -> None:
    lacking = leaderboard_rows([pair("original", 0.0), pair("unet", 0.1, lacking="2 cases gave no lesson")], 300)
    first, second = tables(lacking)
    assert "†: not ranked, because something is missing, as said below." in first.notes
    assert second.remarks == ("unet, lesion=bone, lesion=liver, lesion=soft tissue: 2 cases gave no lesson",)
    assert "†: not ranked, because cases that others scored are missing." in next(tables(BOARD)).notes


@pytest.mark.parametrize("format", FORMATS)
def test_facets_and_seeds_render_in_every_format(format: str) -> None:
    shown = render(SEEDS, format)
    assert "nodule" in shown
    assert ("unet (2 seeds)" in shown) == (format not in ("csv", "json"))
    if format not in ("csv", "json"):
        assert "unet (seed 1)" not in shown
        assert "unet (seed 1)" in render(SEEDS, format, each_seed=True)
    if format == "json":
        original = json.loads(shown)["rows"][0]
        assert (original["seed"], original["n_positive"]) == (None, None)


def test_a_table_of_few_patients_says_that_nothing_is_tested() -> None:
    few = [
        pair(e, shift, evidence=dict(list(pair(e, shift).evidence.items())[:6]))
        for e, shift in (("original", 0.0), ("clahe", 0.05))
    ]
    said = " ".join(next(tables(leaderboard_rows(few, 300))).notes)
    assert f"Δ: paired difference to original; not tested: {UNTESTED}." in said
    assert "()" not in said


def test_what_was_not_tested_is_told_once():
    scores = {"original": (0.9, 0.8, 0.7), "clahe": (0.8, 0.7, 0.9)}
    made = []
    for name, values in scores.items():
        evidence = {f"c{k}": {"dice": value, "recall": value, "brisque": value} for k, value in enumerate(values)}
        made.append(dataclasses.replace(pair(name, 0.0), evidence=evidence, groups={}, expected_cases=3))
    table = next(iter(tables(leaderboard_rows(made))))
    assert sum(f"not tested: {UNTESTED}" in note for note in table.notes) == 1
    assert "not tested" in " ".join(table.ranks[1])
