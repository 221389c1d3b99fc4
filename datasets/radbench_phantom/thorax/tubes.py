"""Tubes: ribs, vessels and processes as chains of short pieces, stamped into small boxes of the grid."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from radbench_phantom.thorax.grid import Grid, Points

_BATCH = 3_000_000  # voxels per pass; bounds the memory


@dataclass(frozen=True)
class Tubes:
    """Pieces of tubes with elliptic cross-sections, in the patient's millimetres.

    Attributes:
        centre: ``[N,3]`` (z, y, x).
        along, across: unit vectors ``[N,3]``: the tube's direction and its first cross-section axis.
        half_length: ``[N]`` half length along.
        radius: ``[N,2]`` semi-axes across and along the third direction.
        label: ``[N]`` uint8.
    """

    centre: Points
    along: Points
    across: Points
    half_length: NDArray[np.float64]
    radius: NDArray[np.float64]
    label: NDArray[np.uint8]


def joined(tubes: list[Tubes]) -> Tubes:
    """Return many tubes as one."""
    names = ("centre", "along", "across", "half_length", "radius", "label")
    return Tubes(*(np.concatenate([getattr(t, n) for t in tubes]) for n in names))


def along_curve(
    points: Points,
    radius: NDArray[np.float64] | float,
    label: int,
    *,
    flat: NDArray[np.float64] | float | None = None,
    across: Points | tuple[float, float, float] | None = None,
    step: float = 4.0,
) -> Tubes:
    """Return the pieces of a tube along a smooth curve.

    Args:
        points: ``[K,3]`` (z, y, x mm) that a Catmull-Rom curve goes through.
        radius: one per point or one for all: the semi-axis along the third direction (mm).
        label: its label.
        flat: semi-axis along ``across``; round where None.
        across: ``[K,3]`` or ``[3]`` direction of the ``flat`` axis.
        step: length of a piece (mm).
    """
    points = np.asarray(points, dtype=np.float64)
    k = len(points)
    radius = np.broadcast_to(np.asarray(radius, dtype=np.float64), (k,))
    flat = radius if flat is None else np.broadcast_to(np.asarray(flat, dtype=np.float64), (k,))
    direction = np.broadcast_to(np.asarray((0.3, 1.0, 0.2) if across is None else across, dtype=np.float64), (k, 3))
    chords = np.linalg.norm(np.diff(points, axis=0), axis=1)
    n = max(2, int(np.ceil(chords.sum() / step)) + 1)
    s = np.concatenate([[0.0], np.cumsum(chords)])
    t = np.linspace(0.0, s[-1], n)
    fine = _through(s, points, t)
    mid = (fine[1:] + fine[:-1]) / 2
    tm = (t[1:] + t[:-1]) / 2
    tangent = fine[1:] - fine[:-1]
    length = np.linalg.norm(tangent, axis=1)
    tangent = tangent / np.maximum(length, 1e-9)[:, None]
    side = _through(s, direction, tm)
    side = side - (side * tangent).sum(1, keepdims=True) * tangent
    side /= np.maximum(np.linalg.norm(side, axis=1, keepdims=True), 1e-9)
    semi = np.stack([np.interp(tm, s, flat), np.interp(tm, s, radius)], axis=1)
    # Pieces overlap so that bends leave no wedge open.
    return Tubes(mid, tangent, side, length * 0.5 + 0.12 * semi.max(1), semi, np.full(len(mid), label, dtype=np.uint8))


def _through(s: NDArray[np.float64], values: Points, t: NDArray[np.float64]) -> Points:
    if len(s) < 3:
        return np.stack([np.interp(t, s, values[:, j]) for j in range(3)], axis=1)
    from scipy.interpolate import PchipInterpolator

    return np.asarray(PchipInterpolator(s, values, axis=0)(t))


def stamp(grid: Grid, tubes: Tubes, distance: Tensor, labels: Tensor | None = None) -> None:
    """Lower a signed-distance field to that of tubes wherever they come near, in place.

    Args:
        grid: the grid.
        tubes: what to stamp.
        distance: float32 ``[D,H,W]`` mm.
        labels: uint8 ``[D,H,W]``: set to the label of the nearest tube.
    """
    world = grid.posture.to_world(tubes.centre)
    spacing, origin = np.asarray(grid.spacing), np.asarray(grid.origin)
    reach = np.sqrt(tubes.radius.max(1) ** 2 + tubes.half_length**2) + grid.h
    shape = np.asarray(grid.shape)
    middle = (world - origin) / spacing
    near = ((middle > -reach[:, None] / spacing) & (middle < shape - 1 + reach[:, None] / spacing)).all(1)
    classes = np.ceil(np.log2(np.maximum(reach / grid.h, 1.0)) * 3).astype(int)
    flat = distance.view(-1)
    flat_labels = None if labels is None else labels.view(-1)
    for size in np.unique(classes[near]):
        members = np.nonzero(near & (classes == size))[0]
        half = np.ceil(reach[members].max() / spacing).astype(int)
        offsets = np.stack(np.meshgrid(*(np.arange(-n, n + 1) for n in half), indexing="ij"), -1).reshape(-1, 3)
        per_pass = max(1, _BATCH // len(offsets))
        for start in range(0, len(members), per_pass):
            _stamp_some(grid, tubes, members[start : start + per_pass], world, middle, offsets, flat, flat_labels)


def _stamp_some(
    grid: Grid,
    tubes: Tubes,
    which: NDArray[np.intp],
    world: Points,
    middle: Points,
    offsets: NDArray[np.intp],
    flat: Tensor,
    flat_labels: Tensor | None,
) -> None:
    device = grid.device

    def tensor(a: NDArray[np.floating]) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(a, dtype=np.float32)).to(device)

    base = np.rint(middle[which]).astype(np.int64)
    start = tensor(np.asarray(grid.origin) + base * np.asarray(grid.spacing) - world[which])
    step = tensor(offsets * np.asarray(grid.spacing))
    third = np.cross(tubes.along[which], tubes.across[which])

    def component(axis: NDArray[np.floating]) -> Tensor:
        a = tensor(axis)
        return (start * a).sum(1)[:, None] + a @ step.T

    t, n, b = component(tubes.along[which]), component(tubes.across[which]), component(third)
    rn, rb = tensor(tubes.radius[which, :1]), tensor(tubes.radius[which, 1:])
    e = torch.sqrt((n / rn) ** 2 + (b / rb) ** 2 + 1e-6)
    grad = torch.sqrt((n / rn**2) ** 2 + (b / rb**2) ** 2 + 1e-6 / torch.minimum(rn, rb) ** 2)
    d = (e - 1) * e / grad
    # Only beyond its ends does a piece's cap count: within, the depth is that of the whole tube.
    over = t.abs() - tensor(tubes.half_length[which])[:, None]
    d = torch.where(over > 0, torch.hypot(d.clamp(min=0.0), over), d)
    o = torch.from_numpy(offsets).to(device)
    index = torch.from_numpy(base).to(device)[:, None, :] + o[None]
    shape = torch.tensor(grid.shape, device=device)
    inside = ((index >= 0) & (index < shape)).all(-1) & (d < grid.h)
    index = ((index[..., 0] * grid.shape[1] + index[..., 1]) * grid.shape[2] + index[..., 2])[inside]
    d = d[inside]
    flat.scatter_reduce_(0, index, d, "amin")
    if flat_labels is not None:
        own = torch.from_numpy(tubes.label[which]).to(device)[:, None].expand(inside.shape)[inside]
        wins = d <= flat[index]
        # Where two tubes are equally near the greater label wins, so that the order never matters.
        flat_labels[index[wins]] = 0
        flat_labels.scatter_reduce_(0, index[wins], own[wins], "amax")


def splat(grid: Grid, start: Points, end: Points, radius: NDArray[np.float64]) -> Tensor:
    """Return what part of each voxel thin tubes fill, keeping their volume however coarse the grid.

    Args:
        grid: the grid.
        start, end: ``[N,3]`` ends of the pieces (z, y, x mm, patient).
        radius: ``[N]`` mm.
    """
    spacing, origin = np.asarray(grid.spacing), np.asarray(grid.origin)
    if len(start) == 0:
        return torch.zeros(grid.shape, device=grid.device)
    length = np.linalg.norm(end - start, axis=1)
    count = np.maximum(1, np.ceil(length / (0.6 * spacing.min())).astype(int))
    owner = np.repeat(np.arange(len(start)), count)
    within = np.arange(len(owner)) - np.repeat(np.cumsum(count) - count, count)
    fraction = ((within + 0.5) / count[owner])[:, None]
    world = grid.posture.to_world(start[owner] + fraction * (end - start)[owner])
    mass = np.pi * radius[owner] ** 2 * length[owner] / count[owner] / spacing.prod()
    u = (world - origin) / spacing
    low = np.floor(u).astype(np.int64)
    f = u - low
    flat = torch.zeros(int(np.prod(grid.shape)), device=grid.device)
    shape = np.asarray(grid.shape)
    for corner in np.ndindex(2, 2, 2):
        index = low + corner
        weight = mass
        for axis, upper in enumerate(corner):
            weight = weight * (f[:, axis] if upper else 1 - f[:, axis])
        ok = ((index >= 0) & (index < shape)).all(1)
        linear = (index[ok, 0] * shape[1] + index[ok, 1]) * shape[2] + index[ok, 2]
        own = torch.from_numpy(weight[ok].astype(np.float32)).to(grid.device)
        flat.index_add_(0, torch.from_numpy(linear).to(grid.device), own)
    return flat.view(grid.shape).clamp_(max=1.0)
