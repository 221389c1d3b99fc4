"""Rays through a scan: parallel ones as the U-Net papers have them, or the cone beam of two materials of XraySyn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from radbench.xray.chest import ChestBeam
from radbench_lidc.config import LidcConfig
from radbench_lidc.volume import Volume

if TYPE_CHECKING:
    from torch import Tensor

_HU = NDArray[np.float32]
_Mask = NDArray[np.bool_]


class Rays(Protocol):
    """What the image is made of; ``h`` and ``w`` cover the scan's field with square pixels, row 0 superior."""

    @property
    def blank(self) -> float:
        """What :meth:`seen` gives where there is air alone."""
        ...

    def seen(self, hu: _HU, bone: _Mask, keep: _Mask | None = None, fill: float = 0.0) -> Tensor:
        """Return what the rays show of a volume ``[D,H,W]``, float64 ``[1,1,h,w]``, to be framed and resized.

        Args:
            hu: Hounsfield units.
            bone: what is bone, where the physics tells materials apart.
            keep: what stays as it is; the rest becomes ``fill``.
            fill: in HU.
        """
        ...

    def image(self, seen: Tensor, display: str) -> Tensor:
        """Return the picture ``[1,1,S,S]`` in [0,1], dense is bright, of what was seen, framed and resized.

        Args:
            seen: as :meth:`seen` gives it.
            display: "paper" or "log".
        """
        ...

    def shadow(self, mask: _Mask) -> Tensor:
        """Return float32 ``[1,1,h,w]``: where rays meet a mask ``[D,H,W]``, 1, else 0, between them at edges."""
        ...

    def length(self, mask: _Mask, spacing_mm: tuple[float, float, float]) -> Tensor:
        """Return the mm of each ray in a mask, float32 ``[1,1,h,w]``.

        Args:
            mask: ``[D,H,W]``, which covers the scan's field in voxels of its own.
            spacing_mm: of these voxels.
        """
        ...


def rays_of(volume: Volume, config: LidcConfig) -> Rays:
    """Return the rays of the configured physics."""
    return ConeRays(volume, config.beam) if config.physics == "ct2xray" else ParallelRays(volume, config)


@dataclass(frozen=True)
class ParallelRays:
    """Eq. 1-3 of the lung U-Net paper: the mean attenuation along y through an exponential."""

    volume: Volume
    config: LidcConfig
    blank: float = 1.0

    def seen(self, hu: _HU, bone: _Mask, keep: _Mask | None = None, fill: float = 0.0) -> Tensor:
        """See :class:`Rays`; what is bone does not matter."""
        import torch

        from radbench.xray.parallel import parallel_drr

        # The mean along y is taken here, so that only it is converted; a volume of one row gives the same projection.
        collapsed = torch.from_numpy(_mean_hu(hu, keep, fill))[None, None, :, None, :]
        c = self.config
        return parallel_drr(collapsed, self.volume.spacing_mm, "y", c.beta, c.sign, c.mu_water)

    def image(self, seen: Tensor, display: str) -> Tensor:
        """See :class:`Rays`."""
        from radbench.xray.parallel import scale_to_unit

        image = scale_to_unit(seen.log() if display == "log" else seen)
        return 1.0 - image if self.config.sign < 0 else image

    def shadow(self, mask: _Mask) -> Tensor:
        """See :class:`Rays`."""
        import torch

        from radbench.imaging import resize

        # Rows of a radiograph run from superior to inferior.
        upright = torch.from_numpy(np.any(mask, axis=1)[::-1].astype(np.float32))[None, None]
        return resize(upright, detector_of(self.volume))[0]

    def length(self, mask: _Mask, spacing_mm: tuple[float, float, float]) -> Tensor:
        """See :class:`Rays`."""
        import torch

        from radbench.imaging import resize

        along = mask.sum(axis=1, dtype=np.float32)[::-1] * np.float32(spacing_mm[1])
        return resize(torch.from_numpy(along)[None, None], detector_of(self.volume))[0]


@dataclass(frozen=True)
class ConeRays:
    """Eq. 4-6 of XraySyn from one view: what passes of ten energies through bone and tissue."""

    volume: Volume
    beam: ChestBeam
    blank: float = 0.0

    def seen(self, hu: _HU, bone: _Mask, keep: _Mask | None = None, fill: float = 0.0) -> Tensor:
        """See :class:`Rays`: -ln of the share that passes."""
        import torch

        if keep is not None:
            hu, bone = np.where(keep, hu, np.float32(fill)), bone & keep
        with torch.no_grad():
            return self.beam.log(_tensor(hu), _tensor(bone), self.volume.spacing_mm)

    def image(self, seen: Tensor, display: str) -> Tensor:
        """See :class:`Rays`."""
        from radbench.xray.chest import shown_as_paper
        from radbench.xray.parallel import scale_to_unit

        return scale_to_unit(seen if display == "log" else shown_as_paper(seen))

    def shadow(self, mask: _Mask) -> Tensor:
        """See :class:`Rays`; a ray meets what half a voxel of it lies in, or what it meets most where nothing is."""
        import torch

        with torch.no_grad():
            depth = self.beam.depth(_tensor(mask), self.volume.spacing_mm)
        most = float(depth.max())
        return (depth >= min(0.5, most)).float() if most > 0 else torch.zeros_like(depth)

    def length(self, mask: _Mask, spacing_mm: tuple[float, float, float]) -> Tensor:
        """See :class:`Rays`."""
        import torch

        from radbench.imaging import resize

        with torch.no_grad():
            length = self.beam.depth(_tensor(mask), spacing_mm) * spacing_mm[1]
        return resize(length, detector_of(self.volume))[0]


def detector_of(volume: Volume) -> tuple[int, int]:
    """Return the rows and columns of square pixels, the finer of the slices' and columns' spacing, over the field."""
    pixel = min(volume.spacing_mm[0], volume.spacing_mm[2])
    depth, _, columns = volume.hu.shape
    return max(1, round(depth * volume.spacing_mm[0] / pixel)), max(1, round(columns * volume.spacing_mm[2] / pixel))


def _tensor(array: NDArray[np.float32] | _Mask) -> Tensor:
    import torch

    return torch.from_numpy(np.ascontiguousarray(array))


def _mean_hu(hu: _HU, keep: _Mask | None, fill: float) -> NDArray[np.float64]:
    """Average along y in float64: the printed beta leaves float32 too few grey levels. HU + 1000 is clamped at 0."""
    out = np.empty((hu.shape[0], hu.shape[2]))
    for z, plane in enumerate(hu):
        values = plane if keep is None else np.where(keep[z], plane, np.float32(fill))
        out[z] = np.maximum(values, np.float32(-1000.0)).mean(axis=0, dtype=np.float64)
    return out
