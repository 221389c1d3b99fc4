"""Image-quality, fidelity and overlap metrics: batched torch, one score per image (floor 2).

Every image metric takes float32 or float64 ``[B,1,H,W]`` whose values lie in ``[0, data_range]`` and gives float64
``[B]`` on the device of its input. It computes in float64 and sums in a fixed order, so that neither the batch nor
the number of threads changes a bit of a score. Mask metrics take bool ``[B,1,H,W]``.

An image with NaN or infinite pixels scores NaN and leaves the others alone. Constant, tiny and empty inputs have the
answers that each function documents; wrong shapes, types and ranges are a ValueError.

This package imports torch only when a metric is first asked for; the names and directions are in
:mod:`radbench.metrics.specs`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from radbench.on_demand import on_demand

if TYPE_CHECKING:
    from radbench.metrics.fidelity import mae, mse, psnr, rmse
    from radbench.metrics.natural_scene import brisque
    from radbench.metrics.overlap import dice, jaccard, precision, recall
    from radbench.metrics.phase_coherence import lpc_si
    from radbench.metrics.structure import ms_ssim, ssim
    from radbench.metrics.surface import assd_px, hd95_px

_ROOMS = {
    "brisque": "natural_scene",
    "lpc_si": "phase_coherence",
    "psnr": "fidelity",
    "mae": "fidelity",
    "mse": "fidelity",
    "rmse": "fidelity",
    "ssim": "structure",
    "ms_ssim": "structure",
    "dice": "overlap",
    "precision": "overlap",
    "recall": "overlap",
    "jaccard": "overlap",
    "hd95_px": "surface",
    "assd_px": "surface",
}

__all__ = [
    "assd_px",
    "brisque",
    "dice",
    "hd95_px",
    "jaccard",
    "lpc_si",
    "mae",
    "ms_ssim",
    "mse",
    "precision",
    "psnr",
    "recall",
    "rmse",
    "ssim",
]

__getattr__, __dir__ = on_demand(__name__, _ROOMS)
