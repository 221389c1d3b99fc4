"""Cone-beam projection: radbench.xray against nanodrr's torch backend and diffdrr, side by side in one process.

Run ``python benchmarks/projection.py [--threads 1] [--size 128] [--detector 256] [--repeats 3]``.
The rivals are optional (``pip install nanodrr diffdrr``). A made-up chest is projected frontally and at 18 degrees,
forward alone and forward with backward to the volume. Errors are against rays with 1024 samples in float64. nanodrr is
timed with one sample per voxel of depth, and with the fewest samples that reach our error ("equal error"), or its
default of 500 when not even those do; diffdrr with one sample per voxel. Wall time, and processor time, which other
programs on the machine disturb less. Results are kept per number of threads.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

import torch
from machine import describe_machine
from torch import Tensor
from torch.nn.functional import avg_pool3d, grid_sample

from radbench.xray import ConeBeamGeometry, Pose, project
from radbench.xray.geometry import view

POSES = {"frontal": Pose(), "18 degrees": Pose(azimuth_deg=18)}
SAMPLES = (96, 104, 112, 120, 128, 160, 192, 256, 320, 400, 500)
ROWS = slice(3, None, 8)
Renderer = Callable[[Tensor], Tensor]


def made_up_chest(size: int, seed: int = 0) -> Tensor:
    """Body, lungs, spine and 40 small balls with soft edges, float32 [1,1,size,size,size]."""
    a = torch.linspace(-1, 1, size)
    z, y, x = a[:, None, None], a[None, :, None], a[None, None, :]
    chest = (((x / 0.9) ** 2 + (y / 0.65) ** 2 < 1) & (z.abs() < 0.95)).float()
    for side in (-0.42, 0.42):
        chest[((x - side) / 0.36) ** 2 + (y / 0.5) ** 2 + (z / 0.8) ** 2 < 1] = 0.25
    chest[((x / 0.12) ** 2 + ((y - 0.45) / 0.12) ** 2 + 0 * z) < 1] = 1.8
    generator = torch.Generator().manual_seed(seed)
    for _ in range(40):
        cz, cy, cx = (torch.rand(3, generator=generator) * 1.2 - 0.6).tolist()
        radius = 0.03 + 0.06 * float(torch.rand(1, generator=generator))
        chest[(x - cx) ** 2 + (y - cy) ** 2 + (z - cz) ** 2 < radius**2] += 0.7
    return avg_pool3d(chest[None, None], 3, 1, 1)


def endpoints(pose: Pose, geometry: ConeBeamGeometry) -> tuple[Tensor, Tensor]:
    """Source [3] and pixels [h*w,3] in mm, (x, y, z), float64."""
    source, axis, row, column = (torch.tensor(v[::-1], dtype=torch.float64) for v in view(pose, geometry))
    rows, columns = geometry.detector_shape
    i = torch.arange(rows, dtype=torch.float64)[:, None, None] - (rows - 1) / 2
    j = torch.arange(columns, dtype=torch.float64)[None, :, None] - (columns - 1) / 2
    return source, (source + axis + i * row + j * column).reshape(-1, 3)


def finely_sampled(volume: Tensor, pose: Pose, geometry: ConeBeamGeometry, samples: int = 1024) -> Tensor:
    """Midpoint sums of each ray inside the sphere round the volume, for every eighth row: float64 [1,1,h/8,w]."""
    source, target = endpoints(pose, geometry)
    target = target.reshape(*geometry.detector_shape, 3)[ROWS].reshape(-1, 3)
    direction = (target - source) / (target - source).norm(dim=1, keepdim=True)
    size = volume.shape[-1]
    middle, reach = -(direction @ source), 0.87 * size + 1
    total, double = torch.zeros(len(target), dtype=torch.float64), volume.double()
    for k in range(samples):
        way = middle + reach * (2 * (k + 0.5) / samples - 1)
        points = (source + way[:, None] * direction) * (2 / size)
        total += grid_sample(double, points[None, None, None], align_corners=False)[0, 0, 0, 0]
    return (total * (2 * reach / samples)).reshape(1, 1, -1, geometry.detector_shape[1])


def nanodrr(pose: Pose, geometry: ConeBeamGeometry, size: int, samples: int) -> Renderer:
    from nanodrr.camera import make_k_inv
    from nanodrr.data import Subject
    from nanodrr.drr import render

    seen = view(pose, geometry)
    rows, columns = geometry.detector_shape
    dy, dx = geometry.detector_spacing_mm
    far = geometry.source_detector_mm
    camera = torch.eye(4)
    for place, (vector, unit) in enumerate(((seen.column, dx), (seen.row, dy), (seen.axis, far))):
        camera[:3, place] = torch.tensor(vector[::-1]) / unit
    camera[:3, 3] = torch.tensor(seen.source[::-1])
    intrinsic = make_k_inv(far, dx, dy, 0.0, 0.0, rows, columns)
    to_world, to_grid = torch.eye(4), torch.eye(4) * (2 / size)
    to_world[:3, 3], to_grid[:3, 3], to_grid[3, 3] = -(size - 1) / 2, 1 / size - 1, 1

    def rendered(volume: Tensor) -> Tensor:
        subject = Subject(
            volume,
            torch.zeros(1, 1, 1, 1, 1).expand_as(volume),
            to_world,
            torch.linalg.inv(to_world),
            to_grid,
            torch.zeros(3),
            max_label=0,
            convert_to_mu=False,
        )
        distance = torch.tensor([far])
        return render(subject, intrinsic, camera[None], distance, rows, columns, n_samples=samples, backend="torch")

    return rendered


def diffdrr(pose: Pose, geometry: ConeBeamGeometry, size: int, samples: int) -> Renderer:
    from diffdrr.renderers import Trilinear

    source, target = (e.float() for e in endpoints(pose, geometry))
    length = (target - source).norm(dim=1)[None, None]
    source, target = (e + (size - 1) / 2 for e in (source, target))
    renderer = Trilinear()

    def rendered(volume: Tensor) -> Tensor:
        density = volume[0, 0].permute(2, 1, 0)
        image = renderer(density, source[None, None], target[None], length, n_points=samples)
        return image.reshape(1, 1, *geometry.detector_shape)

    return rendered


def relative_error(image: Tensor, truth: Tensor) -> float:
    """Root mean square error over root mean square of the truth, in the truth's rows."""
    image = image[:, :, ROWS]
    return float((image - truth).square().mean().sqrt() / truth.square().mean().sqrt())


def forward(render: Renderer, volume: Tensor) -> None:
    with torch.no_grad():
        render(volume)


def forward_and_backward(render: Renderer, volume: Tensor) -> None:
    leaf = volume.clone().requires_grad_()
    render(leaf).square().sum().backward()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--detector", type=int, default=256)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    rivals = [name for name in ("nanodrr", "diffdrr") if find_spec(name)]
    for name in {"nanodrr", "diffdrr"} - set(rivals):
        print(f"{name} is not installed and left out: pip install {name}")
    versions = {name: metadata.version(name) for name in rivals}
    print(f"{describe_machine()}, {options.threads} torch threads, {versions}")

    size = options.size
    pixel = 1.4 * size / options.detector
    geometry = ConeBeamGeometry(1200, 1000, (options.detector, options.detector), (pixel, pixel))
    volume = made_up_chest(size)
    results: dict[str, object] = {}
    print(f"\n| {size}^3 to {options.detector}^2, {options.threads} threads | error | forward | and backward |")
    print("|---|---|---|---|")
    for pose_name, pose in POSES.items():
        truth = finely_sampled(volume, pose, geometry)
        contestants: dict[str, Renderer] = {"radbench": lambda v, p=pose: project(v, p, geometry)}
        ours = relative_error(project(volume, pose, geometry), truth)
        if "nanodrr" in rivals:
            with torch.no_grad():
                errors = ((n, relative_error(nanodrr(pose, geometry, size, n)(volume), truth)) for n in SAMPLES)
                equal = next((n for n, error in errors if error <= ours), SAMPLES[-1])
            contestants[f"nanodrr, {size} samples"] = nanodrr(pose, geometry, size, size)
            contestants[f"nanodrr, {equal} samples (equal error, or the default)"] = nanodrr(
                pose, geometry, size, equal
            )
        if "diffdrr" in rivals:
            contestants[f"diffdrr, {size} samples"] = diffdrr(pose, geometry, size, size)
        results[pose_name] = compare(pose_name, contestants, volume, truth, options.repeats)

    file = Path(__file__).parent / "results" / "projection.json"
    file.parent.mkdir(exist_ok=True)
    kept = json.loads(file.read_text()) if file.is_file() else {}
    kept[f"{size}^3 to {options.detector}^2, {options.threads} threads"] = {
        "machine": describe_machine(),
        "versions": versions,
        "threads": options.threads,
        "repeats": options.repeats,
        "load_average": os.getloadavg() if hasattr(os, "getloadavg") else None,
        "poses": results,
    }
    file.write_text(json.dumps(kept, indent=2) + "\n")


def compare(
    pose: str, contestants: dict[str, Renderer], volume: Tensor, truth: Tensor, repeats: int
) -> dict[str, dict[str, float]]:
    """Time the contestants in turns and print a row for each."""
    passes = {"forward": forward, "with_backward": forward_and_backward}
    for render in contestants.values():
        forward_and_backward(render, volume)
    wall: dict[tuple[str, str], list[float]] = {(c, p): [] for c in contestants for p in passes}
    processor: dict[tuple[str, str], list[float]] = {key: [] for key in wall}
    for _ in range(repeats):
        for name, render in contestants.items():
            for what, run in passes.items():
                start, start_processor = time.perf_counter(), time.process_time()
                run(render, volume)
                wall[name, what].append(time.perf_counter() - start)
                processor[name, what].append(time.process_time() - start_processor)
    rows: dict[str, dict[str, float]] = {}
    for name, render in contestants.items():
        with torch.no_grad():
            row = {"relative_error": relative_error(render(volume), truth)}
        for what in passes:
            row[f"{what}_seconds"] = statistics.median(wall[name, what])
            row[f"{what}_processor_seconds"] = statistics.median(processor[name, what])
            row[f"{what}_ratio"] = row[f"{what}_seconds"] / statistics.median(wall["radbench", what])
            ours = statistics.median(processor["radbench", what])
            row[f"{what}_processor_ratio"] = row[f"{what}_processor_seconds"] / ours
        rows[name] = row
        cells = [
            f"{row[f'{w}_seconds']:.3f} ({row[f'{w}_ratio']:.1f}x; CPU {row[f'{w}_processor_ratio']:.1f}x)"
            for w in passes
        ]
        print(f"| {pose}: {name} | {row['relative_error']:.1e} | {' | '.join(cells)} |", flush=True)
    return rows


if __name__ == "__main__":
    main()
