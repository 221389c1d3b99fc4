"""View distances: how far Fréchet distances wobble with the number of patients, radiomic and on Inception's 768.

    python benchmarks/view_distances.py [--images ../shared/data/hannover-cxr] [--patients 10 20 40] [--draws 20]

Radiographs are made 256 x 256 and harmed: smoothed, made noisy, toned. Each harm is scored against the radiographs
themselves, as the task view-realism scores views, over random subsets of so many patients: the mean, the standard
deviation over the subsets, and what chance alone gives (radbench.stats.frechet.distance_by_chance), by which an
interval reaches further down. Inception-v3 has random weights unless its file is given, which changes the figures and
not that it has 768 dimensions.
"""

from __future__ import annotations

import argparse
import json
import warnings
from pathlib import Path

import numpy as np
import torch
from machine import describe_machine
from torch import Tensor
from torch.nn.functional import avg_pool2d, interpolate

from radbench.imaging import find_images, read_image
from radbench.stats.aggregations.evidence import FeatureSets
from radbench.stats.frechet import distance_by_chance, frechet_distance
from radbench_views.inception import Inception
from radbench_views.radiomics import radiomic_features
from radbench_views.standardised import standardised

RESULT = Path(__file__).with_name("results") / "view_distances.json"
SIDE = 256


def harms(image: Tensor, number: int) -> dict[str, Tensor]:
    """Return an image [1,1,H,W] in [0,1] harmed in three ways, by name."""
    noise = torch.randn(image.shape, generator=torch.Generator().manual_seed(number))
    return {
        "mean of 3 x 3": avg_pool2d(image, 3, 1, 1, count_include_pad=False),
        "noise of 0.02": (image + 0.02 * noise).clamp(0, 1),
        "gamma of 0.8": image**0.8,
    }


def as_it_is(values: np.ndarray, references: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return features as they are."""
    return values, references


def in_deviations(values: np.ndarray, references: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return features in the references' standard deviations."""
    found = standardised(FeatureSets((values,), (references,)))
    return found.values, found.references


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path, default=Path("../shared/data/hannover-cxr"))
    parser.add_argument("--patients", nargs="+", type=int, default=[10, 20, 40])
    parser.add_argument("--draws", type=int, default=20, help="subsets of each size")
    parser.add_argument("--weights", type=Path, default=None, help="of Inception-v3; without, random ones")
    asked = parser.parse_args()
    warnings.filterwarnings("ignore", message=".*lossy.*")
    network = Inception(pretrained=False, weights=asked.weights)
    features: dict[str, dict[str, list[np.ndarray]]] = {"radiomic_frechet": {}, "inception": {}}
    for number, path in enumerate(find_images(asked.images).values()):
        image = interpolate(read_image(path).image[None], size=(SIDE, SIDE), mode="bilinear", antialias=True)
        for name, one in {"": image, **harms(image, number)}.items():
            features["radiomic_frechet"].setdefault(name, []).append(radiomic_features(one[0, 0].numpy()))
            features["inception"].setdefault(name, []).append(network(one)[0].double().numpy())
    found: dict[str, dict[str, dict[str, list[float]]]] = {}
    for kind, scaled in (("radiomic_frechet", in_deviations), ("inception", as_it_is)):
        sets = {name: np.stack(vectors) for name, vectors in features[kind].items()}
        total = len(sets[""])
        for name in (name for name in sets if name):
            for n in (n for n in asked.patients if n <= total):
                draw, owner = np.random.default_rng(n), np.arange(n)
                subsets = [draw.permutation(total)[:n] for _ in range(1 if n == total else asked.draws)]
                pairs = [scaled(sets[name][s], sets[""][s]) for s in subsets]
                values = [frechet_distance(*pair) for pair in pairs]
                chance = np.mean([distance_by_chance(*pair, owner, owner) for pair in pairs])
                row = [float(one) for one in (np.mean(values), np.std(values), chance)]
                found.setdefault(kind, {}).setdefault(name, {})[str(n)] = row
                print(
                    f"{kind:17} {name:15} {n:3} patients: {row[0]:.3g} ± {row[1]:.2g}, by chance {row[2]:.2g}",
                    flush=True,
                )
    RESULT.write_text(json.dumps({"machine": describe_machine(), "distances": found}, indent=1) + "\n")


if __name__ == "__main__":
    main()
