"""Draw docs/images/phantom-ct.jpg: slices and a projection of made-up patients, and findings close up.

``python docs/make_phantom_ct.py`` draws the phantom alone, which is what the repository holds.
``python docs/make_phantom_ct.py --beside FILE.png`` sets LIDC-IDRI-0001 from ``../shared/data`` on top, for judging by
eye; that picture holds a patient's scan and stays out of the repository.
``python docs/make_phantom_ct.py --table`` prints the table of docs/phantom-ct.md.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from radbench_phantom.thorax.labels import FINDINGS, LUNG_LABELS, Anatomy
from radbench_phantom.thorax.patient import ThoraxConfig, thorax_patient
from radbench_phantom.thorax.render import render

ROOT = Path(__file__).resolve().parent.parent
REAL = ROOT.parent / "shared" / "data" / "lidc-0001"
OUT = ROOT / "docs" / "images" / "phantom-ct.jpg"
TILE = 230
SOFT, LUNG, WIDE = (-160.0, 240.0), (-1350.0, 150.0), (-900.0, 500.0)
PATIENTS = (3, 8, 12)

Grey = NDArray[np.uint8]
Spacing = tuple[float, float, float]
Hu = NDArray[np.float32]


def tile(values: NDArray[np.floating], low: float, high: float, mm: tuple[float, float]) -> Grey:
    """Map values to grey and fit them, at true proportions, into a square tile."""
    grey = np.clip((values - low) / (high - low) * 255 + 0.5, 0, 255).astype(np.uint8)
    height, width = grey.shape[0] * mm[0], grey.shape[1] * mm[1]
    scale = TILE / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    grey = np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    out = np.zeros((TILE, TILE), np.uint8)
    top, left = (TILE - grey.shape[0]) // 2, (TILE - grey.shape[1]) // 2
    out[top : top + grey.shape[0], left : left + grey.shape[1]] = grey
    return out


def row(hu: Hu, spacing: Spacing) -> Grey:
    """Return one patient's tiles: two axial slices, a coronal, a sagittal one and a frontal projection."""
    dz, dy, dx = spacing
    d, h, w = hu.shape
    path = (np.clip(hu + 1000, 0, None).sum(axis=1) * dy / 1000)[::-1]
    low, high = np.percentile(path[path > 20], [2, 99])
    return np.hstack(
        [
            tile(hu[int(0.42 * d)], *SOFT, (dy, dx)),
            tile(hu[int(0.55 * d)], *LUNG, (dy, dx)),
            tile(hu[::-1, int(0.52 * h)], *WIDE, (dz, dx)),
            tile(hu[::-1, :, int(0.68 * w)], *WIDE, (dz, dy)),
            tile(path, low, high, (dz, dx)),
        ]
    )


def close_up(name: str) -> Grey:
    """Return the axial slice that shows a finding best."""
    volume = render(thorax_patient(7, 4, ThoraxConfig(prevalence={name: 1.0}, devices=0.0, contrast=0.0)), (150,) * 3)
    k = int(volume.finding_masks[name].sum(dim=(1, 2)).argmax())
    window = (-450.0, 1050.0) if name == "fracture" else LUNG
    return tile(volume.hu[k].numpy(), *window, volume.spacing_mm[1:])


def real() -> tuple[Hu, NDArray[np.uint8], Spacing]:
    """Return LIDC-IDRI-0001 and its labels on our axes."""
    import nibabel as nib

    if not REAL.exists():
        raise SystemExit("needs ../shared/data/lidc-0001: not present")
    scans = (np.asarray(nib.load(REAL / f"{n}.nii.gz").dataobj).transpose(2, 1, 0)[:, ::-1] for n in ("ct", "labels"))
    ct, labels = scans
    return ct.astype(np.float32), labels.astype(np.uint8), (2.5, 0.703, 0.703)


def vessels(hu: Hu, lungs: NDArray[np.bool_], mm: Spacing, dense: float = -600.0) -> list[tuple[float, float]]:
    """Return vessels per cm2 of axial lung and the share of it that they take, by distance from the pleura.

    A vessel is what is denser than a threshold and connected within its slice. The hilum's, wider than 8 mm, are left
    out: labels of real lungs end at them. Both depend on the grid; compare scans of the same.

    Args:
        hu: ``[D,H,W]``.
        lungs: the lungs' mask ``[D,H,W]``.
        mm: spacing (dz, dy, dx).
        dense: the threshold (HU).

    Returns:
        Count per cm2 and share, at 5-15, 15-30 and more than 30 mm.
    """
    box = tuple(slice(int(a.min()), int(a.max()) + 1) for a in np.nonzero(lungs))
    hu, lungs = hu[box], lungs[box]
    lungs = lungs | ndimage.binary_closing(np.pad(lungs, 6), iterations=2)[6:-6, 6:-6, 6:-6]
    axes = [np.arange(-round(4 / m), round(4 / m) + 1) * m / 4.2 for m in mm]
    ball = sum(g**2 for g in np.meshgrid(*axes, indexing="ij")) <= 1
    lungs &= ~ndimage.binary_opening(hu > dense, ball)
    depth = ndimage.distance_transform_edt(np.pad(lungs, 1), sampling=mm)[1:-1, 1:-1, 1:-1]
    within_slice = np.zeros((3, 3, 3), bool)
    within_slice[1] = True
    out = []
    for low, high in ((5, 15), (15, 30), (30, np.inf)):
        zone = lungs & (depth >= low) & (depth < high)
        met = zone & (hu > dense)
        area = zone.sum() * mm[1] * mm[2] / 100
        out.append((float(ndimage.label(met, within_slice)[1] / area), float(met.sum() / zone.sum())))
    return out


def vessel_table(real_scan: tuple[Hu, NDArray[np.uint8], Spacing]) -> None:
    """Print vessels by depth, of the real scan with its pixels paired and of phantoms on that grid."""
    ct, labels, (dz, dy, dx) = real_scan
    d, h, w = (n // k for n, k in zip(ct.shape, (1, 2, 2), strict=True))
    lungs = np.isin(labels, (10, 11, 12, 13, 14))
    paired = [a[:, : 2 * h, : 2 * w].reshape(d, h, 2, w, 2).mean(axis=(2, 4)) for a in (ct, lungs)]
    mm = (dz, 2 * dy, 2 * dx)
    theirs = vessels(paired[0], paired[1] > 0.5, mm)
    ours = []
    for k in range(4):
        v = render(thorax_patient(0, k, ThoraxConfig(prevalence={}, devices=0.0, contrast=1.0)), (130, h, w), mm)
        ours.append(vessels(v.hu.numpy(), v.lung_mask.numpy(), mm))
    mean = np.array(ours).mean(axis=0)
    print("\n| vessels per cm2 (share of area) | LIDC-IDRI-0001 | phantom, four patients |\n|---|---|---|")
    for name, (count, share), (own, own_share) in zip(("5-15", "15-30", ">30"), theirs, mean, strict=True):
        print(f"| {name} mm from the pleura | {count:.2f} ({share:.3f}) | {own:.2f} ({own_share:.3f}) |")


def table() -> None:
    """Print HU and volumes of organs and vessels by depth, real and made up."""
    ct, labels, spacing = real()
    a = Anatomy
    organs = {
        "lungs": ((10, 11, 12, 13, 14), LUNG_LABELS),
        "liver": ((5,), (a.LIVER,)),
        "heart": ((51,), (a.HEART,)),
        "aorta": ((52,), (a.AORTA,)),
        "spleen": ((1,), (a.SPLEEN,)),
        "sternum": ((116,), (a.STERNUM,)),
        "ribs": (tuple(range(92, 116)), tuple(range(a.RIB_LEFT_1, a.RIB_RIGHT_1 + 12))),
        "T5-T12": (tuple(range(32, 40)), tuple(range(a.VERTEBRA_C5 + 7, a.VERTEBRA_C5 + 15))),
        "costal cartilage": ((118,), (a.CARTILAGE,)),
    }
    made = []
    for k in range(6):
        v = render(thorax_patient(0, k, ThoraxConfig(prevalence={}, devices=0.0, contrast=1.0)), (140, 200, 200))
        made.append((v.hu.numpy(), v.labels.numpy(), v.spacing_mm))

    def told(hu: Hu, own: NDArray[np.uint8], mm: Spacing, which: tuple[int, ...]) -> tuple[float, float, float]:
        mask = np.isin(own, which)
        return float(hu[mask].mean()), float(hu[mask].std()), float(mask.sum() * np.prod(mm) / 1000)

    print("| | LIDC-IDRI-0001: HU | ml | phantom, six patients: HU | ml (least-most) |\n|---|---|---|---|---|")
    for name, (theirs, ours) in organs.items():
        mean, spread, volume = told(ct, labels, spacing, theirs)
        rows = np.array([told(*m, tuple(int(i) for i in ours)) for m in made])
        print(
            f"| {name} | {mean:.0f} ± {spread:.0f} | {volume:.0f} | {rows[:, 0].mean():.0f} ± {rows[:, 1].mean():.0f} "
            f"| {rows[:, 2].mean():.0f} ({rows[:, 2].min():.0f}-{rows[:, 2].max():.0f}) |"
        )
    counts = []
    for hu, own, mm in [(ct, labels, spacing), *made]:
        lungs = np.isin(own, (10, 11, 12, 13, 14))
        x = int(np.nonzero(lungs)[2].max() * 0.62 + np.nonzero(lungs)[2].min() * 0.38)
        first = 92 if hu is ct else a.RIB_LEFT_1
        met = {int(i) for i in np.unique(own[:, :, x]) if first <= i < first + 12}
        deciles = np.percentile(hu[lungs], [10, 50, 90]).round()
        counts.append((len(met), [int(d) for d in deciles]))
        del mm
    print("left ribs met by a parasagittal cut; lung HU at 10, 50, 90 %:", counts)
    vessel_table((ct, labels, spacing))


def main() -> None:
    """Draw the picture, or print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--beside", type=Path, help="draw with the real scan, to this file")
    parser.add_argument("--table", action="store_true", help="print the realism table")
    given = parser.parse_args()
    if given.table:
        table()
        return
    rows = [row(v.hu.numpy(), v.spacing_mm) for v in (render(thorax_patient(0, k), (180,) * 3) for k in PATIENTS)]
    if given.beside:
        ct, _, spacing = real()
        rows.insert(0, row(ct, spacing))
    else:
        tiles = [close_up(name) for name in FINDINGS]
        rows += [np.hstack(tiles[:5]), np.hstack(tiles[5:])]
    out = given.beside or OUT
    out.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(out), np.vstack(rows), [cv2.IMWRITE_JPEG_QUALITY, 80])
    print(f"wrote {out}")


if __name__ == "__main__":
    main()
