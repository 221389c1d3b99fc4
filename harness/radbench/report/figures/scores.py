"""Figures of scores: each case under each enhancer, each case's difference to the reference, and the ranks."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from radbench.report.entries import Entry
from radbench.report.figures.style import ACCENT, BEST, CONTROL, INK, LINE, MUTED, PAPER, name_axis, new_figure
from radbench.report.numbers import stars

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_WIDTH = 6.6
_ROW, _REST = 0.34, 0.95
_MOST_POINTS = 1500
"""More cases than these are shown by their quartiles alone."""


def colour_of(entry: Entry) -> str:
    """Return the colour of an entry: the reference grey, controls ochre, methods blue."""
    return MUTED if entry.reference else CONTROL if entry.control else ACCENT


def boxes(
    entries: Sequence[Entry], cases: Mapping[str, Mapping[str, float]], rows: Mapping[str, Any], metric: str, arrow: str
) -> Figure:
    """Return a box and whiskers of the cases for each entry, with significance marks as the papers print them.

    Boxes are quartiles, whiskers reach to the farthest case within 1.5 times the box, points lie beyond; the diamond is
    the mean over cases.

    Args:
        entries: from top to bottom.
        cases: by label, the number of each case.
        rows: by entry, its row of the metric.
        metric: its name.
        arrow: "↑" where higher is better, "↓" where lower is.
    """
    figure, axes = new_figure(_WIDTH, _REST + _ROW * len(entries))
    for place, entry in enumerate(entries):
        values = np.array(sorted(cases[entry.enhancer].values()))
        colour = colour_of(entry)
        _box(axes, place, values, colour)
        row = rows.get(entry.name)
        if row is not None and (mark := stars(row["p_adjusted"])):
            axes.annotate(
                mark,
                (1.0, place),
                xycoords=("axes fraction", "data"),
                va="center",
                ha="left",
                color=INK,
                fontsize=11,
                annotation_clip=False,
            )
    name_axis(axes, [entry.name for entry in entries])
    axes.set_xlabel(f"{metric} {arrow}, each case")
    axes.grid(axis="x", color=LINE, linewidth=0.6)
    axes.set_axisbelow(True)
    return figure


def _box(axes: Axes, place: int, values: Any, colour: str) -> None:
    low, middle, high = np.percentile(values, (25, 50, 75))
    reach = 1.5 * (high - low)
    inside = values[(values >= low - reach) & (values <= high + reach)]
    outside = values[(values < low - reach) | (values > high + reach)]
    axes.plot([inside.min(), low], [place, place], color=colour, linewidth=1.1)
    axes.plot([high, inside.max()], [place, place], color=colour, linewidth=1.1)
    for end in (inside.min(), inside.max()):
        axes.plot([end, end], [place - 0.12, place + 0.12], color=colour, linewidth=1.1)
    axes.barh(place, high - low, left=low, height=0.5, facecolor=PAPER, edgecolor=colour, linewidth=1.2, zorder=2)
    axes.plot([middle, middle], [place - 0.25, place + 0.25], color=colour, linewidth=2.0, zorder=3)
    axes.plot([float(values.mean())], [place], "D", color=INK, markersize=4, zorder=4)
    if len(outside):
        axes.plot(outside, np.full(len(outside), place), "o", color=colour, markersize=2.2, alpha=0.7)


def paired(
    entries: Sequence[Entry],
    cases: Mapping[str, Mapping[str, float]],
    rows: Mapping[str, Any],
    metric: str,
    higher: bool,
) -> Figure:
    """Return each case's difference to the reference, and over them the mean difference with its 95 % interval.

    Args:
        entries: from top to bottom, without the reference.
        cases: by label, the difference of each case.
        rows: by entry, its row of the metric.
        metric: its name.
        higher: whether higher is better.
    """
    figure, axes = new_figure(_WIDTH, _REST + _ROW * len(entries))
    points = sum(len(cases[entry.enhancer]) for entry in entries) <= _MOST_POINTS
    axes.axvline(0.0, color=MUTED, linewidth=1.0)
    for place, entry in enumerate(entries):
        values = np.array(sorted(cases[entry.enhancer].values()))
        colour = colour_of(entry)
        low, high = np.percentile(values, (25, 75))
        ends = np.percentile(values, (2.5, 97.5))
        axes.plot(ends, [place, place], color=LINE, linewidth=1.4)
        axes.barh(place, high - low, left=low, height=0.42, facecolor=PAPER, edgecolor=LINE, linewidth=1.0, zorder=2)
        if points:
            axes.plot(values, place + _spread(len(values)), ".", color=colour, markersize=2.6, alpha=0.55, zorder=3)
        row = rows.get(entry.name)
        if row is None or math.isnan(float(row["delta"])):
            continue
        mean, ci = float(row["delta"]), (float(row["delta_ci_low"]), float(row["delta_ci_high"]))
        if not any(map(math.isnan, ci)):
            axes.plot(ci, [place, place], color=INK, linewidth=2.4, solid_capstyle="butt", zorder=4)
        axes.plot([mean], [place], "D", color=INK, markersize=4.5, zorder=5)
        if mark := stars(row["p_adjusted"]):
            axes.annotate(
                mark,
                (1.0, place),
                xycoords=("axes fraction", "data"),
                va="center",
                ha="left",
                color=INK,
                fontsize=11,
                annotation_clip=False,
            )
    name_axis(axes, [entry.name for entry in entries])
    better = "better →" if higher else "← better"
    axes.set_xlabel(f"difference in {metric} to the reference, each case ({better})")
    axes.grid(axis="x", color=LINE, linewidth=0.6)
    axes.set_axisbelow(True)
    return figure


def _spread(n: int) -> Any:
    """Return offsets that keep neighbours apart, the same for the same number of points."""
    golden = (math.sqrt(5.0) - 1.0) / 2.0
    return ((np.arange(n) * golden) % 1.0 - 0.5) * 0.36


def best_method(entries: Sequence[Entry], rows: Mapping[str, Any]) -> str:
    """Return the method whose rank interval lies before those of all other methods, "" for none; no control is one."""
    methods = [one.name for one in entries if not one.control and not math.isnan(float(rows[one.name]["rank_low"]))]
    if len(methods) < 2:
        return ""
    first, *others = sorted(methods, key=lambda name: float(rows[name]["rank"]))
    ahead = float(rows[first]["rank_high"]) < min(float(rows[name]["rank_low"]) for name in others)
    return first if ahead else ""


def ranking(entries: Sequence[Entry], rows: Mapping[str, Any], metric: str) -> Figure:
    """Return the ranks by a metric with the 95 % intervals that hold for all of them together.

    The method that is best beyond doubt, its interval before those of all other methods, has a colour of its own.

    Args:
        entries: from top to bottom, those that have a rank.
        rows: by entry, its row of the metric.
        metric: its name.
    """
    figure, axes = new_figure(_WIDTH, _REST + _ROW * len(entries))
    best = best_method(entries, rows)
    for place, entry in enumerate(entries):
        row = rows[entry.name]
        colour = colour_of(entry)
        if not math.isnan(float(row["rank_low"])):
            axes.plot(
                [float(row["rank_low"]), float(row["rank_high"])],
                [place, place],
                color=colour,
                linewidth=5,
                solid_capstyle="round",
                alpha=0.35,
            )
        axes.plot([float(row["rank"])], [place], "o", color=BEST if entry.name == best else colour, markersize=6.5)
    name_axis(axes, [entry.name for entry in entries])
    axes.set_xticks(range(1, len(entries) + 1))
    axes.set_xlim(0.6, len(entries) + 0.4)
    axes.set_xlabel(f"rank by {metric} (1 is best), with simultaneous 95 % intervals")
    axes.grid(axis="x", color=LINE, linewidth=0.6)
    axes.set_axisbelow(True)
    return figure
