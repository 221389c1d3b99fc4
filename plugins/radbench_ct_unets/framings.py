"""The lungs found in several framings of a radiograph: the whole, the whole without each side, and the lungs alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

_SIDE = 0.1
"""Share of the radiograph that a framing lacks at one side [assumed]: less than training cuts away."""
_MARGIN = 0.06
"""Share of the radiograph that is shown round the lungs once they were found [assumed]."""


def framed(
    image: Tensor, size: int, logits_of: Callable[[Tensor], Tensor], found: Callable[[Tensor], Tensor]
) -> Tensor:
    """Return the mean of what is found in five framings, and of that and what is found in the box round it [assumed].

    Where a film ends tells a network where to look for lungs. What it makes up at one framing it seldom makes up at
    the others, and in the box round a pair of lungs they lie as in the films that it learnt from. Towards where a
    framing is cut off it counts less and less, so that no seam is left.

    Args:
        image: float32 ``[1,1,H,W]``, at its own size.
        size: S, side of what the network sees.
        logits_of: takes a part of the image ``[1,1,h,w]`` and returns its logits ``[1,1,S,S]``.
        found: takes logits ``[1,1,S,S]`` of the whole and returns the mask, bool of the same shape.

    Returns:
        float32 ``[1,1,S,S]``: logits of the whole.
    """
    side = max(1, round(_SIDE * size))
    whole = logits_of(image)
    total, count = whole.clone(), torch.ones_like(whole)
    for box in ((side, size, 0, size), (0, size - side, 0, size), (0, size, side, size), (0, size, 0, size - side)):
        _add(total, count, image, box, side, logits_of)
    mean = total / count
    mask = found(mean)[0, 0]
    if not bool(mask.any()):
        return mean
    margin = max(1, round(_MARGIN * size))
    (top, bottom), (left, right) = (_around(mask.any(axis), margin) for axis in (1, 0))
    total, count = mean.clone(), torch.ones_like(mean)
    _add(total, count, image, (top, bottom, left, right), margin, logits_of)
    return total / count


def _around(line: Tensor, margin: int) -> tuple[int, int]:
    """Return where the true part of a bool ``[S]`` begins and ends, with a margin."""
    places = torch.nonzero(line)
    return max(0, int(places[0]) - margin), min(len(line), int(places[-1]) + 1 + margin)


def _add(
    total: Tensor,
    count: Tensor,
    image: Tensor,
    box: tuple[int, int, int, int],
    soft: int,
    logits_of: Callable[[Tensor], Tensor],
) -> None:
    """Add what is found in a part of the image, whose box (top, bottom, left, right) is in the network's pixels."""
    size = total.shape[-1]
    lines = [
        _Line(first, last, side, size) for first, last, side in zip(box[::2], box[1::2], image.shape[2:], strict=True)
    ]
    rows, columns = lines
    part = logits_of(image[:, :, rows.pixels, columns.pixels])
    down, across = (line.places(part) for line in lines)
    grid = torch.stack(torch.broadcast_tensors(across[None, :], down[:, None]), dim=-1)[None]
    weight = rows.weights(part, soft)[:, None] * columns.weights(part, soft)[None, :]
    total += weight * functional.grid_sample(part, grid, padding_mode="border", align_corners=False)
    count += weight


@dataclass(frozen=True)
class _Line:
    """Where a part of an image lies along one axis: from ``first`` to ``last`` of ``size`` pixels of the network's.

    The image has ``side`` pixels there, and the part consists of whole ones, never of none.
    """

    first: int
    last: int
    side: int
    size: int

    @property
    def pixels(self) -> slice:
        return slice(self.first * self.side // self.size, -(-self.last * self.side // self.size))

    @property
    def ends(self) -> tuple[float, float]:
        """Where those pixels begin and end, in the network's."""
        return self.pixels.start * self.size / self.side, self.pixels.stop * self.size / self.side

    def places(self, like: Tensor) -> Tensor:
        """Return where the network's pixels lie in the part, ``[S]``, -1 at its beginning and 1 at its end."""
        begin, end = self.ends
        return (self._centres(like) - begin) * (2 / (end - begin)) - 1

    def weights(self, like: Tensor, soft: int) -> Tensor:
        """Return 1, falling to 0 over ``soft`` pixels where the part is cut off within the image, and 0 outside."""
        begin, end = self.ends
        centres, one = self._centres(like), torch.ones((), device=like.device)
        rise = one if begin <= 0 else (centres - begin) / soft
        fall = one if end >= self.size else (end - centres) / soft
        return torch.minimum(rise, fall).clamp(0.0, 1.0).expand(self.size)

    def _centres(self, like: Tensor) -> Tensor:
        return torch.arange(self.size, device=like.device, dtype=like.dtype) + 0.5
