"""What is no chest, to learn from, or is one the wrong way round."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Generator, Tensor
from torch.nn import functional

from radbench.learn.batch import Batch
from radbench.learn.draws import Draws
from radbench_ct_unets.films import between, clouds
from radbench_ct_unets.intensity import unit

_NOISE = 0.02
"""Greatest noise of a picture of one grey: a detector's that nothing lay on [assumed]."""
_LEAVES = (20, 150)
"""Fewest and most of the discs and bars that hide one another [assumed]."""
_TILES = (4, 8, 16)
"""In how many tiles, along each side, a film may be cut and shuffled [assumed]."""


def with_nothing(batch: Batch, draws: Draws, picture: str, share: float) -> tuple[Batch, Tensor]:
    """Put what is no chest in the place of some radiographs [assumed].

    What has never seen anything but chests takes everything for one. Eleven kinds (:data:`_KINDS`): one grey, a ramp
    or a bowl of greys, the film averaged along a side, clouds, discs and bars as in photographs, a detail of the film,
    the film cut into tiles and shuffled, noise with the film's spectrum, the film on its side, upside down, and
    inverted.

    Args:
        batch: holds the pictures, float32 ``[B,1,H,W]`` in [0,1].
        draws: of the batch.
        picture: their name.
        share: of the lessons, 0 to 1.

    Returns:
        The batch, and which lessons still are chests, bool ``[B]``.
    """
    which = draws.chance("no chest", share)
    pictures = batch[picture].clone()
    for i, (chosen, source) in enumerate(zip(which.tolist(), draws.generators("kind of no chest"), strict=True)):
        if chosen:
            kind = _KINDS[int(torch.randint(len(_KINDS), (), generator=source))]
            pictures[i] = kind(pictures[i].cpu(), source).clamp(0.0, 1.0).to(pictures.device)
    return batch.with_(**{picture: pictures}), ~which


def _grey(film: Tensor, source: Generator) -> Tensor:
    # Half of them without any noise, as what was painted, or saturated, is.
    noise = max(0.0, between(source, -_NOISE, _NOISE)) * (torch.rand(film.shape, generator=source) - 0.5)
    return between(source, 0.0, 1.0) + noise


def _ramp(film: Tensor, source: Generator) -> Tensor:
    """A straight ramp at any angle, or a bowl, dark or bright in the middle; bent by a curve."""
    down, across = (torch.linspace(-1, 1, n) for n in film.shape[1:])
    angle = between(source, 0.0, 2 * math.pi)
    if between(source, 0.0, 1.0) < 0.5:
        height = math.cos(angle) * across[None, :] + math.sin(angle) * down[:, None]
    else:
        height = (across[None, :].square() + down[:, None].square()).sqrt() * (1 if angle < math.pi else -1)
    return unit(height[None, None])[0] ** between(source, 0.4, 2.5)


def _averaged(film: Tensor, source: Generator) -> Tensor:
    """The film's greys from top to bottom, or from left to right, alone: as bright as a chest, and nothing in it."""
    return film.mean(2 if between(source, 0.0, 1.0) < 0.5 else 1, keepdim=True).expand_as(film)


def _leaves(film: Tensor, source: Generator) -> Tensor:
    """Shaded discs and bars of all sizes, each before the last: edges are as frequent as in photographs.

    A. B. Lee, D. Mumford and J. Huang, Occlusion Models for Natural Images, 2001 ("dead leaves").
    """
    height, width = film.shape[1:]
    down, across = torch.meshgrid(torch.arange(float(height)), torch.arange(float(width)), indexing="ij")
    out = torch.zeros(height, width)
    for _ in range(int(torch.randint(_LEAVES[0], _LEAVES[1] + 1, (), generator=source))):
        radius = min(0.6, 0.02 * between(source, 1e-3, 1.0) ** -0.7) * height
        turn = between(source, 0.0, math.pi)
        y, x = down - between(source, 0.0, height), across - between(source, 0.0, width)
        along, beside = x * math.cos(turn) + y * math.sin(turn), y * math.cos(turn) - x * math.sin(turn)
        thin, grey, shade = (between(source, *ends) for ends in ((0.2, 1.0), (0.0, 1.0), (-0.25, 0.25)))
        if between(source, 0.0, 1.0) < 0.5:
            leaf = along.square() + beside.square() < radius**2
        else:
            leaf = (along.abs() < radius) & (beside.abs() < thin * radius)
        out = torch.where(leaf, (grey + shade * along / radius).clamp(0.0, 1.0), out)
    return out[None]


def _detail(film: Tensor, source: Generator) -> Tensor:
    """A seventh to a third of the film along each side, enlarged."""
    share = between(source, 1 / 7, 1 / 3)
    sides = [max(1, round(share * side)) for side in film.shape[1:]]
    top, left = (int(between(source, 0, whole - side + 1)) for whole, side in zip(film.shape[1:], sides, strict=True))
    part = film[None, :, top : top + sides[0], left : left + sides[1]]
    return functional.interpolate(part, size=film.shape[1:], mode="bilinear")[0]


def _shuffled(film: Tensor, source: Generator) -> Tensor:
    """Cut into equal tiles; what is left over at the end of a side stays where it is."""
    n = _TILES[int(torch.randint(len(_TILES), (), generator=source))]
    height, width = (side // n for side in film.shape[1:])
    order = torch.randperm(n * n, generator=source)
    out = film.clone()
    if height and width:
        part = (
            film[0, : n * height, : n * width]
            .reshape(n, height, n, width)
            .transpose(1, 2)
            .reshape(n * n, height, width)
        )
        tiles = part[order].reshape(n, n, height, width).transpose(1, 2)
        out[0, : n * height, : n * width] = tiles.reshape(n * height, n * width)
    return out


def _noise(film: Tensor, source: Generator) -> Tensor:
    spectrum = torch.fft.rfft2(film[0]).abs()
    phase = 2 * math.pi * torch.rand(spectrum.shape, generator=source)
    return unit(torch.fft.irfft2(torch.polar(spectrum, phase), s=film.shape[1:])[None, None])[0]


def _on_its_side(film: Tensor, source: Generator) -> Tensor:
    turned = film.rot90(1 if between(source, 0.0, 1.0) < 0.5 else -1, (1, 2))
    return functional.interpolate(turned[None], size=film.shape[1:], mode="bilinear")[0]


def _upside_down(film: Tensor, source: Generator) -> Tensor:
    return film.flip(1)


def _inverted(film: Tensor, source: Generator) -> Tensor:
    return 1 - film


_KINDS: tuple[Callable[[Tensor, Generator], Tensor], ...] = (
    _grey,
    _ramp,
    _ramp,
    _averaged,
    clouds,
    _leaves,
    _leaves,
    _leaves,
    _detail,
    _shuffled,
    _noise,
    _on_its_side,
    _upside_down,
    _upside_down,
    _inverted,
)
"""Each entry is equally likely; what is more easily taken for a chest is listed more than once [assumed]."""
