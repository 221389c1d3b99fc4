"""Shortage: telling that memory ran out, freeing what can be freed, and the random states to begin anew with."""

from __future__ import annotations

import gc

import torch
from torch import Tensor


def out_of_memory(error: BaseException) -> bool:
    """Tell whether an error says that memory ran out, on the card or on the processor."""
    if isinstance(error, torch.cuda.OutOfMemoryError | MemoryError):
        return True
    text = str(error).lower()
    return isinstance(error, RuntimeError) and ("can't allocate memory" in text or "out of memory" in text)


def free_memory(device: torch.device) -> None:
    """Give back what nothing holds any more."""
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()


def random_states(device: torch.device) -> list[Tensor]:
    """Return torch's random states, of the processor and of the device."""
    states = [torch.default_generator.get_state()]
    return [*states, torch.cuda.get_rng_state(device)] if device.type == "cuda" else states


def restore_random_states(device: torch.device, states: list[Tensor]) -> None:
    """Put back what :func:`random_states` gave."""
    torch.default_generator.set_state(states[0])
    if device.type == "cuda":
        torch.cuda.set_rng_state(states[1], device)
