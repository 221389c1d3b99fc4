"""Collaborative filtering of groups of blocks, and the aggregation of what comes out: the two steps of BM3D."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from radbench_bm3d.matching import blocks_of, match, tiles
from radbench_bm3d.transforms import block_transform, haar, kaiser

if TYPE_CHECKING:
    from torch import Tensor

Shrink = Callable[..., "tuple[Tensor, Tensor]"]

TILES = {"cpu": (32, 8), "card": (64, 16)}
"""Side of a tile that is filtered at once, and of the parts of it that are matched at once, in reference blocks.

They bound the memory, whatever the image's size, and keep what is worked on in the processor's caches.
"""


@dataclass(frozen=True)
class Step:
    """The parameters of one step, in the paper's symbols; grey values are those of 8 bits.

    Attributes:
        transform: of blocks, "bior1.5" or "dct".
        block: side of a block in pixels, N1.
        group: how many blocks a group holds at most, a power of two, N2.
        step: pixels between reference blocks, N_step.
        window: side of the search window in pixels, odd, N_S.
        beta: of the Kaiser window.
        tau: the largest mean squared difference at which blocks match.
        lambda_2d: threshold of the coefficients before blocks are compared, in sigma; 0 compares the pixels.
        lambda_3d: threshold of a group's coefficients, in sigma.
    """

    transform: str
    block: int
    group: int
    step: int
    window: int
    beta: float
    tau: float
    lambda_2d: float = 0.0
    lambda_3d: float = 0.0


def hard_threshold(noisy: Tensor, step: Step, sigma: float) -> Tensor:
    """Return the basic estimate of an image (step 1).

    Args:
        noisy: float32 ``[H,W]``, grey values of 8 bits, at least a block wide and high.
        step: its parameters.
        sigma: standard deviation of the noise, in the same units.
    """

    def shrink(spectrum: Tensor) -> tuple[Tensor, Tensor]:
        kept = spectrum.abs() > step.lambda_3d * sigma
        # The group's mean is no noise, however dark it is.
        kept[0, :, 0] = True
        return spectrum * kept, kept.sum((0, 2)).to(spectrum.dtype)

    return _filter([noisy], noisy, step, sigma, shrink)


def wiener(noisy: Tensor, basic: Tensor, step: Step, sigma: float) -> Tensor:
    """Return the final estimate of an image from its basic one (step 2); arguments as of :func:`hard_threshold`."""

    def shrink(spectrum: Tensor, pilot: Tensor) -> tuple[Tensor, Tensor]:
        power = pilot.square_()
        gain = power.div_(power + sigma * sigma)
        gain[0, :, 0] = 1.0
        return spectrum.mul_(gain), gain.square().sum((0, 2))

    return _filter([noisy, basic], basic, step, sigma, shrink)


def mirrored(image: Tensor, side: int) -> Tensor:
    """Continue an image below and on the right by reflection until it is at least ``side`` pixels high and wide."""
    import torch

    for axis, length in enumerate(image.shape):
        if length < side:
            along = torch.arange(side, device=image.device) % (2 * length)
            image = image.index_select(axis, torch.minimum(along, 2 * length - 1 - along))
    return image


def _filter(images: list[Tensor], matched: Tensor, step: Step, sigma: float, shrink: Shrink) -> Tensor:
    """Group by ``matched``, shrink the spectra of the groups of ``images``, and aggregate.

    ``shrink`` takes spectra ``[K,R,N1^2]`` (K blocks in each of R groups), one of each image, and returns the first
    one shrunk and the noise variance that is left in each group, ``[R]``, in units of sigma^2.
    """
    import torch

    device, (height, width) = matched.device, matched.shape
    outer, inner = TILES["cpu" if device.type == "cpu" else "card"]
    radius, size = step.window // 2, step.block
    forward, backward = (torch.from_numpy(m).to(device, torch.float32) for m in block_transform(step.transform, size))
    window = torch.from_numpy(kaiser(size, step.beta)).to(device, torch.float32).view(-1, 1)
    backward = window * backward
    pad = (radius, radius, radius, radius)
    images = [torch.nn.functional.pad(image[None, None], pad)[0, 0] for image in images]
    matched = images[-1]
    allowed = torch.full((height - size + 1, width - size + 1), 0.0, device=device)
    allowed = torch.nn.functional.pad(allowed[None, None], pad, value=torch.inf)[0, 0]
    above, below = torch.zeros_like(matched), torch.zeros_like(matched)
    for tile in tiles(height, width, size, step.step, outer):
        tall, wide = tile.seen(radius)
        seen = (slice(tile.top, tile.top + tall + size - 1), slice(tile.left, tile.left + wide + size - 1))
        blocks = [blocks_of(image[seen], size) for image in images]
        spectra = [b @ forward.T for b in blocks]
        features = blocks[-1]
        if step.lambda_2d > 0:
            features = spectra[-1] * (spectra[-1].abs() > step.lambda_2d * sigma)
        found, enough = match(
            features,
            allowed[tile.top : tile.top + tall, tile.left : tile.left + wide].reshape(-1),
            tile,
            radius=radius,
            most=step.group,
            farthest=step.tau * size * size,
            part=inner,
        )
        estimates, weights = _shrink_groups(spectra, found, enough, shrink)
        estimates = backward @ estimates.T
        shape = (tall + size - 1, wide + size - 1)
        above[seen] += torch.nn.functional.fold(estimates[None], shape, size)[0, 0]
        below[seen] += torch.nn.functional.fold((window * weights)[None], shape, size)[0, 0]
    inside = (slice(radius, radius + height), slice(radius, radius + width))
    return above[inside] / below[inside]


def _shrink_groups(spectra: list[Tensor], found: Tensor, enough: Tensor, shrink: Shrink) -> tuple[Tensor, Tensor]:
    """Return for each position the weighted sum of the spectra estimated there ``[P,F]``, and of the weights ``[P]``.

    Summing spectra and going back to pixels once per position is the same, by linearity, as going back once per
    block of every group; sorting by position makes the order of the sum that of the groups, on every device.
    """
    import torch

    positions, features = spectra[0].shape
    kept, owners, weights = [], [], []
    size = 1
    while size <= found.shape[1]:
        last = size * 2 > found.shape[1]
        groups = ((enough >= size) & ((enough < 2 * size) | last)).nonzero()[:, 0]
        if groups.numel():
            where = found[groups, :size].T.reshape(-1)
            along = torch.from_numpy(haar(size)).to(spectra[0])
            gathered = [s.index_select(0, where).view(size, -1) for s in spectra]
            turned = [(along @ g).view(size, -1, features) for g in gathered]
            shrunk, left = shrink(*turned)
            kept.append((along.T @ shrunk.view(size, -1)).view(-1, features))
            owners.append(where)
            weights.append(left.reciprocal().repeat(size))
        size *= 2
    table, owner, weight = torch.cat(kept), torch.cat(owners), torch.cat(weights)
    owner, order = owner.sort(stable=True)
    starts = torch.searchsorted(owner, torch.arange(positions, device=owner.device))
    bag = torch.nn.functional.embedding_bag
    sums = bag(order, table, starts, mode="sum", per_sample_weights=weight[order])
    return sums, bag(order, weight[:, None], starts, mode="sum")[:, 0]
