"""The losses of the guided U-Net: details by the map of highest entropy, boundaries by the correlation of gradients."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from radbench.learn.batch import Batch
from radbench_guided.details import scaled
from radbench_guided.network import GuidedUnet

BINS = 256


def entropy(maps: Tensor) -> Tensor:
    """Shannon entropy of each map's histogram, in bits, after it is scaled to [0,1]: 256 bins.

    Args:
        maps: float ``[N,1,H,W]``.

    Returns:
        float64 ``[N]`` in [0,8]; 0 for a constant map.
    """
    levels = (scaled(maps.float()) * (BINS - 1)).round().long().flatten(1)
    # Counted in whole numbers, whose sums no order changes.
    counts = torch.zeros((len(levels), BINS), dtype=torch.int64, device=maps.device)
    counts.scatter_add_(1, levels, torch.ones_like(levels))
    shares = counts.double() / levels.shape[1]
    return -torch.special.xlogy(shares, shares).sum(1) / torch.log(shares.new_tensor(2.0))


@torch.no_grad()
def most_informative(maps: Tensor, images: Tensor) -> Tensor:
    """Return F of equation 8: of each image's maps the one of highest entropy, scaled to [0,1].

    [assumed] Maps in which dark and bright have changed places are turned round: what is dense stays bright.

    Args:
        maps: float ``[B,C,H,W]``, of the first layer.
        images: ``[B,1,H,W]``, what they were made from.

    Returns:
        float32 ``[B,1,H,W]``; it has no gradient, or the target would run after the result.
    """
    batch = len(maps)
    # One image after the other: the levels of all maps at once would be many times as large as the maps.
    values = torch.stack([entropy(one[:, None]) for one in maps])
    chosen = scaled(maps[torch.arange(batch, device=maps.device), values.argmax(1)][:, None].float())
    turned = (chosen - chosen.mean((2, 3), keepdim=True)) * (images - images.mean((2, 3), keepdim=True))
    return torch.where(turned.sum((1, 2, 3), keepdim=True) < 0, 1 - chosen, chosen)


def squares(made: Tensor, wanted: Tensor) -> Tensor:
    """Mean squared difference of each image ``[B,1,H,W]`` (Eq. 8): float32 ``[B]``."""
    return (made.float() - wanted.float()).square().flatten(1).mean(1)


def gradient_correlation(a: Tensor, b: Tensor) -> Tensor:
    """Equation 10: the mean of the correlations of two images' gradients, across and down.

    Equation 9 is printed with squares in its numerator; Penney et al. 1998, whom it cites, have the normalised
    cross-correlation, which is meant. Gradients are differences of neighbouring pixels [assumed].

    Args:
        a, b: float ``[B,1,H,W]``.

    Returns:
        float32 ``[B]`` in [-1,1]; a direction without gradients in either image counts 0.
    """
    return (_correlation(a.diff(dim=3), b.diff(dim=3)) + _correlation(a.diff(dim=2), b.diff(dim=2))) / 2


def _correlation(a: Tensor, b: Tensor) -> Tensor:
    x, y = (v.float().flatten(1) for v in (a, b))
    x, y = x - x.mean(1, keepdim=True), y - y.mean(1, keepdim=True)
    norms = torch.linalg.vector_norm(x, dim=1) * torch.linalg.vector_norm(y, dim=1)
    return (x * y).sum(1) / norms.clamp_min(torch.finfo(torch.float32).tiny ** 0.5)


@dataclass(frozen=True)
class GuidedLoss:
    """Equation 12: the feature loss and the boundary loss, weighted.

    Attributes:
        feature: "entropy" (Eq. 8), or "l2" against the round's image (Table II).
        boundary: "correlation" (Eq. 11), or "l2" against the details (Table II).
        feature_weight, boundary_weight: lambda 1 and 2.
    """

    feature: Literal["entropy", "l2"]
    boundary: Literal["correlation", "l2"]
    feature_weight: float
    boundary_weight: float

    def __call__(self, network: nn.Module, batch: Batch) -> Tensor:
        """Return the loss of each lesson, ``[B]``."""
        feature, boundary = self.both(network, batch)
        return self.feature_weight * feature + self.boundary_weight * boundary

    def both(self, network: nn.Module, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return both losses of each lesson, ``[B]``, without their weights."""
        assert isinstance(network, GuidedUnet)
        image, details = batch["image"], batch["details"]
        made, maps = network.with_maps(image, details)
        wanted = most_informative(maps, image) if self.feature == "entropy" else batch["original"]
        correlated = self.boundary == "correlation"
        boundary = 1 - gradient_correlation(made, details) if correlated else squares(made, details)
        return squares(made, wanted), boundary
