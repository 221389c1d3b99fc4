"""The view points that the tasks ask for: the frontal one of the input, and others round the patient's long axis."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from radbench.xray.geometry import Pose

ANGLES = tuple(round(0.9 * k, 1) for k in range(-10, 11) if k)
"""Twenty azimuths from -9 to 9 degrees, as XraySyn's released code renders them, without the frontal one."""

FURTHEST_DEG = 45.0


def checked(angles: Sequence[float]) -> tuple[float, ...]:
    """Return angles if they can be asked for.

    Raises:
        ValueError: there is none, one is named twice, is 0 or is beyond 45 degrees.
    """
    if not angles or len(set(angles)) < len(angles):
        raise ValueError(f"angles must be one or more, each once; got {list(angles)}")
    if not all(math.isfinite(a) and 0 < abs(a) <= FURTHEST_DEG for a in angles):
        raise ValueError(
            f"angles must lie within {FURTHEST_DEG:g} degrees and not be 0, the input's own; got {list(angles)}"
        )
    return tuple(angles)


def poses(angles: Sequence[float]) -> list[Pose]:
    """Return the frontal pose, then one at each azimuth in degrees."""
    from radbench.xray.geometry import Pose

    return [Pose(), *(Pose(float(a)) for a in angles)]


def facet(angle: float) -> str:
    """Return what the leaderboard calls a view: "-8.1 deg"."""
    return f"{angle:g} deg"
