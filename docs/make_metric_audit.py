"""Draws docs/images/metric-audit.png and fills a table of docs/image-quality.md: ``python docs/make_metric_audit.py``.

Both are made of ``benchmarks/results/metric_audit.csv``, which ``benchmarks/metric_audit.py`` writes.
"""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Sequence
from pathlib import Path

DOCS = Path(__file__).resolve().parent
PAGE = DOCS / "image-quality.md"
PICTURE = DOCS / "images" / "metric-audit.png"
RESULT = DOCS.parent / "benchmarks" / "results" / "metric_audit.csv"
MARKED = re.compile(r"(<!-- audit -->\n).*?(<!-- end -->)", re.DOTALL)

DAMAGES = {
    "noise": "noise",
    "sharpen": "over-sharpening",
    "clip": "clipping",
    "compress": "compression by a tone curve",
    "blur": "blur",
}
SETS = {"radiographs": "radiographs", "phantom-cxr": "`phantom-cxr`", "phantom-lesions": "`phantom-lesions`"}
DRAWN = ("brisque", "lpc_si", "noise_gain", "halo", "clipped", "ssim", "detail_correlation", "cnr", "gcnr")
FEWEST = 6
"""Images from which on there are intervals."""

BETTER, WORSE, NEITHER, NONE = "**better**", "worse", "·", "–"

Row = dict[str, str]


def read() -> list[Row]:
    """Return the rows of the audit."""
    with RESULT.open(newline="") as file:
        return list(csv.DictReader(file))


def verdict(rows: Sequence[Row]) -> str:
    """Return what a metric says of a damage: better where it rewards it at some strength, worse where it only minds it.

    Args:
        rows: of one metric, one damage and one set of images, a row a strength.
    """
    if not rows:
        return NONE
    found = {_side(row) for row in rows}
    return BETTER if 1 in found else WORSE if -1 in found else NEITHER


def _side(row: Row) -> int:
    """Return 1 where the score got better, -1 where it got worse, 0 where that is open."""
    change, low, high = (float(row[name]) for name in ("change", "change_low", "change_high"))
    if math.isnan(low) or math.isnan(high):
        if math.isfinite(change) and int(row["cases"]) >= FEWEST:
            return 0  # Few images changed at all: there is nothing to bound.
        # Of fewer than six images, or where the PSNR to the original leaves infinity: all or none.
        return 1 if float(row["better"]) == 1 else -1 if float(row["better"]) == 0 and change else 0
    sign = 1 if row["direction"] == "higher" else -1
    return sign if low > 0 else -sign if high < 0 else 0


def table(rows: Sequence[Row]) -> str:
    """Return the table: for each metric and damage, what it says on each set of images."""
    metrics = dict.fromkeys(row["metric"] for row in rows)
    lines = ["| score | " + " | ".join(DAMAGES.values()) + " |", "|---" * (1 + len(DAMAGES)) + "|"]
    for metric in metrics:
        cells = []
        for damage in DAMAGES:
            own = [row for row in rows if (row["metric"], row["damage"]) == (metric, damage)]
            said = [verdict([row for row in own if row["images"] == images]) for images in SETS]
            said = [one for one in said if one != NONE]
            cells.append(said[0] if len(set(said)) == 1 else ", ".join(said))
        lines.append(f"| `{metric}` | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def filled(page: str, rows: Sequence[Row]) -> str:
    """Return a page with the table between its marks made anew."""
    return MARKED.sub(lambda m: m[1] + table(rows) + m[2], page)


def draw(rows: Sequence[Row]) -> None:
    """Draw the mean of each score over the strength of each damage."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    size = (2.1 * len(DAMAGES), 1.25 * len(DRAWN))
    figure, axes = plt.subplots(len(DRAWN), len(DAMAGES), figsize=size, sharey="row", sharex="col")
    for line, metric in zip(axes, DRAWN, strict=True):
        for axis, damage in zip(line, DAMAGES, strict=True):
            for images, colour in zip(SETS, ("#1f77b4", "#ff7f0e", "#2ca02c"), strict=True):
                own = [r for r in rows if (r["metric"], r["damage"], r["images"]) == (metric, damage, images)]
                if own:
                    x = [0.0, *(float(row["strength"]) for row in own)]
                    y = [float(own[0]["original"]), *(float(row["value"]) for row in own)]
                    axis.plot(x, y, ".-", color=colour, linewidth=1, markersize=4, label=images)
            axis.tick_params(labelsize=6)
            if metric == DRAWN[0]:
                axis.set_title(DAMAGES[damage].replace(" by a tone curve", ""), fontsize=8)
            if metric == DRAWN[-1]:
                unit = next(row["unit"] for row in rows if row["damage"] == damage)
                axis.set_xlabel(unit, fontsize=6)
        better = next(r["direction"] for r in rows if r["metric"] == metric)
        line[0].set_ylabel(f"{metric} {'↑' if better == 'higher' else '↓'}", fontsize=7)
        if metric == "noise_gain":
            line[0].set_yscale("log")
    handles, labels = axes[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="upper center", ncols=3, fontsize=7, frameon=False)
    figure.tight_layout(pad=0.4, rect=(0, 0, 1, 0.975))
    figure.savefig(PICTURE, dpi=80)
    print(f"wrote {PICTURE}")


def main() -> None:
    """Fill the page and draw the picture."""
    rows = read()
    PAGE.write_text(filled(PAGE.read_text(), rows))
    print(f"wrote {PAGE}")
    draw(rows)


if __name__ == "__main__":
    main()
