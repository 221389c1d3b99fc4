"""Random states: those of Python, NumPy and torch, to begin a piece of work anew with."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True)
class RandomStates:
    """The states of all global generators.

    Attributes:
        torch: of torch's on the processor.
        cuda: of torch's on each card, where cards are in use.
        python: of Python's.
        numpy: of NumPy's: name, words, position, and the normal number that lies in store.
    """

    torch: Tensor
    cuda: tuple[Tensor, ...]
    python: Any
    numpy: Any

    @classmethod
    def now(cls) -> RandomStates:
        """Return the states as they are."""
        cards = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else ()
        return cls(torch.default_generator.get_state(), tuple(cards), random.getstate(), np.random.get_state())

    def restore(self) -> None:
        """Put the states back. A card that is gone is left out."""
        torch.default_generator.set_state(self.torch)
        for card, state in zip(range(torch.cuda.device_count() if self.cuda else 0), self.cuda, strict=False):
            torch.cuda.set_rng_state(state, card)
        random.setstate(self.python)
        np.random.set_state(self.numpy)

    def apart(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Return the states as tensors and plain values, for a file."""
        tensors = {"torch": self.torch, **{f"cuda.{card}": state for card, state in enumerate(self.cuda)}}
        name, words, *rest = self.numpy
        return tensors, {"python": self.python, "numpy": [name, words.tolist(), *rest]}

    @classmethod
    def together(cls, tensors: Mapping[str, Tensor], values: Mapping[str, Any]) -> RandomStates:
        """Return the states that :meth:`apart` took apart."""
        version, words, gauss = values["python"]
        name, numbers, *rest = values["numpy"]
        cards = tuple(tensors[f"cuda.{card}"] for card in range(len(tensors) - 1))
        numpy = (name, np.asarray(numbers, dtype=np.uint32), *rest)
        return cls(tensors["torch"], cards, (version, tuple(words), gauss), numpy)
