"""A rendered thorax: densities, labels, and the masks that follow from them; axes D inferior to superior, H anterior to
posterior, W the patient's right to left."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from radbench_phantom.thorax.labels import BONE_LABELS, LUNG_LABELS, Anatomy


@dataclass(frozen=True)
class Volume:
    """A rendered thorax.

    Attributes:
        hu: float32 ``[D,H,W]`` HU.
        labels: uint8 ``[D,H,W]`` of ``labels.Anatomy``.
        spacing_mm: (dz, dy, dx).
        findings: presence of every finding by name, in the order of ``labels.FINDINGS``.
        finding_masks: bool ``[D,H,W]`` of the findings that are there and take a place of their own.
        facts: what was drawn: sex, age, findings' sizes and ratings, devices, scan.
    """

    hu: Tensor
    labels: Tensor
    spacing_mm: tuple[float, float, float]
    findings: Mapping[str, bool]
    finding_masks: Mapping[str, Tensor]
    facts: Mapping[str, Any]

    @property
    def lung_mask(self) -> Tensor:
        """Both lungs with what lies in them: vessels, bronchi and lesions of the lung, not pleural fluid or air."""
        low, high = min(LUNG_LABELS), max(LUNG_LABELS)
        lungs = (self.labels >= low) & (self.labels <= high)
        for name in ("nodule", "mass", "consolidation", "atelectasis", "granuloma"):
            if name in self.finding_masks:
                lungs = lungs | self.finding_masks[name]
        return lungs

    @property
    def bone_mask(self) -> Tensor:
        """Ribs, vertebrae, sternum, clavicles, scapulae and humeri."""
        return (self.labels >= min(BONE_LABELS)) & (self.labels <= max(BONE_LABELS))

    @property
    def heart_mask(self) -> Tensor:
        """The heart with its chambers."""
        return self.labels == int(Anatomy.HEART)

    @property
    def nodule_mask(self) -> Tensor:
        """Nodules and masses."""
        none = torch.zeros(self.labels.shape, dtype=torch.bool, device=self.labels.device)
        return self.finding_masks.get("nodule", none) | self.finding_masks.get("mass", none)
