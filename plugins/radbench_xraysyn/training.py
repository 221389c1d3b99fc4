"""What the trainings of volumes share: the first stage that a configuration asks for, and its loss."""

from __future__ import annotations

from radbench_xraysyn.config import VolumesConfig, XraySynConfig
from radbench_xraysyn.networks import Shape
from radbench_xraysyn.priors import Kind, Prior, PriorLoss, Simulated
from radbench_xraysyn.simulating import Job


def prior_of(config: VolumesConfig, kind: Kind) -> Prior:
    """Return the first stage of a configuration."""
    outputs = 1 if kind == "drr" else 3
    anchored = isinstance(config, XraySynConfig) and config.anchored
    shape = Shape(config.first_filters, config.most_filters, config.levels, outputs, config.spectral_norm)
    return Prior(kind, config.voxels, shape, config.refinements, anchored)


def prior_job(config: VolumesConfig, prior: Prior, name: str) -> Job:
    """Return its training."""
    loss = PriorLoss(prior, config.ct_weight, config.mask_weight, config.xray_weight)
    return Job(name, config, loss, Simulated(prior, config.angle, config.other_views))
