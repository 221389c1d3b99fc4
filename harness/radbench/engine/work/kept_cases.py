"""Kept cases: a data set that is a part of something gives what was made of it already, and makes the rest."""

from __future__ import annotations

from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from radbench.engine.keep.sealed import UnreadableError
from radbench.engine.plan.keys import entry_key, loader_key

if TYPE_CHECKING:
    from radbench.contracts.case import Case
    from radbench.contracts.dataset import CaseEntry
    from radbench.engine.keep.store import Store
    from radbench.engine.plan.parts import Part


class KeptCases:
    """A data set whose cases are slow to make, as a part sees it: its own in everything but for what is kept.

    Args:
        built: the open data set.
        part: what it was built from; none of its parts learns.
        store: where made cases are kept.
    """

    def __init__(self, built: Any, part: Part, store: Store) -> None:
        self._built, self._store, self._key = built, store, loader_key(part, {})

    def __getattr__(self, name: str) -> Any:
        return getattr(self._built, name)

    @cached_property
    def _entries(self) -> dict[str, CaseEntry]:
        return {entry.case_id: entry for entry in self._built.manifest()}

    def load(self, case_id: str) -> Case:
        """Return a case as it was kept, or make it; errors are the data set's."""
        entry = self._entries.get(case_id)
        if entry is not None and self._store.has_case(self._key, entry_key(entry)):
            try:
                return self._store.load_case(self._key, entry_key(entry), partial(self._built.load, case_id))
            except UnreadableError:
                # The next step that makes the case itself tells of the damage and mends it.
                pass
        return self._built.load(case_id)
