"""Paired augmentation: one geometry for source, targets and masks; another appearance for the source alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from radbench.learn.appearance import AppearanceOptions, change_appearance
from radbench.learn.batch import Batch
from radbench.learn.geometry import GeometryOptions, draw_grid, warp

Augment = Callable[[Batch, int, int], Batch]
"""``(batch, seed, epoch) -> batch``: what :func:`radbench.learn.fit` calls on every training batch."""


@dataclass(frozen=True)
class Augmentation:
    """Augment a batch where it lies (on the card, all samples at once).

    What a sample becomes depends on the seed, the epoch and its place in the training set alone: not on the batch it
    is in, nor on the order. On another kind of device, noise is drawn otherwise.

    Attributes:
        geometry: applied to source and targets (linear) and masks (nearest).
        appearance: applied to the moved source.
    """

    geometry: GeometryOptions = field(default_factory=GeometryOptions)
    appearance: AppearanceOptions = field(default_factory=AppearanceOptions)

    def __call__(self, batch: Batch, seed: int, epoch: int) -> Batch:
        """Return the augmented batch; the given one is left as it is."""
        height, width = batch.source.shape[2:]
        options, device = self.geometry, str(batch.source.device)
        grid = draw_grid(options, seed, epoch, batch.indices, (height, width), device)
        source = warp(batch.source, grid, options.fill)
        return replace(
            batch,
            source=change_appearance(source, self.appearance, seed, epoch, batch.indices),
            targets={name: warp(target, grid, options.fill) for name, target in batch.targets.items()},
            masks={name: warp(mask, grid, options.fill) for name, mask in batch.masks.items()},
        )
