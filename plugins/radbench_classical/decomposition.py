"""Edge-preserving decomposition into a base and details, and their recombination: wls."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated

from radbench.contracts.config import param
from radbench.contracts.enhancement import Enhancement

if TYPE_CHECKING:
    from torch import Tensor


def wls(
    images: Tensor,
    *,
    lam_fine: Annotated[
        float,
        param(
            description="smoothing of the layer that the fine details are the difference to",
            source="code of Farbman et al. 2008: 0.125",
            ge=0.0,
        ),
    ] = 0.125,
    lam: Annotated[
        float,
        param(description="smoothing of the base, lambda", source="paper guided U-Net §III-A: 0.8", ge=0.0),
    ] = 0.8,
    alpha: Annotated[
        float,
        param(
            description="sensitivity to gradients; larger keeps edges sharper",
            source="assumed: the low end of guided U-Net's 1.2 to 2.0, and the released code's value",
            gt=0.0,
            le=10.0,
        ),
    ] = 1.2,
    epsilon: Annotated[
        float,
        param(description="added to the gradients", source="paper guided U-Net Eq. 4: 0.0001", gt=0.0),
    ] = 1e-4,
    log_offset: Annotated[
        float,
        param(description="added to the image before its logarithm is taken", source="assumed", gt=0.0),
    ] = 1e-4,
    fine: Annotated[
        float,
        param(
            description="boost of the fine details: they are multiplied by about fine/4; 0 leaves them",
            source="assumed: the released code shows 25 on photographs, which lifts the noise of radiographs",
            ge=0.0,
            le=200.0,
        ),
    ] = 8.0,
    medium: Annotated[
        float,
        param(
            description="boost of the medium details, likewise",
            source="assumed: the released code shows 40 on photographs, which clips a fifth of a radiograph",
            ge=0.0,
            le=200.0,
        ),
    ] = 12.0,
    coarse: Annotated[
        float,
        param(
            description="boost of the base's contrast around the pivot, likewise",
            source="assumed: the released code shows 15 on photographs, which burns out the mediastinum",
            ge=0.0,
            le=200.0,
        ),
    ] = 0.0,
    pivot: Annotated[
        float,
        param(
            description="grey value that a boost of the base leaves",
            source="code of Farbman et al. 2008: lightness 56 of 100",
            ge=0.0,
            le=1.0,
        ),
    ] = 0.56,
) -> Enhancement:
    """Split into base, medium and fine details by WLS smoothing, boost each, and add them up.

    Farbman et al. 2008, section 4.1: pivot + S(coarse, base - pivot) + S(medium, d2) + S(fine, d1), where d1 is
    the image less its fine smoothing, d2 that less the base, and S a sigmoid that keeps 0 and +-0.5. The grey
    value stands for the paper's lightness. Both smoothings take their weights from the image.

    A constant image is its own base, has no details, and comes back as it is unless ``coarse`` is set.

    Args:
        images: float32 ``[B,1,H,W]`` in [0,1].
        lam_fine, lam, alpha, epsilon, log_offset: see :func:`radbench.imaging.wls.smooth`.
        fine, medium, coarse, pivot: see the configuration.

    Returns:
        The sum, clipped to [0,1]; layers ``base``, and ``details`` = 0.5 + (image - base) / 2, so that 0.5 is no
        detail.
    """
    from radbench.imaging.wls import affinities, solve

    weights = affinities(images, alpha=alpha, epsilon=epsilon, log_offset=log_offset)
    smoothed, base = solve(images, weights, lam_fine), solve(images, weights, lam)
    boosted = pivot + boost(base - pivot, coarse) + boost(smoothed - base, medium) + boost(images - smoothed, fine)
    return Enhancement(
        image=boosted.clamp(0.0, 1.0),
        layers={"base": base.clamp(0.0, 1.0), "details": (0.5 + 0.5 * (images - base)).clamp(0.0, 1.0)},
    )


def boost(details: Tensor, strength: float) -> Tensor:
    """Return a sigmoid of the details that keeps 0 and +-0.5 and has slope about strength/4 at 0.

    Args:
        details: float, in [-1,1].
        strength: 0 returns the details.
    """
    import torch

    if strength == 0.0:
        return details
    # tanh(x/2) is twice the shifted logistic function, without its cancellation near 0.
    return torch.tanh(details * (strength / 2.0)) * (0.5 / math.tanh(strength / 4.0))
