"""Fill the tables of docs/image-quality.md on the guided U-Net from the published leaderboard, beside the printed ones.

python docs/make_guided_tables.py
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pandas as pd
from filling import filled

from radbench.leaderboard import read_leaderboard
from radbench.studies.study import load_study

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "image-quality.md"
METRICS = ("brisque", "lpc_si")
COSTS = ("noise_gain", "halo", "clipped", "ssim")
LACKING = "–"
COLLECTIONS = ("NIH", "JSRT", "CheXpert")

Printed = tuple[float, float, float, float]
"""BRISQUE and its standard deviation, LPC-SI and its."""

STUDY, _ = load_study("guided-unet-2023")


def printed(name: str) -> dict[str, tuple[str, tuple[Printed, ...]]]:
    """Return a table of the paper: by enhancer what the paper calls it, and what is printed for each collection."""
    found = {}
    for row in STUDY.table(name).rows:
        pairs = [(float(a), float(b)) for a, b in zip(row.printed, row.spread, strict=True)]
        cells = tuple((*pairs[k], *pairs[k + 1]) for k in range(0, len(pairs), 2))
        label = STUDY.runs["nih"].label(row.enhancer, "quick")
        found[label] = (row.name.replace("+", " + "), cells)
    return found


TABLE_2, TABLE_3, TABLE_4, TABLE_5 = (printed(f"table-{k}") for k in (2, 3, 4, 5))
UNPRINTED = ("guided-unet[rounds=3]", "guided-unet[guidance=false]")
"""Of these the paper has pictures alone (Fig. 9, Fig. 5)."""

SPINE = "around=spine"
FOLDERS = {"folder[root=@d90a0555,data_csv=false]": "hannover-cxr"}
"""What a published folder holds: leaderboards know it by the digest of its files alone."""


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
    return FOLDERS.get(cut, f"`{cut}`") + ("" if profile == "quick" else f", {profile}")


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
    for enhancer, (called, figures) in table.items():
        cells = [*(ours(frame, place, enhancer) for place in at), *map(cell, figures)]
        lines.append(f"| {called} | `{enhancer}` | {' | '.join(cells)} |")
    return "\n".join(lines)


def of_the_nih(table: Mapping[str, tuple[str, tuple[Printed, ...]]]) -> str:
    """Return a table that is printed for one collection alone."""
    return beside(table, COLLECTIONS[:1])


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
