"""Fill the tables of docs/cad.md from the published leaderboard, beside the figures that the paper prints.

python docs/make_cad_tables.py
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pandas as pd
from filling import filled

from radbench.leaderboard import read_leaderboard
from radbench.studies.study import load_study

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "cad.md"
FINDINGS = ("mass", "nodule")
PRINTED = {
    row.enhancer: tuple(zip(map(float, row.printed), map(float, row.spread), strict=True))
    for row in load_study("lung-unet-2018")[0].table("table-2").rows
}
"""Table 2 of Gozes & Greenspan 2018: average precision in per cent, mean and standard deviation of the replicates."""

CONTROLS = ("blur", "oracle")


def board() -> pd.DataFrame:
    """Return the rows on ``phantom-findings`` over all cases: of seeds together where there are several."""
    frame = read_leaderboard(ROOT / "leaderboards" / "cad.csv")
    frame = frame[(frame["dataset"] == "phantom-findings") & (frame["group"] == "all")]
    several = frame.groupby(["enhancer", "metric", "facet"], dropna=False)["value"].transform("size") > 1
    return frame[~several | frame["seed"].isna()]


def one(frame: pd.DataFrame, enhancer: str, metric: str, facet: str = "") -> pd.Series:
    """Return one row.

    Raises:
        ValueError: there is none, or more than one.
    """
    rows = frame[(frame["enhancer"] == enhancer) & (frame["metric"] == metric) & (frame["facet"].fillna("") == facet)]
    if len(rows) != 1:
        raise ValueError(f"{len(rows)} rows of {enhancer}, {metric}, {facet or 'whole'}")
    return rows.iloc[0]


def enhancers(frame: pd.DataFrame) -> list[str]:
    """Return the enhancers' labels: the original, the others by their average precision, then the controls."""
    found = frame[frame["metric"].eq("ap") & frame["facet"].fillna("").eq("")].sort_values("value", ascending=False)
    labels = [name for name in found["enhancer"] if name != "original"]
    controls = [name for name in labels if name.startswith(CONTROLS)]
    return ["original", *(name for name in labels if name not in controls), *controls]


def table_2() -> str:
    """Return average precision by finding, in per cent, with its interval, and what is printed."""
    frame = board()
    lines = ["| | mass | nodule | mass, printed | nodule, printed |", "|---|---|---|---|---|"]
    for name in enhancers(frame):
        rows = [one(frame, name, "ap", finding) for finding in FINDINGS]
        ours = [f"{100 * row['value']:.1f} [{100 * row['ci_low']:.1f}, {100 * row['ci_high']:.1f}]" for row in rows]
        printed = [f"{mean:.2f} ({std:.2f})" for mean, std in PRINTED.get(name, ())] or ["", ""]
        lines.append(f"| {_shown(name)} | {' | '.join([*ours, *printed])} |")
    return "\n".join(lines)


def differences() -> str:
    """Return differences of mean average precision to the original, and the other metrics."""
    frame = board()
    head = "| | AP, mean of both | difference | p, adjusted | AUROC | sensitivity at 90 % specificity | ECE | Brier |"
    lines = [head, "|" + "---|" * 8]
    for name in enhancers(frame):
        row = one(frame, name, "ap")
        others = [f"{one(frame, name, metric)['value']:.3f}" for metric in ("auroc", "sensitivity", "ece", "brier")]
        moved = (
            ""
            if pd.isna(row["delta"])
            else f"{row['delta']:+.3f} [{row['delta_ci_low']:+.3f}, {row['delta_ci_high']:+.3f}]"
        )
        p = "" if pd.isna(row["p_adjusted"]) else f"{row['p_adjusted']:.2g}"
        lines.append(f"| {_shown(name)} | {row['value']:.3f} | {moved} | {p} | {' | '.join(others)} |")
    return "\n".join(lines)


def _shown(name: str) -> str:
    return "original" if name == "original" else f"`{name}`"


MAKERS: Mapping[str, Callable[[], str]] = {"table 2": table_2, "differences": differences}


if __name__ == "__main__":
    PAGE.write_text(filled(PAGE.read_text(), MAKERS))
