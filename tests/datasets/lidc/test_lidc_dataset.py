"""LidcIdri on small collections written as they are distributed: layouts, choices, faults, targets, caches."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import CTImageStorage, DigitalXRayImageStorageForPresentation, ExplicitVRLittleEndian

from radbench.contracts import CaseError, DatasetError
from radbench.contracts.case import validate_case
from radbench.contracts.dataset import check_manifest, fingerprint
from radbench_lidc import index, preparation, store
from radbench_lidc.__main__ import main
from radbench_lidc.dataset import LidcIdri, split_of

DEPTH, SIDE, GAP, PIXEL = 24, 64, 12.0, 6.0
NODULE = (12, 30, 18)  # slice, row, column: in the right lung
Z0 = -300.0


def thorax():
    """HU of a body with two lungs, a spine and a nodule in the right lung; slices from inferior to superior."""
    z, y, x = np.ogrid[0:DEPTH, 0:SIDE, 0:SIDE]
    hu = np.full((DEPTH, SIDE, SIDE), -1000.0)
    hu[np.broadcast_to(((y - 32) / 22) ** 2 + ((x - 32) / 30) ** 2 <= 1, hu.shape)] = 40
    for centre, least in ((18, 3), (46, 5)):
        hu[(((y - 30) / 14) ** 2 + ((x - centre) / 11) ** 2 <= 1) & (z >= least) & (z < 22)] = -850
    hu[:, 44:50, 28:36] = 500
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


@pytest.fixture(scope="module")
def one(tmp_path_factory):
    """A collection of one patient; not to be changed."""
    root = tmp_path_factory.mktemp("lidc") / "LIDC-IDRI"
    folder = root / "LIDC-IDRI-0001" / "01-01-2000-NA-NA-30178" / "3000566.000000-NA-03192"
    write_series(folder)
    (folder / "069.xml").write_text(reading())
    (root / "LICENSE").write_text("CC BY 3.0")
    return root


@pytest.fixture
def copy(one, tmp_path):
    """A copy of it to change."""
    return Path(shutil.copytree(one, tmp_path / "copy"))


def folder_of(root):
    return next(root.rglob("*.xml")).parent


def dataset(root, **options):
    return LidcIdri(LidcIdri.Config(root=root, **{"size": 64, **options}))


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


# What a case holds.


def test_a_case_keeps_the_contract(one):
    data = dataset(one)
    check_manifest("lidc", data.manifest())
    case = validate_case(data.load("LIDC-IDRI-0001"))
    assert set(case.targets) == data.targets
    assert case.image.shape == (1, 64, 64)
    assert case.patient_id == "LIDC-IDRI-0001"


def test_superior_is_up_and_the_patients_right_is_left(one):
    mask = only(one, frame="stretch").targets["nodule_mask"][0].numpy()
    rows, columns = np.nonzero(mask)
    # 24 slices fill 64 rows from the top slice down.
    assert rows.mean() == pytest.approx((DEPTH - 1 - NODULE[0] + 0.5) * 64 / DEPTH - 0.5, abs=0.6)
    assert columns.mean() == pytest.approx(NODULE[2], abs=0.6)


def test_the_image_is_the_mean_attenuation_along_y(one):
    case = only(one, frame="stretch", size=64)
    mean = torch.from_numpy((HU.clip(-1000) + 1000).mean(axis=1)[::-1].copy())[None, None]
    square_pixels = torch.nn.functional.interpolate(mean, size=(48, 64), mode="bilinear", align_corners=False)
    drr = (0.02 * 0.2 * square_pixels / 1000).exp()
    expected = torch.nn.functional.interpolate(drr, size=(64, 64), mode="bilinear", align_corners=False)[0, 0]
    expected = (expected - expected.min()) / (expected.max() - expected.min())
    assert float((case.image[0] - expected).abs().max()) < 1e-6
    assert float(case.image.min()) == 0.0
    assert float(case.image.max()) == 1.0


def test_the_lung_image_shows_the_lungs_alone(one):
    case = only(one)
    outside = ~torch.nn.functional.max_pool2d(case.targets["lung_mask"].float(), 5, 1, 2).bool()
    assert float(case.targets["lung_image"][outside].max()) < 1e-6
    assert float(case.targets["lung_image"][case.targets["nodule_mask"]].mean()) > 0.5


def test_a_nodule_at_the_pleura_is_in_the_lung_image(tmp_path):
    hu = HU.copy()
    hu[:, :, :20] = np.where(hu[:, :, :20] == -850, 40, hu[:, :, :20])  # the nodule's inner side alone is free
    write_series(tmp_path, hu=hu)
    (tmp_path / "a.xml").write_text(reading())
    shown = [only(tmp_path, lung_with_nodules=w).targets for w in (True, False)]
    inside = shown[0]["nodule_mask"]
    assert bool(shown[0]["lung_mask"][inside].all())
    assert float(shown[0]["lung_image"][inside].mean()) > 2 * float(shown[1]["lung_image"][inside].mean())


def test_the_bone_image_shows_the_spine_alone(one):
    image = only(one, frame="stretch").targets["bone_image"][0]
    assert float(image[:, 28:36].min()) > 0.99
    assert float(image[:, :27].max()) == 0.0


def test_soft_tissue_stands_in_the_bones_place(one, tmp_path):
    write_series(tmp_path, hu=np.where(HU == 500, 40, HU))
    (tmp_path / "a.xml").write_text(reading())
    assert torch.equal(only(one).targets["soft_tissue_image"], only(tmp_path).image)


def test_bone_above_the_papers_range_counts_when_it_is_open(tmp_path):
    hu = np.where(HU == 500, 900.0, HU)
    write_series(tmp_path, hu=hu)
    (tmp_path / "a.xml").write_text(reading())
    assert float(only(tmp_path).targets["bone_image"].max()) == 0.0
    assert float(only(tmp_path, bone_hu_max=None).targets["bone_image"].max()) == 1.0


def test_the_reversed_sign_gives_nearly_the_same_image(one):
    assert float((only(one).image - only(one, sign=-1).image).abs().max()) < 2e-3


def test_a_prone_patient_comes_out_as_a_supine_one(one, tmp_path):
    turned = HU[:, ::-1, ::-1]
    write_series(tmp_path, hu=turned, orientation=[-1, 0, 0, 0, -1, 0])
    y, x = SIDE - 1 - NODULE[1], SIDE - 1 - NODULE[2]
    xml = reading()
    for axis, (own, other) in {"x": (NODULE[2], x), "y": (NODULE[1], y)}.items():
        for step in (-3, 3):
            xml = xml.replace(f"<{axis}Coord>{own + step}<", f"<{axis}Coord>#{other + step}<")
    (tmp_path / "a.xml").write_text(xml.replace("#", ""))
    prone, supine = only(tmp_path), only(one)
    assert torch.equal(prone.image, supine.image)
    assert torch.equal(prone.targets["nodule_mask"], supine.targets["nodule_mask"])
    assert torch.equal(prone.targets["volume_hu"], supine.targets["volume_hu"])


@pytest.mark.parametrize(
    ("frame", "spacing", "empty_rows"), [("pad", (6.0, 6.0), 16), ("crop", (4.5, 4.5), 0), ("stretch", (4.5, 6.0), 0)]
)
def test_frames_keep_count_of_the_spacing(one, frame, spacing, empty_rows):
    case = only(one, frame=frame)
    assert case.spacing_mm == pytest.approx(spacing)
    assert int((case.image[0].amax(dim=1) == 0).sum()) == empty_rows


def test_a_nodule_survives_a_small_size(one):
    assert bool(only(one, size=16).targets["nodule_mask"].any())


def test_nodules_that_do_not_count_leave_the_mask_empty(copy):
    (folder_of(copy) / "069.xml").write_text(reading(texture=3))
    case = only(copy)
    assert not case.targets["nodule_mask"].any()
    assert [n["counts"] for n in case.source["nodules"]] == [False]


def test_the_source_tells_the_nodules(one):
    (nodule,) = only(one).source["nodules"]
    assert nodule["readers"] == 3
    assert nodule["ratings"] == {"subtlety": 5, "texture": 5}
    assert nodule["ml"] == pytest.approx(3 * 5 * 5 * GAP * PIXEL * PIXEL / 1000)


def test_what_is_dense_through_and_through_is_blood_unless_told_otherwise(one):
    dense = torch.from_numpy(HU > 350)
    assert torch.equal(only(one, drop_blood_pools=False).targets["bone_volume"], dense)
    dropped = only(one).targets["bone_volume"]
    assert not (dropped & ~dense).any()
    assert dropped.sum() < dense.sum()


def test_volumes_are_loaded_when_asked_for(one, monkeypatch):
    case = only(one, drop_blood_pools=False)
    assert torch.equal(case.targets["volume_hu"], torch.from_numpy(HU.astype(np.float32)))
    assert torch.equal(case.targets["bone_volume"], torch.from_numpy(HU > 350))
    monkeypatch.setattr("radbench_lidc.volume.read_volume_of", lambda scan: pytest.fail("read a volume"))
    assert "volume_hu" in case.targets
    assert len(list(case.targets)) == len(case.targets) == 8


def test_volumes_can_be_resampled(one):
    case = only(one, volume_mm=8.0)
    volume = case.targets["volume_hu"]
    assert volume.shape == (36, 48, 48)
    assert case.source["volume_spacing_mm"] == [8.0, 8.0, 8.0]
    assert float(volume.mean()) == pytest.approx(HU.mean(), abs=10)
    assert HU.min() <= float(volume.min()) < float(volume.max()) <= HU.max()


def test_padding_outside_the_field_counts_as_air(tmp_path):
    hu = HU.copy()
    hu[:, :3] = -2000
    write_series(tmp_path, hu=hu)
    (tmp_path / "a.xml").write_text(reading())
    case = only(tmp_path)
    assert float(case.targets["volume_hu"].min()) == -1024
    hu[:, :3] = -1000
    write_series(tmp_path, hu=hu)
    assert torch.equal(case.image, only(tmp_path).image)


# How the collection is found.


@pytest.mark.parametrize("name", ["{:06d}.dcm", "IM{:04d}", "1.3.6.{}"])
def test_layout_and_names_do_not_matter(one, tmp_path, name):
    write_series(tmp_path / "a" / "b", name=name)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "158.xml").write_text(reading())
    assert fingerprint(dataset(tmp_path).manifest()) == fingerprint(dataset(one).manifest())


def test_readings_may_lie_apart(copy, tmp_path):
    (tmp_path / "tcia-lidc-xml").mkdir()
    (folder_of(copy) / "069.xml").rename(tmp_path / "tcia-lidc-xml" / "1.xml")
    assert "no reading (XML)" in fault(copy)
    assert bool(only(copy, readings=tmp_path / "tcia-lidc-xml").targets["nodule_mask"].any())


def test_the_series_that_was_read_is_taken(copy):
    write_series(folder_of(copy).parent / "other", series="1.1.2", hu=np.concatenate([HU, HU[-1:]]))
    case = only(copy)
    assert case.source["series"] == "1.1.1"


def test_the_series_may_share_a_folder(copy):
    write_series(folder_of(copy), series="1.1.2", name="2-{:03d}.dcm")
    assert only(copy).source["series"] == "1.1.1"


def test_radiographs_and_their_readings_are_passed_over(copy, one):
    folder = copy / "LIDC-IDRI-0001" / "01-01-2000-NA-NA-35511"
    for i, modality in enumerate(("DX", "CR")):
        write(
            folder / f"1-{i}.dcm",
            HU[0],
            patient="LIDC-IDRI-0001",
            study="1.2",
            series=f"1.2.{i}",
            image=f"1.2.{i}.1",
            position=(0, 0, 0),
            modality=modality,
        )
    (folder / "068.xml").write_text(
        '<IdriReadMessage xmlns="http://www.nih.gov/idri"><SeriesInstanceUID>1.2.0</SeriesInstanceUID></IdriReadMessage>'
    )
    assert dataset(copy).manifest() == dataset(one).manifest()


def test_a_scout_view_is_passed_over(copy, one):
    write(
        folder_of(copy) / "0-000.dcm",
        HU[0],
        patient="LIDC-IDRI-0001",
        study="1.1",
        series="1.1.1",
        image="1.1.1.99",
        position=(0, 0, 0),
        image_type=["ORIGINAL", "PRIMARY", "LOCALIZER"],
    )
    assert dataset(copy).manifest() == dataset(one).manifest()


def test_files_that_lie_there_twice_count_once(copy, one):
    shutil.copytree(folder_of(copy), copy / "again")
    assert dataset(copy).manifest() == dataset(one).manifest()
    assert torch.equal(only(copy).image, only(one).image)


def test_two_scans_of_a_patient_are_two_cases_in_one_split(copy):
    write_series(copy / "later", study="1.7", series="1.1.1234567890")
    (copy / "later" / "1.xml").write_text(reading(series="1.1.1234567890"))
    entries = dataset(copy).manifest()
    check_manifest("lidc", entries)
    assert [e.case_id for e in entries] == ["LIDC-IDRI-0001-1", "LIDC-IDRI-0001-34567890"]


def test_thick_slices_are_left_out(copy):
    write_series(copy / "thick", patient="LIDC-IDRI-0002", series="1.3.1", thickness=3.0)
    (copy / "thick" / "1.xml").write_text(reading(series="1.3.1"))
    assert [e.case_id for e in dataset(copy).manifest()] == ["LIDC-IDRI-0001"]
    assert len(dataset(copy, slice_thickness_max_mm=5.0).manifest()) == 2
    with pytest.raises(DatasetError, match=r"thinnest 2\.5 mm"):
        dataset(copy, slice_thickness_max_mm=1.0).manifest()


def test_unread_scans_can_be_kept_without_nodules(copy):
    (folder_of(copy) / "069.xml").unlink()
    data = dataset(copy, unread="keep")
    assert "nodule_mask" not in data.targets
    case = validate_case(data.load("LIDC-IDRI-0001"))
    assert set(case.targets) == data.targets


# What is wrong with it.


def test_a_missing_slice_is_named_with_its_place(copy):
    (folder_of(copy) / "1-011.dcm").unlink()
    words = fault(copy)
    assert "1 slice(s) are missing between '1-010.dcm' (-192 mm) and '1-012.dcm' (-168 mm)" in words
    assert "LIDC-IDRI-0001" in words


def test_a_slice_that_was_read_but_is_missing_at_the_end_is_named(copy):
    for z in range(NODULE[0], DEPTH):
        (folder_of(copy) / f"1-{z + 1:03d}.dcm").unlink()
    assert "slice at -156 mm that a reader marked is missing" in fault(copy)


def test_a_truncated_slice_is_named(copy):
    path = folder_of(copy) / "1-005.dcm"
    path.write_bytes(path.read_bytes()[:3000])
    assert "'1-005.dcm'" in fault(copy)


def test_a_file_that_is_no_dicom_is_named(copy):
    (folder_of(copy) / "1-005.dcm").write_bytes(b"not a slice")
    assert "'1-005.dcm'" in fault(copy)


def test_a_folder_of_damaged_files_alone_is_a_case_that_says_so(copy):
    (copy / "LIDC-IDRI-0009" / "ct").mkdir(parents=True)
    (copy / "LIDC-IDRI-0009" / "ct" / "1-001.dcm").write_bytes(b"")
    data = dataset(copy)
    assert [e.case_id for e in data.manifest()] == ["LIDC-IDRI-0001", "LIDC-IDRI-0009/ct"]
    with pytest.raises(CaseError, match=r"'1-001\.dcm'"):
        data.load("LIDC-IDRI-0009/ct")


def test_unreadable_xml_is_named(copy):
    (folder_of(copy) / "069.xml").write_text(reading()[:-30])
    assert "'069.xml' cannot be read as XML" in fault(copy)


def test_two_readings_that_differ_are_refused(copy):
    (copy / "other.xml").write_text(reading(comment="another"))
    assert "differ" in fault(copy)


def test_a_patient_without_ct_is_refused(tmp_path):
    write(
        tmp_path / "1.dcm",
        HU[0],
        patient="LIDC-IDRI-0003",
        study="1.2",
        series="1.2.3",
        image="1.2.3.1",
        position=(0, 0, 0),
        modality="DX",
    )
    assert "patient 'LIDC-IDRI-0003' has no CT series, only DX" in fault(tmp_path)


def test_one_bad_case_leaves_the_others(copy):
    write_series(copy / "second", patient="LIDC-IDRI-0002", series="1.3.1")
    data = dataset(copy)
    with pytest.raises(CaseError, match="LIDC-IDRI-0002"):
        data.load("LIDC-IDRI-0002")
    assert bool(data.load("LIDC-IDRI-0001").targets["nodule_mask"].any())


def test_an_outline_beyond_the_slice_is_refused(copy):
    (folder_of(copy) / "069.xml").write_text(reading(rois=outline(12, half=60)))
    assert "LIDC-IDRI-0001" in fault(copy)


@pytest.mark.parametrize("make", [lambda p: None, lambda p: p.write_text("x"), lambda p: p.mkdir()])
def test_a_root_that_is_none_is_refused(tmp_path, make):
    make(tmp_path / "root")
    with pytest.raises(DatasetError, match="LIDC-IDRI was downloaded to"):
        dataset(tmp_path / "root").manifest()


def test_an_unknown_case_is_refused_with_its_neighbours(one):
    with pytest.raises(CaseError, match="did you mean 'LIDC-IDRI-0001'"):
        dataset(one).load("LIDC-IDRI-0010")


@pytest.mark.parametrize("options", [{"split": (0.5, 0.5, 0.5)}, {"bone_hu_max": 200}, {"physics": "rays"}])
def test_options_that_make_no_sense_are_refused(one, options):
    with pytest.raises(ValueError, match="|".join(options)):
        dataset(one, **options)


# Digests, splits, caches.


def test_the_digest_follows_files_reading_and_options(copy, one):
    digest = dataset(one).manifest()[0].digest
    assert dataset(one, split_seed=5, split=(0.0, 0.0, 1.0)).manifest()[0].digest == digest
    assert dataset(one, lung_closing_mm=4.0).manifest()[0].digest != digest
    path = folder_of(copy) / "069.xml"
    path.write_text(reading(readers=2))
    assert dataset(copy).manifest()[0].digest != digest
    path.write_text(reading())
    assert dataset(copy).manifest()[0].digest == digest
    write_series(folder_of(copy), hu=HU + (HU == 40))
    assert dataset(copy).manifest()[0].digest != digest


def test_splits_go_by_patient_and_keep_their_shares():
    config = LidcIdri.Config(root=Path("x"))
    ids = [f"LIDC-IDRI-{i:04d}" for i in range(1, 1011)]
    splits = [split_of(i, config) for i in ids]
    shares = [splits.count(s) / len(ids) for s in ("train", "validation", "test")]
    assert shares == pytest.approx([0.6, 0.2, 0.2], abs=0.04)
    assert splits == [split_of(i, config) for i in ids]
    assert splits != [split_of(i, LidcIdri.Config(root=Path("x"), split_seed=1)) for i in ids]
    assert {split_of(i, LidcIdri.Config(root=Path("x"), split=(0, 0, 1))) for i in ids} == {"test"}


@pytest.fixture
def reads(monkeypatch):
    seen = []
    real = index._read
    monkeypatch.setattr(index, "_read", lambda path: (seen.append(path.name), real(path))[1])
    return seen


def later(monkeypatch):
    now = time.time_ns()
    monkeypatch.setattr(time, "time_ns", lambda: now + 10_000_000_000)


def test_files_are_read_once_and_again_when_they_change(copy, reads, monkeypatch):
    later(monkeypatch)
    before = dataset(copy).manifest()
    assert len(reads) == DEPTH + 2  # the licence, too: it has no suffix
    reads.clear()
    assert dataset(copy).manifest() == before
    assert reads == []
    (folder_of(copy) / "069.xml").write_text(reading(texture=2))
    assert dataset(copy).manifest() != before
    assert reads == ["069.xml"]


def test_fresh_files_are_not_remembered(copy, reads):
    dataset(copy).manifest()
    for path in copy.rglob("*"):
        path.touch()
    reads.clear()
    dataset(copy).manifest()
    reads.clear()
    dataset(copy).manifest()
    assert len(reads) == DEPTH + 2


@pytest.mark.parametrize("stopped_by", [KeyboardInterrupt, DatasetError])
def test_what_was_read_before_a_stop_is_remembered(copy, monkeypatch, stopped_by):
    later(monkeypatch)
    real = index._read

    def stop(path):
        if path.name == "1-020.dcm":
            raise stopped_by
        return real(path)

    monkeypatch.setattr(index, "_read", stop)
    with pytest.raises(stopped_by):
        dataset(copy).manifest()
    seen = []
    monkeypatch.setattr(index, "_read", lambda path: (seen.append(path.name), real(path))[1])
    dataset(copy).manifest()
    assert 0 < len(seen) < DEPTH / 2


def test_the_memory_grows_while_reading(copy, monkeypatch):
    later(monkeypatch)
    monkeypatch.setattr(index, "_KEPT_EVERY_SECONDS", -1.0)
    sizes = []
    real = index._remember
    monkeypatch.setattr(index, "_remember", lambda *given: (sizes.append(len(given[2])), real(*given))[1])
    dataset(copy).manifest()
    assert sizes == [*range(1, DEPTH + 3), DEPTH + 2]


def test_a_prepared_case_is_not_prepared_again(one, monkeypatch):
    first = only(one)
    monkeypatch.setattr(preparation, "prepare_scan", lambda *_: pytest.fail("prepared again"))
    again = only(one)
    assert torch.equal(first.image, again.image)
    assert first.source == again.source
    assert all(torch.equal(first.targets[t], again.targets[t]) for t in first.targets)


def test_a_damaged_prepared_case_is_prepared_again(one):
    data = dataset(one)
    first = data.load("LIDC-IDRI-0001")
    path = store.path_of(data.manifest()[0].digest)
    path.write_bytes(path.read_bytes()[:200])
    assert torch.equal(only(one).image, first.image)


def test_a_cache_that_cannot_be_written_costs_time_alone(one, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("RADBENCH_CACHE", str(tmp_path / "file"))
    assert bool(only(one).targets["nodule_mask"].any())


@pytest.mark.slow
def test_many_cases_are_prepared_side_by_side(copy):
    write_series(copy / "second", patient="LIDC-IDRI-0002", series="1.3.1")
    data = dataset(copy)
    done = []
    faults = data.prepare(workers=2, done=done.append)
    assert sorted(done) == ["LIDC-IDRI-0001", "LIDC-IDRI-0002"]
    assert list(faults) == ["LIDC-IDRI-0002"]
    prepared = store.recall(data.manifest()[0].digest)
    assert prepared is not None
    assert (
        prepared.images["image"] == preparation.prepare_scan(data._scan("LIDC-IDRI-0001"), data.config).images["image"]
    ).all()


@pytest.mark.slow
def test_the_collection_is_prepared_from_the_command_line(one, capsys):
    assert main([str(one), "--workers", "1"]) == 0
    assert "1 of 1 scans are prepared" in capsys.readouterr().out
    quick = LidcIdri(LidcIdri.Config(root=one, **LidcIdri.Config.presets["quick"]))
    assert store.recall(quick.manifest()[0].digest) is not None


def test_the_command_line_says_what_is_wrong_with_the_folder(tmp_path, capsys):
    assert main([str(tmp_path / "none")]) == 2
    assert "does not exist" in capsys.readouterr().err
