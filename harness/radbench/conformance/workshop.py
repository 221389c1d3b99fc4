"""Workshop: parts are brought to life in a folder of their own, those that learn after a short training."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from radbench.conformance import conformance_cases
from radbench.conformance.elsewhere import Elsewhere
from radbench.contracts.case import Case, CaseInfo
from radbench.contracts.enhancement import Enhancement
from radbench.contracts.errors import UsageError
from radbench.contracts.learning import FitContext
from radbench.engine.keep.pieces import KeptLessons, KeptSources, TrainAndValidation, write_piece
from radbench.engine.keep.store import Store
from radbench.engine.plan.keys import FIT, LESSON, MEASUREMENT
from radbench.engine.plan.learning import Source, Training, trainings_of, weights_of, with_before
from radbench.engine.plan.pairs import once
from radbench.engine.plan.parts import Part
from radbench.engine.plan.resolver import PROFILES, Resolver
from radbench.engine.plan.steps import Live, loading_of
from radbench.engine.work.bench import Workbench
from radbench.engine.work.building import keywords_of
from radbench.engine.work.enhance import LiveEnhancer, enhance
from radbench.engine.work.fit import fit
from radbench.engine.work.lesson import lessons_of
from radbench.engine.work.samples import sample_of
from radbench.engine.work.seeding import salt_of
from radbench.registry.registry import Registry, load_registry

if TYPE_CHECKING:
    from torch import Tensor

SEED = 0
PRECISION = "float32"
CASES_FILE = str(Path(conformance_cases.__file__).resolve())


class Workshop:
    """Where the parts of a plugin are tried; nothing is read from or written to the user's own folders.

    Args:
        files: plugin files beyond the installed ones.
        folder: for everything that is kept.
        profile: whose values apply.
        cases: at most so many cases of a split are loaded, or learnt from.
        device: "cpu" or "cuda:N".

    Raises:
        UsageError: there is no such profile.
    """

    def __init__(
        self, files: Sequence[str], folder: Path, profile: str = "quick", cases: int = 4, device: str = "cpu"
    ) -> None:
        if profile not in PROFILES:
            raise UsageError(f"profile '{profile}' must be {' or '.join(PROFILES)}")
        self.files = (*dict.fromkeys((*files, CASES_FILE)),)
        self.folder, self.profile, self.cases, self.device = folder, profile, cases, device
        self.store = Store(folder / "cache")
        self._lessons: dict[str, KeptSources] = {}

    @cached_property
    def registry(self) -> Registry:
        """What plugins offer, the cases for trying among them."""
        return load_registry(self.files)

    def part(self, kind: str, variant: str, profile: str = "") -> Part:
        """Resolve a variant.

        Raises:
            UsageError, PluginError: as :meth:`radbench.engine.plan.resolver.Resolver.part`.
        """
        return Resolver(self.registry, profile or self.profile).part(kind, variant)

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Set this process as a worker is set, with folders of its own, until the block ends."""
        import cv2
        import torch

        from radbench.engine.work.worker import be_deterministic, settings_restored

        names = {"RADBENCH_CACHE": "cache", "RADBENCH_CONFIG": "config", "RADBENCH_RUNS": "runs"}
        before = {name: os.environ.get(name) for name in names}
        os.environ.update({name: str(self.folder / below) for name, below in names.items()})
        try:
            with settings_restored():
                torch.set_num_threads(1)
                be_deterministic()
                cv2.setNumThreads(1)
                yield
        finally:
            for name, value in before.items():
                os.environ.pop(name, None)
                if value is not None:
                    os.environ[name] = value

    def bench(self) -> Workbench:
        """Return a bench on which nothing lives yet."""
        return Workbench(self.registry, self.store, self.device, os.cpu_count() or 1, lambda event, **facts: None)

    @cached_property
    def own_bench(self) -> Workbench:
        """The bench that all checks share."""
        return self.bench()

    @cached_property
    def elsewhere(self) -> Elsewhere:
        """Another process that is asked for the same."""
        return Elsewhere(self)

    # enhancers ---------------------------------------------------------------------------------------------

    def live(self, part: Part, seed: int = SEED) -> Live:
        """Return how a part is brought to life, what learns below it trained."""
        self.train(part, seed)
        return Live(part.asked, weights_of(part, seed, PRECISION), seed)

    def enhancer(self, part: Part, bench: Workbench | None = None, seed: int = SEED) -> LiveEnhancer:
        """Return an enhancer that can be called, on a bench or on the one that all share."""
        return (bench or self.own_bench).living.enhancer(self.live(part, seed))

    def enhanced(
        self,
        part: Part,
        images: Tensor,
        infos: Sequence[CaseInfo] | None = None,
        bench: Workbench | None = None,
        seed: int = SEED,
    ) -> Enhancement:
        """Enhance ``[B,1,H,W]`` as a worker does; the result lies on the processor.

        Raises:
            Exception: whatever the enhancer raises, or what is wrong with its result.
        """
        infos = infos or [CaseInfo(f"image-{i}", f"image-{i}", (0.8, 0.8)) for i in range(len(images))]
        found = enhance(self.enhancer(part, bench, seed), images.to(self.device), infos, seed, infos[0].case_id)
        return Enhancement(found.image.cpu(), {name: layer.cpu() for name, layer in found.layers.items()})

    def bare(self, part: Part) -> Callable[..., Any]:
        """Return the plugin's own function or method, with nothing between it and its caller."""
        live = self.enhancer(part)
        if live.object is not None:
            return live.object.enhance  # type: ignore[no-any-return]
        below = {name: self._below(found) for name, found in part.parts.items()}
        keywords = keywords_of(part.config, below, part.fields)
        return lambda images, **more: part.factory(images, **keywords, **more)

    def _below(self, found: Any) -> Any:
        if isinstance(found, tuple):
            return tuple(self._below(one) for one in found)
        if found is None:
            return None
        living = self.own_bench.living
        return living.dataset(self.live(found, MEASUREMENT)) if found.kind == "dataset" else self.enhancer(found)

    # data --------------------------------------------------------------------------------------------------

    def case(self, dataset: Part, entry: Any, bench: Workbench | None = None) -> Case:
        """Load a case as a worker does.

        Raises:
            Exception: whatever the data set raises, or what is wrong with the case.
        """
        self.train(dataset, MEASUREMENT)
        return (bench or self.own_bench).look(loading_of(dataset, PRECISION), entry)

    # learning ----------------------------------------------------------------------------------------------

    def train(self, part: Part, seed: int) -> None:
        """Train shortly, on few cases, whatever a part needs and has not got.

        Raises:
            Exception: whatever a learner raises.
        """
        for training in once(with_before(trainings_of(part, seed, PRECISION))):
            if not self.store.has_weights(training.key):
                learner = self.fitted(training, "first")
                self.store.save_weights(training.key, learner.state_dict(), {"lacked": []})

    def untrained(self, training: Training) -> Any:
        """Return a new object to fit."""
        return self.bench().living.untrained(Live(training.learner.asked, training.parts_weights, training.seed, FIT))

    def fitted(self, training: Training, attempt: str, progress: Callable[..., None] | None = None) -> Any:
        """Fit a new object on few lessons.

        Args:
            training: whose.
            attempt: names the folder for its checkpoints: a second call with the same one goes on where the first was
                stopped.
            progress: told of it.
        """
        learner, lessons = self.untrained(training), self.lessons(training)
        own = self.folder / "fits" / training.key[:16] / attempt
        for folder in (own / "checkpoints", own / "beside"):
            folder.mkdir(parents=True, exist_ok=True)
        told = progress or (lambda *_: None)
        context = FitContext(
            self.device,
            training.seed,
            own / "checkpoints",
            own / "beside",
            told,
            lambda seconds: None,
            PRECISION,
        )
        fit(learner, lessons, context)
        return learner

    def lessons(self, training: Training) -> KeptSources:
        """Return few lessons of every source, kept and read as in a run."""
        if training.key not in self._lessons:
            self._lessons[training.key] = KeptSources({s.field: self._of_source(training, s) for s in training.sources})
        return self._lessons[training.key]

    def _of_source(self, training: Training, source: Source) -> TrainAndValidation:
        kept = {}
        for split in source.entries:
            found = list(self.lessons_of_cases(training, source, split))
            path = self.folder / "lessons" / training.key[:16] / f"{source.field or 'cases'}-{split}.lessons"
            write_piece(path, found, [])
            kept[split] = KeptLessons([path])
        if not len(kept["train"]):
            raise UsageError(f"no case of '{source.dataset.label}' gives a lesson, of the {self.cases} that were tried")
        return TrainAndValidation(kept["train"], kept["validation"])

    def lessons_of_cases(
        self, training: Training, source: Source, split: str, learner: Any = None, backwards: bool = False
    ) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """Yield the lessons of the first cases of a split, each with its case's id."""
        live = Live(training.learner.asked, source.parts_weights, training.seed, LESSON)
        learner = learner or self.own_bench.living.learner(live, ready=False)
        entries = source.entries[split][: self.cases]
        for entry in reversed(entries) if backwards else entries:
            sample = self.sample(source, entry)
            for lesson in lessons_of(learner, sample, source.field, salt_of(entry), training.learner.label):
                yield entry.case_id, lesson

    def learner_of_lessons(self, training: Training, source: Source) -> Any:
        """Return a new object to ask for lessons."""
        live = Live(training.learner.asked, source.parts_weights, training.seed, LESSON)
        return self.bench().living.learner(live, ready=False)

    def sample(self, source: Source, entry: Any) -> Any:
        """Return what a learner is shown of a case."""
        case, enhancement = self.case(source.dataset, entry), None
        if source.through is not None:
            found = self.enhanced(source.through, case.image[None], [case.info], seed=source.seed)
            enhancement = Enhancement(found.image[0], {n: layer[0] for n, layer in found.layers.items()})
        layers = [] if enhancement is None else [*enhancement.layers]
        return sample_of(case, enhancement, layers, self.device)
