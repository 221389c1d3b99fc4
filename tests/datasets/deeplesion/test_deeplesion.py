"""The data set deeplesion: the distributed layout is read as it is meant, and what is wrong is named."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from radbench.cli.app import make_app
from radbench.contracts import CaseError
from radbench.contracts.case import validate_case
from radbench.contracts.dataset import check_manifest
from radbench.contracts.errors import DatasetError
from radbench.imaging import axis_lengths, read_ct_series
from radbench_deeplesion.dataset import DeepLesion
from radbench_deeplesion.table import read_table

from . import made_collection as made


def run(*words):
    """Call a verb in this process, as the user would."""
    return CliRunner().invoke(make_app(None), [*words])


@pytest.fixture
def root(tmp_path):
    return made.three_patients(tmp_path / "DeepLesion")


def opened(root, **fields):
    return DeepLesion(DeepLesion.Config(root=root, **fields))


def rewritten(root, number, **cells):
    """Change cells of a line of the table, counted from 0."""
    path = root / "DL_info.csv"
    with path.open(newline="") as file:
        lines = list(csv.DictReader(file))
    lines[number].update(cells)
    with path.open("w", newline="") as file:
        table = csv.DictWriter(file, lines[0].keys())
        table.writeheader()
        table.writerows(lines)


def test_each_lesion_is_a_case_in_its_official_split(root):
    entries = opened(root).manifest()
    check_manifest("deeplesion", entries)
    assert [(e.case_id, e.patient_id, e.split) for e in entries] == [
        ("000001_01_01_007-1", "000001", "train"),
        ("000002_01_01_007-1", "000002", "validation"),
        ("000003_02_01_007-1", "000003", "test"),
        ("000003_02_01_007-2", "000003", "test"),
    ]
    assert [e.groups for e in entries] == [
        {},
        {"lesion-type": "lung"},
        {"lesion-type": "lung"},
        {"lesion-type": "soft tissue"},
    ]


def test_noisy_lesions_are_left_out_unless_asked_for(root):
    ids = {e.case_id for e in opened(root, noisy=True).manifest()}
    assert ids - {e.case_id for e in opened(root).manifest()} == {"000003_02_01_008-1"}


def test_a_lesion_that_is_left_out_keeps_its_number(root):
    rewritten(root, 2, Possibly_noisy="1")
    assert [e.case_id for e in opened(root).manifest()][2:] == ["000003_02_01_007-2"]


def test_a_case_is_the_key_slice_in_its_lesions_window(root):
    case = validate_case(opened(root).load("000003_02_01_007-2"))
    hu = made.hu_of("000003_02_01", 7)
    assert (case.targets["hu"][0].numpy() == hu).all()
    assert np.allclose(case.image[0].numpy(), np.clip((hu + 175) / 450, 0, 1), atol=1e-6)
    assert case.spacing_mm == (0.7, 0.8)
    assert case.targets["recist"].tolist() == [[8, 50], [8, 40], [5, 45], [11, 45]]
    assert set(case.targets) == opened(root).targets == {"hu", "recist"}
    assert case.provenance["lesion"] == "2 of 2 in its slice"


def test_a_window_of_ones_own_holds_for_all(root):
    image = opened(root, window=(-1000.0, 1000.0)).load("000003_02_01_007-1").image
    assert np.allclose(image[0].numpy(), np.clip((made.hu_of("000003_02_01", 7) + 1000) / 2000, 0, 1), atol=1e-6)


def test_the_long_axis_comes_first_whichever_the_table_has_first(root):
    rewritten(root, 2, Measurement_coordinates="40, 16, 40, 24, 34, 20, 46, 20")
    case = opened(root).load("000003_02_01_007-1")
    assert axis_lengths(case.targets["recist"]) == (12.0, 8.0)
    assert "shorter one came first" in case.provenance["axes"]


def test_neighbours_run_from_feet_to_head_as_far_as_the_range_goes(root):
    data = opened(root, neighbours=3)
    case = validate_case(data.load("000003_02_01_007-1"))
    assert case.provenance["volume_slices"] == [5, 10]
    assert case.targets["volume_spacing_mm"].tolist() == pytest.approx([2.0, 0.7, 0.8])
    expected = np.stack([made.hu_of("000003_02_01", n) for n in range(10, 4, -1)])
    assert (case.targets["volume_hu"].numpy() == expected).all()


def test_a_missing_slice_is_named_and_spoils_its_own_cases_alone(root):
    (root / "Images_png" / "000003_02_01" / "007.png").unlink()
    data = opened(root)
    with pytest.raises(CaseError, match=r"000003_02_01_007-1.*007\.png.*does not exist"):
        data.load("000003_02_01_007-1")
    validate_case(data.load("000002_01_01_007-1"))
    assert any("'000003_02_01' lacks '007.png' of the 7 slices" in text for text in data.noticed())


def test_a_part_of_the_collection_will_do(root):
    for path in (root / "Images_png" / "000002_01_01").iterdir():
        path.unlink()
    (root / "Images_png" / "000002_01_01").rmdir()
    with pytest.raises(CaseError, match=r"no folder '000002_01_01'.*absent=leave-out"):
        opened(root).load("000002_01_01_007-1")
    part = opened(root, absent="leave-out")
    assert [e.patient_id for e in part.manifest()] == ["000001", "000003", "000003"]
    assert part.noticed() == []


def test_a_damaged_slice_is_named(root):
    path = root / "Images_png" / "000003_02_01" / "007.png"
    path.write_bytes(path.read_bytes()[:900])
    with pytest.raises(CaseError, match=r"case '000003_02_01_007-1': '007\.png' is cut short or damaged"):
        opened(root).load("000003_02_01_007-1")


def test_slices_of_eight_bits_are_refused(root):
    Image.fromarray(np.zeros((64, 64), np.uint8)).save(root / "Images_png" / "000003_02_01" / "007.png")
    with pytest.raises(CaseError, match=r"PNG of 8 bits; .* 16 bits that hold HU \+ 32768"):
        opened(root).load("000003_02_01_007-1")


def test_a_slice_of_another_size_is_refused(root):
    made.write_slice(root, "000003_02_01", 7, made.hu_of("000003_02_01", 7, side=32))
    with pytest.raises(CaseError, match=r"32 x 32 .* table says 64 x 64"):
        opened(root).load("000003_02_01_007-1")


@pytest.mark.parametrize(
    ("cells", "sentence"),
    [
        ({"Measurement_coordinates": "1, 2, 3"}, "Measurement_coordinates '1, 2, 3' must be 8 numbers"),
        ({"Measurement_coordinates": "1, 2, 3, 4, 5, 6, 7, nan"}, "must be 8 numbers"),
        ({"Measurement_coordinates": "1, 2, 70, 4, 5, 6, 7, 8"}, "leave the 64 x 64 slice"),
        ({"DICOM_windows": "275, -175"}, "low < high"),
        ({"Slice_range": "8, 11"}, "the key slice 7 lies outside Slice_range '8, 11'"),
        ({"Slice_range": "5, 30000000"}, "Slice_range '5, 30000000' has more than 10000 slices"),
        ({"Slice_range": "5, 1e300"}, "has more than 10000 slices"),
        ({"Spacing_mm_px_": "0, 1, 1"}, "must be positive"),
        ({"Coarse_lesion_type": "9"}, "Coarse_lesion_type '9' is not -1 or 1 to 8"),
        ({"Image_size": "64.5, 64"}, "must be whole numbers"),
    ],
)
def test_a_line_that_cannot_be_read_is_the_fault_of_its_case(root, cells, sentence):
    rewritten(root, 2, **cells)
    data = opened(root)
    with pytest.raises(CaseError, match=r"DL_info\.csv, line 4: ") as raised:
        data.load("000003_02_01_007-1")
    assert sentence in str(raised.value)
    validate_case(data.load("000003_02_01_007-2"))


@pytest.mark.parametrize(
    ("cells", "sentence"),
    [
        ({"Train_Val_Test": "4"}, "line 4: Train_Val_Test '4' is not 1"),
        ({"Patient_index": ""}, "line 4: Patient_index '' is no whole number"),
        ({"File_name": "../../x_007.png"}, "not of the form"),
    ],
)
def test_a_line_that_has_no_place_is_refused(root, cells, sentence):
    rewritten(root, 2, **cells)
    with pytest.raises(DatasetError) as raised:
        opened(root).manifest()
    assert sentence in str(raised.value)


def test_a_table_of_another_kind_is_refused(root):
    (root / "DL_info.csv").write_text("File_name,Patient_index\na,1\n")
    with pytest.raises(DatasetError, match="no column 'Measurement_coordinates'"):
        opened(root).manifest()
    (root / "DL_info.csv").unlink()
    with pytest.raises(DatasetError, match=r"DL_info\.csv' does not exist"):
        opened(root).manifest()


def test_what_is_more_than_the_table_says_is_noticed(root):
    made.write_slice(root, "000001_01_01", 90, np.zeros((4, 4)))
    made.write_slice(root, "000099_01_01", 1, np.zeros((4, 4)))
    assert opened(root).noticed() == [
        "series '000001_01_01' holds '090.png', which no line of the table speaks of",
        "'000099_01_01' in 'Images_png' is in no line of the table",
    ]


def test_a_digest_follows_the_slice_the_line_and_the_window(root):
    def digests(**fields):
        return {e.case_id: e.digest for e in opened(root, **fields).manifest()}

    before = digests()
    assert digests(window=(-100.0, 100.0))["000002_01_01_007-1"] != before["000002_01_01_007-1"]
    assert digests(neighbours=1)["000002_01_01_007-1"] != before["000002_01_01_007-1"]
    rewritten(root, 2, Spacing_mm_px_="1, 1, 1")
    made.write_slice(root, "000002_01_01", 7, made.hu_of("000002_01_01", 8))
    made.write_slice(root, "000001_01_01", 8, np.zeros((64, 64)))
    after = digests()
    assert {c for c in before if before[c] != after[c]} == {"000003_02_01_007-1", "000002_01_01_007-1"}


def test_a_slice_that_changes_during_a_run_is_refused(root):
    data = opened(root)
    data.manifest()
    made.write_slice(root, "000003_02_01", 7, made.hu_of("000003_02_01", 8))
    with pytest.raises(CaseError, match="changed during the run"):
        data.load("000003_02_01_007-1")


def test_the_check_prints_what_is_missing_extra_and_damaged(root):
    (root / "Images_png" / "000003_02_01" / "010.png").unlink()
    made.write_slice(root, "000099_01_01", 1, np.zeros((4, 4)))
    path = root / "Images_png" / "000002_01_01" / "007.png"
    path.write_bytes(path.read_bytes()[:900])
    done = run("data", "check", f"deeplesion[root={root}]")
    assert done.exit_code == 1
    assert "noticed: series '000003_02_01' lacks '010.png'" in done.stderr
    assert "noticed: '000099_01_01' in 'Images_png' is in no line of the table" in done.stderr
    assert "fault: 000002_01_01_007-1: '007.png' is cut short or damaged" in done.stderr
    assert "1 fault" in done.stdout
    found = json.loads(run("data", "check", f"deeplesion[root={root}]", "--json").stdout)
    assert found["splits"]["test"] == {"cases": 2, "patients": 1, "groups": found["splits"]["test"]["groups"]}
    assert len(found["noticed"]) == 2


def test_the_real_table_is_read_whole(real_data):
    path = real_data / "tables" / "deeplesion_DL_info_excerpt.csv"
    lesions = read_table(path)
    assert [le for le in lesions if le.fault] == []
    assert len(lesions) == len({le.case_id for le in lesions}) == 358
    with path.open(newline="") as file:
        lines = list(csv.DictReader(file))
    for lesion, one in zip(lesions, lines, strict=True):
        given = [float(text) for text in one["Lesion_diameters_Pixel_"].split(",")]
        assert axis_lengths(torch.tensor(lesion.recist).reshape(4, 2)) == pytest.approx(given, abs=0.05)
        assert not lesion.swapped
        x, y = lesion.recist[::2], lesion.recist[1::2]
        assert lesion.box == pytest.approx((min(x) - 5, min(y) - 5, max(x) + 5, max(y) + 5), abs=0.01)
    per_series = {}
    for lesion, one in zip(lesions, lines, strict=True):
        place = float(one["Normalized_lesion_location"].split(",")[2])
        per_series.setdefault(lesion.series, []).append((lesion.key, place))
    # What makes volume_hu run against the numbers: they run from head (0) to feet (1).
    pairs = [(b[0] - a[0], b[1] - a[1]) for s in per_series.values() for a in s for b in s if b[0] > a[0]]
    assert len(pairs) > 50
    assert np.mean([rise > 0 for _, rise in pairs]) > 0.95


def test_a_real_ct_slice_survives_the_format(real_data, tmp_path):
    folder = sorted(p for p in (real_data / "ct-dicom").iterdir() if p.is_dir())[0]
    volume = read_ct_series(sorted(folder.glob("*.dcm")))
    hu = volume.hu[0].numpy()
    side = hu.shape[0]
    one = made.line("000005_01_01", first=7, last=7, **{"Image_size": f"{side}, {side}", "DICOM_windows": "-1500, 500"})
    root = made.write(tmp_path / "real", [one])
    made.write_slice(root, "000005_01_01", 7, hu)
    case = validate_case(opened(root).load("000005_01_01_007-1"))
    assert (case.targets["hu"][0].numpy() == hu).all()
    assert np.allclose(case.image[0].numpy(), np.clip((hu + 1500) / 2000, 0, 1), atol=1e-6)
    assert Path(case.provenance["file"]).name == "007.png"
