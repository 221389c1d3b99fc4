"""WLS smoothing: scipy.sparse.linalg.spsolve against radbench.imaging.wls, side by side in one process.

Run ``python benchmarks/wls.py [--size 1024] [--repeats 3] [--image FILE] [--skip-gpu]``.
Both solve (I + lambda L) S = I with the weights of one 8-bit image (a made-up chest, or ``--image``) for lambda 0.8,
alpha 1.2, epsilon 1e-4. The sparse matrix is built before the clock starts; ours is timed from the weights to the
answer. SciPy's symmetric-mode ``splu`` and pyamg's conjugate gradients (if it is installed) run beside them. With a
CUDA device, a batch of eight images is timed there too.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import time
from collections.abc import Callable
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from machine import cpu_model
from scipy import sparse
from scipy.sparse.linalg import splu, spsolve

from radbench.imaging import read_image
from radbench.imaging.wls import Affinities, affinities, solve

LAMBDA = 0.8


def made_up_chest(size: int, seed: int = 0) -> torch.Tensor:
    """An 8-bit picture with two lungs, ribs, vessels' texture and quantum noise, float32 [1,1,size,size]."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[-1 : 1 : size * 1j, -1 : 1 : size * 1j]
    image = 0.75 - 0.2 * y**2 - 0.1 * x**2
    for side in (-0.45, 0.45):
        image -= 0.45 / (1 + np.exp(25 * (np.hypot((x - side) / 0.36, y / 0.75) - 1)))
    image += 0.04 * np.tanh(6 * np.cos(22 * y + 6 * np.abs(x) ** 1.5))
    spectrum = np.fft.rfft2(rng.standard_normal((size, size)))
    frequency = np.hypot(np.fft.fftfreq(size)[:, None], np.fft.rfftfreq(size))
    texture = np.fft.irfft2(spectrum / (frequency + 4 / size) ** 1.2, s=(size, size))
    image += 0.03 * texture / texture.std() + 0.006 * rng.standard_normal((size, size))
    image[np.abs(x) > 0.96] = 0.0
    return torch.from_numpy(np.round(image.clip(0, 1) * 255) / 255).float()[None, None]


def operator(weights: Affinities) -> sparse.csc_matrix:
    """I + lambda L of one image."""
    right, below = LAMBDA * weights.right[0, 0].numpy(), LAMBDA * weights.below[0, 0].numpy()
    height, width = right.shape[0], below.shape[1]
    east, south = np.zeros((2, height, width))
    east[:, :-1], south[:-1] = right, below
    diagonal = 1 + east + south
    diagonal[:, 1:] += right
    diagonal[1:] += below
    east, south = east.ravel()[:-1], south.ravel()[:-width]
    bands = [diagonal.ravel(), -east, -east, -south, -south]
    return sparse.diags(bands, [0, 1, -1, width, -width], format="csc")


def symmetric_splu(matrix: sparse.csc_matrix, target: np.ndarray) -> np.ndarray:
    options = {"SymmetricMode": True}
    return splu(matrix, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options=options).solve(target)


def multigrid(matrix: sparse.csc_matrix, target: np.ndarray) -> np.ndarray:
    import pyamg

    return pyamg.ruge_stuben_solver(matrix.tocsr()).solve(target, tol=1e-5, accel="cg")


def timed(function: Callable[[], np.ndarray]) -> tuple[float, float, np.ndarray]:
    """Seconds on the wall, seconds of processor time (which other programs on the machine disturb less), answer."""
    start, start_cpu = time.perf_counter(), time.process_time()
    answer = function()
    return time.perf_counter() - start, time.process_time() - start_cpu, answer


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=1024)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--image", type=Path, help="a picture to take instead, at its own size")
    parser.add_argument("--skip-gpu", action="store_true")
    options = parser.parse_args()

    packages = ("numpy", "scipy", "torch") + (("pyamg",) if find_spec("pyamg") else ())
    machine = {
        "cpu": cpu_model(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        **{name: version(name) for name in packages},
    }
    print(", ".join(f"{k} {v}" for k, v in machine.items()))
    if "pyamg" not in packages:
        print("pyamg is not installed: its algebraic multigrid is left out (pip install pyamg)")

    image = read_image(options.image).image[None] if options.image else made_up_chest(options.size)
    image = image.double()
    weights = affinities(image)
    matrix, target = operator(weights), image.numpy().ravel()

    def ours() -> np.ndarray:
        return solve(image, weights, LAMBDA).numpy().ravel()

    contestants: dict[str, Callable[[], np.ndarray]] = {
        "spsolve": lambda: spsolve(matrix, target),
        "splu, symmetric mode": lambda: symmetric_splu(matrix, target),
        **({"pyamg Ruge-Stueben + CG": lambda: multigrid(matrix, target)} if "pyamg" in packages else {}),
        "radbench": ours,
    }
    ours()
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    processor: dict[str, list[float]] = {name: [] for name in contestants}
    errors: dict[str, float] = {}
    for _ in range(options.repeats):
        truth: np.ndarray | None = None
        for name, function in contestants.items():
            wall, cpu, answer = timed(function)
            seconds[name].append(wall)
            processor[name].append(cpu)
            truth = answer if truth is None else truth
            errors[name] = float(np.linalg.norm(answer - truth) / np.linalg.norm(truth))
    medians = {name: statistics.median(s) for name, s in seconds.items()}
    ratios = {name: medians["spsolve"] / m for name, m in medians.items()}
    cpu_medians = {name: statistics.median(s) for name, s in processor.items()}
    cpu_ratios = {name: cpu_medians["spsolve"] / m for name, m in cpu_medians.items()}

    height, width = image.shape[2:]
    print(f"\n| WLS at {height} x {width}, median of {options.repeats} | s | ratio | CPU s | ratio | relative error |")
    print("|---|---|---|---|---|---|")
    for name in contestants:
        print(
            f"| {name} | {medians[name]:.2f} | {ratios[name]:.1f}x | {cpu_medians[name]:.2f} "
            f"| {cpu_ratios[name]:.1f}x | {errors[name]:.1e} |"
        )
    result = {
        "machine": machine,
        "size": [height, width],
        "image": options.image.name if options.image else "made-up chest",
        "repeats": options.repeats,
        "seconds": seconds,
        "median_seconds": medians,
        "faster_than_spsolve": ratios,
        "median_cpu_seconds": cpu_medians,
        "less_cpu_than_spsolve": cpu_ratios,
        "load_average": os.getloadavg() if hasattr(os, "getloadavg") else None,
        "relative_error": errors,
    }
    if torch.cuda.is_available() and not options.skip_gpu:
        result["gpu"] = on_gpu(options, medians["spsolve"])
    folder = Path(__file__).parent / "results"
    folder.mkdir(exist_ok=True)
    if not options.image:
        (folder / "wls.json").write_text(json.dumps(result, indent=2) + "\n")


def on_gpu(options: argparse.Namespace, spsolve_seconds: float) -> dict[str, object]:
    """Time a batch of eight on the first CUDA device; errors are those against our CPU answer."""
    images = torch.cat([made_up_chest(options.size, seed) for seed in range(8)])
    expected = solve(images.double(), affinities(images), LAMBDA)
    device = torch.device("cuda")
    resident = images.double().to(device)
    weights = affinities(resident)
    answer = solve(resident, weights, LAMBDA)
    spent = []
    for _ in range(max(5, options.repeats)):
        torch.cuda.synchronize()
        start = time.perf_counter()
        answer = solve(resident, weights, LAMBDA)
        torch.cuda.synchronize()
        spent.append(time.perf_counter() - start)
    per_image = statistics.median(spent) / len(images)
    error = float((answer.cpu() - expected).norm() / expected.norm())
    name = torch.cuda.get_device_name(device)
    print(
        f"| {name}, batch of {len(images)}, per image | {per_image:.4f} | "
        f"{spsolve_seconds / per_image:.0f}x | | | {error:.1e} (to the CPU's) |"
    )
    return {
        "device": name,
        "batch": len(images),
        "batch_seconds": spent,
        "median_seconds_per_image": per_image,
        "faster_than_spsolve": spsolve_seconds / per_image,
        "relative_error_to_cpu": error,
        "peak_memory_gb": torch.cuda.max_memory_allocated(device) / 1e9,
    }


if __name__ == "__main__":
    main()
