"""A patient's build of chest: long and narrow or broad, barrel or flat, steep or level ribs, one side wider."""

from __future__ import annotations

import numpy as np

from radbench_phantom.thorax.cage_shape import CageShape
from radbench_phantom.thorax.traits import Traits


def drawn_build(rng: np.random.Generator, traits: Traits) -> tuple[CageShape, tuple[float, float, float], float]:
    """Draw a cage.

    Args:
        rng: source of everything here.
        traits: the patient so far.

    Returns:
        The cage's shape, the patient's scale (z, y, x) and field of view (mm) with it.
    """
    normal = np.clip(rng.normal(0, 1, 8), -2.2, 2.2)
    # Asthenic, long and narrow, above 0; hypersthenic, short and broad, below.
    habitus = 0.85 * normal[0] - 0.08 * (traits.bmi - 26)
    old = float(np.clip((traits.age - 35) / 50, 0, 1))
    grown = np.exp(np.array([0.032, -0.026, -0.042]) * float(np.clip(habitus, -2, 2)) + [0, 0.02 * (old - 0.4), 0])
    scale = np.asarray(traits.scale) * grown
    wider = float(max(scale[0], scale[2]) / max(traits.scale[0], traits.scale[2]))
    shape = CageShape(
        flare=float(0.045 * normal[1] - 0.01 * habitus),
        barrel=float(0.022 * normal[2] + 0.01 * (old - 0.4)),
        corner=float(0.022 * normal[3]),
        skew=float(0.013 * normal[4]),
        steep_mm=float(6.0 * normal[5] + 5.0 * habitus - 5.0 * (old - 0.4)),
        bulge_mm=float(0.7 + 0.35 * normal[6]),
        calcified=float(np.clip(0.15 + 0.8 * old + 0.25 * normal[7], 0, 1)),
    )
    return shape, (float(scale[0]), float(scale[1]), float(scale[2])), traits.fov_mm * wider
