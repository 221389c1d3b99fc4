"""Views: seconds for 21 views of one radiograph, and for a step of 3DPN's training, by our projector and nanodrr's.

Run ``python benchmarks/views.py [--profile quick] [--threads 1] [--repeats 3] [--size 512]``.
Networks are untrained: time does not depend on weights. A step prepares a batch of made-up chests (projections, their
backprojection), then takes forward, backward and Adam. nanodrr is optional (``pip install nanodrr``): it projects in
our projector's place with one sample per voxel of depth, everything else is the same. How far the two projections of
one chest are apart is told beside it, in root mean squares. Wall time, the median of the repeats.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from machine import describe_machine
from projection import made_up_chest, nanodrr
from torch import Tensor

from radbench.learn.batch import Batch
from radbench.learn.draws import Draws
from radbench.xray import Pose
from radbench_xraysyn.ablations import ThreeDpnDrr, TwoDRefiner, X2Ct
from radbench_xraysyn.config import DrrConfig, RefinerConfig, X2CtConfig, XraySynConfig
from radbench_xraysyn.priors import Prior, PriorLoss, Simulated, packed
from radbench_xraysyn.xraysyn import XraySyn

RESULT = Path(__file__).with_name("results") / "views.json"
POSES = [Pose(round(0.9 * step, 1)) for step in range(-10, 11)]
MM_PER_CM = 10.0


class ByNanodrr(Prior):
    """The first stage with nanodrr's projector."""

    def thicknesses(self, masses: Tensor, poses: Sequence[Pose]) -> Tensor:
        """Return g/cm^2 along the rays, as Prior does."""
        (voxel, _, _), ours = self.geometry.voxel_spacing_mm, self.geometry
        # In voxels, of which that function takes each to be 1 mm.
        pixel = ours.detector_spacing_mm[0] / voxel
        geometry = replace(
            ours,
            source_detector_mm=ours.source_detector_mm / voxel,
            source_isocentre_mm=ours.source_isocentre_mm / voxel,
            detector_spacing_mm=(pixel, pixel),
            voxel_spacing_mm=(1.0, 1.0, 1.0),
        )
        each = list(poses) * len(masses) if len(poses) == 1 else poses
        renders = [nanodrr(pose, geometry, self.voxels, self.voxels) for pose in each]
        seen = [
            torch.cat([render(material[None, None].float()) for material in one], dim=1)
            for one, render in zip(masses, renders, strict=True)
        ]
        return torch.cat(seen) * voxel / MM_PER_CM


def enhancers(profile: str) -> dict[str, Any]:
    """Return the enhancers, untrained."""
    fields = XraySynConfig.profiles[profile]
    first = XraySyn(XraySynConfig(**fields, stage=1), SimpleNamespace(volumes=None)).eval()
    both = XraySyn(XraySynConfig(**fields), SimpleNamespace(volumes=SimpleNamespace(object=first))).eval()
    return {
        "2d-refiner": TwoDRefiner(RefinerConfig(**RefinerConfig.profiles[profile])).eval(),
        "x2ct": X2Ct(X2CtConfig(**X2CtConfig.profiles[profile])).eval(),
        "3dpn-drr": ThreeDpnDrr(DrrConfig(**DrrConfig.profiles[profile])).eval(),
        "xraysyn[stage=1]": first,
        "xraysyn": both,
    }


def chests(config: XraySynConfig) -> Batch:
    """Return a batch of lessons: water, lungs and denser balls."""
    made = [made_up_chest(config.voxels, seed)[0, 0] for seed in range(config.batch_size)]
    cubes = [packed((one - 1) * 1000, (one > 1.3) * 0.5) for one in made]
    places = tuple(range(config.batch_size))
    return Batch({name: torch.stack([cube[name] for cube in cubes]) for name in ("hu", "bone")}, places)


def step_of(config: XraySynConfig, prior: Prior) -> Callable[[], None]:
    """Return a training step of the first stage."""
    network, batch = prior.network(0).train(), chests(config)
    adam = torch.optim.Adam(network.parameters(), config.learning_rate, (config.beta1, config.beta2))
    prepare = Simulated(prior, config.angle, config.other_views)
    loss = PriorLoss(prior, config.ct_weight, config.mask_weight, config.xray_weight)

    def step() -> None:
        with torch.no_grad():
            prepared = prepare(batch, Draws(0, 0, batch.places))
        adam.zero_grad()
        loss(network, prepared).mean().backward()
        adam.step()

    return step


def apart(prior: Prior, other: Prior) -> float:
    """Return the root mean square of two projections' difference, in that of the first, of one chest at 9 degrees."""
    volume = made_up_chest(prior.voxels)
    with torch.no_grad():
        ours, theirs = (one.thicknesses(volume, [Pose(9.0)]) for one in (prior, other))
    return float((ours - theirs).square().mean().sqrt() / ours.square().mean().sqrt())


def seconds(calls: dict[str, Callable[[], Any]], repeats: int) -> dict[str, float]:
    """Return the median wall time of each, taken in turns after one that is not counted."""
    taken: dict[str, list[float]] = {name: [] for name in calls}
    for turn in range(repeats + 1):
        for name, call in calls.items():
            start = time.perf_counter()
            call()
            if turn:
                taken[name].append(time.perf_counter() - start)
    return {name: statistics.median(each) for name, each in taken.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--profile", choices=("quick", "paper"), default="quick")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--size", type=int, default=512, help="of the radiograph, in pixels along each side")
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    versions = {"nanodrr": metadata.version("nanodrr")} if find_spec("nanodrr") else {}
    print(f"{describe_machine()}, {asked.threads} torch threads, profile {asked.profile}, {versions}")
    image = torch.rand(1, 1, asked.size, asked.size, generator=torch.Generator().manual_seed(0))
    made = enhancers(asked.profile)
    with torch.no_grad():
        views = seconds({name: lambda one=one: one.views(image, POSES) for name, one in made.items()}, asked.repeats)
    for name, each in views.items():
        print(f"{len(POSES)} views of {asked.size}^2, {name}: {each:.2f} s", flush=True)

    first = made["xraysyn[stage=1]"]
    steps = {"radbench": step_of(first.config, first.prior)}
    distance = None
    if versions:
        prior = first.prior
        rival = ByNanodrr(prior.kind, prior.voxels, prior.shape, prior.refinements, prior.anchored)
        distance = apart(prior, rival)
        steps["nanodrr"] = step_of(first.config, rival)
    else:
        print("nanodrr is not installed and left out: pip install nanodrr")
    taken = seconds(steps, asked.repeats)
    for name, each in taken.items():
        print(f"a step of 3DPN, {first.config.batch_size} CTs of {first.config.voxels}^3, {name}: {each:.2f} s")
    if distance is not None:
        print(f"the two projections are {distance:.1e} apart")

    kept = json.loads(RESULT.read_text()) if RESULT.is_file() else {}
    kept[f"{asked.profile}, {asked.size}^2, {asked.threads} threads"] = {
        "machine": describe_machine(),
        "versions": versions,
        "repeats": asked.repeats,
        "load_average": os.getloadavg() if hasattr(os, "getloadavg") else None,
        "views_seconds": views,
        "step_seconds": taken,
        "projections_apart": distance,
    }
    RESULT.write_text(json.dumps(kept, indent=2) + "\n")


if __name__ == "__main__":
    main()
