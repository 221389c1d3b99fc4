"""BRISQUE at 512x512, batch of 8: radbench against the PyPI package `brisque`, interleaved in one process,
each on one thread.

The rival is no dependency. To have it, in an environment that may be thrown away:

    pip install brisque libsvm-official requests

Its release 0.2.0 fails on NumPy 2.4 (one-element arrays are no scalars any more); the patch below, applied at run
time, hands it scalars and changes nothing else. It takes RGB and scores its own variant (no antialiasing when it
halves), so that the scores differ by definition; the work is the same.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import sys
import time
from importlib import metadata
from pathlib import Path
from typing import Any

from machine import cpu_model

HERE = Path(__file__).resolve().parent
SIDE, BATCH, REPEATS = 512, 8, 9


def rival() -> Any | None:
    """Return the package's scorer, patched to run, or None."""
    # This script has the rival's name, and its folder comes first on the path.
    sys.path[:] = [entry for entry in sys.path if Path(entry or ".").resolve() != HERE]
    try:
        import numpy as np
        from brisque import BRISQUE
    except ImportError as reason:
        print(f"the PyPI package 'brisque' is not here ({reason}): pip install brisque libsvm-official requests")
        return None
    scale_features = BRISQUE.scale_features

    def scale_scalars(self: Any, features: Any) -> Any:
        return scale_features(self, [np.asarray(feature).item() for feature in features])

    BRISQUE.scale_features = scale_scalars
    return BRISQUE(url=False)


def images() -> Any:
    """Return float32 [8,1,512,512] in [0,1]: smooth structures, edges and noise, on 256 grey levels."""
    import torch

    generator = torch.Generator().manual_seed(0)
    y, x = torch.meshgrid(torch.arange(SIDE), torch.arange(SIDE), indexing="ij")
    phase = torch.rand(BATCH, 1, 1, 1, generator=generator) * 6.28
    waves = 0.45 + 0.2 * torch.sin(x / 17 + phase) * torch.cos(y / 23) + 0.15 * ((x // 64 + y // 64) % 2)
    noisy = waves + 0.03 * torch.randn(BATCH, 1, SIDE, SIDE, generator=generator)
    return (noisy.clamp(0, 1) * 255).round() / 255


def milliseconds(work: Any) -> float:
    """Return the wall time of one call per image of the batch."""
    start = time.perf_counter()
    work()
    return (time.perf_counter() - start) * 1e3 / BATCH


def main() -> int:
    other = rival()
    if other is None:
        return 1
    import torch

    from radbench.metrics import brisque

    # The rival runs on one thread: so do we.
    torch.set_num_threads(1)
    batch = images()
    colour = [(image[0] * 255).byte().numpy()[..., None].repeat(3, axis=2) for image in batch]

    def ours() -> list[float]:
        return [float(score) for score in brisque(batch)]

    def theirs() -> list[float]:
        return [float(other.score(image)) for image in colour]

    scores = {"radbench": ours(), "brisque": theirs()}
    times: dict[str, list[float]] = {"radbench": [], "brisque": []}
    for _ in range(REPEATS):
        times["brisque"].append(milliseconds(theirs))
        times["radbench"].append(milliseconds(ours))
    median = {name: statistics.median(values) for name, values in times.items()}
    ratio = median["brisque"] / median["radbench"]
    device_ms = None
    if torch.cuda.is_available():
        on_device = batch.cuda()
        brisque(on_device)
        device_ms = statistics.median(milliseconds(lambda: brisque(on_device).cpu()) for _ in range(REPEATS))
    result = {
        "benchmark": "brisque",
        "image": [SIDE, SIDE],
        "batch": BATCH,
        "repeats": REPEATS,
        "ms_per_image": median,
        "ratio": ratio,
        "cuda_ms_per_image": device_ms,
        "cuda_device": torch.cuda.get_device_name() if device_ms is not None else None,
        "scores": scores,
        "machine": {
            "cpu": cpu_model(),
            "cores": os.cpu_count(),
            "torch_threads": torch.get_num_threads(),
            "python": platform.python_version(),
            "versions": {name: metadata.version(name) for name in ("radbench", "torch", "brisque", "numpy", "scipy")},
        },
    }
    out = HERE / "results" / "brisque.json"
    out.parent.mkdir(exist_ok=True)
    out.write_text(json.dumps(result, indent=1) + "\n")
    machine = result["machine"]
    print(
        f"{machine['cpu']}, {machine['cores']} cores, {machine['torch_threads']} torch threads, {machine['versions']}"
    )
    for name, value in median.items():
        print(f"{name:10s} {value:8.2f} ms per image (median of {REPEATS}, batch of {BATCH})")
    if device_ms is not None:
        print(f"{'on CUDA':10s} {device_ms:8.2f} ms per image on {result['cuda_device']}")
    print(f"ratio      {ratio:8.1f}")
    print(
        f"| BRISQUE, {SIDE}x{SIDE}, batch of {BATCH} | `brisque` {metadata.version('brisque')} "
        f"{median['brisque']:.0f} ms | radbench {median['radbench']:.1f} ms | **{ratio:.1f}x** |"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
