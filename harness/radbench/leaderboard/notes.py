"""Notes: what is said below a table of its numbers, their tests and what has no rank."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from radbench.contracts import Status
from radbench.leaderboard.columns import BOOTSTRAP, OVER_FACETS, WILCOXON
from radbench.leaderboard.table import Cell
from radbench.leaderboard.verdicts import UNTESTED
from radbench.stats.clusters import FEW_PATIENTS

if TYPE_CHECKING:
    from pandas import DataFrame

_PRINTED = {"ap": "AP", "auroc": "AUROC"}
_CURVE = re.compile(r"(?:^|[-_ ])(?:ap|auroc)(?:[-_ ]|$)", re.IGNORECASE)


def how_to_read(grid: Mapping[str, Mapping[str, Cell]], rows: DataFrame, within: str = "") -> list[str]:
    """Return the sentences on a table's cells.

    Args:
        grid: cells by column and entry.
        rows: that they are made of.
        within: what p-values are adjusted within, in words; "" tells the rows' own families.
    """
    cells = [cell for column in grid.values() for cell in column.values()]
    notes = []
    rows = rows[rows["status"] == Status.OK]
    # Version 1 did not say how a metric is aggregated; the two that are not means go by their names.
    by_name = any(_CURVE.search(metric) for metric in rows.loc[rows["aggregation"] == "", "metric"])
    curves = "AP and AUROC" if by_name else ""
    if any(cell.std for cell in cells):
        interval = " [95 % interval, patients as clusters]" if any(cell.interval for cell in cells) else ""
        drawn = _names(a for a in rows["aggregation"] if a.removesuffix(OVER_FACETS) not in ("mean", "")) or curves
        over = f" ({drawn}: over bootstrap replicates)" if drawn else ""
        notes.append(f"Mean ± standard deviation over cases{over}{interval}.")
    if any(cell.delta for cell in cells):
        bootstrapped = _names(rows.loc[rows["p_test"] == BOOTSTRAP, "aggregation"]) or curves
        by_rank = (rows["p_test"] == WILCOXON) | (rows["schema_version"] == 1)
        tests = ["Wilcoxon signed-rank test over patients"] if by_rank.any() else []
        tests += [f"paired bootstrap for {bootstrapped}"] if bootstrapped else []
        tests += [test for test in dict.fromkeys(rows["p_test"]) if test not in ("", WILCOXON, BOOTSTRAP)]
        to = " or ".join(sorted(set(rows["reference"]) - {""}))
        interval = " [95 % interval]" if any(cell.delta_interval for cell in cells) else ""
        families = [str(family) for family in dict.fromkeys(rows["family"]) if family]
        among = f"the comparisons of {within}" if within else " and, apart from them, ".join(families)
        old = bool((rows["schema_version"] == 1).all())
        stars = f"*, **, ***: p ≤ 0.05, 0.01, 0.001 adjusted for {among} ({'; '.join(tests)})"
        if not families:
            stars = (
                f"*, **, ***: p < 0.05, 0.01, 0.001 after Holm ({'; '.join(tests)})"
                if old
                else "not adjusted, so without stars"
            )
        untested = f"not tested: {UNTESTED}"
        notes.append(f"Δ: paired difference to {to}{interval}; {stars if tests else untested}.")
    if (rows["n_patients"].lt(FEW_PATIENTS) & rows["ci_low"].notna()).any():
        notes.append(f"Few patients (fewer than {FEW_PATIENTS}): of skewed scores, intervals and tests err more often.")
    if any(cell.incomplete for cell in cells):
        of_cases = r"\d of \d+ cases? (?:failed|has no|have no)"
        errors = rows.loc[rows["rank"].isna() & (rows["n_seeds"] < 2), "error"]
        cases_alone = errors.str.contains(of_cases).all()
        why = "cases that others scored are missing" if cases_alone else "something is missing, as said below"
        if not (errors != "").any():
            why = "per-case scores of some enhancer are not known"
        notes.append(f"†: not ranked, because {why}.")
    return notes


def _names(aggregations: Iterable[str]) -> str:
    """Return aggregations as text: "AP and AUROC"."""
    plain = (a.removesuffix(OVER_FACETS) for a in aggregations)
    names = list(dict.fromkeys(_PRINTED.get(a, a) for a in plain))
    return " and ".join(filter(None, (", ".join(names[:-1]), *names[-1:])))
