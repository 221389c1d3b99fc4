"""Outlines: the truth of a case as lines in the coordinates of its image."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import dataclass
from typing import Any

import numpy as np

from radbench.contracts.case import MASK_TARGETS, Case

_TOLERANCE = 0.35
"""Pixels that a line may lie beside the mask's edge, so that it needs few points."""


_AROUND = 3.0
"""Sides of the truth that a closer view shows."""

_LEAST = 0.15
"""Share of the image that a closer view shows at least."""


FINDINGS = frozenset({"lesion_mask", "nodule_mask"})
"""Masks of what is looked for; the others are anatomy, which only a task about it has for its truth."""


@dataclass(frozen=True)
class Outline:
    """A truth.

    Attributes:
        target: its name.
        path: as SVG's ``d`` has it, in pixels of the image.
        bounds: least x and y, greatest x and y.
    """

    target: str
    path: str
    bounds: tuple[float, float, float, float]


def outlines(case: Case, judged_by: Iterable[str] = MASK_TARGETS) -> list[Outline]:
    """Return the outlines of a case's masks, its RECIST axes and its boxes, those that there are.

    Args:
        case: it.
        judged_by: targets that its score is compared with. Of masks these are drawn, and where none of them is a mask
            those of findings: a classifier's picture is not to be covered by the outlines of every rib.
    """
    found = []
    for name, path, points in _found(case, {*judged_by} & MASK_TARGETS or FINDINGS):
        if path:
            x, y = np.asarray(points, dtype=float).reshape(-1, 2).T
            found.append(Outline(name, path, (float(x.min()), float(y.min()), float(x.max()), float(y.max()))))
    return found


def around(truth: Sequence[Outline], width: int, height: int) -> str:
    """Return the part of an image about the truth as SVG's ``viewBox`` has it; "" without truth, or where it is all."""
    if not truth:
        return ""
    x0, y0 = (min(one.bounds[k] for one in truth) for k in (0, 1))
    x1, y1 = (max(one.bounds[k] for one in truth) for k in (2, 3))
    # As wide for its height as the image, so that nothing moves on the page.
    share = max(_AROUND * (x1 - x0) / width, _AROUND * (y1 - y0) / height, _LEAST)
    if share >= 1.0:
        return ""
    w, h = share * width, share * height
    left = min(max((x0 + x1 - w) / 2, 0.0), width - w)
    top = min(max((y0 + y1 - h) / 2, 0.0), height - h)
    return " ".join(map(_short, (left, top, w, h)))


def _found(case: Case, masks: Set[str]) -> Iterator[tuple[str, str, Any]]:
    for name in sorted(masks & {*case.targets}):
        mask = case.targets[name][0].numpy()
        rows, columns = np.nonzero(mask)
        places = np.stack([columns, rows], axis=1)
        yield name.removesuffix("_mask").replace("_", " "), mask_path(mask), np.concatenate([places, places + 1])
    if "recist" in case.targets:
        ends = case.targets["recist"].tolist()
        a, b, c, d = map(_point, ends)
        yield "RECIST axes", f"M{a}L{b}M{c}L{d}", ends
    for finding, boxes in sorted(case.targets.get("boxes", {}).items()):
        corners = boxes.tolist()
        drawn = [f"M{_point((x, y))}H{_short(u)}V{_short(v)}H{_short(x)}Z" for x, y, u, v in corners]
        yield finding, "".join(drawn), corners


def mask_path(mask: Any) -> str:
    """Return the edges of a mask, bool ``[H,W]``, holes among them; "" for an empty one."""
    from skimage.measure import approximate_polygon, find_contours

    padded = np.pad(mask.astype(np.float32), 1)
    parts = []
    for contour in find_contours(padded, 0.5):
        points = approximate_polygon(contour, _TOLERANCE)
        # Pixel centres lie at halves in SVG's coordinates; the padding is one pixel.
        parts.append("M" + "L".join(_point((x - 0.5, y - 0.5)) for y, x in points[:-1].tolist()) + "Z")
    return "".join(parts)


def _point(one: Any) -> str:
    return f"{_short(one[0])} {_short(one[1])}"


def _short(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
