"""Seeds as they are typed: one, several with commas, ranges."""

from __future__ import annotations

from collections.abc import Iterator

from radbench.contracts.errors import UsageError

MOST = 1000
"""Seeds that a range may have: more is a slip."""


def seeds_of(text: str, what: str = "seeds") -> tuple[int, ...]:
    """Return the seeds of "0", "0,1,2", "0-4" or "0-2,7".

    Args:
        text: as it is typed.
        what: what the error calls it.

    Raises:
        UsageError: it reads otherwise, or a range has more than :data:`MOST`.
    """
    return tuple(_seeds(text, what))


def _seeds(text: str, what: str) -> Iterator[int]:
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        try:
            if not (dash and first):
                yield int(part)
                continue
            begin, end = int(first), int(last)
        except ValueError:
            raise UsageError(
                f"{what} '{text}' must be a whole number, several with commas between (0,1,2), or a range (0-4)"
            ) from None
        if not begin <= end < begin + MOST:
            raise UsageError(f"{what} '{text}': '{part.strip()}' is no range of 1 to {MOST} seeds")
        yield from range(begin, end + 1)
