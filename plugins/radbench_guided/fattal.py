"""Detail manipulation at three scales, as the demonstration of Farbman et al. 2008 has it: fattal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal, NamedTuple

from radbench.contracts.config import param
from radbench.contracts.enhancement import Enhancement

if TYPE_CHECKING:
    from torch import Tensor

_MIDDLE = 56.0 / 100.0
_LOG_OFFSET = 1e-4 / 100.0
"""The demonstration adds 0.0001 to a lightness of 0 to 100 before it takes the logarithm."""


class _Recipe(NamedTuple):
    """Strengths of the sigmoids for fine details, medium details and the base, and the exposure of the base."""

    fine: float
    medium: float
    base: float
    exposure: float


_RECIPES = {
    "fine": _Recipe(25.0, 1.0, 1.0, 1.0),
    "medium": _Recipe(1.0, 40.0, 1.0, 1.0),
    "coarse": _Recipe(4.0, 1.0, 15.0, 1.1),
}
"""[code of Farbman et al. 2008]."""


def fattal(
    images: Tensor,
    *,
    variant: Annotated[
        Literal["combined", "fine", "medium", "coarse"],
        param(
            description="which scale is boosted; combined is the mean of the three pictures",
            source="code of Farbman et al. 2008",
        ),
    ] = "combined",
    lam_fine: Annotated[
        float,
        param(
            description="smoothing of the layer that fine details are the difference to, lambda",
            source="code of Farbman et al. 2008: 0.125",
            ge=0.0,
        ),
    ] = 0.125,
    lam: Annotated[
        float, param(description="smoothing of the base, lambda", source="code of Farbman et al. 2008: 0.5", ge=0.0)
    ] = 0.5,
    alpha: Annotated[
        float, param(description="sensitivity to gradients", source="code of Farbman et al. 2008", gt=0.0, le=10.0)
    ] = 1.2,
    epsilon: Annotated[
        float, param(description="added to the gradients", source="code of Farbman et al. 2008", gt=0.0)
    ] = 1e-4,
) -> Enhancement:
    """Boost the details of the lightness by the demonstration's sigmoids (§4.1): the guided U-Net paper's "Fattal".

    With L the lightness of CIELAB, L0 and L1 its two smoothings: S(e L1 - 56) + 56 + S(L0 - L1) + S(L - L0). ``wls``
    has the same decomposition of the grey values themselves, with milder boosts and another lambda for the base.

    Args:
        images: float32 ``[B,1,H,W]`` in [0,1]; grey as sRGB with three equal channels.
        variant, lam_fine, lam, alpha, epsilon: see the configuration.

    Returns:
        The picture in [0,1]; layers ``base``, the grey of L1, and ``details`` = 0.5 + (L - L1) / 200.
    """
    import torch

    # One by one: a power may round otherwise at another place of a batch.
    each = [_shown(image[None], variant, lam_fine, lam, alpha, epsilon) for image in images]
    layers = {name: torch.cat([one.layers[name] for one in each]) for name in each[0].layers}
    return Enhancement(torch.cat([one.image for one in each]), layers)


def _shown(images: Tensor, variant: str, lam_fine: float, lam: float, alpha: float, epsilon: float) -> Enhancement:
    from radbench.imaging.wls import affinities, solve

    light = lightness(images)
    weights = affinities(light, alpha=alpha, epsilon=epsilon, log_offset=_LOG_OFFSET)
    smoothed, base = solve(light, weights, lam_fine), solve(light, weights, lam)
    fine, medium = light - smoothed, smoothed - base
    names = tuple(_RECIPES) if variant == "combined" else (variant,)
    pictures = [_picture(fine, medium, base, _RECIPES[name]) for name in names]
    image = sum(pictures[1:], pictures[0]) / len(pictures)
    return Enhancement(image, {"base": grey(base), "details": (0.5 + 0.5 * (light - base)).clamp(0.0, 1.0)})


def _picture(fine: Tensor, medium: Tensor, base: Tensor, recipe: _Recipe) -> Tensor:
    boosted = sigmoid(recipe.exposure * base - _MIDDLE, recipe.base) + _MIDDLE
    return grey(boosted + sigmoid(medium, recipe.medium) + sigmoid(fine, recipe.fine))


def sigmoid(values: Tensor, strength: float) -> Tensor:
    """Return the demonstration's sigmoid, which keeps 0 and +-0.5 and has slope about strength/4 at 0.

    Args:
        values: float, in [-1,1].
        strength: above 0; 1 is nearly the identity.
    """
    import math

    import torch

    # tanh(x/2) is twice the shifted logistic function, without its cancellation near 0.
    return torch.tanh(values * (strength / 2.0)) * (0.5 / math.tanh(strength / 4.0))


def lightness(images: Tensor) -> Tensor:
    """Return L of CIELAB over 100, in [0,1], of grey values in [0,1] read as sRGB."""
    import torch

    linear = torch.where(images > 0.04045, ((images.clamp_min(0.0) + 0.055) / 1.055).pow(2.4), images / 12.92)
    root = torch.where(linear > (6 / 29) ** 3, linear.clamp_min(1e-12).pow(1 / 3), linear * (29 / 6) ** 2 / 3 + 4 / 29)
    return (1.16 * root - 0.16).clamp(0.0, 1.0)


def grey(light: Tensor) -> Tensor:
    """Return the grey value in [0,1] of a lightness over 100; what lies outside is cut off."""
    import torch

    root = (light.clamp(0.0, 1.0) + 0.16) / 1.16
    linear = torch.where(root > 6 / 29, root.pow(3), (root - 4 / 29) * 3 * (6 / 29) ** 2).clamp(0.0, 1.0)
    return torch.where(linear > 0.0031308, 1.055 * linear.clamp_min(1e-12).pow(1 / 2.4) - 0.055, linear * 12.92).clamp(
        0.0, 1.0
    )
