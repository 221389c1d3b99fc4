"""Recorded: what was observed of many cases, held as columns of numbers; a case's evidence is made when it is asked."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from radbench.contracts.evidence import Evidence, Prediction

if TYPE_CHECKING:
    from numpy.typing import NDArray

_Key = tuple[str, str | None, str]
"""Observation, facet (None without one), and "label" or "score" of a prediction."""


class Recorded(Mapping[str, Evidence]):
    """Evidence by case: 8 bytes a number, where a dictionary of each case takes some hundred.

    What is no number, nor a prediction at one place, is held as it is.

    Args:
        given: (case, evidence), each case once.
        like: another, whose cases are shared where they are the same in the same order.
    """

    def __init__(self, given: Iterable[tuple[str, Evidence]], like: Recorded | None = None) -> None:
        self.place: dict[str, int] = {}
        """By case its place, in the order in which they were given."""
        self._columns: dict[_Key, array[float]] = {}
        self._kinds: dict[tuple[_Key, ...], int] = {}
        self._kind = array("I")
        self._others: dict[str, Evidence] = {}
        for case, evidence in given:
            self._add(case, evidence)
        if like is not None and [*like.place] == [*self.place]:
            self.place = like.place

    def _add(self, case: str, evidence: Evidence) -> None:
        at = self.place[case] = len(self.place)
        numbers = _numbers(evidence)
        if numbers is None:
            self._others[case] = evidence
            numbers = {}
        for key, number in numbers.items():
            column = self._columns.setdefault(key, array("d"))
            column.extend([0.0] * (at - len(column)))
            column.append(number)
        self._kind.append(self._kinds.setdefault(tuple(numbers), len(self._kinds)))

    def __len__(self) -> int:
        return len(self.place)

    def __iter__(self) -> Iterator[str]:
        return iter(self.place)

    def __contains__(self, case: object) -> bool:
        return case in self.place

    def __getitem__(self, case: str) -> Evidence:
        if case in self._others:
            return self._others[case]
        at = self.place[case]
        found: dict[str, Any] = {}
        for key in [*self._kinds][self._kind[at]]:
            name, facet, part = key
            number = self._columns[key][at]
            if part == "label":
                one: Any = Prediction(number, self._columns[name, facet, "score"][at])
            elif part:
                continue
            else:
                one = number
            if facet is None:
                found[name] = one
            else:
                found.setdefault(name, {})[facet] = one
        return found

    def plain(self, name: str) -> NDArray[Any] | None:
        """Return one number per case, float64 ``[N]`` with NaN where there is none; None where it was observed in
        facets, or as anything else, of any case."""
        import numpy as np

        own = (name, None, "")
        if any(name in other for other in self._others.values()):
            return None
        if any(key[0] == name and key != own for kind in self._kinds for key in kind):
            return None
        found = np.full(len(self), np.nan)
        column = np.frombuffer(self._columns.get(own, array("d")), dtype=np.float64)
        has = np.array([own in kind for kind in self._kinds], dtype=bool)[np.frombuffer(self._kind, dtype="I")]
        found[: len(column)] = np.where(has[: len(column)], column, np.nan)
        return found


def _numbers(evidence: Evidence) -> dict[_Key, float] | None:
    """Return evidence as numbers; None where it is more than that."""
    found: dict[_Key, float] = {}
    for name, observed in evidence.items():
        by_facet: Mapping[Any, Any] = observed if isinstance(observed, Mapping) else {None: observed}
        if not by_facet:
            return None
        for facet, one in by_facet.items():
            if type(one) is float:
                found[name, facet, ""] = one
            elif isinstance(one, Prediction) and type(one.label) is float and type(one.score) is float:
                found[name, facet, "label"], found[name, facet, "score"] = one.label, one.score
            else:
                return None
    return found
