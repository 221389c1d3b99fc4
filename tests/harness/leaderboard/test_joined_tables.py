"""What tables join: the seeds of an enhancer in a row of their own, a difference with its interval, tasks in LaTeX."""

from __future__ import annotations

import dataclasses
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from radbench.contracts import MetricSpec, Status
from radbench.leaderboard.aggregate import PairResult, leaderboard_rows
from radbench.leaderboard.exports import render
from radbench.leaderboard.tabulate import tables

FORMATS = ("table", "markdown", "latex")


def pair(enhancer: str, seed: int | None, value: float, task: str = "grabcut", **changes: Any) -> PairResult:
    evidence = {f"c{k}": {"dice": value + 0.01 * k * (enhancer != "original"), "hd": 3.0 + k} for k in range(8)}
    facts: dict[str, Any] = {
        "metrics": (MetricSpec("dice", "higher", primary=True), MetricSpec("hd", "lower")),
        "evidence": evidence,
        "patients": {f"c{k}": f"p{k}" for k in range(8)},
        "expected_cases": 8,
        "dataset_fingerprint": "a1b2c3d4" * 8,
        "task_digest": "9f8e7d6c5b4a3928",
    }
    return PairResult(task, "phantom-lesions", "test", enhancer, "quick", seed, **{**facts, **changes})


def board(*pairs: PairResult) -> Any:
    return leaderboard_rows(pairs, 200)


SEEDS = (pair("original", None, 0.5), pair("unet", 0, 0.6), pair("unet", 1, 0.7), pair("unet", 2, 0.8))


def cells(frame: Any, name: str) -> tuple[Any, ...]:
    return dict(next(tables(frame)).rows)[name]


def test_the_row_of_several_seeds_has_their_mean_and_their_range() -> None:
    # Each seed's mean is its value + 0.01 * 3.5.
    frame = board(*SEEDS)
    dice, hd = cells(frame, "unet (3 seeds)")
    row = frame[(frame["n_seeds"] == 3) & (frame["metric"] == "dice")].iloc[0]
    assert (dice.value, dice.spread) == ("0.735", "0.635 to 0.835")
    assert (hd.value, hd.spread) == ("6.50", "6.50 to 6.50")
    assert dice.interval == f"{row['ci_low']:.3f}, {row['ci_high']:.3f}"
    assert row["ci_low"] < 0.6
    assert row["ci_high"] > 0.85
    table = next(tables(frame))
    assert "new patients and new trainings" in " ".join(table.notes)
    assert "new patients" not in " ".join(next(tables(board(*SEEDS[:2]))).notes)


def test_what_one_seed_cannot_say_is_marked() -> None:
    once = next(tables(board(*SEEDS[:2])))
    assert [name for name, _ in once.rows] == ["original", "unet ‡"]
    assert "‡: trained once" in " ".join(once.notes)
    assert "‡" not in " ".join(next(tables(board(*SEEDS))).notes)


def test_a_seed_that_failed_or_lacks_cases_leaves_no_mean_of_all() -> None:
    crashed = dataclasses.replace(SEEDS[3], evidence={}, status=Status.CRASHED, error="died")
    names = [name for name, _ in next(tables(board(*SEEDS[:3], crashed))).rows]
    assert names == ["original", "unet (2 seeds)", "unet (seed 0)", "unet (seed 1)", "unet (seed 2)"]
    frame = board(*SEEDS[:3], crashed)
    pooled = frame[frame["n_seeds"] == 2]
    assert pooled[["value", "delta", "rank"]].isna().all(axis=None)
    assert set(pooled["error"]) == {"seeds are not pooled: seed 2 failed, which is seldom by chance"}
    fewer = dataclasses.replace(
        SEEDS[3], evidence={k: v for k, v in SEEDS[3].evidence.items() if k != "c0"}, failures={"c0": "NaN"}
    )
    table = next(tables(board(*SEEDS[:3], fewer)))
    assert {c.value for c in dict(table.rows)["unet (3 seeds)"]} == {"–"}
    assert "unet (seed 1)" in dict(table.rows)
    assert any("seeds are not pooled: answers of seed 2 are missing" in remark for remark in table.remarks)


def test_a_metric_that_no_case_has_is_named() -> None:
    nothing = pair("original", None, 0.5)
    silent = {case: {**found, "hd": {"": float("nan")}} for case, found in nothing.evidence.items()}
    table = next(tables(board(dataclasses.replace(nothing, evidence=silent))))
    assert table.remarks == ("original, hd: no case has a score",)


@pytest.mark.parametrize("format", FORMATS)
def test_every_format_prints_several_seeds_as_one_row(format: str) -> None:
    shown = render(board(*SEEDS), format)
    for said in ("unet (3 seeds)", "0.635 to 0.835"):
        assert said in shown
    assert "unet (seed 0)" not in shown
    each = render(board(*SEEDS), format, each_seed=True)
    assert each.index("unet (3 seeds)") < each.index("unet (seed 0)") < each.index("unet (seed 2)")


@pytest.mark.parametrize("format", FORMATS)
def test_every_format_prints_the_interval_of_the_difference(format: str) -> None:
    frame = board(pair("original", None, 0.5), pair("clahe", None, 0.6))
    row = frame[(frame["enhancer"] == "clahe") & (frame["metric"] == "dice")].iloc[0]
    told = f"{row['delta']:+.3f} [{row['delta_ci_low']:.3f}, {row['delta_ci_high']:.3f}]"
    assert re.fullmatch(r"\+0\.135 \[0\.1\d\d, 0\.1\d\d\]", told)
    shown = render(frame, format)
    assert told in re.sub(r"\{\+\}(0\.135)(\^\{\**\})?\$", r"+\1", shown)
    assert "[95" in shown.replace("\\[", "[")


def test_a_difference_without_an_interval_stands_alone() -> None:
    frame = board(pair("original", None, 0.5), pair("clahe", None, 0.6))
    frame.loc[:, ["delta_ci_low", "delta_ci_high"]] = float("nan")
    assert cells(frame, "clahe")[0].difference == "+0.135"


def two_tasks(*enhancers: str) -> Any:
    pairs = [
        pair(e, None, 0.5 + 0.1 * k, task) for task in ("grabcut", "nodules[of=x_y]") for k, e in enumerate(enhancers)
    ]
    return board(*pairs)


def environments(shown: str) -> list[str]:
    return re.findall(r"\\begin\{table\}.*?\\end\{table\}", shown, flags=re.S)


def test_tasks_with_the_same_enhancers_share_one_latex_table() -> None:
    (one,) = environments(render(two_tasks("original", "clahe"), "latex"))
    assert r"(a) grabcut on phantom-lesions, test split" in one
    assert r"(b) nodules[of=x\_y] on phantom-lesions, test split" in one
    assert re.search(r"\\label\{tab:grabcut-phantom-lesions-quick--nodules-of-x-y-phantom-lesions-quick\}", one)
    assert r"{c}{(a) grabcut}" in one
    assert r"{c}{(b) nodules}" in one
    # What holds for both is said once.
    assert one.count("paired difference to original") == one.count("Best bold") == 1


def test_rules_below_the_names_of_tasks_span_their_columns() -> None:
    (one,) = environments(render(two_tasks("original", "clahe"), "latex"))
    for block in re.findall(r"\\begin\{tabular\}.*?\\end\{tabular\}", one, flags=re.S):
        spans = [int(n) for n in re.findall(r"\\multicolumn\{(\d+)\}\{c\}", block)]
        columns = re.search(r"\{@\{\}l(r+)@\{\}\}", block)
        assert columns
        assert sum(spans) == len(columns[1])
        rules = [(int(a), int(b)) for a, b in re.findall(r"\\cmidrule\(lr\)\{(\d+)-(\d+)\}", block)]
        assert rules[0][0] == 2
        assert [b - a + 1 for a, b in rules] == spans


def test_numbers_stand_in_the_row_of_their_enhancer_whatever_the_order_of_each_task() -> None:
    better = {"grabcut": {"clahe": 0.8, "wls": 0.6}, "nodules": {"clahe": 0.6, "wls": 0.8}}
    pairs = [pair(e, None, better[t][e], t) for t in better for e in ("clahe", "wls")]
    pairs += [pair("original", None, 0.5, t) for t in better]
    (one,) = environments(render(board(*pairs), "latex", metric="dice"))
    for name, first, second in (("clahe", "0.835", "0.635"), ("wls", "0.635", "0.835")):
        (line,) = re.findall(rf"^{name} & .*$", one, flags=re.M)
        assert re.findall(r"0\.[68]35", line) == [first, second]


def test_tasks_with_other_enhancers_have_tables_of_their_own() -> None:
    pairs = [pair("original", None, 0.5), pair("clahe", None, 0.6), pair("original", None, 0.5, "nodules")]
    assert len(environments(render(board(*pairs), "latex"))) == 2


def test_more_than_a_page_holds_is_never_put_into_one_table() -> None:
    assert len(environments(render(two_tasks("original", *(f"e{k}" for k in range(30))), "latex"))) == 2


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="needs pdflatex")
def test_a_shared_table_compiles(tmp_path: Path) -> None:
    shown = render(two_tasks("original", "clahe"), "latex")
    (tmp_path / "t.tex").write_text(
        "\\documentclass{article}\\usepackage{booktabs}\\begin{document}\n" + shown + "\\end{document}\n"
    )
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "t.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-2000:]
