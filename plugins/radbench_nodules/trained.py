"""What nodule-visibility has learnt: where nodules lie, and the observers of enhanced and of original images."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np

from radbench.metrics.observer import Hotelling
from radbench_nodules.places import Habitat
from radbench_nodules.reader import Reader

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Trained:
    """The habitat of the train split's nodules, and two readers.

    Attributes:
        habitat: where nodules lie and how large they are.
        enhanced: the observer that was trained on enhanced images.
        original: the one that was trained on original images, with its threshold.
    """

    habitat: Habitat
    enhanced: Reader
    original: Reader

    def tensors(self) -> dict[str, Tensor]:
        """Return all of it in double precision, so that it is read back equal."""
        found = {"habitat.density": _tensor(self.habitat.density), "habitat.sizes": _tensor(self.habitat.sizes)}
        for name, reader in (("enhanced", self.enhanced), ("original", self.original)):
            observer = reader.observer
            found |= {
                f"{name}.template": _tensor(observer.template),
                f"{name}.offset": _tensor(observer.offset),
                f"{name}.detectability": _tensor(observer.detectability),
                f"{name}.spread": _tensor(reader.spread),
                f"{name}.threshold": _tensor(reader.threshold),
            }
        return found

    @classmethod
    def of(cls, state: Mapping[str, Tensor], internal_noise: float) -> Self:
        """Return what :meth:`tensors` gave; internal noise is the configuration's."""
        plain = {name: tensor.detach().cpu().double().numpy() for name, tensor in state.items()}

        def reader(name: str) -> Reader:
            offset, detectability = float(plain[f"{name}.offset"]), float(plain[f"{name}.detectability"])
            observer = Hotelling(plain[f"{name}.template"], offset, detectability)
            return Reader(observer, plain[f"{name}.spread"], internal_noise, float(plain[f"{name}.threshold"]))

        return cls(Habitat(plain["habitat.density"], plain["habitat.sizes"]), reader("enhanced"), reader("original"))


def _tensor(value: object) -> Tensor:
    import torch

    return torch.from_numpy(np.array(value, dtype=np.float64))
