"""Draw docs/images/lesion-enhancement.jpg and lesion-segmentation.jpg, after Figures 1 and 3 of Tang et al. 2018.

``python docs/make_lesion_figures.py`` draws lesions of the test split of ``phantom-lesions``: as every enhancer shows
them, and with the outlines (truth green, ``hnn`` red) that a network finds which learnt from the original image alone,
or from [original, denoised, enhanced]. It prints the table of noise and contrast in docs/lesion-enhancement.md, over
all lesions of the split. What is not trained yet is trained first, by the profile ``quick``.
``--dataset "lidc-nodules[root=PATH,split=[0,0,1]]" --to FOLDER`` draws another data set's.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from scipy import ndimage
from torch import Tensor

import radbench
from radbench.contracts import Case, CaseEntry, Sample, TaskContext
from radbench.contracts.folders import cache_folder
from radbench.engine.keep.store import Store
from radbench.engine.plan.keys import entry_key
from radbench.engine.plan.pairs import Pair, make_plan
from radbench.engine.plan.request import Request
from radbench.engine.plan.steps import Live
from radbench.engine.work.living import Living
from radbench.imaging import crop, square_region
from radbench.registry.registry import Registry, load_registry

IMAGES = Path(__file__).resolve().parent / "images"
TITLES = {
    "original": "original",
    "bm3d": "BM3D",
    "dncnn": "DnCNN",
    "single-gan": "single GAN",
    "sgan[stages=1]": "SGAN: denoised",
    "sgan": "SGAN: enhanced",
}
TYPES = ("liver", "abdomen", "lung", "bone")
GRABCUT, HNN = "grabcut[input=stacked]", "hnn[input=stacked]"
LEARNT_ON = {"original": "HNN, original", "sgan": "HNN, original + denoised + enhanced"}
DIAMETERS = 3.0


def chosen(entries: Sequence[CaseEntry]) -> list[CaseEntry]:
    """Return the first lesion of each of some types; the first few of all where types are unknown."""
    first: dict[str, CaseEntry] = {}
    for entry in entries:
        first.setdefault(entry.groups.get("lesion-type", entry.case_id), entry)
    return [first[name] for name in TYPES if name in first] or [*first.values()][: len(TYPES)]


class Drawn:
    """Lesions, and what enhancers and networks make of them."""

    def __init__(self, dataset: str) -> None:
        registry = load_registry()
        self.pairs = {pair.enhancer.label: pair for pair in _pairs(registry, [*TITLES], GRABCUT, dataset)}
        self.networks = {pair.enhancer.label: pair for pair in _pairs(registry, [*LEARNT_ON], HNN, dataset)}
        self.store = Store(cache_folder())
        self.living = Living(registry, self.store, "cpu")
        opened = next(iter(self.pairs.values())).dataset.opened
        self.entries = opened.split("test")
        self.all_cases: list[Case] = [opened.dataset.load(e.case_id) for e in self.entries]
        shown = {e.case_id for e in chosen(self.entries)}
        self.cases = [case for case in self.all_cases if case.case_id in shown]

    def samples(self, name: str, cases: Sequence[Case]) -> list[Sample]:
        """Return what an enhancer made of cases, as the run kept it."""
        pair, entries = self.pairs[name], {e.case_id: e for e in self.entries}
        found = []
        for case in cases:
            layers = [name for name in pair.enhancer.spec.layers if name == "denoised"]
            made, _ = self.store.load_enhancement(pair.enhance_key, entry_key(entries[case.case_id]), layers)
            found.append(Sample(case, made.image, made.layers))
        return found

    def segmented(self, name: str, sample: Sample) -> Tensor:
        """Return what the network that learnt on an enhancer's images takes for the lesion, bool ``[1,H,W]``."""
        pair = self.networks[name]
        weights = dict(pair.task_weights)
        if pair.training is not None:
            weights[pair.task.identity] = pair.training.key
        task = self.living.learner(Live(pair.task.asked, weights, pair.task_seed), ready=True)
        found: Tensor = task.segment(sample, TaskContext("cpu", 0))
        return found


def _pairs(registry: Registry, names: Sequence[str], task: str, dataset: str) -> list[Pair]:
    pairs = [*make_plan(registry, Request(tuple(names), (task,), dataset)).pairs]
    for pair in pairs:
        if pair.reason:
            raise SystemExit(f"{pair.name}: {pair.reason}")
    return pairs


def show(axis: Axes, case: Case, image: Tensor, masks: Sequence[tuple[Tensor, str]] = ()) -> None:
    """Draw a lesion's surroundings with outlines."""
    region = square_region(case.targets["recist"], (image.shape[1], image.shape[2]), diameters=DIAMETERS)
    axis.imshow(crop(image, region)[0], cmap="gray", vmin=0, vmax=1)
    for mask, colour in masks:
        axis.contour(crop(mask.float(), region)[0], [0.5], colors=colour, linewidths=1)
    axis.set_xticks([])
    axis.set_yticks([])


def measured(drawn: Drawn) -> None:
    """Print noise within lesions, contrast to their surroundings and their ratio: medians over all lesions.

    Noise is the standard deviation in the lesion without its outermost two pixels, contrast the difference between
    that part's mean and that of a ring two to six pixels outside the outline; both in grey levels of 255.
    """
    print("| | noise | contrast | contrast / noise | gradient at the outline |\n|---|---|---|---|---|")
    for name, title in TITLES.items():
        rows = []
        for sample in drawn.samples(name, drawn.all_cases):
            mask, image = sample.case.targets["lesion_mask"][0].numpy(), sample.image[0].numpy() * 255
            inside = ndimage.binary_erosion(mask, iterations=2)
            if inside.sum() < 9:
                continue
            wide, near = (ndimage.binary_dilation(mask, iterations=n) for n in (6, 2))
            noise, contrast = image[inside].std(), abs(image[inside].mean() - image[wide & ~near].mean())
            outline = ndimage.binary_dilation(mask) ^ ndimage.binary_erosion(mask)
            steep = np.hypot(*np.gradient(image))[outline].mean()
            rows.append((noise, contrast, contrast / max(noise, 1e-6), steep))
        values = np.median(np.array(rows), axis=0)
        print(f"| {title} | " + " | ".join(f"{v:.1f}" for v in values) + " |")
    print(f"{len(rows)} lesions of {len(drawn.all_cases)} are large enough")


def enhancement(drawn: Drawn, to: Path) -> None:
    """Draw the lesions as every enhancer shows them (the paper's Figure 1)."""
    rows, columns = len(drawn.cases), len(TITLES)
    figure, axes = plt.subplots(rows, columns, figsize=(1.9 * columns, 1.95 * rows), squeeze=False)
    for row, case in enumerate(drawn.cases):
        for axis, (name, title) in zip(axes[row], TITLES.items(), strict=True):
            show(axis, case, drawn.samples(name, [case])[0].image)
            axis.set_title(title if row == 0 else "", fontsize=9)
        axes[row][0].set_ylabel(case.groups.get("lesion-type", case.case_id), fontsize=9)
    _save(figure, to)


def segmentation(drawn: Drawn, to: Path) -> None:
    """Draw outlines by networks that learnt on the original and on SGAN's images (the paper's Figure 3)."""
    rows, columns = len(LEARNT_ON), len(drawn.cases)
    figure, axes = plt.subplots(rows, columns, figsize=(2.2 * columns, 2.3 * rows), squeeze=False)
    for axes_of, (name, title) in zip(axes, LEARNT_ON.items(), strict=True):
        for axis, case, sample in zip(axes_of, drawn.cases, drawn.samples(name, drawn.cases), strict=True):
            masks = ((case.targets["lesion_mask"], "#2ca02c"), (drawn.segmented(name, sample), "#d62728"))
            show(axis, case, case.image, masks)
            axis.set_title(case.groups.get("lesion-type", "") if name == "original" else "", fontsize=9)
        axes_of[0].set_ylabel(title, fontsize=7)
    _save(figure, to)


def _save(figure: plt.Figure, to: Path) -> None:
    figure.tight_layout(pad=0.4)
    figure.savefig(to, dpi=80)
    print(f"wrote {to}")


def main() -> None:
    """Draw both figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", default="phantom-lesions", help="whose lesions are drawn")
    parser.add_argument("--to", type=Path, default=IMAGES, help="the folder of the pictures")
    given = parser.parse_args()
    # They train what is not trained yet.
    radbench.run(list(TITLES), GRABCUT, dataset=given.dataset)
    radbench.run(list(LEARNT_ON), HNN, dataset=given.dataset)
    drawn = Drawn(given.dataset)
    given.to.mkdir(parents=True, exist_ok=True)
    enhancement(drawn, given.to / "lesion-enhancement.jpg")
    segmentation(drawn, given.to / "lesion-segmentation.jpg")
    measured(drawn)


if __name__ == "__main__":
    main()
