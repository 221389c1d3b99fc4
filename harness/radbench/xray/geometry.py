"""Cone-beam geometry: where source, detector and volume are, and how a pose turns the view about the isocentre.

Coordinates are the patient's, in mm, with the isocentre (the volume's centre) as origin: x towards the patient's left,
y towards posterior, z towards superior. That is DICOM's right-handed system (LPS). A volume's array axes are (z, y, x).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

Vector = tuple[float, float, float]
"""A point or direction in mm, in the order of a volume's array axes: (z, y, x)."""


@dataclass(frozen=True)
class Pose:
    """The view point on its sphere round the isocentre; source and detector turn together, the patient stays.

    At (0, 0), the canonical frontal view of XraySyn, the source stands behind the patient and the rays run to the
    detector in front of the chest: a PA radiograph. The source's direction from the isocentre is, in (x, y, z),
    ``(cos e sin a, cos e cos a, sin e)``. Turning the view by (a, 0) shows what turning the patient by a about the z
    axis, counter-clockwise seen from above, would show.

    Attributes:
        azimuth_deg: a, in degrees about the z axis: positive turns the source towards the patient's left, clockwise
            seen from above the head.
        elevation_deg: e, in degrees from -90 to 90: positive raises the source towards the head.

    Raises:
        ValueError: an angle is not finite, or the elevation is outside [-90, 90].
    """

    azimuth_deg: float = 0.0
    elevation_deg: float = 0.0

    def __post_init__(self) -> None:
        if not (math.isfinite(self.azimuth_deg) and math.isfinite(self.elevation_deg)):
            raise ValueError(
                f"a pose needs finite angles; got azimuth {self.azimuth_deg}, elevation {self.elevation_deg}"
            )
        if abs(self.elevation_deg) > 90:
            raise ValueError(f"elevation_deg must lie in [-90, 90]; got {self.elevation_deg}")


@dataclass(frozen=True)
class ConeBeamGeometry:
    """Point source, flat detector and voxel size; the detector stands at right angles to the central ray.

    The central ray goes from the source through the isocentre to the middle of the detector. Defaults are those of
    XraySyn's released code (PAPERS.md section 4). A real chest stand has a distance of about 1800 mm.

    Attributes:
        source_detector_mm: distance from source to detector.
        source_isocentre_mm: distance from source to isocentre, smaller than the former.
        detector_shape: rows and columns. Row 0 is the most superior; column 0 is on the patient's right in a frontal
            view, as a radiologist looks at it.
        detector_spacing_mm: distance between rows and between columns.
        voxel_spacing_mm: (dz, dy, dx) of the volume.

    Raises:
        ValueError: a length or count is not positive and finite, or the isocentre lies behind the detector.
    """

    source_detector_mm: float = 1200.0
    source_isocentre_mm: float = 1000.0
    detector_shape: tuple[int, int] = (128, 128)
    detector_spacing_mm: tuple[float, float] = (1.0, 1.0)
    voxel_spacing_mm: tuple[float, float, float] = (1.0, 1.0, 1.0)

    def __post_init__(self) -> None:
        for name, count in (("detector_shape", 2), ("detector_spacing_mm", 2), ("voxel_spacing_mm", 3)):
            values = tuple(getattr(self, name))
            if len(values) != count or not all(math.isfinite(v) and v > 0 for v in values):
                raise ValueError(f"{name} must be {count} positive numbers; got {values}")
            object.__setattr__(self, name, values)
        if any(v != int(v) for v in self.detector_shape):
            raise ValueError(f"detector_shape must be two whole numbers; got {self.detector_shape}")
        near, far = self.source_isocentre_mm, self.source_detector_mm
        if not (math.isfinite(far) and 0 < near <= far):
            raise ValueError(
                "the isocentre must lie between source and detector: "
                f"got source_isocentre_mm {near} and source_detector_mm {far}"
            )

    @property
    def magnification(self) -> float:
        """How much larger than life the isocentre's plane is shown: source-detector over source-isocentre distance."""
        return self.source_detector_mm / self.source_isocentre_mm


class View(NamedTuple):
    """Source and detector of one pose, as vectors (z, y, x) in mm.

    The ray to row i, column j ends at ``source + axis + i' * row + j' * column`` with i' and j' counted from the
    detector's middle.

    Attributes:
        source: the focal spot.
        axis: from the source to the middle of the detector.
        row: from one row to the next.
        column: from one column to the next.
    """

    source: Vector
    axis: Vector
    row: Vector
    column: Vector


def view(pose: Pose, geometry: ConeBeamGeometry) -> View:
    """Return where source and detector stand at a pose."""
    sin_a, cos_a = _sin_cos(pose.azimuth_deg)
    sin_e, cos_e = _sin_cos(pose.elevation_deg)
    towards_source = (sin_e, cos_e * cos_a, cos_e * sin_a)
    up = (cos_e, -sin_e * cos_a, -sin_e * sin_a)
    right = (0.0, -sin_a, cos_a)
    between_rows, between_columns = geometry.detector_spacing_mm
    return View(
        _scaled(towards_source, geometry.source_isocentre_mm),
        _scaled(towards_source, -geometry.source_detector_mm),
        _scaled(up, -between_rows),
        _scaled(right, between_columns),
    )


def _scaled(vector: Vector, factor: float) -> Vector:
    z, y, x = vector
    return (z * factor, y * factor, x * factor)


def _sin_cos(degrees: float) -> tuple[float, float]:
    # Exact at right angles: whether a view is frontal decides how it is computed.
    quarter, rest = divmod(degrees, 90.0)
    sine, cosine = math.sin(math.radians(rest)), math.cos(math.radians(rest))
    for _ in range(int(quarter) % 4):
        sine, cosine = cosine, -sine
    return sine, cosine
