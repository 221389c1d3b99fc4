"""X-ray physics in batched torch: parallel and cone-beam projection and what builds on them; imported on first use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from radbench.on_demand import on_demand

_ROOMS = {
    "adjoint": "cone",
    "project": "cone",
    "ConeBeamGeometry": "geometry",
    "Pose": "geometry",
    "parallel_drr": "parallel",
    "scale_to_unit": "parallel",
}

__all__ = [
    "ConeBeamGeometry",
    "Pose",
    "adjoint",
    "parallel_drr",
    "project",
    "scale_to_unit",
]

__getattr__, __dir__ = on_demand(__name__, _ROOMS)

if TYPE_CHECKING:
    from radbench.xray.cone import adjoint, project
    from radbench.xray.geometry import ConeBeamGeometry, Pose
    from radbench.xray.parallel import parallel_drr, scale_to_unit
