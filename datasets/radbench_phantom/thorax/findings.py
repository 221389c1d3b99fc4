"""Findings: which a patient has, how large they are, and what readers would say of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from radbench_phantom.thorax.labels import DEVICES, FINDINGS


@dataclass(frozen=True)
class Finding:
    """One finding.

    Attributes:
        name: one of ``FINDINGS``.
        side: 1 left, -1 right.
        size: what it measures depends on the kind: diameter in mm (nodule, mass, granuloma), depth of fluid or air
            in mm, growth factor of the heart, share of the lobe or of the lung.
        where: three numbers in [0,1) that choose its place.
        kind: texture ("solid", "part-solid", "ground-glass"), lobe or rib.
        ratings: what a LIDC reader would say, 1 to 5.
        seed: seed of its shape and texture.
    """

    name: str
    side: int
    size: float
    where: tuple[float, float, float]
    kind: str = ""
    ratings: Mapping[str, int] = field(default_factory=dict)
    seed: int = 0

    @property
    def facts(self) -> dict[str, Any]:
        """What a case tells of it."""
        side = "left" if self.side > 0 else "right"
        return {"side": side, "size": round(self.size, 2), "kind": self.kind, "ratings": dict(self.ratings)}


# Diameter of the median (mm), spread of its logarithm, least and greatest.
_DIAMETERS = {"nodule": (11.0, 0.45, 4.0, 30.0), "mass": (42.0, 0.25, 31.0, 75.0), "granuloma": (6.0, 0.35, 3.0, 12.0)}


def drawn_findings(rng: np.random.Generator, prevalence: Mapping[str, float]) -> tuple[Finding, ...]:
    """Draw a patient's findings, each on its own and from nothing but this generator.

    Args:
        rng: source of everything here.
        prevalence: share of the patients, by finding.
    """
    out: list[Finding] = []
    for number, name in enumerate(FINDINGS):
        own = np.random.default_rng((int(rng.integers(2**31)), number))
        if own.random() >= prevalence.get(name, 0.0):
            continue
        count = int(own.integers(1, 4)) if name in {"nodule", "granuloma", "fracture"} else 1
        out.extend(_one(name, own) for _ in range(count))
    return tuple(out)


def _one(name: str, rng: np.random.Generator) -> Finding:
    side = 1 if rng.random() < 0.5 else -1
    where = (float(rng.random()), float(rng.random()), float(rng.random()))
    seed = int(rng.integers(2**31))
    kind, ratings = "", {}
    if name in _DIAMETERS:
        middle, spread, low, high = _DIAMETERS[name]
        size = float(np.clip(middle * np.exp(rng.normal(0, spread)), low, high))
        kind = (
            "calcified"
            if name == "granuloma"
            else str(rng.choice(["solid", "part-solid", "ground-glass"], p=[0.72, 0.14, 0.14]))
        )
        if name == "mass":
            kind = "solid"
        ratings = _ratings(kind, size, rng)
    elif name == "cardiomegaly":
        size = float(rng.uniform(1.16, 1.38))
    elif name in {"effusion", "pneumothorax"}:
        size = float(rng.uniform(14, 60) if name == "effusion" else rng.uniform(8, 32))
    elif name == "emphysema":
        side, size = 0, float(rng.uniform(0.08, 0.30))
    elif name == "fracture":
        kind, size = f"rib {int(rng.integers(3, 10))}", float(rng.uniform(1.5, 4.0))
    elif name == "atelectasis":
        kind, size = "plate", float(rng.uniform(40, 90))
    else:
        kind, size = str(rng.choice(["lower", "upper", "middle"])), float(rng.uniform(0.25, 0.9))
    return Finding(name, side, size, where, kind, ratings, seed)


def _ratings(kind: str, diameter: float, rng: np.random.Generator) -> dict[str, int]:
    def scale(value: float) -> int:
        return int(np.clip(np.rint(value + rng.normal(0, 0.4)), 1, 5))

    texture = {"ground-glass": 1, "part-solid": 3}.get(kind, 5)
    spiculation = scale(1 + 3.4 * rng.random() ** 2 * min(diameter / 14, 1.4)) if kind != "calcified" else 1
    return {
        "subtlety": scale(1.8 + 1.3 * np.log2(diameter / 4) - (1.2 if texture == 1 else 0)),
        "internal_structure": 1,
        "calcification": 3 if kind == "calcified" else 6,
        "sphericity": scale(4.2 - 0.25 * spiculation),
        "margin": 2 if texture == 1 else scale(5 - 0.6 * (spiculation - 1)),
        "lobulation": scale(1 + 2.6 * rng.random() ** 1.5) if kind != "calcified" else 1,
        "spiculation": spiculation,
        "texture": texture,
        "malignancy": 1 if kind == "calcified" else scale(1.4 + 1.1 * np.log2(diameter / 4) + 0.4 * (spiculation - 1)),
    }


def drawn_devices(rng: np.random.Generator, share: float) -> tuple[str, ...]:
    """Draw devices, each on its own; nothing else depends on them.

    Args:
        rng: source of everything here.
        share: share of the patients with each device.
    """
    return tuple(name for name in DEVICES if rng.random() < share)
