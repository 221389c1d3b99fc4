"""The spine's axis as it is found, against the vertebrae of phantoms and of a real CT; and on real radiographs.

    python benchmarks/spine_axis.py [--cases 30] [--looks hospital plain] [--lidc ../shared/data/lidc-0001]
        [--radiographs ../shared/data/hannover-cxr ../shared/data/nih-cxr] [--sheet sheet.png]

The truth of a row is the middle of the vertebrae's shadow in it, over the rows that show lung. Phantoms are those of
phantom-cxr's validation and test splits; the shadow lies under the same rays as the radiograph. The CT (CT and labels
as NIfTI files, with structures.csv) is projected in parallel along the posterior-anterior axis. Errors are given over
all rows of all cases. Of radiographs without truth it is counted in how many a spine is found; ``--sheet`` draws what
was found, to be looked at.
"""

from __future__ import annotations

import argparse
import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from machine import describe_machine
from torch import Tensor

from radbench.contracts.errors import CaseError
from radbench.imaging.folder import find_images
from radbench.imaging.read import read_image
from radbench.imaging.spine_axis import find_spine_axis
from radbench.learn.batch import resized
from radbench_phantom.cxr.config import PhantomCxrConfig
from radbench_phantom.cxr.dataset import PhantomCxr
from radbench_phantom.cxr.film import film_of, render_for_film
from radbench_phantom.cxr.radiograph import radiograph_of
from radbench_phantom.thorax.labels import Anatomy
from radbench_phantom.thorax.render import render

RESULT = Path(__file__).with_name("results") / "spine_axis.json"
VERTEBRAE = 18
SHOWN = 224


def phantom(data: PhantomCxr, case_id: str) -> tuple[Tensor, Tensor, Tensor, float]:
    """Return radiograph, vertebrae and lungs ``[S,S]``, and the pixels' width in mm."""
    thorax = data.thorax(case_id)
    config = data.config.of_patient(thorax.index)
    volume = render(thorax, config.grid) if config.look == "plain" else render_for_film(thorax, config)
    made = (radiograph_of if config.look == "plain" else film_of)(volume, config, thorax.index)
    # Under the name of the heart the vertebrae are projected along the rays of the radiograph itself.
    labels, first = volume.labels.clone(), int(Anatomy.VERTEBRA_C5)
    labels[volume.labels == int(Anatomy.HEART)] = int(Anatomy.MEDIASTINUM)
    labels[(volume.labels >= first) & (volume.labels < first + VERTEBRAE)] = int(Anatomy.HEART)
    other = (radiograph_of if config.look == "plain" else film_of)(replace(volume, labels=labels), config, thorax.index)
    return made.images["image"], other.masks["heart_mask"], made.masks["lung_mask"], made.spacing_mm[1]


def projected(folder: Path) -> tuple[Tensor, Tensor, Tensor, float]:
    """Return the same of a CT with labelled vertebrae."""
    import nibabel

    ct, labels = (nibabel.load(folder / f"{name}.nii.gz") for name in ("ct", "labels"))
    with (folder / "structures.csv").open() as file:
        rows = list(csv.DictReader(file))
    vertebrae = [int(row["id"]) for row in rows if row["structure"].startswith("vertebrae_")]
    lungs = [int(row["id"]) for row in rows if row["structure"].startswith("lung_")]
    across, _, up = ct.header.get_zooms()[:3]
    hu, named = np.asarray(ct.dataobj, dtype=np.float32), np.asarray(labels.dataobj)
    sums = [(hu + 1000).clip(0, None) / 1000, np.isin(named, vertebrae), np.isin(named, lungs)]
    # Axes left, anterior, superior: rows from above, columns from the patient's right.
    planes = [torch.from_numpy(np.ascontiguousarray(s.mean(axis=1).T[::-1, ::-1])).float() for s in sums]
    size = (round(planes[0].shape[0] * up / across), planes[0].shape[1])
    image, spine, lung = (resized(plane[None, None], size)[0, 0] for plane in planes)
    return image / image.max(), spine > 0, lung > 0, float(across)


def errors(image: Tensor, spine: Tensor, lung: Tensor) -> np.ndarray:
    """Return how far the axis lies from the truth, in pixels, for each row that shows lung and vertebrae."""
    rows = (lung.any(dim=1) & (spine.sum(dim=1) > 3)).nonzero()[:, 0]
    columns = torch.arange(spine.shape[1], dtype=torch.float64)
    truth = (spine[rows].double() * columns).sum(1) / spine[rows].sum(1)
    return np.abs(find_spine_axis(image).columns[rows.numpy()] - truth.numpy())


def summary(found: list[tuple[np.ndarray, float, int]], cases: int) -> dict[str, float]:
    """Return median, 95th percentile and maximum over all rows, in mm and in % of the width."""
    mm = np.concatenate([pixels * width for pixels, width, _ in found])
    percent = np.concatenate([100 * pixels / across for pixels, _, across in found])
    figures = {"cases": cases, "found": len(found), "max_mm": float(mm.max())}
    for name, values in (("mm", mm), ("percent", percent)):
        figures |= {f"median_{name}": float(np.median(values)), f"95_{name}": float(np.quantile(values, 0.95))}
    return {name: round(value, 2) for name, value in figures.items()}


def drawn(image: Tensor, name: str) -> tuple[np.ndarray, bool]:
    """Return a small picture with its axis in red, or with a red bar where there is none, and whether there is one."""
    small = resized(image[None, None], (SHOWN, SHOWN))[0, 0]
    picture = np.repeat(small.numpy()[..., None], 3, axis=-1)
    try:
        columns = find_spine_axis(image, name).columns
    except CaseError as error:
        print(error)
        picture[:8] = (1, 0, 0)
        return picture, False
    rows = np.arange(SHOWN)
    at = (np.interp((rows + 0.5) / SHOWN * len(columns) - 0.5, np.arange(len(columns)), columns) + 0.5) / image.shape[1]
    picture[rows, (at * SHOWN).astype(int).clip(0, SHOWN - 1)] = (1, 0, 0)
    return picture, True


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=30)
    parser.add_argument("--looks", nargs="*", default=["hospital", "plain"])
    parser.add_argument("--lidc", type=Path)
    parser.add_argument("--radiographs", nargs="*", type=Path, default=[])
    parser.add_argument("--sheet", type=Path)
    args = parser.parse_args()
    results: dict[str, object] = {}
    for look in args.looks:
        data = PhantomCxr(PhantomCxrConfig(look=look))
        ids = [entry.case_id for entry in data.manifest() if entry.split != "train"][: args.cases]
        found = []
        for case_id in ids:
            image, spine, lung, width = phantom(data, case_id)
            try:
                found.append((errors(image, spine, lung), width, image.shape[1]))
            except CaseError as error:
                print(case_id, error)
        results[look] = summary(found, len(ids))
        print(look, results[look], flush=True)
    if args.lidc:
        image, spine, lung, width = projected(args.lidc)
        results["lidc-0001"] = summary([(errors(image, spine, lung), width, image.shape[1])], 1)
        print("lidc-0001", results["lidc-0001"])
    pictures = []
    for folder in args.radiographs:
        made = [drawn(read_image(path).image[0], path.name) for path in find_images(folder).values()]
        pictures += [picture for picture, _ in made]
        results[folder.name] = {"cases": len(made), "found": sum(there for _, there in made)}
        print(folder.name, results[folder.name])
    if args.sheet and pictures:
        from PIL import Image

        pictures += [np.zeros_like(pictures[0])] * (-len(pictures) % 8)
        rows = [np.concatenate(pictures[i : i + 8], axis=1) for i in range(0, len(pictures), 8)]
        Image.fromarray((np.concatenate(rows) * 255).astype(np.uint8)).save(args.sheet)
    RESULT.write_text(json.dumps({"machine": describe_machine(), **results}, indent=2) + "\n")


if __name__ == "__main__":
    main()
