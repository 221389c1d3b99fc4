"""Seconds of guided-unet for a radiograph of 1024 x 1024, and of fattal beside the WLS solutions that it consists of.

    python benchmarks/guided_speed.py [--size 1024] [--wls-size 512] [--repeats 5] [--threads 2]

``guided-unet`` is the two rounds of the profile ``quick`` with the weights that it begins with: time does not depend on
them. ``fattal`` stands beside two solutions of ``radbench.imaging.wls`` with its own two lambdas, at 512 x 512.
Wall-clock and processor seconds, each the median and the least of the repeats; the load says whether the cores were the
program's own (processor time is what other programs disturb less).
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from machine import describe_machine
from torch import Tensor
from wls import made_up_chest

from radbench.imaging.wls import smooth
from radbench_guided.details import base_layer
from radbench_guided.fattal import fattal
from radbench_guided.guided import GuidedUnetEnhancer

RESULT = Path(__file__).with_name("results") / "guided_speed.json"
LAMBDAS = (0.125, 0.5)
"""Of ``fattal``."""


def rounds(count: int) -> GuidedUnetEnhancer:
    """Return guided-unet of so many rounds, untrained."""
    config = GuidedUnetEnhancer.Config(**{**GuidedUnetEnhancer.Config.profiles["quick"], "rounds": count})
    earlier = rounds(count - 1).enhance if count > 1 else None
    return GuidedUnetEnhancer(config, SimpleNamespace(earlier=earlier)).eval()


def two_solutions(image: Tensor) -> None:
    """Solve with both lambdas."""
    for lam in LAMBDAS:
        smooth(image, lam=lam)


def timed(contestants: Mapping[str, Callable[[], Any]], repeats: int) -> dict[str, dict[str, float]]:
    """Return seconds of each: in turn, after one that does not count."""
    spent: dict[str, list[tuple[float, float]]] = {name: [] for name in contestants}
    for turn in range(repeats + 1):
        for name, function in contestants.items():
            wall, processor = time.perf_counter(), time.process_time()
            function()
            if turn:
                spent[name].append((time.perf_counter() - wall, time.process_time() - processor))
    figures = {}
    for name, pairs in spent.items():
        wall_s, cpu_s = zip(*pairs, strict=True)
        figures[name] = {
            "wall_s": round(statistics.median(wall_s), 3),
            "least_wall_s": round(min(wall_s), 3),
            "processor_s": round(statistics.median(cpu_s), 3),
            "least_processor_s": round(min(cpu_s), 3),
        }
        print(f"{name}: {figures[name]}", flush=True)
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=1024)
    parser.add_argument("--wls-size", type=int, default=512)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    image, smaller, second = made_up_chest(given.size), made_up_chest(given.wls_size), rounds(2)
    first = second.earlier.__self__
    with torch.no_grad():
        figures = timed(
            {
                "guided-unet": lambda: second.enhance(image),
                "guided-unet[rounds=1]": lambda: first.enhance(image),
                "of a round: the base": lambda: base_layer(image, first.config),
                "of a round: the network": lambda: first.network(image, image - 0.5),
                "fattal": lambda: fattal(smaller),
                "two WLS solutions": lambda: two_solutions(smaller),
            },
            given.repeats,
        )
    ratio = figures["fattal"]["least_processor_s"] / figures["two WLS solutions"]["least_processor_s"]
    result = {
        "machine": describe_machine(),
        "threads": given.threads,
        "size": given.size,
        "wls_size": given.wls_size,
        "repeats": given.repeats,
        "seconds": figures,
        "fattal_over_two_solutions": round(ratio, 3),
        "load_average": [round(load, 1) for load in os.getloadavg()] if hasattr(os, "getloadavg") else None,
    }
    print(f"fattal takes {ratio:.2f} times the processor time of two WLS solutions; load {result['load_average']}")
    RESULT.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
