"""The data set nih-cxr14: every form of its tables is read alike, and the official test list stays."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from radbench.cli.app import make_app
from radbench.contracts.case import validate_case
from radbench.imaging.radiographs import Reading, read_radiograph
from radbench_nih.table import read_boxes, read_entries

from . import made_collections as made
from .small_nih import entries_of, opened, rewritten


def run(*words):
    """Call a verb in this process, as the user would."""
    return CliRunner().invoke(make_app(None), [*words])


@pytest.fixture
def root(tmp_path):
    return made.nih(tmp_path / "nih")


def test_the_papers_subset_is_pa_with_the_official_test_list(root):
    entries = entries_of(root)
    assert [e.case_id for e in entries if e.split == "test"] == ["00000004_000", "00000004_001"]
    assert {e.case_id for e in entries if e.split != "test"} == {
        "00000001_000",
        "00000002_000",
        "00000003_000",
        "00000005_000",
    }
    assert {e.patient_id for e in entries if e.split == "test"} == {"00000004"}


@pytest.mark.parametrize(("views", "count"), [("PA", 6), ("AP", 1), ("both", 7)])
def test_views_are_chosen_by_the_tables_view_position(root, views, count):
    assert len(entries_of(root, views=views)) == count


def test_both_views_are_strata(root):
    groups = {e.case_id: dict(e.groups) for e in entries_of(root, views="both")}
    assert groups["00000001_000"] == {"view": "PA"}
    assert groups["00000001_001"] == {"view": "AP"}
    assert all(not e.groups for e in entries_of(root))


def many(tmp_path, patients=400):
    lines = [
        f"{p:08d}_{k:03d}.png,No Finding,{k},{p},50,M,PA,10,10,0.1,0.1"
        for p in range(1, patients + 1)
        for k in range(2)
    ]
    root = tmp_path / "many"
    (root / "images").mkdir(parents=True)
    (root / "Data_Entry_2017_v2020.csv").write_text("\n".join([made.NIH_HEADER, *lines]) + "\n")
    names = [line.split(",")[0] for line in lines]
    made.nih_lists(root, names[:600], names[600:])
    made.save(root / "images" / names[0], made.pixels(names[0]))
    return root


def test_validation_is_a_fifth_of_the_train_lists_patients_and_no_patient_is_in_two_splits(tmp_path):
    root = many(tmp_path)
    entries = entries_of(root)
    splits = {}
    for e in entries:
        splits.setdefault(e.patient_id, set()).add(e.split)
    assert all(len(found) == 1 for found in splits.values())
    held = sum(found == {"validation"} for found in splits.values())
    # 300 patients, a fifth each: four standard deviations.
    assert abs(held - 60) < 4 * math.sqrt(300 * 0.2 * 0.8)
    assert sum(found == {"test"} for found in splits.values()) == 100
    other = {e.patient_id for e in entries_of(root, split_seed=1) if e.split == "validation"}
    assert other != {p for p, found in splits.items() if found == {"validation"}}
    assert {e.patient_id for e in entries_of(root, split_seed=1) if e.split == "test"} == {
        e.patient_id for e in entries if e.split == "test"
    }
    assert all(e.split != "validation" for e in entries_of(root, validation=0.0))


def test_a_part_of_the_collection_is_split_as_the_whole(root):
    whole = {e.case_id: e.split for e in entries_of(root)}
    made.nih_path(root, "00000002_000.png").unlink()
    part = {e.case_id: e.split for e in entries_of(root, absent="leave-out")}
    assert part == {c: s for c, s in whole.items() if c != "00000002_000"}


@pytest.mark.parametrize(
    ("header", "table"),
    [
        (made.NIH_HEADER, "Data_Entry_2017_v2020.csv"),
        (made.NIH_2017, "Data_Entry_2017.csv"),
        (made.NIH_QUOTED, "Data_Entry_2017.csv"),
        (made.NIH_SAMPLE, "Data_Entry_2017.csv"),
        (made.NIH_HEADER.replace("Gender", "Sex"), "Data_Entry_2017_v2020.csv"),
        (made.NIH_HEADER + ",Unnamed: 11", "Data_Entry_2017.csv"),
    ],
)
def test_every_form_of_the_header_gives_the_same_cases(tmp_path, header, table):
    plain = read_entries(made.nih(tmp_path / "plain") / "Data_Entry_2017.csv")
    lines = [line + "," * (header[-1:] == "," or "Unnamed" in header) for line in made.NIH_LINES]
    root = made.nih(tmp_path / "other", header=header, lines=lines, table=table)
    assert read_entries(root / table) == plain
    assert plain[0].extent_mm == pytest.approx((2749 * 0.143, 2682 * 0.143))
    assert plain[0].facts == {"age": "57", "sex": "M", "follow_up": "0"}


@pytest.mark.parametrize(("ends", "bom"), [("\r\n", ""), ("\n", "\ufeff"), ("\r\n", "\ufeff")])
def test_a_byte_order_mark_and_other_line_ends_change_nothing(tmp_path, root, ends, bom):
    other = made.nih(tmp_path / "other", ends=ends, bom=bom)
    for name in ("train_val_list.txt", "test_list.txt", "BBox_List_2017.csv"):
        (other / name).write_bytes((bom + (other / name).read_text().replace("\n", ends)).encode())
    assert opened(other).manifest() == opened(root).manifest()


def test_quoted_cells_of_width_and_height_are_read_as_unquoted_ones(tmp_path):
    lines = [line.replace("2682,2749", '"2682,2749"') for line in made.NIH_LINES]
    root = made.nih(tmp_path / "nih", header=made.NIH_QUOTED, lines=lines)
    assert read_entries(root / "Data_Entry_2017.csv")[0].extent_mm == pytest.approx((2749 * 0.143, 2682 * 0.143))


def test_findings_are_fourteen_and_no_finding_is_none_of_them(root):
    data = opened(root)
    findings = data.load("00000003_000").targets["findings"]
    assert len(findings) == 14
    assert {name for name, label in findings.items() if label} == {"pleural-thickening", "mass"}
    assert set(data.load("00000002_000").targets["findings"].values()) == {0.0}


def test_names_of_findings_are_those_of_the_phantom():
    from radbench_nih.findings import FINDINGS
    from radbench_phantom.thorax.labels import FINDINGS as PHANTOM

    assert set(PHANTOM) - set(FINDINGS.values()) == {"fracture", "granuloma"}  # which NIH has not


def test_boxes_are_scaled_from_1024_to_the_image(root):
    data = opened(root)
    boxes = data.load("00000004_000").targets["boxes"]
    # (x + 1/2) / 32 - 1/2: pixel centres at whole numbers, 1024 to 32 pixels.
    corners = [(v + 0.5) / 32 - 0.5 for v in (512, 256, 640, 320)]
    assert boxes["nodule"].tolist() == [pytest.approx(corners)]
    assert set(data.load("00000004_001").targets["boxes"]) == {"infiltration", "nodule"}
    assert data.load("00000001_000").targets["boxes"] == {}
    validate_case(data.load("00000004_001"))


def test_without_the_list_of_boxes_there_is_no_such_target(root):
    (root / "BBox_List_2017.csv").unlink()
    data = opened(root)
    assert data.targets == {"findings"}
    assert set(data.load("00000004_000").targets) == {"findings"}
    assert any("no boxes" in text for text in data.noticed())


def test_the_spacing_is_that_of_the_film_which_the_image_shows(root):
    assert opened(root).load("00000001_000").spacing_mm == pytest.approx((2749 * 0.143 / 32, 2682 * 0.143 / 32))
    assert opened(root, size=16).load("00000001_000").spacing_mm == pytest.approx(
        (2749 * 0.143 / 16, 2682 * 0.143 / 16)
    )


def grey(image):
    return image


def rgb(image):
    return np.stack([image] * 3, axis=-1)


def rgba(image):
    return np.stack([image] * 3 + [np.full_like(image, 255)], axis=-1)


@pytest.mark.parametrize("form", [grey, rgb, rgba])
def test_grey_rgb_and_rgba_files_give_the_same_pixels(root, form):
    image = made.pixels("00000001_000.png")
    made.save(made.nih_path(root, "00000001_000.png"), form(image))
    case = validate_case(opened(root).load("00000001_000"))
    assert torch.equal(case.image[0], torch.from_numpy((image / 255.0).astype(np.float32)))


def test_sixteen_bits_are_not_cut_to_eight(root):
    image = made.pixels("00000001_000.png", top=65535, kind=np.uint16)
    made.save(made.nih_path(root, "00000001_000.png"), image)
    case = opened(root).load("00000001_000")
    assert np.allclose(case.image[0].numpy(), image / 65535.0, atol=1e-7)


def test_size_reduces_by_area_averaging(root):
    image = made.pixels("00000001_000.png") / 255.0
    small = opened(root, size=16).load("00000001_000").image[0].numpy()
    assert np.allclose(small, image.reshape(16, 2, 16, 2).mean(axis=(1, 3)), atol=1e-6)


def test_sizes_and_what_the_table_says_change_a_cases_digest_alone(root):
    before = {e.case_id: e.digest for e in entries_of(root)}
    assert all(before[e.case_id] != e.digest for e in entries_of(root, size=16))
    rewritten(root, 4, made.NIH_LINES[2].replace("No Finding", "Hernia"))
    changed = {e.case_id for e in entries_of(root) if before[e.case_id] != e.digest}
    assert changed == {"00000002_000"}


def test_images_may_lie_in_one_folder_or_in_the_root(tmp_path, root):
    for where in ("images", "."):
        other = made.nih(tmp_path / f"in{len(where)}")
        for path in sorted(other.glob("images_*/images/*.png")):
            (other / where).mkdir(exist_ok=True)
            path.rename(other / where / path.name)
        for folder in other.glob("images_*"):
            (folder / "images").rmdir()
            folder.rmdir()
        assert [e.digest for e in entries_of(other)] == [e.digest for e in entries_of(root)]


# The command line ------------------------------------------------------------------------------------------------


def test_data_check_tells_splits_prevalence_faults_and_what_is_extra(root):
    made.nih_path(root, "00000002_000.png").unlink()
    made.save(root / "images_001" / "images" / "00000009_000.png", made.pixels("x"))
    found = json.loads(run("data", "check", f"nih-cxr14[root={root},pixels=none]", "--json").stdout)
    assert found["splits"]["test"]["cases"] == 2
    assert found["prevalence"]["nodule"] == {"present": 2, "stated": 5}
    assert [fault["case"] for fault in found["faults"]] == ["00000002_000"]
    assert any("00000009_000.png" in one["noticed"] for one in found["noticed"])


def test_a_run_over_a_part_says_that_cases_failed(root, tmp_path):
    made.nih_path(root, "00000004_000.png").unlink()
    words = ("--limit", "0", "--debug", "--out", str(tmp_path / "run"))
    variant = f"nih-cxr14[root={root},pixels=none]"
    said = run("run", "-e", "original", "-t", "image-quality", "--dataset", variant, *words)
    assert said.exit_code == 1
    assert "00000004_000.png' is listed and not there" in said.output.replace("\n", " ")


def test_with_a_size_the_harness_makes_cases_once(root):
    from radbench.cli.options import open_registry
    from radbench.engine.plan.pairs import open_dataset

    part = open_dataset(open_registry([]), f"nih-cxr14[root={root},pixels=none,size=16]", "quick")
    assert part.spec.slow
    assert not open_dataset(open_registry([]), f"nih-cxr14[root={root},pixels=none]", "quick").spec.slow
    found = json.loads(run("data", "check", f"nih-cxr14[root={root},pixels=none,size=16]", "--json").stdout)
    assert found["sizes"] == {"16 x 16": 6}


# Real files ------------------------------------------------------------------------------------------------------


def test_real_excerpts_are_read(real_data, tmp_path):
    tables = real_data / "tables"
    entries = read_entries(tables / "nih_Data_Entry_2017_excerpt.csv")
    assert len(entries) == 400
    assert not [e.fault for e in entries if e.fault]
    assert {e.view for e in entries} == {"PA", "AP"}
    boxes, faults = read_boxes(tables / "nih_BBox_List_2017_excerpt.csv")
    assert len(boxes) == 60
    assert not faults


def test_a_real_image_is_read_at_a_training_size(real_data):
    read = read_radiograph(real_data / "nih-cxr" / "00009285_000.png", Reading(size=256, pixels=(1024, 1024)))
    with Image.open(real_data / "nih-cxr" / "00009285_000.png") as picture:
        whole = np.asarray(picture.convert("L")) / 255.0
    assert read.size == (256, 256)
    assert np.allclose(read.image[0].numpy(), whole.reshape(256, 4, 256, 4).mean(axis=(1, 3)), atol=1e-5)
