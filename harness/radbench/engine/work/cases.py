"""Cases: those that a worker saw last, those that were kept, and how the others are made."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from functools import partial

from radbench.contracts.case import ON_DEMAND, Case
from radbench.contracts.dataset import CaseEntry
from radbench.engine.keep.sealed import UnreadableError
from radbench.engine.keep.store import Store
from radbench.engine.plan.keys import entry_key
from radbench.engine.plan.steps import Loading
from radbench.engine.work.living import Living
from radbench.engine.work.make import load

_MOST_BYTES = 512 * 2**20


class Cases:
    """The cases of a worker.

    Args:
        living: where data sets come to life.
        store: where made cases are kept.
        tell: of events.
        check: called before a case is kept; raises where it must not be.
    """

    def __init__(self, living: Living, store: Store, tell: Callable[..., None], check: Callable[[], None]) -> None:
        self.living, self.store, self.tell, self.check = living, store, tell, check
        self._seen: OrderedDict[tuple[str, str], Case] = OrderedDict()
        self._bytes = 0
        self._noticed: set[str] = set()

    def case(self, loading: Loading, entry: CaseEntry) -> Case:
        """Return a case: one that was seen lately, one that was kept, or loaded anew; errors are the data set's."""
        key = (loading.key, entry_key(entry))
        if key in self._seen:
            self._seen.move_to_end(key)
            return self._seen[key]
        case = self._made(loading, entry) if loading.slow else self._again(loading, entry)
        self._seen[key] = case
        self._bytes += _size(case)
        while self._bytes > _MOST_BYTES and len(self._seen) > 1:
            _, old = self._seen.popitem(last=False)
            self._bytes -= _size(old)
        return case

    def _made(self, loading: Loading, entry: CaseEntry) -> Case:
        at = entry_key(entry)
        again = partial(self._again, loading, entry)
        if self.store.has_case(loading.key, at):
            try:
                return self.store.load_case(loading.key, at, again)
            except UnreadableError as e:
                self.tell("damaged", what=str(e))
                self.store.discard_case(loading.key, at)
        case = again()
        self.check()
        self.store.save_case(loading.key, at, case)
        # What was kept is what everybody sees, the one who made it among them.
        return self.store.load_case(loading.key, at, again)

    def _again(self, loading: Loading, entry: CaseEntry) -> Case:
        case = load(self.living.dataset(loading.dataset), self.living.listed(loading.dataset), entry)
        noticed = case.provenance.get("noticed")
        # The first stands for those like it: a folder has thousands.
        if noticed and loading.key not in self._noticed:
            self._noticed.add(loading.key)
            self.tell("warning", message=f"case '{case.case_id}': {noticed} ('bench data check' names all such cases)")
        return case


def _size(case: Case) -> int:
    tensors = [case.image, *(case.targets[name] for name in case.targets if name not in ON_DEMAND)]
    return sum(t.numel() * t.element_size() for t in tensors if hasattr(t, "element_size"))
