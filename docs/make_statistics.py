"""Fill the tables of docs/statistics.md: published rows as the commands print them, and what the simulation found.

python docs/make_statistics.py
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from filling import filled

from radbench.leaderboard import read_leaderboard, render
from radbench.leaderboard.console import plain_text
from radbench.leaderboard.power import Question, foreseen
from radbench.leaderboard.power_tables import power_tables

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "statistics.md"
BOARD = ROOT / "leaderboards" / "grabcut.csv"
TASK = "grabcut"
CALIBRATION = ROOT / "benchmarks" / "results" / "calibration.json"

KINDS = (
    ("means", "both", "a mean or a difference", "misses"),
    ("means", "both, one-sided", "non-inferiority (one-sided, 2.5 %)", "misses"),
    ("missing", "both, cases in common", "a difference on cases in common", "misses"),
    ("0/1 scores", "Korn-Graubard", "a share", "holds"),
    ("families", "adjusted p", "any false star in a family", "misses"),
    ("families", "ranks", "any rank outside its interval", "misses"),
    ("curves", "AUROC", "AUROC", "holds"),
    ("curves", "AUROC difference", "a difference of AUROC", "misses"),
    ("curves", "AP", "average precision", "holds"),
    ("curves", "AP difference", "a difference of average precision", "misses"),
    ("facets", "AUROC over facets", "mean AUROC over findings", "holds"),
    ("facets", "AP over facets", "mean average precision over findings", "holds"),
    ("seeds", "pooled", "a mean over seeds", "holds"),
    ("pooled curves", "AUROC, pooled", "AUROC over seeds", "holds"),
    ("pooled curves", "AP, pooled", "average precision over seeds", "holds"),
    ("brier", "both", "a Brier score", "holds"),
    ("ece", "calibration error", "a calibration error", "holds"),
    ("ece", "calibration error difference", "a difference of calibration errors", "misses"),
    ("sensitivity", "sensitivity", "a sensitivity at a specificity", "holds"),
    ("sensitivity", "sensitivity difference", "a difference of sensitivities", "misses"),
    ("rates", "Garwood and means", "events per case", "holds"),
    ("frechet", "distance", "a Fréchet distance", "holds"),
    ("frechet", "distance difference, one shape", "a difference of Fréchet distances", "misses"),
    ("readers", "Obuchowski-Rockette, random", "readers and cases", "misses"),
    ("power", "both over t", "power for a difference", "power"),
)
"""Group and method as the benchmark names them, what it is in words, and what its rate is."""


def calibration() -> str:
    """Return the worst cell of each kind as a table."""
    rows = json.loads(CALIBRATION.read_text())["rows"]
    lines = ["| of | | worst cell | found | bound there | cells beyond it |", "|---|---|---|---|---|---|"]
    for group, method, words, rate in KINDS:
        judged = [r for r in rows if (r["group"], r["method"]) == (group, method) and r["bound"] is not None]
        worst = max(judged, key=_beyond)
        beyond = sum(not row["holds"] for row in judged)
        cell = re.sub(r", (?:t|power) [\d.]+$", "", worst["cell"])
        limit = f"at {'least' if worst['at_least'] else 'most'} {_percent(worst['bound'])}"
        lines.append(f"| {words} | {rate} | {cell} | {_percent(worst['rate'])} | {limit} | {beyond} of {len(judged)} |")
    return "\n".join(lines)


def _beyond(row: dict[str, Any]) -> float:
    """Return how far a cell lies beyond its bound, in the bound's room."""
    return (row["bound"] - row["rate"]) if row["at_least"] else (row["rate"] - row["bound"])


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def one_seed() -> str:
    """Return how often an interval of one seed holds where seeds dominate."""
    rows = json.loads(CALIBRATION.read_text())["rows"]
    rates = [r["rate"] for r in rows if r["method"] == "one seed" and r["cell"].endswith("seeds dominating")]
    return f"{100 * min(rates):.0f} to {100 * max(rates):.0f} %"


def table() -> str:
    """Return the published table of the example."""
    rows = read_leaderboard(BOARD)
    return _shown(render(rows[rows["task"] == TASK], metric="dice", group="all"))


def power() -> str:
    """Return what the example can show."""
    found = foreseen([BOARD], Question(task=TASK, difference=0.02))
    return _shown(plain_text(power_tables([rows for rows in found if rows[0].task == TASK])))


def _shown(text: str) -> str:
    return f"```text\n{text.rstrip()}\n```"


MAKERS: Mapping[str, Callable[[], str]] = {"table": table, "power": power, "calibration": calibration}


if __name__ == "__main__":
    PAGE.write_text(filled(PAGE.read_text(), MAKERS))
