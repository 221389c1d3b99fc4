"""Fill the tables of docs/xraysyn.md from the published leaderboards, beside the figures that the paper prints.

python docs/make_views_tables.py
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import pandas as pd
from filling import filled

from radbench.leaderboard import read_leaderboard
from radbench.studies.study import load_study

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "xraysyn.md"
PROFILE = "quick"
LACKING = "–"
STUDY, _ = load_study("xraysyn-2020")
SUPPRESSORS = ("original", "xraysyn[stage=1]", "xraysyn[meta=false]", "xraysyn", "bone-unet[mode=suppress]")
FOLDERS = {"ct2xray[of=lidc[root=@e182f9f7,split=[0,0,1]]]": "`ct2xray` of lidc-0001"}
"""What a published folder holds: leaderboards know it by the digest of its files alone."""

BONE_METRICS = {"bone_suppression_ratio": 3, "psnr": 2, "ssim": 3, "ms_ssim": 3}


def board(task: str, dataset: str = "") -> pd.DataFrame:
    """Return the published rows of a task over all cases, of one data set or of those that there are."""
    frame = read_leaderboard(ROOT / "leaderboards" / f"{task.partition('[')[0]}.csv")
    frame = frame[frame["group"].eq("all") & frame["profile"].eq(PROFILE) & frame["task"].eq(task)]
    return frame[frame["dataset"].eq(dataset)] if dataset else frame


def one(frame: pd.DataFrame, enhancer: str, metric: str, facet: str = "") -> pd.Series | None:
    """Return a row that has a value, None where there is none.

    Raises:
        ValueError: there is more than one.
    """
    rows = frame[frame["enhancer"].eq(enhancer) & frame["metric"].eq(metric) & frame["facet"].fillna("").eq(facet)]
    if len(rows) > 1:
        raise ValueError(f"{len(rows)} rows of {enhancer}, {metric}, {facet or 'whole'}")
    return None if rows.empty or pd.isna(rows.iloc[0]["value"]) else rows.iloc[0]


def beside(name: str) -> str:
    """Return a table of the study with a line for each of its columns: what each method has here, and as printed."""
    table = STUDY.table(name)
    run = STUDY.runs[table.columns[0].run]
    frame = board(run.label(table.columns[0].task, PROFILE), run.dataset.of(PROFILE))
    lines = ["| | " + " | ".join(f"{row.name} | printed" for row in table.rows) + " |"]
    lines.append("|---" * (1 + 2 * len(table.rows)) + "|")
    for k, column in enumerate(table.columns):
        cells = []
        for row in table.rows:
            names = column.metric.split("|")
            found = [one(frame, run.label(row.enhancer, PROFILE), metric, column.facet) for metric in names]
            known = next((here for here in found if here is not None), None)
            cells.append(LACKING if known is None else f"{known['value']:.{column.digits}f}")
            cells.append(row.printed[k] or LACKING)
        lines.append(f"| {column.heading} | {' | '.join(cells)} |")
    return "\n".join(lines)


def bones() -> str:
    """Return what is taken out of bone, by data set: its share with an interval, and the image against the truth."""
    frame = board("bone-suppression")
    head = ["images", "", "bone suppression ratio", "in the lungs", "PSNR", "SSIM", "MS-SSIM"]
    lines = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    for dataset in dict.fromkeys(frame["dataset"]):
        on = frame[frame["dataset"].eq(dataset)]
        first = FOLDERS.get(dataset, f"`{dataset}`")
        for enhancer in SUPPRESSORS:
            rows = {metric: one(on, enhancer, metric) for metric in BONE_METRICS}
            if all(row is None for row in rows.values()):
                continue
            cells = [_value(row, digits) for row, digits in zip(rows.values(), BONE_METRICS.values(), strict=True)]
            ratio = rows["bone_suppression_ratio"]
            if ratio is not None and pd.notna(ratio["ci_low"]):
                cells[0] += f" [{ratio['ci_low']:.3f}, {ratio['ci_high']:.3f}]"
            cells.insert(1, _value(one(on, enhancer, "bone_suppression_ratio", "lungs"), 3))
            lines.append(f"| {first} | `{enhancer}` | {' | '.join(cells)} |")
            first = ""
    return "\n".join(lines)


def _value(row: pd.Series | None, digits: int) -> str:
    return LACKING if row is None else f"{row['value']:.{digits}f}"


MAKERS: Mapping[str, Callable[[], str]] = {
    "table 1, simulated": partial(beside, "table-1-simulated"),
    "table 4": partial(beside, "table-4"),
    "table 1, real": partial(beside, "table-1-real"),
    "bones": bones,
}


if __name__ == "__main__":
    PAGE.write_text(filled(PAGE.read_text(), MAKERS))
