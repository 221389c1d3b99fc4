"""Resolution: how much of a fine contrast in the lungs of a radiograph is left in what an enhancer makes of it.

    python benchmarks/resolution.py [--enhancers original clahe lung-unet] [--looks plain hospital] [--size 512]
        [--widths 1 2 3 4] [--cases 4] [--contrast 0.01] [--precision mixed]

Into the lungs of phantom-cxr's test radiographs bars are laid, dark and bright by turns, so many millimetres wide,
sinusoidal and weak, and vessels: bright lines with a Gaussian profile of that full width at half maximum, six widths
apart. The modulation is the slope of the change in the picture on what was laid in, over the lungs: 1 is kept as it
came, 0 is lost. It is taken for the enhanced image and for the layer ``lung_image`` where there is one. Lungs are
``lung_field_mask`` without the outer 4 mm. An enhancer that learns is trained first, where it is not yet.
"""

from __future__ import annotations

import argparse
import json
import math
from pathlib import Path

import torch
from machine import describe_machine
from scipy.ndimage import binary_erosion
from torch import Tensor

from radbench.api import load_enhancer
from radbench.contracts.case import CaseInfo
from radbench.engine.work.enhance import enhance
from radbench.registry.registry import load_registry
from radbench_phantom.cxr.dataset import PhantomCxr

RESULT = Path(__file__).with_name("results") / "resolution.json"


def bars(shape: tuple[int, int], spacing_mm: float, width_mm: float) -> Tensor:
    """Upright sinusoidal bars between -1 and 1, float32 [H,W]."""
    x = (torch.arange(shape[1]) + 0.5) * spacing_mm
    return (math.pi * x / width_mm).sin().expand(shape).contiguous()


def vessels(shape: tuple[int, int], spacing_mm: float, width_mm: float) -> Tensor:
    """Slanting lines of height 1, float32 [H,W]."""
    y, x = torch.meshgrid(*(torch.arange(n) * spacing_mm for n in shape), indexing="ij")
    apart = 6 * width_mm
    across = (0.8 * x + 0.6 * y).remainder(apart) - apart / 2
    return (-4 * math.log(2) * (across / width_mm).square()).exp()


def modulation(change: Tensor, laid: Tensor, lungs: Tensor) -> float:
    """Slope of a change on what was laid in, both without their mean over the lungs."""
    a, b = (t[lungs].double() for t in (change, laid))
    a, b = a - a.mean(), b - b.mean()
    return float((a * b).sum() / (b * b).sum())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--enhancers", nargs="+", default=["original", "clahe", "lung-unet"])
    parser.add_argument("--looks", nargs="+", default=["plain", "hospital"])
    parser.add_argument("--size", type=int, default=512, help="of the radiographs")
    parser.add_argument("--widths", nargs="+", type=float, default=[1.0, 2.0, 3.0, 4.0], help="millimetres")
    parser.add_argument("--cases", type=int, default=4, help="of the test split")
    parser.add_argument("--contrast", type=float, default=0.01, help="of what is laid in, in grey levels of [0,1]")
    parser.add_argument("--precision", default="float32")
    options = parser.parse_args()
    results = {look: measured(look, options) for look in options.looks}
    for look, rows in results.items():
        for row, columns in rows.items():
            print(f"{look}, {row}:", *(f"{key} {value:.2f};" for key, value in columns.items()))
    facts = {"machine": describe_machine(), "options": vars(options), "modulation": results}
    RESULT.write_text(json.dumps(facts, indent=1) + "\n")


def measured(look: str, options: argparse.Namespace) -> dict[str, dict[str, float]]:
    """Return the mean modulation over cases, by picture and by what was laid in."""
    quick = PhantomCxr.Config.profiles["quick"]
    dataset = PhantomCxr(PhantomCxr.Config(**{**quick, "look": look, "size": options.size}))
    cases = [dataset.load(e.case_id) for e in dataset.manifest() if e.split == "test"][: options.cases]
    registry = load_registry()
    given = {"profile": "quick", "seed": 0, "device": "cpu", "precision": options.precision}
    ready = {name: load_enhancer(registry, name, **given) for name in options.enhancers}
    found: dict[str, dict[str, list[float]]] = {}
    for case in cases:
        image, spacing = case.image[None], float(case.spacing_mm[1])
        away = max(1, round(4 / spacing))
        lungs = torch.from_numpy(binary_erosion(case.targets["lung_field_mask"][0].numpy(), iterations=away))
        info = [CaseInfo(case.case_id, case.patient_id, case.spacing_mm)]
        for name, enhancer in ready.items():
            before = enhance(enhancer, image, info, 0, case.case_id)
            for width in options.widths:
                for what, laid in (("bars", bars), ("vessels", vessels)):
                    pattern = laid((image.shape[2], image.shape[3]), spacing, width) * options.contrast
                    after = enhance(enhancer, (image + pattern * lungs).clamp(0, 1), info, 0, case.case_id)
                    pictures = {"image": (before.image, after.image)}
                    if "lung_image" in before.layers:
                        pictures["lung_image"] = (before.layers["lung_image"], after.layers["lung_image"])
                    for picture, (one, other) in pictures.items():
                        key = f"{what} of {width:g} mm"
                        kept = modulation((other - one)[0, 0], pattern, lungs)
                        found.setdefault(f"{name}: {picture}", {}).setdefault(key, []).append(kept)
    return {row: {key: sum(v) / len(v) for key, v in columns.items()} for row, columns in found.items()}


if __name__ == "__main__":
    main()
