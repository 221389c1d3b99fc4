"""Draw docs/images/phantom-lesions.jpg: phantom slices in the usual windows, and lesions close up.

``python docs/make_phantom_lesions.py`` draws the phantom alone, which is what the repository holds.
``python docs/make_phantom_lesions.py --beside FILE.png`` sets real slices from ``../shared/data`` to their left, for
judging the phantom by eye; that picture holds patients' scans and stays out of the repository.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from radbench_phantom.lesion_types import LESION_TYPES, WINDOWS
from radbench_phantom.lesions import PhantomLesions
from radbench_phantom.slices.patient import patient_of
from radbench_phantom.slices.render import painted, scanned

ROOT = Path(__file__).resolve().parent.parent
SHARED = ROOT.parent / "shared" / "data"
OUT = ROOT / "docs" / "images"
TILE = 300
GAP = 4

Grey = NDArray[np.uint8]
SOFT, LUNG, BONE = (-175.0, 275.0), (-1500.0, 500.0), (-450.0, 1050.0)

# Per row: a real slice (the LIDC volume's index, or "b40"/"b70" and a position), and a phantom patient and level.
PAIRS = (
    (SOFT, (110, 80, ("b40", 11)), ((12, "arch"), (26, "pulmonary"), (31, "arch"))),
    (SOFT, (30, 15, 5), ((16, "liver"), (24, "kidney"), (21, "kidney"))),
    (LUNG, (80, ("b70", 5), ("b40", 11)), ((2, "pulmonary"), (14, "heart"), (9, "pulmonary"))),
    (BONE, (15, 80, ("b70", 0)), ((21, "kidney"), (8, "iliac"), (14, "heart"))),
)


def windowed(hu: NDArray[np.floating], window: tuple[float, float]) -> Grey:
    """Map HU to 0..255 through a window."""
    low, high = window
    return np.clip((hu - low) / (high - low) * 255 + 0.5, 0, 255).astype(np.uint8)


def framed(hu: NDArray[np.floating], spacing: float, window: tuple[float, float]) -> Grey:
    """Crop a slice to its body (420 mm across at most), and scale it to a tile."""
    body = cv2.morphologyEx((hu > -300).astype(np.uint8), cv2.MORPH_OPEN, np.ones((15, 15), np.uint8))
    rows, columns = np.nonzero(body)
    middle = (int(columns.min() + columns.max()) // 2, int(rows.min() + rows.max()) // 2)
    side = int(390 / spacing)
    matrix = np.array([[TILE / side, 0, TILE / 2 - middle[0] * TILE / side], [0, TILE / side, 0]])
    matrix[1, 2] = TILE * 0.40 - middle[1] * TILE / side
    image = cv2.warpAffine(
        windowed(hu, window), matrix, (TILE, int(TILE * 0.8)), flags=cv2.INTER_AREA, borderMode=cv2.BORDER_CONSTANT
    )
    return np.asarray(image, dtype=np.uint8)


def real_slices() -> dict[object, tuple[NDArray[np.floating], float]]:
    """Return the real slices by key, with their spacing; stop where there are none."""
    found: dict[object, tuple[NDArray[np.floating], float]] = {}
    if not SHARED.exists():
        raise SystemExit("--beside needs the real slices of ../shared/data: not present")
    volume = SHARED / "lidc-0001" / "ct.nii.gz"
    if volume.exists():
        import nibabel as nib

        scan = nib.load(volume)
        voxels = np.asarray(scan.dataobj)
        for k in range(voxels.shape[2]):
            found[k] = (voxels[:, ::-1, k].T.astype(np.float32), 0.703125)
    for name in ("b40", "b70"):
        folder = SHARED / "ct-dicom" / f"Lung_Dx-A0002_{name.upper()}f"
        if folder.exists():
            import pydicom

            series = sorted(
                (pydicom.dcmread(f) for f in folder.glob("*.dcm")), key=lambda d: float(d.ImagePositionPatient[2])
            )
            for k, d in enumerate(series):
                hu = d.pixel_array * float(d.RescaleSlope) + float(d.RescaleIntercept)
                found[(name, k)] = (hu.astype(np.float32), float(d.PixelSpacing[0]))
    return found


def phantom_slice(index: int, level: str) -> tuple[NDArray[np.floating], float]:
    """Return a lesion-free phantom slice and its spacing."""
    patient = patient_of(0, index)
    canvas = painted(patient, level, 512, (0.6, 0.98), (0, index))
    return scanned(canvas, patient, (0, index, 9)), canvas.frame.spacing


def anatomy_sheet(beside: bool) -> Grey:
    """Return rows of slices in one window each: phantom only, or real ones to their left."""
    real = real_slices() if beside else {}
    rows = []
    for window, keys, places in PAIRS:
        left = [framed(*real[k], window) for k in keys if k in real]
        right = [framed(*phantom_slice(*p), window) for p in places]
        bar = np.full((right[0].shape[0], 3 * GAP), 255, np.uint8)
        rows.append(np.hstack([*left, bar, *right]) if left else np.hstack(right))
    if beside:
        return np.vstack(rows)
    return np.vstack([np.hstack(rows[:2]), np.hstack(rows[2:])])


def lesion_sheet(columns: int) -> NDArray[np.uint8]:
    """Return one row per type: lesions of the test split close up, their masks' outlines below (BGR)."""
    data = PhantomLesions()
    rows = []
    for lesion_type in LESION_TYPES:
        ids = [e.case_id for e in data.manifest() if e.split == "test" and e.groups["lesion-type"] == lesion_type][
            :columns
        ]
        rows.append(np.hstack([_close_up(data, i, TILE * 6 // (2 * columns)) for i in ids]))
    half = len(rows) // 2
    return np.hstack([np.vstack(rows[:half]), np.vstack(rows[half:])])


def _close_up(data: PhantomLesions, case_id: str, side: int) -> NDArray[np.uint8]:
    case = data.load(case_id)
    mask = case.targets["lesion_mask"][0].numpy().astype(np.uint8)
    image = windowed(case.targets["hu"][0].numpy(), WINDOWS[case.groups["lesion-type"]])
    reach = max(1.25 * case.provenance["lesion_diameter_mm"], 14.0) / case.spacing_mm[0]
    y, x = np.argwhere(mask).mean(axis=0)
    scale = side / (2 * reach)
    matrix = np.array([[scale, 0, side / 2 - x * scale], [0, scale, side / 2 - y * scale]])
    plain = cv2.cvtColor(cv2.warpAffine(image, matrix, (side, side), flags=cv2.INTER_CUBIC), cv2.COLOR_GRAY2BGR)
    marked = plain.copy()
    outer, _ = cv2.findContours(
        cv2.warpAffine(mask * 255, matrix, (side, side)) // 128, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE
    )
    cv2.drawContours(marked, outer, -1, (60, 60, 255), 1, cv2.LINE_AA)
    ends = case.targets["recist"].numpy() @ matrix[:, :2].T + matrix[:, 2]
    for a, b in ((0, 1), (2, 3)):
        start, stop = (tuple(int(v * 16) for v in ends[k]) for k in (a, b))
        cv2.line(marked, start, stop, (60, 220, 255), 1, cv2.LINE_AA, shift=4)
    cv2.putText(
        marked, case.groups["lesion-type"], (4, 12), cv2.FONT_HERSHEY_SIMPLEX, 0.38, (255, 255, 255), 1, cv2.LINE_AA
    )
    return np.asarray(np.vstack([plain, marked]), dtype=np.uint8)


def main() -> None:
    """Write the contact sheet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--beside", type=Path, metavar="FILE.png", help="write phantom beside real slices here instead")
    path = parser.parse_args().beside or OUT / "phantom-lesions.jpg"
    path.parent.mkdir(parents=True, exist_ok=True)
    top = cv2.cvtColor(anatomy_sheet(path != OUT / "phantom-lesions.jpg"), cv2.COLOR_GRAY2BGR)
    bottom = lesion_sheet(6)
    width = max(top.shape[1], bottom.shape[1])
    sheets = [cv2.copyMakeBorder(s, 0, GAP * 3, 0, width - s.shape[1], cv2.BORDER_CONSTANT) for s in (top, bottom)]
    cv2.imwrite(str(path), np.vstack(sheets), [cv2.IMWRITE_JPEG_QUALITY, 85] if path.suffix == ".jpg" else [])
    print(f"wrote {path.name}: {path.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
