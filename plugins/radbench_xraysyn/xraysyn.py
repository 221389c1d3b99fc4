"""xraysyn: 3DPN, which learns a volume from CT, and 2DRN, which refines its projections on real radiographs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from radbench.contracts.enhancement import Enhancement
from radbench.xray import Pose
from radbench_xraysyn.config import XraySynConfig
from radbench_xraysyn.dense import RefineNet
from radbench_xraysyn.networks import seeded
from radbench_xraysyn.priors import USUAL
from radbench_xraysyn.refining import Refinement, radiograph_lesson
from radbench_xraysyn.shown import Suppression, enhanced, on_grid, pooled, viewed
from radbench_xraysyn.simulating import lesson_of
from radbench_xraysyn.training import prior_job, prior_of

if TYPE_CHECKING:
    from radbench.contracts.learning import FitContext, Lessons
    from radbench.contracts.results import Sample


class XraySyn(nn.Module):
    """XraySyn of Peng et al. 2021: the radiograph without its bones, and from elsewhere.

    With two stages the first is a part, ``xraysyn[stage=1]``, trained once for all that refine it.

    Layers: ``bone_image`` and ``soft_tissue_image`` in [0,1]; ``bone_thickness`` and ``tissue_thickness`` in g/cm^2 of
    the cube of :mod:`radbench.xray.chest_cube`.
    """

    Config = XraySynConfig

    def __init__(self, config: XraySynConfig, parts: Any) -> None:
        super().__init__()
        self.config, self.volumes = config, parts.volumes
        self.prior = prior_of(config, "3dpn")
        self.network = self._network(0)
        self._facts: dict[str, str] = {}

    def _network(self, seed: int) -> nn.Module:
        config = self.config
        if config.stage == 1:
            return self.prior.network(seed)
        side = 2 * config.voxels
        return seeded(seed, lambda: RefineNet(side, config.blocks, config.layers, config.growth, config.meta))

    def lesson(self, sample: Sample, field: str = "trained_on") -> dict[str, Tensor] | None:
        """Return the CT as a cube to the first stage, the radiograph to the second."""
        if self.config.stage == 1:
            return lesson_of(sample, self.config.voxels)
        return radiograph_lesson(sample, 2 * self.config.voxels) if field == "refined_on" else None

    def fit(self, lessons: Lessons, context: FitContext) -> None:
        """Train 3DPN on CT; or 2DRN on radiographs, with the first stage as it is.

        Raises:
            TrainingError: a loss is not finite, or one lesson does not fit into memory.
        """
        config = self.config
        if config.stage == 1:
            self.network = self._network(context.seed).to(context.device)
            job = prior_job(config, self.prior, "3DPN")
            self._facts = job.learn(self.network, lessons.train, lessons.validation, context)
            return
        self.network = self._network(context.seed).to(context.device)
        refinement = Refinement(config, self.first)
        self._facts = refinement.learn(self.network, lessons["refined_on"], context)

    def facts(self) -> dict[str, str]:
        """Return, after :meth:`fit`, how the training went, for people."""
        return self._facts

    @property
    def first(self) -> XraySyn:
        """The first stage."""
        return self if self.volumes is None else self.volumes.object

    @torch.no_grad()
    def masses(self, radiographs: Tensor, poses: Sequence[Pose]) -> Tensor:
        """Estimate bone and tissue in g/cm^3, ``[B,2,n,n,n]``, from radiographs ``[B,1,n,n]``; the first stage's."""
        shown = self.prior.shown(radiographs, poses)
        return self.prior.masses(self.prior.found(self.network, shown, radiographs, poses))

    def enhance(self, images: Tensor) -> Enhancement:
        """Enhance float32 ``[B,1,H,W]`` in [0,1] by Algorithm 1."""
        suppression = Suppression(self.config.mode, self.config.strength, self.config.greys == "fitted")
        return enhanced(images, self._rendered, suppression)

    def views(self, images: Tensor, poses: Sequence[Pose]) -> Enhancement:
        """Render float32 ``[B,1,H,W]`` at poses; every tensor ``[B,V,1,H,W]``."""
        return viewed(images, self._rendered, poses, self.config.greys == "fitted")

    def _rendered(self, image: Tensor, poses: Sequence[Pose]) -> tuple[Tensor, Tensor | None]:
        large = on_grid(image, 2 * self.config.voxels)
        masses = self.first.masses(pooled(large), [Pose()])
        # View by view, so that no number of views takes more memory, or changes a bit of another.
        seen = [self._seen(masses, pose, large) for pose in poses]
        thicknesses = torch.cat(seen)
        return self.prior.darkening(thicknesses), thicknesses

    def _seen(self, masses: Tensor, pose: Pose, large: Tensor) -> Tensor:
        thicknesses = self.prior.thicknesses(masses, [pose])
        if self.config.stage == 1:
            return thicknesses
        usual = thicknesses.new_tensor(USUAL)[:, None, None]
        return self.network((thicknesses / usual)[:, None], large)[:, 0] * usual
