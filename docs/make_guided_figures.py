"""Draw figures on the guided U-Net after those of its paper: box-and-whisker plots, and spines as enhancers show them.

    python docs/make_guided_figures.py boxes [--source leaderboards/image-quality.csv] [--to docs/images]
    python docs/make_guided_figures.py spines [--dataset "region[of=phantom-cxr,around=spine]"] [--cases 3] [--to …]

``boxes`` draws Figures 6, 7, 10 and 11 beside each other, of the per-case scores of a run's folder or of a published
table: one picture for each data set and profile, ``guided-boxes-NAME.png``. A star stands under what differs from
guided-unet by the Wilcoxon signed-rank test over patients, p < 0.05 after Holm's correction over the comparisons of a
figure and metric (the paper corrects for nothing). Beside its two metrics stands the noise gain, which it lacks.

``spines`` draws Figure 8 (original, Fattal, Madmad, ours) and Figure 9 (rounds 1, 2, 3) of the first cases of a data
set's test split, or of those that are named. What is not trained yet is trained first. Pictures of radiographs of
patients stay out of the repository: they are drawn ``--to`` a folder elsewhere.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from make_guided_tables import SPINE, TABLE_2, TABLE_3, TABLE_4, TABLE_5, named
from numpy.typing import NDArray

import radbench
from radbench.contracts import Case, CaseError
from radbench.engine.plan.pairs import open_dataset
from radbench.leaderboard.pairs import PairResult, common_patients, in_order
from radbench.leaderboard.sources import read_source
from radbench.registry.registry import load_registry
from radbench.stats import holm, wilcoxon

ROOT = Path(__file__).resolve().parents[1]
IMAGES = ROOT / "docs" / "images"
PUBLISHED = ROOT / "leaderboards" / "image-quality.csv"
OURS = "guided-unet"
THIRD = "guided-unet[rounds=3]"
METRICS = {"brisque": "BRISQUE ↓", "lpc_si": "LPC-SI ↑", "noise_gain": "noise gain ↓"}
FIGURES: Mapping[str, Mapping[str, str]] = {
    "losses (Fig. 6)": {name: called.replace("l2", "ℓ2") for name, (called, _) in TABLE_2.items()},
    "methods (Fig. 7)": {name: called for name, (called, _) in TABLE_3.items()},
    "rounds (Fig. 10)": {**{name: called for name, (called, _) in TABLE_4.items()}, THIRD: "Third step"},
    "preprocessing (Fig. 11)": {name: called for name, (called, _) in TABLE_5.items()},
}
"""What each picture compares: by enhancer, what the paper calls it."""

METHODS = {"original": "original", "fattal": "Fattal", "madmad": "Madmad", OURS: "guided-unet"}
ROUNDS = {"original": "original", "guided-unet[rounds=1]": "round 1", OURS: "round 2", THIRD: "round 3"}
SIGNIFICANT = 0.05
INCHES = 1.6
"""The width of a spine."""

Scores = Mapping[str, NDArray[np.float64]]
"""By enhancer: a score a patient, in one order; NaN where there is none."""


@dataclass(frozen=True)
class Place:
    """One data set under one profile.

    Attributes:
        dataset, profile: their labels.
        pairs: by enhancer.
    """

    dataset: str
    profile: str
    pairs: Mapping[str, PairResult]

    def scores(self, metric: str) -> Scores:
        """Return each enhancer's score of each patient: the mean over its cases."""
        cases = in_order([*self.pairs.values()])
        patients = np.array(common_patients([*self.pairs.values()], cases))
        found = {}
        for name, pair in self.pairs.items():
            values = np.array([_number(pair, case, metric) for case in cases])
            found[name] = np.array([values[patients == one].mean() for one in dict.fromkeys(patients.tolist())])
        return found


def _number(pair: PairResult, case: str, metric: str) -> float:
    """Return what a pair observed of a case as a whole, NaN where it observed nothing."""
    value = pair.evidence.get(case, {}).get(metric, np.nan)
    return float(value.get("", np.nan) if isinstance(value, Mapping) else value)  # type: ignore[arg-type]


def places(source: Path) -> list[Place]:
    """Return what a run or a published table scored on crops round the spine.

    Raises:
        ValueError: an enhancer was scored there with several seeds, which no box stands for.
    """
    found: dict[tuple[str, str], dict[str, PairResult]] = {}
    for pair in read_source(source).pairs:
        if SPINE not in pair.dataset or not pair.scored or not pair.task.startswith("image-quality"):
            continue
        own = found.setdefault((pair.dataset, pair.profile), {})
        if pair.enhancer in own:
            raise ValueError(f"'{pair.enhancer}' has several seeds on '{pair.dataset}': publish or name a run of one")
        own[pair.enhancer] = pair
    return [Place(dataset, profile, pairs) for (dataset, profile), pairs in found.items()]


def stars(scores: Scores, names: Sequence[str]) -> dict[str, bool]:
    """Tell which of some enhancers differ from guided-unet: Wilcoxon's test over patients, corrected after Holm."""
    rivals = [name for name in names if name != OURS]
    if OURS not in names or not rivals:
        return {}
    found = holm([wilcoxon(scores[name] - scores[OURS]) for name in rivals])
    return {name: bool(p < SIGNIFICANT) for name, p in zip(rivals, found, strict=True)}


def boxes(place: Place, to: Path) -> Path | None:
    """Draw the box-and-whisker plots of one data set; None where no figure has two boxes.

    Boxes reach from the first to the third quartile, whiskers to the farthest value within 1.5 times that range; a
    line is the median, a triangle the mean.
    """
    shown = {title: {n: c for n, c in of.items() if n in place.pairs} for title, of in FIGURES.items()}
    lacking = sorted({n for of in FIGURES.values() for n in of} - place.pairs.keys())
    if lacking:
        print(f"{place.dataset}: without {', '.join(lacking)}, which nobody scored there")
    shown = {title: of for title, of in shown.items() if len(of) > 1}
    if not shown:
        return None
    widths = [len(of) + 0.8 for of in shown.values()]
    figure, axes = plt.subplots(
        len(METRICS),
        len(shown),
        figsize=(0.85 * sum(widths), 2.3 * len(METRICS)),
        squeeze=False,
        sharey="row",
        width_ratios=widths,
    )
    for line, (metric, called) in zip(axes, METRICS.items(), strict=True):
        scores = place.scores(metric)
        for axis, (title, of) in zip(line, shown.items(), strict=True):
            differs = stars(scores, [*of])
            values = [scores[name][np.isfinite(scores[name])] for name in of]
            words = [text.replace(" ", "\n", 1) + ("\n*" if differs.get(name) else "\n") for name, text in of.items()]
            axis.boxplot(values, tick_labels=words, showmeans=True, flierprops={"markersize": 3}, widths=0.6)
            axis.tick_params(labelsize=7)
            if metric == next(iter(METRICS)):
                axis.set_title(title, fontsize=8)
        line[0].set_ylabel(called, fontsize=8)
    count = len(next(iter(place.scores("brisque").values())))
    figure.suptitle(f"{place.dataset}, {count} patients; * differs from {OURS}", fontsize=8)
    figure.tight_layout(pad=0.5)
    to.mkdir(parents=True, exist_ok=True)
    path = to / f"guided-boxes-{slug(place)}.png"
    figure.savefig(path, dpi=90)
    plt.close(figure)
    print(f"wrote {path}")
    return path


def slug(place: Place) -> str:
    """Return a name for a file: what is cut, by its last word where it is a folder."""
    text = named((place.dataset, place.profile)).replace("…", "")
    return re.sub(r"[^a-z0-9]+", "-", re.sub(r"root=[^\],]*/", "", text).lower()).strip("-")


def cases_of(dataset: str, wanted: Sequence[str], profile: str) -> list[Case]:
    """Return cases of a data set's test split: those that are named, or so many of the first that can be loaded.

    A radiograph in which no spine is found is passed over, and said.

    Args:
        dataset: its name.
        wanted: a number, or names of cases.
        profile: that its configuration is of.
    """
    opened = open_dataset(load_registry(), dataset, profile).opened
    entries = [entry.case_id for entry in opened.split("test")]
    if len(wanted) == 1 and wanted[0].isdigit() and wanted[0] not in entries:
        found: list[Case] = []
        for case_id in entries:
            if len(found) == int(wanted[0]):
                break
            try:
                found.append(opened.dataset.load(case_id))
            except CaseError as error:
                print(f"passed over: {error}")
        return found
    unknown = [name for name in wanted if name not in entries]
    if unknown:
        raise SystemExit(f"'{dataset}' has no test case {', '.join(unknown)}: there is {', '.join(entries)}")
    return [opened.dataset.load(case_id) for case_id in wanted]


def spines(cases: Sequence[Case], shown: Mapping[str, str], profile: str, precision: str, to: Path) -> None:
    """Draw cases as each enhancer shows them: a row a case, black and white at the ends of [0,1]."""
    rows, columns = len(cases), len(shown)
    height, width = cases[0].image.shape[1:]
    size = (INCHES * columns, INCHES * rows * height / width)
    figure, axes = plt.subplots(rows, columns, figsize=size, squeeze=False)
    for column, (name, title) in zip(axes.T, shown.items(), strict=True):
        for axis, case in zip(column, cases, strict=True):
            image = radbench.enhance(name, case.image[None], profile=profile, precision=precision).image[0, 0].numpy()
            axis.imshow(image, cmap="gray", vmin=0, vmax=1)
            axis.set_xticks([])
            axis.set_yticks([])
        column[0].set_title(title, fontsize=9)
    figure.tight_layout(pad=0.3)
    to.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(to, dpi=110)
    plt.close(figure)
    print(f"wrote {to}")


def main() -> None:
    """Draw what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("boxes", "spines"))
    parser.add_argument("--source", type=Path, default=PUBLISHED, help="boxes: a run's folder or a published table")
    parser.add_argument("--dataset", default=f"region[of=phantom-cxr,{SPINE}]", help="spines: whose cases are drawn")
    parser.add_argument("--cases", nargs="+", default=["3"], help="spines: how many, or which")
    parser.add_argument("--profile", default="quick", help="spines: that enhancers are configured by")
    parser.add_argument("--precision", default="float32", help="spines: of the trainings whose weights are used")
    parser.add_argument("--to", type=Path, default=IMAGES, help="the folder of the pictures")
    given = parser.parse_args()
    if given.what == "boxes":
        found = places(given.source)
        if not [boxes(place, given.to) for place in found]:
            raise SystemExit(f"'{given.source}' has no scores of image-quality on crops round the spine")
        return
    cases = cases_of(given.dataset, given.cases, given.profile)
    for shown, name in ((METHODS, "guided-methods.jpg"), (ROUNDS, "guided-rounds.jpg")):
        spines(cases, shown, given.profile, given.precision, given.to / name)


if __name__ == "__main__":
    main()
