"""null: what tone alone would do of what an enhancer does, the control that stands beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from radbench.contracts.config import Config, PartName, part
from radbench.contracts.enhancement import Enhancement

if TYPE_CHECKING:
    from torch import Tensor

    from radbench.contracts.specs import EnhancerSpec


def null(
    images: Tensor,
    of: PartName = part("enhancer", description="the enhancer that this is the control of"),  # noqa: B008
) -> Enhancement:
    """Show each image in the grey levels that an enhancer gives it, and in nothing else of what it does.

    Of all monotone grey maps of the original it takes the one that comes nearest to the enhanced image
    (:func:`radbench.metrics.tone.monotone_map`: isotonic regression, each image by itself). It has no more structure
    than the original: pixels of one level keep one level, and their order stays. What this achieves of an enhancer's
    score is due to tone. Where a falling map comes nearer (the enhancer inverts) the falling one is taken, for that is
    tone, too.

    Args:
        images: float32 ``[B,1,H,W]`` in [0,1].
        of: the enhancer.

    Returns:
        The images, within the range of the enhanced ones. No layers: a tone curve finds none.
    """
    import torch

    from radbench.metrics.tone import monotone_map

    planes = []
    for original, enhanced in zip(images, of(images).image, strict=True):
        toned = monotone_map(original[0].cpu().numpy(), enhanced[0].cpu().numpy())
        planes.append(torch.from_numpy(toned).to(images.dtype)[None])
    return Enhancement(torch.stack(planes).to(images.device) if planes else images)


def spec_of_null(spec: EnhancerSpec, config: Config, parts: Mapping[str, Any]) -> EnhancerSpec:
    """Return the spec of a null: the modality of the enhancer that it is the control of, and none of its layers."""
    return replace(spec, modality=parts["of"].modality)
