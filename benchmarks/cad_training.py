"""Training of cad's classifier: radbench's step against a plain PyTorch loop, and what a card makes of it.

    python benchmarks/cad_training.py [--profile quick|paper] [--steps 60] [--threads 2] [--device cpu]
    python benchmarks/cad_training.py --throughput --device cuda [--seconds 8]

The first takes both steps in turns, in one process, and who begins alternates. Both train the profile's network on the
same made-up images with the same loss, optimiser and memory layout; radbench's step reads its lessons and draws flips
and crops by seed and place, the plain one flips and crops whole batches from one generator. The target is 1.05.

The second trains DenseNet-121 on 512 x 512 pixels in bfloat16, channels last: by radbench's loop, by the plain one, and
by the plain one compiled; and reads lessons as they are kept on disk, to see whether the card would wait for them. The
share of the peak is that of the floating-point operations of a lesson's pass forward and back, of the card's dense
bfloat16 peak as its maker states it.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import cycle
from pathlib import Path
from typing import Any

import torch
from machine import describe_machine
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample
from training import in_turns, smooth_images

from radbench.contracts.learning import FitContext
from radbench.engine.keep.pieces import KeptLessons, write_piece
from radbench.learn import FitOptions, ListLessons, Turn, estimate
from radbench.learn.draws import Draws
from radbench.learn.feeding import collated
from radbench.learn.fitting import Training
from radbench_cad.config import CADConfig
from radbench_cad.network import Classifier
from radbench_cad.training import augmentation_of, finding_loss, to_unit

_PEAK = {"H100": 989e12, "H200": 989e12, "A100": 312e12}
"""Dense bfloat16 operations per second, from NVIDIA's data sheets."""

_PAPER_IMAGES, _PAPER_TRAINING, _PAPER_VALIDATION = 67_313, 44_971, 11_245


def lessons_of(count: int, size: int) -> list[dict[str, Tensor]]:
    """Made-up lessons of the task: uint16 images and two findings."""
    labels = (torch.rand(count, 2, generator=torch.Generator().manual_seed(1)) < 0.2).float()
    images = [(image * 65535).to(torch.int32).to(torch.uint16) for image in smooth_images(count, size)]
    return [{"image": image, "findings": label} for image, label in zip(images, labels, strict=True)]


def loss_of(model: Any, batch: Any) -> Tensor:
    """The task's loss."""
    return finding_loss(model(batch["image"]), batch["findings"])


def plain_step(
    network: Any, lessons: list[dict[str, Tensor]], config: CADConfig, device: str, half: torch.dtype | None, batch: int
) -> Callable[[], object]:
    """Return a step as one would write it in a notebook, with all images in one tensor."""
    images = torch.stack([one["image"] for one in lessons])
    labels = torch.stack([one["findings"] for one in lessons])
    optimiser = torch.optim.Adam(network.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay)
    generator = torch.Generator().manual_seed(0)

    def step() -> None:
        at = torch.randint(len(images), (batch,), generator=generator)
        x = images[at].to(device).float() / 65535
        flips = (torch.rand(batch, generator=generator) < config.flip).float() * -2 + 1
        kept = 1 - config.crop * torch.rand(batch, 2, generator=generator)
        shift = (1 - kept) * (torch.rand(batch, 2, generator=generator) * 2 - 1)
        theta = torch.zeros(batch, 2, 3)
        theta[:, 0, 0], theta[:, 1, 1], theta[:, :, 2] = flips * kept[:, 1], kept[:, 0], shift
        grid = affine_grid(theta.to(device), list(x.shape), align_corners=False)
        x = grid_sample(x, grid, padding_mode="border", align_corners=False)
        x = x.contiguous(memory_format=torch.channels_last)
        optimiser.zero_grad(set_to_none=True)
        with torch.autocast(torch.device(device).type, half, enabled=half is not None):
            logits = network(x)
        finding_loss(logits, labels[at].to(device)).mean().backward()
        optimiser.step()

    return step


def per_second(step: Callable[[], object], batch: int, seconds: float) -> float:
    """Return images per second of a step on a card, after a few that warm up."""
    for _ in range(5):
        step()
    torch.cuda.synchronize()
    started, count = time.perf_counter(), 0
    while time.perf_counter() - started < seconds:
        for _ in range(5):
            step()
        torch.cuda.synchronize()
        count += 5
    return count * batch / (time.perf_counter() - started)


def reading(lessons: list[dict[str, Tensor]], batch: int, seconds: float) -> float:
    """Return lessons per second, read from a file of the store's kind, checked and put side by side, on one core."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "lessons.piece"
        write_piece(file, [(f"c{i}", one) for i, one in enumerate(lessons)])
        kept = KeptLessons([file])

        def batches() -> Iterator[tuple[int, ...]]:
            yield from cycle(tuple(range(i, i + batch)) for i in range(0, len(kept) - batch + 1, batch))

        started, count = time.perf_counter(), 0
        for places in batches():
            collated(kept, Draws(0, 0, places, True, torch.device("cpu")))
            count += batch
            if time.perf_counter() - started > seconds:
                return count / (time.perf_counter() - started)
    raise AssertionError("unreachable")


def context_of(device: str, folder: str, precision: str) -> FitContext:
    """A training's context that tells nobody."""
    apart = Path(folder)
    return FitContext(device, 0, apart, apart, lambda done, total, text: None, precision=precision)


def throughput(device: str, seconds: float, batches: tuple[int, ...]) -> dict[str, Any]:
    """Measure the paper's size on a card."""
    config = CADConfig()
    lessons = lessons_of(max(batches), config.size)
    row: dict[str, Any] = {"card": torch.cuda.get_device_name(), "size": config.size, "backbone": config.backbone}
    row["read_per_second_per_core"] = reading(lessons, 16, min(seconds, 4.0))
    for batch in batches:
        options = FitOptions(epochs=1, batch_size=batch, learning_rate=config.learning_rate)
        found: dict[str, float] = {}
        with tempfile.TemporaryDirectory() as folder:
            told = estimate(
                Classifier(config.backbone, 2).to(device),
                [Turn(loss_of)],
                ListLessons(lessons),
                options,
                context_of(device, folder, "mixed"),
                augment=augmentation_of(config),
                prepare=to_unit,
                timed_seconds=seconds,
            )
        found["radbench"] = told.images_per_second
        for name in ("plain", "plain, compiled"):
            network: Any = Classifier(config.backbone, 2).to(device, memory_format=torch.channels_last).train()
            called = torch.compile(network) if "compiled" in name else network
            step = plain_step(called, lessons, config, device, torch.bfloat16, batch)
            found[name] = per_second(step, batch, seconds)
        peak = next((most for card, most in _PEAK.items() if card in row["card"]), None)
        epoch = {n: (_PAPER_TRAINING + _PAPER_VALIDATION / 3) / rate / 60 for n, rate in found.items()}
        row[f"batch {batch}"] = {
            "images_per_second": found,
            "gflop_per_image": told.flops_per_image / 1e9,
            "share_of_peak": {n: rate * told.flops_per_image / peak for n, rate in found.items()} if peak else None,
            "minutes_per_epoch_of_the_paper": epoch,
        }
        print(f"batch {batch}: {row[f'batch {batch}']}", flush=True)
    return row


def ratio(profile: str, steps: int, device: str) -> dict[str, Any]:
    """Take both steps in turns."""
    config = CADConfig(**CADConfig.profiles[profile])
    lessons = lessons_of(4 * config.batch_size, config.size)
    options = FitOptions(epochs=1, batch_size=config.batch_size, learning_rate=config.learning_rate)
    options = replace(options, weight_decay=config.weight_decay)

    def network() -> Classifier:
        return Classifier(config.backbone, 2, pool=config.pool)

    with tempfile.TemporaryDirectory() as folder:
        ours = Training(
            network(),
            [Turn(loss_of)],
            ListLessons(lessons),
            options,
            context_of(device, folder, "float32"),
            augment=augmentation_of(config),
            prepare=to_unit,
        )
        for one in ours.networks.values():
            one.train()
        theirs = network().to(device, memory_format=torch.channels_last).train()
        plain = plain_step(theirs, lessons, config, device, None, config.batch_size)
        batches = cycle([range(i, i + config.batch_size) for i in range(0, len(lessons), config.batch_size)])
        return {"backbone": config.backbone, **in_turns(lambda: ours.step(next(batches), 0), plain, steps, device)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--profile", default="quick", choices=("quick", "paper"))
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--throughput", action="store_true")
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--batches", default="16,64")
    parser.add_argument("--out", default=str(Path(__file__).parent / "results" / "cad_training.json"))
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    load = os.getloadavg() if hasattr(os, "getloadavg") else None
    machine = f"{describe_machine()}, {given.threads} torch threads, {given.device}"
    file = Path(given.out)
    kept = json.loads(file.read_text()) if file.is_file() else {}
    if given.throughput:
        row = throughput(given.device, given.seconds, tuple(map(int, given.batches.split(","))))
    else:
        row = ratio(given.profile, given.steps, given.device)
        print(
            f"{row['backbone']}: a step takes {row['seconds_ratio']:.3f} of the plain one's time "
            f"({row['processor_seconds_ratio']:.3f} of its processor's)"
        )
    print(machine)
    name = "throughput" if given.throughput else f"step, {given.profile}"
    kept[name] = {"machine": machine, "load_average": load, **row}
    file.write_text(json.dumps(kept, indent=2) + "\n")


if __name__ == "__main__":
    main()
