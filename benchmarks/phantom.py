"""Seconds a case of phantom-cxr takes to make, with all its targets: on one thread, two threads, two processes, CUDA.

    python benchmarks/phantom.py [--size 128] [--cases 6] [--physics drr|ct2xray]

A case is a patient of SIZE^3 voxels from the seed to images and masks of 2*SIZE pixels; nothing is read from or kept in
the cache. The ways take turns, case by case, in one process; two processes make two patients side by side, which counts
as half the time each. A first case is made by every way and not counted. CUDA is left out where torch sees no card, and
the results say so.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import torch
from machine import describe_machine

from radbench_phantom.cxr.dataset import PhantomCxr
from radbench_phantom.cxr.radiograph import radiograph_of
from radbench_phantom.thorax.render import render

Parts = tuple[float, float]
"""Seconds for the volume, and for the radiograph with its targets."""


def make(index: int, size: int, physics: str, device: str, threads: int) -> Parts:
    """Make one patient."""
    torch.set_num_threads(threads)
    data = PhantomCxr(PhantomCxr.Config(patients=10_000, grid=(size,) * 3, size=2 * size, physics=physics))
    started = time.perf_counter()
    with torch.no_grad():
        volume = render(data.thorax(f"p{index:04d}"), (size,) * 3, device=device)
        settle(device)
        rendered = time.perf_counter()
        radiograph_of(volume, data.config, index)
        settle(device)
    return rendered - started, time.perf_counter() - rendered


def settle(device: str) -> None:
    if device != "cpu":
        torch.cuda.synchronize()


def side_by_side(pool: ProcessPoolExecutor, index: int, size: int, physics: str) -> Parts:
    """Make two patients in two processes; return half of the wall time, split as the processes split it."""
    started = time.perf_counter()
    jobs = [pool.submit(make, i, size, physics, "cpu", 1) for i in (index, index + 1)]
    parts = [job.result() for job in jobs]
    wall = (time.perf_counter() - started) / 2
    share = sum(p[0] for p in parts) / sum(map(sum, parts))
    return wall * share, wall * (1 - share)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--cases", type=int, default=6)
    parser.add_argument("--physics", choices=["drr", "ct2xray"], default="drr")
    given = parser.parse_args()
    size, physics = given.size, given.physics
    print(describe_machine())
    left_out: dict[str, str] = {}
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
        ways: dict[str, Callable[[int], Parts]] = {
            f"{n} thread{'s' * (n > 1)}": partial(make, size=size, physics=physics, device="cpu", threads=n)
            for n in (1, 2)
        }
        ways["2 processes"] = partial(side_by_side, pool, size=size, physics=physics)
        if torch.cuda.is_available():
            ways[torch.cuda.get_device_name()] = partial(make, size=size, physics=physics, device="cuda", threads=1)
        else:
            left_out["CUDA"] = "torch sees no CUDA device here"
        taken: dict[str, list[Parts]] = {name: [] for name in ways}
        for turn in range(given.cases + 1):
            for name, way in ways.items():
                parts = way(2 * turn)
                if turn:
                    taken[name].append(parts)
    for name, reason in left_out.items():
        print(f"{name} is left out: {reason}")
    print(f"\n| {size}^3, {physics}, median of {given.cases} cases | volume s | radiograph s | case s | to 1 thread |")
    print("|---|---|---|---|---|")
    seconds: dict[str, dict[str, float]] = {}
    for name, parts in taken.items():
        volume, radiograph = (statistics.median(p[i] for p in parts) for i in (0, 1))
        seconds[name] = {"volume_s": volume, "radiograph_s": radiograph, "case_s": statistics.median(map(sum, parts))}
        seconds[name]["ratio"] = seconds[name]["case_s"] / seconds["1 thread"]["case_s"]
        cells = " | ".join(f"{v:.3f}" for v in seconds[name].values())
        print(f"| {name} | {cells} |")
    file = Path(__file__).parent / "results" / "phantom.json"
    file.parent.mkdir(exist_ok=True)
    kept = json.loads(file.read_text()) if file.is_file() else {}
    kept[f"{size}^3, {physics}, {next(iter(reversed(ways)))}"] = {
        "machine": describe_machine(),
        "cases": given.cases,
        "load_average": os.getloadavg() if hasattr(os, "getloadavg") else None,
        "left_out": left_out,
        "ways": seconds,
    }
    file.write_text(json.dumps(kept, indent=2) + "\n")


if __name__ == "__main__":
    main()
