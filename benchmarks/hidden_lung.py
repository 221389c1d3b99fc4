"""How much of the projected lung is found where it can be seen, and how much where heart and diaphragm hide it.

    python benchmarks/hidden_lung.py [--enhancer "lung-unet[lung=projected]"]
        [--datasets "phantom-cxr[look=mixed]" "lidc[root=PATH,split=[0,0,1]]"] [--cases 8] [--precision mixed]

The first cases of each test split, profile ``quick``, seed 0; means over cases. *Seen* is ``aerated_lung_mask``,
*hidden* what ``lung_mask`` has beyond it. Given are Dice at both thresholds, the share of each part that is found, the
share of the found that is lung, and the Dice there would be if the hidden part were known. An enhancer that learns is
trained first, where it is not yet.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
from machine import describe_machine

from radbench.api import load_enhancer
from radbench.engine.plan.pairs import open_dataset
from radbench.engine.work.enhance import enhance
from radbench.registry.registry import load_registry

RESULT = Path(__file__).with_name("results") / "hidden_lung.json"

THRESHOLDS = (0.95, 0.5)
"""The paper's (§3.1), and the one that a probability has by itself."""


def dice(found: np.ndarray, true: np.ndarray) -> float:
    """Return the Dice coefficient of two masks, of which one at least is not empty."""
    return float(2 * (found & true).sum() / (found.sum() + true.sum()))


def parts(found: np.ndarray, lung: np.ndarray, seen: np.ndarray) -> dict[str, float]:
    """Return how a mask agrees with seen and hidden lung, bool ``[H,W]``; NaN is the share of an empty part."""
    hidden = lung & ~seen

    def share(part: np.ndarray, whole: np.ndarray) -> float:
        return float((part & whole).sum() / whole.sum()) if whole.any() else float("nan")

    return {
        "dice": dice(found, lung),
        "seen found": share(found, seen),
        "hidden found": share(found, hidden),
        "precision": share(lung, found),
        "hidden of all": share(hidden, lung),
        "dice, hidden known": dice(found | hidden, lung),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--enhancer", default="lung-unet[lung=projected]")
    parser.add_argument("--datasets", nargs="+", default=["phantom-cxr[look=mixed]"])
    parser.add_argument("--cases", type=int, default=8, help="how many of each test split")
    parser.add_argument("--precision", default="float32")
    options = parser.parse_args()
    registry = load_registry()
    ready = load_enhancer(
        registry, options.enhancer, profile="quick", seed=0, device="cpu", precision=options.precision
    )
    means: dict[str, dict[str, float]] = {}
    for name in options.datasets:
        opened = open_dataset(registry, name, "quick").opened
        rows: dict[float, list[dict[str, float]]] = {threshold: [] for threshold in THRESHOLDS}
        for entry in opened.split("test")[: options.cases]:
            case = opened.dataset.load(entry.case_id)
            made = enhance(ready, case.image[None], [case.info], 0, case.case_id)
            lung, seen = (case.targets[mask][0].numpy() > 0 for mask in ("lung_mask", "aerated_lung_mask"))
            for threshold, row in rows.items():
                row.append(parts(made.layers["lung_mask"][0, 0].numpy() >= threshold, lung, lung & seen))
        for threshold, row in rows.items():
            # The folder is whoever's it is.
            shown = f"{name.partition('[root=')[0]}: {threshold}"
            means[shown] = {key: float(np.nanmean([one[key] for one in row])) for key in row[0]}
            print(shown, ", ".join(f"{key} {value:.3f}" for key, value in means[shown].items()))
    RESULT.write_text(
        json.dumps({"machine": describe_machine(), "enhancer": options.enhancer, "means": means}, indent=1) + "\n"
    )


if __name__ == "__main__":
    main()
