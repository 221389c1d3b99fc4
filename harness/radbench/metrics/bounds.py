"""Bounds: the least and the greatest value that a metric can have, by its name."""

from __future__ import annotations

import math
from collections.abc import Mapping

UNBOUNDED = (-math.inf, math.inf)

BOUNDS: Mapping[str, tuple[float, float]] = {
    **dict.fromkeys(("dice", "jaccard", "precision", "recall"), (0.0, 1.0)),
    **dict.fromkeys(("ssim", "ms_ssim", "detail_correlation", "contrast_order"), (-1.0, 1.0)),
    **dict.fromkeys(("lpc_si", "clipped", "detail_kept", "gcnr"), (0.0, 1.0)),
    **dict.fromkeys(("cho_2afc", "cho_sensitivity", "cho_fpr"), (0.0, 1.0)),
    **dict.fromkeys(("mae", "mse", "rmse", "hd95_px", "assd_px"), (0.0, math.inf)),
    **dict.fromkeys(("noise_gain", "halo", "tone_residual_p99"), (0.0, math.inf)),
    "bone_suppression_ratio": (-math.inf, 1.0),
}
"""Of the metrics whose rows are means over cases, as each one's definition has it; PSNR, BRISQUE and CNR have none.

Errors have no upper end here: it depends on the scale that they are taken on (``mae_std05``).
"""


def bounds_of(name: str) -> tuple[float, float]:
    """Return the least and the greatest value of a metric, infinite where there is none or it is not known.

    A metric that is taken elsewhere or on another scale has the name with an ending, ``ssim_lung``, and the same
    bounds.
    """
    while name not in BOUNDS:
        name, ending, _ = name.rpartition("_")
        if not ending:
            return UNBOUNDED
    return BOUNDS[name]
