"""Small sound files of every kind that is read, made here, for the tests that harm them."""

from __future__ import annotations

import gzip
import io
from collections.abc import Callable
from pathlib import Path

import cv2
import nibabel
import numpy as np
import tifffile
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    RLELossless,
)

SIDE = 16
GREY = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE), dtype=np.uint8)
BLACK_AND_WHITE = np.where(np.arange(SIDE * SIDE).reshape(SIDE, SIDE) % 5 < 2, 255, 0).astype(np.uint8)
CT, CR = "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.1"


def saved(pixels: np.ndarray, kind: str, mode: str = "", **options) -> bytes:
    stream, picture = io.BytesIO(), Image.fromarray(pixels)
    (picture.convert(mode) if mode else picture).save(stream, format=kind, **options)
    return stream.getvalue()


def sixteen(kind: str) -> bytes:
    return bytes(cv2.imencode(kind, np.dstack([GREY.astype(np.uint16) * 257] * 3))[1])


def tiff(pixels: np.ndarray, **options) -> bytes:
    stream = io.BytesIO()
    tifffile.imwrite(stream, pixels, **options)
    return stream.getvalue()


def nifti(pixels: np.ndarray, affine: np.ndarray | None = None) -> bytes:
    return nibabel.Nifti1Image(pixels, np.diag([-1.0, -1.0, 2.0, 1.0]) if affine is None else affine).to_bytes()


def dicom(syntax: str = ExplicitVRLittleEndian, number: int = 1, **more) -> bytes:
    """Return a CT slice (or what ``more`` makes of it)."""
    ds = Dataset()
    ds.SOPClassUID, ds.SOPInstanceUID, ds.Modality = CT, f"1.2.3.{number}", "CT"
    ds.PatientID = ds.PatientName = "P1"
    ds.StudyInstanceUID, ds.SeriesInstanceUID = "1.2", "1.2.3"
    ds.ImagePositionPatient, ds.ImageOrientationPatient = [0, 0, number], [1, 0, 0, 0, 1, 0]
    ds.SamplesPerPixel, ds.PhotometricInterpretation, ds.PixelPaddingValue = 1, "MONOCHROME2", 3
    ds.Rows, ds.Columns, ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = SIDE, SIDE, 8, 8, 7, 0
    ds.RescaleSlope, ds.RescaleIntercept, ds.RescaleType, ds.PixelSpacing = 1, -5, "HU", [0.2, 0.2]
    ds.WindowCenter, ds.WindowWidth = [100, 50], [200, 20]
    for name, value in more.items():
        setattr(ds, name, value)
    ds.PixelData = GREY.tobytes()
    ds["PixelData"].VR = "OB" if syntax != ImplicitVRLittleEndian else "OW"
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian if syntax == RLELossless else syntax
    if syntax == RLELossless:
        ds.compress(RLELossless)
    stream = io.BytesIO()
    ds.save_as(stream, enforce_file_format=True)
    return stream.getvalue()


IMAGES: dict[str, Callable[[], bytes]] = {
    "grey.png": lambda: saved(GREY, "PNG"),
    "one-bit.png": lambda: saved(BLACK_AND_WHITE, "PNG", "1"),
    "palette.png": lambda: saved(GREY, "PNG", "P"),
    "alpha.png": lambda: saved(np.dstack([GREY] * 4), "PNG"),
    "deep.png": lambda: sixteen(".png"),
    "grey.jpg": lambda: saved(GREY, "JPEG"),
    "cmyk.jpg": lambda: saved(np.dstack([GREY] * 3), "JPEG", "CMYK"),
    "grey.tif": lambda: saved(GREY, "TIFF"),
    "packed.tif": lambda: saved(GREY, "TIFF", compression="tiff_adobe_deflate"),
    "pages.tif": lambda: saved(GREY, "TIFF", save_all=True, append_images=[Image.fromarray(GREY)] * 3),
    "float.tif": lambda: tiff((GREY / 255).astype(np.float32)),
    "deep.tif": lambda: tiff(np.dstack([GREY.astype(np.uint16)] * 3), photometric="rgb"),
    "planes.tif": lambda: tiff(np.stack([GREY.astype(np.uint16)] * 3), photometric="rgb", planarconfig="separate"),
    "grey.bmp": lambda: saved(GREY, "BMP"),
    "grey.gif": lambda: saved(GREY, "GIF"),
    "frames.gif": lambda: saved(
        GREY, "GIF", save_all=True, append_images=[Image.fromarray(GREY // n) for n in (2, 3, 4)]
    ),
    "slice.nii": lambda: nifti(GREY[..., None]),
    "slice.nii.gz": lambda: gzip.compress(nifti(GREY[..., None]), mtime=0),
    "volume.nii.gz": lambda: gzip.compress(nifti(np.stack([GREY] * 3, -1).astype(np.int16)), mtime=0),
    "explicit.dcm": dicom,
    "implicit.dcm": lambda: dicom(ImplicitVRLittleEndian),
    "big.dcm": lambda: dicom(ExplicitVRBigEndian),
    "deflated.dcm": lambda: dicom(DeflatedExplicitVRLittleEndian),
    "rle.dcm": lambda: dicom(RLELossless),
    "film.img": lambda: (np.arange(2048 * 2048) % 4096).astype(">u2").tobytes(),
}
"""By file name, of every format and coding that is read."""


def put(folder: Path, name: str, data: bytes | None = None) -> Path:
    """Write a file, sound unless its bytes are given."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_bytes(IMAGES[name]() if data is None else data)
    return path
