"""Observed: one observation of all entries of a table, by facet, as arrays over the table's cases."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from radbench.contracts.errors import PluginError
from radbench.leaderboard.comparing import facet_order
from radbench.leaderboard.pairs import PairResult
from radbench.leaderboard.recorded import Recorded

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
        import numpy as np

        from radbench.stats.aggregations import gathered
        from radbench.stats.aggregations.evidence import Numbers, is_no_answer

        by_facet: dict[str, list[dict[str, Any]]] = {}
        index = {case: at for at, case in enumerate(cases)}
        numbers = np.full((len(pairs), len(cases)), np.nan)
        places: dict[int, Any] = {}
        for mine, (e, pair) in zip(numbers, enumerate(pairs), strict=True):
            evidence = pair.evidence
            if isinstance(evidence, Recorded) and (plain := evidence.plain(name)) is not None:
                # By far the most there is.
                if id(evidence.place) not in places:
                    places[id(evidence.place)] = np.array([index[case] for case in evidence], dtype=np.intp)
                mine[places[id(evidence.place)]] = plain
                continue
            for case, observed in evidence.items():
                if name not in observed:
                    continue
                found = observed[name]
                if type(found) is float:
                    mine[index[case]] = found
                elif isinstance(found, Mapping) or not is_no_answer(found):
                    for facet, one in (found if isinstance(found, Mapping) else {"": found}).items():
                        by_facet.setdefault(facet, [{} for _ in pairs])[e][case] = one
        offered = ~np.isnan(numbers).all(axis=1)
        if offered.any() and "" in by_facet:
            for mine, others in zip(numbers, by_facet[""], strict=True):
                known = {case: value for case, value in zip(cases, mine.tolist(), strict=True) if value == value}
                others.update({**known, **others})
        self.problem = ""
        alone = "" not in by_facet
        self.whole = bool(offered.any()) or not alone
        self.named = sorted((facet for facet in by_facet if facet), key=facet_order)
        self._offered = {facet: [bool(mine) for mine in given] for facet, given in by_facet.items()}
        try:
            self._gathered = {
                facet: gathered([[mine.get(case) for case in cases] for mine in given])
                for facet, given in by_facet.items()
            }
            if alone:
                self._gathered[""] = [Numbers(mine) for mine in numbers]
        except PluginError as e:
            self.problem = f"'{name}': {e}"

    def facet(self, name: str, members: Any) -> Facet:
        """Return the evidence of a facet, "" for the whole, for the cases at some places."""
        from radbench.leaderboard.statistics import Facet

        evidence = self._gathered[name]
        # The whole is asked of everybody; a facet is only offered.
        offered = self._offered.get(name) if name else None
        return Facet(name, [one.take(members) for one in evidence], offered or [True] * len(evidence))
