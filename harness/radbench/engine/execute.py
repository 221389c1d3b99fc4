"""Execute: do one step inside a worker, case by case, telling the parent of everything that ends."""

from __future__ import annotations

import os
import time
import traceback
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from radbench.contracts.case import ON_DEMAND, Case, validate_case
from radbench.contracts.dataset import CaseEntry
from radbench.contracts.enhancement import Enhancement
from radbench.contracts.errors import CaseError, InvalidOutputError
from radbench.contracts.results import Sample, Status, TaskContext, TaskResult
from radbench.engine.apply import LoadedEnhancer, seed_everything
from radbench.engine.failures import message_of, status_of
from radbench.engine.fitting import device_name, fit
from radbench.engine.keys import SourceChangedError
from radbench.engine.peak_memory import peak_memory_mb, reset_peak_memory
from radbench.engine.plan import cases_digest, entry_key
from radbench.engine.request import Ref
from radbench.engine.samples import SplitSamples, own_copy, sample_of
from radbench.engine.steps import Preparation, Step
from radbench.engine.store import Store, StoreError, UnreadableError
from radbench.registry.registry import Registry

if TYPE_CHECKING:
    from torch import Tensor

Tell = Callable[..., None]
"""Called with an event's name and facts; also the sign of life that the timeout watches."""

_CASE_BYTES = 512 * 2**20


class Workbench:
    """What a warm worker keeps between steps: data sets, enhancers, tasks, the cases it saw last."""

    def __init__(self, registry: Registry, store: Store, device: str, threads: int, tell: Tell) -> None:
        self.registry, self.store, self.device, self.threads, self.tell = registry, store, device, threads, tell
        self._objects: OrderedDict[Any, Any] = OrderedDict()
        self._cases: OrderedDict[tuple[Ref, str], Case] = OrderedDict()
        self._bytes = 0

    def do(self, step: Step | Preparation) -> None:
        """Do a step; what concerns one case is told as that case's failure and the rest goes on.

        Raises:
            Exception: what concerns the whole step (a factory that raises, a fit, a full disk).
        """
        if isinstance(step, Preparation):
            self._loaded(step, step.entry)
            return
        {"fit": self._fit, "enhance": self._enhance, "score": self._score, "score-all": self._score_all}[step.kind](
            step
        )

    # fit ---------------------------------------------------------------------------------------------------

    def _fit(self, step: Step) -> None:
        def load(entry: CaseEntry) -> Case:
            self.tell("alive")
            return own_copy(self._case(step.dataset, entry))

        fit(step, step.enhancer.resolve(self.registry), self.store, self.device, self.threads, load, self.tell)

    # enhance -----------------------------------------------------------------------------------------------

    def _enhance(self, step: Step) -> None:
        enhancer = self._enhancer(step)
        (entries,) = step.entries.values()
        batch: list[tuple[CaseEntry, Case]] = []
        size = 1 if step.singly else max(1, enhancer.resolved.spec.batch_size)
        reset_peak_memory(self.device)
        for entry in entries:
            if self.store.has_enhancement(step.enhance_key, entry_key(entry)):
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

    def _enhance_batch(self, step: Step, enhancer: LoadedEnhancer, batch: list[tuple[CaseEntry, Case]]) -> None:
        self.tell("case", case=batch[0][0].case_id, entry=entry_key(batch[0][0]), stage="enhance")
        try:
            self._make(step, enhancer, batch)
        except (Exception, SystemExit) as e:
            if len(batch) > 1 and not isinstance(e, StoreError):
                # One image of the batch is at fault: find it, so that the others are kept.
                for one in batch:
                    self._enhance_batch(step, enhancer, [one])
                return
            self._failure(step, batch[0][0], "enhance", step.enhance_key, e)
            return
        for entry, _ in batch:
            self.tell("enhanced", entry=entry_key(entry))

    def _make(self, step: Step, enhancer: LoadedEnhancer, batch: list[tuple[CaseEntry, Case]]) -> None:
        import torch

        images = torch.stack([case.image for _, case in batch]).to(self.device)
        seed_everything(step.seed, entry_key(batch[0][0]))
        started = time.perf_counter()
        result = enhancer(images, [case.info for _, case in batch])
        if self.device != "cpu":
            torch.cuda.synchronize()
        ms = (time.perf_counter() - started) * 1000 / len(batch)
        measures = {
            "enhance_ms": ms,
            "peak_memory_mb": peak_memory_mb(self.device),
            "parameters": enhancer.parameters(),
            "device": device_name(self.device),
        }
        for i, (entry, _) in enumerate(batch):
            layers = {name: layer[i : i + 1] for name, layer in result.layers.items()}
            single = Enhancement(result.image[i : i + 1], layers)
            self.store.save_enhancement(step.enhance_key, entry_key(entry), single, measures)

    def _stored(self, step: Step, entry: CaseEntry, tensors: bool = True) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Return what was enhanced; what has vanished from the cache or is damaged is made again."""
        key = entry_key(entry)
        try:
            return self.store.load_enhancement(step.enhance_key, key, tensors)
        except UnreadableError:
            self.store.discard_enhancement(step.enhance_key, key)
        self._make(step, self._enhancer(step), [(entry, self._case(step.dataset, entry))])
        return self.store.load_enhancement(step.enhance_key, key, tensors)

    # score -------------------------------------------------------------------------------------------------

    def _score(self, step: Step) -> None:
        task, spec = self._task(step)
        names = [m.name for m in spec.metrics]
        context = self._task_context(step)
        (entries,) = step.entries.values()
        for entry in entries:
            case = self._loaded(step, entry)
            if case is None:
                continue
            self.tell("case", case=entry.case_id, entry=entry_key(entry), stage="score")
            try:
                tensors, measures = self._stored(step, entry)
                sample = sample_of(case, tensors, self.device)
                seed_everything(step.seed, entry_key(entry))
                scores = _checked_scores(task.score_case(sample, context), names, spec.name)
            except (Exception, SystemExit) as e:
                self._failure(step, entry, "score", step.score_key, e)
                continue
            record = {"entry": entry_key(entry), "scores": scores, **measures}
            self.store.append_score(step.score_key, record)
            self.tell("scored", record=record)

    def _score_all(self, step: Step) -> None:
        task, spec = self._task(step)
        # Whatever has to be made again is made before: in the midst of a training it would disturb its random draws.
        measures = {e: self._stored(step, e, tensors=False)[1] for entries in step.entries.values() for e in entries}

        def load(entry: CaseEntry) -> Sample:
            self.tell("alive")
            tensors, _ = self.store.load_enhancement(step.enhance_key, entry_key(entry))
            return sample_of(self._case(step.dataset, entry), tensors, self.device)

        # The same draws for every enhancer, and whatever the sources: that is the fairest comparison.
        seed_everything(step.seed, "run")
        result: TaskResult = task.run(SplitSamples(step.entries, load), self._task_context(step))
        by_id = {e.case_id: e for e in step.entries[spec.splits[-1]]}
        failures = {f.case_id: f for f in result.failures}
        for case_id in {*result.scores, *result.predictions, *failures}:
            if case_id not in by_id:
                raise InvalidOutputError(f"task '{spec.name}' scored unknown case '{case_id}'")
        per_case = [m.name for m in spec.metrics if m.aggregation == "mean"]
        over_all = [m.name for m in spec.metrics if m.aggregation != "mean"]
        records = []
        for case_id, entry in by_id.items():
            if case_id in failures or (case_id not in result.scores and case_id not in result.predictions):
                continue
            scores = _checked_scores(result.scores.get(case_id, {}), per_case, spec.name)
            predictions = _checked_predictions(result.predictions.get(case_id, {}), over_all, spec.name)
            records.append({"entry": entry_key(entry), "scores": scores, "predictions": predictions, **measures[entry]})
        missed = [entry_key(e) for case_id, e in by_id.items() if case_id in failures]
        self.store.append_result(
            step.score_key, {"of": cases_digest(step.entries), "failed": missed, "records": records}
        )
        for failure in failures.values():
            facts = vars(failure) | {"status": str(Status(failure.status))}
            self.tell("failure", key=step.score_key, entry=entry_key(by_id[failure.case_id]), **facts)
        for record in records:
            self.tell("scored", record=record)

    # pieces ------------------------------------------------------------------------------------------------

    def _loaded(self, step: Step | Preparation, entry: CaseEntry) -> Case | None:
        self.tell("case", case=entry.case_id, entry=entry_key(entry), stage="load")
        try:
            return self._case(step.dataset, entry)
        except (Exception, SystemExit) as e:
            self._failure(step, entry, "load", "", e)
            return None

    def _case(self, ref: Ref, entry: CaseEntry) -> Case:
        key = (ref, entry.case_id)
        if key in self._cases:
            self._cases.move_to_end(key)
            return self._cases[key]
        case = validate_case(self._dataset(ref).load(entry.case_id))
        if case.case_id != entry.case_id or case.patient_id != entry.patient_id:
            raise CaseError(f"the data set gave case '{case.case_id}' of '{case.patient_id}' for '{entry.case_id}'")
        self._cases[key] = case
        self._bytes += _size(case)
        while self._bytes > _CASE_BYTES and len(self._cases) > 1:
            _, old = self._cases.popitem(last=False)
            self._bytes -= _size(old)
        return case

    def _dataset(self, ref: Ref) -> Any:
        def make() -> Any:
            resolved = ref.resolve(self.registry)
            return resolved.factory(resolved.config)

        return self._kept(("dataset", ref), make)

    def _enhancer(self, step: Step) -> LoadedEnhancer:
        def make() -> LoadedEnhancer:
            seed_everything(step.seed, "build")
            enhancer = LoadedEnhancer(step.enhancer.resolve(self.registry))
            if step.fit_key is not None:
                weights, _ = self.store.load_weights(step.fit_key)
                enhancer.load_weights(weights)
            if hasattr(enhancer.object, "to"):
                enhancer.object.to(self.device)
            return enhancer

        return self._kept(("enhancer", step.enhance_key), make)

    def _task(self, step: Step) -> tuple[Any, Any]:
        assert step.task is not None
        ref = step.task

        def make() -> tuple[Any, Any]:
            seed_everything(step.seed, "build")
            resolved = ref.resolve(self.registry)
            return resolved.factory(resolved.config), resolved.spec

        return self._kept(("task", ref, step.seed), make)

    def _kept(self, key: Any, make: Callable[[], Any]) -> Any:
        if key not in self._objects:
            self._objects[key] = make()
            while len(self._objects) > 16:
                self._objects.popitem(last=False)
        self._objects.move_to_end(key)
        return self._objects[key]

    def _task_context(self, step: Step) -> TaskContext:
        def progress(done: int, total: int, text: str) -> None:
            self.tell("progress", done=done, total=total, text=text)

        return TaskContext(self.device, step.seed, progress)

    def _failure(self, step: Step | Preparation, entry: CaseEntry, stage: str, key: str, error: BaseException) -> None:
        if isinstance(error, StoreError | SourceChangedError):
            raise error
        if self.device != "cpu" and "cuda error" in str(error).lower():
            # Nothing works any more in a process whose card has met one; another takes its place.
            traceback.print_exception(error)
            os._exit(1)
        self.tell(
            "failure",
            key=key,
            entry=entry_key(entry),
            case_id=entry.case_id,
            status=str(status_of(error)),
            message=message_of(error),
            stage=stage,
            traceback=traceback.format_exc(),
        )


def _checked_scores(scores: Any, names: Sequence[str], task: str) -> dict[str, float]:
    if not isinstance(scores, Mapping) or set(scores) != set(names):
        got = sorted(scores) if isinstance(scores, Mapping) else type(scores).__name__
        raise InvalidOutputError(f"task '{task}' must score {sorted(names)}, got {got}")
    return {name: float(scores[name]) for name in names}


def _checked_predictions(given: Any, names: Sequence[str], task: str) -> dict[str, list[float]]:
    if not isinstance(given, Mapping) or not set(given) <= set(names):
        got = sorted(given) if isinstance(given, Mapping) else type(given).__name__
        raise InvalidOutputError(f"task '{task}' must predict {sorted(names)}, got {got}")
    predictions = {}
    for name, pair in given.items():
        label, score = (float(x) for x in pair)
        predictions[name] = [label, score]
    return predictions


def _size(case: Case) -> int:
    tensors = [case.image, *(case.targets[name] for name in case.targets if name not in ON_DEMAND)]
    return sum(t.numel() * t.element_size() for t in tensors if hasattr(t, "element_size"))
