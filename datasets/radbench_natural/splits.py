"""Which photograph is in which split: by shares, from a seed and its name."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence

from radbench.contracts.dataset import SPLITS

DIV2K = {"DIV2K_train_HR": "train", "DIV2K_valid_HR": "validation"}
"""The split of DIV2K's folders of photographs, as they are distributed."""


def shared_out(names: Iterable[str], shares: Sequence[float], seed: int, what: str = "photographs") -> dict[str, str]:
    """Deal names to the splits.

    Names are put into an order that the seed draws, and cut by the shares. A split with a share has at least one where
    there are as many names as such splits; train comes before validation, validation before test.

    Args:
        names: different ones; their order does not matter.
        shares: of train, validation and test, summing to 1.
        seed, what: what the draw depends on besides each name.

    Returns:
        The split by name.
    """
    ordered = sorted(names, key=lambda name: (hashlib.sha256(f"{seed}:{what}:{name}".encode()).digest(), name))
    dealt: list[str] = []
    for split, count in zip(SPLITS, counts(len(ordered), shares), strict=True):
        dealt += [split] * count
    return dict(zip(ordered, dealt, strict=True))


def counts(total: int, shares: Sequence[float]) -> list[int]:
    """Return how many of ``total`` each split gets: by largest remainder, none with a share empty where that can be."""
    exact = [share * total for share in shares]
    found = [int(e + 1e-9) for e in exact]
    for i in sorted(range(len(shares)), key=lambda i: (found[i] - exact[i], i))[: total - sum(found)]:
        found[i] += 1
    for i, share in enumerate(shares):
        most = max(range(len(shares)), key=lambda j: (found[j], -j))
        if share > 0 and found[i] == 0 and found[most] > 1:
            found[most] -= 1
            found[i] += 1
    return found


def official(case_ids: Iterable[str]) -> Mapping[str, str]:
    """Return the split of the photographs in DIV2K's folders of large pictures, by case id; empty where none is there.

    Where only one of the two folders is there, its photographs have no split, "": they are yet to be dealt.
    """
    found = {}
    for case_id in case_ids:
        folder = next((part for part in case_id.split("/")[:-1] if part in DIV2K), "")
        if folder:
            found[case_id] = DIV2K[folder]
    return found if len({*found.values()}) == len(DIV2K) else dict.fromkeys(found, "")
