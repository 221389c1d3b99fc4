"""The lungs found in several framings of a radiograph: the whole, the whole without each side, and the lungs alone."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from radbench.learn.batch import resized

_SIDE = 0.1
"""Share of the radiograph that a framing lacks at one side [assumed]: less than training cuts away."""
_MARGIN = 0.06
"""Share of the radiograph that is shown round the lungs once they were found [assumed]."""


def framed(
    image: Tensor, size: int, logits_of: Callable[[Tensor], Tensor], found: Callable[[Tensor], Tensor]
) -> Tensor:
    """Return the mean of what is found in five framings, and of that and what is found in the box round it [assumed].

    Where a film ends tells a network where to look for lungs. What it makes up at one framing it seldom makes up at
    the others, and in the box round the lungs they lie as in the films that it learnt from.

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
        _add(total, count, image, box, logits_of)
    mean = total / count
    mask = found(mean)[0, 0]
    if not bool(mask.any()):
        return mean
    margin = round(_MARGIN * size)
    (top, bottom), (left, right) = (_around(mask.any(axis), margin) for axis in (1, 0))
    total, count = mean.clone(), torch.ones_like(mean)
    _add(total, count, image, (top, bottom, left, right), logits_of)
    return total / count


def _around(line: Tensor, margin: int) -> tuple[int, int]:
    """Return where the true part of a bool ``[S]`` begins and ends, with a margin."""
    places = torch.nonzero(line)
    return max(0, int(places[0]) - margin), min(len(line), int(places[-1]) + 1 + margin)


def _add(
    total: Tensor, count: Tensor, image: Tensor, box: tuple[int, int, int, int], logits_of: Callable[[Tensor], Tensor]
) -> None:
    """Add what is found in a part of the image, whose box (top, bottom, left, right) is in the network's pixels."""
    (height, width), size = image.shape[2:], total.shape[-1]
    top, bottom, left, right = box
    # Whole pixels of the image, and never none of them.
    rows = slice(top * height // size, -(-bottom * height // size))
    columns = slice(left * width // size, -(-right * width // size))
    part = resized(logits_of(image[:, :, rows, columns]), (bottom - top, right - left))
    total[:, :, top:bottom, left:right] += part
    count[:, :, top:bottom, left:right] += 1
