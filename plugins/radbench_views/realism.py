"""The task ``view-realism``: views rendered of real radiographs, of which nobody knows the truth."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import field_validator

from radbench.contracts.config import Config as BaseConfig
from radbench.contracts.config import local, param
from radbench.contracts.evidence import Features
from radbench.contracts.results import Sample, TaskContext
from radbench.contracts.specs import TaskSpec
from radbench_views.poses import ANGLES, checked, facet, poses

if TYPE_CHECKING:
    from torch import Tensor

    from radbench.contracts.evidence import Evidence
    from radbench_views.inception import Inception

FID = "fid"
RANDOM_FID = "frechet_random_inception"
"""What the distance is called where the network's weights are random: it is no FID."""


class ViewRealism:
    """Score the views that an enhancer renders of a real radiograph, taken as frontal (XraySyn, Table 1).

    - ``radiomic_frechet``: Fréchet distance of the new views to the radiographs themselves on fourteen radiomic
      features (:mod:`radbench_views.radiomics`), each in its deviation over the radiographs
      (:class:`radbench_views.standardised.StandardisedFrechet`). It needs no weights, and twenty patients or more.
    - ``fid``: the same, not standardised, on Inception-v3's last layer of 768 channels, as the paper has it; it is of
      use within one table alone. With random weights it is no FID, and is called ``frechet_random_inception``; the
      column ``task_pretrained`` says which.
    - ``psnr``, ``ssim``: of the radiograph as the enhancer renders it at its own view, on [0,1], data range 1.

    Who shows the radiograph itself from everywhere, bit for bit (``original``), has rendered nothing, which no distance
    could tell from perfect realism: it scores NaN, and so does the reconstruction of who hands the radiograph back.
    Realism says nothing of whether a view is the patient's: for that there is ``view-synthesis``.
    """

    class Config(BaseConfig):
        """From where, and what describes the views."""

        profiles: ClassVar[Mapping[str, Mapping[str, Any]]] = {"quick": {"pretrained": False}, "paper": {}}

        angles: tuple[float, ...] = param(
            ANGLES,
            "azimuths in degrees of the new views",
            source="paper: XraySyn, Implementation details, twenty from -9 to 9; code: in steps of 0.9",
        )
        pretrained: bool = param(
            True,
            "describe images by Inception-v3 with ImageNet's weights, from timm; false takes random weights",
            source="paper: XraySyn, Evaluation metrics; quick: no download",
        )
        weights: str = local(
            "",
            "a file to take Inception-v3's ImageNet weights from instead, whatever 'pretrained' says: timm's or "
            "torchvision's state dict, as .safetensors or .pth",
            source="assumed",
        )

        @field_validator("angles")
        @classmethod
        def _possible(cls, value: tuple[float, ...]) -> tuple[float, ...]:
            return checked(value)

    def __init__(self, config: ViewRealism.Config) -> None:
        self.config = config

    def fingerprint(self) -> str | None:
        """Return the digest of the file of weights as it first was, where one is given."""
        return self._digest

    @cached_property
    def _digest(self) -> str | None:
        file = Path(self.config.weights).expanduser()
        return hashlib.sha256(file.read_bytes()).hexdigest() if self.config.weights and file.is_file() else None

    @staticmethod
    def views(config: ViewRealism.Config) -> list[Any]:
        """Return the poses to render: the input's, then the others."""
        return poses(config.angles)

    def score(self, sample: Sample, context: TaskContext) -> Evidence:
        """Return reconstruction and features of one case.

        Raises:
            PretrainedWeightsError: ImageNet's weights are wanted and cannot be had.
        """
        import torch

        from radbench.metrics import psnr, ssim
        from radbench_views.radiomics import radiomic_features

        assert sample.views is not None
        image, views = sample.case.image.cpu()[None], sample.views.image.detach().cpu()
        again, new = views[:1], views[1:]
        copied, rendered = bool((again == image).all()), bool((new != image).any())
        name = fid_name(self.config)
        evidence: dict[str, Any] = {
            "psnr": math.nan if copied else float(psnr(again, image)[0]),
            "ssim": math.nan if copied else float(ssim(again, image)[0]),
            "radiomic_frechet": math.nan,
            name: math.nan,
        }
        if rendered:
            described = [torch.from_numpy(radiomic_features(one[0].numpy())).float() for one in (*new, image[0])]
            evidence["radiomic_frechet"] = Features(torch.stack(described[:-1]), torch.stack(described[-1:]))
            seen = self._inception.to(context.device)(torch.cat([new, image]).to(context.device)).cpu()
            evidence[name] = Features(seen[:-1], seen[-1:])
        return evidence

    @cached_property
    def _inception(self) -> Inception:
        from radbench_views.inception import Inception

        file = Path(self.config.weights).expanduser() if self.config.weights else None
        return Inception(pretrained=self.config.pretrained, weights=file)

    def show(self, sample: Sample, context: TaskContext) -> dict[str, Tensor]:
        """Return the radiograph, as it is reconstructed, and the outermost views: float32 ``[1,H,W]`` in [0,1]."""
        assert sample.views is not None
        views, angles = sample.views.image.detach().cpu(), self.config.angles
        outermost = {facet(a): views[1 + angles.index(a)] for a in dict.fromkeys((min(angles), max(angles)))}
        return {"radiograph": sample.case.image, "input view": views[0], **outermost}


def fid_name(config: ViewRealism.Config) -> str:
    """Return what the distance on Inception's layer is called."""
    return FID if config.pretrained or config.weights else RANDOM_FID


def spec_of_view_realism(spec: TaskSpec, config: BaseConfig, parts: Mapping[str, Any]) -> TaskSpec:
    """Return the spec: the distance on Inception's layer is called by what its weights are."""
    assert isinstance(config, ViewRealism.Config)
    name = fid_name(config)
    return replace(spec, metrics=tuple(replace(m, name=name) if m.name == FID else m for m in spec.metrics))
