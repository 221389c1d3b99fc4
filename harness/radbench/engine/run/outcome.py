"""Outcome: how a run went: what was computed, how its pairs ended, and on how many of their cases."""

from __future__ import annotations

from dataclasses import dataclass, field

from radbench.contracts.results import Status


@dataclass
class Outcome:
    """How a run went.

    Attributes:
        computed: case-steps computed in this run.
        reused: case-steps that were there already.
        statuses: per pair name.
        scored: per pair name, on how many cases it was scored, and of how many.
    """

    computed: int = 0
    reused: int = 0
    statuses: dict[str, Status] = field(default_factory=dict)
    scored: dict[str, tuple[int, int]] = field(default_factory=dict)

    @property
    def incomplete(self) -> set[str]:
        """The pairs that were scored on a part of their cases, or on none, whatever became of the others."""
        return {name for name, (scored, cases) in self.scored.items() if scored < cases}
