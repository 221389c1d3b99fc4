"""How many pages a TIFF, and how many frames a GIF has, by their chains alone: nothing is decoded, and loops end.

Sources: TIFF 6.0, section 2; GIF89a specification, sections 18 to 26.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice


def count_pages(data: bytes, most: int) -> int:
    """Return how many pages or frames a file holds, ``most + 1`` where there are more; at least 1.

    Args:
        data: of a TIFF, a BigTIFF or a GIF; anything else counts as one. Where it is cut short, what is whole counts.
        most: where counting ends.
    """
    count = 0
    # A chain that leads out of the file ends there.
    with suppress(struct.error, IndexError):
        for _ in islice(_gif_frames(data) if data[:4] == b"GIF8" else _tiff_pages(data), most + 1):
            count += 1
    return max(1, count)


def _tiff_pages(data: bytes) -> Iterator[int]:
    """Yield where each directory begins."""
    order = {b"II": "<", b"MM": ">"}.get(data[:2])
    if order is None:
        return
    big = struct.unpack_from(f"{order}H", data, 2)[0] == 43
    counter, entry, pointer = ("Q", 20, "Q") if big else ("H", 12, "I")
    (here,) = struct.unpack_from(order + pointer, data, 8 if big else 4)
    seen = set()
    while here and here not in seen:
        seen.add(here)
        (entries,) = struct.unpack_from(order + counter, data, here)
        yield here
        end = here + struct.calcsize(order + counter) + entries * entry
        (here,) = struct.unpack_from(order + pointer, data, end)


def _gif_frames(data: bytes) -> Iterator[int]:
    """Yield where each image descriptor begins."""
    here = 13 + _colours(data[10])
    while data[here] != 0x3B:
        if data[here] == 0x2C:
            yield here
            here += 10 + _colours(data[here + 9]) + 1
        elif data[here] == 0x21:
            here += 2
        else:
            return
        while data[here]:
            here += data[here] + 1
        here += 1


def _colours(flags: int) -> int:
    """Return the bytes of the colour table that follows some flags."""
    return 3 * 2 ** ((flags & 7) + 1) if flags & 0x80 else 0
