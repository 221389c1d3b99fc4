"""The plan of phantom-lesions: splits, counts, types and digests, without rendering anything."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from radbench.contracts.dataset import check_manifest, fingerprint
from radbench_phantom.lesion_types import LESION_TYPES
from radbench_phantom.lesions import PhantomLesions

Config = PhantomLesions.Config


def manifest(**fields):
    return PhantomLesions(Config(**fields)).manifest()


def test_the_default_test_split_holds_every_type_six_times():
    test = [e for e in manifest() if e.split == "test"]
    assert Counter(e.groups["lesion-type"] for e in test) == dict.fromkeys(LESION_TYPES, 6)
    assert len({e.patient_id for e in test}) == 24


def test_the_paper_profile_tests_on_a_thousand_lesions_of_five_hundred_patients():
    test = [e for e in manifest(**Config.profiles["paper"]) if e.split == "test"]
    assert len(test) == 1000
    assert len({e.patient_id for e in test}) == 500
    assert set(Counter(e.groups["lesion-type"] for e in test).values()) == {125}


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**31), patients=st.integers(1, 130), most=st.integers(1, 4))
def test_patients_never_share_a_split_and_counts_stay_in_range(seed, patients, most):
    entries = manifest(seed=seed, patients=patients, lesions_per_patient=(1, most))
    check_manifest("phantom-lesions", entries)
    counts = Counter(e.patient_id for e in entries)
    assert len(counts) == patients
    assert set(counts.values()) <= set(range(1, most + 1))


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**31), few=st.integers(1, 60), more=st.integers(0, 60))
def test_a_case_keeps_its_line_whatever_the_number_of_patients(seed, few, more):
    short, long = manifest(seed=seed, patients=few), manifest(seed=seed, patients=few + more)
    assert long[: len(short)] == short


def test_splits_keep_their_proportions_in_every_block_of_twenty_patients():
    split_of = {e.patient_id: e.split for e in manifest()}
    patients = sorted(split_of)
    for start in range(0, 160, 20):
        assert Counter(split_of[p] for p in patients[start : start + 20]) == {"train": 14, "validation": 3, "test": 3}


def test_patients_have_one_to_three_lesions_two_on_average():
    counts = Counter(Counter(e.patient_id for e in manifest() if e.split == "train").values())
    assert set(counts) == {1, 2, 3}
    assert sum(k * n for k, n in counts.items()) == 2 * sum(counts.values())


def test_the_fingerprint_follows_what_changes_pixels():
    base = fingerprint(manifest(patients=20))
    assert fingerprint(manifest(patients=20)) == base
    for change in ({"seed": 1}, {"noise": 0.5}, {"size": 256}, {"reader_error_mm": 1.0}, {"spacing_mm": (0.7, 0.9)}):
        assert fingerprint(manifest(patients=20, **change)) != base


def test_a_digest_ignores_how_many_others_are_made_and_where_they_go():
    few = {e.case_id: e.digest for e in manifest(patients=20)}
    other = {e.case_id: e.digest for e in manifest(patients=20, split=(0.5, 0.2, 0.3))}
    assert all(few[k] == other[k] for k in few.keys() & other.keys())


def test_types_can_be_restricted():
    entries = manifest(patients=20, types=("liver", "soft-tissue"))
    assert {e.groups["lesion-type"] for e in entries} == {"liver", "soft tissue"}
    assert all(e.case_id.endswith(("-liver", "-soft-tissue")) for e in entries)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"types": ("spleen",)}, "types must be different ones of bone"),
        ({"types": ()}, "types must be"),
        ({"types": ("liver", "liver")}, "types must be different"),
        ({"split": (0.7, 0.2, 0.2)}, "sum to 1"),
        ({"split": (0.71, 0.14, 0.15)}, "multiples of 0.05"),
        ({"lesions_per_patient": (2, 1)}, "least <= most"),
        ({"spacing_mm": (0.9, 0.6)}, "least <= greatest"),
        ({"patients": 0}, "greater than or equal to 1"),
        ({"lesions": 3}, "Extra inputs"),
    ],
)
def test_a_bad_configuration_is_refused(fields, message):
    with pytest.raises(ValidationError, match=message):
        Config(**fields)


def test_every_field_says_where_it_comes_from():
    for name, field in Config.model_fields.items():
        assert field.json_schema_extra["source"].startswith(("paper", "code", "assumed")), name


def test_listing_the_cases_imports_no_heavy_package():
    code = (
        "import sys; from radbench_phantom.plugin import radbench_datasets; radbench_datasets();"
        "assert not {'torch', 'cv2', 'scipy', 'numpy'} & set(sys.modules), 'spec';"
        "from radbench_phantom.lesions import PhantomLesions; PhantomLesions().manifest();"
        "assert not {'torch', 'cv2', 'scipy'} & set(sys.modules), 'manifest'"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
