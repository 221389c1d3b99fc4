"""The cube that XraySyn makes of a chest CT, and what CT2Xray shows of it: radiograph, bone and tissue at any pose.

The paper reshapes every CT to one cube, and its released code takes the cube's 128 voxels as 1 mm each: 128 mm for a
chest of some 350. So less is attenuated than in a patient, and Eq. 5 shows lungs where the true scale would leave all
of a chest near white. Every length here is of that cube, thicknesses too.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from radbench.xray.geometry import ConeBeamGeometry, Pose
from radbench.xray.intensity import attenuated_intensity
from radbench.xray.materials import bone_share_from_hu, density_from_hu
from radbench.xray.parallel import scale_to_unit
from radbench.xray.simulation import material_thickness

SIDE_MM = 128.0
"""Side of the cube, and of the detector (XraySyn's released code: 128 of 1 mm)."""

_BODY_HU = -500.0


def cube_geometry(voxels: int, pixels: int | None = None) -> ConeBeamGeometry:
    """Return the geometry of XraySyn's released code: source to detector 1200 mm, to the cube's middle 1000 mm.

    The detector is as wide as the cube, so that it shows the middle five sixths of it: no view within some 9 degrees
    of the frontal one looks past the cube's sides.

    Args:
        voxels: of the cube along each axis.
        pixels: rows and columns of the detector; None: as many as voxels.
    """
    pixels = pixels or voxels
    pixel, voxel = SIDE_MM / pixels, SIDE_MM / voxels
    return ConeBeamGeometry(1200.0, 1000.0, (pixels, pixels), (pixel, pixel), (voxel, voxel, voxel))


def chest_cube(hu: Tensor, bone: Tensor, spacing_mm: tuple[float, float, float], voxels: int) -> tuple[Tensor, Tensor]:
    """Return a chest CT as a cube of so many voxels, with what share of each voxel's mass is bone.

    The cube is as wide as the body in half of the CT's planes, or as high as the CT where that is less; it is centred
    on the body and ends at the CT's top, since the abdomen can be spared. What lies outside the CT is air. Nothing is
    stretched [assumed; the paper crops tightly and reshapes, which would turn a patient's depth into width]. Masses
    are averaged, so that a thin rib keeps its own in voxels that are thicker than it. Bone is the share of mass of
    :func:`radbench.xray.materials.bone_share_from_hu` in the bones of the data set and next to them [assumed; the
    paper does not say where its masks come from].

    Args:
        hu: float ``[D,H,W]`` in HU; axes z from inferior, y from anterior, x from the patient's right.
        bone: bool ``[D,H,W]``.
        spacing_mm: (dz, dy, dx).
        voxels: n, of the cube along each axis.

    Returns:
        HU and bone's share in [0,1], each float32 ``[n,n,n]``.

    Raises:
        ValueError: shapes that differ or are not ``[D,H,W]``, a spacing or number that is not positive, or no body.
    """
    if hu.ndim != 3 or hu.shape != bone.shape:
        raise ValueError(f"volume and bone must be alike, [D,H,W]; got {list(hu.shape)} and {list(bone.shape)}")
    if len(spacing_mm) != 3 or not min(spacing_mm) > 0 or voxels < 1:
        raise ValueError(f"spacing and voxels must be positive; got {tuple(spacing_mm)} and {voxels}")
    hu = hu.float()
    along_y, across = _body(hu)
    near = torch.nn.functional.max_pool3d(bone.float()[None, None], 3, 1, 1)[0, 0] > 0
    mass = density_from_hu(hu)
    bone_mass = torch.where(near, mass * bone_share_from_hu(hu), torch.zeros_like(mass))
    counts = hu.shape
    side = _side(across, counts[0], spacing_mm)
    middles = (
        counts[0] - side / spacing_mm[0] / 2,
        float(along_y[:, 0].min() + along_y[:, 1].max()) / 2,
        float(across.sum(1).median()) / 2,
    )
    parts = [
        _overlaps(n, middle, side / spacing / voxels, voxels)
        for n, middle, spacing in zip(counts, middles, spacing_mm, strict=True)
    ]
    both = torch.stack([mass, bone_mass])
    # The plane's axes first: they shrink the most.
    for axis, part in ((3, parts[2]), (2, parts[1]), (1, parts[0])):
        both = torch.tensordot(both, part, dims=([axis], [1])).movedim(-1, axis)
    whole, of_bone = both
    return hu_from_density(whole), (of_bone / whole.clamp_min(1e-3)).clamp(0.0, 1.0)


def cube_side_mm(hu: Tensor, spacing_mm: tuple[float, float, float]) -> float:
    """Return how wide the cube of :func:`chest_cube` is in the patient, in mm; arguments and errors are its."""
    return _side(_body(hu)[1], hu.shape[0], spacing_mm)


def cube_views(
    hu: Tensor, bone_share: Tensor, poses: Pose | Sequence[Pose], geometry: ConeBeamGeometry
) -> dict[str, Tensor]:
    """Return what CT2Xray shows of cubes, one pose each: the "radiograph", and thicknesses of "bone" and "tissue".

    Args:
        hu: float ``[B,1,n,n,n]``.
        bone_share: float ``[B,1,n,n,n]`` in [0,1].
        poses: one for all, or one per cube.
        geometry: as :func:`cube_geometry` gives it.

    Returns:
        Each float ``[B,1,h,w]``. "radiograph" is Eq. 5 of each view by itself, scaled to [0,1] over its own greatest
        value; "bone" and "tissue" are in g/cm^2.
    """
    bone, tissue = material_thickness(hu, bone_share, poses, geometry)
    return {"radiograph": radiograph_of(bone, tissue), "bone": bone, "tissue": tissue}


def radiograph_of(bone: Tensor, tissue: Tensor) -> Tensor:
    """Return Eq. 5 of each view by itself, scaled to [0,1], of thicknesses ``[B,1,h,w]`` in g/cm^2; differentiable."""
    return scale_to_unit(-attenuated_intensity(bone, tissue))


def _body(hu: Tensor) -> tuple[Tensor, Tensor]:
    """Return where the body begins and ends (excluded): along y and along x in each plane that it is in."""
    body = hu > _BODY_HU
    along_y, across = _ends(body.any(2)), _ends(body.any(1))
    if not len(across):
        raise ValueError(f"the volume holds no body: nothing is above {_BODY_HU:g} HU")
    return along_y, across


def _side(across: Tensor, planes: int, spacing_mm: tuple[float, float, float]) -> float:
    width = float((across[:, 1] - across[:, 0]).median()) * spacing_mm[2]
    return min(planes * spacing_mm[0], width)


def _ends(lines: Tensor) -> Tensor:
    """Return where the body begins and ends (excluded) in each line ``[L,n]`` that it is in, float64 ``[l,2]``."""
    there = lines[lines.any(1)].double()
    count = torch.arange(lines.shape[1], dtype=torch.float64)
    first = torch.where(there > 0, count, math.inf).amin(1) if len(there) else there.new_zeros(0)
    last = torch.where(there > 0, count, -math.inf).amax(1) if len(there) else there.new_zeros(0)
    return torch.stack([first, last + 1], dim=1)


def _overlaps(count: int, middle: float, step: float, voxels: int) -> Tensor:
    """Return how much of each new voxel each old one fills, [voxels, count]; new ones are ``step`` old ones wide."""
    edges = middle + (torch.arange(voxels + 1, dtype=torch.float64) - voxels / 2) * step
    old = torch.arange(count, dtype=torch.float64)
    shared = torch.minimum(edges[1:, None], old + 1) - torch.maximum(edges[:-1, None], old)
    return (shared.clamp_min(0.0) / step).float()


def hu_from_density(density: Tensor) -> Tensor:
    """Return the HU of densities in g/cm^3: the inverse of the two lines of DeepDRR, from -1000 on."""
    above = density - 1.03
    return torch.where(above > 0, above / 0.0005886, above / 0.001029).clamp_min(-1000.0)
