"""Session: run a plan's steps to the end, journal what happens, and settle how each pair ended."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from radbench.contracts.dataset import CaseEntry
from radbench.contracts.results import Status
from radbench.engine.executors.local import Event, LocalExecutor
from radbench.engine.failures import RunAbortedError
from radbench.engine.journal import RunFolder
from radbench.engine.ledger import Ledger
from radbench.engine.plan import Pair, Plan, cases_digest, entry_key
from radbench.engine.preparation import unprepared
from radbench.engine.ready import Ready
from radbench.engine.reporting import Listeners, Reporter
from radbench.engine.steps import Known, Preparation, Step, break_into_steps
from radbench.engine.store import Store
from radbench.engine.training import Trained, TrainingPlan, trained, trainings_of
from radbench.learn.telling import duration

MEASURES = ("enhance_ms", "peak_memory_mb", "parameters", "device")
"""What making an enhancement took, beside the scores in the per-case files."""

_NOTES = 3
"""Failures of one kind that are printed as they come; the journal has all."""

_RETRIES = 2
"""Cases of an enhancer or task that get another attempt after a worker was lost on them; later ones fail at once."""

_POISON_LIMIT = 3
"""After so many cases on which a worker was lost, a step's whole enhancer-and-task work is given up."""


_UNSCORED = {"status": str(Status.ERROR), "stage": "score", "message": "the task gave neither a score nor a failure"}


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


class Session:
    """One run of a plan in one run folder.

    Args:
        plan: what to do: pairs to score, or weights to train.
        folder: where it is recorded; already open.
        store: where finished work is kept.
        reporter: told of progress.
        listeners: told when a pair starts and ends.
    """

    def __init__(
        self,
        plan: Plan | TrainingPlan,
        folder: RunFolder,
        store: Store,
        reporter: Reporter,
        listeners: Listeners,
        retry_failed: bool = False,
    ) -> None:
        self.plan, self.folder, self.store = plan, folder, store
        self.reporter, self.listeners, self.retry_failed = reporter, listeners, retry_failed
        self.pairs = [p for p in plan.pairs if not p.reason]
        wanted = plan.trainings if isinstance(plan, TrainingPlan) else trainings_of(self.pairs)
        self.trainings = {t.key: t for t in wanted}
        self.ledger = Ledger()
        self.outcome = Outcome()
        self.steps: list[Step] = []
        self.preparations: list[Preparation] = []
        self.retried: dict[str, set[str]] = {}
        self.poisoned: Counter[str] = Counter()
        self.started: set[str] = set()
        self.noted: Counter[tuple[str, str]] = Counter()
        self.counted: dict[int, set[str]] = {}

    def prepare(self, jobs: int) -> list[Step]:
        """Find out what is there already; return the steps that are not, and note the cases that are to be made."""
        self.ledger.recall(self.folder.events("failure", "broken", "forgiven"))
        if self.retry_failed and self.ledger.forgive():
            self.folder.record("forgiven")
        known = Known(failed=set(self.ledger.failures))
        known.fitted = {key for key in self.trainings if self.store.has_weights(key)}
        for pair in self.pairs:
            if pair.score_key not in self.ledger.records:
                records = self.store.read_scores(pair.score_key) if pair.task.per_case else self._known_result(pair)
                self.ledger.records[pair.score_key] = records
                known.scored |= {(pair.score_key, entry) for entry in records}
                if records and not pair.task.per_case:
                    known.scored.add((pair.score_key, ""))
        wanted = [p for p in self.pairs if self.ledger.breakage(p) is None]
        for pair in wanted:
            for split in pair.task.resolved.spec.splits:
                for entry in pair.dataset.entries.get(split, ()):
                    key = entry_key(entry)
                    scored = (pair.score_key, key if pair.task.per_case else "") in known.scored
                    if not scored and self.store.has_enhancement(pair.enhance_key, key):
                        known.enhanced.add((pair.enhance_key, key))
        most = max((len(p.entries) for p in self.pairs), default=1)
        chunk_size = max(1, min(32, -(-most // (4 * jobs))))
        # Of pairs, only those that still have something to enhance need their training.
        apart = [] if self.pairs else [t for t in self.trainings.values() if t.key not in self.ledger.broken]
        self.steps = break_into_steps(wanted, known, chunk_size, apart)
        every = break_into_steps(wanted, Known(failed=known.failed), chunk_size, apart)
        self.outcome.reused = sum(s.size for s in every) - sum(s.size for s in self.steps)
        planned = {p.dataset.ref: p.dataset for p in self.pairs}
        planned |= {t.source.ref: t.source for t in self.trainings.values()}
        self.preparations = unprepared(
            (planned[s.dataset], entry) for s in self.steps for entries in s.entries.values() for entry in entries
        )
        return self.steps

    def announce(self) -> None:
        """Say what has to be trained, before any of the long work begins."""
        for step in self.steps:
            if step.kind == "fit":
                training = self.trainings[str(step.fit_key)]
                self.reporter.note(f"{training.name} is not trained yet: learning from {training.lesson} comes first")

    def trained(self) -> list[Trained]:
        """Return how each training ended, after :meth:`run`."""
        fresh = {step.fit_key for step in self.steps}
        return [trained(self.store, t, self.ledger.broken.get(t.key), t.key in fresh) for t in self.trainings.values()]

    def not_prepared(self, one: Preparation, facts: dict[str, Any]) -> None:
        """Take in that a case cannot be made: it fails to load under every enhancer, and the steps go without it."""
        self._failed_case(one, facts)

    def _known_result(self, pair: Pair) -> dict[str, dict[str, Any]]:
        """Return the records of a task over whole splits, none where it was not run over just the present cases."""
        of = cases_digest({s: self._usable(pair, s) for s in pair.task.resolved.spec.splits})
        result = self.store.read_result(pair.score_key, of)
        if result is None or any((pair.score_key, entry) not in self.ledger.failures for entry in result["failed"]):
            return {}
        return {record["entry"]: record for record in result["records"]}

    def _usable(self, pair: Pair, split: str) -> list[CaseEntry]:
        failed = self.ledger.failures
        entries = pair.dataset.entries.get(split, ())
        return [e for e in entries if not {("", entry_key(e)), (pair.enhance_key, entry_key(e))} & failed.keys()]

    def run(self, executor: LocalExecutor | None) -> Outcome:
        """Do all steps, then settle every pair.

        Raises:
            RunAbortedError: the machine stopped it.
        """
        waiting = {s.number: set(s.waits_for) for s in self.steps}
        open_steps: dict[int, Step] = {s.number: s for s in self.steps}
        ready = Ready()
        for step in self.steps:
            if not waiting[step.number]:
                ready.add(step)
        unsettled = self._pairs_without_steps(open_steps)
        self.reporter.begin(sum(s.size for s in self.steps), "case-steps")
        followers: dict[int, list[int]] = {}
        for step in self.steps:
            for before in step.waits_for:
                followers.setdefault(before, []).append(step.number)

        def ended(number: int) -> None:
            step = open_steps.pop(number)
            # What failed, or counts only as a whole, was not told case by case.
            self.reporter.advance(max(0, sizes[number] - len(self.counted.pop(number, ()))), step.label)
            for follower in followers.get(number, ()):
                waiting[follower].discard(number)
                if not waiting[follower]:
                    ready.add(self.steps[follower])
            self._settle_ended(unsettled, open_steps)

        sizes = {s.number: s.size for s in self.steps}
        while open_steps:
            assert executor is not None
            for worker, chunk in executor.idle():
                next_step = ready.take(chunk)
                while next_step is not None and self._useless(next_step):
                    ended(next_step.number)
                    next_step = ready.take(chunk)
                if next_step is not None:
                    self._starting(next_step)
                    executor.submit(worker, next_step)
                    if next_step.kind == "fit":
                        break  # who may work beside it, the executor tells anew
            for event in executor.events():
                if event.name in ("done", "error"):
                    step = self.steps[event.step]
                    if event.name == "error":
                        self._broken(step, event.facts)
                    elif step.kind in ("fit", "score-all"):
                        self.outcome.computed += step.size
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
            raise RunAbortedError(facts["message"])
        step = self.steps[event.step]
        if event.name == "failure":
            self._failed_case(step, facts)
        elif event.name == "scored":
            self.ledger.records[step.score_key][facts["record"]["entry"]] = facts["record"]
            if step.kind == "score":
                self._count(step, facts["record"]["entry"])
        elif event.name == "enhanced":
            self._count(step, facts["entry"])
        elif event.name == "progress":
            text = f"{step.label}: {facts['text']}"
            if step.kind == "fit":
                self.reporter.within(facts["done"], facts["total"], text)
            else:
                self.reporter.advance(0, f"{text} {facts['done']}/{facts['total']}")
        elif event.name == "warning":
            self.reporter.note(f"{step.label}: {facts['message']}")
        elif event.name == "estimate":
            self.reporter.note(f"{self.trainings[str(step.fit_key)].name}: {_expected(facts)}")

    def _count(self, step: Step, entry: str) -> None:
        # A step that was given to a second worker tells of its first cases again.
        counted = self.counted.setdefault(step.number, set())
        if entry not in counted:
            counted.add(entry)
            self.outcome.computed += 1
            self.reporter.advance(1, step.label)

    def _failed_case(self, step: Step | Preparation, facts: dict[str, Any]) -> None:
        where = (facts["key"], facts["entry"])
        if where not in self.ledger.failures:
            self.folder.record("failure", **facts)
            self._note_failure(step, facts)
        self.ledger.failures[where] = facts

    def _note_failure(self, step: Step | Preparation, facts: dict[str, Any]) -> None:
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
            if not facts.get("passing"):
                self.folder.record("broken", key=key, step=step.label, **facts)
            self.reporter.note(f"{step.label}: {facts['status']}: {facts['message']}")

    def _lost(self, step: Step, facts: dict[str, Any]) -> bool:
        """Settle what a lost worker was doing; return whether the step goes on without the case that it died of."""
        key = {"fit": step.fit_key or "", "enhance": step.enhance_key}.get(step.kind, step.score_key)
        entry = facts.get("entry", "")
        message = f"{facts['message']}, at case '{facts['case']}'" if "case" in facts else facts["message"]
        retried = self.retried.setdefault(key, set())
        if entry not in retried and len(retried) < _RETRIES and self.poisoned[key] == 0:
            retried.add(entry)
            # Alone, so that it is known which image of a batch is at fault.
            object.__setattr__(step, "singly", True)
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
        return True

    def _useless(self, step: Step) -> bool:
        """Take out of a step the cases that failed since it was made, or were scored before a worker was lost on it;
        tell whether nothing is left of it, or something that it builds on is broken."""
        if step.kind != "fit":
            failed, scored = self.ledger.failures, self.ledger.records.get(step.score_key, {})
            keys = ("", step.enhance_key, *([step.score_key] if step.kind == "score" else []))
            left = {
                split: tuple(
                    e
                    for e in entries
                    if not any((key, entry_key(e)) in failed for key in keys)
                    and not (step.kind == "score" and entry_key(e) in scored)
                )
                for split, entries in step.entries.items()
            }
            object.__setattr__(step, "entries", left)
            # A task over whole splits needs cases to score; what it makes of an empty train split is its own affair.
            last = [*left.values()][-1]
            if not last:
                return True
        return bool({step.fit_key, step.enhance_key, step.score_key} & self.ledger.broken.keys())

    # pairs -------------------------------------------------------------------------------------------------

    def _pairs_without_steps(self, open_steps: dict[int, Step]) -> list[Pair]:
        unsettled = list(self.pairs)
        self._settle_ended(unsettled, open_steps)
        return unsettled

    def _settle_ended(self, unsettled: list[Pair], open_steps: dict[int, Step]) -> None:
        keys = {s.score_key for s in open_steps.values() if s.score_key}
        over = [p for p in unsettled if p.score_key not in keys]
        for pair in over:
            unsettled.remove(pair)
            self._settle(pair)
        if over:
            self.listeners.ended(over)

    def _settle(self, pair: Pair) -> None:
        """Write how a pair ended: its per-case file, then its line in the journal."""
        rows, failures = [], []
        breakage = self.ledger.breakage(pair)
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
            elif (failure := self.ledger.failure(pair, key) or (None if breakage else _UNSCORED)) is not None:
                failures.append(failure | {"case_id": entry.case_id})
                rows.append(row | {"status": f"{failure['status']}", "message": failure["message"]})
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

    def _measures(self, pair: Pair) -> dict[str, Any]:
        fit = pair.enhancer.fit_key(pair.seed, pair.precision)
        if fit is None or not self.store.has_weights(fit):
            return {"fit_seconds": None}
        facts = self.store.weights_facts(fit)
        return {"fit_seconds": facts.get("fit_seconds"), "pretrained": facts.get("facts", {}).get("pretrained")}

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


def _expected(facts: dict[str, Any]) -> str:
    if facts["seconds"] is None:
        return f"how long the training takes cannot be told: {facts['message']}"
    resumed = "goes on where it was stopped; from the start, " if facts["resumed"] else ""
    return f"{resumed}training takes about {duration(facts['seconds'])} on this machine ({facts['device']})"
