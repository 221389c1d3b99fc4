"""The spine's axis in a frontal chest radiograph: a path from row to row along a bright band with mirrored sides."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from radbench.contracts.errors import CaseError
from radbench.imaging.regions import Region

_Plane = NDArray[np.float64]

WORKING_SIDE = 128
"""The shorter side at which the axis is looked for, in pixels [assumed]: a vertebral body is about 15 of them wide."""

# [assumed] All lengths are shares of the shorter side; about 380 mm in an adult's radiograph. Found on phantoms and on
# radiographs of covid-cxr-lungs.
_BODY = 0.05
_BODY_ALONG = 0.1
_MEDIASTINUM = 0.085
_MEDIASTINUM_ALONG = 0.08
_MIRRORED = 0.32
_MIRRORED_ALONG = 0.08
_WEIGHTS = (1.0, 1.0, 1.0)
_CENTRE = 0.6
_BEND = 1.0
_SMOOTH = 0.08
_CHEST = (0.2, 0.8)
_FLANK = (0.14, 0.26)
_BAND = 0.05
_LEAST_CONFIDENCE = -0.2


@dataclass(frozen=True)
class SpineAxis:
    """Where the spine lies.

    Attributes:
        columns: float64 ``[H]``, of the axis in each row, in pixels of the image; whole numbers are pixels' middles.
        confidence: by how much the band along it is brighter than the brighter of its sides, less the mean difference
            between left and right of it, both in ranks of grey from 0 to 1, less how far it lies from the middle, in
            widths of the image.
    """

    columns: _Plane
    confidence: float

    def middle(self, top: int, bottom: int) -> float:
        """Return the axis's mean column over rows ``top`` to ``bottom`` - 1."""
        return float(self.columns[top:bottom].mean())


def find_spine_axis(image: Tensor, what: str = "the image") -> SpineAxis:
    """Find the spine in a frontal chest radiograph.

    The image is made 128 pixels small along its shorter side, and its greys ranks, so that no tone curve matters. Each
    place of each row is judged by three things: a band as wide as a vertebra is brighter than its sides, so is one as
    wide as the mediastinum, and left and right of it mirror each other. Their sum, less what lies far from the middle,
    is gathered along the best path from the first row to the last, bends costing (dynamic programming), and the path is
    smoothed.

    Args:
        image: float ``[1,H,W]`` or ``[H,W]``; dense is bright.
        what: is looked at, for errors ("case 'a'").

    Raises:
        CaseError: the image is no picture of 32 pixels or more, is not finite, or its likeliest path is not believable:
            its confidence is below -0.2 (radiographs on their side, what is no chest), or not above that of the
            inverted image.
    """
    import torch

    from radbench.learn.batch import resized

    plane = image.detach().float().reshape(image.shape[-2:])
    height, width = plane.shape
    if min(height, width) < 32:
        raise CaseError(f"{what} is {height} x {width} pixels: a spine is looked for in 32 x 32 or more")
    if not bool(torch.isfinite(plane).all()):
        raise CaseError(f"{what} has NaN or infinite pixels: no spine can be looked for")
    share = WORKING_SIDE / min(height, width)
    small = resized(plane[None, None], (round(share * height), round(share * width)))[0, 0]
    ranks = _ranks(small.cpu().numpy().astype(np.float64))
    likeliest = _likeliest(ranks)
    if likeliest.confidence < _LEAST_CONFIDENCE:
        raise CaseError(
            f"{what}: no spine found: the likeliest band is {likeliest.contrast:.2f} brighter than its sides, which "
            f"differ by {likeliest.asymmetry:.2f}, and lies {likeliest.aside:.2f} of the width from the middle; "
            "it must be an upright frontal chest radiograph"
        )
    if likeliest.confidence <= _likeliest(1 - ranks).confidence:
        raise CaseError(
            f"{what}: no spine found: inverted it would look more like a chest; its dense parts must be bright"
        )
    columns = likeliest.columns
    middles = (np.arange(height) + 0.5) / height * len(columns) - 0.5
    found = np.interp(middles, np.arange(len(columns)), columns)
    return SpineAxis((found + 0.5) / ranks.shape[1] * width - 0.5, likeliest.confidence)


def _ranks(plane: _Plane) -> _Plane:
    """Return the share of pixels that are darker, equal ones counting half."""
    from scipy.stats import rankdata

    ranks: _Plane = (rankdata(plane, axis=None).reshape(plane.shape) - 0.5) / plane.size
    return ranks


def _evidence(ranks: _Plane, mirrored: _Plane) -> _Plane:
    """Return, for each place, how much speaks for the spine there."""
    body, mediastinum = _ridge(ranks, _BODY, _BODY_ALONG), _ridge(ranks, _MEDIASTINUM, _MEDIASTINUM_ALONG)
    parts = (body, mediastinum, mirrored)
    place = (np.arange(ranks.shape[1]) + 0.5) / WORKING_SIDE - ranks.shape[1] / WORKING_SIDE / 2
    total: _Plane = sum(w * p / max(p.std(), 1e-9) for w, p in zip(_WEIGHTS, parts, strict=True))
    # Films lie askew, not far: an arm beside the body is a bright band, too.
    return total - _CENTRE * (place / 0.15) ** 2


def _ridge(ranks: _Plane, across: float, along: float) -> _Plane:
    """Return how much a band of a width is brighter than its sides: a second derivative across, smoothed along."""
    from scipy import ndimage

    sigma, side = across * WORKING_SIDE, along * WORKING_SIDE
    ridge: _Plane = -(sigma**2) * ndimage.gaussian_filter(ranks, (side, sigma), order=(0, 2), mode="nearest")
    return ridge


def _mirrored(ranks: _Plane) -> _Plane:
    """Return how alike left and right of each place are: minus the mean difference, smoothed along."""
    from scipy import ndimage

    reach = round(_MIRRORED * WORKING_SIDE)
    padded = np.pad(ranks, ((0, 0), (reach, reach)), mode="edge")
    width = ranks.shape[1]
    differences = np.zeros_like(ranks)
    for d in range(1, reach + 1):
        differences += np.abs(padded[:, reach + d : reach + d + width] - padded[:, reach - d : reach - d + width])
    alike: _Plane = -ndimage.gaussian_filter1d(differences / reach, _MIRRORED_ALONG * WORKING_SIDE, 0, mode="nearest")
    return alike


def _path(evidence: _Plane) -> _Plane:
    """Return the column of the best path in each row; from row to row it moves by one pixel at the most."""
    from scipy import ndimage

    rows, width = evidence.shape
    best, came = evidence[0].copy(), np.zeros((rows, width), dtype=np.int64)
    for y in range(1, rows):
        moves = np.full((3, width), -np.inf)
        moves[0, 1:], moves[1], moves[2, :-1] = best[:-1] - _BEND, best, best[1:] - _BEND
        step = np.array([1, 0, 2])[np.argmax(moves[[1, 0, 2]], axis=0)]
        came[y] = np.arange(width) + step - 1
        best = evidence[y] + np.take_along_axis(moves, step[None], 0)[0]
    path = np.empty(rows, dtype=np.int64)
    path[-1] = int(np.argmax(best))
    for y in range(rows - 1, 0, -1):
        path[y - 1] = came[y, path[y]]
    smooth: _Plane = ndimage.gaussian_filter1d(path.astype(np.float64), _SMOOTH * WORKING_SIDE, mode="nearest")
    return smooth


@dataclass(frozen=True)
class _Likeliest:
    """The best path, and what is to be said of it over the chest's rows.

    Attributes:
        columns: of the path in each row.
        contrast: by how much it is brighter than the brighter of its sides.
        asymmetry: by how much left and right of it differ.
        aside: how far from the middle it lies, in widths of the image.
    """

    columns: _Plane
    contrast: float
    asymmetry: float
    aside: float

    @property
    def confidence(self) -> float:
        return self.contrast - self.asymmetry - self.aside


def _likeliest(ranks: _Plane) -> _Likeliest:
    mirrored = _mirrored(ranks)
    columns = _path(_evidence(ranks, mirrored))
    first, last = (round(share * len(ranks)) for share in _CHEST)
    band, near, far = (round(s * WORKING_SIDE) for s in (_BAND, *_FLANK))
    padded = np.pad(ranks, ((0, 0), (far, far)), mode="edge")
    gains, differences = [], []
    for y in range(first, last):
        row, at = padded[y], round(columns[y]) + far
        sides = (row[at - far : at - near].mean(), row[at + near : at + far].mean())
        gains.append(row[at - band : at + band + 1].mean() - max(sides))
        differences.append(-mirrored[y, at - far])
    aside = abs((columns[first:last].mean() + 0.5) / ranks.shape[1] - 0.5)
    return _Likeliest(columns, float(np.mean(gains)), float(np.mean(differences)), float(aside))


LEARNT = (512 / 1024, 512 / 1024)
"""Height and width of what the guided U-Net learns from, in shares of the shorter side (Eidlin et al., §IV-B)."""

JUDGED = (512 / 1024, 260 / 1024)
"""The same of what it is judged on."""


def spine_region(image: Tensor, shares: tuple[float, float], what: str = "the image") -> Region:
    """Return a box round the spine: in the middle of the image's rows, and of the spine's columns in these rows.

    Args:
        image: as for :func:`find_spine_axis`.
        shares: height and width, of the image's shorter side.
        what: is looked at, for errors.

    Returns:
        The box, moved inside the image where it would reach beyond.

    Raises:
        CaseError: as :func:`find_spine_axis`.
    """
    rows, columns = int(image.shape[-2]), int(image.shape[-1])
    height, width = (max(1, round(share * min(rows, columns))) for share in shares)
    axis = find_spine_axis(image, what)
    top = (rows - height) // 2
    left = round(axis.middle(top, top + height) + 0.5 - width / 2)
    return Region(top, min(max(left, 0), columns - width), height, width)
