"""JSRT's raw radiographs: 2048 x 2048, big-endian, 12 bits, no header."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from radbench.contracts.errors import ImageReadError
from radbench.imaging.stored import Stored

SIDE = 2048
SIZE_BYTES = 8_388_608
BITS = 12
SPACING_MM = (0.175, 0.175)


def read_jsrt(path: Path, data: bytes) -> Stored:
    """Read a radiograph of the Japanese Society of Radiological Technology's database.

    Its values follow the film's optical density: what is black on film (lung) is large. Dense is bright
    therefore means reversed, which the provenance says; ``polarity="reversed"`` undoes it.

    Args:
        path: for the sentences.
        data: the whole file.

    Raises:
        ImageReadError: another size, or values beyond 12 bits.

    Source: Shiraishi et al., AJR 174:71-74, 2000.
    """
    if len(data) != SIZE_BYTES:
        raise ImageReadError(
            f"'{path.name}' has {len(data)} bytes, not the {SIZE_BYTES} of JSRT's raw format "
            f"({SIDE} x {SIDE}, 16 bits each); it is cut short or another program's .img"
        )
    values = np.frombuffer(data, dtype=">u2").reshape(SIDE, SIDE).astype(np.uint16)
    top = int(values.max())
    if top >= 2**BITS:
        raise ImageReadError(
            f"'{path.name}' holds {top}, beyond the {BITS} bits of JSRT's raw format: another byte order or format"
        )
    return Stored(
        name=path.name,
        values=values,
        bounds=(0.0, 2.0**BITS - 1),
        format="JSRT raw",
        bits=BITS,
        reversed="JSRT stores optical density",
        spacing_mm=SPACING_MM,
        notes={"conversions": ["big-endian 16-bit words"], "spacing_from": "JSRT's digitiser"},
    )
