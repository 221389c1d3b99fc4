"""What is written reads back equal: images of any size and depth, exported cases of any name, tables of any text."""

from __future__ import annotations

import csv
import math

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from radbench.contracts.case import Case
from radbench.contracts.printable import from_cell
from radbench.imaging import read_ct_series, read_image, read_mask, read_volume, write_derived_dicom, write_image
from radbench.imaging.export import export_cases
from radbench_folder.config import FolderConfig
from radbench_folder.dataset import FolderDataset

from .sound_files import IMAGES, dicom, put

FEW = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])

SIDES = st.integers(1, 24)
NAMES = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), min_size=1, max_size=60)
"""What a file system, a table or a DICOM header can bring along as an identifier."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return a function that makes a folder: hypothesis calls a test many times."""
    return lambda: tmp_path_factory.mktemp("round")


@given(data=st.data(), rows=SIDES, columns=SIDES, bits=st.sampled_from([8, 16]), kind=st.sampled_from(["png", "tif"]))
@FEW
def test_an_image_of_whole_steps_is_read_as_it_was_written(folder, data, rows, columns, bits, kind):
    top = 2**bits - 1
    steps = data.draw(st.lists(st.integers(0, top), min_size=rows * columns, max_size=rows * columns))
    image = torch.tensor(steps, dtype=torch.float64).reshape(1, rows, columns).div(top).float()
    path = write_image(folder() / f"a.{kind}", image, bits=bits)
    assert torch.equal(read_image(path).image, image)


@given(
    values=st.lists(st.floats(0, 1, width=32), min_size=256, max_size=256),
    low=st.floats(-900, 0),
    width=st.floats(10, 4000),
)
@FEW
def test_a_derived_object_shows_what_was_enhanced_and_keeps_its_units(folder, values, low, width):
    image = torch.tensor(values).reshape(1, 16, 16)
    source = put(folder(), "a.dcm", dicom())
    window = (low, low + width)
    path = write_derived_dicom(source.with_name("b.dcm"), image, source, "tried", window=window)
    back = read_image(path)
    assert torch.allclose(back.image, image, atol=0.5 / 65535 + 1e-6)
    assert torch.allclose(back.hu, image * width + low, atol=width * 0.5 / 65535 + 1e-3)


@given(
    names=st.lists(NAMES, min_size=1, max_size=3, unique=True),
    kind=st.sampled_from(["png", "dicom", "nifti"]),
    spread=st.sampled_from([1.0, 1000.0, 40000.0]),
    whole=st.booleans(),
    seed=st.integers(0, 99),
)
@FEW
def test_exported_cases_read_back_equal_whatever_they_are_called(folder, names, kind, spread, whole, seed):
    out, dice = folder() / "out", np.random.default_rng(seed)
    cases = []
    for name in names:
        hu = dice.uniform(-spread, spread, (1, 9, 7))
        hu = torch.from_numpy(np.rint(hu) if whole else hu).float()
        mask = torch.from_numpy(dice.random((1, 9, 7)) < 0.5)
        cases.append(
            Case(
                name,
                name,
                torch.rand(1, 9, 7),
                (0.5, 0.25),
                targets={"hu": hu, "lesion_mask": mask},
                groups={"g": name},
            )
        )
    assert export_cases(cases, out, kind) == len(names)
    with (out / "cases.csv").open(newline="", encoding="utf-8") as file:
        rows = {from_cell(row["case_id"]): row for row in csv.DictReader(file)}
    assert [*rows] == names
    inside = out.resolve()
    for case in cases:
        file = next((out / "images").glob(f"{_literal(from_cell(rows[case.case_id]['file']))}.*"))
        assert file.resolve().is_relative_to(inside)
        if kind == "png":
            assert torch.allclose(read_image(file).image, case.image, atol=0.5 / 65535 + 1e-7)
        else:
            options = {"slice_number": 1, "modality": "ct"} if kind == "nifti" else {}
            back = read_image(file, window=(-spread, spread), **options)
            step = 2 * spread / 65535
            assert torch.allclose(back.hu, case.targets["hu"], atol=1e-4 if whole and spread == 1000 else step + 1e-3)
            assert back.spacing_mm == pytest.approx((0.5, 0.25))
        mask = next((out / "lesion_mask").glob(f"{_literal(from_cell(rows[case.case_id]['file']))}.*"))
        place = {"slice_number": 1} if kind == "nifti" else {}
        assert torch.equal(read_mask(mask, **place)[0], case.targets["lesion_mask"])
    assert all(p.resolve().is_relative_to(inside) for p in out.rglob("*"))


def _literal(name: str) -> str:
    """Return a pattern that matches a name and nothing else."""
    return "".join(f"[{c}]" if c in "[]*?" else c for c in name)


@given(seed=st.integers(0, 99), depth=st.integers(2, 4), kind=st.sampled_from(["dicom", "nifti"]))
@settings(FEW, max_examples=15)
def test_an_exported_volume_reads_back_equal(folder, seed, depth, kind):
    dice = np.random.default_rng(seed)
    volume = torch.from_numpy(np.rint(dice.uniform(-1000, 2000, (depth, 6, 5)))).float()
    case = Case(
        "v",
        "v",
        torch.rand(1, 6, 5),
        (0.5, 0.75),
        targets={"volume_hu": volume, "volume_spacing_mm": torch.tensor([2.0, 0.5, 0.75])},
    )
    out = folder() / "out"
    export_cases([case], out, kind)
    back = read_ct_series(out / "images" / "v") if kind == "dicom" else read_volume(out / "images" / "v.nii.gz")
    assert torch.equal(back.hu, volume)
    assert back.spacing_mm == pytest.approx((2.0, 0.5, 0.75))


WORDS = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=20).map(str.strip).filter(bool)


@given(rows=st.lists(st.tuples(WORDS, WORDS, st.sampled_from(["", "0", "1"])), min_size=1, max_size=4), finding=WORDS)
@FEW
def test_a_table_gives_back_what_was_written(folder, rows, finding):
    here = folder()
    with (here / "data.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["case_id", "patient_id", "group", f"finding:{finding}"])
        for i, (patient, group, label) in enumerate(rows):
            put(here, f"c{i}.png", IMAGES["grey.png"]())
            writer.writerow([f"c{i}", patient, group, label])
    data = FolderDataset(FolderConfig(root=here))
    entries = sorted(data.manifest(), key=lambda entry: entry.case_id)
    assert [(e.patient_id, e.groups["group"]) for e in entries] == [(patient, group) for patient, group, _ in rows]
    for i, (_, _, label) in enumerate(rows):
        found = data.load(f"c{i}").targets["findings"][finding]
        assert math.isnan(found) if label == "" else found == float(label)
