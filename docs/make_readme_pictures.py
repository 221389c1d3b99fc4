"""Make the README's pictures from a real run: its leaderboard, and one lesion as every enhancer shows it.

bench run --enhancer original,clahe,wls,unsharp --task grabcut --out runs/readme
python docs/make_readme_pictures.py runs/readme
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import torch
from rich.console import Console
from rich.terminal_theme import MONOKAI
from torch import Tensor

import radbench
from radbench.contracts import Sample, TaskContext
from radbench.engine.plan.resolver import Resolver
from radbench.imaging import crop, square_region
from radbench.leaderboard import renderable
from radbench.registry.registry import load_registry

IMAGES = Path(__file__).parent / "images"
CASES = ("liver", "lung", "kidney")


def leaderboard_picture(run: Path) -> None:
    """Draw the leaderboard as the terminal shows it."""
    frame = radbench.read_leaderboard(run)
    console = Console(record=True, width=100, file=open("/dev/null", "w"), force_terminal=True)  # noqa: PTH123, SIM115
    console.print("[bold green]$[/] bench run --enhancer original,clahe,wls,unsharp --task grabcut\n", highlight=False)
    console.print(renderable(frame[frame["group"] == "all"]))
    svg = console.export_svg(title="radbench", theme=MONOKAI)
    # The fonts that rich names lie on the network; the reader's own monospace font serves.
    svg = re.sub(r"@font-face\s*\{.*?\}", "", svg, flags=re.DOTALL).replace("Fira Code,", "")
    (IMAGES / "leaderboard.svg").write_text(svg)


def lesion_picture(run: Path) -> None:
    """Draw lesions under every enhancer, with their outline and GrabCut's."""
    resolver = Resolver(load_registry(), "quick")
    enhancers = list(dict.fromkeys(radbench.read_leaderboard(run)["enhancer"]))
    dataset = resolver.part("dataset", "phantom-lesions").opened.dataset
    grabcut, context = resolver.part("task", "grabcut").built, TaskContext("cpu", 0)
    figure, axes = plt.subplots(len(CASES), len(enhancers), figsize=(2.4 * len(enhancers), 2.5 * len(CASES)))
    for row, group in zip(axes, CASES, strict=True):
        entry = next(e for e in dataset.manifest() if e.split == "test" and e.groups["lesion-type"] == group)
        case = dataset.load(entry.case_id)
        for axis, name in zip(row, enhancers, strict=True):
            image = radbench.enhance(name, case.image[None]).image[0]
            mask = grabcut.segment(Sample(case, image), context).mask
            region = square_region(case.targets["recist"], tuple(image.shape[1:]), diameters=3.0)
            axis.imshow(crop(image, region)[0], cmap="gray", vmin=0, vmax=1)
            axis.contour(crop(case.targets["lesion_mask"].float(), region)[0], [0.5], colors="#2ca02c", linewidths=1)
            axis.contour(crop(_as_image(mask), region)[0], [0.5], colors="#d62728", linewidths=1)
            axis.set_xticks([])
            axis.set_yticks([])
            if group == CASES[0]:
                axis.set_title(name)
        row[0].set_ylabel(group)
    figure.suptitle("truth green, GrabCut red", fontsize=9, y=0.995)
    figure.tight_layout()
    figure.savefig(IMAGES / "lesions.png", dpi=80)


def _as_image(mask: Any) -> Tensor:
    mask = torch.as_tensor(mask)
    return mask.float().reshape(1, *mask.shape[-2:])


def main() -> None:
    """Make all pictures of a run."""
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    IMAGES.mkdir(exist_ok=True)
    run = Path(sys.argv[1])
    leaderboard_picture(run)
    lesion_picture(run)


if __name__ == "__main__":
    main()
