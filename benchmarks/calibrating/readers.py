"""Reader studies: type I error of the analysis of Obuchowski and Rockette."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from calibrating.rows import Mode, Row, row
from radbench.stats import area_covariance, obuchowski_rockette

COMPONENTS = {
    "like readers": {"reader": 0.0055, "case": 0.3, "case by modality": 0.3, "case by reader": 0.2, "rest": 0.2},
    "unlike readers": {"reader": 0.030, "case": 0.1, "case by modality": 0.1, "case by reader": 0.2, "rest": 0.6},
}
"""Variances in the model of Roe and Metz (1997, Acad. Radiol. 4:298-303), of an area of about .85: readers (and readers
by modality) of little and of much variance, with cases that count much and little."""

SEPARATION = 1.5


def ratings(random, parts: dict[str, float], labels, n_readers: int, by_modality: bool):
    """Draw ratings ``[2,R,N]``; readers favour modalities where ``by_modality``."""

    def draw(name: str, *shape: int):
        return np.sqrt(parts[name]) * random.standard_normal(shape)

    n = len(labels)
    # Each reader separates the classes by his own measure, in either modality.
    own = draw("reader", n_readers, 2)[:, labels][None]
    own = own + (draw("reader", 2, n_readers, 2)[:, :, labels] if by_modality else 0.0)
    case = draw("case", n) + draw("case by modality", 2, 1, n) + draw("case by reader", 1, n_readers, n)
    return SEPARATION * labels + own + case + draw("rest", 2, n_readers, n)


def readers(n_readers: int, n_cases: int, kind: str, mode: Mode, random) -> Iterator[Row]:
    """Two modalities alike. Fixed readers have no favourites: to them, else, the modalities would differ."""
    labels = (np.arange(n_cases) < n_cases // 2).astype(int)
    name = f"{n_readers} readers, {n_cases} cases, {kind}"
    for which in ("random", "fixed"):
        wrong = []
        for _ in range(mode.curve_simulations):
            scores = ratings(random, COMPONENTS[kind], labels, n_readers, which == "random")
            areas, covariance = area_covariance(labels, scores.reshape(2 * n_readers, n_cases))
            one = obuchowski_rockette(areas.reshape(2, n_readers), covariance, which)
            wrong.append(one.p_value <= 0.05)
        yield row("readers", f"Obuchowski-Rockette, {which}", name, wrong, 0.075, mode)
