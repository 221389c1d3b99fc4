"""Denoising: our BM3D against the package bm3d, side by side in one process, and images per second of other denoisers.

    python benchmarks/denoise.py [--size 512] [--sigma 25] [--threads 2] [--repeats 5] [--skip-table] [--skip-gpu]
        [--also dncnn sgan]

Both denoise the same photograph (scikit-image's ``camera``) with the same white noise, in turns, and both are told the
noise level and given the same number of threads. Then the PSNR of both on several photographs and noise levels. The
package (``pip install bm3d``) is for non-commercial use only; without it our own figures are printed alone. ``--also``
times other enhancers by name, one image at a time, and compares their PSNR with BM3D's on photographs that nothing
learns from (the test split of ``natural``), all of them given the same noisy 8-bit range, [0,1]; one that learns is
trained first, where it is not yet (``bench train``). With a CUDA device, ours is timed there too.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import time
from collections.abc import Callable
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from machine import describe_machine
from skimage import data
from skimage.color import rgb2gray
from skimage.transform import resize

from radbench_bm3d.enhancer import BM3D, BM3DConfig

Denoiser = Callable[[torch.Tensor, float], torch.Tensor]

PHOTOGRAPHS = ("camera", "astronaut", "coins", "moon", "brick", "page")
HELD_OUT = ("camera", "chelsea", "coins")
"""The test split of ``natural``."""
LEVELS = (15.0, 25.0, 50.0)
CROP = 256


def photograph(name: str) -> np.ndarray:
    """Grey values of 8 bits, float64 [H,W]."""
    image = getattr(data, name)()
    return np.round(rgb2gray(image) * 255) if image.ndim == 3 else image.astype(np.float64)


def with_noise(clean: np.ndarray, sigma: float) -> torch.Tensor:
    """The picture on [0,1] with white noise, not clipped and not rounded, float32 [1,1,H,W]."""
    noise = np.random.default_rng(0).normal(0.0, sigma, clean.shape)
    return torch.from_numpy((clean + noise) / 255).float()[None, None]


def psnr(image: torch.Tensor, clean: np.ndarray) -> float:
    return 10 * math.log10(1 / float(np.mean((image[0, 0].double().cpu().numpy() - clean / 255) ** 2)))


def ours(image: torch.Tensor, sigma: float) -> torch.Tensor:
    return BM3D(BM3DConfig(sigma=sigma)).enhance(image)


def packages(threads: int) -> Denoiser:
    import bm3d

    profile = bm3d.BM3DProfile()
    profile.num_threads = threads

    def denoise(image: torch.Tensor, sigma: float) -> torch.Tensor:
        out = bm3d.bm3d(image[0, 0].double().numpy(), sigma / 255, profile)
        return torch.from_numpy(np.asarray(out)).reshape(image.shape).clamp(0, 1)

    return denoise


def side_by_side(denoisers: dict[str, Denoiser], options: argparse.Namespace) -> dict[str, dict[str, object]]:
    clean = photograph("camera")
    if clean.shape != (options.size, options.size):
        clean = np.round(resize(clean, (options.size, options.size), order=3, preserve_range=True))
    noisy = with_noise(clean, options.sigma)
    wall: dict[str, list[float]] = {name: [] for name in denoisers}
    processor: dict[str, list[float]] = {name: [] for name in denoisers}
    answers: dict[str, list[torch.Tensor]] = {name: [] for name in denoisers}
    for denoise in denoisers.values():
        denoise(noisy[:, :, :64, :64].contiguous(), options.sigma)
    for _ in range(options.repeats):
        for name, denoise in denoisers.items():
            start, start_cpu = time.perf_counter(), time.process_time()
            answers[name].append(denoise(noisy, options.sigma))
            wall[name].append(time.perf_counter() - start)
            processor[name].append(time.process_time() - start_cpu)
    return {
        name: {
            "seconds": wall[name],
            "median_seconds": statistics.median(wall[name]),
            "cpu_seconds": processor[name],
            "median_cpu_seconds": statistics.median(processor[name]),
            "psnr": psnr(answers[name][0], clean),
            "same_bits_every_time": all(torch.equal(answers[name][0], a) for a in answers[name]),
        }
        for name in denoisers
    }


def quality(denoisers: dict[str, Denoiser]) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    for picture in PHOTOGRAPHS:
        clean = photograph(picture)[:CROP, :CROP]
        for sigma in LEVELS:
            noisy = with_noise(clean, sigma)
            scores = {name: psnr(denoise(noisy, sigma), clean) for name, denoise in denoisers.items()}
            rows.append({"photograph": picture, "sigma": sigma, **scores})
            print(f"| {picture} | {sigma:g} | " + " | ".join(f"{v:.2f}" for v in scores.values()) + " |", flush=True)
    return rows


def others(names: list[str], options: argparse.Namespace) -> list[dict[str, object]]:
    """Seconds per image of enhancers by name, on the processor and, where there is one, on the CUDA device."""
    from radbench.api import load_enhancer
    from radbench.registry.registry import load_registry

    registry, how = load_registry(()), {"profile": options.profile, "precision": options.precision}
    clean = np.round(resize(photograph("camera"), (options.size, options.size), order=3, preserve_range=True))
    noisy = with_noise(clean, options.sigma).clamp(0, 1)
    rows: list[dict[str, object]] = []
    for device in ("cpu", *(("cuda",) if torch.cuda.is_available() and not options.skip_gpu else ())):
        for name in names:
            enhancer = load_enhancer(registry, name, seed=0, device=device, **how)
            torch.set_num_threads(options.threads)
            image = noisy.to(device)
            out = enhancer(image).image
            spent = []
            for _ in range(options.repeats):
                start = time.perf_counter()
                out = enhancer(image).image
                if device == "cuda":
                    torch.cuda.synchronize()
                spent.append(time.perf_counter() - start)
            seconds = statistics.median(spent)
            rows.append({"enhancer": name, "device": device, "seconds": spent, "median_seconds": seconds})
            print(f"| {name}, {device} | {seconds:.3f} | {1 / seconds:.2f} images/s | {psnr(out, clean):.2f} dB |")
    return rows


def held_out(names: list[str], options: argparse.Namespace) -> list[dict[str, object]]:
    """PSNR of BM3D, told the noise level and not, and of others, on noisy photographs that are clipped to [0,1]."""
    from radbench.api import load_enhancer
    from radbench.registry.registry import load_registry

    registry, how = load_registry(()), {"profile": options.profile, "precision": options.precision}
    asked = {name: load_enhancer(registry, name, seed=0, device="cpu", **how) for name in names}
    rows: list[dict[str, object]] = []
    for picture in HELD_OUT:
        clean = photograph(picture)
        for sigma in LEVELS:
            noisy = with_noise(clean, sigma).clamp(0, 1)
            scores = {"noisy": psnr(noisy, clean), "bm3d, sigma given": psnr(ours(noisy, sigma), clean)}
            scores["bm3d"] = psnr(ours(noisy, 0.0), clean)
            scores |= {name: psnr(enhancer(noisy).image, clean) for name, enhancer in asked.items()}
            rows.append({"photograph": picture, "sigma": sigma, **scores})
            print(f"| {picture} | {sigma:g} | " + " | ".join(f"{v:.2f}" for v in scores.values()) + " |", flush=True)
    return rows


def on_gpu(options: argparse.Namespace) -> dict[str, object]:
    clean = np.round(resize(photograph("camera"), (options.size, options.size), order=3, preserve_range=True))
    noisy = with_noise(clean, options.sigma).cuda()
    out = ours(noisy, options.sigma)
    spent, same = [], True
    for _ in range(max(5, options.repeats)):
        torch.cuda.synchronize()
        start = time.perf_counter()
        again = ours(noisy, options.sigma)
        torch.cuda.synchronize()
        spent.append(time.perf_counter() - start)
        same = same and torch.equal(again, out)
    name, seconds = torch.cuda.get_device_name(), statistics.median(spent)
    print(f"\n{name}: {seconds:.3f} s, {psnr(out, clean):.2f} dB, the same bits every time: {same}")
    return {"device": name, "seconds": spent, "psnr": psnr(out, clean), "same_bits_every_time": same}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--sigma", type=float, default=25.0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--also", nargs="+", default=[], help="other enhancers to time, by name")
    parser.add_argument("--profile", default="quick", help="of the others")
    parser.add_argument("--precision", default="float32", help="of the others' trainings")
    parser.add_argument("--skip-table", action="store_true", help="leave the PSNR of further photographs out")
    parser.add_argument("--skip-gpu", action="store_true")
    options = parser.parse_args()

    torch.set_num_threads(options.threads)
    denoisers: dict[str, Denoiser] = {"radbench": ours}
    rival = ""
    if find_spec("bm3d"):
        denoisers["bm3d package"] = packages(options.threads)
        rival = f", bm3d {version('bm3d')}"
    else:
        print("bm3d is not installed: the package is left out (pip install bm3d; for non-commercial use only)")
    machine = describe_machine() + rival
    print(f"{machine}; {options.threads} threads each")
    print(
        f"\n| {options.size} x {options.size}, sigma {options.sigma:g}, median of {options.repeats} | s | CPU s | dB |"
    )
    print("|---|---|---|---|")
    timed = side_by_side(denoisers, options)
    for name, row in timed.items():
        print(f"| {name} | {row['median_seconds']:.2f} | {row['median_cpu_seconds']:.2f} | {row['psnr']:.2f} |")
    result: dict[str, object] = {
        "machine": machine,
        "threads": options.threads,
        "size": options.size,
        "sigma": options.sigma,
        "bm3d": timed,
        "load_average": os.getloadavg() if hasattr(os, "getloadavg") else None,
    }
    if "bm3d package" in timed:
        mine, theirs = timed["radbench"], timed["bm3d package"]
        result["faster_than_the_package"] = theirs["median_seconds"] / mine["median_seconds"]
        result["less_cpu_than_the_package"] = theirs["median_cpu_seconds"] / mine["median_cpu_seconds"]
        print(
            f"\nratio: {result['faster_than_the_package']:.1f}x on the clock, "
            f"{result['less_cpu_than_the_package']:.1f}x of processor time; the same bits every time: "
            f"ours {mine['same_bits_every_time']}, the package {theirs['same_bits_every_time']}"
        )
    if not options.skip_table:
        print(f"\n| photograph, {CROP} x {CROP} | sigma | " + " | ".join(f"{name}, dB" for name in denoisers) + " |")
        print("|---|---|" + "---|" * len(denoisers))
        result["quality"] = quality(denoisers)
    if torch.cuda.is_available() and not options.skip_gpu:
        result["gpu"] = on_gpu(options)
    if names := options.also:
        print("\n| enhancer | s per image | throughput | PSNR |\n|---|---|---|---|")
        result["others"] = others(names, options)
        print("\n| photograph | sigma | noisy | bm3d, sigma given | bm3d | " + " | ".join(names) + " |")
        print("|---|---|---|---|---|" + "---|" * len(names))
        result["held out"] = held_out(names, options)
    folder = Path(__file__).parent / "results"
    folder.mkdir(exist_ok=True)
    (folder / "denoise.json").write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
