"""A small DeepLesion, written as it is distributed, for the tests to load and to spoil."""

from __future__ import annotations

import csv
from pathlib import Path

import nibabel as nib
import numpy as np
from PIL import Image

SIDE = 64
SPACING = (0.8, 0.7, 2.0)  # column, row, slice
_COLUMNS = """
File_name Patient_index Study_index Series_ID Key_slice_index Measurement_coordinates Bounding_boxes
Lesion_diameters_Pixel_ Normalized_lesion_location Coarse_lesion_type Possibly_noisy Slice_range Spacing_mm_px_
Image_size DICOM_windows Patient_gender Patient_age Train_Val_Test
"""
HEADER = _COLUMNS.split()


def ellipse(side=SIDE):
    """Return the lesion, bool ``[side,side]``."""
    rows, columns = np.mgrid[0:side, 0:side]
    return (columns - 40) ** 2 / 36 + (rows - 20) ** 2 / 16 <= 1


def hu_of(series, number, side=SIDE):
    """Return HU ``[side,side]`` of a slice: others in each slice, no symmetry, with a lesion at (40, 20)."""
    seed = sum(map(ord, series)) * 1000 + number
    hu = np.random.default_rng(seed).integers(-1000, 300, size=(side, side))
    hu[ellipse(side)] = 100 + number
    return hu.astype(np.int32)


def write_slice(root, series, number, hu):
    path = Path(root) / "Images_png" / series / f"{number:03d}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray((np.asarray(hu) + 32768).astype(np.uint16)).save(path)
    return path


def line(series="000001_01_01", key=7, first=5, last=11, split=3, kind=5, noisy=0, **more):
    patient, study, number = (int(part) for part in series.split("_"))
    return {
        "File_name": f"{series}_{key:03d}.png",
        "Patient_index": patient,
        "Study_index": study,
        "Series_ID": number,
        "Key_slice_index": key,
        "Measurement_coordinates": "34, 20, 46, 20, 40, 16, 40, 24",
        "Bounding_boxes": "29, 11, 51, 29",
        "Lesion_diameters_Pixel_": "12, 8",
        "Normalized_lesion_location": "0.6, 0.3, 0.5",
        "Coarse_lesion_type": kind,
        "Possibly_noisy": noisy,
        "Slice_range": f"{first}, {last}",
        "Spacing_mm_px_": ", ".join(map(str, SPACING)),
        "Image_size": f"{SIDE}, {SIDE}",
        "DICOM_windows": "-175, 275",
        "Patient_gender": "F",
        "Patient_age": "71.0",
        "Train_Val_Test": split,
        **more,
    }


def write(root, lines):
    """Write the table and every slice of each line's range."""
    root = Path(root)
    root.mkdir(parents=True, exist_ok=True)
    with (root / "DL_info.csv").open("w", newline="") as file:
        table = csv.DictWriter(file, HEADER)
        table.writeheader()
        table.writerows(lines)
    for one in lines:
        series = one["File_name"].rpartition("_")[0]
        first, last = (int(text) for text in one["Slice_range"].split(","))
        for number in range(first, last + 1):
            write_slice(root, series, number, hu_of(series, number))
    return root


def three_patients(root):
    """A collection of a patient in each split; the test one has two lesions in one slice and a noisy one."""
    other = {"Measurement_coordinates": "8, 50, 8, 40, 5, 45, 11, 45", "Bounding_boxes": "0, 35, 16, 55"}
    return write(
        root,
        [
            line("000001_01_01", split=1, kind=-1),
            line("000002_01_01", split=2),
            line("000003_02_01"),
            line("000003_02_01", kind=7, **other),
            line("000003_02_01", key=8, noisy=1),
        ],
    )


LESION = ellipse()


def write_uls23(path, stack, corner, size, spacing=None):
    """Write a volume as ULS23's preparation does.

    Args:
        path: the file.
        stack: ``[D,H,W]``, slices from head to feet; turned in all three axes.
        corner: first voxel of the cut-out in the turned stack, which may lie outside.
        size: of the cut-out.
        spacing: voxel sides, or None for an affine of ones.
    """
    turned = np.flip(np.asarray(stack).T)
    padded = np.pad(turned, [(n, n) for n in size])
    cut = padded[tuple(slice(c + n, c + 2 * n) for c, n in zip(corner, size, strict=True))]
    sides = np.array(spacing or (1.0, 1.0, 1.0))
    affine = np.diag([*sides, 1.0])
    affine[:3, 3] = np.array(corner) * sides
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(cut.astype(np.int16), affine), path)
