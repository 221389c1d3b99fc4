"""Batches: lessons side by side, as tensors by name."""

from __future__ import annotations

from collections.abc import KeysView, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType

import torch
from torch import Tensor
from torch.nn import functional

from radbench.contracts.errors import DatasetError

_WHOLE = {torch.uint8: 255.0, torch.uint16: 65535.0}


@dataclass(frozen=True)
class Batch:
    """Some lessons side by side; it is never changed, only replaced.

    Attributes:
        tensors: by name, each ``[B, ...]``.
        places: each lesson's place in its set; every random draw goes by it.

    Raises:
        DatasetError: a tensor does not hold one entry per lesson.
    """

    tensors: Mapping[str, Tensor] = field(default_factory=dict)
    places: tuple[int, ...] = ()

    # Its length is the number of lessons, so that going through it would give something else than one expects.
    __iter__ = None

    def __post_init__(self) -> None:
        for name, tensor in self.tensors.items():
            if tensor.ndim < 1 or len(tensor) != len(self.places):
                raise DatasetError(
                    f"'{name}' of a batch of {len(self.places)} lessons is {list(tensor.shape)}: "
                    "its first axis must be the lessons"
                )
        object.__setattr__(self, "tensors", MappingProxyType(dict(self.tensors)))

    def __len__(self) -> int:
        return len(self.places)

    def __contains__(self, name: object) -> bool:
        return name in self.tensors

    def __getitem__(self, name: str) -> Tensor:
        """Return a tensor, ``[B, ...]``.

        Raises:
            DatasetError: the lessons have none of this name; what they have is named.
        """
        if name not in self.tensors:
            raise DatasetError(
                f"the lessons have no '{name}'; they have {', '.join(sorted(self.tensors)) or 'nothing'}"
            )
        return self.tensors[name]

    def keys(self) -> KeysView[str]:
        """Return the tensors' names."""
        return self.tensors.keys()

    def truth(self, name: str) -> Tensor:
        """Return a tensor as float32, a mask as 0 and 1. Errors as those of ``batch[name]``."""
        return self[name].float()

    def mask(self, name: str) -> Tensor:
        """Return a mask, bool.

        Raises:
            DatasetError: the lessons have none of this name, or it is no mask.
        """
        found = self[name]
        if found.dtype != torch.bool:
            kind = str(found.dtype).removeprefix("torch.")
            raise DatasetError(f"'{name}' of the lessons is {kind}, not a mask (bool)")
        return found

    def with_(self, **tensors: Tensor) -> Batch:
        """Return the batch with tensors replaced or added."""
        return replace(self, tensors={**self.tensors, **tensors})

    def to(self, device: str | torch.device) -> Batch:
        """Return the batch on a device."""
        return replace(self, tensors={k: v.to(device, non_blocking=True) for k, v in self.tensors.items()})

    def part(self, start: int, stop: int) -> Batch:
        """Return the lessons from ``start`` up to ``stop``, without copying."""
        return Batch({k: v[start:stop] for k, v in self.tensors.items()}, self.places[start:stop])


def joined(parts: Sequence[Batch]) -> Batch:
    """Return the parts of a batch as one; a single part is returned as it is."""
    if len(parts) == 1:
        return parts[0]
    tensors = {name: torch.cat([part[name] for part in parts]) for name in parts[0].tensors}
    return Batch(tensors, tuple(place for part in parts for place in part.places))


def as_unit(images: Tensor) -> Tensor:
    """Return images as float32: whole numbers (uint8, uint16) as shares of their greatest, others as they are."""
    return images.float() / _WHOLE[images.dtype] if images.dtype in _WHOLE else images.float()


def resized(images: Tensor, size: tuple[int, int]) -> Tensor:
    """Resize with antialiasing; a mask stays a mask: what is covered by half or more.

    Args:
        images: float32 or bool ``[B,C,H,W]``.
        size: (H, W) in pixels.

    Returns:
        ``[B,C,*size]`` of the same type; the input itself where it has that size.
    """
    if tuple(images.shape[2:]) == tuple(size):
        return images
    out = functional.interpolate(images.float(), size=size, mode="bilinear", antialias=True)
    return out >= 0.5 if images.dtype == torch.bool else out.clamp(float(images.min()), float(images.max()))
