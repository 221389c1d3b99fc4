"""What films of chests vary in beyond the phantoms': veils over them, the abdomen below them, borders round them."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Generator, Tensor
from torch.nn import functional

from radbench.learn.batch import Batch
from radbench.learn.draws import Draws

_VEIL = 0.6
"""Greatest share of a picture that a veil takes [assumed]."""
_CHEST = (0.55, 0.95)
"""Least and greatest share of its height that a film keeps where more abdomen lies below it [assumed]."""
_UNEVEN = 0.3
"""Greatest range of greys of that abdomen, beside those of the film's lower edge [assumed]."""
_BORDER = 0.25
"""Greatest width of a border on each side, as a share of the image's [assumed]."""


def veiled(batch: Batch, draws: Draws, picture: str, share: float) -> Batch:
    """Lay clouds over some pictures: diseased lungs are seen through veils that the phantoms do not have [assumed].

    Args:
        batch: holds the pictures, float32 ``[B,1,H,W]`` in [0,1].
        draws: of the batch.
        picture: their name.
        share: of the lessons, 0 to 1.
    """
    return _changed(batch, draws, picture, share, "veil", _veil)


def above_abdomen(batch: Batch, draws: Draws, picture: str, share: float) -> Batch:
    """Show more abdomen below some pictures: the film is flattened, and its lower edge goes on, unevenly [assumed].

    Args:
        batch, draws, picture, share: as for :func:`veiled`; what else a lesson holds is not moved.
    """
    return _changed(batch, draws, picture, share, "abdomen", _abdomen)


def bordered(batch: Batch, draws: Draws, picture: str, share: float) -> Batch:
    """Lay a border of one grey round some pictures, which become smaller: black, white or between [assumed].

    Args:
        batch, draws, picture, share: as for :func:`veiled`; what else a lesson holds is not moved.
    """
    return _changed(batch, draws, picture, share, "border", _border)


def between(source: Generator, low: float, high: float) -> float:
    """Return a number drawn from ``low`` to ``high``."""
    return low + (high - low) * float(torch.rand((), generator=source))


def clouds(like: Tensor, source: Generator) -> Tensor:
    """Return clouds of the size of a picture ``[1,H,W]``, roughly in [0,1], from 3 to 12 random knots a side."""
    knots = int(torch.randint(3, 13, (), generator=source))
    field = torch.rand((1, 1, knots, knots), generator=source)
    return functional.interpolate(field, size=like.shape[1:], mode="bicubic", align_corners=True)[0]


def _changed(
    batch: Batch, draws: Draws, picture: str, share: float, what: str, change: Callable[[Tensor, Generator], Tensor]
) -> Batch:
    which = draws.chance(what, share)
    pictures = batch[picture].clone()
    for i, (chosen, source) in enumerate(zip(which.tolist(), draws.generators(f"what {what}"), strict=True)):
        if chosen:
            pictures[i] = change(pictures[i].cpu(), source).clamp(0.0, 1.0).to(pictures.device)
    return batch.with_(**{picture: pictures})


def _veil(film: Tensor, source: Generator) -> Tensor:
    depth = between(source, 0.0, _VEIL)
    return (1 - depth) * film + depth * clouds(film, source).clamp(0.0, 1.0) * film.max()


def _abdomen(film: Tensor, source: Generator) -> Tensor:
    height, width = film.shape[1:]
    kept = max(1, round(between(source, *_CHEST) * height))
    chest = _sized(film, kept, width)
    edge = chest[:, -max(1, kept // 16) :].mean(1, keepdim=True)
    uneven = between(source, 0.0, _UNEVEN) * (clouds(film, source).clamp(0.0, 1.0)[:, : height - kept] - 0.5)
    return torch.cat([chest, edge + uneven], dim=1)


def _border(film: Tensor, source: Generator) -> Tensor:
    height, width = film.shape[1:]
    top, bottom = (int(between(source, 0.0, _BORDER) * height) for _ in range(2))
    left, right = (int(between(source, 0.0, _BORDER) * width) for _ in range(2))
    grey = min(1.0, max(0.0, between(source, -1.0, 2.0)))
    out = torch.full_like(film, grey)
    out[:, top : height - bottom, left : width - right] = _sized(film, height - top - bottom, width - left - right)
    return out


def _sized(film: Tensor, height: int, width: int) -> Tensor:
    return functional.interpolate(film[None], size=(height, width), mode="bilinear", antialias=True)[0]
