"""Draw docs/images/ct-unets.jpg: what lung-unet and bone-unet take out of radiographs that they have not seen.

``python docs/make_ct_unets_picture.py`` draws patients of the phantom's test split. Networks that are not trained yet
are trained first, by the profile ``quick``: some fifteen minutes on two cores.
``python docs/make_ct_unets_picture.py --of FILE… --to docs/images/ct-unets-real.jpg`` draws radiographs from files and
folders. ``--precision mixed`` takes networks that were trained so.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

import radbench
from radbench.imaging import read_image
from radbench_phantom.cxr.dataset import PhantomCxr

OUT = Path(__file__).resolve().parent / "images" / "ct-unets.jpg"
TILE = 224
PATIENTS = 4

Colour = NDArray[np.uint8]


def tile(image: torch.Tensor) -> Colour:
    """Map ``[1,H,W]`` in [0,1] to a tile (BGR)."""
    grey = (image[0].numpy() * 255 + 0.5).astype(np.uint8)
    scale = TILE / max(grey.shape)
    small = cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    below, right = TILE - small.shape[0], TILE - small.shape[1]
    small = cv2.copyMakeBorder(
        small, below // 2, below - below // 2, right // 2, right - right // 2, cv2.BORDER_CONSTANT
    )
    return np.asarray(cv2.cvtColor(small, cv2.COLOR_GRAY2BGR), dtype=np.uint8)


def outlined(image: torch.Tensor, found: torch.Tensor, truth: torch.Tensor | None) -> Colour:
    """Draw the outlines of what was found (blue) and of the truth (green) over the radiograph."""
    out = tile(image)
    for mask, colour in ((truth, (90, 220, 90)), (found >= 0.95, (255, 200, 60))):
        if mask is not None:
            small = (tile(mask.float())[..., 0] > 127).astype(np.uint8)
            lines, _ = cv2.findContours(small, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
            cv2.drawContours(out, lines, -1, colour, 1)
    return out


def row(image: torch.Tensor, truth: dict[str, torch.Tensor], precision: str) -> Colour:
    """Return one radiograph's tiles; true images stand left of the extracted ones, where there are any."""
    lungs, bones, less = (
        radbench.enhance(name, image[None], precision=precision)
        for name in ("lung-unet", "bone-unet", "bone-unet[mode=suppress]")
    )
    tiles = [outlined(image, lungs.layers["lung_field_mask"][0], truth.get("lung_field_mask"))]
    for name, result in (("lung_image", lungs), ("bone_image", bones)):
        tiles += [tile(truth[name])] if name in truth else []
        tiles += [tile(result.layers[name][0]), tile(result.image[0])]
    return np.hstack([*tiles, tile(less.image[0])])


def main() -> None:
    """Draw the picture."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--of", type=Path, nargs="+", help="radiographs or folders, instead of the phantom's")
    parser.add_argument("--to", type=Path, default=OUT, help="the picture to write")
    parser.add_argument("--precision", default="float32", help="of the trainings")
    given = parser.parse_args()
    if given.of:
        files = [file for one in given.of for file in (sorted(one.iterdir()) if one.is_dir() else [one])]
        rows = [row(read_image(file).image, {}, given.precision) for file in files]
    else:
        data = PhantomCxr(PhantomCxr.Config(look="mixed"))
        test = [entry.case_id for entry in data.manifest() if entry.split == "test"][:PATIENTS]
        rows = [row(case.image, dict(case.targets), given.precision) for case in map(data.load, test)]
    given.to.parent.mkdir(parents=True, exist_ok=True)
    quality = [cv2.IMWRITE_JPEG_QUALITY, 85] if given.to.suffix == ".jpg" else []
    cv2.imwrite(str(given.to), np.vstack(rows), quality)
    print(f"wrote {given.to}")


if __name__ == "__main__":
    main()
