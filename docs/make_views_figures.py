"""Draw figures on XraySyn after those of its paper: other views as each method renders them, and bones taken out.

    python docs/make_views_figures.py simulated [--dataset ct2xray[of=phantom-cxr]] [--cases ID] [--to docs/images]
    python docs/make_views_figures.py real [--dataset "phantom-cxr[look=hospital]"] [--cases ID] [--to …]
    python docs/make_views_figures.py bones [--dataset "phantom-cxr[look=hospital]"] [--cases 3] [--to …]

``simulated`` draws Figure 3 of one case of the test split: each method's radiographs at -9, -4.5, 0, 4.5 and 9
degrees, its bones below where it tells them, and PSNR and SSIM to what the CT shows. ``real`` draws Figure 4, where no
other view is known: PSNR and SSIM are those of the radiograph found again. ``bones`` draws Figure 5 of the first cases:
radiograph, bones suppressed, and the soft tissue alone where the data set has it. What is not trained yet is trained
first. Pictures of radiographs of patients stay out of the repository: they are drawn ``--to`` a folder elsewhere.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import torch
from make_guided_figures import cases_of
from matplotlib.axes import Axes
from torch import Tensor

from radbench.api import load_enhancer
from radbench.contracts import Case, Enhancement
from radbench.engine.work.enhance import LiveEnhancer
from radbench.metrics.fidelity import psnr
from radbench.metrics.structure import ssim
from radbench.registry.registry import load_registry
from radbench.xray import Pose

ROOT = Path(__file__).resolve().parents[1]
IMAGES = ROOT / "docs" / "images"
ANGLES = (-9.0, -4.5, 0.0, 4.5, 9.0)
SIMULATED = {
    "2d-refiner": "2D Refiner",
    "x2ct": "X2CT",
    "3dpn-drr": "3DPN-DRR",
    "xraysyn[stage=1]": "3DPN",
}
REAL = {"xraysyn[stage=1]": "3DPN", "xraysyn[meta=false]": "XraySyn, no M", "xraysyn": "XraySyn"}
SUPPRESSORS = {"xraysyn[stage=1]": "3DPN", "xraysyn[meta=false]": "XraySyn, no M", "xraysyn": "XraySyn"}
DATASETS = {
    "simulated": "ct2xray[of=phantom-cxr]",
    "real": "phantom-cxr[look=hospital]",
    "bones": "phantom-cxr[look=hospital]",
}
INCHES = 1.45
"""The width of a picture."""


def loaded(name: str, profile: str, precision: str) -> LiveEnhancer:
    """Return an enhancer, trained where it is not yet."""
    return load_enhancer(load_registry(), name, profile=profile, seed=0, device="cpu", precision=precision)


def seen(enhancer: LiveEnhancer, case: Case) -> Enhancement:
    """Return the views of a case: ``[1,V,1,H,W]`` each."""
    return enhancer.views(case.image[None], [Pose(angle) for angle in ANGLES], [case.info])


def grid(rows: int, columns: int) -> tuple[plt.Figure, list[list[Axes]]]:
    """Return a figure of square pictures without ticks."""
    figure, axes = plt.subplots(rows, columns, figsize=(INCHES * columns, INCHES * 1.08 * rows), squeeze=False)
    for axis in axes.flat:
        axis.set_xticks([])
        axis.set_yticks([])
    return figure, [list(line) for line in axes]


def paint(axis: Axes, image: Tensor, white: float = 1.0, words: str = "") -> None:
    """Draw ``[1,H,W]``, black at 0, with words into its lower edge."""
    axis.imshow(image[0].numpy(), cmap="gray", vmin=0, vmax=white)
    if words:
        place = {"transform": axis.transAxes, "ha": "center", "va": "bottom", "fontsize": 6.5}
        axis.text(0.5, 0.01, words, color="white", bbox={"color": "black", "alpha": 0.6, "pad": 1}, **place)


def held_to(image: Tensor, truth: Tensor) -> str:
    """Return PSNR and SSIM of ``[1,H,W]`` on [0,1], as the paper writes them."""
    return f"{psnr(image[None], truth[None])[0]:.2f} / {ssim(image[None], truth[None])[0]:.3f}"


def ended(figure: plt.Figure, to: Path) -> None:
    """Write a figure."""
    figure.tight_layout(pad=0.25)
    to.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(to, dpi=110)
    plt.close(figure)
    print(f"wrote {to}")


def simulated(case: Case, profile: str, precision: str, to: Path) -> None:
    """Draw Figure 3: radiographs, and bones below, as the CT shows them and as each method renders them."""
    truth = case.targets["view_images"]([Pose(angle) for angle in ANGLES])
    found = {title: seen(loaded(name, profile, precision), case) for name, title in SIMULATED.items()}
    rows = [("CT", truth["radiograph"], None), ("bone", truth["bone"], None)]
    for title, views in found.items():
        rows.append((title, views.image[0], truth["radiograph"]))
        if "bone_thickness" in views.layers:
            rows.append(("bone", views.layers["bone_thickness"][0], None))
    white = float(truth["bone"].max())
    figure, axes = grid(len(rows), len(ANGLES))
    for line, (title, images, against) in zip(axes, rows, strict=True):
        line[0].set_ylabel(title, fontsize=8)
        for axis, image, angle, k in zip(line, images, ANGLES, range(len(ANGLES)), strict=True):
            # At the input's own view a method that hands the radiograph back has found nothing.
            copied = angle == 0 and torch.equal(image, case.image)
            words = "" if against is None or copied else held_to(image, against[k])
            paint(axis, image, white if title == "bone" else 1.0, words)
    for axis, angle in zip(axes[0], ANGLES, strict=True):
        axis.set_title(f"{angle:g}°", fontsize=8)
    ended(figure, to / "xraysyn-simulated.jpg")


def real(case: Case, profile: str, precision: str, to: Path) -> None:
    """Draw Figure 4: a radiograph of which no other view is known, and its views and bones by each stage."""
    found = {title: seen(loaded(name, profile, precision), case) for name, title in REAL.items()}
    figure, axes = grid(2 * len(found), 1 + len(ANGLES))
    for k, (title, views) in enumerate(found.items()):
        above, below = axes[2 * k], axes[2 * k + 1]
        above[0].set_ylabel(title, fontsize=8)
        below[0].set_ylabel("bone", fontsize=8)
        paint(above[0], case.image)
        below[0].axis("off")
        bones = views.layers["bone_thickness"][0]
        for axis, lower, image, bone, angle in zip(above[1:], below[1:], views.image[0], bones, ANGLES, strict=True):
            paint(axis, image, words=held_to(image, case.image) if angle == 0 else "")
            paint(lower, bone, float(bones.max()) or 1.0)
    for axis, title in zip(axes[0], ["radiograph", *(f"{angle:g}°" for angle in ANGLES)], strict=True):
        axis.set_title(title, fontsize=8)
    ended(figure, to / "xraysyn-real.jpg")


def bones(cases: Sequence[Case], profile: str, precision: str, to: Path) -> None:
    """Draw Figure 5: radiographs, and what is left of them without bones, in one window for each case."""
    makers = {title: loaded(name, profile, precision) for name, title in SUPPRESSORS.items()}
    known = all("soft_tissue_image" in case.targets for case in cases)
    figure, axes = grid(len(cases), 1 + len(makers) + known)
    for line, case in zip(axes, cases, strict=True):
        shown = [case.image, *(maker(case.image[None], [case.info]).image[0] for maker in makers.values())]
        for axis, image in zip(line, [*shown, *([case.targets["soft_tissue_image"]] if known else [])], strict=True):
            paint(axis, image)
    titles = ["radiograph", *makers, *(["soft tissue alone"] if known else [])]
    for axis, title in zip(axes[0], titles, strict=True):
        axis.set_title(title, fontsize=8)
    ended(figure, to / "xraysyn-bones.jpg")


def main() -> None:
    """Draw what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=[*DATASETS])
    parser.add_argument("--dataset", help="whose test cases are drawn")
    parser.add_argument("--cases", nargs="+", default=["1"], help="how many, or which; simulated and real draw one")
    parser.add_argument("--profile", default="quick", help="that enhancers are configured by")
    parser.add_argument("--precision", default="mixed", help="of the trainings whose weights are used")
    parser.add_argument("--to", type=Path, default=IMAGES, help="the folder of the pictures")
    given = parser.parse_args()
    cases = cases_of(given.dataset or DATASETS[given.what], given.cases, given.profile)
    if given.what == "bones":
        bones(cases, given.profile, given.precision, given.to)
    else:
        {"simulated": simulated, "real": real}[given.what](cases[0], given.profile, given.precision, given.to)


if __name__ == "__main__":
    main()
