"""Paired augmentation: one geometry for all pictures of a lesson; another appearance for what the network sees."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from radbench.learn.appearance import AppearanceOptions, change_appearance
from radbench.learn.batch import Batch, as_unit
from radbench.learn.draws import Draws
from radbench.learn.geometry import GeometryOptions, draw_grid, moved_boxes, warp

Prepare = Callable[[Batch, Draws], Batch]
"""``(batch, draws) -> batch``: what :func:`radbench.learn.fit` calls to augment and to prepare. It keeps nothing from
one batch to the next, and draws from ``draws`` alone."""


@dataclass(frozen=True)
class Augmentation:
    """Augment a batch where it lies (on the card, all lessons at once).

    What a lesson becomes depends on the seed, the epoch and its place in the training set alone: not on the batch it
    is in, nor on the order. On another kind of device, noise is drawn otherwise.

    All pictures ``[B,C,H,W]`` of the input's height and width move together: fractions linearly, masks and whole
    numbers by the nearest pixel. Labels and whatever else there is stay as they are.

    Attributes:
        geometry: applied to all pictures.
        appearance: applied to the moved input.
        input: the name of what the network sees, ``[B,C,H,W]``; it becomes float32, by :func:`radbench.learn.as_unit`.
        boxes: names of float32 ``[B,N,4]`` (x,y,x,y pixels of the input), which move along: each becomes the box round
            its moved corners. A name that the batch lacks is nothing to move.
        still: names of what has a picture's shape and yet never moves, such as volumes.
    """

    geometry: GeometryOptions = field(default_factory=GeometryOptions)
    appearance: AppearanceOptions = field(default_factory=AppearanceOptions)
    input: str = "image"
    boxes: tuple[str, ...] = ("boxes",)
    still: tuple[str, ...] = ()

    def __call__(self, batch: Batch, draws: Draws) -> Batch:
        """Return the augmented batch; the given one is left as it is.

        Raises:
            DatasetError: the batch lacks the input.
            ConfigurationError: it has boxes, and the geometry is elastic.
        """
        key = (draws.seed, draws.epoch, draws.places)
        image = as_unit(batch[self.input])
        moved = {self.input: image}
        size = (image.shape[2], image.shape[3])
        grid = draw_grid(self.geometry, *key, size, str(image.device))
        if grid is not None:
            pictures = batch.with_(**moved).tensors.items()
            for name, tensor in pictures:
                if name in self.boxes:
                    moved[name] = moved_boxes(tensor, self.geometry, *key, size)
                elif name not in self.still and tensor.ndim == 4 and tensor.shape[2:] == size:
                    moved[name] = warp(tensor, grid, self.geometry.fill)
        moved[self.input] = change_appearance(moved[self.input], self.appearance, *key)
        return batch.with_(**moved)
