"""Tasks: evidence on ordinary cases, with empty and full masks and on flat images, and the same every time."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from radbench.conformance.conformance_cases import DATASET, LAYERED
from radbench.conformance.elsewhere import NOT_BY
from radbench.conformance.findings import BrokenError, NotTriedError, RemarkError
from radbench.conformance.subject import Check, Subject, refused
from radbench.contracts.enhancement import Enhancement
from radbench.contracts.errors import InvalidOutputError
from radbench.contracts.results import Sample, TaskContext
from radbench.engine.keep.evidence import encoded
from radbench.engine.keep.texts import counted
from radbench.engine.plan.applicability import why_not
from radbench.engine.plan.layers import looked_at_by
from radbench.engine.plan.pairs import Pair
from radbench.engine.plan.parts import Part
from radbench.engine.plan.steps import Live
from radbench.engine.work.building import prepare
from radbench.engine.work.samples import sample_of
from radbench.engine.work.score import score
from radbench.engine.work.seeding import salt_of
from radbench.registry.whereabouts import definition_of

_ODD = {
    "empty masks": "masks=empty",
    "full masks": "masks=full",
    "constant images": "image=constant",
    "images of 31 x 47": "height=31,width=47",
}


def dataset_for(subject: Subject, fields: str = "") -> Part:
    """Return the made-up cases that a task is tried on.

    Raises:
        NotTriedError: it does not go together with them.
    """
    workshop, task = subject.workshop, subject.part
    dataset = workshop.part("dataset", f"{DATASET}[{fields}]" if fields else DATASET)
    layered = workshop.part("enhancer", LAYERED)
    pair = Pair(layered, task, dataset, None)
    if reason := why_not(layered, task, dataset, "test", pair.entries, None):
        raise NotTriedError(f"made-up cases do not do for it: {reason}")
    return dataset


def observed(subject: Subject) -> str:
    """Ordinary cases are scored; each observation is a number, or NaN where there is no answer."""
    try:
        found = _scores(subject, dataset_for(subject))
    except NotTriedError:
        raise
    except Exception as e:
        raise subject.broken("an ordinary case", e) from e
    spec = subject.part.spec
    silent = [o for o in spec.observations if all(_no_answer(one[o]) for one in found.values())]
    if silent:
        raise RemarkError(f"'{silent[0]}' has no answer on any of {len(found)} ordinary cases")
    if _blind(subject):
        where = definition_of(subject.part.factory.score)
        raise RemarkError(
            f"it never looks at what was enhanced ({where}), which is sample.image, and sample.layers; "
            "sample.case.image is the original, which no enhancer changes"
        )
    return f"{counted(len(found), 'ordinary case')} scored: {', '.join(spec.observations)}"


def _blind(subject: Subject) -> bool:
    """Tell whether no case's score looked at the image, a layer or a view."""
    samples: list[Sample] = []
    _scores(subject, dataset_for(subject), watched=samples)
    return not any(vars(one).get("looked") for one in samples)


def odd_cases(subject: Subject) -> str:
    """With empty masks and the like there is evidence, or a refusal in words."""
    told: list[str] = []
    for what, fields in _ODD.items():
        dataset = dataset_for(subject, fields)
        try:
            found = _scores(subject, dataset)
        except NotTriedError:
            raise
        except InvalidOutputError as e:
            raise subject.broken(what, e) from e
        except Exception as e:
            if not refused(e):
                raise subject.broken(f"{what}: it raises, instead of giving a number, NaN or a CaseError", e) from e
            told.append(f"{what} refused: {e}")
            continue
        numbers = {o for one in found.values() for o in one if not _no_answer(one[o])}
        if what == "empty masks" and subject.part.spec.needs_targets:
            scored = [m.name for m in subject.part.spec.metrics if m.observation in numbers and not m.empty]
            if scored and not told:
                told.append(f"metric '{scored[0]}' does not say what an empty mask scores: MetricSpec(empty=…)")
        unanswered = sorted({o for one in found.values() for o in one} - numbers)
        told += [f"{what}: no answer for {', '.join(unanswered)}"] if unanswered else []
    said = f" ({'; '.join(told)})" if told else ""
    return f"{', '.join(_ODD)}: evidence, NaN or a refusal in words{said}"


def same_evidence(subject: Subject) -> str:
    """A second time, in another order and by a new object: the same evidence."""
    dataset = dataset_for(subject)
    first = _scores(subject, dataset)
    for what, again in (
        ("a second time", _scores(subject, dataset)),
        ("another order, by a new object,", _scores(subject, dataset, backwards=True)),
    ):
        other = [case for case in first if _text(first[case]) != _text(again[case])]
        if other:
            raise BrokenError(
                f"{what} gives other evidence of case '{other[0]}' ({definition_of(subject.part.factory.score)}): "
                "derive every random state from context.seed and the case's id"
            )
    elsewhere = subject.workshop.elsewhere.ask(_texts_backwards, subject)
    if other := [case for case in first if _text(first[case]) != elsewhere[case]]:
        where = definition_of(subject.part.factory.score)
        raise BrokenError(f"another process gives other evidence of case '{other[0]}' ({where}): {NOT_BY}")
    return "the same evidence a second time, in another order, by a new object and in another process"


def _texts_backwards(subject: Subject) -> dict[str, str]:
    """Return the evidence of each case as text, the last case looked at first."""
    return {case: _text(one) for case, one in _scores(subject, dataset_for(subject), backwards=True).items()}


def _scores(
    subject: Subject, dataset: Part, backwards: bool = False, watched: list[Sample] | None = None
) -> dict[str, Mapping[str, Any]]:
    workshop, task = subject.workshop, subject.part
    built = _ready(subject, dataset)
    pair = Pair(workshop.part("enhancer", LAYERED), task, dataset, None)
    layers, by_id = looked_at_by(task), dataset.opened.by_id
    found: dict[str, Mapping[str, Any]] = {}
    entries = pair.entries[: workshop.cases]
    for entry in reversed(entries) if backwards else entries:
        twin = _sample(subject, pair, dataset, by_id[entry.twin], layers) if task.spec.needs_twins else None
        sample = _sample(subject, pair, dataset, entry, layers, twin)
        if watched is not None:
            sample = _Watched(sample.case, sample.image, sample.layers, sample.views, sample.twin)
            watched.append(sample)
        context = TaskContext(workshop.device, pair.task_seed)
        spec = task.spec
        found[entry.case_id] = score(built, sample, context, salt_of(entry), spec.observations, spec.name)
    return dict(sorted(found.items()))


def _sample(subject: Subject, pair: Pair, dataset: Part, entry: Any, layers: Any, twin: Any = None) -> Any:
    case = subject.workshop.case(dataset, entry)
    shown = subject.workshop.enhanced(pair.enhancer, case.image[None], [case.info])
    single = Enhancement(shown.image[0], {name: layer[0] for name, layer in shown.layers.items()})
    return sample_of(case, single, layers, subject.workshop.device, None, twin)


class _Watched(Sample):
    """A sample that notes whether anybody looks at what was enhanced."""

    def __getattribute__(self, name: str) -> Any:
        if name in ("image", "layers", "views"):
            vars(self)["looked"] = True
        return super().__getattribute__(name)


def _ready(subject: Subject, dataset: Part) -> Any:
    """Return the task, trained shortly on ordinary cases where it learns."""
    workshop, task = subject.workshop, subject.part
    seed = Pair(task, task, dataset, None).task_seed
    built = workshop.bench().living.learner(Live(task.asked, _weights(subject, seed), seed), ready=True)
    if not task.learns:
        return built
    from radbench.conformance.of_learners import fitted, training

    wanted = training(subject)
    if not workshop.store.has_weights(wanted.key):
        workshop.store.save_weights(wanted.key, fitted(subject, wanted, "first").state_dict(), {"lacked": []})
    return prepare(built, workshop.store.load_weights(wanted.key)[0], workshop.device)


def _weights(subject: Subject, seed: int) -> dict[str, str]:
    from radbench.engine.plan.learning import weights_of_parts

    for _, one in subject.part.named():
        subject.workshop.train(one, seed)
    return weights_of_parts(subject.part, seed, "float32")


def _text(evidence: Mapping[str, Any]) -> str:
    # A NaN is not equal to itself; its text is.
    return json.dumps(encoded(evidence))


def _no_answer(value: Any) -> bool:
    if isinstance(value, Mapping):
        return all(map(_no_answer, value.values()))
    return isinstance(value, float) and value != value


CHECKS = (
    Check("scores", lambda kind, spec: kind == "task", observed),
    Check("odd-cases", lambda kind, spec: kind == "task", odd_cases),
    Check("evidence", lambda kind, spec: kind == "task", same_evidence),
)
