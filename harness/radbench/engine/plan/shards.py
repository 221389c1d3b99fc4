"""Shards: a plan is dealt out to several machines, so that what is shared is computed by one of them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from radbench.contracts.errors import UsageError

if TYPE_CHECKING:
    from radbench.engine.plan.pairs import Pair

_TRAINING = 10
"""How many times as much a case takes that is learnt from: it is looked at once an epoch. Only the balance hangs on
it."""


@dataclass(frozen=True)
class Shard:
    """One of several parts of a plan.

    Attributes:
        number: which, from 1 on.
        of: how many there are.
    """

    number: int
    of: int

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"


def shard_of(text: str) -> Shard:
    """Read "2/3".

    Raises:
        UsageError: it is no such text.
    """
    found = re.fullmatch(r"\s*(\d{1,6})\s*/\s*(\d{1,6})\s*", text)
    if not found or not 1 <= int(found[1]) <= int(found[2]):
        raise UsageError(f"shard '{text}' must read i/n, such as 2/3, with i from 1 to n")
    return Shard(int(found[1]), int(found[2]))


def dealt(pairs: Sequence[Pair], shard: Shard) -> tuple[Pair, ...]:
    """Return the pairs of one shard; all shards together have every pair once.

    Pairs that share images or a training stay together, so that none of it is computed twice; such groups go, the
    largest first, to the shard that has the least so far. It follows from the plan alone, so that machines which know
    nothing of each other agree. Pairs that do not apply are told of by the first shard.

    Args:
        pairs: of the whole plan.
        shard: which of how many.
    """
    groups = _together(pair for pair in pairs if not pair.reason)
    costs = [(_cost(group), min(pair.name for pair in group), group) for group in groups]
    loads = [0] * shard.of
    mine: set[str] = set()
    for cost, _, group in sorted(costs, key=lambda found: (-found[0], found[1])):
        least = loads.index(min(loads))
        loads[least] += cost
        if least == shard.number - 1:
            mine |= {pair.name for pair in group}
    return tuple(p for p in pairs if (shard.number == 1 if p.reason else p.name in mine))


def _together(pairs: Iterable[Pair]) -> list[list[Pair]]:
    """Return groups of pairs that share something which has to be computed."""
    groups: list[tuple[set[str], list[Pair]]] = []
    for pair in pairs:
        keys, members = _computed(pair), [pair]
        apart = []
        for other_keys, others in groups:
            if other_keys & keys:
                keys, members = keys | other_keys, [*others, *members]
            else:
                apart.append((other_keys, others))
        groups = [*apart, (keys, members)]
    return [members for _, members in groups]


def _computed(pair: Pair) -> set[str]:
    return {pair.enhance_key, pair.views_key, *(t.key for t in pair.trainings)} - {""}


def _cost(group: Sequence[Pair]) -> int:
    """Return what a group takes, in cases that are looked at: scored, enhanced once, learnt from."""
    scored = sum(len(pair.entries) for pair in group)
    enhanced = {pair.enhance_key: len(pair.shown) for pair in group}
    learnt = {
        t.key: sum(len(entries) for source in t.sources for entries in source.entries.values())
        for pair in group
        for t in pair.trainings
    }
    return scored + sum(enhanced.values()) + _TRAINING * sum(learnt.values())
