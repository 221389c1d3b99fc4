"""Seeding: every random state from a seed and a salt, so that neither order nor company matters."""

from __future__ import annotations

import hashlib
import random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from radbench.contracts.dataset import CaseEntry


def seed_everything(seed: int, salt: str) -> None:
    """Set the random states of Python, NumPy, torch and OpenCV."""
    import cv2
    import numpy as np
    import torch

    value = int.from_bytes(hashlib.sha256(f"{seed}:{salt}".encode()).digest()[:4], "big")
    random.seed(value)
    np.random.seed(value)
    # Not torch.manual_seed: it queues a call with a stack trace for every kind of card that was not used yet, which
    # takes milliseconds and is kept for good.
    torch.default_generator.manual_seed(value)
    if torch.cuda.is_initialized():
        torch.cuda.manual_seed_all(value)
    cv2.setRNGSeed(value & 0x7FFFFFFF)


def salt_of(entry: CaseEntry) -> str:
    """Return what random states go by: a case and its twin share it, so that whatever draws, draws alike for both."""
    return entry.twin or entry.case_id
