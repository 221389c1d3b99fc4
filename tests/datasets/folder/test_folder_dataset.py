"""The folder data set against folders made for each test, and against the real ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pydicom
import pytest
import torch
from PIL import Image
from pydantic import ValidationError
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

from radbench.contracts import CaseError, DatasetError, ImageReadError, check_manifest, fingerprint, validate_case
from radbench.contracts.case import MASK_TARGETS
from radbench.contracts.config import local_fields
from radbench_folder.dataset import FolderDataset
from radbench_folder.plugin import radbench_datasets

RNG = np.random.default_rng(0)


def folder(**config: Any) -> FolderDataset:
    return FolderDataset(FolderDataset.Config(**config))


def save(path: Path, pixels: np.ndarray | None = None, value: int | None = None) -> np.ndarray:
    path.parent.mkdir(parents=True, exist_ok=True)
    if pixels is None:
        pixels = RNG.integers(0, 256, (12, 16), dtype=np.uint8) if value is None else np.full((12, 16), value, np.uint8)
    Image.fromarray(pixels).save(path)
    return pixels


@pytest.fixture
def images(tmp_path: Path) -> Path:
    for name in ("p1_a", "p1_b", "p2_a"):
        save(tmp_path / "images" / f"{name}.png")
    return tmp_path / "images"


def mask(rows: slice = slice(3, 9), columns: slice = slice(2, 12), value: int = 255) -> np.ndarray:
    pixels = np.zeros((12, 16), np.uint8)
    pixels[rows, columns] = value
    return pixels


def test_spec_names_the_class_and_its_configuration() -> None:
    (spec,) = radbench_datasets()
    module, _, name = spec.factory.partition(":")
    assert (spec.name, module, name) == ("folder", FolderDataset.__module__, FolderDataset.__name__)


def test_every_image_is_a_case_with_its_pixels(images: Path) -> None:
    data = folder(root=images)
    entries = data.manifest()
    check_manifest("folder", entries)
    assert [e.case_id for e in entries] == ["p1_a", "p1_b", "p2_a"]
    assert {e.split for e in entries} == {"test"}
    assert [e.patient_id for e in entries] == ["p1_a", "p1_b", "p2_a"]
    case = validate_case(data.load("p1_b"))
    truth = np.asarray(Image.open(images / "p1_b.png")) / 255
    assert np.array_equal(case.image[0].numpy(), truth.astype(np.float32))
    assert case.provenance["format"] == "PNG"
    assert (data.modality, data.targets) == ("any", frozenset())


def test_patient_comes_from_the_pattern(images: Path) -> None:
    data = folder(root=images, patient_pattern="^([^_]+)_")
    assert [e.patient_id for e in data.manifest()] == ["p1", "p1", "p2"]
    assert data.load("p1_b").patient_id == "p1"


def test_pattern_that_finds_no_patient_is_refused(images: Path) -> None:
    save(images / "stray.png")
    with pytest.raises(DatasetError, match="finds no patient in case 'stray'"):
        folder(root=images, patient_pattern="^([^_]+)_").manifest()


@pytest.mark.parametrize(
    ("pattern", "words"), [("(", "not a regular expression"), ("a(b)(c)", "has 2 groups"), ("a", "has 0")]
)
def test_pattern_without_exactly_one_group_is_refused(images: Path, pattern: str, words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        folder(root=images, patient_pattern=pattern)


def test_table_gives_patient_group_and_split(images: Path, tmp_path: Path) -> None:
    table = tmp_path / "t.csv"
    table.write_text(
        "image,who,kind,set\np1_a.png,A,lung,train\np1_b,A,liver,train\np2_a.png,B,,\nother.png,C,bone,test\n"
    )
    columns = {"case_column": "image", "patient_column": "who", "group_column": "kind", "split_column": "set"}
    data = folder(root=images, table=table, split="validation", **columns)
    entries = data.manifest()
    assert [(e.patient_id, e.groups, e.split) for e in entries] == [
        ("A", {"group": "lung"}, "train"),
        ("A", {"group": "liver"}, "train"),
        ("B", {}, "validation"),
    ]
    assert data.load("p1_b").groups == {"group": "liver"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("case_id,patient_id\np1_a,A\n", "no line for 2 of 3 cases, the first of them 'p1_b'"),
        ("case_id,patent_id\np1_a,A\n", "no column 'patient_id': did you mean 'patent_id'"),
        (
            "case_id,patient_id\np1_a,A\np1_a,B\np1_b,A\np2_a,C\n",
            "line 3: it says other things of case 'p1_a'",
        ),
        ("case_id,patient_id\np1_a,A\np1_b,\np2_a,C\n", "no patient for case 'p1_b'"),
    ],
)
def test_table_that_does_not_place_every_case_is_refused(images: Path, tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(DatasetError, match=words):
        folder(root=images, table=tmp_path / "t.csv").manifest()


def test_table_with_an_unknown_split_is_refused(images: Path, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("case_id,set\np1_a,dev\np1_b,\np2_a,\n")
    with pytest.raises(DatasetError, match="in split 'dev'"):
        folder(root=images, table=tmp_path / "t.csv", patient_column=None, split_column="set").manifest()


@pytest.mark.parametrize("column", ["group_column", "split_column", "mask_column", "finding_columns"])
def test_a_column_without_a_table_is_refused(images: Path, column: str) -> None:
    with pytest.raises(DatasetError, match=f"{column} names a column of a table, and there is none"):
        folder(root=images, **{column: ["x"] if column == "finding_columns" else "x"}).manifest()


def test_data_csv_beside_the_images_says_who_what_and_where(images: Path) -> None:
    save(images / "outlines" / "one.png", mask())
    (images / "data.csv").write_text(
        "case_id,patient_id,group,split,mask,finding:effusion,finding:mass,age\n"
        "p1_a.png,A,left,train,outlines/one.png,1,,61\np1_b,A,right,,,0,1,61\np2_a,B,left,,outlines/none.png,,0,\n"
    )
    data = folder(root=images, mask_target="heart_mask")
    entries = {entry.case_id: entry for entry in data.manifest()}
    assert {c: (e.patient_id, e.split, dict(e.groups)) for c, e in entries.items()} == {
        "p1_a": ("A", "train", {"group": "left"}),
        "p1_b": ("A", "test", {"group": "right"}),
        "p2_a": ("B", "test", {"group": "left"}),
    }
    assert data.targets == {"heart_mask", "findings"}
    case = validate_case(data.load("p1_a"))
    assert np.array_equal(case.targets["heart_mask"][0].numpy(), mask() > 0)
    assert case.targets["findings"]["effusion"] == 1.0
    assert np.isnan(case.targets["findings"]["mass"])
    with pytest.raises(CaseError, match="case 'p1_b' has no mask: its line names none"):
        data.load("p1_b")
    with pytest.raises(CaseError, match=r"case 'p2_a': .*none\.png' does not exist"):
        data.load("p2_a")


def test_what_the_table_says_is_part_of_a_cases_digest(images: Path) -> None:
    def digests(findings: str) -> list[str]:
        (images / "data.csv").write_text(f"case_id,patient_id,finding:mass\np1_a,A,{findings}\np1_b,A,0\np2_a,B,1\n")
        return [entry.digest for entry in folder(root=images).manifest()]

    before, after = digests("0"), digests("1")
    assert [a == b for a, b in zip(before, after, strict=True)] == [False, True, True]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "case_id,patient_id,finding:mass\np1_a,A,yes\np1_b,A,0\np2_a,B,0\n",
            "says 'yes' of finding 'mass' in case 'p1_a'; 1 is present, 0 absent",
        ),
        ("case_id,patient_id,finding:x,finding: x\np1_a,A,1,0\n", "names the finding 'x' twice"),
        ("case_id,patient_id,mask\np1_a,A,a\0b\n", "line 2: the mask's name has a character|cannot be read"),
        ("case_id,patient_id,group\np1_a,A\n", "line 2: it has not as many fields"),
        ("case_id,patient_id\np1_a,A,x\n", "line 2: it has not as many fields"),
        ("case_id\np1_a\n", "no column 'patient_id'.*patient_column=none makes every case a patient"),
        ('case_id,patient_id\n"p1_a,A\n', "cannot be read"),
    ],
)
def test_data_csv_that_is_wrong_is_refused(images: Path, text: str, words: str) -> None:
    (images / "data.csv").write_text(text)
    with pytest.raises(DatasetError, match=words):
        folder(root=images).manifest()


def test_lines_of_no_image_are_passed_over(images: Path) -> None:
    (images / "data.csv").write_text(
        "case_id,patient_id,finding:mass\np1_a,A,0\np1_b,A,0\np2_a,B,1\nother,C,yes\n/abs/a.png,D,\n,E,\n,F,\n"
    )
    assert [entry.patient_id for entry in folder(root=images).manifest()] == ["A", "A", "B"]


def test_a_data_csv_of_something_else_can_be_left_out(images: Path) -> None:
    (images / "data.csv").write_text("name,age\nx,3\n")
    with pytest.raises(DatasetError, match=r"no column 'case_id'.*data_csv=false"):
        folder(root=images).manifest()
    assert len(folder(root=images, data_csv=False).manifest()) == 3


def test_a_pattern_needs_no_column_of_patients(images: Path) -> None:
    (images / "data.csv").write_text("case_id,group\np1_a,x\np1_b,x\np2_a,y\n")
    entries = folder(root=images, patient_pattern="^(p[0-9])").manifest()
    assert [(entry.patient_id, entry.groups["group"]) for entry in entries] == [("p1", "x"), ("p1", "x"), ("p2", "y")]


def test_a_table_that_the_export_wrote_can_be_read(images: Path) -> None:
    (images / "p1_a.png").rename(images / "=a.png")
    (images / "data.csv").write_text("case_id,patient_id\n'=a,'+x\np1_b,B\np2_a,C\n")
    assert {e.case_id: e.patient_id for e in folder(root=images).manifest()} == {"=a": "+x", "p1_b": "B", "p2_a": "C"}


def test_a_link_to_itself_stops_no_table_with_masks(images: Path) -> None:
    (images / "p1_a.png").unlink()
    (images / "p1_a.png").symlink_to("p1_a.png")
    save(images / "m.png", mask())
    (images / "data.csv").write_text("case_id,patient_id,mask\np1_a,A,m.png\np1_b,A,m.png\np2_a,B,m.png\n")
    assert len(folder(root=images).manifest()) == 3


@pytest.mark.parametrize("number", [None, 1])
def test_masks_of_nifti_are_cut_in_the_plane_of_their_images(tmp_path: Path, number: int | None) -> None:
    for place, values in (("images", np.arange(30, dtype=np.uint8)), ("masks", np.arange(30, dtype=np.uint8) % 2)):
        (tmp_path / place).mkdir()
        nibabel.save(nibabel.Nifti1Image(values.reshape(6, 1, 5), np.eye(4)), tmp_path / place / "a.nii")
    data = folder(root=tmp_path / "images", masks=tmp_path / "masks", plane="coronal", slice_number=number)
    case = validate_case(data.load("a"))
    assert case.targets["lung_field_mask"].shape == case.image.shape == (1, 5, 6)


def test_two_sources_of_masks_are_refused(images: Path, tmp_path: Path) -> None:
    save(tmp_path / "masks" / "p1_a.png", mask())
    (images / "data.csv").write_text("case_id,patient_id,mask\np1_a,A,a.png\np1_b,A,\np2_a,B,\n")
    with pytest.raises(DatasetError, match="leave out one of them"):
        folder(root=images, masks=tmp_path / "masks").manifest()


def test_a_table_of_too_many_lines_is_refused(images: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (images / "data.csv").write_text("case_id,patient_id\np1_a,A\np1_b,A\np2_a,B\n")
    monkeypatch.setenv("RADBENCH_MAX_LINES", "2")
    with pytest.raises(DatasetError, match="more than the 2 lines that are read: set RADBENCH_MAX_LINES"):
        folder(root=images).manifest()


def test_missing_table_is_refused(images: Path, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="cannot be read"):
        folder(root=images, table=tmp_path / "none.csv").manifest()


def test_masks_become_the_target_that_is_named(images: Path, tmp_path: Path) -> None:
    for name in ("p1_a", "p1_b", "p2_a"):
        save(tmp_path / "masks" / f"{name}.png", mask())
    data = folder(root=images, masks=tmp_path / "masks", mask_target="heart_mask")
    assert data.targets == {"heart_mask"}
    case = validate_case(data.load("p1_a"))
    assert np.array_equal(case.targets["heart_mask"][0].numpy(), mask() > 0)
    assert case.provenance["mask"]["rule"] == "not 0"


def test_masks_inside_the_folder_are_no_cases(images: Path) -> None:
    save(images / "masks" / "p1_a.png", mask())
    data = folder(root=images, masks=images / "masks")
    assert len(data.manifest()) == 3


def test_lesion_masks_give_recist_axes_of_their_largest_piece(images: Path, tmp_path: Path) -> None:
    pixels = mask(slice(4, 7), slice(3, 12))
    pixels[11, 15] = 255
    save(tmp_path / "masks" / "p1_a.png", pixels)
    data = folder(root=images, masks=tmp_path / "masks", mask_target="lesion_mask")
    assert data.targets == {"lesion_mask", "recist"}
    case = validate_case(data.load("p1_a"))
    recist = case.targets["recist"]
    # A 9 x 3 block: the long axis is its diagonal.
    assert recist.dtype == torch.float32
    assert recist[:2].tolist() == [[3.0, 4.0], [11.0, 6.0]]
    assert case.provenance["mask"]["recist"] == "axes of the largest of 2 pieces"
    assert bool(case.targets["lesion_mask"][0, 11, 15])


def test_empty_lesion_mask_is_that_cases_fault(images: Path, tmp_path: Path) -> None:
    save(tmp_path / "masks" / "p1_a.png", mask(value=0))
    with pytest.raises(CaseError, match=r"case 'p1_a': mask 'p1_a\.png' is empty"):
        folder(root=images, masks=tmp_path / "masks", mask_target="lesion_mask").load("p1_a")


def test_mask_of_another_size_names_both(images: Path, tmp_path: Path) -> None:
    save(tmp_path / "masks" / "p1_a.png", np.zeros((12, 15), np.uint8))
    data = folder(root=images, masks=tmp_path / "masks")
    with pytest.raises(CaseError, match=r"mask 'p1_a\.png' is 12 x 15 \(rows x columns\), its image 12 x 16"):
        data.load("p1_a")


def test_case_without_its_mask_is_listed_and_refused_at_load(images: Path, tmp_path: Path) -> None:
    save(tmp_path / "masks" / "p1_a.jpg", mask())
    data = folder(root=images, masks=tmp_path / "masks")
    assert len(data.manifest()) == 3
    data.load("p1_a")
    with pytest.raises(CaseError, match="case 'p1_b' has no mask"):
        data.load("p1_b")


def test_masks_of_other_images_are_refused_at_once(images: Path, tmp_path: Path) -> None:
    save(tmp_path / "masks" / "x.png", mask())
    with pytest.raises(DatasetError, match="none of the 1 masks"):
        folder(root=images, masks=tmp_path / "masks").manifest()


def test_mask_threshold_decides_grey_masks(images: Path, tmp_path: Path) -> None:
    pixels = mask()
    pixels[0, 0] = 127
    save(tmp_path / "masks" / "p1_a.png", pixels)
    with pytest.raises(ImageReadError, match=r"case 'p1_a': .*3 grey levels"):
        folder(root=images, masks=tmp_path / "masks").load("p1_a")
    case = folder(root=images, masks=tmp_path / "masks", mask_threshold=0.5).load("p1_a")
    assert np.array_equal(case.targets["lung_field_mask"][0].numpy(), mask() > 0)


def test_missing_empty_and_file_roots_are_refused(images: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for root, words in (
        (tmp_path / "none", "does not exist"),
        (tmp_path / "empty", "holds no images"),
        (images / "p1_a.png", "is a file, not a folder"),
    ):
        with pytest.raises(DatasetError, match=words):
            folder(root=root).manifest()
    with pytest.raises(DatasetError, match="does not exist"):
        folder(root=images, masks=tmp_path / "none").manifest()


def test_unreadable_image_is_listed_and_is_that_cases_fault_alone(images: Path) -> None:
    (images / "p1_a.png").write_bytes((images / "p1_a.png").read_bytes()[:70])
    data = folder(root=images)
    assert len(data.manifest()) == 3
    with pytest.raises(ImageReadError, match=r"case 'p1_a': 'p1_a\.png' is cut short"):
        data.load("p1_a")
    data.load("p1_b")


def test_unknown_case_gets_a_suggestion(images: Path) -> None:
    with pytest.raises(CaseError, match="no case 'p1_c': did you mean 'p1_"):
        folder(root=images).load("p1_c")


@pytest.mark.parametrize(
    "config",
    [{"windw": 3}, {"window": [3, 1]}, {"bits": 0}, {"spacing_mm": [0, 1]}, {"split": "dev"}],
)
def test_bad_configuration_is_refused(images: Path, config: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        folder(root=images, **config)


@pytest.mark.parametrize(
    ("given", "kept"), [(None, "none"), ("2", 2), ("lut", "lut"), ([-160, 240], (-160.0, 240.0)), ("none", "none")]
)
def test_window_is_understood_as_the_command_line_gives_it(images: Path, given: Any, kept: Any) -> None:
    assert folder(root=images, window=given).config.read_options().window == kept


def test_reading_options_reach_the_pixels(tmp_path: Path) -> None:
    stored = np.array([[0, 4095, 2000]], np.uint16)
    tmp_path.joinpath("i").mkdir()
    Image.fromarray(stored).save(tmp_path / "i" / "a.png")
    case = folder(root=tmp_path / "i", bits=12, polarity="reversed", spacing_mm=(0.2, 0.3)).load("a")
    assert np.allclose(case.image[0].numpy(), 1 - stored / 4095, atol=1e-7)
    assert case.spacing_mm == (0.2, 0.3)
    assert case.provenance["window"]["from"] == "bits=12 asked for"


def test_digest_changes_with_pixels_mask_and_options_and_nothing_else(images: Path, tmp_path: Path) -> None:
    def digests(**config: Any) -> list[str]:
        return [e.digest for e in folder(root=images, **config).manifest()]

    plain = digests()
    assert digests() == plain
    assert digests(patient_pattern="(p.)") == plain
    assert digests(polarity="reversed")[0] != plain[0]
    assert digests(window=(0, 9))[0] != plain[0]
    save(tmp_path / "masks" / "p1_a.png", mask())
    masked = digests(masks=tmp_path / "masks")
    assert digests(masks=tmp_path / "masks", mask_target="heart_mask")[0] != masked[0]
    save(tmp_path / "masks" / "p1_a.png", mask(slice(1, 4)))
    assert digests(masks=tmp_path / "masks")[0] != masked[0]
    assert digests(masks=tmp_path / "masks")[1:] == masked[1:]
    save(images / "p1_a.png")
    changed = digests()
    assert changed[0] != plain[0]
    assert changed[1:] == plain[1:]


def test_fingerprint_does_not_depend_on_where_the_folder_lies(images: Path, tmp_path: Path) -> None:
    import shutil

    shutil.copytree(images, tmp_path / "elsewhere")
    first, second = folder(root=images), folder(root=tmp_path / "elsewhere")
    assert fingerprint(first.manifest()) == fingerprint(second.manifest())


def test_paths_are_local_and_everything_else_is_not(images: Path) -> None:
    assert set(local_fields(FolderDataset.Config)) == {"root", "masks", "table"}


@pytest.mark.parametrize("target", sorted(MASK_TARGETS))
def test_masks_may_be_any_of_the_truths(images: Path, tmp_path: Path, target: str) -> None:
    save(tmp_path / "masks" / "p1_a.png", mask())
    data = folder(root=images, masks=tmp_path / "masks", mask_target=target)
    assert target in data.targets
    assert data.targets <= set(radbench_datasets()[0].targets)
    assert np.array_equal(validate_case(data.load("p1_a")).targets[target][0].numpy(), mask() > 0)


def test_relative_root_is_the_same_folder(images: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(images.parent)
    assert fingerprint(folder(root="images").manifest()) == fingerprint(folder(root=images).manifest())


def ct(path: Path, pixels: np.ndarray) -> None:
    ds = Dataset()
    ds.SOPClassUID, ds.SOPInstanceUID, ds.Modality = "1.2.840.10008.5.1.4.1.1.2", generate_uid(), "CT"
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.Rows, ds.Columns = pixels.shape
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 12, 11, 0
    ds.RescaleSlope, ds.RescaleIntercept, ds.WindowCenter, ds.WindowWidth = 1, -1024, 40, 400
    ds.PixelData = pixels.astype(np.uint16).tobytes()
    ds["PixelData"].VR = "OW"
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.save_as(path, enforce_file_format=True)


def test_dicom_ct_with_and_without_suffix_gives_hounsfield_units(tmp_path: Path) -> None:
    (tmp_path / "i").mkdir()
    pixels = RNG.integers(0, 4096, (6, 7))
    ct(tmp_path / "i" / "IM1", pixels)
    ct(tmp_path / "i" / "b.dcm", pixels)
    data = folder(root=tmp_path / "i", modality="ct")
    assert data.targets == {"hu"}
    for case_id in ("IM1", "b"):
        case = validate_case(data.load(case_id))
        assert np.array_equal(case.targets["hu"][0].numpy(), pixels - 1024)


def test_grey_picture_among_ct_promises_no_hounsfield_units(images: Path) -> None:
    assert folder(root=images, modality="ct").targets == frozenset()


def test_deeplesion_style_pictures_give_hounsfield_units(tmp_path: Path) -> None:
    hu = RNG.integers(-1024, 2000, (6, 7))
    (tmp_path / "i").mkdir()
    Image.fromarray((hu + 32768).astype(np.uint16)).save(tmp_path / "i" / "a.png")
    data = folder(root=tmp_path / "i", modality="ct", rescale=(1, -32768), window=(-175, 275))
    assert data.targets == {"hu"}
    assert np.array_equal(data.load("a").targets["hu"][0].numpy(), hu)


def test_nifti_masks_follow_the_slice_of_their_image(tmp_path: Path) -> None:
    volume = RNG.integers(-900, 900, (8, 9, 5)).astype(np.int16)
    for name, values in (("i", volume), ("m", (volume > 0).astype(np.uint8))):
        (tmp_path / name).mkdir()
        nibabel.save(nibabel.Nifti1Image(values, np.eye(4)), tmp_path / name / "a.nii.gz")
    data = folder(root=tmp_path / "i", masks=tmp_path / "m", modality="ct", slice_number=2, window=(-900, 900))
    case = validate_case(data.load("a"))
    assert torch.equal(case.targets["lung_field_mask"], case.targets["hu"] > 0)


def test_real_radiographs_load_and_keep_the_contract(real_data: Path) -> None:
    root = real_data / "hannover-cxr"
    data = folder(root=root, modality="cxr", table=root / "data.csv", case_column="image_id")
    entries = data.manifest()
    check_manifest("folder", entries)
    assert len(entries) == 40
    assert len({e.patient_id for e in entries}) < 40
    for entry in entries[::10]:
        validate_case(data.load(entry.case_id))


def test_real_lung_masks_fit_their_images(real_data: Path) -> None:
    root = real_data / "covid-cxr-lungs"
    data = folder(root=root / "images", masks=root / "masks", mask_threshold=0.5)
    for case_id in ("1880e301", "24035bda", "f64132c8"):
        case = validate_case(data.load(case_id))
        inside = case.image[case.targets["lung_field_mask"]].mean().item()
        assert 0.15 < case.targets["lung_field_mask"].float().mean().item() < 0.6
        assert inside < 0.9


def test_real_ct_slices_load_with_hounsfield_units(real_data: Path) -> None:
    data = folder(root=real_data / "ct-dicom", modality="ct", window=(-1000, 400), patient_pattern="^Lung_Dx-(A[0-9]+)")
    entries = data.manifest()
    assert len(entries) == 24
    assert {e.patient_id for e in entries} == {"A0002"}
    case = validate_case(data.load("Lung_Dx-A0002_B70f/1-15"))
    ds = pydicom.dcmread(real_data / "ct-dicom" / "Lung_Dx-A0002_B70f" / "1-15.dcm")
    assert np.array_equal(case.targets["hu"][0].numpy(), ds.pixel_array.astype(np.float32) - 1024)
    assert case.provenance["file"] == "1-15.dcm"


def test_what_is_no_case_and_what_is_there_twice_is_noticed(images: Path, tmp_path: Path) -> None:
    assert folder(root=images).noticed() == []
    (images / "notes.txt").write_text("none")
    (images / "below").mkdir()
    (images / "below" / "Report.PDF").write_bytes(b"%PDF")
    (images / ".hidden").write_text("none")
    (images / "data.csv").write_text("case_id,patient_id\np1_a,1\np1_b,1\np2_a,2\np3_a,3\n")
    (images / "p3_a.png").write_bytes((images / "p1_a.png").read_bytes())
    (images / "p1_b.png").write_bytes((images / "p1_a.png").read_bytes())
    assert folder(root=images).noticed() == [
        "2 files not taken for images: 'notes.txt', 'below/Report.PDF'",
        "1 image there several times, 1 of them as different patients, whom intervals take for independent: "
        "'p1_a' = 'p1_b' = 'p3_a'",
    ]


def test_masks_of_no_image_are_noticed_and_those_of_images_are_not(images: Path, tmp_path: Path) -> None:
    for name in ("p1_a", "p2_a", "p9_a"):
        save(tmp_path / "images" / "masks" / f"{name}.png", mask())
    data = folder(root=images, masks=images / "masks")
    assert data.noticed() == ["1 mask of no image: 'p9_a.png'"]
    (images / "masks" / "readme.txt").write_text("none")
    assert data.noticed() == ["1 mask of no image: 'p9_a.png'"]
