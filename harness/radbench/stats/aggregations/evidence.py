"""Evidence as arrays: what was observed of the cases of one enhancer, in the order of the cases."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radbench.contracts.errors import PluginError
from radbench.contracts.evidence import Features, Observed, Prediction
from radbench.stats.resampling import ranges

Matrix = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Numbers:
    """One number per case.

    Attributes:
        values: float64 ``[N]``, NaN where there is no answer; infinite ones (the PSNR of an exact copy) are answers.
    """

    values: NDArray[np.float64]

    @property
    def case(self) -> NDArray[np.intp]:
        """The case of each number, intp ``[N]``."""
        return np.arange(len(self.values))

    @property
    def answered(self) -> NDArray[np.bool_]:
        """Bool ``[N]``: where there is an answer."""
        return ~np.isnan(self.values)

    def take(self, cases: NDArray[np.intp]) -> Numbers:
        """Return the evidence of these cases, which may be repeated."""
        return Numbers(self.values[cases])

    def only(self, where: NDArray[np.bool_]) -> Numbers:
        """Return it with no answer elsewhere."""
        return Numbers(np.where(where, self.values, np.nan))


@dataclass(frozen=True)
class Predictions:
    """Predictions where the truth is known: at one place per case, or at several.

    Attributes:
        case: intp ``[M]`` ascending, the case that each place belongs to.
        label: float64 ``[M]``, 0 or 1; NaN where neither is stated.
        score: float64 ``[M]``, higher is more likely 1; NaN where there is no answer.
    """

    case: NDArray[np.intp]
    label: NDArray[np.float64]
    score: NDArray[np.float64]

    @property
    def answered(self) -> NDArray[np.bool_]:
        """Bool ``[M]``: where there is an answer."""
        return np.isfinite(self.score)

    def take(self, cases: NDArray[np.intp]) -> Predictions:
        """Return the evidence of these cases, which may be repeated."""
        starts = np.searchsorted(self.case, cases, side="left")
        sizes = np.searchsorted(self.case, cases, side="right") - starts
        places = ranges(starts, sizes)
        return Predictions(np.repeat(np.arange(len(cases)), sizes), self.label[places], self.score[places])

    def only(self, where: NDArray[np.bool_]) -> Predictions:
        """Return it with no answer elsewhere."""
        return Predictions(self.case, self.label, np.where(where, self.score, np.nan))


@dataclass(frozen=True)
class FeatureSets:
    """Feature vectors of each case.

    Attributes:
        value: per case ``[n,D]`` of what is judged, None where there is no answer.
        reference: per case ``[m,D]`` of what it is compared with, None likewise.
    """

    value: tuple[Matrix | None, ...]
    reference: tuple[Matrix | None, ...]

    @property
    def case(self) -> NDArray[np.intp]:
        """The case of each set, intp ``[N]``."""
        return np.arange(len(self.value))

    @property
    def answered(self) -> NDArray[np.bool_]:
        """Bool ``[N]``: where there is an answer."""
        return np.array([value is not None for value in self.value], dtype=bool)

    def take(self, cases: NDArray[np.intp]) -> FeatureSets:
        """Return the evidence of these cases, which may be repeated."""
        numbers = cases.tolist()
        return FeatureSets(tuple(self.value[i] for i in numbers), tuple(self.reference[i] for i in numbers))

    def only(self, where: NDArray[np.bool_]) -> FeatureSets:
        """Return it with no answer elsewhere."""
        value = tuple(v if here else None for v, here in zip(self.value, where.tolist(), strict=True))
        reference = tuple(r if here else None for r, here in zip(self.reference, where.tolist(), strict=True))
        return FeatureSets(value, reference)

    @property
    def values(self) -> Matrix:
        """The vectors of what is judged, of all cases with an answer, ``[sum n,D]``."""
        return np.concatenate([v for v in self.value if v is not None])

    @property
    def references(self) -> Matrix:
        """The vectors of what it is compared with, of all cases with an answer, ``[sum m,D]``."""
        return np.concatenate([r for r in self.reference if r is not None])


Evidence = Numbers | Predictions | FeatureSets


def gathered(observed: Sequence[Sequence[Observed | None]]) -> list[Evidence]:
    """Turn what enhancers observed of the same cases into arrays.

    What is not a number is no answer, of whatever kind the others are; nor is a place whose label or score is not
    finite, nor a case of which any feature is not.

    Args:
        observed: ``[E][N]``, per enhancer and case; None where nothing was observed.

    Returns:
        ``[E]``, all of one kind and with the same places.

    Raises:
        PluginError: observations of several kinds, or a prediction whose labels and scores differ in number.
    """
    if all(one is None or type(one) is float for mine in observed for one in mine):
        return [Numbers(mine) for mine in np.array(observed, dtype=np.float64)]
    observed = [[None if is_no_answer(one) else one for one in mine] for mine in observed]
    kinds = {_kind(one) for mine in observed for one in mine if one is not None}
    if len(kinds) > 1 and "numbers" in kinds:
        # Beside another kind an infinite number stands for a failure, as a NaN does.
        observed = [[None if _is_infinite(one) else one for one in mine] for mine in observed]
        kinds = {_kind(one) for mine in observed for one in mine if one is not None}
    if len(kinds) > 1:
        raise PluginError(f"it was observed as {' and as '.join(sorted(kinds))}: a task gives one kind of evidence")
    if kinds == {"predictions"}:
        return list(_predictions(observed))
    if kinds == {"features"}:
        return [_features(mine) for mine in observed]
    numbers = [[math.nan if one is None else float(one) for one in mine] for mine in observed]  # type: ignore[arg-type]
    return [Numbers(mine) for mine in np.array(numbers, dtype=np.float64)]


def is_no_answer(one: Observed | None) -> bool:
    """Tell whether nothing was observed, or a bare NaN: no answer, whatever others observed."""
    return one is None or (_kind(one) == "numbers" and math.isnan(one))  # type: ignore[arg-type]


def _is_infinite(one: Observed | None) -> bool:
    return _kind(one) == "numbers" and math.isinf(one)  # type: ignore[arg-type]


def _kind(one: Observed | None) -> str:
    if one is None:
        return ""
    return "predictions" if isinstance(one, Prediction) else "features" if isinstance(one, Features) else "numbers"


def _predictions(observed: Sequence[Sequence[Any]]) -> list[Predictions]:
    given = [[None if one is None else _places(one) for one in mine] for mine in observed]
    sizes = np.array([[0 if one is None else len(one[0]) for one in mine] for mine in given])
    # Where an enhancer gave fewer places than another, it has no answer for the rest.
    size = np.maximum(sizes.max(axis=0), 1)
    starts = np.cumsum(size) - size
    case = np.repeat(np.arange(len(size)), size)
    found = []
    for mine in given:
        label, score = np.full(len(case), np.nan), np.full(len(case), np.nan)
        for start, one in zip(starts.tolist(), mine, strict=True):
            if one is not None:
                label[start : start + len(one[0])], score[start : start + len(one[0])] = one
        unknown = ~(np.isfinite(label) & np.isfinite(score))
        label[unknown] = score[unknown] = np.nan
        found.append(Predictions(case, label, score))
    return found


def _places(one: Prediction) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    label, score = np.atleast_1d(np.asarray(one.label, float)), np.atleast_1d(np.asarray(one.score, float))
    if label.shape != score.shape or label.ndim != 1:
        raise PluginError(
            f"a prediction has labels {list(label.shape)} and scores {list(score.shape)}: as many expected"
        )
    return label, score


def _features(mine: Sequence[Any]) -> FeatureSets:
    values: list[Matrix | None] = []
    references: list[Matrix | None] = []
    for one in mine:
        found = [] if one is None else [np.asarray(one.value), np.asarray(one.reference)]
        known = bool(found) and all(bool(np.isfinite(vectors).all()) for vectors in found)
        values.append(found[0] if known else None)
        references.append(found[1] if known else None)
    return FeatureSets(tuple(values), tuple(references))
