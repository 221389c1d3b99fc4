"""The grid: where voxels lie in the patient, boxes around structures, soft edges and continuous texture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Box = tuple[slice, slice, slice]
Points = NDArray[np.float64]
Corner = tuple[float, float, float]


@dataclass(frozen=True)
class Posture:
    """How the patient lies: a turn about the body's axis and sideways and sagittal bends of the spine.

    Attributes:
        turn_deg: rotation about the cranio-caudal axis.
        scoliosis_mm: amplitude of the sideways bend.
        scoliosis_phase: where along the spine it bends (rad).
        lean: sideways drift per mm of height.
        kyphosis_mm: how much further back the mid-thorax lies than in the reference.
    """

    turn_deg: float = 0.0
    scoliosis_mm: float = 0.0
    scoliosis_phase: float = 0.0
    lean: float = 0.0
    kyphosis_mm: float = 0.0

    def shift(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Return the displacement (x, y, mm) of the anatomy at height z (mm)."""
        x = self.scoliosis_mm * torch.sin(z / 95.0 + self.scoliosis_phase) + self.lean * z
        return x, self.kyphosis_mm * torch.exp(-((z - 30.0) ** 2) / (2 * 70.0**2))

    def to_world(self, points: Points) -> Points:
        """Take points ``[...,3]`` (z, y, x mm) of the patient to the scanner."""
        sx, sy = (s.numpy() for s in self.shift(torch.from_numpy(np.ascontiguousarray(points[..., 0]))))
        x, y = points[..., 2] + sx, points[..., 1] + sy
        c, s = np.cos(np.deg2rad(self.turn_deg)), np.sin(np.deg2rad(self.turn_deg))
        return np.stack([points[..., 0], s * x + c * y, c * x - s * y], axis=-1)


class Grid:
    """Voxel centres of a volume ``[D,H,W]``: z from inferior, y from anterior, x from the patient's right (mm).

    Attributes:
        shape: voxels along z, y, x.
        spacing: mm along z, y, x.
        origin: position of voxel (0, 0, 0) in the scanner (mm).
        h: edge of a cube as large as a voxel (mm), the width of soft edges.
        X, Y, Z: patient coordinates, float32 ``[D,H,W]``, ``[D,H,W]`` and ``[D,1,1]``.
    """

    def __init__(
        self,
        shape: tuple[int, int, int],
        spacing: tuple[float, float, float],
        origin: tuple[float, float, float],
        posture: Posture,
        device: str = "cpu",
    ) -> None:
        self.shape, self.spacing, self.origin, self.posture, self.device = shape, spacing, origin, posture, device
        self.h = float(np.prod(spacing)) ** (1 / 3)
        self.axes = [
            torch.arange(n, dtype=torch.float32, device=device) * s + o
            for n, s, o in zip(shape, spacing, origin, strict=True)
        ]
        z, y, x = self.axes[0].view(-1, 1, 1), self.axes[1].view(1, -1, 1), self.axes[2].view(1, 1, -1)
        c, s = float(np.cos(np.deg2rad(posture.turn_deg))), float(np.sin(np.deg2rad(posture.turn_deg)))
        sx, sy = posture.shift(z)
        self.X = (c * x + s * y) - sx
        self.Y = (c * y - s * x) - sy
        self.Z = z

    def box(self, low: Corner, high: Corner) -> Box | None:
        """Return the part of the grid that holds a box of the patient (z, y, x mm), or None outside the grid."""
        corners = np.array(
            [[(low, high)[i][0], (low, high)[j][1], (low, high)[k][2]] for i in (0, 1) for j in (0, 1) for k in (0, 1)]
        )
        world = self.posture.to_world(corners)
        bend = 0.25 * abs(self.posture.scoliosis_mm) + abs(self.posture.kyphosis_mm)
        out = []
        for axis in range(3):
            margin = self.spacing[axis] + (bend if axis else 0.0)
            first = int(np.floor((world[:, axis].min() - margin - self.origin[axis]) / self.spacing[axis]))
            last = int(np.ceil((world[:, axis].max() + margin - self.origin[axis]) / self.spacing[axis])) + 1
            first, last = max(first, 0), min(last, self.shape[axis])
            if first >= last:
                return None
            out.append(slice(first, last))
        return out[0], out[1], out[2]

    def at(self, box: Box) -> tuple[Tensor, Tensor, Tensor]:
        """Return patient coordinates (x, y, z) in a box."""
        return self.X[box], self.Y[box], self.Z[box[0]]

    def soft(self, distance: Tensor) -> Tensor:
        """Return what part of each voxel lies inside, from the signed distance (mm, negative inside)."""
        return (0.5 - distance / self.h).clamp_(0.0, 1.0)

    def texture(self, seed: tuple[int, ...], scale_mm: float, box: Box | None = None) -> Tensor:
        """Return a smooth random field of about unit variance, the same function of position at any grid.

        It is a cubic B-spline over a random lattice fixed in the scanner, with a period of 64 knots.

        Args:
            seed: names the field.
            scale_mm: distance of its knots.
            box: the part wanted; all by default.
        """
        # The lattice repeats after its 64 knots, further apart than anyone would notice.
        n = 64
        box = box or (slice(0, self.shape[0]), slice(0, self.shape[1]), slice(0, self.shape[2]))
        lattice = torch.from_numpy(np.random.default_rng(seed).standard_normal((n, n, n), dtype=np.float32))
        out = lattice.to(self.device)
        for axis in range(3):
            u = (self.axes[axis][box[axis]] + 600.0) / scale_mm
            i = torch.floor(u)
            f = u - i
            i = i.long()
            weights = ((1 - f) ** 3 / 6, (3 * f**3 - 6 * f**2 + 4) / 6, (1 + 3 * f * (1 + f - f * f)) / 6, f**3 / 6)
            matrix = torch.zeros((u.numel(), n), device=self.device)
            for k, w in enumerate(weights):
                matrix[torch.arange(u.numel(), device=self.device), (i + k) % n] = w
            out = torch.tensordot(out, matrix, dims=([0], [1]))
        return out * 3.2  # the spline's smoothing leaves a standard deviation near 1/3.2


def interpolated(z: Tensor, knots: NDArray[np.float64], values: NDArray[np.float64]) -> Tensor:
    """Return a table's smooth values at heights z (monotone cubic), like z."""
    from scipy.interpolate import PchipInterpolator

    curve = PchipInterpolator(knots, values, extrapolate=True)
    clipped = np.clip(z.detach().cpu().numpy(), knots[0], knots[-1])
    return torch.from_numpy(np.asarray(curve(clipped), dtype=np.float32)).to(z.device)


def ellipsoid(at: tuple[Tensor, Tensor, Tensor], centre: Points, radii: Points, axes: Points | None = None) -> Tensor:
    """Return an approximate signed distance to an ellipsoid (mm).

    Args:
        at: x, y, z (mm).
        centre: its centre (z, y, x).
        radii: semi-axes (mm).
        axes: ``[3,3]`` rows are the directions (z, y, x) of the semi-axes; the grid's by default.
    """
    d = (at[2] - float(centre[0]), at[1] - float(centre[1]), at[0] - float(centre[2]))
    axes = np.eye(3) if axes is None else axes
    parts = [sum(float(a[k]) * d[k] for k in range(3) if abs(a[k]) > 1e-9) for a in axes]
    g = sum((p / float(r)) ** 2 for p, r in zip(parts, radii, strict=True))
    grad = sum((p / float(r) ** 2) ** 2 for p, r in zip(parts, radii, strict=True))
    assert isinstance(g, Tensor)
    assert isinstance(grad, Tensor)
    e = torch.sqrt(g + 1e-6)
    return (e - 1) * e / torch.sqrt(grad + 1e-6 / float(min(radii)) ** 2)


def smooth_min(a: Tensor, b: Tensor, width: float) -> Tensor:
    """Return the union of two signed distances with a fillet of some width (mm)."""
    t = (width - (a - b).abs()).clamp(min=0.0) / width
    return torch.minimum(a, b) - t * t * (width / 4)
