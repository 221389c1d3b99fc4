"""The paper's alternatives to 3DPN: x2ct, 3dpn-drr and 2d-refiner."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

import torch
from torch import Tensor, nn

from radbench.contracts.enhancement import Enhancement
from radbench.learn.batch import Batch
from radbench.learn.draws import Draws
from radbench.xray import Pose, scale_to_unit
from radbench_xraysyn.config import DrrConfig, RefinerConfig, X2CtConfig
from radbench_xraysyn.dense import ViewNet
from radbench_xraysyn.networks import Shape, seeded
from radbench_xraysyn.priors import Prior, Simulated, poses_of
from radbench_xraysyn.shown import Suppression, enhanced, on_grid, pooled, reconstructed, viewed
from radbench_xraysyn.simulating import Job, lesson_of
from radbench_xraysyn.training import prior_job, prior_of

if TYPE_CHECKING:
    from radbench.contracts.learning import FitContext, Lessons
    from radbench.contracts.results import Sample


class _OfVolume(nn.Module):
    """What x2ct and 3dpn-drr share: a volume found by a network that learns on CT, and its views."""

    kind: ClassVar[Literal["x2ct", "drr"]]
    title: ClassVar[str]

    def __init__(self, config: X2CtConfig | DrrConfig) -> None:
        super().__init__()
        self.config = config
        self.prior = prior_of(config, self.kind)
        self.network = self.prior.network(0)
        self._facts: dict[str, str] = {}

    def lesson(self, sample: Sample) -> dict[str, Tensor]:
        """Return the CT as a cube."""
        return lesson_of(sample, self.config.voxels)

    def fit(self, lessons: Lessons, context: FitContext) -> None:
        """Train on CT (Eq. 9), or on CT and its DRRs."""
        self.network = self.prior.network(context.seed).to(context.device)
        job = prior_job(self.config, self.prior, self.title)
        self._facts = job.learn(self.network, lessons.train, lessons.validation, context)

    def facts(self) -> dict[str, str]:
        """Return, after :meth:`fit`, how the training went, for people."""
        return self._facts

    def views(self, images: Tensor, poses: Sequence[Pose]) -> Enhancement:
        """Render float32 ``[B,1,H,W]`` at poses; every tensor ``[B,V,1,H,W]``."""
        return viewed(images, self._rendered, poses, self.config.greys == "fitted")

    def _rendered(self, image: Tensor, poses: Sequence[Pose]) -> tuple[Tensor, Tensor | None]:
        return _of_volume(self.prior, self.network, image, poses)


class X2Ct(_OfVolume):
    """X2CT as XraySyn's ablation: 2-D features copied along the third axis; inputs and losses are 3DPN's.

    Ying et al. 2019, X2CT-GAN, for what is copied. The encoder is Table 3's in two dimensions instead of a DenseNet
    [assumed], so that what differs from 3DPN is the way into 3-D alone.

    Layers: as xraysyn's.
    """

    Config = X2CtConfig
    kind = "x2ct"
    title = "X2CT"
    config: X2CtConfig

    def enhance(self, images: Tensor) -> Enhancement:
        """Enhance float32 ``[B,1,H,W]`` in [0,1] by Algorithm 1."""
        suppression = Suppression(self.config.mode, self.config.strength, self.config.greys == "fitted")
        return enhanced(images, self._rendered, suppression)


class ThreeDpnDrr(_OfVolume):
    """3DPN that projects its one volume as it is: DRRs, in training on both sides, without materials.

    It enhances nothing: its image is its own rendering of the input's view.
    """

    Config = DrrConfig
    kind = "drr"
    title = "3DPN-DRR"

    def enhance(self, images: Tensor) -> Enhancement:
        """Return float32 ``[B,1,H,W]`` in [0,1] as it is rendered from where it was taken."""
        return reconstructed(images, self._rendered, self.config.greys == "fitted")


@dataclass(frozen=True)
class Turned:
    """Prepare a batch of CTs for 2D Refiner: its input for the other view, and that view's radiograph.

    A batch holds afterwards ``shown`` ``[B,2,n,n]`` and ``radiograph`` ``[B,1,n,n]``.

    Attributes:
        prior: whose physics.
        angle: greatest azimuth and elevation, in degrees.
    """

    prior: Prior
    angle: float

    def __call__(self, batch: Batch, draws: Draws) -> Batch:
        """Return the batch with both."""
        seen = Simulated(self.prior, self.angle, 1)(batch, draws)
        radiograph, other = seen["radiographs"][:, 0], poses_of(seen["poses"][:, 1])
        shown = turned(self.prior, seen["shown"], radiograph, other)
        return Batch({"shown": shown, "radiograph": seen["radiographs"][:, 1]}, batch.places)


def turned(prior: Prior, backprojected: Tensor, radiographs: Tensor, poses: Sequence[Pose]) -> Tensor:
    """Return FP(BP(I, T), T') beside I, ``[B,2,n,n]``: both in [0,1] (supplement)."""
    return torch.cat([scale_to_unit(prior.thicknesses(backprojected, poses)), radiographs], dim=1)


def view_loss(network: nn.Module, batch: Batch) -> Tensor:
    """Return the L1 of each lesson's new view, ``[B]``."""
    return (network(batch["shown"]) - batch["radiograph"]).abs().flatten(1).mean(1)


class TwoDRefiner(nn.Module):
    """2D Refiner: new views from image to image, by a residual dense network on what backprojection shows.

    It enhances nothing: its image is its own rendering of the input's view, where the paper takes the input itself.
    """

    Config = RefinerConfig

    def __init__(self, config: RefinerConfig) -> None:
        super().__init__()
        self.config = config
        self.prior = Prior("3dpn", config.voxels, Shape(1, 1, 1), config.refinements)
        self.network = self._network(0)
        self._facts: dict[str, str] = {}

    def _network(self, seed: int) -> nn.Module:
        config = self.config
        return seeded(seed, lambda: ViewNet(config.blocks, config.layers, config.growth))

    def lesson(self, sample: Sample) -> dict[str, Tensor]:
        """Return the CT as a cube."""
        return lesson_of(sample, self.config.voxels)

    def fit(self, lessons: Lessons, context: FitContext) -> None:
        """Train on radiographs of CT."""
        config = self.config
        self.network = self._network(context.seed).to(context.device)
        job = Job("2D Refiner", config, view_loss, Turned(self.prior, config.angle))
        self._facts = job.learn(self.network, lessons.train, lessons.validation, context)

    def facts(self) -> dict[str, str]:
        """Return, after :meth:`fit`, how the training went, for people."""
        return self._facts

    def enhance(self, images: Tensor) -> Enhancement:
        """Return float32 ``[B,1,H,W]`` in [0,1] as it is rendered from where it was taken."""
        return reconstructed(images, self._rendered, self.config.greys == "fitted")

    def views(self, images: Tensor, poses: Sequence[Pose]) -> Enhancement:
        """Render float32 ``[B,1,H,W]`` at poses: ``[B,V,1,H,W]``."""
        return viewed(images, self._rendered, poses, self.config.greys == "fitted")

    def _rendered(self, image: Tensor, poses: Sequence[Pose]) -> tuple[Tensor, Tensor | None]:
        small = pooled(on_grid(image, 2 * self.config.voxels))
        back = self.prior.shown(small, [Pose()])
        made = [self.network(turned(self.prior, back, small, [pose])) for pose in poses]
        return torch.cat(made), None


def _of_volume(prior: Prior, network: nn.Module, image: Tensor, poses: Sequence[Pose]) -> tuple[Tensor, Tensor | None]:
    """Render a radiograph's volume; thicknesses where it has materials."""
    small = pooled(on_grid(image, 2 * prior.voxels))
    masses = prior.masses(prior.found(network, prior.shown(small, [Pose()]), small, [Pose()]))
    thicknesses = torch.cat([prior.thicknesses(masses, [pose]) for pose in poses])
    return prior.darkening(thicknesses), None if prior.kind == "drr" else thicknesses
