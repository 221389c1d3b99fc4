"""Picking: the worst, the median and the best case of each enhancer, by the metric that decides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from radbench.contracts import MetricSpec
from radbench.leaderboard.pairs import PairResult
from radbench.report.series import ByCase, by_enhancer, differences, squared_errors

PLACES = ("worst", "median", "best")


@dataclass(frozen=True)
class Pick:
    """A case that is shown.

    Attributes:
        place: "worst", "median" or "best"; "example" where no case has a number of its own.
        case: its digest.
        gain: what it was picked by, positive where better; None for an example.
        value: of the case itself, None likewise.
        reference: of the reference on it, None where there is no difference.
    """

    place: str
    case: str
    gain: float | None
    value: float | None
    reference: float | None


@dataclass(frozen=True)
class Picks:
    """What is shown of a set.

    Attributes:
        by: what the cases were picked by, in words.
        of: by enhancer's label.
    """

    by: str
    of: Mapping[str, Sequence[Pick]]


def picked(pairs: Sequence[PairResult], metric: MetricSpec, reference: str) -> Picks:
    """Return which cases are shown of each enhancer: by the difference to the reference, of the reference by its value.

    Where the metric is of the whole set alone (average precision), cases go by the squared error of their predictions;
    where cases have no number at all, three are examples. Equal cases go by their digests.

    Args:
        pairs: of a set, cases by digest.
        metric: the one that decides.
        reference: label of the enhancer that differences are taken to, "" for none.
    """
    sign = 1.0 if metric.direction == "higher" else -1.0
    what = metric.name
    numbers = by_enhancer(pairs, metric)
    if not numbers:
        numbers, sign, what = squared_errors(pairs, metric), -1.0, "the squared error of its predictions"
    if not numbers:
        examples = {
            pair.enhancer: [Pick("example", case, None, None, None) for case in _spread(sorted(pair.evidence))]
            for pair in pairs
        }
        return Picks("no case has a number of its own: the first, the middle and the last by digest", examples)
    base = numbers.get(reference, {})
    found = {}
    for enhancer, own in numbers.items():
        paired = {} if enhancer == reference else differences(own, base)
        found[enhancer] = _three(own, paired or own, base, sign)
    to = f"difference to {reference} in {what}" if base else what
    return Picks(f"worst, median and best by the {to}; of the reference itself by its value" if base else to, found)


def _three(own: ByCase, by: ByCase, base: ByCase, sign: float) -> list[Pick]:
    ordered = sorted(by, key=lambda case: (sign * by[case], case))
    cases = _spread(ordered)
    # With fewer cases than places the best is told of first: it is the only one, or the better of two.
    places = PLACES if len(cases) == len(PLACES) else PLACES[-1:] if len(cases) == 1 else (PLACES[0], PLACES[-1])
    return [
        Pick(place, case, sign * by[case], own[case], base.get(case)) for place, case in zip(places, cases, strict=True)
    ]


def _spread(ordered: Sequence[str]) -> list[str]:
    """Return the first, the middle and the last, each once."""
    if not ordered:
        return []
    places = dict.fromkeys((0, (len(ordered) - 1) // 2, len(ordered) - 1))
    return [ordered[place] for place in places]
