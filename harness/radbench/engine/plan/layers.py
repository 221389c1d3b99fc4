"""Layers: which of those that enhancers offer anybody will look at; only these are kept."""

from __future__ import annotations

from collections.abc import Iterable

from radbench.engine.plan.learning import Training, with_before
from radbench.engine.plan.pairs import Pair
from radbench.engine.plan.parts import Part


def looked_at_by(task: Part) -> tuple[str, ...]:
    """Return the layers that a task needs or wants."""
    return (*task.spec.needs_layers, *task.spec.wants_layers)


def shown_to(learner: Part, through: Part) -> tuple[str, ...]:
    """Return the layers of the enhancer that samples have passed that a learner is shown."""
    return looked_at_by(learner) if learner.kind == "task" else tuple(through.spec.layers)


def layers_looked_at(pairs: Iterable[Pair], trainings: Iterable[Training]) -> dict[str, frozenset[str]]:
    """Return by the key of images the layers of them that any pair or training looks at; of views all."""
    found: dict[str, frozenset[str]] = {}

    def show(key: str, enhancer: Part, layers: Iterable[str]) -> None:
        found[key] = found.get(key, frozenset()) | ({*layers} & {*enhancer.spec.layers})

    pairs = [*pairs]
    for pair in pairs:
        show(pair.enhance_key, pair.enhancer, looked_at_by(pair.task))
        if pair.views_key:
            show(pair.views_key, pair.enhancer, pair.enhancer.spec.layers)
    for training in (*with_before(trainings), *(t for pair in pairs for t in pair.trainings)):
        for source in training.sources:
            if source.through is not None:
                show(source.samples, source.through, shown_to(training.learner, source.through))
    return found
