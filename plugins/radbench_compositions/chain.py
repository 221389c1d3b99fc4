"""chain: enhancers one after the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from radbench.contracts.config import Config, PartNames, parts
from radbench.contracts.enhancement import Enhancement
from radbench.contracts.errors import ConfigurationError

if TYPE_CHECKING:
    from torch import Tensor

    from radbench.contracts.specs import EnhancerSpec


def chain(
    images: Tensor,
    of: PartNames = parts("enhancer", description="enhancers in the order in which they are applied"),  # noqa: B008
) -> Enhancement:
    """Apply enhancers in order, each to the image of the one before.

    Each learns, where it does, from the source that it names itself, not from what the one before gives.

    Args:
        images: float32 ``[B,1,H,W]`` in [0,1].
        of: the enhancers.

    Returns:
        The last one's image and everyone's layers; where two offer a layer of one name, the later one's.
    """
    layers: dict[str, Tensor] = {}
    for enhancer in of:
        step = enhancer(images)
        images, layers = step.image, {**layers, **step.layers}
    return Enhancement(images, layers)


def spec_of_chain(spec: EnhancerSpec, config: Config, parts: Mapping[str, Any]) -> EnhancerSpec:
    """Return the spec of a chain: the modality and the layers of its parts.

    Raises:
        ConfigurationError: two of them are for different modalities.
    """
    below: Sequence[EnhancerSpec] = parts["of"]
    modalities = dict.fromkeys(one.modality for one in below if one.modality != "any")
    if len(modalities) > 1:
        told = ", ".join(f"'{one.name}' is for {one.modality}" for one in below if one.modality != "any")
        raise ConfigurationError(f"chain: its parts are for different modalities: {told}")
    layers = tuple(dict.fromkeys(layer for one in below for layer in one.layers))
    return replace(spec, modality=next(iter(modalities), "any"), layers=layers)
