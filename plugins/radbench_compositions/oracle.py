"""oracle: a truth that no enhancer knows, added to the image: a control of what a task can notice at all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pydantic import field_validator

from radbench.contracts.case import IMAGE_TARGETS, MASK_TARGETS
from radbench.contracts.config import Config as BaseConfig
from radbench.contracts.config import PartName, param, part
from radbench.contracts.errors import CaseError

if TYPE_CHECKING:
    from torch import Tensor

    from radbench.contracts.case import CaseInfo
    from radbench.contracts.specs import DatasetSpec, EnhancerSpec


class Oracle:
    """Adds to every image what is true of it, or shows that alone.

    It is no enhancer, for it looks up the case by its id in the data set: what a task gives for it is a bound on what
    this truth could be worth, and a task that does not notice it notices nothing.
    """

    class Config(BaseConfig):
        """Which truth, and how much of it."""

        of: PartName = part(
            "dataset",
            needs=lambda config: (config.truth,),
            description="the data set that is scored: cases are matched by their id, and must have the same image",
        )
        truth: str = param("lung_image", "the target that is shown: an image or a mask", source="assumed")
        weight: float = param(
            1.0,
            "how often it is added to the image before the sum is scaled to [0,1]; 0: it is shown alone",
            source="assumed: as lung-unet and bone-unet add their layers",
            ge=0.0,
            le=100.0,
        )

        @field_validator("truth")
        @classmethod
        def _picture(cls, value: str) -> str:
            if value not in IMAGE_TARGETS | MASK_TARGETS:
                raise ValueError(f"must be one of {', '.join(sorted(IMAGE_TARGETS | MASK_TARGETS))}; got '{value}'")
            return value

    def __init__(self, config: Config, parts: Any) -> None:
        self.config, self.dataset = config, parts.of

    def enhance(self, images: Tensor, cases: Sequence[CaseInfo]) -> Tensor:
        """Return the images with their truth.

        Args:
            images: float32 ``[B,1,H,W]`` in [0,1].
            cases: their identities.

        Returns:
            float32 ``[B,1,H,W]`` in [0,1].

        Raises:
            CaseError: the data set has no such case, or it is another one than the image given.
        """
        import torch

        return torch.stack([self._one(image, case) for image, case in zip(images, cases, strict=True)])

    def _one(self, image: Tensor, case: CaseInfo) -> Tensor:
        import torch

        known = self.dataset.load(case.case_id)
        if not torch.equal(known.image, image.cpu()):
            raise CaseError(
                f"the image given as case '{case.case_id}' is not that case's original in the data set that oracle "
                "looks into: name the data set that is scored, and let nothing stand before oracle in a chain"
            )
        truth = known.targets[self.config.truth].to(image)
        if not self.config.weight:
            return truth
        both = image + self.config.weight * truth
        low, high = both.min(), both.max()
        return (both - low) / (high - low) if float(high) > float(low) else image


def spec_of_oracle(spec: EnhancerSpec, config: BaseConfig, parts: Mapping[str, Any]) -> EnhancerSpec:
    """Return the spec: the modality of the data set."""
    below: DatasetSpec = parts["of"]
    return replace(spec, modality=below.modality)
