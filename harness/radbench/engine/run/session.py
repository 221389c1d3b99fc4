"""Session: do a plan's steps to the end, journal what happens, and settle how each pair ended."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence, Set
from dataclasses import replace
from functools import cache
from typing import Any

from radbench.contracts.dataset import CaseEntry
from radbench.engine.keep.journal import RunFolder
from radbench.engine.keep.names import note_names
from radbench.engine.keep.room import Room
from radbench.engine.keep.store import Store
from radbench.engine.plan.keys import MEASUREMENT, entry_key
from radbench.engine.plan.learning import Training, trainings_of, with_before
from radbench.engine.plan.pairs import Pair, once
from radbench.engine.plan.parts import Part
from radbench.engine.plan.steps import Known, Step, break_into_steps
from radbench.engine.run.executors.executor import Event, Executor
from radbench.engine.run.lacking import cases_lacking, is_damaged, lacks
from radbench.engine.run.ledger import Ledger
from radbench.engine.run.outcome import Outcome
from radbench.engine.run.ready_queue import ReadyQueue
from radbench.engine.run.reporting import Listeners, Reporter, expected
from radbench.engine.run.settling import settle
from radbench.engine.run.trained import Trained, trained
from radbench.engine.run.using import files_of, folders_of, names_of, pairs_by_key, pairs_by_score
from radbench.engine.work.failures import RunAbortedError

_NOTES = 3
"""Failures of one kind that are printed as they come; the journal has all."""

_RETRIES = 2
"""Cases under one key that get another attempt after a worker was lost on them; later ones fail at once."""

_MOVES = 5
"""Machines that may be lost with a step before the step is thought to be why."""

_POISON_LIMIT = 3
"""After so many cases on which a worker was lost, everything under a key is given up."""


class Session:
    """One run in one run folder.

    Args:
        pairs: to score; those that do not apply are left out.
        trainings: weights that are wanted whether or not a pair needs them.
        folder: where it is recorded; already open.
        store: where finished work is kept.
        reporter: told of progress.
        listeners: told when a pair starts and ends.
        retry_failed: whether what failed in this folder before is tried again.
        cases: cases of data sets that are wanted whether or not a pair needs them.
        room: where what is kept has its budget; None for no end of room.
        keep: "images", or "scores" where images go as soon as no step needs them.
    """

    def __init__(
        self,
        pairs: Iterable[Pair],
        trainings: Iterable[Training],
        folder: RunFolder,
        store: Store,
        reporter: Reporter,
        listeners: Listeners,
        retry_failed: bool = False,
        cases: Sequence[tuple[Part, Sequence[CaseEntry]]] = (),
        room: Room | None = None,
        keep: str = "images",
    ) -> None:
        self.cases, self.room, self.keep = cases, room, keep
        self.folder, self.store, self.reporter, self.listeners = folder, store, reporter, listeners
        self.retry_failed = retry_failed
        self.pairs = [p for p in pairs if not p.reason]
        self.apart = [*trainings]
        below = (t for dataset, _ in cases for t in trainings_of(dataset, MEASUREMENT, "float32"))
        wanted = [*self.apart, *below, *(t for p in self.pairs for t in p.trainings)]
        self.trainings = {t.key: t for t in once(with_before(wanted))}
        self.ledger, self.outcome = Ledger(), Outcome()
        self.steps: list[Step] = []
        self.open: set[int] = set()
        self.unscored: Counter[str] = Counter()
        self.beginning, self.unsettled = pairs_by_key(self.pairs), pairs_by_score(self.pairs)
        self.retried: dict[str, set[str]] = {}
        self.poisoned: Counter[str] = Counter()
        self.moved: Counter[int] = Counter()
        self.started: set[str] = set()
        self.noted: Counter[tuple[str, str]] = Counter()
        self.counted: dict[int, set[str]] = {}
        self.remarked: dict[str, set[str]] = {}

    # before ------------------------------------------------------------------------------------------------

    def prepare(self, jobs: int) -> list[Step]:
        """Find out what is there already; return the steps that are not."""
        self.ledger.recall(self.folder.events("failure", "broken", "forgiven"))
        if self.retry_failed:
            self._forgive()
        for pair in self.pairs:
            if pair.score_key not in self.ledger.scored:
                self.ledger.note_scored(pair.score_key, self._scored_before(pair))
        wanted = [p for p in self.pairs if self.ledger.breakage(p) is None]
        apart = [t for t in self.apart if t.key not in self.ledger.broken]
        most = max((*(len(p.entries) for p in self.pairs), *(len(entries) for _, entries in self.cases)), default=1)
        chunk_size = max(1, min(32, -(-most // (4 * jobs))))
        self.steps = break_into_steps(wanted, self._known(), chunk_size, apart, self.cases)
        every = break_into_steps(wanted, Known(failed=self.ledger.failed), chunk_size, apart, self.cases)
        self.outcome.reused = sum(s.size for s in every) - sum(s.size for s in self.steps)
        self._note_dependents()
        if self.steps:
            note_names(self.store.root, names_of(self.steps))
        self.open = {s.number for s in self.steps}
        self.unscored = Counter(s.key for s in self.steps if s.kind == "score")
        if self.room is not None and self.steps:
            self.room.need(folders_of(self.steps))
        return self.steps

    def _scored_before(self, pair: Pair) -> set[str]:
        torn: list[None] = []
        found = {r["entry"] for r in self.store.read_scores(pair.score_key, lambda: torn.append(None))}
        if torn:
            self._damaged(f"{len(torn)} of the kept scores of {pair.name} were cut short or damaged")
        return found

    def _known(self) -> Known:
        scored = self.ledger.scored
        whole = {key: self.store.has_weights(key) for key in self.trainings}
        for key, training in self.trainings.items():
            if not whole[key] and self.store.has_damaged_weights(key):
                self._damaged(f"the weights of {training.name} are damaged")
        made, enhanced = cache(self.store.cases_under), cache(self.store.enhancements_under)
        return Known(
            made=lambda key, entry: entry in made(key),
            enhanced=lambda key, entry, layers: entry in enhanced(key, layers),
            scored=lambda key, entry: entry in scored.get(key, ()),
            piece=lambda key: self.store.has_piece(key) and not self._failed_elsewhere(key),
            fitted=lambda key: whole[key],
            failed=self.ledger.failed,
        )

    def _forgive(self) -> None:
        """Forget what failed, with the lessons and weights that lack what failed, and whatever was built on them."""
        if self.ledger.forgive():
            self.folder.record("forgiven")
        for training in self.trainings.values():
            for piece in (key for s in training.sources for split in s.entries for key in s.pieces(split)):
                if cases_lacking(self.store, piece) or is_damaged(self.store, piece):
                    self.store.discard_piece(piece)
            if lacks(self.store, training.key):
                self.store.discard_weights(training.key)

    def _note_dependents(self) -> None:
        """Remember what this run builds on which weights, so that whoever forgets weights forgets that, too."""
        on: dict[str, dict[tuple[str, str], None]] = {}
        for step in self.steps:
            below = {t.key for t in self.trainings[step.key].before()} if step.kind == "fit" else step.weights
            for key in below:
                on.setdefault(key, {})[step.kind, step.key] = None
        for key, dependents in on.items():
            self.store.note_dependents(key, dependents)

    def _failed_elsewhere(self, piece: str) -> bool:
        """Tell whether a piece of lessons lacks cases that failed in another folder's run, and take it away: they may
        not fail here."""
        elsewhere = cases_lacking(self.store, piece) - {facts["case_id"] for facts in self.ledger.failures.values()}
        if elsewhere:
            self.store.discard_piece(piece)
        return bool(elsewhere)

    def announce(self) -> None:
        """Say what has to be trained, before any of the long work begins."""
        for step in self.steps:
            if step.kind == "fit":
                training = self.trainings[step.key]
                what = "is not trained yet: " if training.learner.kind == "enhancer" else "learns for this enhancer: "
                self.reporter.note(f"{training.name} {what}learning from {training.described} comes first")

    def trained(self) -> list[Trained]:
        """Return how each training ended, after :meth:`run`."""
        fresh = {step.key for step in self.steps if step.kind == "fit"}
        return [trained(self.store, t, self.ledger.broken.get(t.key), t.key in fresh) for t in self.trainings.values()]

    # the loop ----------------------------------------------------------------------------------------------

    def run(self, executor: Executor | None, only: str = "") -> Outcome:
        """Do the steps, then settle every pair.

        Args:
            executor: what does them; None where there is nothing to do.
            only: a kind of steps to do now, of those that wait for no other kind; the rest comes in another call.

        Raises:
            RunAbortedError: the machine stopped it.
        """
        done = {s.number for s in self.steps} - self.open
        now = self._of_kind(only) if only else self.open
        waiting = {number: set(self.steps[number].waits_for) - done for number in now}
        followers: dict[int, list[int]] = {}
        for number in now:
            for before in waiting[number]:
                followers.setdefault(before, []).append(number)
        ready = ReadyQueue()
        for number in sorted(now):
            if not waiting[number]:
                ready.add(self.steps[number])
        left = set(now)
        self._settle_ended(self.unsettled.keys() - self.unscored.keys())
        sizes = {number: self.steps[number].size for number in now}
        self.reporter.begin(sum(sizes.values()), "case-steps")

        def ended(number: int) -> None:
            step = self.steps[number]
            self.open.discard(number)
            left.discard(number)
            # What failed, or counts only as a whole, was not told case by case.
            self.reporter.advance(max(0, sizes[number] - len(self.counted.pop(number, ()))), step.label)
            for follower in followers.get(number, ()):
                waiting[follower].discard(number)
                if not waiting[follower]:
                    ready.add(self.steps[follower])
            if step.kind == "score":
                self.unscored[step.key] -= 1
                if not self.unscored[step.key]:
                    self._settle_ended({step.key})

        while left:
            assert executor is not None
            for worker, chunk in executor.idle():
                step = ready.take(chunk)
                while step is not None and self._useless(step.number):
                    ended(step.number)
                    step = ready.take(chunk)
                if step is not None:
                    self._starting(self.steps[step.number])
                    executor.submit(worker, self.steps[step.number])
                    if step.kind == "fit":
                        break  # who may work beside it, the executor tells anew
            for event in executor.events():
                if event.name in ("done", "error"):
                    step = self.steps[event.step]
                    if event.name == "error":
                        self._broken(step, event.facts)
                    elif step.kind == "fit":
                        self.outcome.computed += step.size
                    ended(event.step)
                elif event.name == "lost":
                    if self._lost(event.step, event.facts):
                        ready.add(self.steps[event.step], first=True)
                    else:
                        ended(event.step)
                else:
                    self._note(event)
        for label, entries in self.remarked.items():
            if len(entries) > 1:
                self.reporter.note(f"{label}: remarks on {len(entries)} images in all; they stand in the journal")
        self.remarked.clear()
        if self.room is not None:
            self.room.settle(files_of(self.steps[n] for n in self.open))
        return self.outcome

    def _make_room(self, written: int) -> None:
        if self.room is not None:
            self.room.grew(written, lambda: files_of(self.steps[n] for n in self.open))

    def _of_kind(self, kind: str) -> set[int]:
        found: set[int] = set()
        for step in self.steps:
            if step.kind == kind and step.number in self.open and set(step.waits_for) <= found:
                found.add(step.number)
        return found

    def _starting(self, step: Step) -> None:
        for pair in self.beginning.pop(step.key, ()):
            if pair.name not in self.started:
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
            self.ledger.note_scored(step.key, [facts["entry"]])
            self._count(step, facts["entry"])
        elif event.name in ("made", "enhanced", "lesson"):
            self._count(step, facts["entry"])
        elif event.name == "kept":
            self._make_room(facts["bytes"])
        elif event.name == "damaged":
            self._damaged(facts["what"])
        elif event.name == "progress":
            self.reporter.within(facts["done"], facts["total"], f"{step.label}: {facts['text']}")
        elif event.name == "warning":
            self.folder.record("warning", step=step.label, message=facts["message"])
            self.reporter.note(f"{step.label}: {facts['message']}")
        elif event.name == "remark":
            self.folder.record("warning", step=step.label, message=facts["message"], case=facts["case"])
            entries = self.remarked.setdefault(step.label, set())
            if not entries:
                self.reporter.note(f"{step.label}: case '{facts['case']}': {facts['message']}")
            entries.add(facts["entry"])
        elif event.name == "estimate":
            self.reporter.note(f"{self.trainings[step.key].name}: {expected(facts)}")

    def _damaged(self, what: str) -> None:
        self.folder.record("damaged", what=what)
        self.reporter.note(f"{what}: it is made again")

    def _count(self, step: Step, entry: str) -> None:
        # A step that was given to a second worker tells of its first cases again.
        counted = self.counted.setdefault(step.number, set())
        if entry not in counted:
            counted.add(entry)
            self.outcome.computed += 1
            self.reporter.advance(1, step.label)

    def _failed_case(self, step: Step, facts: dict[str, Any]) -> None:
        where = (facts["key"], facts["entry"])
        if where not in self.ledger.failures:
            if not facts.get("passing"):
                self.folder.record("failure", **facts)
            self._note_failure(step, facts)
        self.ledger.failures[where] = facts

    def _note_failure(self, step: Step, facts: dict[str, Any]) -> None:
        key = (facts["key"], facts["status"])
        self.noted[key] += 1
        told = facts["message"].removeprefix(f"case '{facts['case_id']}': ")
        what = f"case '{facts['case_id']}' ({facts['stage']}, {facts['status']}): {told}"
        if self.noted[key] <= _NOTES:
            self.reporter.note(what if facts["stage"] == "load" else f"{step.label}: {what}")
        elif self.noted[key] == _NOTES + 1:
            self.reporter.note(f"{step.label}: more cases failed ({facts['status']}); all stand in the journal")

    def _broken(self, step: Step, facts: dict[str, Any]) -> None:
        if step.key not in self.ledger.broken:
            self.ledger.broken[step.key] = facts
            if not facts.get("passing"):
                self.folder.record("broken", key=step.key, step=step.label, **facts)
            self.reporter.note(f"{step.label}: {facts['status']}: {facts['message']}")

    def _lost(self, number: int, facts: dict[str, Any]) -> bool:
        """Settle what a lost worker was doing; return whether the step goes on without the case that it died of."""
        step, entry = self.steps[number], facts.get("entry", "")
        if facts.get("blameless") and self.moved[number] < _MOVES:
            self.moved[number] += 1
            self.reporter.note(f"{step.label}: {facts['message']}; another does its step")
            return not self._useless(number)
        message = f"{facts['message']}, at case '{facts['case']}'" if "case" in facts else facts["message"]
        retried = self.retried.setdefault(step.key, set())
        if entry not in retried and len(retried) < _RETRIES and self.poisoned[step.key] == 0:
            retried.add(entry)
            # Alone, so that it is known which image of a batch is at fault.
            self.steps[number] = replace(step, singly=True)
            self.reporter.note(f"{step.label}: {facts['status']}: {message}; trying once more")
            return True
        self.poisoned[step.key] += 1
        if not entry or step.kind == "fit" or self.poisoned[step.key] >= _POISON_LIMIT:
            self._broken(step, {"status": facts["status"], "message": message, "traceback": ""})
            return False
        case = {"case_id": facts["case"], "status": facts["status"], "message": facts["message"]}
        # A loader that kills its worker does so under every enhancer.
        at = step.loading.key if step.loading and facts["stage"] == "load" else step.key
        self._failed_case(step, {"key": at, "entry": entry, "stage": facts["stage"], "traceback": "", **case})
        return not self._useless(number)

    def _useless(self, number: int) -> bool:
        """Take out of a step the cases that failed since it was made, or were scored before a worker was lost on it;
        tell whether nothing is left of it, or something that it builds on is broken."""
        step = self.steps[number]
        at_fault = sorted(step.rests_on & self.ledger.broken.keys())
        if at_fault:
            # Whoever builds on this step builds on what is broken, too.
            self.ledger.broken.setdefault(step.key, self.ledger.broken[at_fault[0]])
            return True
        if step.kind == "fit":
            return False
        keys = (step.loading.key if step.loading else "", step.images, step.views, step.key)
        failed = {
            entry_key(e): why
            for e in step.entries
            if (why := next((w for k in keys if (w := self.ledger.failed(k, entry_key(e)))), None)) is not None
        }
        if step.kind == "lesson":
            self.steps[number] = replace(step, skipped={**step.skipped, **failed})
            return False
        scored = self.ledger.scored.get(step.key, set()) if step.kind == "score" else {}
        left = tuple(e for e in step.entries if entry_key(e) not in failed and entry_key(e) not in scored)
        left = tuple(e for e in left if not self._twin_failed(step, e))
        self.steps[number] = replace(step, entries=left)
        return not left

    def _twin_failed(self, step: Step, entry: Any) -> bool:
        """Tell whether a case's twin failed, in which case it has failed, too."""
        twin = step.twins.get(entry.case_id)
        if twin is None:
            return False
        keys = (step.loading.key if step.loading else "", step.images)
        why = next((w for k in keys if (w := self.ledger.failed(k, entry_key(twin)))), None)
        if why is None:
            return False
        message = f"its twin '{twin.case_id}' failed: {why[1]}"
        facts = {"key": step.key, "entry": entry_key(entry), "case_id": entry.case_id, "stage": "score"}
        self._failed_case(step, {**facts, "status": why[0], "message": message, "traceback": ""})
        return True

    # pairs -------------------------------------------------------------------------------------------------

    def _settle_ended(self, keys: Set[str]) -> None:
        """Settle the pairs of these scores, of which no step is open."""
        over = sorted(one for key in keys for one in self.unsettled.pop(key, ()))
        for _, pair in over:
            self.outcome.statuses[pair.name], scored = settle(pair, self.ledger, self.store, self.folder)
            self.outcome.scored[pair.name] = scored, len(pair.entries)
        self.ledger.forget_scored(keys)
        if self.keep == "scores":
            needed = folders_of(self.steps[n] for n in self.open)
            for key in {key for _, p in over for key in (p.enhance_key, p.views_key) if key}:
                if key[:32] not in needed:
                    self.store.discard_enhancements(key)
        if over:
            self.listeners.ended([pair for _, pair in over], not self.open)
