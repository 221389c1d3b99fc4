"""Draw docs/images/phantom-cxr.jpg: radiographs of the thorax phantom with their targets.

``python docs/make_phantom_cxr.py`` draws the phantom alone, which is what the repository holds.
``python docs/make_phantom_cxr.py --beside FILE.png`` draws real radiographs from ``../shared/data`` above the phantom's
for judging it by eye, and prints how their spectra fall and what greys they have; that picture holds patients and stays
out of the repository. ``--patients N`` sets how many phantoms are measured.
"""

from __future__ import annotations

import argparse
import csv
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from radbench.contracts.case import Case
from radbench_phantom.cxr.dataset import PhantomCxr

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
"""One film for all patients, which every option is set for."""

HOSPITAL = {"look": "hospital"}
"""What comes nearest to radiographs of a hospital."""

Grey = NDArray[np.uint8]


def grey(image: torch.Tensor) -> Grey:
    """Map ``[1,H,W]`` in [0,1] to 0..255."""
    return np.asarray((image[0].numpy() * 255 + 0.5).astype(np.uint8))


def coloured(case: Case, lung: str) -> NDArray[np.uint8]:
    """Draw the outlines of the masks over the radiograph (BGR), with the lungs by one of their definitions."""
    out = cv2.cvtColor(grey(case.image), cv2.COLOR_GRAY2BGR)
    for name, colour in ((lung, (255, 200, 60)), ("heart_mask", (90, 90, 255)), ("nodule_mask", (60, 255, 255))):
        outlines, _ = cv2.findContours(
            case.targets[name][0].numpy().astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE
        )
        cv2.drawContours(out, outlines, -1, colour, 1)
    return np.asarray(out, dtype=np.uint8)


def phantom(case_ids: tuple[str, ...], **fields: object) -> list[Case]:
    """Return cases of the phantom."""
    data = PhantomCxr(PhantomCxr.Config.model_validate({"size": TILE, "grid": GRID, **fields}))
    return [data.load(i) for i in case_ids]


def sheet(case_ids: tuple[str, ...]) -> NDArray[np.uint8]:
    """Return one row per patient: the DRR, its masks, lungs, bones, soft tissue, and its film in two looks."""
    rows = []
    looks = (phantom(case_ids, **HOSPITAL | {"look": look}) for look in ("stand", "bedside"))
    for drr, stand, bed in zip(phantom(case_ids), *looks, strict=True):
        plain = [drr.image, drr.targets["lung_image"], drr.targets["bone_image"], drr.targets["soft_tissue_image"]]
        tiles = [cv2.cvtColor(grey(i), cv2.COLOR_GRAY2BGR) for i in (*plain, stand.image)]
        rows.append(np.hstack([tiles[0], coloured(drr, "lung_mask"), *tiles[1:], coloured(bed, "lung_field_mask")]))
    return np.vstack(rows)


@dataclass(frozen=True)
class Picture:
    """A radiograph of 256 x 256 pixels, with its lungs where they are known."""

    image: Grey
    lungs: NDArray[np.bool_] | None = None


def square(image: Grey) -> Grey:
    """Cut the middle square out and scale it to a tile."""
    rows, columns = image.shape
    side = min(rows, columns)
    top, left = (rows - side) // 2, (columns - side) // 2
    cut = image[top : top + side, left : left + side]
    return np.asarray(cv2.resize(cut, (TILE, TILE), interpolation=cv2.INTER_AREA), dtype=np.uint8)


def read(path: Path) -> Grey:
    """Read a grey tile."""
    image = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    if image is None:
        raise SystemExit(f"{path.name} is no picture")
    return square(np.asarray(image, dtype=np.uint8))


def views(table: Path, key: str, view: str) -> dict[str, str]:
    """Return "AP" or "PA" by the name of an image."""
    with table.open(newline="") as lines:
        return {row[key].split(".")[0]: row[view][:2].upper() for row in csv.DictReader(lines)}


def real() -> dict[str, list[Picture]]:
    """Return real radiographs by origin and view, and the DRR of a real CT; stop where there are none."""
    found: dict[str, list[Picture]] = {}
    hannover, covid = SHARED / "hannover-cxr", SHARED / "covid-cxr-lungs"
    for path in sorted((SHARED / "nih-cxr").glob("*.png")):
        found.setdefault("nih-cxr", []).append(Picture(read(path)))
    if hannover.exists():
        view = views(hannover / "data.csv", "image_id", "projection")
        for path in sorted(hannover.glob("*.png")):
            found.setdefault(f"hannover-cxr, {view[path.stem]}", []).append(Picture(read(path)))
    if covid.exists():
        view = views(covid / "metadata.csv", "filename", "view")
        masks = {path.stem: path for path in (covid / "masks").iterdir()}
        for path in sorted((covid / "images").iterdir()):
            picture = Picture(read(path), read(masks[path.stem]) > 127)
            found.setdefault(f"covid-cxr-lungs, {view[path.stem]}", []).append(picture)
    ct = SHARED / "lidc-0001" / "ct.nii.gz"
    if ct.exists():
        from radbench.imaging import read_volume
        from radbench.xray import parallel_drr, scale_to_unit

        volume = read_volume(ct)
        mean = volume.hu.clamp(min=-1000).double().mean(1)[None, None, :, None, :]
        drr = square(grey(scale_to_unit(parallel_drr(mean, volume.spacing_mm))[0]))
        found["DRR of lidc-0001"] = [Picture(drr)]
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


def between(lungs: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return what lies between the lungs, in the middle half of their height."""
    out = np.zeros_like(lungs)
    rows = np.nonzero(lungs.any(axis=1))[0]
    quarter = (rows[-1] - rows[0]) // 4
    for row in range(rows[0] + quarter, rows[-1] - quarter):
        columns = np.nonzero(lungs[row])[0]
        if len(columns) > 1:
            widest = int(np.diff(columns).argmax())
            out[row, columns[widest] + 1 : columns[widest + 1]] = True
    return out


def measures(picture: Picture) -> list[float]:
    """Return the slope, percentiles 1, 50 and 99 and, where lungs are known, theirs (5, 50, 95) and what is between."""
    found = [slope(picture.image), *np.percentile(picture.image, (1, 50, 99))]
    if picture.lungs is not None and picture.lungs.any():
        middle = picture.image[between(picture.lungs)]
        found += [
            *np.percentile(picture.image[picture.lungs], (5, 50, 95)),
            np.median(middle) if middle.size else np.nan,
        ]
    return [float(v) for v in found]


def tell(name: str, pictures: list[Picture]) -> None:
    """Print a line of the table."""
    found = [measures(p) for p in pictures]
    whole = [v for v in found if len(v) == max(len(w) for w in found)]
    mean, spread = np.nanmean(whole, axis=0), np.nanstd(whole, axis=0)
    cells = [
        f"{mean[0]:.2f} ± {spread[0]:.2f}",
        *(f"{m:.0f} ± {s:.0f}" for m, s in zip(mean[1:], spread[1:], strict=True)),
    ]
    print(f"| {name} | {len(pictures)} | {' | '.join(cells + [''] * (8 - len(cells)))} |")


def beside(path: Path, patients: int) -> None:
    """Draw real radiographs above the phantom's and print their spectra and greys."""
    shown = real()
    rows = [
        [p.image for p in (shown.get("hannover-cxr, AP", [])[::5] + shown.get("nih-cxr", []))[:8]],
        [p.image for name in ("PA", "AP") for p in shown.get(f"covid-cxr-lungs, {name}", [])[1::4][:4]],
    ]
    ids = tuple(f"p{i:04d}" for i in range(patients))
    films = phantom(ids, **HOSPITAL, patients=patients)
    for case in films:
        look = case.provenance["look"]
        picture = Picture(grey(case.image), case.targets["lung_field_mask"][0].numpy())
        for name in ("hospital", look["view"], look["style"]):
            shown.setdefault(f"phantom, {name}", []).append(picture)
    few = ids[:6]
    shown["phantom, one film for all"] = [Picture(grey(c.image)) for c in phantom(few, **FILM)]
    shown["phantom, drr"] = [Picture(grey(c.image)) for c in phantom(few)]
    print("| | images | exponent | 1 % | 50 % | 99 % | lungs 5 % | 50 % | 95 % | between |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    for name, pictures in shown.items():
        tell(name, pictures)
    rows += [[p.image for p in shown["phantom, hospital"][k : k + 8]] for k in (0, 8)]
    blank = np.zeros((TILE, TILE), np.uint8)
    cv2.imwrite(str(path), np.vstack([np.hstack([*r, *[blank] * (8 - len(r))]) for r in rows]))


def main() -> None:
    """Write the contact sheet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--beside", type=Path, metavar="FILE.png", help="draw real radiographs above it here instead")
    parser.add_argument("--patients", type=int, default=24, metavar="N", help="how many phantoms it measures")
    asked = parser.parse_args()
    if asked.beside is not None:
        beside(asked.beside, asked.patients)
        return
    OUT.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(OUT), sheet(("p0000", "p0001", "p0004")), [cv2.IMWRITE_JPEG_QUALITY, 82])
    print(f"wrote {OUT.name}: {OUT.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
