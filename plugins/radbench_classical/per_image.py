"""Applying a NumPy function to each image of a batch by itself, so that no batch changes a bit."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor

Image = NDArray[np.float32]


def per_image(images: Tensor, function: Callable[[Image], NDArray[np.floating]]) -> Tensor:
    """Return the function of every image, clipped to [0,1].

    A constant image, one of a single pixel among them, has no contrast to enhance: it is returned as it is,
    and the function is not asked (histogram equalisation would divide by zero).

    Args:
        images: float32 ``[B,1,H,W]`` in [0,1].
        function: float32 ``[H,W]`` to ``[H,W]``.

    Returns:
        float32 ``[B,1,H,W]`` in [0,1], on the device of ``images``.
    """
    import torch

    out = np.empty(tuple(images.shape), dtype=np.float32)
    for i, image in enumerate(images.detach().cpu().numpy()[:, 0]):
        out[i, 0] = image if image.size == 0 or image.min() == image.max() else function(image.copy())
    return torch.from_numpy(out.clip(0.0, 1.0)).to(images.device)
