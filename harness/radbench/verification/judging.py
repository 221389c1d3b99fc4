"""Judging: what each published row says beside what came of running its pair again."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from radbench.engine.keep.digests import short
from radbench.engine.plan.pairs import Pair
from radbench.leaderboard.clashes import is_old
from radbench.leaderboard.columns import COLUMNS, COMPARABLE_KEY, IDENTIFYING, STATISTICS, TABLE_KEY
from radbench.leaderboard.company import compared_anew, pairs_of
from radbench.leaderboard.comparing import tables_of
from radbench.leaderboard.pairs import PairResult
from radbench.leaderboard.privacy import anonymous
from radbench.leaderboard.scores import Key, PairScores, key_of, scores_of
from radbench.verification.again import Again

if TYPE_CHECKING:
    from pandas import DataFrame

Verdict = Literal["equal", "within", "different", "not judged", "cannot be run"]

VERDICTS: tuple[Verdict, ...] = ("equal", "within", "different", "not judged", "cannot be run")
"""From best to worst."""

OF_ROWS = VERDICTS[:3]
"""Those that a row may have."""

OWN = tuple(name for name in STATISTICS[: STATISTICS.index("delta")])
"""The numbers of a row that say nothing of other rows."""

_COUNTS = ("n_cases", "n_patients", "n_positive", "n_seeds", "n_positive_patients")

DIGESTS: Mapping[str, tuple[str, ...]] = {
    "data": ("dataset_fingerprint", "cases_digest"),
    "enhancer": ("enhancer_digest",),
    "task": ("task_digest", "truth", "given"),
    "version": ("radbench_version", "enhancer_plugin", "task_plugin", "numerics"),
    "device": ("device",),
    "training": ("precision", "pretrained", "task_pretrained"),
}
"""What may differ between a published row and the same row here, with the columns that tell."""


@dataclass(frozen=True)
class RowVerdict:
    """What is found of one row.

    Attributes:
        number: of the row in its file, from 1.
        verdict: "equal" where every number is, to the last bit; "within" where the value lies in the published
            interval; else "different".
        group, facet, metric: which row it is.
        published: its value.
        here: the value of the run here, NaN where there is none.
        interval: the published one, None where there is none.
        columns: of the numbers that were compared, those that differ.
    """

    number: int
    verdict: Verdict
    group: str
    facet: str
    metric: str
    published: float
    here: float
    interval: tuple[float, float] | None
    columns: tuple[str, ...] = ()


@dataclass(frozen=True)
class PairVerdict:
    """What is found of one published pair.

    Attributes:
        name: of the pair.
        verdict: the worst of its rows; "not judged" where it was run and none of them could be.
        rows: the rows that were asked for; none where it could not be run.
        unjudged: numbers of those that could not be judged: they stand for other seeds, too, of which neither the
            per-case scores are known nor a run is here.
        reason: why it could not be run.
        differs: by what it is of ("data", "enhancer", …), what the file says and what is here, where these differ.
        same_scores: whether every per-case score is the published one, to the last bit; None where those are unknown.
        compared: whether differences, tests and ranks were computed anew beside the published scores of the others.
    """

    name: str
    verdict: Verdict
    rows: tuple[RowVerdict, ...] = ()
    reason: str = ""
    differs: Mapping[str, tuple[str, str]] | None = None
    same_scores: bool | None = None
    compared: bool = False
    unjudged: tuple[int, ...] = ()

    def counted(self, verdict: Verdict) -> int:
        """Return how many rows have a verdict."""
        return sum(row.verdict == verdict for row in self.rows)


def judged(frame: DataFrame, scores: Mapping[Key, PairScores], again: Sequence[Again]) -> list[PairVerdict]:
    """Return what is found of each pair.

    Args:
        frame: the published leaderboard, its rows numbered from 0.
        scores: that lie beside it.
        again: the pairs that were run again, or could not be.
    """
    fresh = {one.published.key: _as_published(one) for one in again if one.result is not None}
    anew = _anew(frame, scores, {key: pair for key, (pair, same) in fresh.items() if same})
    return [_judged(frame, scores, one, fresh.get(one.published.key), anew) for one in again]


def _as_published(again: Again) -> tuple[PairResult, bool]:
    """Return a pair under its published labels, and whether it has the published cases; then it is of their table."""
    result, first = again.result, again.published.rows.iloc[0]
    assert result is not None
    own = anonymous(result)
    task, dataset, split, profile, enhancer = again.published.key[:-1]
    own = replace(
        own, task=task, dataset=dataset, split=split, profile=profile, enhancer=enhancer, seed=again.published.seed
    )
    if own.cases_digest != first["cases_digest"]:
        return own, False
    facts: dict[str, Any] = {name: str(first[name]) for name in (*COMPARABLE_KEY, *IDENTIFYING) if name in _TEXTS}
    return replace(own, limit=int(first["limit"]), **facts), True


_TEXTS = {
    name
    for name in (*COMPARABLE_KEY, *IDENTIFYING)
    if name not in TABLE_KEY and COLUMNS[name].kind == "text" and name in PairResult.__dataclass_fields__
}


def _anew(frame: DataFrame, scores: Mapping[Key, PairScores], fresh: Mapping[Key, PairResult]) -> dict[Any, Any]:
    """Return the rows of the tables that pairs stand in, computed anew with these in the places of the published."""
    found: dict[Any, Any] = {}
    for table in tables_of(frame):
        keys = {key_of(row) for row in table.to_dict("records")}
        ours = [pair for key, pair in fresh.items() if key in keys]
        if not ours or is_old(table).any():
            continue
        published = [pair for pair in pairs_of(table, scores) if key_of(vars(pair)) not in fresh]
        known = [*published, *ours]
        company = compared_anew(table, known)
        # What holds features has no scores beside it: their rows came back as they were published.
        blind = {m.name for pair in ours for m in pair.metrics} - _scored_beside(published, ours)
        for row in company.rows.to_dict("records"):
            if row["metric"] not in blind:
                found[_row_key(row)] = (row, not company.unknown)
    return found


def _scored_beside(published: Sequence[PairResult], ours: Sequence[PairResult]) -> set[str]:
    every = [{m.name for m in pair.metrics} for pair in (*published, *ours)]
    return set.intersection(*every) if every else set()


def _row_key(row: Mapping[str, Any]) -> tuple[str, ...]:
    return (*key_of(row), *(str(row[name]) for name in ("n_seeds", "group", "facet", "metric")))


def _judged(
    frame: DataFrame,
    scores: Mapping[Key, PairScores],
    again: Again,
    fresh: tuple[PairResult, bool] | None,
    anew: Mapping[Any, Any],
) -> PairVerdict:
    published = again.published
    differs = _differences(again)
    if fresh is None:
        return PairVerdict(published.name, "cannot be run", reason=again.reason, differs=differs)
    from radbench.leaderboard.aggregate import leaderboard_rows

    pair, _ = fresh
    alone = {_row_key(row): row for row in leaderboard_rows([pair]).to_dict("records")}
    rows, unjudged, compared = [], [], True
    for number in sorted(published.judged):
        row = frame.iloc[number - 1].to_dict()
        here, whole = anew.get(_row_key(row), (alone.get(_row_key(row)), False))
        if row["n_seeds"] > 1 and here is None:
            unjudged.append(number)
            continue
        compared = compared and whole
        rows.append(_verdict(number, row, here, whole))
    there = scores.get(published.key)
    return PairVerdict(
        published.name,
        max((row.verdict for row in rows), key=VERDICTS.index, default="not judged"),
        tuple(rows),
        differs=differs,
        same_scores=None if there is None else there.digest == scores_of(pair).digest,
        compared=compared,
        unjudged=tuple(unjudged),
    )


def _verdict(number: int, row: Mapping[str, Any], here: Mapping[str, Any] | None, whole: bool) -> RowVerdict:
    names = [*(STATISTICS if whole else OWN), *_COUNTS]
    value = float(row["value"])
    low, high = float(row["ci_low"]), float(row["ci_high"])
    interval = None if math.isnan(low) else (low, high)
    told = (number, row["group"], row["facet"], row["metric"], value)
    if here is None:
        return RowVerdict(told[0], "different", *told[1:], math.nan, interval, ("value",))
    differing = tuple(name for name in names if not _same(row[name], here[name]))
    found = float(here["value"])
    verdict: Verdict = "different"
    if not differing:
        verdict = "equal"
    elif _same(value, found) or (interval is not None and low <= found <= high):
        verdict = "within"
    return RowVerdict(told[0], verdict, *told[1:], found, interval, differing)


def _same(one: Any, other: Any) -> bool:
    return (
        str(one) == str(other) if "<NA>" in (str(one), str(other)) else one == other or (one != one and other != other)
    )


def _differences(again: Again) -> dict[str, tuple[str, str]]:
    """Return what differs between the published row and the pair here, as texts; what is not known here is left out."""
    first = again.published.rows.iloc[0]
    here = _facts(again)
    found = {}
    for what, columns in DIGESTS.items():
        changed = [name for name in columns if name in here and str(first[name]) != here[name]]
        if changed:
            there, now = ("; ".join(_shown(text) for text in texts) for texts in _both(first, here, changed))
            found[what] = (there, now)
    return found


def _both(first: Any, here: Mapping[str, str], changed: Sequence[str]) -> tuple[list[str], list[str]]:
    return [str(first[name]) for name in changed], [here[name] for name in changed]


def _shown(text: str) -> str:
    digest = len(text) >= 16 and all(c in "0123456789abcdef" for c in text)
    return text[:12] if digest else text or "none"


def _facts(again: Again) -> dict[str, str]:
    if again.result is not None:
        names = [name for columns in DIGESTS.values() for name in columns]
        return {name: str(getattr(again.result, name)) for name in names}
    if again.pair is None:
        return {}
    return _planned_facts(again.pair)


def _planned_facts(pair: Pair) -> dict[str, str]:
    return {
        "dataset_fingerprint": pair.fingerprint,
        "cases_digest": short(pair.cases_digest),
        "enhancer_digest": short(pair.enhancer.identity),
        "task_digest": short(pair.task.identity),
        "enhancer_plugin": f"{pair.enhancer.plugin.distribution} {pair.enhancer.plugin.version}".strip(),
        "task_plugin": f"{pair.task.plugin.distribution} {pair.task.plugin.version}".strip(),
    }
