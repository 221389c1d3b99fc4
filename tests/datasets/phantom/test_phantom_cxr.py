"""The data set phantom-cxr: manifest, cases, lungs by definition and on-demand volumes."""

from __future__ import annotations

import time

import pytest
import torch
from pydantic import ValidationError

from radbench.contracts.case import IMAGE_TARGETS, MASK_TARGETS, validate_case
from radbench.contracts.dataset import check_manifest
from radbench.contracts.errors import CaseError
from radbench.contracts.specs import DatasetSpec
from radbench.xray import Pose
from radbench_phantom import plugin
from radbench_phantom.ct import PhantomCt
from radbench_phantom.cxr.dataset import PhantomCxr
from radbench_phantom.thorax.labels import FINDINGS

Config = PhantomCxr.Config
SMALL = {"size": 48, "grid": (32, 32, 32), "patients": 20}


@pytest.fixture(scope="module")
def loaded():
    data = PhantomCxr(Config(**SMALL))
    return [data.load(e.case_id) for e in data.manifest()[:4]]


def same(one, other):
    names = sorted((IMAGE_TARGETS | MASK_TARGETS) & set(one.targets))
    assert torch.equal(one.image, other.image)
    assert all(torch.equal(one.targets[n], other.targets[n]) for n in names)
    assert one.targets["findings"] == other.targets["findings"]


def test_the_manifest_is_sound_and_quick():
    start = time.perf_counter()
    entries = PhantomCxr(Config(patients=10_000)).manifest()
    assert time.perf_counter() - start < 10
    check_manifest("phantom-cxr", entries)
    assert [sum(e.split == s for e in entries) for s in ("train", "validation", "test")] == [6000, 2000, 2000]


def test_a_patient_is_in_the_same_split_of_phantom_ct_and_of_the_same_collection():
    ct, cxr = PhantomCt(PhantomCt.Config(patients=60, seed=3)), PhantomCxr(Config(patients=60, seed=3))
    assert [e.split for e in ct.manifest()] == [e.split for e in cxr.manifest()]
    assert ct.collection == cxr.collection == "phantom-thorax-3"


def test_a_case_keeps_its_line_whatever_the_number_of_patients():
    few, many = PhantomCxr(Config(patients=7)).manifest(), PhantomCxr(Config(patients=33)).manifest()
    assert many[:7] == few


def test_every_case_keeps_the_contract_and_carries_every_target(loaded):
    for case in loaded:
        validate_case(case)
        assert set(case.targets) == PhantomCxr.targets
        assert list(case.targets["findings"]) == list(FINDINGS)
        assert case.targets["view_pose"] == Pose(0.0, 0.0)
        assert (case.image.min(), case.image.max()) == (0.0, 1.0)


def test_the_plugin_tells_of_the_targets_that_the_data_set_has():
    specs = {s.name: s for s in plugin.radbench_datasets()}
    spec = specs["phantom-cxr"]
    assert isinstance(spec, DatasetSpec)
    assert frozenset(spec.targets) == PhantomCxr.targets
    assert spec.modality == PhantomCxr.modality


def test_a_case_does_not_depend_on_the_number_of_patients_or_on_others(loaded):
    alone = PhantomCxr(Config(**{**SMALL, "patients": 4})).load("p0003")
    same(alone, loaded[3])


def test_volumes_come_on_demand_and_are_what_was_projected():
    data = PhantomCxr(Config(noise=0.0, **{**SMALL, "size": 32}))
    targets = data.load("p0002").targets
    assert "volume_hu" in targets
    volume, bone = targets["volume_hu"], targets["bone_volume"]
    assert volume.shape == bone.shape == (32, 32, 32)
    assert volume.dtype == torch.float32
    assert torch.equal(bone.any(1).flip(0)[None], targets["bone_mask"])
    spacing = data.thorax("p0002").traits.fov_mm / 32
    assert targets["volume_spacing_mm"].tolist() == pytest.approx([spacing] * 3)


def test_the_lungs_that_readers_outline_are_less_than_those_that_are_projected():
    found = PhantomCxr(Config(size=64, grid=(48, 40, 48))).load("p0000").targets
    whole, field, aerated = (found[n] for n in ("lung_mask", "lung_field_mask", "aerated_lung_mask"))
    assert not (field & ~whole).any()
    assert not (aerated & ~field).any()
    assert (field & found["heart_mask"]).sum() > 10 * (aerated & found["heart_mask"]).sum()
    assert aerated.sum() < field.sum() < whole.sum()


def test_a_config_that_changes_pixels_changes_the_digest():
    base = PhantomCxr(Config(**SMALL)).manifest()[0].digest
    for change in (
        {"seed": 1},
        {"size": 50},
        {"physics": "ct2xray"},
        {"photons": 100.0},
        {"frame": "lungs"},
        {"bone": "window"},
        {"prevalence": {"mass": 1.0}},
        {"grid": (32, 32, 36)},
    ):
        assert PhantomCxr(Config(**{**SMALL, **change})).manifest()[0].digest != base
    assert PhantomCxr(Config(**{**SMALL, "split": (0.5, 0.2, 0.3)})).manifest()[0].digest == base


def test_nodules_are_found_where_the_findings_say_so():
    for index, share in enumerate((1.0, 0.0)):
        data = PhantomCxr(Config(prevalence={"nodule": share}, **SMALL))
        for case_id in ("p0000", "p0002"):
            case = data.load(case_id)
            assert case.targets["findings"] == {n: share if n == "nodule" else 0.0 for n in FINDINGS}, index
            assert bool(case.targets["nodule_mask"].any()) == bool(share)
            assert not (case.targets["nodule_mask"] & ~case.targets["lung_mask"]).any()


@pytest.mark.parametrize("case_id", ["p9999", "x0001", "p1", ""])
def test_an_unknown_case_is_refused_by_name(case_id):
    with pytest.raises(CaseError, match="phantom-cxr has no case"):
        PhantomCxr(Config(**SMALL)).load(case_id)


@pytest.mark.parametrize(
    "fields",
    [
        {"grid": (8, 32, 32)},
        {"split": (0.5, 0.3, 0.3)},
        {"physics": "mri"},
        {"pose": (9.0, 0.0)},
        {"physics": "ct2xray", "pose": (90.0, 0.0)},
        {"source_detector_mm": 1000.0},
        {"bone_hu_max": 100.0},
        {"prevalence": {"flu": 0.1}},
        {"prevalence": {"mass": 1.1}},
    ],
)
def test_bad_values_are_refused(fields):
    with pytest.raises(ValidationError):
        Config(**fields)
