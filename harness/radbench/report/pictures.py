"""Pictures: the images of picked cases as the run made them; what is kept no more is made again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from radbench.contracts.case import Case
from radbench.contracts.dataset import CaseEntry
from radbench.contracts.results import TaskContext
from radbench.engine.keep.digests import short
from radbench.engine.keep.homes import cache_home
from radbench.engine.keep.sealed import GoneError, UnreadableError
from radbench.engine.plan.keys import entry_key
from radbench.engine.plan.layers import looked_at_by
from radbench.engine.plan.pairs import Pair
from radbench.engine.plan.steps import Live, Step, loading_of
from radbench.engine.work.samples import sample_of
from radbench.engine.work.seeding import salt_of, seed_everything
from radbench.engine.work.worker import WorkerSetup, settings_restored, workbench
from radbench.leaderboard.privacy import without_names
from radbench.report.outlines import Outline, outlines

if TYPE_CHECKING:
    from radbench.contracts.enhancement import Enhancement
    from radbench.engine.work.bench import Workbench


_Shown = TypeVar("_Shown")


@dataclass(frozen=True)
class Seen:
    """A case under an enhancer.

    Attributes:
        original, enhanced: float32 ``[H,W]`` in [0,1].
        truth: outlines in the image's pixels.
        spacing_mm: (row, column), None where unknown.
        shown: what the task shows of it by name, float32 ``[H,W]`` or ``[3,H,W]`` in [0,1].
        remark: why something lacks, or "".
    """

    original: Any
    enhanced: Any
    truth: Sequence[Outline]
    spacing_mm: tuple[float, float] | None = None
    shown: Mapping[str, Any] = field(default_factory=dict)
    remark: str = ""


class Studio:
    """Where pictures are made: a bench of this process, without a worker.

    Args:
        bench: where cases are loaded and images made.
    """

    def __init__(self, bench: Workbench, events: list[tuple[str, dict[str, Any]]]) -> None:
        self._bench, self._events = bench, events

    def seen(self, pair: Pair, cases: Iterable[str]) -> Iterator[tuple[str, Seen | str]]:
        """Yield cases of a pair as its enhancer shows them, or why one cannot be shown.

        Args:
            pair: that is what was scored.
            cases: by digest.
        """
        yield from self._each(pair, cases, self._one)

    def made(self, pair: Pair, cases: Iterable[str]) -> Iterator[tuple[str, tuple[Case, Enhancement] | str]]:
        """Yield cases of a pair with what its enhancer made of them, the layers that the task looks at among it; or why
        one cannot be shown.

        Args:
            pair: that is what was scored.
            cases: by digest.
        """
        yield from self._each(pair, cases, lambda of, entry: (self._case(of, entry), self._kept(of, entry)))

    def _each(
        self, pair: Pair, cases: Iterable[str], shown: Callable[[Pair, CaseEntry], _Shown]
    ) -> Iterator[tuple[str, _Shown | str]]:
        entries = {short(entry_key(entry)): entry for entry in pair.shown}
        wanted = [entries[case] for case in cases if case in entries]
        self._make(pair, wanted)
        for entry in wanted:
            case = short(entry_key(entry))
            try:
                yield case, shown(pair, entry)
            except Exception as e:  # whatever a data set or a task raises is no reason to have no page
                yield case, told_of(self._why(e), pair, entry)

    def _why(self, error: BaseException) -> str:
        told = [facts["message"] for name, facts in self._events if name == "failure"]
        self._events.clear()
        return told[-1] if told else _as_text(error)

    def _one(self, pair: Pair, entry: CaseEntry) -> Seen:
        case, made = self._case(pair, entry), self._kept(pair, entry)
        shown, remark = self._shown(pair, entry, case, made)
        spec = pair.task.spec
        truth = outlines(case, spec.truth or spec.needs_targets)
        return Seen(case.image[0].numpy(), made.image[0].numpy(), truth, case.spacing_mm, shown, remark)

    def _case(self, pair: Pair, entry: CaseEntry) -> Case:
        return self._bench.look(loading_of(pair.dataset, pair.precision), entry)

    def _kept(self, pair: Pair, entry: CaseEntry) -> Enhancement:
        return self._bench.store.load_enhancement(pair.enhance_key, entry_key(entry), _layers(pair))[0]

    def _make(self, pair: Pair, entries: Sequence[CaseEntry]) -> None:
        """Make the images that are kept no more, or are damaged."""
        lacking = []
        for entry in entries:
            try:
                self._kept(pair, entry)
            except GoneError:
                lacking.append(entry)
            except UnreadableError:
                self._bench.store.discard_enhancement(pair.enhance_key, entry_key(entry))
                lacking.append(entry)
        if not lacking:
            return
        step = Step(
            number=0,
            kind="enhance",
            chunk=0,
            key=pair.enhance_key,
            label=f"enhance with {pair.enhancer.label}",
            seed=pair.enhancer_seed,
            precision=pair.precision,
            loading=loading_of(pair.dataset, pair.precision),
            entries=tuple(lacking),
            enhancer=Live(pair.enhancer.asked, pair.weights, pair.enhancer_seed),
            layers=_layers(pair),
            singly=True,
        )
        try:
            self._bench.do(step)
        except (
            Exception
        ) as e:  # of the step as a whole: weights that have gone; each case then says that it is not there
            self._events.append(("failure", {"message": self._bench.sentence(step, e)}))

    def _shown(self, pair: Pair, entry: CaseEntry, case: Case, made: Enhancement) -> tuple[dict[str, Any], str]:
        """Return the pictures that the task shows of a case, by name, and why there are none."""
        if pair.task.spec.needs_views or not hasattr(pair.task.factory, "show"):
            return {}, ""
        weights = dict(pair.task_weights)
        if pair.training is not None:
            weights[pair.task.identity] = pair.training.key
        twin = None
        try:
            task = self._bench.living.learner(Live(pair.task.asked, weights, pair.task_seed), ready=True)
            layers = looked_at_by(pair.task)
            if pair.task.spec.needs_twins:
                other = pair.dataset.opened.by_id[entry.twin]
                self._make(pair, [other])
                twin = sample_of(self._case(pair, other), self._kept(pair, other), layers, "cpu")
            sample = sample_of(case, made, layers, "cpu", None, twin)
            seed_everything(pair.task_seed, salt_of(entry))
            pictures = task.show(sample, TaskContext("cpu", pair.task_seed))
            return {str(name): _picture(one, str(name)) for name, one in pictures.items()}, ""
        except Exception as e:  # a plugin's picture that cannot be drawn takes no page along
            return {}, told_of(f"{pair.task.label} shows nothing: {_as_text(e)}", pair, entry)


def _as_text(error: BaseException) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}"


def told_of(message: str, pair: Pair, entry: CaseEntry) -> str:
    """Return a message on a case as a page may print it: without its id, its patient's and its twin's, and paths."""
    parts = (pair.enhancer, pair.task, pair.dataset)
    public = {name for part in parts for name in (part.name, part.label)}
    return without_names(message, {entry.case_id, entry.patient_id, entry.twin} - {""}, public)


def _picture(tensor: Any, name: str) -> Any:
    """Return what a task shows as ``[H,W]`` or ``[3,H,W]``.

    Raises:
        ValueError: it is none.
    """
    found = tensor.detach().cpu().float().numpy()
    if found.ndim != 3 or found.shape[0] not in (1, 3) or not np.isfinite(found).all():
        raise ValueError(f"picture '{name}' must be [1,H,W] or [3,H,W] and finite, got {list(found.shape)}")
    return found[0] if found.shape[0] == 1 else found


def _layers(pair: Pair) -> tuple[str, ...]:
    return tuple(sorted({*looked_at_by(pair.task)} & {*pair.enhancer.spec.layers}))


@contextmanager
def studio(plugin_files: Sequence[str]) -> Iterator[Studio]:
    """Open a place to make pictures in; what it sets for the whole process is put back in the end.

    Args:
        plugin_files: plugins beyond the installed ones.
    """
    events: list[tuple[str, dict[str, Any]]] = []

    def tell(event: str, **facts: Any) -> None:
        events.append((event, facts))

    with settings_restored():
        bench = workbench(WorkerSetup(tuple(plugin_files), str(cache_home()), "cpu", 1), tell)
        bench.expendable = False
        yield Studio(bench, events)


Progress = Callable[[str], None]
"""Told in a few words what is being done."""
