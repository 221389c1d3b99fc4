"""Lesson: what a case teaches a learner, as it says itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from radbench.contracts.errors import InvalidOutputError
from radbench.contracts.results import Sample
from radbench.engine.work.seeding import seed_everything

if TYPE_CHECKING:
    from radbench.contracts.learning import Lesson


def lessons_of(learner: Any, sample: Sample, field: str, salt: str, name: str) -> list[Lesson]:
    """Return the lessons of one case, none or several.

    Args:
        field: the source, where the learner has several; else "".
        salt: of the random states: a lesson draws nothing, but should it, it does so the same way every time.
        name: of the learner, for errors.

    Raises:
        InvalidOutputError: it gave something else than tensors by name.
        Exception: whatever the learner raises.
    """
    import torch

    seed_everything(0, salt)
    with torch.no_grad():
        given = learner.lesson(sample, field) if field else learner.lesson(sample)
        if given is None:
            return []
        several = [given] if isinstance(given, Mapping) else list(given) if isinstance(given, Iterable) else [given]
    for one in several:
        if not isinstance(one, Mapping) or not all(isinstance(v, torch.Tensor) for v in one.values()):
            got = {k: type(v).__name__ for k, v in one.items()} if isinstance(one, Mapping) else type(one).__name__
            raise InvalidOutputError(f"'{name}': lesson() must give None, tensors by name, or several such, got {got}")
    return [{key: value.detach().cpu() for key, value in one.items()} for one in several]
