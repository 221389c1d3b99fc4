"""The data set phantom-ct: manifest, cases and on-demand volumes."""

from __future__ import annotations

import pytest
import torch
from pydantic import ValidationError

from radbench.contracts.case import validate_case
from radbench.contracts.dataset import check_manifest
from radbench.contracts.errors import CaseError
from radbench_phantom.ct import PhantomCt
from radbench_phantom.thorax.labels import FINDINGS

Config = PhantomCt.Config
SMALL = {"size": (32, 32, 32), "patients": 20}


def test_the_manifest_is_sound_and_splits_are_patient_disjoint():
    entries = PhantomCt().manifest()
    check_manifest("phantom-ct", entries)
    assert [sum(e.split == s for e in entries) for s in ("train", "validation", "test")] == [24, 8, 8]


def test_a_case_keeps_its_line_whatever_the_number_of_patients():
    few, many = PhantomCt(Config(patients=7)).manifest(), PhantomCt(Config(patients=33)).manifest()
    assert many[:7] == few


def test_every_case_of_a_small_set_keeps_the_contract():
    data = PhantomCt(Config(**SMALL))
    for entry in data.manifest()[:6]:
        case = validate_case(data.load(entry.case_id))
        assert set(case.targets) == data.targets
        assert list(case.targets["findings"]) == list(FINDINGS)


def test_volumes_come_on_demand_and_hold_the_slice():
    data = PhantomCt(Config(**SMALL))
    case = data.load("p0003")
    volume = case.targets["volume_hu"]
    assert volume.shape == (32, 32, 32)
    assert torch.equal(volume[case.provenance["slice"]], case.targets["hu"][0])
    assert torch.equal(case.targets["bone_volume"][case.provenance["slice"]], case.targets["bone_mask"][0])
    assert case.targets["volume_spacing_mm"][1:].tolist() == pytest.approx(case.spacing_mm)


def test_a_config_that_changes_voxels_changes_the_digest():
    base = PhantomCt(Config(**SMALL)).manifest()[0].digest
    for change in (
        {"seed": 1},
        {"noise": 0.5},
        {"kernel": "sharp"},
        {"prevalence": {"mass": 1.0}},
        {"size": (32, 32, 40)},
        {"slice": "middle"},
        {"window_hu": (-160.0, 240.0)},
    ):
        assert PhantomCt(Config(**{**SMALL, **change})).manifest()[0].digest != base
    assert PhantomCt(Config(**SMALL, split=(0.5, 0.2, 0.3))).manifest()[0].digest == base


def test_asked_for_findings_are_present_in_every_case():
    data = PhantomCt(Config(prevalence={"mass": 1.0}, **SMALL))
    case = data.load("p0000")
    assert case.targets["findings"] == {name: float(name == "mass") for name in FINDINGS}
    assert case.targets["nodule_mask"].any()


@pytest.mark.parametrize("case_id", ["p9999", "x0001", "p1", ""])
def test_an_unknown_case_is_refused_by_name(case_id):
    with pytest.raises(CaseError, match="phantom-ct has no case"):
        PhantomCt(Config(**SMALL)).load(case_id)


@pytest.mark.parametrize(
    "fields",
    [
        {"size": (8, 32, 32)},
        {"split": (0.5, 0.3, 0.3)},
        {"kernel": "soft"},
        {"prevalence": {"flu": 0.1}},
        {"slice": "best"},
    ],
)
def test_bad_values_are_refused(fields):
    with pytest.raises(ValidationError):
        Config(**fields)


def test_every_voxel_of_a_label_map_has_a_name():
    data = PhantomCt(Config(**SMALL))
    found = data.label_map("p0003")
    assert found.labels.shape == (32, 32, 32)
    assert set(found.labels.ravel().tolist()) <= set(found.names)
    assert [found.names[k] for k in (40, 63, 64, 81)] == ["rib_left_1", "rib_right_12", "vertebra_C5", "vertebra_L3"]
