"""Applicability: why an enhancer, a task and a data set do not go together, in a sentence of the plan."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any

from radbench.contracts.case import TARGETS
from radbench.contracts.dataset import CaseEntry
from radbench.contracts.enhancement import LAYERS
from radbench.contracts.errors import did_you_mean
from radbench.engine.plan.learning import Training
from radbench.engine.plan.parts import Part
from radbench.engine.plan.poses import why_indistinct

_LUNGS = frozenset({"lung_mask", "lung_field_mask", "aerated_lung_mask"})


def why_not(e: Part, t: Part, d: Part, split: str, entries: Sequence[CaseEntry], poses: Sequence[Any] | None) -> str:
    """Return why an enhancer, a task and a data set do not go together, or "".

    Args:
        e, t, d: they.
        split: that is scored.
        entries: the cases that are scored.
        poses: that the task asks for.
    """
    dataset = d.opened.dataset
    if lacking := _without(t.spec.needs_targets, dataset.targets, TARGETS):
        strange = sorted(set(dataset.targets) - TARGETS)
        said = f"; it says that it has {strange[0]} {_unknown(strange[0], TARGETS)}" if strange else ""
        return f"data set '{d.label}' has no {lacking}{said}"
    for owner, other in ((t.spec, "task"), (e.spec, "enhancer")):
        if "any" not in (owner.modality, dataset.modality) and owner.modality != dataset.modality:
            return f"{other} '{owner.name}' is for {owner.modality}, data set '{d.label}' is {dataset.modality}"
    if lacking := _without(t.spec.needs_layers, e.spec.layers, LAYERS):
        return f"enhancer '{e.label}' offers no {lacking}"
    if t.spec.needs_views and not e.spec.renders:
        return f"enhancer '{e.label}' renders no views"
    if fault := why_indistinct(poses or ()):
        return f"task '{t.label}': {fault}"
    if not d.opened.split(split):
        return f"data set '{d.label}' has no cases in split '{split}'"
    if not entries:
        return f"data set '{d.label}' has no twins in split '{split}'"
    if t.learns and not t.sources and not d.opened.split("train"):
        return f"task '{t.label}' learns from '{d.label}', which has no split 'train'"
    return why_no_part(e) or why_no_part(t) or why_no_part(d)


def why_no_part(part: Part) -> str:
    """Return what a part, or one that it names, lacks, or ""."""
    for name, one in part.named(sources=True):
        field = part.fields[name]
        # A name alone is a tuple of one.
        needed = (field.needs,) if isinstance(field.needs, str) else field.needed(part.config)
        offered = one.opened.dataset.targets if one.kind == "dataset" else one.spec.layers
        if lacking := _without(needed, offered, TARGETS if one.kind == "dataset" else LAYERS):
            verb = "learns from" if field.learns else "is made of"
            return f"{part.kind} '{part.label}' {verb} '{one.label}', which has no {lacking}"
        if field.learns and not one.opened.split("train"):
            return f"{part.kind} '{part.label}' learns from '{one.label}', which has no split 'train'"
        if reason := why_no_part(one):
            return reason
    return ""


def learnt_from_scored(dataset: Part, shown: Iterable[CaseEntry], trainings: Iterable[Training]) -> str:
    """Return which of the patients that are scored something learnt from, or ""."""
    patients = {e.patient_id for e in shown}
    for training in trainings:
        learnt_from = {patient for collection, patient in training.patients if collection in dataset.collections}
        if seen := patients & learnt_from:
            what = f"{len(seen)} of the {len(patients)} patients of '{dataset.label}' that it would be scored on"
            return f"{training.learner.kind} '{training.learner.label}' learnt from {what}"
    return ""


def _without(needed: Iterable[str], offered: Iterable[str], known: Collection[str]) -> str:
    """Return what is needed and not offered; of what nobody can offer, the nearest that there is; of lungs, which are
    there by another definition."""
    lacking = [name for name in needed if name not in offered]
    said = ", ".join(name if name in known else f"{name} {_unknown(name, known)}" for name in lacking)
    others = [name for name in _LUNGS if name in offered]
    if others and not _LUNGS.isdisjoint(lacking):
        return f"{said}, but {' and '.join(sorted(others))}: the lungs by another definition"
    return said


def _unknown(name: str, known: Iterable[str]) -> str:
    return f"(unknown; {did_you_mean(name, known).removeprefix(': ')})"
