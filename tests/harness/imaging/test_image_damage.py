"""Files of every format with bytes changed at random: each is read or refused in words, never anything else."""

from __future__ import annotations

import random
from pathlib import Path

import cv2
import nibabel
import numpy as np
import pytest
import tifffile
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

from radbench.contracts import RadbenchError, validate_case
from radbench.contracts.case import Case
from radbench.imaging import read_image, read_mask, write_derived_dicom

GREY = np.random.default_rng(0).integers(0, 256, (16, 16), dtype=np.uint8)


def sound(path: Path) -> bytes:
    """Write a sound file of the path's format."""
    if path.suffix == ".dcm":
        ds = Dataset()
        ds.SOPClassUID, ds.SOPInstanceUID, ds.Modality = "1.2.840.10008.5.1.4.1.1.1", generate_uid(), "CR"
        ds.SamplesPerPixel, ds.PhotometricInterpretation, ds.PixelPaddingValue = 1, "MONOCHROME2", 3
        ds.Rows, ds.Columns, ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 16, 8, 8, 7, 0
        ds.RescaleSlope, ds.RescaleIntercept, ds.PixelSpacing = 1, -5, [0.2, 0.2]
        ds.WindowCenter, ds.WindowWidth = [100, 50], [200, 20]
        ds.PixelData = GREY.tobytes()
        ds["PixelData"].VR = "OB"
        ds.file_meta = FileMetaDataset()
        ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        ds.save_as(path, enforce_file_format=True)
    elif ".nii" in path.name:
        nibabel.save(nibabel.Nifti1Image(GREY[..., None], np.eye(4)), path)
    elif path.stem == "float":
        tifffile.imwrite(path, (GREY / 255).astype(np.float32))
    elif path.stem == "deep":
        cv2.imwrite(str(path), np.dstack([GREY.astype(np.uint16) * 257] * 3))
    elif path.stem == "palette":
        Image.fromarray(GREY).convert("P").save(path)
    else:
        Image.fromarray(GREY).save(path)
    return path.read_bytes()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "name",
    ["a.png", "a.jpg", "a.tif", "a.bmp", "a.gif", "float.tif", "deep.png", "palette.png", "a.nii", "a.nii.gz", "a.dcm"],
)
def test_damaged_file_is_read_within_the_contract_or_refused(tmp_path: Path, name: str) -> None:
    data, dice = sound(tmp_path / name), random.Random(name)
    image = read_image(tmp_path / name).image
    for _ in range(80):
        damaged = bytearray(data)
        for _ in range(dice.choice([1, 1, 2, 5])):
            # Headers matter most.
            damaged[dice.randrange(min(len(data), 400))] = dice.randrange(256)
        if dice.random() < 0.2:
            damaged = damaged[: dice.randrange(len(damaged))]
        (tmp_path / name).write_bytes(damaged)
        try:
            read = read_image(tmp_path / name)
            validate_case(Case("x", "x", read.image, read.spacing_mm))
            read_mask(tmp_path / name)
            if name == "a.dcm" and read.image.shape == image.shape:
                write_derived_dicom(tmp_path / "out.dcm", read.image, tmp_path / name, "damage")
        except RadbenchError as error:
            assert str(error)  # noqa: PT017  any refusal in words will do
