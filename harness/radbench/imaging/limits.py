"""Limits: how much a file may ask for before memory is taken; beyond them a header is damaged or hostile."""

from __future__ import annotations

import os

from radbench.contracts.errors import ImageReadError, UsageError

LIMITS = {
    "pixels": (2**26, "of one image or frame (a radiograph has 2 to 30 million)"),
    "voxels": (2**30, "of one volume (a CT of 1,000 slices has 262 million)"),
    "frames": (2**14, "frames, pages or slices of one file"),
    "bytes": (2**32, "of one file, as it lies there and decompressed"),
    "lines": (10**7, "of a table"),
}
"""What is limited: the default, and of what."""


def limit(what: str) -> int:
    """Return a limit of :data:`LIMITS`; the environment's ``RADBENCH_MAX_PIXELS`` (and so on) counts first.

    Raises:
        UsageError: the environment names no whole number from 1.
    """
    variable = variable_of(what)
    text = os.environ.get(variable, "")
    if not text:
        return LIMITS[what][0]
    if not text.isdecimal() or int(text) < 1:
        raise UsageError(f"{variable}={text} must be a whole number from 1")
    return int(text)


def variable_of(what: str) -> str:
    """Return the environment variable that sets a limit."""
    return f"RADBENCH_MAX_{what.upper()}"


def check_limit(name: str, what: str, claimed: int) -> None:
    """Refuse a file that asks for more than it may.

    Args:
        name: of the file, for the sentence.
        what: a key of :data:`LIMITS`.
        claimed: how many it has, or says that it has.

    Raises:
        ImageReadError: more than the limit.
    """
    if claimed > limit(what):
        raise ImageReadError(
            f"'{name}' claims {claimed:,} {what}, more than the {limit(what):,} that are read: it is damaged or "
            f"hostile, or set {variable_of(what)} higher"
        )
