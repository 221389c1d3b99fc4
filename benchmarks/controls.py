"""Damage of known strength as enhancers: what a score of image quality ought not to reward, and which does.

    bench run --plugin benchmarks/controls.py --enhancer original,damage-noise,damage-blur --task image-quality

Each is one plain function with one strength; 0 leaves the image as it is. ``benchmarks/metric_audit.py`` draws the
dose-response curves of all metrics over them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from radbench import EnhancerSpec, hookimpl

if TYPE_CHECKING:
    from torch import Tensor


@hookimpl
def radbench_enhancers() -> list[EnhancerSpec]:
    """Offer the damages."""
    told = {
        "noise": "White Gaussian noise",
        "sharpen": "Unsharp masking without measure",
        "clip": "Contrast stretched until both ends are clipped",
        "compress": "An S-shaped tone curve, which moves no order of grey levels",
        "blur": "A Gaussian blur",
    }
    return [
        EnhancerSpec(
            name=f"damage-{name}",
            factory=f"controls:{name}",
            summary=f"Control of known damage: {text}",
            draws=name == "noise",
        )
        for name, text in told.items()
    ]


def noise(images: Tensor, deviation: float = 8.0) -> Tensor:
    """Add white Gaussian noise, ``deviation`` grey levels of 255."""
    import torch

    return (images + deviation / 255.0 * torch.randn_like(images)).clamp(0, 1)


def sharpen(images: Tensor, amount: float = 2.0, sigma: float = 2.0) -> Tensor:
    """Add ``amount`` times what a Gaussian of ``sigma`` pixels takes away."""
    return (images + amount * (images - blur(images, sigma))).clamp(0, 1)


def clip(images: Tensor, share: float = 0.05) -> Tensor:
    """Stretch each image so that ``share`` of its pixels lie at or beyond either end."""
    import torch

    flat = images.flatten(1).double()
    low, high = (torch.quantile(flat, q, dim=1)[:, None, None, None] for q in (share, 1.0 - share))
    stretched = (images.double() - low) / (high - low).clamp_min(1e-12)
    return images if share == 0 else stretched.clamp(0, 1).to(images.dtype)


def compress(images: Tensor, slope: float = 8.0) -> Tensor:
    """Push grey levels to both ends by a logistic curve through the image's median, ``slope`` at it, spread over [0,1].

    It rises strictly: the order of the grey levels stays, and so does what they tell.
    """
    if slope == 0:
        return images
    middle = images.flatten(1).median(dim=1).values[:, None, None, None].double()
    found, black, white = ((slope * (level - middle)).sigmoid() for level in (images.double(), 0.0, 1.0))
    return ((found - black) / (white - black)).clamp(0, 1).to(images.dtype)


def blur(images: Tensor, sigma: float = 2.0) -> Tensor:
    """Blur by a Gaussian of ``sigma`` pixels; beyond the border the image goes on as it ends."""
    import torch
    from scipy.ndimage import gaussian_filter

    planes = [gaussian_filter(image[0].cpu().double().numpy(), sigma, mode="nearest") for image in images]
    return torch.stack([torch.from_numpy(plane)[None] for plane in planes]).to(images)
