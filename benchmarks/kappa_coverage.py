"""How often the interval of Cohen's kappa covers the truth: drawn readers, patients with one image or three.

``python benchmarks/kappa_coverage.py`` prints a line per cell. Each reader says the truth with a given probability, and
else any grade; the two then agree beyond chance with the square of it, whatever the weights. An interval that is
withheld counts for nothing. The last column is the same jackknife on kappa's own scale, which radbench does not use.
"""

from __future__ import annotations

import math
from itertools import product

import numpy as np
from scipy.special import stdtrit

from radbench.stats.agreement import Agreement, cohen_kappa

STUDIES = 600
SETTINGS = product(
    ((0.7, 3), (0.9, 3), (0.3, 3), (0.7, 5)), ((12, 1), (12, 3), (24, 1), (40, 3)), ("none", "quadratic")
)


def untransformed(found: Agreement) -> tuple[float, float]:
    """Return the interval with the same error on kappa's own scale."""
    t = -float(stdtrit(found.patients - 1, (1 - found.level) / 2))
    reach = (math.atanh(found.high) - math.atanh(found.kappa)) / t * (1 - found.kappa**2) * t
    return found.kappa - reach, found.kappa + reach


def main() -> None:
    draws = np.random.default_rng(0)
    print("truth grades patients images weights     kappa  covers  withheld  (untransformed)")
    for (truthful, grades), (patients, images), weights in SETTINGS:
        true, n = truthful**2, patients * images
        owners = [str(i // images) for i in range(n)]
        covered = plainly = given = 0
        for _ in range(STUDIES):
            truth = np.repeat(draws.integers(0, grades, size=patients), images)
            said = [np.where(draws.random(n) < truthful, truth, draws.integers(0, grades, size=n)) for _ in range(2)]
            found = cohen_kappa(*said, range(grades), weights, owners)
            if not math.isnan(found.low):
                given += 1
                covered += found.low <= true <= found.high
                low, high = untransformed(found)
                plainly += low <= true <= high
        print(
            f"{truthful:5.1f} {grades:6d} {patients:8d} {images:6d} {weights:10s} {true:6.2f} {covered / given:7.3f} "
            f"{STUDIES - given:9d} {plainly / given:17.3f}"
        )


if __name__ == "__main__":
    main()
