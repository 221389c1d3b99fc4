"""Draw docs/images/phantom-cxr.jpg: radiographs of the thorax phantom with their targets.

``python docs/make_phantom_cxr.py`` draws the phantom alone, which is what the repository holds.
``python docs/make_phantom_cxr.py --beside FILE.png`` draws real radiographs from ``../shared/data`` above the phantom's
for judging it by eye, and prints how their spectra fall; that picture holds patients and stays out of the repository.
"""

from __future__ import annotations

import argparse
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from radbench.contracts.case import Case
from radbench_phantom.cxr import PhantomCxr

ROOT = Path(__file__).resolve().parent.parent
SHARED = ROOT.parent / "shared" / "data"
OUT = ROOT / "docs" / "images" / "phantom-cxr.jpg"
TILE = 256
GRID = (192, 96, 192)
FILM = {
    "physics": "ct2xray",
    "spectrum": "chest",
    "frame": "lungs",
    "display": "film",
    "film_exposure": 0.5,
    "film_gamma": 0.9,
    "detail": 2.0,
    "detail_mm": 3.0,
    "photons": 1e6,
    "scatter": 0.3,
    "blur_mm": 0.25,
}
"""What comes nearest to a radiograph of a hospital."""

Grey = NDArray[np.uint8]


def grey(image: torch.Tensor) -> Grey:
    """Map ``[1,H,W]`` in [0,1] to 0..255."""
    return np.asarray((image[0].numpy() * 255 + 0.5).astype(np.uint8))


def coloured(case: Case) -> NDArray[np.uint8]:
    """Draw the outlines of the masks over the radiograph (BGR)."""
    out = cv2.cvtColor(grey(case.image), cv2.COLOR_GRAY2BGR)
    for name, colour in (("lung_mask", (255, 200, 60)), ("heart_mask", (90, 90, 255)), ("nodule_mask", (60, 255, 255))):
        outlines, _ = cv2.findContours(
            case.targets[name][0].numpy().astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE
        )
        cv2.drawContours(out, outlines, -1, colour, 1)
    return np.asarray(out, dtype=np.uint8)


def phantom(case_ids: tuple[str, ...], **fields: object) -> list[Case]:
    """Return cases of the phantom."""
    data = PhantomCxr(PhantomCxr.Config.model_validate({"size": TILE, "grid": GRID, "cache": False, **fields}))
    return [data.load(i) for i in case_ids]


def sheet(case_ids: tuple[str, ...]) -> NDArray[np.uint8]:
    """Return one row per patient: the DRR, its masks, lungs, bones, soft tissue, and what a hospital would see."""
    rows = []
    for drr, film in zip(phantom(case_ids), phantom(case_ids, **FILM), strict=True):
        plain = [drr.image, drr.targets["lung_image"], drr.targets["bone_image"], drr.targets["soft_tissue_image"]]
        tiles = [cv2.cvtColor(grey(i), cv2.COLOR_GRAY2BGR) for i in (*plain, film.image)]
        rows.append(np.hstack([tiles[0], coloured(drr), *tiles[1:]]))
    return np.vstack(rows)


def square(image: Grey) -> Grey:
    """Cut the middle square out and scale it to a tile."""
    rows, columns = image.shape
    side = min(rows, columns)
    top, left = (rows - side) // 2, (columns - side) // 2
    cut = image[top : top + side, left : left + side]
    return np.asarray(cv2.resize(cut, (TILE, TILE), interpolation=cv2.INTER_AREA), dtype=np.uint8)


def real() -> dict[str, list[Grey]]:
    """Return real radiographs, and the DRR of a real CT; stop where there are none."""
    found: dict[str, list[Grey]] = {}
    for name in ("hannover-cxr", "nih-cxr"):
        pictures = [cv2.imread(str(f), cv2.IMREAD_GRAYSCALE) for f in sorted((SHARED / name).glob("*.png"))]
        if pictures:
            found[name] = [square(np.asarray(p, dtype=np.uint8)) for p in pictures if p is not None]
    ct = SHARED / "lidc-0001" / "ct.nii.gz"
    if ct.exists():
        from radbench.imaging import read_volume
        from radbench.xray import parallel_drr, scale_to_unit

        volume = read_volume(ct)
        mean = volume.hu.clamp(min=-1000).double().mean(1)[None, None, :, None, :]
        found["DRR of lidc-0001"] = [square(grey(scale_to_unit(parallel_drr(mean, volume.spacing_mm))[0]))]
    if not found:
        raise SystemExit("--beside needs the real images of ../shared/data: not present")
    return found


def slope(image: Grey) -> float:
    """Return the exponent by which the power spectrum falls over frequency, from 0.02 to 0.2 cycles per pixel."""
    window = np.outer(np.hanning(TILE), np.hanning(TILE))
    values = image.astype(np.float64)
    power = np.abs(np.fft.fft2((values - values.mean()) * window)) ** 2
    radius = np.hypot(np.fft.fftfreq(TILE)[:, None], np.fft.fftfreq(TILE)[None])
    edges = np.geomspace(0.02, 0.2, 13)
    logs = [(np.log(a * b) / 2, np.log(power[(radius >= a) & (radius < b)].mean())) for a, b in pairwise(edges)]
    return float(np.polyfit(*np.array(logs).T, 1)[0])


def beside(path: Path) -> None:
    """Draw real radiographs above the phantom's and print the slopes of their spectra."""
    shown = real()
    ids = tuple(f"p{i:04d}" for i in range(6))
    shown["phantom, film"] = [grey(c.image) for c in phantom(ids, **FILM)]
    shown["phantom, drr"] = [grey(c.image) for c in phantom(ids)]
    for name, pictures in shown.items():
        slopes = [slope(p) for p in pictures]
        print(
            f"{name}: spectrum falls by frequency to the {np.mean(slopes):.2f} +- {np.std(slopes):.2f} ({len(slopes)})"
        )
    first = shown.get("hannover-cxr", [])[2::5][:6]
    second = [*shown.get("nih-cxr", [])[:3], *shown.get("DRR of lidc-0001", []), *shown.get("hannover-cxr", [])[10:12]]
    rows = [first, second[:6], shown["phantom, film"], shown["phantom, drr"]]
    blank = np.zeros((TILE, TILE), np.uint8)
    cv2.imwrite(str(path), np.vstack([np.hstack([*r, *[blank] * (6 - len(r))]) for r in rows]))


def main() -> None:
    """Write the contact sheet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--beside", type=Path, metavar="FILE.png", help="draw real radiographs above it here instead")
    path = parser.parse_args().beside
    if path is not None:
        beside(path)
        return
    OUT.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(OUT), sheet(("p0000", "p0001", "p0004")), [cv2.IMWRITE_JPEG_QUALITY, 82])
    print(f"wrote {OUT.name}: {OUT.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
