"""What readers outline of the projected lungs: the fields with the part behind the heart, or up to its border."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from torch import Tensor

from radbench.imaging.lung_area import DOME_MM, HEART_MM, SPINE_MM, seen_lung
from radbench_phantom.thorax.labels import Anatomy

if TYPE_CHECKING:
    from radbench_phantom.thorax.volume import Volume

_SPINE = (int(Anatomy.VERTEBRA_C5), int(Anatomy.VERTEBRA_C5) + 17)
_ABDOMEN = (int(Anatomy.DIAPHRAGM), int(Anatomy.ABDOMEN))
_VESSELS = (int(Anatomy.AORTA), int(Anatomy.VENA_CAVA))


@dataclass(frozen=True)
class Hiding:
    """Voxels bool ``[D,H,W]`` that hide the lungs from readers, with the mm of a ray in them that do.

    Attributes:
        field: what ends the lung fields: the spine, and abdomen below the domes. Lung behind the heart counts, as in
            masks of covid-cxr-lungs.
        aerated: what ends the aerated fields besides, as in masks of JSRT and Montgomery: heart and great vessels.
    """

    field: tuple[tuple[Tensor, float], ...]
    aerated: tuple[tuple[Tensor, float], ...]


def hiding(volume: Volume) -> Hiding:
    """Return what hides the lungs of a patient, rendered, from readers."""
    labels = volume.labels

    def within(bounds: tuple[int, int]) -> Tensor:
        return (labels >= bounds[0]) & (labels <= bounds[1])

    field = ((within(_SPINE) | (labels == int(Anatomy.DISC)), SPINE_MM), (within(_ABDOMEN), DOME_MM))
    return Hiding(field, ((volume.heart_mask | within(_VESSELS), HEART_MM),))


def three_lungs(lung: Tensor, hidden: Hiding, length: Callable[[Tensor], Tensor], pixel_mm: float) -> dict[str, Tensor]:
    """Return the three definitions of the lungs by target name, each bool ``[1,1,h,w]``.

    Args:
        lung: the projected lungs, bool ``[1,1,h,w]``.
        hidden: what hides them.
        length: gives the mm of each ray in voxels bool ``[D,H,W]``: float ``[1,1,h,w]``.
        pixel_mm: distance between pixels.
    """
    field = seen_lung(lung, [(length(voxels), least) for voxels, least in hidden.field], pixel_mm)
    aerated = seen_lung(field, [(length(voxels), least) for voxels, least in hidden.aerated], pixel_mm)
    return {"lung_mask": lung, "lung_field_mask": field, "aerated_lung_mask": aerated}
