"""Session: run a plan's steps to the end, journal what happens, and settle how each pair ended."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from radbench.contracts.errors import RadbenchError
from radbench.contracts.results import Status
from radbench.engine.executors.local import Event, LocalExecutor
from radbench.engine.journal import RunFolder
from radbench.engine.plan import Pair, Plan, entry_key
from radbench.engine.steps import Known, Step, break_into_steps
from radbench.engine.store import Store

MEASURES = ("enhance_ms", "peak_memory_mb", "parameters", "device")
"""What making an enhancement took, beside the scores in the per-case files."""

_NOTES = 3
"""Failures of one kind that are printed as they come; the journal has all."""

_POISON_LIMIT = 3
"""After so many cases on which a worker was lost, a step's whole enhancer-and-task work is given up."""


class RunAbortedError(RadbenchError):
    """The machine, not a plugin, stopped the run (a full disk, workers that cannot start); what is done is kept."""


class Reporter(Protocol):
    """Told of a run's progress; the command line draws it, a script may ignore it."""

    def steps(self, total_cases: int, known_pairs: int) -> None:
        """Called once: how many case-steps are to be done."""
        ...

    def advance(self, cases: int, text: str) -> None:
        """So many more case-steps are done."""
        ...

    def note(self, text: str) -> None:
        """Something a person should read at once."""
        ...


class Listeners(Protocol):
    """Told of a run's pairs."""

    def started(self, pair: Pair) -> None:
        """The first step of a pair was handed to a worker."""
        ...

    def ended(self, pair: Pair) -> None:
        """A pair ended, well or badly; its per-case file and journal line are written."""
        ...


class Silent:
    """A reporter that says nothing."""

    def steps(self, total_cases: int, known_pairs: int) -> None:
        """See :class:`Reporter`."""

    def advance(self, cases: int, text: str) -> None:
        """See :class:`Reporter`."""

    def note(self, text: str) -> None:
        """See :class:`Reporter`."""


@dataclass
class Outcome:
    """How a run went.

    Attributes:
        computed: case-steps computed in this run.
        reused: case-steps that were there already.
        statuses: per pair name.
        incomplete: pairs that were scored on fewer cases than could be loaded.
    """

    computed: int = 0
    reused: int = 0
    statuses: dict[str, Status] = field(default_factory=dict)
    incomplete: set[str] = field(default_factory=set)


@dataclass
class _Ledger:
    """What is known of the cases so far, from the store, the journal and the workers."""

    records: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)
    failures: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    broken: dict[str, dict[str, Any]] = field(default_factory=dict)

    def failure(self, pair: Pair, entry: str) -> dict[str, Any] | None:
        for key in ("", pair.enhance_key, pair.score_key):
            if (key, entry) in self.failures:
                return self.failures[key, entry]
        return None

    def breakage(self, pair: Pair) -> dict[str, Any] | None:
        fit = pair.enhancer.fit_key(pair.seed, pair.precision) or ""
        for key in (fit, pair.enhance_key, pair.score_key):
            if key in self.broken:
                return self.broken[key]
        return None


class Session:
    """One run of a plan in one run folder.

    Args:
        plan: what to do.
        folder: where it is recorded; already open.
        store: where finished work is kept.
        reporter: told of progress.
        listeners: told when a pair starts and ends.
    """

    def __init__(
        self,
        plan: Plan,
        folder: RunFolder,
        store: Store,
        reporter: Reporter,
        listeners: Listeners,
        retry_failed: bool = False,
    ) -> None:
        self.plan, self.folder, self.store = plan, folder, store
        self.reporter, self.listeners, self.retry_failed = reporter, listeners, retry_failed
        self.pairs = [p for p in plan.pairs if not p.reason]
        self.ledger = _Ledger()
        self.outcome = Outcome()
        self.steps: list[Step] = []
        self.retried: set[tuple[str, str]] = set()
        self.poisoned: Counter[str] = Counter()
        self.started: set[str] = set()
        self.noted: Counter[tuple[str, str]] = Counter()

    def prepare(self, jobs: int) -> list[Step]:
        """Find out what is there already; return the steps that are not."""
        self._recall_failures()
        known = Known(failed=set(self.ledger.failures))
        for pair in self.pairs:
            records = self.ledger.records.setdefault(pair.score_key, {})
            if not records:
                records.update(self.store.read_scores(pair.score_key))
            known.scored |= {(pair.score_key, entry) for entry in records}
            fit = pair.enhancer.fit_key(pair.seed, pair.precision)
            if fit and self.store.has_weights(fit):
                known.fitted.add(fit)
        wanted = [p for p in self.pairs if self.ledger.breakage(p) is None]
        for pair in wanted:
            for split in pair.task.resolved.spec.splits:
                for entry in pair.dataset.entries.get(split, ()):
                    key = entry_key(entry)
                    scored = pair.task.per_case and (pair.score_key, key) in known.scored
                    if not scored and self.store.has_enhancement(pair.enhance_key, key):
                        known.enhanced.add((pair.enhance_key, key))
        most = max((len(p.entries) for p in self.pairs), default=1)
        chunk_size = max(1, min(32, -(-most // (4 * jobs))))
        self.steps = break_into_steps(wanted, known, chunk_size)
        all_cases = sum(s.size for s in break_into_steps(self.pairs, Known(), chunk_size))
        self.outcome.reused = all_cases - sum(s.size for s in self.steps)
        return self.steps

    def _recall_failures(self) -> None:
        # Failures are this folder's memory: successes alone are shared through the store.
        for event in self.folder.events("failure", "broken", "forgiven"):
            if event["event"] == "forgiven":
                self.ledger.failures.clear()
                self.ledger.broken.clear()
            elif event["event"] == "failure":
                self.ledger.failures[event["key"], event["entry"]] = event
            else:
                self.ledger.broken[event["key"]] = event
        if self.retry_failed and (self.ledger.failures or self.ledger.broken):
            self.ledger.failures.clear()
            self.ledger.broken.clear()
            self.folder.record("forgiven")

    def run(self, executor: LocalExecutor | None) -> Outcome:
        """Do all steps, then settle every pair.

        Raises:
            RunAbortedError: the machine stopped it.
        """
        waiting = {s.number: set(s.waits_for) for s in self.steps}
        open_steps: dict[int, Step] = {s.number: s for s in self.steps}
        ready = _Ready()
        for step in self.steps:
            if not waiting[step.number]:
                ready.add(step)
        unsettled = self._pairs_without_steps(open_steps)
        self.reporter.steps(sum(s.size for s in self.steps), len(self.pairs) - len(unsettled))
        followers: dict[int, list[int]] = {}
        for step in self.steps:
            for before in step.waits_for:
                followers.setdefault(before, []).append(step.number)

        def ended(number: int) -> None:
            open_steps.pop(number)
            for follower in followers.get(number, ()):
                waiting[follower].discard(number)
                if not waiting[follower]:
                    ready.add(self.steps[follower])
            self._settle_ended(unsettled, open_steps)

        while open_steps:
            assert executor is not None
            for worker, chunk in executor.idle():
                next_step = ready.take(chunk)
                while next_step is not None and self._useless(next_step):
                    self.reporter.advance(next_step.size, next_step.label)
                    ended(next_step.number)
                    next_step = ready.take(chunk)
                if next_step is not None:
                    self._starting(next_step)
                    executor.submit(worker, next_step)
            for event in executor.events():
                if event.name in ("done", "error"):
                    if event.name == "error":
                        self._broken(self.steps[event.step], event.facts)
                    ended(event.step)
                elif event.name == "lost":
                    if self._lost(self.steps[event.step], event.facts):
                        ready.add(self.steps[event.step], first=True)
                    else:
                        ended(event.step)
                else:
                    self._note(event)
        self._settle_ended(unsettled, open_steps)
        return self.outcome

    def _starting(self, step: Step) -> None:
        for pair in self.pairs:
            mine = {pair.enhance_key, pair.score_key, pair.enhancer.fit_key(pair.seed, pair.precision)}
            if pair.name not in self.started and mine & {step.fit_key or step.enhance_key, step.score_key}:
                self.started.add(pair.name)
                self.listeners.started(pair)

    # what workers tell -------------------------------------------------------------------------------------

    def _note(self, event: Event) -> None:
        facts = event.facts
        if event.name == "fatal":
            raise RunAbortedError(f"{facts['message']}. What is done is kept: mend it and give the same command again.")
        step = self.steps[event.step]
        if event.name == "failure":
            self._failed_case(step, facts)
        elif event.name == "scored":
            self.ledger.records[step.score_key][facts["record"]["entry"]] = facts["record"]
            self._advance(step)
        elif event.name == "enhanced":
            self._advance(step)
        elif event.name == "progress":
            self.reporter.advance(0, f"{step.label}: {facts['text']} {facts['done']}/{facts['total']}")

    def _advance(self, step: Step) -> None:
        self.outcome.computed += 1
        self.reporter.advance(1, step.label)

    def _failed_case(self, step: Step, facts: dict[str, Any]) -> None:
        where = (facts["key"], facts["entry"])
        if where not in self.ledger.failures:
            self.folder.record("failure", **facts)
            self._note_failure(step, facts)
        self.ledger.failures[where] = facts
        self.reporter.advance(1, step.label)

    def _note_failure(self, step: Step, facts: dict[str, Any]) -> None:
        key = (facts["key"], facts["status"])
        self.noted[key] += 1
        what = f"case '{facts['case_id']}' ({facts['stage']}, {facts['status']}): {facts['message']}"
        if self.noted[key] <= _NOTES:
            self.reporter.note(what if facts["stage"] == "load" else f"{step.label}: {what}")
        elif self.noted[key] == _NOTES + 1:
            self.reporter.note(f"{step.label}: more cases failed ({facts['status']}); all stand in the journal")

    def _broken(self, step: Step, facts: dict[str, Any]) -> None:
        key = {"fit": step.fit_key, "enhance": step.enhance_key}.get(step.kind, step.score_key)
        assert key is not None
        if key not in self.ledger.broken:
            self.ledger.broken[key] = facts
            self.folder.record("broken", key=key, step=step.label, **facts)
            self.reporter.note(f"{step.label}: {facts['status']}: {facts['message']}")

    def _lost(self, step: Step, facts: dict[str, Any]) -> bool:
        """Settle what a lost worker was doing; return whether the step goes on without the case that it died of."""
        key = {"fit": step.fit_key or "", "enhance": step.enhance_key}.get(step.kind, step.score_key)
        entry = facts.get("entry", "")
        message = f"{facts['message']}, at case '{facts['case']}'" if "case" in facts else facts["message"]
        if (key, entry) not in self.retried and self.poisoned[key] == 0:
            self.retried.add((key, entry))
            self.reporter.note(f"{step.label}: {facts['status']}: {message}; trying once more")
            return True
        self.poisoned[key] += 1
        if not entry or step.kind not in ("enhance", "score") or self.poisoned[key] >= _POISON_LIMIT:
            self._broken(step, {"status": facts["status"], "message": message, "traceback": ""})
            return False
        case = {"case_id": facts["case"], "status": facts["status"], "message": facts["message"]}
        # A loader that kills its worker does so under every enhancer.
        at = "" if facts["stage"] == "load" else key
        self._failed_case(step, {"key": at, "entry": entry, "stage": facts["stage"], "traceback": "", **case})
        rest = {s: tuple(e for e in es if entry_key(e) != entry) for s, es in step.entries.items()}
        object.__setattr__(step, "entries", rest)
        return True

    def _useless(self, step: Step) -> bool:
        """Tell whether something that a step builds on is broken already."""
        return bool({step.fit_key, step.enhance_key, step.score_key} & self.ledger.broken.keys())

    # pairs -------------------------------------------------------------------------------------------------

    def _pairs_without_steps(self, open_steps: dict[int, Step]) -> list[Pair]:
        unsettled = list(self.pairs)
        self._settle_ended(unsettled, open_steps)
        return unsettled

    def _settle_ended(self, unsettled: list[Pair], open_steps: dict[int, Step]) -> None:
        keys = {s.score_key for s in open_steps.values() if s.score_key}
        for pair in [p for p in unsettled if p.score_key not in keys]:
            unsettled.remove(pair)
            self._settle(pair)

    def _settle(self, pair: Pair) -> None:
        """Write how a pair ended: its per-case file, then its line in the journal."""
        rows, failures = [], []
        records = self.ledger.records[pair.score_key]
        for entry in pair.entries:
            key = entry_key(entry)
            row = {"case_id": entry.case_id, "patient_id": entry.patient_id, "group": entry.group, "status": "ok"}
            if key in records:
                record = records[key]
                predictions = record.get("predictions", {})
                row |= {"message": "", **record["scores"]}
                row |= {f"{k}:label": v[0] for k, v in predictions.items()}
                row |= {f"{k}:score": v[1] for k, v in predictions.items()}
                row |= {k: record[k] for k in MEASURES if record.get(k) is not None}
                rows.append(row)
            elif (failure := self.ledger.failure(pair, key)) is not None:
                failures.append(failure)
                rows.append(row | {"status": f"{failure['status']}", "message": failure["message"]})
        breakage = self.ledger.breakage(pair)
        status, error = self._verdict(pair, rows, failures, breakage)
        self.folder.write_cases(pair.name, rows)
        unloadable = sum(f["stage"] == "load" for f in failures)
        self.folder.record(
            "pair",
            pair=pair.name,
            status=str(status),
            error=error,
            expected_cases=len(pair.entries) - unloadable,
            **self._measures(pair),
        )
        self.outcome.statuses[pair.name] = status
        if len(failures) > unloadable:
            self.outcome.incomplete.add(pair.name)
        self.listeners.ended(pair)

    def _measures(self, pair: Pair) -> dict[str, Any]:
        fit = pair.enhancer.fit_key(pair.seed, pair.precision)
        if fit is None or not self.store.has_weights(fit):
            return {"fit_seconds": None}
        return {"fit_seconds": self.store.load_weights(fit)[1].get("fit_seconds")}

    @staticmethod
    def _verdict(
        pair: Pair, rows: Sequence[Any], failures: Sequence[dict[str, Any]], breakage: dict[str, Any] | None
    ) -> tuple[Status, str]:
        if breakage is not None:
            return Status(breakage["status"]), breakage["message"]
        scored = len(rows) - len(failures)
        if not failures:
            return Status.OK, ""
        named = ", ".join(sorted(f["case_id"] for f in failures)[:5]) + (", …" if len(failures) > 5 else "")
        kinds = Counter(f["status"] for f in failures)
        text = f"{len(failures)} of {len(pair.entries)} cases failed ({named}): {failures[0]['message']}"
        return (Status.OK if scored else Status(kinds.most_common(1)[0][0])), text


class _Ready:
    """Steps that can start: a worker goes on with the chunk it has in memory, else takes one nobody works on."""

    def __init__(self) -> None:
        self.chunks: dict[int, deque[Step]] = {}
        self.taken: dict[int, float] = {}

    def add(self, step: Step, first: bool = False) -> None:
        steps = self.chunks.setdefault(step.chunk, deque())
        # What finishes a pair's part goes before what starts another.
        if first or step.kind == "score":
            steps.appendleft(step)
        else:
            steps.append(step)

    def take(self, chunk: int | None) -> Step | None:
        if chunk not in self.chunks:
            if not self.chunks:
                return None
            # The least recently touched chunk: most likely nobody else's.
            chunk = min(self.chunks, key=lambda c: (self.taken.get(c, 0.0), c))
        steps = self.chunks[chunk]
        step = steps.popleft()
        if not steps:
            del self.chunks[chunk]
        self.taken[chunk] = time.monotonic()
        return step
