"""Ghosts: how much bone an enhancer finds in the lungs where there is none, and what taking it away does there.

    python benchmarks/ghosts.py [--enhancers bone-unet "bone-unet[mode=suppress]"] [--looks plain mixed] [--cases 8]
        [--precision mixed]

The first cases of phantom-cxr's test split, profile ``quick``, seed 0; pixels of ``lung_field_mask`` without the outer
4 mm. *No rib* is where the true ``bone_image`` is 0 within 2 mm, *rib* where it is above a tenth of its greatest value
in the lungs. Of the layer ``bone_image`` (in [0,1]) the mean over both is given; of what the enhancer changes in the
image (less its mean over the pixels without rib, which is tone) the root of the mean square where there is no rib. The
truth's figures stand first. An enhancer that learns is trained first, where it is not yet.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
from machine import describe_machine
from scipy.ndimage import binary_dilation, binary_erosion

from radbench.api import load_enhancer
from radbench.contracts import Case
from radbench.engine.plan.pairs import open_dataset
from radbench.engine.work.enhance import enhance
from radbench.registry.registry import load_registry

RESULT = Path(__file__).with_name("results") / "ghosts.json"

RIM_MM, NEAR_MM, RIB = 4.0, 2.0, 0.1


def places(case: Case) -> tuple[np.ndarray, np.ndarray]:
    """Return where in the lungs there is no rib, and where there is one, bool ``[H,W]``."""
    assert case.spacing_mm is not None
    spacing = float(case.spacing_mm[1])
    lungs = case.targets["lung_field_mask"][0].numpy() > 0
    lungs = binary_erosion(lungs, iterations=max(1, round(RIM_MM / spacing)))
    bone = case.targets["bone_image"][0].numpy()
    near = binary_dilation(bone > 0, iterations=max(1, round(NEAR_MM / spacing)))
    most = bone[lungs].max() if lungs.any() else 0.0
    return lungs & ~near, lungs & (bone > RIB * most)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--enhancers", nargs="+", default=["bone-unet", "bone-unet[mode=suppress]"])
    parser.add_argument("--looks", nargs="+", default=["plain", "mixed"])
    parser.add_argument("--cases", type=int, default=8, help="how many of the test split")
    parser.add_argument("--precision", default="float32")
    options = parser.parse_args()
    registry = load_registry()
    ready = {
        name: load_enhancer(registry, name, profile="quick", seed=0, device="cpu", precision=options.precision)
        for name in options.enhancers
    }
    found: dict[str, dict[str, float]] = {}
    for look in options.looks:
        rows: dict[str, list[tuple[float, ...]]] = {}
        opened = open_dataset(registry, f"phantom-cxr[look={look}]", "quick").opened
        for entry in opened.split("test")[: options.cases]:
            case = opened.dataset.load(entry.case_id)
            none, rib = places(case)
            if not none.any() or not rib.any():
                print(f"passed over: {case.case_id}: all of its lungs, or nothing of them, lies behind ribs")
                continue
            truth = case.targets["bone_image"][0].numpy()
            rows.setdefault("truth", []).append((truth[none].mean(), truth[rib].mean(), 0.0))
            for name, enhancer in ready.items():
                made = enhance(enhancer, case.image[None], [case.info], 0, case.case_id)
                if "bone_image" not in made.layers:
                    raise SystemExit(f"{name} has no layer bone_image")
                bone = made.layers["bone_image"][0, 0].numpy()
                change = (made.image[0, 0] - case.image[0]).numpy()[none]
                rows.setdefault(name, []).append((bone[none].mean(), bone[rib].mean(), change.std()))
        for name, values in rows.items():
            columns = dict(zip(("no rib", "rib", "changed"), np.mean(values, axis=0).tolist(), strict=True))
            found[f"{look}: {name}"] = columns
            print(f"{look}, {name} ({len(values)}):", *(f"{key} {value:.4f};" for key, value in columns.items()))
    facts = {"machine": describe_machine(), "options": vars(options), "ghosts": found}
    RESULT.write_text(json.dumps(facts, indent=1) + "\n")


if __name__ == "__main__":
    main()
