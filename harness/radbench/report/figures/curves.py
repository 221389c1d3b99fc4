"""Figures of curves: reliability of probabilities, scores over a numeric facet, and trainings."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from radbench.report.figures.style import ACCENT, LINE, MARKERS, MUTED, SERIES, new_figure, shortened

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Bin = tuple[float, float, int, float, float]
"""(low, high, count, mean probability, share of positives) of a bin of probabilities."""

_ABREAST = 4
"""Panels side by side."""


def reliability(curves: Mapping[str, Sequence[Bin]]) -> Figure:
    """Return for each enhancer the share of positives over the mean probability, bin by bin, with 95 % intervals of the
    share (Clopper and Pearson's, cases taken as independent; none below six); what is calibrated lies on the diagonal.

    Args:
        curves: by enhancer; a point's area tells how many cases are behind it.
    """
    from matplotlib.figure import Figure

    columns = min(len(curves), _ABREAST)
    rows = -(-len(curves) // columns)
    figure = Figure(figsize=(2.2 * columns + 0.5, 2.45 * rows + 0.3), layout="constrained")
    panels = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    most = max((n for bins in curves.values() for _, _, n, _, _ in bins), default=1)
    for axes, (name, bins) in zip(panels.flat, curves.items(), strict=False):
        axes.plot([0, 1], [0, 1], color=MUTED, linewidth=1.0, linestyle=(0, (4, 3)))
        for _, _, n, mean, share in bins:
            ends = _of_share(n, share)
            axes.plot([mean, mean], ends, color=ACCENT, linewidth=1.1, alpha=0.6)
            axes.scatter([mean], [share], s=8 + 60 * n / most, color=ACCENT, linewidth=0)
        axes.set_title(shortened(name, 24), fontsize=9)
        axes.set_xlim(-0.03, 1.03)
        axes.set_ylim(-0.03, 1.03)
        axes.set_aspect("equal")
        axes.grid(color=LINE, linewidth=0.6)
        axes.set_axisbelow(True)
    for axes in [*panels.flat][len(curves) :]:
        axes.set_visible(False)
    figure.supxlabel("mean probability that was given", fontsize=9)
    figure.supylabel("share that was positive", fontsize=9)
    return figure


def _of_share(n: int, share: float) -> tuple[float, float]:
    from radbench.stats.proportions import proportion

    hits = round(n * share)
    found = proportion([1.0] * hits + [0.0] * (n - hits))
    return found.low, found.high


def over_facet(
    curves: Mapping[str, Sequence[tuple[float, float, float, float]]], metric: str, arrow: str, unit: str = ""
) -> Figure:
    """Return a metric over a facet that is a number (an angle, a dose), with 95 % intervals.

    Args:
        curves: by enhancer, (facet, value, low, high) in the facet's order; NaN for an end that is unknown.
        metric: its name.
        arrow: "↑" where higher is better, "↓" where lower is.
        unit: of the facet, "" for none.
    """
    figure, axes = new_figure(6.6, 3.6)
    for k, (name, points) in enumerate(curves.items()):
        colour, marker = SERIES[k % len(SERIES)], MARKERS[k % len(MARKERS)]
        x = [one[0] for one in points]
        axes.plot(x, [one[1] for one in points], marker=marker, color=colour, linewidth=1.4, label=shortened(name))
        if all(math.isfinite(end) for one in points for end in one[2:]):
            axes.fill_between(x, [one[2] for one in points], [one[3] for one in points], color=colour, alpha=0.12)
    axes.set_xlabel(f"facet, {unit}" if unit else "facet")
    axes.set_ylabel(f"{metric} {arrow}")
    axes.grid(color=LINE, linewidth=0.6)
    axes.legend(fontsize=7.5, ncols=2)
    return figure


def training(curve: Sequence[Mapping[str, Any]]) -> Figure:
    """Return a training's loss and validation score over its epochs, each with an axis of its own.

    Args:
        curve: rows of a curve file, with ``epoch``, ``train_loss`` and ``validation_score`` (NaN where there is none).
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.6, 2.4), layout="constrained")
    validated = [row for row in curve if math.isfinite(row["validation_score"])]
    panels = [("loss in training", "train_loss", curve)]
    panels += [("validation score ↓", "validation_score", validated)] if validated else []
    for k, (label, name, rows) in enumerate(panels):
        axes = figure.add_subplot(1, len(panels), k + 1)
        axes.plot([row["epoch"] for row in rows], [row[name] for row in rows], color=SERIES[k], linewidth=1.3)
        if name == "validation_score":
            best = min(rows, key=lambda row: row[name])
            axes.plot([best["epoch"]], [best[name]], "o", color=SERIES[k], markersize=5)
        axes.set_xlabel("epoch")
        axes.set_ylabel(label)
        axes.grid(color=LINE, linewidth=0.6)
    return figure
