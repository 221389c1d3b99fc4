"""Batches: what a network learns from, as tensors of equal size; and samples, where batches come from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol

import torch
from torch import Tensor
from torch.nn import functional

from radbench.contracts.errors import CaseError, DatasetError

if TYPE_CHECKING:
    from radbench.contracts.case import Case


@dataclass(frozen=True)
class Batch:
    """Some samples side by side.

    Attributes:
        source: what the network sees, float32 ``[B,C,H,W]``.
        targets: images to learn, float32 ``[B,C,H,W]`` by name; warped linearly.
        masks: areas, bool ``[B,1,H,W]`` by name; warped by the nearest pixel.
        indices: each sample's place in the training set; every random draw goes by it.
    """

    source: Tensor
    targets: Mapping[str, Tensor] = field(default_factory=dict)
    masks: Mapping[str, Tensor] = field(default_factory=dict)
    indices: tuple[int, ...] = ()

    def __len__(self) -> int:
        return int(self.source.shape[0])

    def part(self, start: int, stop: int) -> Batch:
        """Return the samples from ``start`` up to ``stop``, without copying."""
        return Batch(
            self.source[start:stop],
            {name: target[start:stop] for name, target in self.targets.items()},
            {name: mask[start:stop] for name, mask in self.masks.items()},
            self.indices[start:stop],
        )

    def to(self, device: str | torch.device) -> Batch:
        """Return the batch on a device."""
        return replace(
            self,
            source=self.source.to(device, non_blocking=True),
            targets={name: target.to(device, non_blocking=True) for name, target in self.targets.items()},
            masks={name: mask.to(device, non_blocking=True) for name, mask in self.masks.items()},
        )

    def truth(self, name: str) -> Tensor:
        """Return a target, or a mask as float32 0 or 1, ``[B,C,H,W]``.

        Raises:
            DatasetError: the batch has neither; what it has is named.
        """
        if name in self.targets:
            return self.targets[name]
        return self.mask(name).float()

    def mask(self, name: str) -> Tensor:
        """Return a mask, bool ``[B,1,H,W]``.

        Raises:
            DatasetError: the batch has none of this name; what it has is named.
        """
        if name not in self.masks:
            known = ", ".join(sorted({*self.targets, *self.masks})) or "nothing"
            raise DatasetError(f"the training samples have no '{name}'; they have {known}")
        return self.masks[name]


class Samples(Protocol):
    """A training or validation set: batches are asked for by place, in any order and number."""

    def __len__(self) -> int:
        """How many samples there are."""
        ...

    def batch(self, indices: Sequence[int]) -> Batch:
        """Return the samples at these places; the same place always gives the same bits."""
        ...


@dataclass(frozen=True)
class TensorSamples:
    """Samples kept in memory as whole tensors, on the processor or on the card.

    Attributes:
        source: float32 ``[N,C,H,W]``.
        targets: float32 ``[N,C,H,W]`` by name.
        masks: bool ``[N,1,H,W]`` by name.
    """

    source: Tensor
    targets: Mapping[str, Tensor] = field(default_factory=dict)
    masks: Mapping[str, Tensor] = field(default_factory=dict)

    def __post_init__(self) -> None:
        n, _, h, w = self.source.shape
        for name, tensor in {**self.targets, **self.masks}.items():
            if tensor.ndim != 4 or (tensor.shape[0], *tensor.shape[2:]) != (n, h, w):
                raise DatasetError(f"'{name}' is {list(tensor.shape)}, its source {list(self.source.shape)}")
        for name, mask in self.masks.items():
            if mask.dtype != torch.bool:
                raise DatasetError(f"mask '{name}' must be bool, got {mask.dtype}")

    def __len__(self) -> int:
        return int(self.source.shape[0])

    def batch(self, indices: Sequence[int]) -> Batch:
        """Return the samples at these places, on the device that holds them."""
        places = torch.as_tensor(list(indices), device=self.source.device)
        return Batch(
            self.source.index_select(0, places),
            {name: target.index_select(0, places) for name, target in self.targets.items()},
            {name: mask.index_select(0, places) for name, mask in self.masks.items()},
            tuple(indices),
        )

    def to(self, device: str | torch.device) -> TensorSamples:
        """Return the samples on a device: where they fit, no batch need travel."""
        return TensorSamples(
            self.source.to(device),
            {name: target.to(device) for name, target in self.targets.items()},
            {name: mask.to(device) for name, mask in self.masks.items()},
        )


def samples_from_cases(
    cases: Iterable[Case],
    *,
    targets: Sequence[str] = (),
    masks: Sequence[str] = (),
    size: tuple[int, int] | None = None,
) -> TensorSamples:
    """Stack cases into samples, each resized to one size: images by area, masks by the share of a pixel they cover.

    Args:
        cases: loaded one after another; only what is kept stays in memory.
        targets: names of image targets to keep.
        masks: names of mask targets to keep.
        size: (H, W) in pixels, None keeps the cases' own, which must then be equal.

    Raises:
        DatasetError: there are no cases, or they differ in size and ``size`` is None.
        CaseError: a case lacks a target.
    """
    columns: dict[str, list[Tensor]] = {name: [] for name in ("", *targets, *masks)}
    for case in cases:
        for name, column in columns.items():
            if name and name not in case.targets:
                raise CaseError(f"case '{case.case_id}' has no '{name}', which the training needs")
            tensor = case.targets[name] if name else case.image
            column.append(resized(tensor[None], size)[0] if size else tensor)
        if columns[""][0].shape != columns[""][-1].shape:
            raise DatasetError(
                f"case '{case.case_id}' is {list(columns[''][-1].shape[1:])}, others {list(columns[''][0].shape[1:])}: "
                "name a size to resize them to"
            )
    if not columns[""]:
        raise DatasetError("there are no cases to learn from")
    stacks = {name: torch.stack(column) for name, column in columns.items()}
    return TensorSamples(stacks[""], {name: stacks[name] for name in targets}, {name: stacks[name] for name in masks})


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
