"""How a patient's cage differs from the reference."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class CageShape:
    """How a cage differs from the reference beside its size; shares of the radius unless told.

    Attributes:
        flare: how much wider it is below than above.
        barrel: how much wider it is in the middle.
        corner: how much it stands out between front, side and back: positive is square, negative oval.
        skew: how much wider the left side is than the mean of both.
        steep_mm: how much lower the ribs' front ends stand.
        bulge_mm: how far the lung stands out between ribs.
        calcified: 0 to 1, of the costal cartilages.
    """

    flare: float = 0.0
    barrel: float = 0.0
    corner: float = 0.0
    skew: float = 0.0
    steep_mm: float = 0.0
    bulge_mm: float = 0.5
    calcified: float = 0.0
