"""A CT volume as XraySyn's cube before source and detector: what rays meet of bone and tissue, and their pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import max_pool3d

from radbench.contracts.errors import CaseError
from radbench.xray.chest_cube import SIDE_MM, chest_cube, cube_geometry, cube_side_mm, cube_views, radiograph_of
from radbench.xray.geometry import ConeBeamGeometry, Pose

BONE_G_CM2 = 0.05
"""A ray through less bone, in the cube, is not in ``bone_mask`` [assumed]: about half a millimetre of it."""


@dataclass(frozen=True)
class Scene:
    """A patient's volume where it is seen.

    Attributes:
        hu: of the cube (:func:`radbench.xray.chest_cube.chest_cube`), float32 ``[1,1,n,n,n]``.
        bone: share of each voxel's mass that is bone, likewise in [0,1].
        soft_hu: the cube where bone is soft tissue, likewise.
        geometry: source, detector and voxels.
        pixel_mm: rows' and columns' spacing in the patient, at the isocentre.
    """

    hu: Tensor
    bone: Tensor
    soft_hu: Tensor
    geometry: ConeBeamGeometry
    pixel_mm: float

    def view_images(self, poses: Sequence[Pose]) -> dict[str, Tensor]:
        """Return what is seen at poses, by name, each float32 ``[V,1,h,w]``.

        "radiograph" is Eq. 5, each view scaled to [0,1] by itself; "bone" and "tissue" are masses along the rays of the
        cube, in g/cm^2 (Eq. 4).

        Raises:
            ValueError: there is no pose.
        """
        if not len(poses):
            raise ValueError("view_images needs a pose or more")
        with torch.no_grad():
            seen = [cube_views(self.hu, self.bone, pose, self.geometry) for pose in poses]
        return {name: torch.cat([one[name] for one in seen]) for name in ("radiograph", "bone", "tissue")}

    def without_bone(self, pose: Pose) -> Tensor:
        """Return the radiograph where bone is soft tissue: float32 ``[1,1,h,w]`` in [0,1]."""
        with torch.no_grad():
            return cube_views(self.soft_hu, torch.zeros_like(self.soft_hu), pose, self.geometry)["radiograph"]


def scene_of(
    hu: Tensor, bone: Tensor, spacing_mm: tuple[float, float, float], *, grid: int, size: int, soft_tissue_hu: float
) -> Scene:
    """Place a volume before source and detector.

    Args:
        hu: float32 ``[D,H,W]``; axes z from inferior, y from anterior, x from the right.
        bone: bool ``[D,H,W]``, the bones.
        spacing_mm: (dz, dy, dx).
        grid: voxels along each side of the cube.
        size: rows and columns of the detector.
        soft_tissue_hu: what bone, and what is denser next to it, becomes without it.

    Raises:
        CaseError: volume and bones differ in shape, or there is no body.
    """
    try:
        cube, share = chest_cube(hu, bone, spacing_mm, grid)
        near = max_pool3d(bone[None, None].float(), 3, 1, 1)[0, 0] > 0
        soft, _ = chest_cube(
            torch.where(near, hu.clamp_max(soft_tissue_hu), hu), torch.zeros_like(bone), spacing_mm, grid
        )
    except ValueError as error:
        raise CaseError(str(error)) from error
    geometry = cube_geometry(grid, size)
    true_mm = cube_side_mm(hu, spacing_mm)
    pixel_mm = geometry.detector_spacing_mm[0] / geometry.magnification * true_mm / SIDE_MM
    return Scene(cube[None, None], share[None, None], soft[None, None], geometry, pixel_mm)


def bones_alone(bone: Tensor) -> Tensor:
    """Return the radiograph of masses of bone ``[V,1,h,w]`` in g/cm^2 with nothing else in the way, in [0,1]."""
    return radiograph_of(bone, torch.zeros_like(bone))
