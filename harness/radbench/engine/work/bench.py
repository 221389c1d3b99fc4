"""Bench: where a worker does its steps, case by case, telling of everything that ends."""

from __future__ import annotations

import os
import sys
import threading
import time
import traceback
from bdb import BdbQuit
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

from radbench.contracts.case import Case
from radbench.contracts.dataset import CaseEntry
from radbench.contracts.enhancement import Enhancement
from radbench.contracts.errors import CaseError, ChangedInputError, InvalidOutputError, PluginError
from radbench.contracts.results import Status, TaskContext
from radbench.engine.keep.code import code_of
from radbench.engine.keep.evidence import encoded
from radbench.engine.keep.pieces import (
    DamagedPieceError,
    KeptLessons,
    KeptSources,
    NoLesson,
    TrainAndValidation,
    write_piece,
)
from radbench.engine.keep.sealed import GoneError
from radbench.engine.keep.store import Store, StoreError, UnreadableError
from radbench.engine.plan.keys import engine_modules, entry_key
from radbench.engine.plan.parts import Part
from radbench.engine.plan.resolver import SourceChangedError
from radbench.engine.plan.steps import KINDS, Live, Loading, Step
from radbench.engine.work.blame import called, own_code
from radbench.engine.work.cases import Cases
from radbench.engine.work.enhance import LiveEnhancer, enhance
from radbench.engine.work.failures import message_of, status_of
from radbench.engine.work.imports import Imports
from radbench.engine.work.lesson import lessons_of
from radbench.engine.work.living import Living
from radbench.engine.work.peak_memory import peak_memory_mb, reset_peak_memory
from radbench.engine.work.remarks import remarks_to
from radbench.engine.work.samples import sample_of
from radbench.engine.work.score import score
from radbench.engine.work.seeding import salt_of
from radbench.engine.work.training import device_name, train
from radbench.registry.registry import Registry

Tell = Callable[..., None]
"""Called with an event's name and facts; also the sign of life that the timeout watches."""


_UNDER_WAY = threading.Lock()


class Workbench:
    """What a warm worker keeps between steps: living parts, and the cases it saw last.

    Args:
        registry: of plugins.
        store: where results go.
        device: "cpu" or "cuda:N".
        threads: that training may use.
        tell: of events.
        imports: what plugins asked for when they were loaded.

    Attributes:
        expendable: whether the process may end itself where only a new one can go on.
    """

    def __init__(
        self,
        registry: Registry,
        store: Store,
        device: str,
        threads: int,
        tell: Tell,
        imports: Imports | None = None,
    ) -> None:
        self.store, self.device, self.threads, self.tell = store, device, threads, tell
        self.living = Living(registry, store, device)
        self._cases = Cases(self.living, store, tell, self._check_code)
        self._imports = imports or Imports()
        self._parts: tuple[Part, ...] = ()
        self._before: set[str] = set()
        self._judged: tuple[set[str], int] | None = None
        self.expendable = True

    def do(self, step: Step) -> None:
        """Do a step; what concerns one case is told as that case's failure and the rest goes on.

        Raises:
            Exception: what concerns the whole step (a factory that raises, a fit, a full disk).
            RuntimeError: another step is under way in this process.
        """
        if not _UNDER_WAY.acquire(blocking=False):
            raise RuntimeError(
                "another step is under way in this process: random states and threads are its own, so that both would "
                "give other numbers; give each worker a process"
            )
        try:
            self._do(step)
        finally:
            _UNDER_WAY.release()

    def _do(self, step: Step) -> None:
        with self._watched(step.loading.dataset if step.loading else None, step.enhancer, step.learner):
            work = {"make": self._make, "enhance": self._enhance, "lesson": self._lesson, "score": self._score}
            (self._fit if step.kind == "fit" else work[step.kind])(step)
        if written := self.store.taken():
            self.tell("kept", bytes=written)

    def look(self, loading: Loading, entry: CaseEntry) -> Case:
        """Return a case outside of any step; errors are the data set's."""
        with self._watched(loading.dataset):
            return self.case(loading, entry)

    @contextmanager
    def _watched(self, *lives: Live | None) -> Iterator[None]:
        """Hold what is done in the block against the code of some parts, and of nobody else's."""
        with self._imports.noted():
            self._before, self._judged = {*sys.modules}, None
            # What is touched may load what its code reaches, though a part itself may not come to life.
            self._parts = tuple(part for live in lives if live is not None for part in self.living.below(live.asked))
            yield

    # make --------------------------------------------------------------------------------------------------

    def _make(self, step: Step) -> None:
        for entry in step.entries:
            if self._loaded(step, entry) is not None:
                self.tell("made", entry=entry_key(entry))

    # enhance -----------------------------------------------------------------------------------------------

    def _enhance(self, step: Step) -> None:
        assert step.enhancer is not None
        enhancer = self.living.enhancer(step.enhancer)
        batch: list[tuple[CaseEntry, Case]] = []
        part = self.living.part(step.enhancer.asked)
        # What draws does so for each case alone: who shares its batch depends on how work is shared out.
        singly = step.singly or any(one.spec.draws for one in part.all_enhancers())
        size = 1 if singly else max(1, part.spec.batch_size)
        reset_peak_memory(self.device)
        for entry in step.entries:
            if self.store.has_enhancement(step.key, entry_key(entry), step.layers):
                self.tell("enhanced", entry=entry_key(entry))
                continue
            case = self._loaded(step, entry)
            if case is None:
                continue
            if batch and batch[0][1].image.shape != case.image.shape:
                self._enhance_batch(step, enhancer, batch)
                batch = []
            batch.append((entry, case))
            if len(batch) == size:
                self._enhance_batch(step, enhancer, batch)
                batch = []
        if batch:
            self._enhance_batch(step, enhancer, batch)

    def _enhance_batch(self, step: Step, enhancer: LiveEnhancer, batch: list[tuple[CaseEntry, Case]]) -> None:
        self.tell("case", case=batch[0][0].case_id, entry=entry_key(batch[0][0]), stage="enhance")
        try:
            self._make_images(step, step.key, step.poses, enhancer, batch)
        except (Exception, SystemExit) as e:
            if len(batch) > 1 and not isinstance(e, StoreError | BdbQuit):
                # One image of the batch is at fault: find it, so that the others are kept.
                for one in batch:
                    self._enhance_batch(step, enhancer, [one])
                return
            self._failure(step, batch[0][0], "enhance", step.key, e)
            return
        for entry, _ in batch:
            self.tell("enhanced", entry=entry_key(entry))

    def _make_images(
        self,
        step: Step,
        key: str,
        poses: Sequence[Any] | None,
        enhancer: LiveEnhancer,
        batch: list[tuple[CaseEntry, Case]],
    ) -> None:
        import torch

        assert step.enhancer is not None
        images = torch.stack([case.image for _, case in batch]).to(self.device)
        started = time.perf_counter()
        infos = [case.info for _, case in batch]
        about = {"case": batch[0][0].case_id, "entry": entry_key(batch[0][0])}
        with remarks_to(lambda text: self.tell("remark", message=text, **about)):
            result = enhance(enhancer, images, infos, step.enhancer.seed, salt_of(batch[0][0]), poses)
        kept = self._kept_layers(step, poses)
        if missing := [name for name in kept if name not in result.layers]:
            raise InvalidOutputError(
                f"enhancer '{step.enhancer.asked.label}' gave no layer '{missing[0]}', which its spec offers: it gave "
                f"{', '.join(sorted(result.layers)) or 'none'}"
            )
        if self.device != "cpu":
            torch.cuda.synchronize()
        measures = {
            "enhance_ms": (time.perf_counter() - started) * 1000 / len(batch),
            "peak_memory_mb": peak_memory_mb(self.device),
            "parameters": enhancer.parameters(),
            "device": device_name(self.device),
        }
        self._check_code()
        for i, (entry, _) in enumerate(batch):
            single = Enhancement(result.image[i], {name: layer[i] for name, layer in result.layers.items()})
            self.store.save_enhancement(key, entry_key(entry), single, measures, kept)

    def _kept_layers(self, step: Step, poses: Sequence[Any] | None) -> list[str]:
        """Return the layers that are kept: those that the step looks at, and of views all."""
        assert step.enhancer is not None
        offered = self.living.part(step.enhancer.asked).spec.layers
        return [name for name in offered if poses is not None or name in step.layers]

    def _images(
        self, step: Step, key: str, entry: CaseEntry, poses: Sequence[Any] | None = None
    ) -> tuple[Enhancement, dict[str, Any]]:
        """Return what was enhanced; what is kept no more or is damaged is made again."""
        at, layers = entry_key(entry), self._kept_layers(step, poses)
        try:
            return self.store.load_enhancement(key, at, layers)
        except GoneError:
            pass
        except UnreadableError as e:
            self.tell("damaged", what=str(e))
            self.store.discard_enhancement(key, at)
        assert step.enhancer is not None
        assert step.loading is not None
        enhancer = self.living.enhancer(step.enhancer)
        self._make_images(step, key, poses, enhancer, [(entry, self.case(step.loading, entry))])
        return self.store.load_enhancement(key, at, layers)

    # lessons -----------------------------------------------------------------------------------------------

    def _lesson(self, step: Step) -> None:
        assert step.learner is not None
        assert step.loading is not None
        if self.store.has_piece(step.key):
            return
        learner, name = self.living.learner(step.learner, ready=False), step.learner.asked.label
        found: list[tuple[str, Mapping[str, Any]]] = []
        empty: list[NoLesson] = []
        for entry in step.entries:
            if entry_key(entry) in step.skipped:
                empty.append(NoLesson(entry.case_id, *step.skipped[entry_key(entry)]))
                continue
            case = self._loaded(step, entry, empty)
            if case is None:
                continue
            self.tell("case", case=entry.case_id, entry=entry_key(entry), stage="lesson")
            try:
                images = self._images(step, step.images, entry)[0] if step.enhancer else None
                # Lessons are made on the processor: its tensors are what is kept.
                sample = sample_of(case, images, step.layers, "cpu")
                lessons = lessons_of(learner, sample, step.source, salt_of(entry), name)
            except (Exception, SystemExit) as e:
                told = self._failure(step, entry, "lesson", step.key, e)
                empty.append(NoLesson(entry.case_id, str(status_of(e)), told))
                continue
            found += [(entry.case_id, lesson) for lesson in lessons]
            if not lessons:
                empty.append(NoLesson(entry.case_id, "", ""))
            self.tell("lesson", entry=entry_key(entry))
        self._check_code()
        try:
            write_piece(self.store.piece(step.key), found, empty)
            self.store.wrote(self.store.piece(step.key))
        except OSError as e:
            raise StoreError(f"cannot write '{self.store.piece(step.key)}': {e.strerror or e}") from e

    # fit ---------------------------------------------------------------------------------------------------

    def _fit(self, step: Step) -> None:
        assert step.learner is not None
        try:
            self._fit_on_lessons(step)
        except DamagedPieceError:
            # They are made again by the next run; nobody knows yet which of them is damaged.
            self._discard_damaged(step)
            raise

    def _fit_on_lessons(self, step: Step) -> None:
        assert step.learner is not None
        live = step.learner
        for key in (key for splits in step.pieces.values() for keys in splits.values() for key in keys):
            self.store.used(self.store.piece(key))
        kept = {
            field: {split: KeptLessons([self.store.piece(key) for key in keys]) for split, keys in splits.items()}
            for field, splits in step.pieces.items()
        }
        lessons = KeptSources({f: TrainAndValidation(s["train"], s["validation"]) for f, s in kept.items()})
        lacked = [one for splits in kept.values() for set_ in splits.values() for one in set_.empty if one.status]
        facts = {
            "learner": live.asked.label,
            "cases": {f: {s: len(set(k.case_ids)) for s, k in splits.items()} for f, splits in kept.items()},
            "lessons": {f: {s: len(k) for s, k in splits.items()} for f, splits in kept.items()},
            "lacked": [vars(one) for one in lacked],
        }
        for field, splits in kept.items():
            if lacked and not len(splits["train"]):
                whole = InvalidOutputError if lacked[0].status == Status.INVALID_OUTPUT else CaseError
                where = f" from '{field}'" if field else ""
                raise whole(f"no case gives a lesson{where}: {lacked[0].message}")
        build = partial(self.living.untrained, live)
        train(step, build, lessons, facts, self.store, self.device, self.threads, self._check_code, self.tell)

    def _discard_damaged(self, step: Step) -> None:
        for key in (key for splits in step.pieces.values() for keys in splits.values() for key in keys):
            try:
                kept = KeptLessons([self.store.piece(key)])
                for place in range(len(kept)):
                    kept[place]
            except DamagedPieceError as e:
                self.tell("damaged", what=str(e))
                self.store.discard_piece(key)

    # score -------------------------------------------------------------------------------------------------

    def _score(self, step: Step) -> None:
        assert step.learner is not None
        task = self.living.learner(step.learner, ready=True)
        spec = self.living.part(step.learner.asked).spec
        context = TaskContext(self.device, step.seed)
        for entry in step.entries:
            case = self._loaded(step, entry)
            if case is None:
                continue
            self.tell("case", case=entry.case_id, entry=entry_key(entry), stage="score")
            try:
                record = self._scored(step, task, spec, context, entry, case)
            except (Exception, SystemExit) as e:
                self._failure(step, entry, "score", step.key, e)
                continue
            self.store.append_score(step.key, record)
            self.tell("scored", entry=entry_key(entry))

    def _scored(
        self, step: Step, task: Any, spec: Any, context: TaskContext, entry: CaseEntry, case: Case
    ) -> dict[str, Any]:
        assert step.loading is not None
        images, measures = self._images(step, step.images, entry)
        views = self._images(step, step.views, entry, step.poses)[0] if step.views else None
        twin = None
        if entry.case_id in step.twins:
            other = step.twins[entry.case_id]
            shown, _ = self._images(step, step.images, other)
            twin = sample_of(self.case(step.loading, other), shown, step.layers, self.device)
        sample = sample_of(case, images, step.layers, self.device, views, twin)
        evidence = score(task, sample, context, salt_of(entry), spec.observations, spec.name)
        self._check_code()
        return {"entry": entry_key(entry), "evidence": encoded(evidence), **measures}

    # pieces ------------------------------------------------------------------------------------------------

    def _loaded(self, step: Step, entry: CaseEntry, empty: list[NoLesson] | None = None) -> Case | None:
        assert step.loading is not None
        self.tell("case", case=entry.case_id, entry=entry_key(entry), stage="load")
        try:
            return self.case(step.loading, entry)
        except (Exception, SystemExit) as e:
            if empty is not None and isinstance(e, ChangedInputError):
                # Lessons that lack a case which is there would stay.
                raise SourceChangedError(str(e)) from e
            told = self._failure(step, entry, "load", step.loading.key, e)
            if empty is not None:
                empty.append(NoLesson(entry.case_id, str(status_of(e)), told))
            return None

    def case(self, loading: Loading, entry: CaseEntry) -> Case:
        """Return a case; errors are the data set's."""
        return self._cases.case(loading, entry)

    def _check_code(self) -> None:
        """Refuse to keep what code or files that the key does not stand for may have changed.

        Raises:
            PluginError: a module was loaded or asked for that belongs to the code of none of the parts at work.
            SourceChangedError: what lies at a path of one of them was changed since it came to life.
        """
        self.living.check_unchanged(self._parts)
        judged = sys.modules.keys() - self._before, self._imports.count
        if judged == self._judged:
            return
        codes = [part.code for part in self._parts] + [code_of(engine_modules(kind)) for kind in KINDS]
        factories = [part.spec.factory.partition(":")[0] for part in self._parts]
        plugins = {p.module.__name__.partition(".")[0] for p in self.living.registry.plugins if p.module is not None}
        if strange := self._imports.strange(judged[0], codes, factories, plugins):
            raise PluginError(
                f"module '{strange[0]}' was loaded, which no import statement of the plugin leads to, so that the key "
                f"of the result would not follow it: name it in the spec, code=('{strange[0]}',)"
            )
        self._judged = judged

    def sentence(self, step: Step, error: BaseException, stage: str = "") -> str:
        """Return what happened in a step, or at a stage of one of its cases, with the line of the plugin's code."""
        return message_of(error, own_code(self.living.registry), called(self.living, step, stage, error))

    def _failure(self, step: Step, entry: CaseEntry, stage: str, key: str, error: BaseException) -> str:
        """Tell of a case that failed; return the sentence.

        Raises:
            StoreError, SourceChangedError, BdbQuit: where the error is one, which concerns more than a case.
        """
        if isinstance(error, StoreError | SourceChangedError | BdbQuit):
            raise error
        if self.expendable and self.device != "cpu" and "cuda error" in str(error).lower():
            # Nothing works any more in a process whose card has met one; another takes its place.
            traceback.print_exception(error)
            os._exit(1)
        message = self.sentence(step, error, stage)
        self.tell(
            "failure",
            key=key,
            entry=entry_key(entry),
            case_id=entry.case_id,
            status=str(status_of(error)),
            message=message,
            stage=stage,
            traceback=traceback.format_exc(),
            passing=isinstance(error, ChangedInputError),
        )
        return message
