"""Run images: the cases of a run, and what its enhancers made of them, from the cache or made again."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from radbench.contracts.dataset import CaseEntry
from radbench.contracts.errors import CaseError, RadbenchError, UnknownNameError, UsageError
from radbench.contracts.variants import split_list
from radbench.engine.keep.homes import cache_home
from radbench.engine.keep.journal import RunFolder
from radbench.engine.keep.private import privately
from radbench.engine.keep.sealed import UnreadableError
from radbench.engine.keep.store import Store
from radbench.engine.keep.texts import counted
from radbench.engine.plan.keys import entry_key
from radbench.engine.plan.pairs import Pair, make_plan
from radbench.engine.plan.request import Request
from radbench.engine.plan.steps import Live, Loading, Step, loading_of
from radbench.engine.work.worker import WorkerSetup, settings_restored, workbench
from radbench.registry.registry import load_registry

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from radbench.contracts.case import Case


@dataclass(frozen=True)
class RunImages:
    """What a run looked at.

    Attributes:
        dataset: label of the data set.
        fingerprint: of the data, as the run's table has it.
        plan: digest of the run's plan.
        pairs: by the enhancer's label, in the order asked for; all have the same cases.
        entries: the cases that all of these enhancers have images of.
        notes: sentences about what is not among them.
    """

    dataset: str
    fingerprint: str
    plan: str
    pairs: Mapping[str, Pair]
    entries: tuple[CaseEntry, ...]
    notes: tuple[str, ...]
    _bench: Any
    _loading: Loading
    _failures: list[str]

    def case(self, entry: CaseEntry) -> Case:
        """Return a case with its truth.

        Raises:
            CaseError: it cannot be loaded any more.
        """
        try:
            found: Case = self._bench.look(self._loading, entry)
        except RadbenchError:
            raise
        except Exception as e:
            raise CaseError(f"case '{entry.case_id}' cannot be loaded any more: {e}") from e
        return found

    def image(self, enhancer: str, entry: CaseEntry) -> NDArray[np.float32]:
        """Return what an enhancer made of a case, float32 ``[H,W]`` in [0,1]; what is kept no more is made again.

        Raises:
            CaseError: it cannot be made.
        """
        pair, at = self.pairs[enhancer], entry_key(entry)
        store: Store = self._bench.store
        try:
            found, _ = store.load_enhancement(pair.enhance_key, at)
        except UnreadableError:
            store.discard_enhancement(pair.enhance_key, at)
            self._make(pair, entry)
            try:
                found, _ = store.load_enhancement(pair.enhance_key, at)
            except UnreadableError:
                why = f": {self._failures[-1]}" if self._failures else ""
                raise CaseError(
                    f"the image of case '{entry.case_id}' by {enhancer} cannot be made again{why}"
                ) from None
        return found.image[0].numpy()

    def _make(self, pair: Pair, entry: CaseEntry) -> None:
        self._failures.clear()
        step = Step(
            number=0,
            kind="enhance",
            chunk=0,
            key=pair.enhance_key,
            label=f"enhance with {pair.enhancer.label}",
            seed=pair.enhancer_seed,
            precision=pair.precision,
            loading=self._loading,
            entries=(entry,),
            enhancer=Live(pair.enhancer.asked, pair.weights, pair.enhancer_seed),
        )
        try:
            self._bench.do(step)
        except Exception as e:
            self._failures.append(self._bench.sentence(step, e))


@contextmanager
def images_of(
    folder: Path, enhancers: Sequence[str], task: str = "", plugin_files: Sequence[str] = ()
) -> Iterator[RunImages]:
    """Open the images of a run.

    Args:
        folder: of the run.
        enhancers: labels, as the run's table has them; comma lists are taken apart.
        task: whose data set, where the run has tasks on several.
        plugin_files: that may be loaded: a run's folder is no reason to run what it names.

    Raises:
        UsageError: there is no such run, it needs a plugin file that is not among these, its code or data have changed
            since, or it has no such enhancer.
    """
    request, digest = _asked(folder)
    if missing := [file for file in request.plugin_files if file not in plugin_files]:
        raise UsageError(
            f"the run '{folder}' used the plugin file '{missing[0]}': name it with --plugin, if you trust it"
        )
    registry = load_registry(request.plugin_files)
    plan = make_plan(registry, request)
    if plan.digest != digest:
        raise UsageError(
            f"the code or the data that the run '{folder}' was made of have changed since, so that its images are no "
            "longer those of its table: give its 'bench run' again, and then this command"
        )
    pairs = _pairs(folder, plan.pairs, enhancers, task)
    first = next(iter(pairs.values()))
    notes = []
    for label, pair in pairs.items():
        seeds = {p.seed for p in plan.pairs if p.enhancer.label == label and not p.reason}
        if len(seeds) > 1:
            notes.append(f"{label}: the training of seed {pair.seed} stands for {len(seeds)}")
    good = _scored(RunFolder(folder), pairs.values())
    if lost := len(first.entries) - len(good):
        notes.append(f"{counted(lost, 'case')} of the run did not go well with every enhancer")
    failures: list[str] = []

    def heard(event: str, **facts: Any) -> None:
        if event == "failure":
            failures.append(str(facts["message"]))

    with settings_restored(), privately():
        bench = workbench(WorkerSetup(request.plugin_files, str(cache_home()), "cpu", 1), heard)
        bench.expendable = False
        yield RunImages(
            dataset=first.dataset.label,
            fingerprint=first.fingerprint,
            plan=digest,
            pairs=pairs,
            entries=tuple(e for e in first.entries if e.case_id in good),
            notes=tuple(notes),
            _bench=bench,
            _loading=loading_of(first.dataset, first.precision),
            _failures=failures,
        )


def _asked(folder: Path) -> tuple[Request, str]:
    """Return what was asked for when a folder was last run, and its plan's digest."""
    if not (folder / "journal.jsonl").is_file():
        raise UsageError(f"'{folder}' is no run's folder: name one that 'bench run' wrote, such as runs/my-run")
    last: dict[str, Any] | None = None
    for event in RunFolder(folder).events("run"):
        last = event
    if last is None:
        raise UsageError(f"'{folder}' holds no run with pairs: name one that 'bench run' wrote")
    given = json.loads(json.dumps(last["request"]))
    try:
        for name in ("enhancers", "tasks", "seeds", "plugin_files"):
            given[name] = tuple(given[name])
        return Request(**given), str(last["plan"])
    except (KeyError, TypeError) as e:
        raise UsageError(
            f"'{folder}' was written by another version of radbench ({e}): give its 'bench run' again"
        ) from e


def _pairs(folder: Path, pairs: Sequence[Pair], enhancers: Sequence[str], task: str) -> dict[str, Pair]:
    pairs = [p for p in pairs if not p.reason]
    if task:
        mine = [p for p in pairs if task in (p.task.label, p.task.name)]
        if not mine:
            raise UnknownNameError("task", task, {p.task.label for p in pairs})
        pairs = mine
    sets = dict.fromkeys(p.dataset.label for p in pairs)
    if len(sets) > 1:
        tasks = ", ".join(dict.fromkeys(p.task.label for p in pairs))
        raise UsageError(
            f"the run has tasks on {len(sets)} data sets ({', '.join(sets)}): choose one with --task ({tasks})"
        )
    if not pairs:
        raise UsageError(f"the run '{folder}' has no pair that applies, and so no images")
    most = {p.cases_digest for p in pairs}
    if len(most) > 1:
        tasks = ", ".join(dict.fromkeys(p.task.label for p in pairs))
        raise UsageError(f"the run's tasks look at different cases: choose one with --task ({tasks})")
    by_label: dict[str, Pair] = {}
    for pair in pairs:
        # Of several trainings the first stands for its enhancer: the reader sees one image of each.
        by_label.setdefault(pair.enhancer.label, pair)
    found: dict[str, Pair] = {}
    for name in dict.fromkeys(name for text in enhancers for name in split_list(text)):
        if name not in by_label:
            raise UnknownNameError("enhancer of this run", name, by_label)
        found[name] = by_label[name]
    if not found:
        raise UsageError(f"name the enhancers with --enhancers: the run has {', '.join(by_label)}")
    return found


def _scored(folder: RunFolder, pairs: Sequence[Pair] | Any) -> set[str]:
    """Return the ids of the cases that went well with each of these enhancers."""
    found: set[str] | None = None
    for pair in pairs:
        good = {row["case_id"] for row in folder.read_cases(pair.name) if row["status"] == "ok"}
        found = good if found is None else found & good
    if not found:
        raise UsageError(f"no case of the run '{folder.root}' went well with every enhancer that was named")
    return found
