"""Memory: doing with fewer lessons at once whenever it runs out, on the card or on the processor."""

from __future__ import annotations

import gc
import math
from collections.abc import Callable
from typing import TypeVar

import torch

from radbench.learn.options import TrainingError
from radbench.learn.random_states import RandomStates

T = TypeVar("T")


def within_memory(work: Callable[[int], T], micro: int, device: torch.device, name: str) -> tuple[T, int]:
    """Do a piece of work with fewer lessons at once whenever memory runs out, anew from the same random states.

    Args:
        work: ``(lessons at once) -> result``.
        micro: lessons at once to begin with.
        device: whose memory is freed before another try.
        name: of the training, for people.

    Returns:
        the result, and how many lessons at once there was room for.

    Raises:
        TrainingError: there is no room for a single one.
    """
    while True:
        states = RandomStates.now()
        try:
            return work(micro), micro
        except (RuntimeError, MemoryError) as e:
            if not out_of_memory(e):
                raise
            if micro == 1:
                raise TrainingError(
                    f"{name}: one lesson alone does not fit into the memory of {device}; "
                    "take smaller images, fewer filters or mixed precision"
                ) from e
        # Out here the error is gone, and with it the tensors that its traceback held.
        micro = math.ceil(micro / 2)
        _free_memory(device)
        states.restore()


def out_of_memory(error: BaseException) -> bool:
    """Tell whether an error says that memory ran out, on the card or on the processor."""
    if isinstance(error, torch.cuda.OutOfMemoryError | MemoryError):
        return True
    text = str(error).lower()
    return isinstance(error, RuntimeError) and ("can't allocate memory" in text or "out of memory" in text)


def _free_memory(device: torch.device) -> None:
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()
