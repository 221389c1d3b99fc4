"""Fit: a learner learns, from freshly set random states."""

from __future__ import annotations

from typing import Any

from radbench.contracts.learning import FitContext, Lessons
from radbench.engine.work.seeding import seed_everything


def fit(learner: Any, lessons: Lessons, context: FitContext) -> None:
    """Call a learner's ``fit`` with gradients on.

    Raises:
        Exception: whatever the learner raises.
    """
    import torch

    seed_everything(context.seed, "fit")
    with torch.enable_grad():
        learner.fit(lessons, context)
