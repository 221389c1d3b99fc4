"""X-ray physics in batched torch: parallel and cone-beam projection and what builds on them; imported on first use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from radbench.on_demand import on_demand

_ROOMS = {
    "AttenuationTable": "attenuation",
    "Spectrum": "attenuation",
    "attenuation_table": "attenuation",
    "mass_attenuation": "attenuation",
    "spectrum": "attenuation",
    "ten_energies": "attenuation",
    "without_blood_pools": "blood_pools",
    "adjoint": "cone",
    "backproject": "cone",
    "project": "cone",
    "DetectorOptions": "detector",
    "apply_detector": "detector",
    "ConeBeamGeometry": "geometry",
    "Pose": "geometry",
    "attenuated_intensity": "intensity",
    "log_intensity": "intensity",
    "bone_mask_from_hu": "materials",
    "density_from_hu": "materials",
    "parallel_drr": "parallel",
    "scale_to_unit": "parallel",
    "ct2xray": "simulation",
    "material_thickness": "simulation",
    "suppress_bone": "suppression",
    "tissue_thickness": "suppression",
}

__all__ = [
    "AttenuationTable",
    "ConeBeamGeometry",
    "DetectorOptions",
    "Pose",
    "Spectrum",
    "adjoint",
    "apply_detector",
    "attenuated_intensity",
    "attenuation_table",
    "backproject",
    "bone_mask_from_hu",
    "ct2xray",
    "density_from_hu",
    "log_intensity",
    "mass_attenuation",
    "material_thickness",
    "parallel_drr",
    "project",
    "scale_to_unit",
    "spectrum",
    "suppress_bone",
    "ten_energies",
    "tissue_thickness",
    "without_blood_pools",
]

__getattr__, __dir__ = on_demand(__name__, _ROOMS)

if TYPE_CHECKING:
    from radbench.xray.attenuation import (
        AttenuationTable,
        Spectrum,
        attenuation_table,
        mass_attenuation,
        spectrum,
        ten_energies,
    )
    from radbench.xray.blood_pools import without_blood_pools
    from radbench.xray.cone import adjoint, backproject, project
    from radbench.xray.detector import DetectorOptions, apply_detector
    from radbench.xray.geometry import ConeBeamGeometry, Pose
    from radbench.xray.intensity import attenuated_intensity, log_intensity
    from radbench.xray.materials import bone_mask_from_hu, density_from_hu
    from radbench.xray.parallel import parallel_drr, scale_to_unit
    from radbench.xray.simulation import ct2xray, material_thickness
    from radbench.xray.suppression import suppress_bone, tissue_thickness
