"""Fill the tables of docs/image-quality.md on the guided U-Net from the published leaderboard, beside the printed ones.

python docs/make_guided_tables.py
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pandas as pd
from filling import filled

from radbench.leaderboard import read_leaderboard

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "image-quality.md"
METRICS = ("brisque", "lpc_si")
COSTS = ("noise_gain", "halo", "clipped", "ssim")
LACKING = "–"
COLLECTIONS = ("NIH", "JSRT", "CheXpert")

Printed = tuple[float, float, float, float]
"""BRISQUE and its standard deviation, LPC-SI and its."""

TABLE_2: Mapping[str, tuple[str, Printed]] = {
    "guided-unet[boundary_loss=l2]": ("l2 + DEL", (21.634, 8.619, 0.871, 0.056)),
    "guided-unet[feature_loss=l2]": ("GCL + l2", (21.201, 8.176, 0.883, 0.051)),
    "guided-unet": ("GCL + DEL", (21.173, 10.169, 0.889, 0.048)),
}
"""By enhancer: what the paper calls it, and what is printed (on the NIH's radiographs)."""

TABLE_3: Mapping[str, tuple[str, tuple[Printed, ...]]] = {
    "original": (
        "Original",
        ((29.076, 10.959, 0.820, 0.084), (35.626, 4.941, 0.813, 0.081), (28.310, 9.635, 0.887, 0.049)),
    ),
    "fattal": (
        "Fattal",
        ((24.089, 4.611, 0.910, 0.037), (24.263, 4.901, 0.914, 0.036), (26.748, 13.348, 0.945, 0.016)),
    ),
    "madmad": (
        "Madmad",
        ((28.930, 6.065, 0.893, 0.037), (28.556, 4.451, 0.885, 0.053), (28.148, 6.215, 0.907, 0.028)),
    ),
    "guided-unet": (
        "Ours",
        ((19.881, 6.675, 0.910, 0.044), (19.545, 5.487, 0.922, 0.037), (21.195, 8.507, 0.950, 0.030)),
    ),
}
"""The same on each of :data:`COLLECTIONS`."""

TABLE_4: Mapping[str, tuple[str, Printed]] = {
    "guided-unet[rounds=1]": ("First step", (20.680, 7.886, 0.891, 0.055)),
    "guided-unet": ("Second step", (19.881, 6.675, 0.910, 0.044)),
}
TABLE_5: Mapping[str, tuple[str, Printed]] = {
    "original": ("Original", (29.076, 10.959, 0.820, 0.084)),
    "preprocess": ("Preprocessed", (26.394, 11.275, 0.833, 0.084)),
    "guided-unet[preprocess=false]": ("Learning-based", (24.517, 5.462, 0.875, 0.058)),
    "guided-unet": ("Prep. + Learning", (19.881, 6.674, 0.910, 0.044)),
}
UNPRINTED = ("guided-unet[rounds=3]", "guided-unet[guidance=false]")
"""Of these the paper has pictures alone (Fig. 9, Fig. 5)."""

SPINE = "around=spine"


def board() -> pd.DataFrame:
    """Return the rows of image-quality on crops round the spine, over all cases and as a whole.

    Of an enhancer with several seeds it is the row of all.
    """
    frame = read_leaderboard(ROOT / "leaderboards" / "image-quality.csv")
    frame = frame[frame["dataset"].str.contains(SPINE, regex=False)]
    frame = frame[frame["group"].eq("all") & frame["facet"].fillna("").eq("") & frame["status"].eq("ok")]
    several = frame.groupby(["dataset", "profile", "enhancer", "metric"])["value"].transform("size") > 1
    return frame[~several | frame["seed"].isna()]


def places(frame: pd.DataFrame) -> list[tuple[str, str]]:
    """Return data sets and profiles, in the order in which they were published."""
    return list(dict.fromkeys(zip(frame["dataset"], frame["profile"], strict=True)))


def named(place: tuple[str, str]) -> str:
    """Return how a column calls a data set: what is cut, and the profile where it is not quick."""
    dataset, profile = place
    cut = dataset.removeprefix("region[of=").partition(f",{SPINE}")[0]
    return f"`{cut}`" + ("" if profile == "quick" else f", {profile}")


def one(frame: pd.DataFrame, place: tuple[str, str], enhancer: str, metric: str) -> pd.Series | None:
    """Return one row, None where nobody scored the enhancer there.

    Raises:
        ValueError: there is more than one.
    """
    dataset, profile = place
    rows = frame[frame["dataset"].eq(dataset) & frame["profile"].eq(profile)]
    rows = rows[rows["enhancer"].eq(enhancer) & rows["metric"].eq(metric)]
    if len(rows) > 1:
        raise ValueError(f"{len(rows)} rows of {enhancer}, {metric}, {dataset}, {profile}")
    return None if rows.empty else rows.iloc[0]


def ours(frame: pd.DataFrame, place: tuple[str, str], enhancer: str) -> str:
    """Return a cell: BRISQUE and LPC-SI, mean and standard deviation over the cases."""
    brisque, lpc_si = (one(frame, place, enhancer, metric) for metric in METRICS)
    if brisque is None or lpc_si is None:
        return LACKING
    return cell((brisque["value"], brisque["std"], lpc_si["value"], lpc_si["std"]))


def cell(figures: Printed) -> str:
    """Return a cell of four figures."""
    brisque, brisque_std, lpc_si, lpc_si_std = figures
    return f"{brisque:.1f} ± {brisque_std:.1f}; {lpc_si:.3f} ± {lpc_si_std:.3f}"


def beside(
    table: Mapping[str, tuple[str, tuple[Printed, ...]]], collections: Sequence[str], frame: pd.DataFrame | None = None
) -> str:
    """Return one of the paper's tables: what each enhancer reaches here, then what is printed."""
    frame = board() if frame is None else frame
    at = places(frame)
    head = [*(named(place) for place in at), *(f"{name}, printed" for name in collections)]
    lines = ["| | | " + " | ".join(head) + " |", "|---" * (len(head) + 2) + "|"]
    for enhancer, (called, printed) in table.items():
        cells = [*(ours(frame, place, enhancer) for place in at), *(cell(figures) for figures in printed)]
        lines.append(f"| {called} | `{enhancer}` | {' | '.join(cells)} |")
    return "\n".join(lines)


def of_the_nih(table: Mapping[str, tuple[str, Printed]]) -> str:
    """Return a table that is printed for one collection alone."""
    return beside({enhancer: (called, (printed,)) for enhancer, (called, printed) in table.items()}, COLLECTIONS[:1])


def enhancers() -> list[str]:
    """Return every enhancer of the paper's tables and figures, once."""
    return list(dict.fromkeys([*TABLE_3, *TABLE_5, *TABLE_4, *TABLE_2, *UNPRINTED]))


def costs() -> str:
    """Return what each enhancement and its null achieve, and what it costs: a block for each data set."""
    frame = board()
    head = ["images", "", "`brisque` ↓", "`lpc_si` ↑", "`noise_gain` ↓", "`halo` ↓", "`clipped` ↓", "`ssim` ↑"]
    lines = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    digits = dict(zip((*METRICS, *COSTS), (1, 3, 2, 1, 3, 3), strict=True))
    for place in places(frame):
        first = f"{named(place)}, {_cases(frame, place)}"
        for enhancer in enhancers():
            for label in (enhancer, f"null[of={enhancer}]"):
                rows = {metric: one(frame, place, label, metric) for metric in digits}
                if any(row is None for row in rows.values()):
                    continue
                cells = [f"{row['value']:.{digits[metric]}f}" for metric, row in rows.items() if row is not None]
                lines.append(f"| {first} | `{label}` | {' | '.join(cells)} |")
                first = ""
    return "\n".join(lines)


def _cases(frame: pd.DataFrame, place: tuple[str, str]) -> str:
    row = one(frame, place, "original", METRICS[0])
    return "" if row is None else f"{row['n_cases']:.0f} cases"


MAKERS: Mapping[str, Callable[[], str]] = {
    "table II": lambda: of_the_nih(TABLE_2),
    "table III": lambda: beside(TABLE_3, COLLECTIONS),
    "table IV": lambda: of_the_nih(TABLE_4),
    "table V": lambda: of_the_nih(TABLE_5),
    "costs on spines": costs,
}


if __name__ == "__main__":
    PAGE.write_text(filled(PAGE.read_text(), MAKERS))
