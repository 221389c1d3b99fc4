"""Of what kind the error of an extracted lung image is: coarse or fine, and how much of it a curve of greys explains.

    python benchmarks/lung_bands.py [--enhancer lung-unet] [--dataset "phantom-cxr[look=mixed]"] [--cases 8]
        [--precision mixed]

The first cases of the test split, profile ``quick``, seed 0. The error of the layer ``lung_image`` to the truth is cut
in two: its means over 64 x 64 blocks, and what is finer. For each the PSNR
is given that there would be if the other band were perfect; beside them that of a lung image without any fine
structure whose coarse band is perfect, and that of the lung image after the best rising curve of greys (fitted to
that case's truth: a bound that nobody reaches). An enhancer that learns is trained first, where it is not yet.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
from machine import describe_machine
from scipy.optimize import isotonic_regression

from radbench.api import load_enhancer
from radbench.engine.plan.pairs import open_dataset
from radbench.engine.work.enhance import enhance
from radbench.registry.registry import load_registry

RESULT = Path(__file__).with_name("results") / "lung_bands.json"

BLOCKS = 64


def blocks(image: np.ndarray) -> np.ndarray:
    """Return an image ``[H,W]`` with each of 64 x 64 blocks at its mean.

    Raises:
        SystemExit: it does not divide into them.
    """
    high, wide = (side // BLOCKS for side in image.shape)
    if image.shape != (high * BLOCKS, wide * BLOCKS):
        raise SystemExit(f"{image.shape[0]} x {image.shape[1]} pixels do not divide into {BLOCKS} x {BLOCKS} blocks")
    means = image.reshape(BLOCKS, high, BLOCKS, wide).mean((1, 3))
    return means.repeat(high, 0).repeat(wide, 1)


def bands(found: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    """Return PSNR in dB of lung images ``[H,W]`` in [0,1]: as they are, and bounds of each kind."""
    error = found - truth
    coarse = blocks(error)
    _, place, count = np.unique(found, return_inverse=True, return_counts=True)
    means = np.bincount(place.ravel(), truth.ravel()) / count
    curve = isotonic_regression(means, weights=count).x[place].reshape(truth.shape)
    errors = {
        "as it is": error,
        "coarse error alone": coarse,
        "fine error alone": error - coarse,
        "no fine structure": truth - blocks(truth),
        "best curve": curve - truth,
    }
    return {name: float(-10 * np.log10(np.square(wrong).mean())) for name, wrong in errors.items()}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--enhancer", default="lung-unet")
    parser.add_argument("--dataset", default="phantom-cxr[look=mixed]")
    parser.add_argument("--cases", type=int, default=8, help="how many of the test split")
    parser.add_argument("--precision", default="float32")
    options = parser.parse_args()
    registry = load_registry()
    ready = load_enhancer(
        registry, options.enhancer, profile="quick", seed=0, device="cpu", precision=options.precision
    )
    found: dict[str, list[float]] = {}
    opened = open_dataset(registry, options.dataset, "quick").opened
    for entry in opened.split("test")[: options.cases]:
        case = opened.dataset.load(entry.case_id)
        made = enhance(ready, case.image[None], [case.info], 0, case.case_id).layers["lung_image"][0, 0]
        for name, value in bands(made.double().numpy(), case.targets["lung_image"][0].double().numpy()).items():
            found.setdefault(name, []).append(value)
    for name, values in found.items():
        print(f"{name}: {np.mean(values):.1f} dB ({min(values):.1f} to {max(values):.1f})")
    RESULT.write_text(
        json.dumps({"machine": describe_machine(), "options": vars(options), "psnr": found}, indent=1) + "\n"
    )


if __name__ == "__main__":
    main()
