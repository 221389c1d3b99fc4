"""Reporting: who is told of a run's progress and of its pairs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from radbench.contracts.duration import duration
from radbench.contracts.events import Event
from radbench.engine.plan.pairs import Pair


class Reporter(Protocol):
    """Told of a run's progress; the command line draws it, a script may ignore it."""

    def begin(self, total: int, unit: str) -> None:
        """So many things are to be done next, "cases" to prepare or "case-steps"; counting begins at 0."""
        ...

    def advance(self, cases: int, text: str) -> None:
        """So many more of them are done."""
        ...

    def within(self, done: int, total: int, text: str) -> None:
        """One long step has come so far by its own count."""
        ...

    def note(self, text: str) -> None:
        """Something a person should read at once."""
        ...


class Listeners(Protocol):
    """Told of a run's pairs.

    Attributes:
        tell: told of every event; None where nobody wants to know.
    """

    tell: Callable[[Event], None] | None

    def started(self, pair: Pair) -> None:
        """The first step of a pair was handed to a worker."""
        ...

    def ended(self, pairs: Sequence[Pair], last: bool) -> None:
        """These pairs ended, well or badly; their per-case files and journal lines are written.

        Args:
            pairs: they.
            last: whether nothing is left to do, so that the run ends at once.
        """
        ...


class Silent:
    """A reporter that says nothing."""

    def begin(self, total: int, unit: str) -> None:
        """See :class:`Reporter`."""

    def advance(self, cases: int, text: str) -> None:
        """See :class:`Reporter`."""

    def within(self, done: int, total: int, text: str) -> None:
        """See :class:`Reporter`."""

    def note(self, text: str) -> None:
        """See :class:`Reporter`."""


class Nobody:
    """Listens to no pairs."""

    tell: Callable[[Event], None] | None = None

    def started(self, pair: Pair) -> None:
        """See :class:`Listeners`."""

    def ended(self, pairs: Sequence[Pair], last: bool) -> None:
        """See :class:`Listeners`."""


def expected(facts: dict[str, Any]) -> str:
    """Return in words how long a training will take, from what its estimate tells."""
    resumed = "goes on where it was stopped; from the start, " if facts["resumed"] else ""
    return f"{resumed}training takes about {duration(facts['seconds'])} on this machine ({facts['device']})"
