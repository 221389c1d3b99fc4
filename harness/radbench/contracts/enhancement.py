"""Enhancement: what an enhancer returns; and the protocol of an enhancer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from torch import Tensor

THICKNESSES = frozenset({"bone_thickness", "tissue_thickness"})
"""Layers that are lengths in cm along the ray, from 0 on; all others lie in [0,1]."""

LAYERS = THICKNESSES | {
    "lung_mask",
    "lung_field_mask",
    "aerated_lung_mask",
    "lung_image",
    "bone_image",
    "bone_mask",
    "soft_tissue_image",
    "heart_mask",
    "nodule_mask",
    "denoised",
    "enhanced",
    "details",
    "base",
    "preprocessed",
}
"""What an enhancer may offer beside the image, named like the target that each is judged against."""


@dataclass(frozen=True)
class Enhancement:
    """The enhanced images and whatever else the enhancer can give.

    Attributes:
        image: float32 ``[B,1,H,W]`` in [0,1], the size of the input; of rendered views ``[B,V,1,H,W]``.
        layers: float32 of the image's shape by name (:data:`LAYERS`).
    """

    image: Tensor
    layers: Mapping[str, Tensor] = field(default_factory=dict)


class Enhancer(Protocol):
    """What a class behind an EnhancerSpec offers; a plain function does as well.

    It is built from its configuration, ``Class(config)``, or ``Class(config, parts)`` where that names other parts
    (``parts.FIELD`` is called like a function, with the images). Before it is called, the harness seeds every random
    state, moves it to the device, sets evaluation mode and turns gradients off; who needs them turns them on.

    Optional: a parameter ``cases`` of ``enhance`` receives ``Sequence[CaseInfo]``; ``views(images, poses)`` renders
    (:class:`Renderer`); ``fingerprint()`` gives a digest of what lies in its local folders; ``fit`` and what goes with
    it makes it a learner (:class:`radbench.contracts.Learner`).
    """

    def enhance(self, images: Tensor) -> Enhancement | Tensor:
        """Enhance float32 ``[B,1,H,W]`` in [0,1]; never in place."""
        ...


class Renderer(Enhancer, Protocol):
    """An enhancer that shows the patient from elsewhere."""

    def views(self, images: Tensor, poses: Sequence[Any]) -> Enhancement:
        """Render float32 ``[B,1,H,W]`` at poses (:class:`radbench.xray.Pose`); every tensor ``[B,V,1,H,W]``."""
        ...
