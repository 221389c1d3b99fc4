"""What the classifier looked at: Grad-CAM (Selvaraju et al. 2017, ICCV, 618-626) over what it saw."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from radbench.contracts.errors import ConfigurationError

if TYPE_CHECKING:
    from radbench_cad.network import Classifier

_STRENGTH = 0.6
"""Share of the picture that the strongest place of a map takes."""


def grad_cam(network: Classifier, images: Tensor, finding: int) -> Tensor:
    """Return where a finding's logit came from (Eq. 1 and 2): the rectified sum of the last feature map's channels,
    each weighted by the mean of the logit's gradient on it.

    Args:
        network: in evaluation mode.
        images: float32 ``[B,C,S,S]`` in [0,1].
        finding: which logit.

    Returns:
        float32 ``[B,1,S,S]``, each from 0 to 1; 0 everywhere where nothing speaks for the finding.

    Raises:
        ConfigurationError: the network's last features are no map ``[B,D,h,w]``.
    """
    with torch.enable_grad():
        maps = network.features(images)
        if maps.ndim != 4:
            raise ConfigurationError(
                f"Grad-CAM needs a convolutional backbone, whose last features are a map; these are {list(maps.shape)}"
            )
        maps = maps.detach().requires_grad_()
        (slopes,) = torch.autograd.grad(network.head(maps)[:, finding].sum(), maps)
    found = (slopes.mean(dim=(2, 3), keepdim=True) * maps.detach()).sum(dim=1, keepdim=True).clamp_min(0)
    found = interpolate(found, images.shape[2:], mode="bilinear", align_corners=False)
    most = found.amax(dim=(2, 3), keepdim=True)
    return torch.where(most > 0, found / most.clamp_min(torch.finfo(torch.float32).tiny), 0.0)


def overlays(network: Classifier, image: Tensor, findings: Sequence[str]) -> dict[str, Tensor]:
    """Return what the network saw as "image", and over it each finding's map: float32 ``[3,S,S]`` in [0,1].

    Args:
        network: in evaluation mode.
        image: float32 ``[1,C,S,S]`` in [0,1]; of stacked channels, the enhanced one is shown.
        findings: the logits' names.

    Raises:
        ConfigurationError: as :func:`grad_cam`.
    """
    grey = image[0, -1:].expand(3, -1, -1).cpu()
    return {"image": grey} | {
        name: _over(grey, grad_cam(network, image, number)[0].cpu()) for number, name in enumerate(findings)
    }


def _over(grey: Tensor, found: Tensor) -> Tensor:
    """Lay a map ``[1,S,S]`` over a picture ``[3,S,S]``: from clear over orange to yellow, which colour-blind eyes tell
    from grey."""
    colour = torch.cat([torch.ones_like(found), 0.35 + 0.65 * found, torch.zeros_like(found)])
    share = _STRENGTH * found
    return grey * (1 - share) + colour * share
