"""Training: seconds per step and per enhanced image of radbench.learn against a plain PyTorch loop, in one process.

Run ``python benchmarks/training.py [--size 128] [--filters 8] [--batch 8] [--steps 200] [--device cpu]
[--precision float32]``. The same network learns from the same lessons with the same optimiser and memory layout, once
by the steps of :func:`radbench.learn.fit` (reading, seeded draws, turns, learning-rate schedule, memory guard) and once
by those that one would write by hand, which have all images in one tensor. The contestants take turns step by step, and
who begins alternates: on a shared machine, whole runs one after the other differ by 10 % without a reason. The target
is 2.5 %. What comes once in an epoch (keeping weights, curve and checkpoint) is timed by itself.

An enhanced image is one call of the network at a batch of 1 against the network's layers called in a row by hand.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import cycle
from pathlib import Path

import torch
from machine import describe_machine
from torch import Tensor
from torch.nn import functional

from radbench.contracts.learning import FitContext
from radbench.learn import L1, FitOptions, ListLessons, Turn, UNet, UNetConfig, estimate, fit
from radbench.learn.fitting import Training
from radbench.learn.precision import reproducible


def smooth_images(n: int, size: int) -> Tensor:
    """Smooth random images, ``[N,1,size,size]``; what is learnt are their negatives."""
    generator = torch.Generator().manual_seed(0)
    coarse = torch.rand(n, 1, 8, 8, generator=generator)
    return functional.interpolate(coarse, size=(size, size), mode="bilinear")


def plain_step(
    network: UNet, images: Tensor, options: FitOptions, device: str, half: torch.dtype | None
) -> Callable[[Sequence[int]], object]:
    """Return a step as one would write it in a notebook; the same layout, optimiser, order of work and short type."""
    network.to(device, memory_format=torch.channels_last).train()
    optimiser = torch.optim.Adam(network.parameters(), lr=options.learning_rate)
    negatives = 1 - images

    def step(lessons: Sequence[int]) -> None:
        places = torch.tensor(lessons, device=images.device)
        source = images[places].to(device).contiguous(memory_format=torch.channels_last)
        target = negatives[places].to(device)
        optimiser.zero_grad(set_to_none=True)
        with torch.autocast(torch.device(device).type, half, enabled=half is not None):
            prediction = network(source)
        loss = (prediction - target).abs().mean()
        loss.backward()
        optimiser.step()

    return step


def epoch_end(
    network: UNet, turns: Sequence[Turn], lessons: ListLessons, options: FitOptions, context: FitContext
) -> float:
    """Return the seconds from an epoch's last step to the end of the training: weights, curve and checkpoint kept."""
    told: list[float] = []
    fit(network, turns, lessons, options, replace(context, progress=lambda *what: told.append(time.perf_counter())))
    ended = time.perf_counter()
    context.workdir.joinpath("network.checkpoint").unlink()
    return ended - told[-2]


def by_hand(network: UNet, image: Tensor) -> Tensor:
    """The network's layers in a row, without its padding and cropping."""
    x, skips = image, []
    for level in network.encoder:
        x = level(x)
        skips.append(x)
        x = functional.max_pool2d(x, 2)
    x = network.bottleneck(x)
    for i in reversed(range(len(skips))):
        x = network.decoder[i](torch.cat([skips[i], network.up[i](x)], dim=1))
    return torch.tanh(network.head(x))


def timed(work: Callable[[], object], device: str) -> tuple[float, float]:
    """Return wall and processor seconds."""
    started, processor = time.perf_counter(), time.process_time()
    work()
    if device != "cpu":
        torch.cuda.synchronize()
    return time.perf_counter() - started, time.process_time() - processor


def in_turns(ours: Callable[[], object], theirs: Callable[[], object], repeats: int, device: str) -> dict[str, float]:
    """Time both in turns, the other one first every second time; return medians and the median of their ratios."""
    for _ in range(4):
        ours(), theirs()
    times: dict[str, list[tuple[float, float]]] = {"ours": [], "theirs": []}
    for i in range(repeats):
        for name in ("ours", "theirs") if i % 2 else ("theirs", "ours"):
            times[name].append(timed(ours if name == "ours" else theirs, device))
    row = {}
    for what, kind in ((0, "seconds"), (1, "processor_seconds")):
        row[f"ours_{kind}"] = statistics.median(t[what] for t in times["ours"])
        row[f"plain_{kind}"] = statistics.median(t[what] for t in times["theirs"])
        pairs = zip(times["ours"], times["theirs"], strict=True)
        row[f"{kind}_ratio"] = statistics.median(a[what] / b[what] for a, b in pairs)
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--filters", type=int, default=8)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--precision", default="float32", choices=("float32", "mixed"))
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    config = UNetConfig(first_filters=given.filters, dilated_levels=(3, 4), dilate_decoder=True, head="tanh")
    options = FitOptions(epochs=1, batch_size=given.batch, learning_rate=1e-4)
    images = smooth_images(6 * given.batch, given.size).to(given.device)
    lessons = ListLessons([{"image": image, "negative": 1 - image} for image in images])
    turns = [Turn(L1("negative"))]
    half = torch.bfloat16 if given.precision == "mixed" else None

    def context(folder: str) -> FitContext:
        apart = Path(folder)
        return FitContext(given.device, 0, apart, apart, lambda done, total, text: None, precision=given.precision)

    with tempfile.TemporaryDirectory() as folder:
        found = estimate(UNet(config), turns, lessons, options, context(folder))
        ends = statistics.median(epoch_end(UNet(config), turns, lessons, options, context(folder)) for _ in range(5))
        ours = Training(UNet(config), turns, lessons, options, context(folder))
        ours.networks[""].train()
        plain = plain_step(UNet(config), images, options, given.device, half)
        batches = [range(start, start + given.batch) for start in range(0, len(images), given.batch)]
        our_batches, plain_batches = cycle(batches), cycle(batches)
        with reproducible(given.precision):
            training = in_turns(
                lambda: ours.step(next(our_batches), 0), lambda: plain(next(plain_batches)), given.steps, given.device
            )
    network = UNet(config).to(given.device, memory_format=torch.channels_last).eval()
    image = images[:1].contiguous(memory_format=torch.channels_last)
    with torch.no_grad():
        enhancing = in_turns(lambda: network(image), lambda: by_hand(network, image), given.steps, given.device)

    device = "" if given.device == "cpu" else f" on {torch.cuda.get_device_name(given.device)}"
    print(f"{describe_machine()}, {given.threads} torch threads{device}\n")
    what = f"{given.size}^2, {given.filters} filters, batch {given.batch}, {given.precision}, {given.device}"
    step = training["ours_seconds"]
    flops = found.flops_per_image * given.batch / step
    print(f"| {what} | radbench | plain loop | ratio (wall; processor) |\n|---|---|---|---|")
    for name, row in (("a training step", training), ("an enhanced image", enhancing)):
        a, b = row["ours_seconds"] * 1e3, row["plain_seconds"] * 1e3
        ratios = f"{row['seconds_ratio']:.3f}; {row['processor_seconds_ratio']:.3f}"
        print(f"| {name} | {a:.1f} ms | {b:.1f} ms | {ratios} |")
    print(
        f"\n{given.batch / step:.1f} images per second in training, {flops / 1e12:.3f} TFLOP/s;"
        f" an epoch's end {ends * 1e3:.0f} ms"
    )

    file = Path(__file__).parent / "results" / "training.json"
    kept = json.loads(file.read_text()) if file.is_file() else {}
    kept[what] = {
        "machine": describe_machine() + device,
        "threads": given.threads,
        "load_average": os.getloadavg() if hasattr(os, "getloadavg") else None,
        "steps": given.steps,
        "training": training,
        "enhancing": enhancing,
        "epoch_end_seconds": ends,
        "images_per_second": given.batch / step,
        "flops_per_image": found.flops_per_image,
    }
    file.write_text(json.dumps(kept, indent=2) + "\n")


if __name__ == "__main__":
    main()
