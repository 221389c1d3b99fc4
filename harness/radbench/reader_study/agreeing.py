"""Agreeing: how far two readers agree, and how far a reader agrees with herself when an image comes again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike

from radbench.reader_study.judged import Judged
from radbench.stats.agreement import Agreement, cohen_kappa


@dataclass(frozen=True)
class Agreed:
    """How far two rounds of judging agree.

    Attributes:
        who: "readers 1 and 2", or "reader 1, twice".
        plain: unweighted.
        weighted: with quadratic weights, for the answers have an order.
    """

    who: str
    plain: Agreement
    weighted: Agreement


def agreed(who: str, first: ArrayLike, second: ArrayLike, answers: Sequence[float], patients: Sequence[str]) -> Agreed:
    """Return the agreement of two rounds of judging the same things; NaN where one was not judged."""
    plain, weighted = (cohen_kappa(first, second, answers, w, patients) for w in ("none", "quadratic"))
    return Agreed(who, plain, weighted)


def between_readers(judged: Judged) -> tuple[Agreed, ...]:
    """Return how far each two readers agree on ranks or grades, image by image."""
    patients = [p for p in judged.patients for _ in judged.enhancers]
    flat = judged.values.reshape(len(judged.readers), -1)
    return tuple(
        agreed(
            f"readers {judged.readers[a]} and {judged.readers[b]}",
            flat[a],
            flat[b],
            judged.key.design.answers,
            patients,
        )
        for a, b in combinations(range(len(judged.readers)), 2)
    )


def within_readers(judged: Judged) -> tuple[Agreed, ...]:
    """Return how far each reader agrees with herself on the images that came again."""
    found = []
    for r, reader in enumerate(judged.readers):
        mine = [one for one in judged.repeated if one[0] == r]
        if mine:
            first, second = np.array([[one[3], one[4]] for one in mine]).T
            patients = [judged.patients[one[1]] for one in mine]
            found.append(agreed(f"reader {reader}, twice", first, second, judged.key.design.answers, patients))
    return tuple(found)
