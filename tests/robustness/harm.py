"""Harm done to files: bytes changed, added, taken away, numbers made extreme; repeatable, from a seed."""

from __future__ import annotations

import os
import random
import struct
from collections import Counter
from collections.abc import Callable, Iterator

MUTATIONS = int(os.environ.get("RADBENCH_MUTATIONS", "1000"))
"""How many mutated files are tried, over all kinds; the variable sets more for a long run."""

_EXTREMES = (0, 1, 0x7F, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)


def _flip(data: bytearray, at: int, dice: random.Random) -> None:
    data[at] ^= 1 << dice.randrange(8)


def _byte(data: bytearray, at: int, dice: random.Random) -> None:
    data[at] = dice.randrange(256)


def _extreme(data: bytearray, at: int, dice: random.Random) -> None:
    value, form = dice.choice(_EXTREMES), dice.choice(("<H", ">H", "<I", ">I"))
    size = struct.calcsize(form)
    data[at : at + size] = struct.pack(form, value % 256**size)


def _take(data: bytearray, at: int, dice: random.Random) -> None:
    del data[at : at + dice.randint(1, 16)]


def _add(data: bytearray, at: int, dice: random.Random) -> None:
    data[at:at] = dice.randbytes(dice.randint(1, 16))


def _repeat(data: bytearray, at: int, dice: random.Random) -> None:
    data[at:at] = data[at : at + dice.randint(1, 64)] * dice.randint(1, 8)


def _cut(data: bytearray, at: int, dice: random.Random) -> None:
    del data[at:]


KINDS: dict[str, Callable[[bytearray, int, random.Random], None]] = {
    "bit": _flip,
    "byte": _byte,
    "extreme number": _extreme,
    "bytes taken": _take,
    "bytes added": _add,
    "bytes repeated": _repeat,
    "cut": _cut,
}


def mutated(data: bytes, seed: str, count: int) -> Iterator[tuple[str, bytes]]:
    """Yield the kind of harm and the harmed file; half of it in the header, where it matters most."""
    dice = random.Random(seed)
    for _ in range(count):
        harmed, kind = bytearray(data), dice.choice([*KINDS])
        for _ in range(dice.choice((1, 1, 1, 2, 4))):
            reach = min(len(harmed), 512) if dice.random() < 0.5 else len(harmed)
            if reach:
                KINDS[kind](harmed, dice.randrange(reach), dice)
        yield kind, bytes(harmed)


def boundaries(data: bytes, most: int = 400) -> list[int]:
    """Return lengths to cut a file to: each of a short one; of a long one all of its header and some of the rest."""
    if len(data) <= most:
        return [*range(len(data))]
    step = max(1, (len(data) - most // 2) // (most // 2))
    return [*range(most // 2), *range(most // 2, len(data), step)]


class Tally:
    """Counts of what became of harmed files."""

    def __init__(self, what: str) -> None:
        self.what, self.counts = what, Counter[str]()

    def add(self, how: str) -> None:
        self.counts[how] += 1

    def __str__(self) -> str:
        return f"{self.what}: " + ", ".join(f"{n} {how}" for how, n in sorted(self.counts.items()))
