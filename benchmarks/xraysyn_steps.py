"""XraySyn: seconds and peak memory of one training step of each stage, in the paper's own sizes.

    python benchmarks/xraysyn_steps.py [--profile paper] [--batches 1 2] [--views 1 4] [--precision float32]

Each step is a process of its own, so that its greatest resident set is its own: preparing a batch of made-up chests or
radiographs, forward, backward and Adam, as a training takes them. Of the first stage it is told for several numbers of
other views (``other_views``), too, of which memory should not depend. The projected days are the paper's epochs over
its 700 CT volumes and 2,600 radiographs on this machine, as long as the largest batch took for each of its lessons.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from machine import describe_machine
from views import step_of

from radbench.learn.batch import Batch
from radbench.learn.draws import Draws
from radbench.learn.precision import autocast, half_type
from radbench_xraysyn.config import XraySynConfig
from radbench_xraysyn.dense import PatchJudge
from radbench_xraysyn.refining import Projected, RefinerLoss, judge_loss
from radbench_xraysyn.xraysyn import XraySyn

RESULT = Path(__file__).with_name("results") / "xraysyn_steps.json"
VOLUMES, RADIOGRAPHS = 700, 2600
"""That the paper learns from: Experiments, dataset."""

GIB = 2**30


def first_stage(config: XraySynConfig) -> XraySyn:
    """Return the first stage, untrained."""
    return XraySyn(config, SimpleNamespace(volumes=None)).eval()


def first(config: XraySynConfig) -> Any:
    """Return a step of the first stage."""
    return step_of(config, first_stage(config).prior)


def second(config: XraySynConfig, one: XraySynConfig) -> Any:
    """Return a step of the second stage: the discriminator's turn, then 2DRN's."""
    whole = XraySyn(config, SimpleNamespace(volumes=SimpleNamespace(object=first_stage(one))))
    nets = {"F": whole.network.train(), "D": PatchJudge(config.discriminator_filters).train()}
    adams = {name: torch.optim.Adam(net.parameters(), config.refining_rate) for name, net in nets.items()}
    prepare = Projected(whole.first, config.input_angle, config.other_angle, config.greys == "fitted")
    turns = {"D": judge_loss, "F": RefinerLoss(config.recon_weight, config.gan_weight, config.sparsity_weight)}
    side = 2 * config.voxels
    images = torch.rand(config.refining_batch, 1, side, side, generator=torch.Generator().manual_seed(0))
    batch = Batch({"image": (images * 255).byte()}, tuple(range(config.refining_batch)))

    def step() -> None:
        with torch.no_grad():
            prepared = prepare(batch, Draws(0, 0, batch.places))
        for name, loss in turns.items():
            adams[name].zero_grad()
            loss(nets, prepared).mean().backward()
            adams[name].step()

    return step


def alone(stage: int, profile: str, batch: int, views: int, precision: str, threads: int) -> dict[str, float]:
    """Take a step that is not counted and one that is; return its seconds and the process's peak memory in GiB."""
    torch.set_num_threads(threads)
    fields = XraySynConfig.profiles[profile]
    one = XraySynConfig(**fields, stage=1).with_(batch_size=batch, other_views=views)
    config = XraySynConfig(**fields).with_(refining_batch=batch)
    half = half_type("auto", precision, torch.device("cpu"))
    with autocast(torch.device("cpu"), half):
        step = first(one) if stage == 1 else second(config, one)
        step()
        start = time.perf_counter()
        step()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {"seconds": time.perf_counter() - start, "peak_gib": peak / GIB}


def main() -> None:
    """Measure what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--profile", choices=("quick", "paper"), default="paper")
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--views", type=int, nargs="+", default=[1, 4])
    parser.add_argument("--precision", choices=("float32", "mixed"), default="float32")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--alone", type=int, nargs=3, metavar=("STAGE", "BATCH", "VIEWS"), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.alone:
        stage, batch, views = asked.alone
        print(json.dumps(alone(stage, asked.profile, batch, views, asked.precision, asked.threads)))
        return
    wanted = [(1, batch, asked.views[0]) for batch in asked.batches]
    wanted += [(1, asked.batches[0], views) for views in asked.views[1:]]
    wanted += [(2, batch, 1) for batch in asked.batches]
    print(f"{describe_machine()}, {asked.threads} torch threads, profile {asked.profile}, {asked.precision}")
    taken: dict[str, dict[str, float]] = {}
    for stage, batch, views in wanted:
        same = ["--profile", asked.profile, "--precision", asked.precision, "--threads", str(asked.threads)]
        each = ["--alone", str(stage), str(batch), str(views)]
        ran = subprocess.run([sys.executable, __file__, *same, *each], capture_output=True, text=True, check=False)
        name = f"stage {stage}, batch {batch}" + (f", {views} other views" if stage == 1 else "")
        if ran.returncode:
            print(f"{name}: failed ({ran.returncode}): {ran.stderr.strip().splitlines()[-1:]}")
            continue
        taken[name] = json.loads(ran.stdout)
        print(f"{name}: {taken[name]['seconds']:.1f} s, at most {taken[name]['peak_gib']:.1f} GiB", flush=True)
    config = XraySynConfig(**XraySynConfig.profiles[asked.profile])
    largest = asked.batches[-1]
    for stage, count, epochs, key in (
        (1, VOLUMES, config.epochs, f"stage 1, batch {largest}, {asked.views[0]} other views"),
        (2, RADIOGRAPHS, config.refining_epochs, f"stage 2, batch {largest}"),
    ):
        if key in taken:
            days = taken[key]["seconds"] / largest * count * epochs / 86400
            print(f"stage {stage} over {count} lessons, {epochs} epochs: {days:.0f} days")
    kept = json.loads(RESULT.read_text()) if RESULT.is_file() else {}
    kept[f"{asked.profile}, {asked.precision}, {asked.threads} threads"] = {
        "machine": describe_machine(),
        "steps": taken,
    }
    RESULT.write_text(json.dumps(kept, indent=2) + "\n")


if __name__ == "__main__":
    main()
