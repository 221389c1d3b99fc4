"""Preferences: what two-alternative choices say: who is preferred to whom, how surely, and whether a side was."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from radbench.reader_study.judged import Judged
from radbench.stats.agreement import Agreement, cohen_kappa
from radbench.stats.both import Estimate, clustered_mean
from radbench.stats.paired_comparisons import SignTest, bradley_terry, sign_test
from radbench.stats.significance import holm

SAID = (-1.0, 0.0, 1.0)
"""For the second, for neither, for the first."""


@dataclass(frozen=True)
class Preferred:
    """Two enhancers, as one reader or all readers choose.

    Attributes:
        who: the reader, or all.
        first, second: their labels.
        wins, ties, losses: of the first, over cases and readers.
        share: of the choices for the first, ties counting half, with an interval over patients; None without choices.
        test: the sign test over patients.
        p_holm: adjusted for all pairs of this reader, or of all.
    """

    who: str
    first: str
    second: str
    wins: int
    ties: int
    losses: int
    share: Estimate | None
    test: SignTest
    p_holm: float


@dataclass(frozen=True)
class Preferences:
    """The analysis of preferences.

    Attributes:
        pairs: by reader, and of all with two readers or more.
        abilities: Bradley and Terry's, by enhancer, their sum 1; NaN where there are none.
        left: by reader, the share of the choices that were for the left image, ties left out, with the sign test.
        inter, intra: agreement, by who; quadratic weights, so that a tie is half a disagreement.
    """

    pairs: tuple[Preferred, ...]
    abilities: tuple[float, ...]
    left: tuple[tuple[str, float, SignTest], ...]
    inter: tuple[tuple[str, Agreement], ...]
    intra: tuple[tuple[str, Agreement], ...]


def analyse_preferences(judged: Judged) -> Preferences:
    """Analyse a preference study; what was shown again counts for the agreement of a reader with herself alone."""
    said = _said(judged)
    pairs: list[Preferred] = []
    for r, reader in enumerate(judged.readers):
        pairs += _pairs(f"Reader {reader}", said[r][None], judged)
    if len(judged.readers) > 1:
        pairs += _pairs("All", said, judged)
    return Preferences(
        pairs=tuple(pairs),
        abilities=tuple(float(a) for a in bradley_terry(_wins(said))),
        left=tuple(_left(judged)),
        inter=tuple(_inter(said, judged)),
        intra=tuple(_intra(judged)),
    )


def _said(judged: Judged) -> NDArray[np.float64]:
    """Return ``[R,C,E,E]``: +1 where the first of two was chosen, -1 where the second, 0 neither, NaN not answered."""
    n = len(judged.enhancers)
    found = np.full((len(judged.readers), len(judged.cases), n, n), np.nan)
    for r, c, a, b, sign, _, again in judged.chosen:
        if not again:
            found[r, c, a, b], found[r, c, b, a] = sign, -sign
    return found


def _wins(said: NDArray[np.float64]) -> NDArray[np.float64]:
    won = ((said + 1.0) / 2.0).reshape(-1, *said.shape[2:])
    return np.nansum(won, axis=0)


def _pairs(who: str, said: NDArray[np.float64], judged: Judged) -> list[Preferred]:
    found: list[tuple[int, int, SignTest]] = []
    for a, b in combinations(range(len(judged.enhancers)), 2):
        found.append((a, b, sign_test(_over_readers(said[:, :, a, b]), judged.patients)))
    adjusted = holm([test.p_value for *_, test in found])
    return [
        Preferred(
            who=who,
            first=judged.enhancers[a],
            second=judged.enhancers[b],
            wins=int((said[:, :, a, b] > 0).sum()),
            ties=int((said[:, :, a, b] == 0).sum()),
            losses=int((said[:, :, a, b] < 0).sum()),
            share=_share(said[:, :, a, b], judged),
            test=test,
            p_holm=float(p),
        )
        for (a, b, test), p in zip(found, adjusted, strict=True)
    ]


def _over_readers(said: NDArray[np.float64]) -> NDArray[np.float64]:
    known = ~np.isnan(said)
    with np.errstate(invalid="ignore"):
        return np.where(known, said, 0.0).sum(axis=0) / known.sum(axis=0)


def _share(said: NDArray[np.float64], judged: Judged) -> Estimate | None:
    over = _over_readers(said)
    return None if np.isnan(over).all() else clustered_mean((over + 1.0) / 2.0, judged.patients)


def _left(judged: Judged) -> list[tuple[str, float, SignTest]]:
    found = []
    for r, reader in enumerate(judged.readers):
        mine = [one for one in judged.chosen if one[0] == r]
        at_left = np.array([one[4] if one[5] else -one[4] for one in mine], dtype=np.float64)
        told = at_left[at_left != 0]
        share = float((told > 0).mean()) if len(told) else math.nan
        found.append((f"Reader {reader}", share, sign_test(at_left)))
    return found


def _inter(said: NDArray[np.float64], judged: Judged) -> list[tuple[str, Agreement]]:
    upper = np.triu_indices(len(judged.enhancers), 1)
    patients = [p for p in judged.patients for _ in range(len(upper[0]))]
    found = []
    for a, b in combinations(range(len(judged.readers)), 2):
        first, second = (said[r][:, upper[0], upper[1]].reshape(-1) for r in (a, b))
        who = f"readers {judged.readers[a]} and {judged.readers[b]}"
        found.append((who, cohen_kappa(first, second, SAID, "quadratic", patients)))
    return found


def _intra(judged: Judged) -> list[tuple[str, Agreement]]:
    said = _said(judged)
    found = []
    for r, reader in enumerate(judged.readers):
        again = [one for one in judged.chosen if one[0] == r and one[6]]
        if again:
            first = [float(said[r, c, a, b]) for _, c, a, b, *_ in again]
            second = [float(one[4]) for one in again]
            patients = [judged.patients[one[1]] for one in again]
            found.append((f"reader {reader}, twice", cohen_kappa(first, second, SAID, "quadratic", patients)))
    return found
