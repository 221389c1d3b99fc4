"""Learners: pure lessons, a training that goes on where it was stopped, and weights that give the same again."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Mapping
from typing import Any

from radbench.conformance.elsewhere import NOT_BY
from radbench.conformance.findings import BrokenError, NotTriedError, RemarkError
from radbench.conformance.of_enhancers import difference, images_of
from radbench.conformance.subject import Check, Subject, refused
from radbench.contracts.enhancement import Enhancement
from radbench.engine.keep.texts import counted
from radbench.engine.plan.learning import Training, training_of
from radbench.engine.plan.pairs import Pair
from radbench.engine.work.building import prepare
from radbench.engine.work.enhance import LiveEnhancer
from radbench.engine.work.seeding import seed_everything
from radbench.registry.whereabouts import definition_of, within

_TOLERANCE = 1e-4
"""By how much an object that was trained may differ from one that was given its weights: it may lay out its memory
otherwise, which rounds sums otherwise. No run enhances with the former."""


class _Stopped(BaseException):
    """Stands for a kill."""


def training(subject: Subject) -> Training:
    """Return what a learner's training is.

    Raises:
        NotTriedError: it learns from a data set that is not there.
    """
    part = subject.part
    if part.kind == "enhancer":
        found = training_of(part, 0, "float32")
    else:
        from radbench.conformance.of_tasks import dataset_for

        original = subject.workshop.part("enhancer", "original")
        found = Pair(original, part, dataset_for(subject), None).training
    assert found is not None
    try:
        for source in found.sources:
            assert source.entries
    except Exception as e:
        raise NotTriedError(f"what it learns from is not there: {e}") from e
    return found


def lessons(subject: Subject) -> str:
    """A case teaches the same in any order, by any object, and nothing is written into it."""
    import torch

    wanted, workshop = training(subject), subject.workshop
    total = 0
    told: dict[str, str] = {}
    for source in wanted.sources:
        try:
            once = list(workshop.lessons_of_cases(wanted, source, "train"))
            other = workshop.learner_of_lessons(wanted, source)
            again = list(workshop.lessons_of_cases(wanted, source, "train", other, backwards=True))
        except Exception as e:
            raise subject.broken("lesson(sample)", e) from e
        if _by_case(once) != _by_case(again):
            raise BrokenError(
                f"another object, in another order, gives other lessons ({_where(subject, 'lesson')}): lesson() draws "
                "nothing and remembers nothing; what is random belongs into augment() or prepare() of the training"
            )
        told |= _digests(source.field, once)
        sample = workshop.sample(source, source.entries["train"][0])
        image, targets = sample.image.clone(), _plain(sample.case.targets)
        learner = workshop.learner_of_lessons(wanted, source)
        list(workshop.lessons_of_cases(wanted, source, "train", learner))
        field = [source.field] if source.field else []
        learner.lesson(sample, *field)
        if not torch.equal(image, sample.image) or targets != _plain(sample.case.targets):
            raise BrokenError(f"lesson() writes into the sample that it is given ({_where(subject, 'lesson')})")
        total += len(once)
    elsewhere = workshop.elsewhere.ask(_lessons_backwards, subject)
    if other_cases := [case for case in told if told[case] != elsewhere.get(case)]:
        raise BrokenError(
            f"another process gets other lessons of case {other_cases[0]} ({_where(subject, 'lesson')}): {NOT_BY}"
        )
    try:
        kept = workshop.lessons(wanted)
    except Exception as e:
        raise subject.broken("its lessons cannot be kept", e) from e
    if not wanted.sources:
        return "it learns from no data set: there are no lessons"
    held = sum(len(kept[s.field].train) for s in wanted.sources)
    if held != total:
        raise BrokenError(f"{counted(total, 'lesson')} were given, and {held} kept")
    return f"{counted(total, 'lesson')}: pure, the same in any order and in another process, kept bit for bit"


def _lessons_backwards(subject: Subject) -> dict[str, str]:
    """Return a digest of what each case teaches, the last case first."""
    wanted = training(subject)
    told: dict[str, str] = {}
    for source in wanted.sources:
        told |= _digests(source.field, list(subject.workshop.lessons_of_cases(wanted, source, "train", backwards=True)))
    return told


def _digests(field: str, found: list[tuple[str, Mapping[str, Any]]]) -> dict[str, str]:
    return {
        f"'{case_id}'" + (f" of {field}" if field else ""): hashlib.sha256(repr(taught).encode()).hexdigest()
        for case_id, taught in _by_case(found).items()
    }


def fitted(subject: Subject, wanted: Training, attempt: str, progress: Any = None) -> Any:
    """Return a new object that was fitted on few lessons.

    Raises:
        BrokenError: its ``fit`` raises.
        NotTriedError: it refuses in words what there is to learn from, which is little.
    """
    try:
        return subject.workshop.fitted(wanted, attempt, progress)
    except Exception as e:
        if refused(e):
            raise NotTriedError(f"it learns from more than the few cases that are tried (--cases): {e}") from e
        raise subject.broken("fit(lessons, context)", e) from e


def resumes(subject: Subject) -> str:
    """A training that is stopped and goes on, and one in another process, give the weights of one that was not."""
    from safetensors.torch import load

    wanted = training(subject)
    told: list[int] = []
    try:
        whole = fitted(subject, wanted, "whole", lambda *_: told.append(1)).state_dict()
        second = fitted(subject, wanted, "second").state_dict()
    except (BrokenError, NotTriedError):
        raise
    except Exception as e:
        raise subject.broken("state_dict()", e) from e
    if fault := _other(whole, second):
        raise BrokenError(
            f"the same training gives other weights the second time: {fault} ({_where(subject, 'fit')}); all that is "
            "random must come from context.seed, or from the states that the harness sets"
        )
    if fault := _other(whole, load(subject.workshop.elsewhere.ask(_fitted_state, subject))):
        raise BrokenError(
            f"the same training in another process gives other weights: {fault} ({_where(subject, 'fit')}); {NOT_BY}"
        )
    stopped = 0
    for stop in sorted({1, (len(told) + 1) // 2, len(told)} - {0}):
        again = _stopped_and_resumed(subject, wanted, stop)
        if again is None:
            continue
        stopped += 1
        if fault := _other(whole, again):
            raise BrokenError(
                f"stopped at its report {stop} of {len(told)} and begun again, the training gives other weights: "
                f"{fault} ({_where(subject, 'fit')}); what is kept in context.workdir must hold "
                "every state, the random ones too"
            )
    if not stopped:
        raise RemarkError(
            f"fit() never calls context.progress(done, total, text) ({_where(subject, 'fit')}): nobody sees how long "
            "it will take, and nobody could try whether it goes on where it was stopped; a second training, and one in "
            "another process, gave the same weights"
        )
    return (
        f"stopped at {counted(stopped, 'place')} and begun again, it gives the same weights, bit for bit; so does "
        "another process"
    )


def _fitted_state(subject: Subject) -> bytes:
    """Return the weights of a training, as they are kept."""
    return _saved(fitted(subject, training(subject), "elsewhere").state_dict())


def _stopped_and_resumed(subject: Subject, wanted: Training, stop: int) -> Mapping[str, Any] | None:
    """Return the weights of a training that was stopped at a report and begun again; None where it made fewer reports
    this time (they may go by the clock)."""
    seen: list[int] = []

    def progress(*_: Any) -> None:
        seen.append(1)
        if len(seen) == stop:
            raise _Stopped

    attempt = f"stopped-{stop}"
    try:
        subject.workshop.fitted(wanted, attempt, progress)
    except _Stopped:
        pass
    except Exception as e:
        raise subject.broken("fit() does not let an interruption through", e) from e
    else:
        if len(seen) < stop:
            return None
        raise BrokenError(f"fit() goes on after an interruption ({_where(subject, 'fit')}): it catches BaseException")
    try:
        return subject.workshop.fitted(wanted, attempt).state_dict()  # type: ignore[no-any-return]
    except Exception as e:
        raise subject.broken("fit() on what a stopped training left in context.workdir", e) from e


def weights(subject: Subject) -> str:
    """Weights that were kept and read give what the trained object gave."""
    import torch
    from safetensors.torch import load

    wanted, workshop = training(subject), subject.workshop
    try:
        learner = fitted(subject, wanted, "weights")
        state = learner.state_dict()
    except (BrokenError, NotTriedError):
        raise
    except Exception as e:
        raise subject.broken("state_dict()", e) from e
    strange = [k for k, v in state.items() if not isinstance(k, str) or not isinstance(v, torch.Tensor)]
    if strange:
        kind = type(state[strange[0]]).__name__
        raise BrokenError(f"state_dict() must give tensors by name: '{strange[0]}' is {kind}")
    path = workshop.folder / "weights.safetensors"
    path.write_bytes(_saved(state))
    try:
        again = prepare(workshop.untrained(wanted), load(path.read_bytes()), workshop.device)
    except Exception as e:
        raise subject.broken("load_state_dict() of what state_dict() gave", e) from e
    if fault := _other(state, again.state_dict()):
        raise BrokenError(f"weights that were kept and read are others: {fault}")
    told = f"{counted(len(state), 'tensor')} of weights kept and read"
    if subject.kind != "enhancer":
        return _learnt(subject, wanted, state, f"{told}: the same")
    learner = prepare(learner, None, workshop.device)
    name, image = next(images_of((96, 80)))
    with torch.no_grad():
        found = []
        for one in (learner, again):
            seed_everything(0, "weights")
            found.append(LiveEnhancer(subject.variant, one.enhance, {}, None, one)(image))
    gap = difference(*(Enhancement(f.image, f.layers) for f in found))
    if gap > _TOLERANCE:
        raise BrokenError(
            f"with weights that were kept and read, {name} comes out otherwise, by {gap:.3g}: something that was "
            f"learnt is not in state_dict() ({_where(subject, 'state_dict')})"
        )
    return _learnt(subject, wanted, state, f"{told}: the same image")


def _learnt(subject: Subject, wanted: Training, state: Mapping[str, Any], told: str) -> str:
    """Return what was told, unless nothing was learnt."""
    if not _other(state, subject.workshop.untrained(wanted).state_dict()):
        raise RemarkError(
            f"{told}; but fit() left every weight as it was ({_where(subject, 'fit')}): is what learns in the state "
            "that is kept, and does the optimizer have it?"
        )
    return told


def _saved(state: Mapping[str, Any]) -> bytes:
    from safetensors.torch import save

    return bytes(save({k: v.detach().cpu().clone().contiguous() for k, v in state.items()}))


def _other(one: Mapping[str, Any], two: Mapping[str, Any]) -> str:
    """Return which weights differ, "" where none do."""
    import torch

    if {*one} != {*two}:
        return f"there are {', '.join(sorted({*one} ^ {*two}))} in one of them alone"
    for name in one:
        a, b = one[name].detach().cpu(), two[name].detach().cpu()
        if a.shape != b.shape or not torch.equal(a.nan_to_num(), b.nan_to_num()):
            gap = float((a.double() - b.double()).abs().max()) if a.shape == b.shape else float("nan")
            return f"'{name}' differs, by up to {gap:.3g}"
    return ""


def _by_case(found: list[tuple[str, Mapping[str, Any]]]) -> dict[str, list[Any]]:
    told: dict[str, list[Any]] = {}
    for case_id, lesson in found:
        told.setdefault(case_id, []).append(_plain(lesson))
    return told


def _plain(tensors: Mapping[str, Any]) -> dict[str, Any]:
    from radbench.contracts.case import ON_DEMAND

    return {n: _bits(tensors[n]) for n in tensors if n not in ON_DEMAND}


def _bits(value: Any) -> Any:
    if hasattr(value, "numpy"):
        array = value.detach().cpu().contiguous().numpy()
        return str(array.dtype), array.shape, array.tobytes()
    return {k: _bits(v) for k, v in value.items()} if isinstance(value, Mapping) else repr(value)


def _where(subject: Subject, method: str) -> str:
    found = getattr(subject.part.factory, method)
    code = getattr(inspect.unwrap(found), "__code__", None)
    # A method may be a library's: then it is the class that the author knows.
    inherited = code is not None and not within(code.co_filename, subject.own)
    return definition_of(subject.part.factory if inherited else found)


CHECKS = (
    Check("lessons", lambda kind, spec: kind != "dataset" and spec.learns, lessons),
    Check("resume", lambda kind, spec: kind != "dataset" and spec.learns, resumes),
    Check("weights", lambda kind, spec: kind != "dataset" and spec.learns, weights),
)
