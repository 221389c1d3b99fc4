"""Company: rows of one comparable set that come from several runs or files, computed as if one run had scored them all.

Differences, tests, corrections and ranks depend on who else stands in the table. Where the per-case scores of every
entry are known they are all computed anew, to the bit what one run would have given. An entry whose scores are not
known keeps its value and its interval, and what depends on the company is left empty, its own and everybody's ranks.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from radbench.contracts import Status
from radbench.contracts.specs import MetricSpec
from radbench.leaderboard.columns import ALL, BASELINE, COLUMNS, OVER_FACETS
from radbench.leaderboard.pairs import PairResult
from radbench.leaderboard.rows import primary
from radbench.leaderboard.scores import Key, PairScores, key_of

if TYPE_CHECKING:
    from pandas import DataFrame

    from radbench.leaderboard.aggregate import Margin

_OF_COMPANY = ("p_adjusted", "rank", "rank_low", "rank_high")
_OF_REFERENCE = (
    *("delta", "delta_ci_low", "delta_ci_high", "p_value", "effect_size", "p_wilcoxon", "detectable"),
    *("effect_size_ci_low", "effect_size_ci_high", "p_sign_flip", "margin", "p_margin"),
    *(f"delta_variance_{part}" for part in ("patients", "seeds", "interaction")),
)


@dataclass(frozen=True)
class Company:
    """What became of a set.

    Attributes:
        rows: of the whole set, valid.
        unknown: enhancers whose per-case scores are not known.
    """

    rows: DataFrame
    unknown: tuple[str, ...]


def pairs_of(rows: DataFrame, scores: Mapping[Key, PairScores]) -> list[PairResult]:
    """Return the pairs of published rows whose per-case scores are those that lie beside them.

    Args:
        rows: of leaderboards, valid.
        scores: by pair.
    """
    found = []
    single = rows[(rows["status"] == Status.OK) & (rows["n_seeds"] < 2)]
    for key, own in _by_entry(single).items():
        one = scores.get(key)
        # Written at another time than the rows, they would speak of something else.
        if one is not None and {one.digest} == set(own["scores_digest"]):
            pair = one.put_into(_pair(own))
            observed = {name for evidence in pair.evidence.values() for name in evidence}
            valued = set(own.loc[own["value"].notna(), "metric"])
            metrics = (m for m in pair.metrics if m.observation in observed or m.name not in valued)
            found.append(replace(pair, metrics=tuple(metrics)))
    return found


def named(rows: DataFrame, scores: Mapping[Key, PairScores]) -> DataFrame:
    """Return rows that name the per-case scores behind them by digest, where these are known."""
    digests = [scores[key].digest if (key := key_of(row)) in scores else "" for row in rows.to_dict("records")]
    return rows.assign(scores_digest=digests)


def plain(pair: PairResult) -> PairResult:
    """Return a pair whose metrics are told as rows tell them."""
    metrics = tuple(
        MetricSpec(m.name, m.direction, m.observation, m.aggregation, m.parameters, m.over_facets, m == primary(pair))
        for m in pair.metrics
    )
    return replace(pair, metrics=metrics)


def comparable(rows: DataFrame, pairs: Sequence[PairResult], reference: str = "") -> tuple[list[PairResult], set[str]]:
    """Return the pairs of one comparable set as they are compared anew, and the metrics that cannot be.

    Those that failed are among them: of an enhancer of which a seed failed, the others are not pooled.

    Args:
        rows: of the set, each entry once.
        pairs: of these entries whose per-case scores are known.
        reference: enhancer that differences are taken to; "" for the one that they were taken to.
    """
    baseline = reference or baseline_of(rows, pairs)
    known = [plain(replace(pair, baseline=baseline)) for pair in pairs]
    blind = _blind(rows, [key_of(row) for row in rows.to_dict("records")], known)
    seen = [replace(pair, metrics=tuple(m for m in pair.metrics if m.name not in blind)) for pair in known]
    return [*seen, *_failed(rows, baseline)], blind


def _failed(rows: DataFrame, baseline: str) -> list[PairResult]:
    """Return the pairs that failed, as rows tell of them."""
    own = _by_entry(rows[rows["status"] != Status.OK])
    return [
        replace(
            _pair(of), status=Status(of["status"].iloc[0]), error=of["error"].iloc[0], metrics=(), baseline=baseline
        )
        for of in own.values()
    ]


def compared_anew(
    rows: DataFrame, pairs: Sequence[PairResult], reference: str = "", margin: Margin | None = None
) -> Company:
    """Compute what depends on the company, for the rows of one comparable set.

    Args:
        rows: of the set, each entry once.
        pairs: of these entries whose per-case scores are known, cases by digest.
        reference: enhancer that differences are taken to; "" for the one that they were taken to.
        margin: what is asked of non-inferiority.
    """
    import pandas as pd

    from radbench.leaderboard.aggregate import leaderboard_rows
    from radbench.leaderboard.privacy import publishable

    known, blind = comparable(rows, pairs, reference)
    entries = [key_of(row) for row in rows.to_dict("records")]
    keys = {key_of(vars(pair)) for pair in known if pair.scored}
    here = rows[[entry in keys for entry in entries]]
    left = rows.drop(here.index)
    unknown = tuple(dict.fromkeys(left.loc[(left["status"] == Status.OK) & (left["n_seeds"] < 2), "enhancer"]))
    # Rows of several seeds are made anew with those of their seeds; of a part of the seeds there are none.
    seeds = {pair.enhancer for pair in known if pair.seed is not None}
    left = left[~((left["n_seeds"] > 1) & left["enhancer"].isin(seeds) & ~left["metric"].isin(blind))]
    fresh = publishable(leaderboard_rows(known, margin=margin), known) if known else rows.iloc[:0]
    # What failed is told as it was.
    fresh = fresh[(fresh["status"] == Status.OK) & ~((fresh["n_seeds"] > 1) & fresh["enhancer"].isin(unknown))]
    kept = _emptied(here[here["metric"].isin(blind)], ())
    if unknown:
        fresh = _emptied(fresh, ())
    left = _emptied(left, _OF_REFERENCE if reference else ())
    frames = [frame for frame in (fresh, kept, left) if len(frame)]
    return Company(pd.concat(frames, ignore_index=True) if frames else rows, unknown)


def _blind(rows: DataFrame, entries: Sequence[Key], known: Sequence[PairResult]) -> set[str]:
    """Return the metrics of which some known pair has rows, but not what they were made from (features)."""
    told = {key_of(vars(pair)): {m.name for m in pair.metrics} for pair in known}
    named = zip(entries, rows["metric"], rows["value"].notna(), strict=True)
    return {metric for entry, metric, valued in named if valued and entry in told and metric not in told[entry]}


def _emptied(rows: DataFrame, more: Iterable[str]) -> DataFrame:
    """Return rows without what depends on the company."""
    texts = {"family": "", **({"reference": "", "p_test": ""} if more else {})}
    return rows.assign(**dict.fromkeys((*_OF_COMPANY, *more), math.nan), **texts)


def baseline_of(rows: DataFrame, pairs: Sequence[PairResult]) -> str:
    """Return the enhancer that differences of a set are taken to."""
    there = set(rows["enhancer"])
    named = [*(pair.baseline for pair in pairs if pair.baseline != BASELINE), *rows["reference"]]
    return next((name for name in named if name and name in there), BASELINE)


def _by_entry(rows: DataFrame) -> dict[Key, DataFrame]:
    keys = [key_of(row) for row in rows.to_dict("records")]
    places: dict[Key, list[int]] = {}
    for place, key in enumerate(keys):
        places.setdefault(key, []).append(place)
    return {key: rows.iloc[at] for key, at in places.items()}


def _pair(rows: DataFrame) -> PairResult:
    """Return what rows of one pair say of it."""
    first = rows.iloc[0].to_dict()
    facts: dict[str, Any] = {}
    for name, column in COLUMNS.items():
        if name in PairResult.__dataclass_fields__ and name not in ("error", "status"):
            value = first[name]
            missing = column.kind != "text" and str(value) in ("<NA>", "nan")
            facts[name] = str(value) if column.kind == "text" else None if missing else value
    facts["seed"] = None if facts["seed"] is None else int(facts["seed"])
    facts["limit"] = int(facts["limit"] or 0)
    return PairResult(**facts, metrics=tuple(_metrics(rows)), baseline=BASELINE)


def _metrics(rows: DataFrame) -> Iterable[MetricSpec]:
    whole = rows[rows["group"] == ALL]
    for name in dict.fromkeys(whole["metric"]):
        own = whole[whole["metric"] == name]
        row = own.iloc[0]
        texts = set(own["aggregation"])
        aggregation, parameters = _aggregation(str(row["aggregation"]).removesuffix(OVER_FACETS))
        over = any(text.endswith(OVER_FACETS) for text in texts)
        yield MetricSpec(
            name,
            row["direction"],
            row["observation"],
            aggregation,
            parameters,
            "mean" if over else "",
            row["primary"] == "true",
        )


def _aggregation(text: str) -> tuple[str, tuple[tuple[str, float], ...]]:
    name, bracket, rest = text.partition("[")
    if not bracket:
        return name, ()
    pairs = (one.partition("=") for one in rest.removesuffix("]").split(","))
    return name, tuple((parameter, float(value)) for parameter, _, value in pairs)
