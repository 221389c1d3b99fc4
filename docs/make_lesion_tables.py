"""Fill the tables of docs/lesion-enhancement.md from the published leaderboards, beside the figures that were printed.

python docs/make_lesion_tables.py
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pandas as pd
from filling import filled

from radbench.leaderboard import read_leaderboard
from radbench.studies.study import load_study

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "lesion-enhancement.md"
TASKS = ("grabcut[input=stacked]", "hnn[input=stacked]")
METRICS = ("recall", "precision", "dice")

ROWS = {
    "original": ("original", "OG"),
    "bm3d": ("`bm3d`", "OG+BM3D"),
    "dncnn": ("`dncnn`", "OG+DnCNN"),
    "single-gan": ("`single-gan`", "OG+GAN"),
    "sgan[stages=1]": ("`sgan[stages=1]`", "OG+GAN1"),
    "sgan": ("`sgan`", "OG+SGAN"),
}
"""What each enhancer is called here and in the paper."""

STUDY, _ = load_study("sgan-2018")

PRINTED = {row.name: tuple(map(float, row.printed)) for row in STUDY.table("table-1").rows}
"""Table 1 of Tang et al. 2018: recall, precision and Dice of GrabCut, then of the HNN."""

BY_TYPE = STUDY.table("table-2")
PRINTED_TYPES = {
    "all" if column.heading == "mDice" else column.heading: tuple(float(row.printed[k]) for row in BY_TYPE.rows)
    for k, column in enumerate(BY_TYPE.columns)
}
"""Table 2: Dice of the HNN on originals and on SGAN's images."""


def board(task: str) -> pd.DataFrame:
    """Return a task's rows on ``phantom-lesions``."""
    frame = read_leaderboard(ROOT / "leaderboards" / f"{task.partition('[')[0]}.csv")
    return frame[(frame["task"] == task) & (frame["dataset"] == "phantom-lesions")]


def one(frame: pd.DataFrame, enhancer: str, metric: str, group: str = "all") -> pd.Series | None:
    """Return one row: of seeds together where there are several; None where there is none.

    Raises:
        ValueError: there are several seeds and no row for all.
    """
    found = frame[(frame["enhancer"] == enhancer) & (frame["metric"] == metric) & (frame["group"] == group)]
    if len(found) > 1:
        found = found[found["seed"].isna()]
    if len(found) > 1 or (found.empty and enhancer in {*frame["enhancer"]}):
        raise ValueError(f"{len(found)} rows of {enhancer}, {metric}, {group}")
    return None if found.empty else found.iloc[0]


def table_1() -> str:
    """Return recall, precision and Dice of both tasks; the printed figure in brackets."""
    head = [f"{task.partition('[')[0]}: {metric}" for task in TASKS for metric in METRICS]
    lines = ["| | " + " | ".join(head) + " |", "|---" * (len(head) + 1) + "|"]
    boards = {task: board(task) for task in TASKS}
    for enhancer, (name, printed) in ROWS.items():
        rows = [one(boards[task], enhancer, metric) for task in TASKS for metric in METRICS]
        values = ["-" if row is None else f"{row['value']:.3f}" for row in rows]
        cells = [f"{value} ({paper:.3f})" for value, paper in zip(values, PRINTED[printed], strict=True)]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def differences() -> str:
    """Return differences of Dice to the original, with interval, adjusted p and rank."""
    head = "| | grabcut: difference | p | rank | hnn: difference | p | rank | printed |"
    lines = [head, "|---|---|---|---|---|---|---|---|"]
    boards = [board(task) for task in TASKS]
    for enhancer, (name, printed) in ROWS.items():
        rows = [one(frame, enhancer, "dice") for frame in boards]
        paper = [PRINTED[printed][k] - PRINTED["OG"][k] for k in (2, 5)]
        cells = [_difference(row) for row in rows]
        printed_too = ", ".join(f"{value:+.3f}" for value in paper)
        lines.append(f"| {name} | {' | '.join(cells)} | {printed_too if enhancer != 'original' else ''} |")
    return "\n".join(lines)


def _difference(row: pd.Series | None) -> str:
    if row is None:
        return "- | - | -"
    ranks = f"{row['rank_low']:.0f}-{row['rank_high']:.0f}"
    if pd.isna(row["delta"]):
        return f" | | {ranks}"
    interval = f"{row['delta']:+.3f} [{row['delta_ci_low']:+.3f}, {row['delta_ci_high']:+.3f}]"
    p = "" if pd.isna(row["p_adjusted"]) else f"{row['p_adjusted']:.2g}"
    return f"{interval} | {p} | {ranks}"


def table_2() -> str:
    """Return Dice of the HNN by lesion type, on originals and on SGAN's images."""
    frame = board(TASKS[1])
    lines = [
        "| lesion type | lesions | hnn, original | hnn, `sgan` | difference | printed |",
        "|---|---|---|---|---|---|",
    ]
    for kind, (plain, stacked) in PRINTED_TYPES.items():
        group = "all" if kind == "all" else f"lesion-type={kind}"
        before, after = (one(frame, name, "dice", group) for name in ("original", "sgan"))
        assert before is not None
        assert after is not None
        interval = f"{after['delta']:+.3f} [{after['delta_ci_low']:+.3f}, {after['delta_ci_high']:+.3f}]"
        lines.append(
            f"| {kind} | {after['n_cases']:.0f} | {before['value']:.3f} | {after['value']:.3f} | {interval} | "
            f"{plain:.3f} to {stacked:.3f} |"
        )
    return "\n".join(lines)


MAKERS: Mapping[str, Callable[[], str]] = {"table 1": table_1, "differences": differences, "table 2": table_2}


if __name__ == "__main__":
    PAGE.write_text(filled(PAGE.read_text(), MAKERS))
