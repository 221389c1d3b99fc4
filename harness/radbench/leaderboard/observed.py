"""Observed: one observation of all entries of a table, by facet, as arrays over the table's cases."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from radbench.contracts.errors import PluginError
from radbench.leaderboard.comparing import facet_order
from radbench.leaderboard.pairs import PairResult

if TYPE_CHECKING:
    from radbench.leaderboard.statistics import Facet


class Observed:
    """One observation of all entries, by facet, as arrays over the table's cases.

    Attributes:
        problem: why it cannot be aggregated, or "".
        whole: whether anybody gave it without a facet.
        named: the facets that anybody gave, in order.
    """

    def __init__(self, name: str, pairs: Sequence[PairResult], cases: Sequence[str]) -> None:
        from radbench.stats.aggregations import gathered
        from radbench.stats.aggregations.evidence import is_no_answer

        by_facet: dict[str, list[dict[str, Any]]] = {}
        numbers: list[dict[str, Any]] = [{} for _ in pairs]
        for e, pair in enumerate(pairs):
            for case, evidence in pair.evidence.items():
                if name not in evidence:
                    continue
                found = evidence[name]
                if type(found) is float and found == found:
                    # By far the most there is.
                    numbers[e][case] = found
                    continue
                if not isinstance(found, Mapping) and is_no_answer(found):
                    continue
                for facet, one in (found if isinstance(found, Mapping) else {"": found}).items():
                    by_facet.setdefault(facet, [{} for _ in pairs])[e][case] = one
        if any(numbers):
            for plain, others in zip(numbers, by_facet.get("", [{} for _ in pairs]), strict=True):
                plain.update(others)
            by_facet[""] = numbers
        self.problem = ""
        self.whole = "" in by_facet
        self.named = sorted((facet for facet in by_facet if facet), key=facet_order)
        self._offered = {facet: [bool(mine) for mine in given] for facet, given in by_facet.items()}
        nobody: list[dict[str, Any]] = [{} for _ in pairs]
        try:
            self._gathered = {
                facet: gathered([[mine.get(case) for case in cases] for mine in by_facet.get(facet, nobody)])
                for facet in {"", *by_facet}
            }
        except PluginError as e:
            self.problem = f"'{name}': {e}"

    def facet(self, name: str, members: Any) -> Facet:
        """Return the evidence of a facet, "" for the whole, for the cases at some places."""
        from radbench.leaderboard.statistics import Facet

        evidence = self._gathered[name]
        # The whole is asked of everybody; a facet is only offered.
        offered = self._offered.get(name) if name else None
        return Facet(name, [one.take(members) for one in evidence], offered or [True] * len(evidence))
