"""Ledger: what is known of a run's cases so far, from the store, the journal and the workers."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from radbench.engine.plan.pairs import Pair


@dataclass
class Ledger:
    """Scores and failures.

    Attributes:
        scored: by score key, the entry keys of the cases that are scored; what they scored is in the store.
        failures: by (key, entry key), how a case failed; the key of the loader where loading it failed.
        broken: by key, how a fit, an enhancer, a learner or a task failed as a whole.
    """

    scored: dict[str, set[str]] = field(default_factory=dict)
    failures: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    broken: dict[str, dict[str, Any]] = field(default_factory=dict)

    def note_scored(self, key: str, entries: Iterable[str]) -> None:
        """Take in which cases are scored under a key."""
        # A text of its own for each case and pair would take as much as all else that is known of it.
        self.scored.setdefault(key, set()).update(map(sys.intern, entries))

    def forget_scored(self, keys: Iterable[str]) -> None:
        """Forget which cases are scored under keys whose pairs are settled: nobody asks any more."""
        for key in keys:
            self.scored.pop(key, None)

    def recall(self, events: Iterable[dict[str, Any]]) -> None:
        """Take in a folder's failures: they are its memory, successes alone are shared through the store."""
        for event in events:
            if event["event"] == "forgiven":
                self.forgive()
            elif event["event"] == "failure":
                self.failures[event["key"], event["entry"]] = event
            else:
                self.broken[event["key"]] = event

    def forgive(self) -> bool:
        """Forget all failures; tell whether there were any."""
        had_any = bool(self.failures or self.broken)
        self.failures.clear()
        self.broken.clear()
        return had_any

    def failed(self, key: str, entry: str) -> tuple[str, str] | None:
        """Return (status, message) of a case that failed under a key, None where it did not."""
        facts = self.failures.get((key, entry))
        return None if facts is None else (facts["status"], facts["message"])

    def failure(self, pair: Pair, entry: str) -> dict[str, Any] | None:
        """Return how a case failed under a pair, None where it did not."""
        keys = (pair.loader, pair.enhance_key, pair.views_key, pair.score_key)
        return next((self.failures[key, entry] for key in keys if (key, entry) in self.failures), None)

    def breakage(self, pair: Pair) -> dict[str, Any] | None:
        """Return how something that a pair builds on failed as a whole, None where nothing did."""
        keys = [*(t.key for t in pair.trainings), pair.loader, pair.enhance_key, pair.views_key, pair.score_key]
        return next((self.broken[key] for key in keys if key in self.broken), None)
