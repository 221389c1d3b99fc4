"""Wording: what a caption says of a paper's table - what its numbers, intervals and tests are."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING

from radbench.leaderboard.columns import OVER_FACETS
from radbench.leaderboard.table import ONE_SEED

if TYPE_CHECKING:
    from pandas import DataFrame

VALUES = {
    "mean": "the mean over cases",
    "rate": "events per case",
    "ap": "the average precision of all cases",
    "auroc": "the area under the ROC curve of all cases",
    "sensitivity": "the sensitivity at a fixed specificity",
    "brier": "the mean squared distance of probability and outcome",
    "ece": "the expected calibration error",
    "frechet": "the squared Fréchet distance",
}
"""What a value is, by aggregation."""

_MEANS = "per side the farther end of Student's t with CR2 errors (Bell and McCaffrey) and of the bootstrap-t"

INTERVALS = {
    "mean": _MEANS,
    "brier": _MEANS,
    "rate": f"{_MEANS}, joined with Garwood's",
    "ap": "Student's t on the logit scale with the bootstrap's error",
    "auroc": "per side the farther end of Newcombe's method 5 and of DeLong's on the logit scale",
    "sensitivity": "Clopper and Pearson's at the effective number of positives",
    "ece": "the bootstrap's, its bias allowed for",
    "frechet": "the bootstrap's, its bias allowed for",
}
"""How the interval of a value comes about, by aggregation (docs/leaderboard.md)."""

OWN = "expanded percentiles of the bootstrap"


def sentences(columns: Sequence[DataFrame], show: Collection[str], once: bool) -> Iterator[str]:
    """Yield the sentences of a caption.

    Args:
        columns: the rows of each column.
        show: what the cells show.
        once: whether some enhancer was trained but once.
    """
    kinds = list(dict.fromkeys(_kind(text) for rows in columns for text in rows["aggregation"]))
    first = columns[0]
    patients = int(first["n_patients"].max())
    what = _listed(VALUES.get(kind, kind) for kind in kinds)
    yield f"{what[:1].upper()}{what[1:]}; {patients} patients."
    if "std" in show:
        drawn = _listed(kind for kind in kinds if kind not in ("mean", "rate", "brier"))
        yield f"±: standard deviation over cases{f' (of {drawn}: over bootstrap replicates)' if drawn else ''}."
    if "interval" in show and any(rows["ci_low"].notna().any() for rows in columns):
        how = dict.fromkeys(INTERVALS.get(kind, OWN) for kind in kinds)
        yield f"[ ]: 95 % interval with patients as clusters: {'; '.join(how)}."
    yield from _compared(columns, show)
    if "rank" in show:
        yield "Ranks with their 95 % intervals, which hold for all ranks of a column together (bootstrap-t max-T)."
    seeds = sorted({int(n) for rows in columns for n in rows["n_seeds"] if n > 1})
    if seeds:
        yield (
            f"Of {' or '.join(map(str, seeds))} trainings their mean, with an interval for new patients and new "
            "trainings (Satterthwaite's degrees of freedom)."
        )
    if once:
        yield f"{ONE_SEED}: trained once: how much another training would differ is not told."


def _compared(columns: Sequence[DataFrame], show: Collection[str]) -> Iterator[str]:
    references = _listed({str(name) for rows in columns for name in rows["reference"] if name}, "or")
    if not references:
        return
    if "delta" in show:
        interval = " with its 95 % interval" if "delta-interval" in show else ""
        yield f"Δ: paired difference to {references} on the cases that both have{interval}."
    if not {"p", "stars"} & {*show}:
        return
    tests = list(dict.fromkeys(str(test) for rows in columns for test in rows["p_test"] if test))
    families = list(dict.fromkeys(str(family) for rows in columns for family in rows["family"] if family))
    if not tests or not families:
        yield "Nothing was tested: too few patients, or per-case scores that are not known."
        return
    marks = "p:" if "p" in show else "*, **, ***: p ≤ 0.05, 0.01, 0.001,"
    if {"p", "stars"} <= {*show}:
        marks = "p (*, **, ***: p ≤ 0.05, 0.01, 0.001):"
    yield (
        f"{marks} two-sided, of the paired difference to {references} ({'; '.join(tests)}), adjusted for "
        f"{' and, apart from them, '.join(families)} (max-T, step-down; Holm across metrics)."
    )


def _kind(text: str) -> str:
    return str(text).removesuffix(OVER_FACETS).partition("[")[0] or "mean"


def _listed(names: Collection[str] | Iterator[str], word: str = "and") -> str:
    found = [*dict.fromkeys(names)]
    return f" {word} ".join(filter(None, (", ".join(found[:-1]), *found[-1:])))
