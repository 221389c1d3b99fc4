"""A small LIDC-IDRI collection, written as it is distributed, for the tests to load and to spoil."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import CTImageStorage, DigitalXRayImageStorageForPresentation, ExplicitVRLittleEndian

from radbench.contracts import CaseError
from radbench_lidc.dataset import LidcIdri

DEPTH, SIDE, GAP, PIXEL = 24, 64, 12.0, 6.0
NODULE = (12, 30, 18)  # slice, row, column: in the right lung
Z0 = -300.0


def thorax():
    """HU of a body with two lungs, a spine with its canal and a nodule in the right lung; from inferior to superior."""
    z, y, x = np.ogrid[0:DEPTH, 0:SIDE, 0:SIDE]
    hu = np.full((DEPTH, SIDE, SIDE), -1000.0)
    hu[np.broadcast_to(((y - 32) / 22) ** 2 + ((x - 32) / 30) ** 2 <= 1, hu.shape)] = 40
    for centre, least in ((18, 3), (46, 5)):
        hu[(((y - 30) / 14) ** 2 + ((x - centre) / 11) ** 2 <= 1) & (z >= least) & (z < 22)] = -850
    hu[:, 44:50, 28:36] = 500
    hu[:, 47:49, 31:33], hu[:, 50:52, 31:33] = 40, 500
    hu[NODULE[0] - 1 : NODULE[0] + 2, NODULE[1] - 2 : NODULE[1] + 3, NODULE[2] - 2 : NODULE[2] + 3] = 60
    return hu


HU = thorax()


def write(path, pixels, *, patient, study, series, image, position, modality="CT", thickness=2.5, **more):
    kind = CTImageStorage if modality == "CT" else DigitalXRayImageStorageForPresentation
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = kind, image
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds = FileDataset(str(path), {}, file_meta=meta, preamble=b"\0" * 128)
    ds.SOPClassUID, ds.SOPInstanceUID, ds.PatientID, ds.Modality = kind, image, patient, modality
    ds.StudyInstanceUID, ds.SeriesInstanceUID = study, series
    ds.ImagePositionPatient, ds.ImageOrientationPatient = list(position), more.get("orientation", [1, 0, 0, 0, 1, 0])
    ds.PixelSpacing, ds.SliceThickness = [PIXEL, PIXEL], thickness
    ds.ImageType = more.get("image_type", ["ORIGINAL", "PRIMARY", "AXIAL"])
    ds.Rows, ds.Columns = pixels.shape
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 16, 15, 1
    ds.RescaleSlope, ds.RescaleIntercept = 1, -1024
    ds.PixelData = (pixels + 1024).astype("<i2").tobytes()
    path.parent.mkdir(parents=True, exist_ok=True)
    ds.save_as(path, enforce_file_format=True)


def write_series(folder, patient="LIDC-IDRI-0001", study="1.1", series="1.1.1", hu=HU, name="1-{:03d}.dcm", **more):
    for z, plane in enumerate(hu):
        write(
            folder / name.format(z + 1),
            plane,
            patient=patient,
            study=study,
            series=series,
            image=f"{series}.{z + 1}",
            position=(-192.0, -192.0, Z0 + GAP * z),
            **more,
        )


def outline(z, half=3, uid="1.1.1.{}"):
    y, x = NODULE[1], NODULE[2]
    corners = [(x - half, y - half), (x + half, y - half), (x + half, y + half), (x - half, y + half)]
    edges = "".join(f"<edgeMap><xCoord>{a}</xCoord><yCoord>{b}</yCoord></edgeMap>" for a, b in corners)
    return (
        f"<roi><imageZposition>{Z0 + GAP * z}</imageZposition><imageSOP_UID>{uid.format(z + 1)}</imageSOP_UID>"
        f"<inclusion>TRUE</inclusion>{edges}</roi>"
    )


def reading(series="1.1.1", readers=3, texture=5, rois="", comment=""):
    rois = rois or "".join(outline(z, uid=series + ".{}") for z in range(NODULE[0] - 1, NODULE[0] + 2))
    session = (
        "<readingSession><unblindedReadNodule><noduleID>n</noduleID><characteristics><subtlety>5</subtlety>"
        f"<texture>{texture}</texture></characteristics>{rois}</unblindedReadNodule></readingSession>"
    )
    return (
        f'<LidcReadMessage xmlns="http://www.nih.gov"><!--{comment}--><ResponseHeader><SeriesInstanceUid>{series}'
        f"</SeriesInstanceUid></ResponseHeader>{session * readers}</LidcReadMessage>"
    )


@pytest.fixture(scope="module", name="one")
def one_fixture(tmp_path_factory):
    """A collection of one patient; not to be changed."""
    root = tmp_path_factory.mktemp("lidc") / "LIDC-IDRI"
    folder = root / "LIDC-IDRI-0001" / "01-01-2000-NA-NA-30178" / "3000566.000000-NA-03192"
    write_series(folder)
    (folder / "069.xml").write_text(reading())
    (root / "LICENSE").write_text("CC BY 3.0")
    return root


@pytest.fixture(name="copy")
def copy_fixture(one, tmp_path):
    """A copy of it to change."""
    return Path(shutil.copytree(one, tmp_path / "copy"))


def folder_of(root):
    return next(root.rglob("*.xml")).parent


def dataset(root, **options):
    """Without the lungs of readers, which take seconds, unless asked for."""
    return LidcIdri(LidcIdri.Config(root=root, **{"size": 64, "readers_lungs": False, **options}))


def only(root, **options):
    data = dataset(root, **options)
    (entry,) = data.manifest()
    return data.load(entry.case_id)


def fault(root, **options):
    data = dataset(root, **options)
    (entry,) = data.manifest()
    with pytest.raises(CaseError) as caught:
        data.load(entry.case_id)
    return str(caught.value)
