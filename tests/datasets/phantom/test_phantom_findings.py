"""The data set phantom-findings: phantom-cxr's patients with nodules of another size, none of them in two splits."""

from __future__ import annotations

import pytest
import torch
from pydantic import ValidationError

from radbench.contracts.case import validate_case
from radbench.contracts.dataset import check_manifest
from radbench_phantom.cxr.dataset import PhantomCxr
from radbench_phantom.findings import PhantomFindings

Config = PhantomFindings.Config
SMALL = {"patients": 40, "grid": (32, 32, 32), "size": 48}


def test_the_manifest_is_sound_and_has_other_patients_than_enhancers_learn_from():
    data = PhantomFindings(Config(patients=400))
    entries = data.manifest()
    check_manifest("phantom-findings", entries)
    assert [sum(e.split == s for e in entries) for s in ("train", "validation", "test")] == [220, 40, 140]
    assert data.collection != PhantomCxr(PhantomCxr.Config()).collection


def test_findings_are_as_frequent_as_asked():
    data = PhantomFindings(Config(patients=600))
    present = [data.thorax(e.case_id).present for e in data.manifest()]
    for name, share in (("mass", 0.12), ("nodule", 0.2)):
        found = sum(p[name] for p in present) / len(present)
        assert abs(found - share) < 4 * (share * (1 - share) / len(present)) ** 0.5


def test_nodules_alone_differ_from_phantom_cxr_and_stay_below_masses():
    data = PhantomFindings(Config(**SMALL, nodule_mm=24.0))
    same = PhantomCxr(data.config)
    sizes = []
    for entry in data.manifest():
        mine, theirs = data.thorax(entry.case_id), same.thorax(entry.case_id)
        assert mine.traits == theirs.traits
        assert [f.name for f in mine.findings] == [f.name for f in theirs.findings]
        others = [(a, b) for a, b in zip(mine.findings, theirs.findings, strict=True) if a.name != "nodule"]
        assert all(a == b for a, b in others)
        sizes += [f.size for f in mine.findings if f.name == "nodule"]
    assert max(sizes) <= 30.0
    assert 20.0 < sorted(sizes)[len(sizes) // 2] < 28.0


def test_a_case_keeps_the_contract_and_follows_from_its_number():
    data = PhantomFindings(Config(**SMALL))
    case, again = data.load("p0001"), PhantomFindings(Config(**SMALL)).load("p0001")
    validate_case(case)
    assert set(case.targets) == PhantomFindings.targets
    assert torch.equal(case.image, again.image)


def test_another_size_of_nodules_is_another_case():
    one, other = (PhantomFindings(Config(**SMALL, nodule_mm=mm)).manifest()[0] for mm in (20.0, 25.0))
    assert one.digest != other.digest


def test_what_cannot_be_is_refused():
    for wrong in ({"nodule_mm": 31.0}, {"prevalence": {"gout": 0.1}}, {"split": (0.5, 0.2, 0.2)}):
        with pytest.raises(ValidationError):
            Config(**wrong)
