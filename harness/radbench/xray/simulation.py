"""CT2Xray: radiographs of a CT volume from bone and soft tissue at ten energies (XraySyn, Eq. 4-6)."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from radbench.xray.attenuation import Spectrum, ten_energies
from radbench.xray.cone import project
from radbench.xray.geometry import ConeBeamGeometry, Pose
from radbench.xray.intensity import attenuated_intensity, log_intensity
from radbench.xray.materials import density_from_hu

OUTPUTS = ("radiograph", "intensity", "log")
"""What :func:`ct2xray` can return: Eq. 5's image, the share of the beam that passes, its negative log."""

_MM_PER_CM = 10.0


def material_thickness(
    hu: Tensor,
    bone_mask: Tensor,
    pose: Pose | Sequence[Pose],
    geometry: ConeBeamGeometry,
    *,
    density_model: str = "deepdrr",
) -> tuple[Tensor, Tensor]:
    """Return the mass of bone and of tissue along each ray: XraySyn, Eq. 4.

    Args:
        hu: float ``[B,1,D,H,W]`` in Hounsfield units; axes z from inferior, y from anterior, x from the right.
        bone_mask: ``[B,1,D,H,W]`` in [0,1] (bool, or float where the mask is learned); the rest is tissue, air too.
        pose: the view, or one view per volume.
        geometry: source, detector and voxels.
        density_model: see :func:`radbench.xray.materials.density_from_hu`.

    Returns:
        (bone, tissue), each ``[B,1,h,w]`` in g/cm^2; differentiable in ``hu`` and in a float ``bone_mask``.

    Raises:
        ValueError: shapes that differ or are not ``[B,1,D,H,W]``; an unknown density model; a view that
            :func:`radbench.xray.cone.project` refuses.
    """
    if hu.ndim != 5 or hu.shape[1] != 1 or hu.shape != bone_mask.shape:
        raise ValueError(
            f"volume and bone mask must be alike, [B,1,D,H,W]; got {list(hu.shape)} and {list(bone_mask.shape)}"
        )
    density = density_from_hu(hu, density_model)
    bone = density * bone_mask.to(density.dtype)
    # Both are projected: bone's ray sum taken from the whole would leave rounding where there is no tissue.
    lengths = project(torch.cat([bone, density - bone], dim=1), pose, geometry) / _MM_PER_CM
    return lengths[:, :1], lengths[:, 1:]


def ct2xray(
    hu: Tensor,
    bone_mask: Tensor,
    pose: Pose | Sequence[Pose],
    geometry: ConeBeamGeometry,
    *,
    output: str = "radiograph",
    density_model: str = "deepdrr",
    spectrum: Spectrum | None = None,
) -> Tensor:
    """Return the radiograph of a CT volume from one view: XraySyn, Eq. 4-6.

    Args:
        hu: float ``[B,1,D,H,W]`` in Hounsfield units; axes z from inferior, y from anterior, x from the right.
        bone_mask: ``[B,1,D,H,W]`` in [0,1]; :func:`radbench.xray.materials.bone_mask_from_hu` makes one.
        pose: the view, or one view per volume.
        geometry: source, detector and voxels.
        output: "radiograph": ``max(I) - I`` of each image by itself, dense is bright, 0 where least is attenuated
            (Eq. 5; the released code takes the batch's maximum, then scales to [0,1]: that is left to
            :func:`radbench.xray.parallel.scale_to_unit`). "intensity": I over what reaches the detector where nothing
            is in the way, in (0, 1]: what :func:`radbench.xray.detector.apply_detector` takes. "log": its negative
            logarithm, >= 0, dense is bright.
        density_model: see :func:`radbench.xray.materials.density_from_hu`.
        spectrum: None: the paper's ten unweighted energies.

    Returns:
        float ``[B,1,h,w]``, row 0 superior, column 0 the patient's right in a frontal view; differentiable in ``hu``
        and in a float ``bone_mask``. An image's bits do not depend on the others of its batch (CPU).

    Raises:
        ValueError: as :func:`material_thickness` does; an unknown output.
    """
    if output not in OUTPUTS:
        raise ValueError(f"there is no output '{output}'; there is {', '.join(OUTPUTS)}")
    beam = spectrum or ten_energies()
    bone, tissue = material_thickness(hu, bone_mask, pose, geometry, density_model=density_model)
    if output == "log":
        return math.log(beam.total) - log_intensity(bone, tissue, beam)
    intensity = attenuated_intensity(bone, tissue, beam)
    if output == "intensity":
        return intensity / beam.total
    return intensity.amax((2, 3), keepdim=True) - intensity
