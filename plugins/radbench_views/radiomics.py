"""Radiomic features of a whole image: its histogram, and how often grey levels lie side by side (IBSI; PyRadiomics)."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

LEVELS = 32
"""Grey levels of [0,1] for entropy, uniformity and co-occurrence [assumed: within the 16 to 128 that are usual]."""

NAMES = (
    "firstorder_Mean",
    "firstorder_Variance",
    "firstorder_Skewness",
    "firstorder_Kurtosis",
    "firstorder_10Percentile",
    "firstorder_90Percentile",
    "firstorder_InterquartileRange",
    "firstorder_Entropy",
    "glcm_Contrast",
    "glcm_Correlation",
    "glcm_JointEnergy",
    "glcm_JointEntropy",
    "glcm_Idm",
    "glcm_ClusterShade",
)
"""What :func:`radiomic_features` gives, by PyRadiomics' names."""

_NEIGHBOURS = ((0, 1), (1, 0), (1, 1), (1, -1))
"""Pixels next to each other: along rows, columns and both diagonals."""

Array = NDArray[np.float64]


def radiomic_features(image: NDArray[np.floating]) -> Array:
    """Return fourteen features of a grey image, in the order of :data:`NAMES`.

    Definitions are those of the Image Biomarker Standardisation Initiative (Zwanenburg et al. 2020, Radiology
    295:328-338) as PyRadiomics has them (van Griethuysen et al. 2017, Cancer Res. 77:e104): variance and moments over
    n, kurtosis 3 for a normal distribution, logarithms to base 2. First-order features are of the grey values;
    entropy and co-occurrence are of 32 equal levels of [0,1]. Each co-occurrence matrix counts pairs of neighbours
    both ways, and features are averaged over the four directions. Few and plain features are taken so that a
    distribution can be fitted to those of a few dozen patients.

    Args:
        image: ``[H,W]`` in [0,1], 2 pixels or more either way.

    Returns:
        float64 ``[14]``. A constant image has skewness and kurtosis 0 and correlation 1.

    Raises:
        ValueError: it is too small.
    """
    values = np.asarray(image, dtype=np.float64)
    if values.ndim != 2 or min(values.shape) < 2:
        raise ValueError(f"radiomic features need an image of 2 x 2 pixels or more, got {list(values.shape)}")
    levels = np.clip(np.floor(values * LEVELS), 0, LEVELS - 1).astype(np.intp)
    return np.array([*_first_order(values.ravel(), levels.ravel()), *_co_occurrence(levels)])


def _first_order(values: Array, levels: NDArray[np.intp]) -> list[float]:
    mean = float(values.mean())
    from_mean = values - mean
    variance = float((from_mean**2).mean())
    # Rounding leaves a constant image a variance of some 1e-33, whose powers are noise.
    flat = float(values.max()) == float(values.min())
    skewness = 0.0 if flat else float((from_mean**3).mean()) / variance**1.5
    kurtosis = 0.0 if flat else float((from_mean**4).mean()) / variance**2
    tenth, quarter, three, ninetieth = (float(p) for p in np.percentile(values, (10, 25, 75, 90)))
    share = np.bincount(levels, minlength=LEVELS) / len(levels)
    return [mean, 0.0 if flat else variance, skewness, kurtosis, tenth, ninetieth, three - quarter, _entropy(share)]


def _co_occurrence(levels: NDArray[np.intp]) -> list[float]:
    found = np.array([_of_pairs(_pairs(levels, *step)) for step in _NEIGHBOURS])
    return [float(mean) for mean in found.mean(axis=0)]


def _pairs(levels: NDArray[np.intp], down: int, across: int) -> Array:
    """Return how often level i lies next to level j in one direction, both ways: ``[32,32]``, summing to 1."""
    rows, columns = levels.shape
    first = levels[: rows - down, max(0, -across) : columns - max(0, across)]
    second = levels[down:, max(0, across) : columns - max(0, -across)]
    counts = np.bincount((first * LEVELS + second).ravel(), minlength=LEVELS**2).reshape(LEVELS, LEVELS)
    both = counts + counts.T
    return np.asarray(both / both.sum())


def _of_pairs(p: Array) -> list[float]:
    # Levels are counted from 1 as PyRadiomics does; none of these features depends on where counting starts.
    i, j = np.mgrid[1 : LEVELS + 1, 1 : LEVELS + 1].astype(np.float64)
    mean = float((i * p).sum())
    variance = float(((i - mean) ** 2 * p).sum())
    covariance = float(((i - mean) * (j - mean) * p).sum())
    return [
        float(((i - j) ** 2 * p).sum()),
        covariance / variance if variance > 0 else 1.0,
        float((p**2).sum()),
        _entropy(p),
        float((p / (1.0 + (i - j) ** 2)).sum()),
        float(((i + j - 2.0 * mean) ** 3 * p).sum()),
    ]


def _entropy(share: Array) -> float:
    some = share[share > 0]
    return abs(-math.fsum((some * np.log2(some)).tolist()))
