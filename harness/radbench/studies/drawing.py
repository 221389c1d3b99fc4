"""Drawing: a study's figures as a paper prints them: upright boxes with brackets, images in lines and columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from radbench.leaderboard.columns import BASELINE
from radbench.report.figures.style import ACCENT, INK, LINE, MUTED, PAPER, shortened
from radbench.studies.boxes import Box, BoxPanel

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from radbench.studies.images import ImageLine

_BOX, _BESIDE, _HEIGHT = 0.78, 0.75, 2.7
"""Inches that a box takes across, that a panel takes beside its boxes, and that it is high."""

_IMAGE = 1.7
"""Inches that an image is across."""

_STEP = 0.09
"""From one bracket to the next, in heights of what lies below."""

_TURNED = 11
"""Longer names stand slantwise."""


def draw_boxes(panels: Sequence[BoxPanel], across: int = 0) -> Figure:
    """Return box-and-whisker plots side by side, a bracket with its stars above what differs.

    Boxes are quartiles, whiskers reach to the farthest case within 1.5 times the box, points lie beyond; the diamond is
    the mean over cases. What has no cases keeps its place.

    Args:
        panels: in their order; each has a box that can be drawn.
        across: how many stand side by side; 0 for all.
    """
    from matplotlib.figure import Figure

    columns = min(across or len(panels), len(panels))
    lines = -(-len(panels) // columns)
    width = _BESIDE + _BOX * max(len(panel.boxes) for panel in panels)
    figure = Figure(figsize=(width * columns, _HEIGHT * lines), layout="constrained")
    grid = figure.subplots(lines, columns, squeeze=False)
    for axes, panel in zip(grid.flat, panels, strict=False):
        _panel(axes, panel)
    for axes in [*grid.flat][len(panels) :]:
        axes.set_visible(False)
    return figure


def _panel(axes: Axes, panel: BoxPanel) -> None:
    there = [(k, box) for k, box in enumerate(panel.boxes) if box.cases]
    for k, box in there:
        _upright(axes, k, box)
    names = [shortened(box.name, 24) for box in panel.boxes]
    slanted = any(len(name) > _TURNED for name in names)
    turned: dict[str, Any] = {"rotation": 25, "ha": "right", "rotation_mode": "anchor"} if slanted else {}
    axes.set_xticks(range(len(names)), names, **turned)
    axes.set_xlim(-0.6, len(names) - 0.4)
    axes.tick_params(axis="x", length=0, labelsize=8)
    axes.tick_params(axis="y", labelsize=8)
    axes.set_ylabel(shortened(panel.heading, 40))
    axes.grid(axis="y", color=LINE, linewidth=0.6)
    axes.set_axisbelow(True)
    low, high = axes.get_ylim()
    at = high
    for pair in sorted(panel.compared, key=lambda one: (abs(one.first - one.second), one.first)):
        if pair.stars:
            at = _bracket(axes, pair.first, pair.second, at, high - low, pair.stars)
    # Above the boxes are brackets alone: a number there may be one that the metric cannot have.
    axes.set_yticks([tick for tick in axes.get_yticks() if low <= tick <= high])
    axes.set_ylim(low, at)


def _upright(axes: Axes, place: int, box: Box) -> None:
    assert box.row is not None
    colour = MUTED if box.row["enhancer"] == BASELINE else ACCENT
    lines = {"color": colour, "linewidth": 1.1}
    axes.boxplot(
        [np.array([*box.cases.values()])],
        positions=[place],
        widths=0.55,
        whis=1.5,
        showmeans=True,
        manage_ticks=False,
        patch_artist=True,
        boxprops={"facecolor": PAPER, "edgecolor": colour, "linewidth": 1.2},
        whiskerprops=lines,
        capprops=lines,
        medianprops={"color": colour, "linewidth": 2.0},
        meanprops={"marker": "D", "markerfacecolor": INK, "markeredgecolor": INK, "markersize": 3.5},
        flierprops={"marker": "o", "markersize": 2.2, "markerfacecolor": colour, "markeredgecolor": "none"},
    )


def _bracket(axes: Axes, first: int, second: int, at: float, height: float, stars: str) -> float:
    """Draw a bracket above what lies there; return where the next may begin."""
    a, b = sorted((first, second))
    foot = 0.25 * _STEP * height
    axes.plot([a, a, b, b], [at, at + foot, at + foot, at], color=INK, linewidth=0.9)
    axes.text((a + b) / 2, at + 1.4 * foot, stars, ha="center", va="bottom", fontsize=9, color=INK, linespacing=0.8)
    return at + _STEP * height + foot


def draw_images(lines: Sequence[ImageLine], names: Sequence[str]) -> Figure:
    """Return images of cases, a line a case and a column an entry, black and white at the ends of [0,1].

    Args:
        lines: in their order; an image that lacks leaves its place empty.
        names: of the columns.
    """
    from matplotlib.figure import Figure

    shapes = [image.shape for line in lines for image in line.images if image is not None]
    high = max((h / w for h, w in shapes), default=1.0)
    figure = Figure(figsize=(_IMAGE * len(names) + 0.2, _IMAGE * high * len(lines) + 0.3), layout="constrained")
    grid = figure.subplots(len(lines), len(names), squeeze=False)
    for axis, name in zip(grid[0], names, strict=True):
        axis.set_title(shortened(name, 24), fontsize=9)
    heading = ""
    for row, line in zip(grid, lines, strict=True):
        for axis, image in zip(row, line.images, strict=True):
            axis.set_xticks([])
            axis.set_yticks([])
            for spine in axis.spines.values():
                spine.set_visible(False)
            if image is not None:
                axis.imshow(image, cmap="gray", vmin=0.0, vmax=1.0, interpolation="antialiased")
        if line.heading != heading:
            heading = line.heading
            row[0].set_ylabel(shortened(heading, 24), fontsize=8)
    return figure
