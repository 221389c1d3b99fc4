"""The cases of phantom-lesions: bits, masks, marks, sizes, contrasts."""

from __future__ import annotations

import hashlib

import cv2
import numpy as np
import pytest
import torch

from radbench.contracts import CaseError, validate_case
from radbench.imaging.recist import axis_lengths
from radbench_phantom.lesion_types import LESION_TYPES, WINDOWS
from radbench_phantom.lesions import PhantomLesions
from radbench_phantom.slices.lesion_shape import solidity

Config = PhantomLesions.Config
PER_TYPE = 4


@pytest.fixture(scope="module")
def cases():
    data = PhantomLesions()
    chosen = []
    for lesion_type in LESION_TYPES:
        ids = [e.case_id for e in data.manifest() if e.groups["lesion-type"] == lesion_type and e.split == "test"]
        chosen += [data.load(i) for i in ids[:PER_TYPE]]
    return chosen


def mask_of(case):
    return case.targets["lesion_mask"][0].numpy()


def hu_of(case):
    return case.targets["hu"][0].numpy()


def digest(case):
    parts = (case.image, case.targets["hu"], case.targets["lesion_mask"], case.targets["recist"])
    return hashlib.sha256(b"".join(p.numpy().tobytes() for p in parts)).hexdigest()


def test_cases_keep_the_contract(cases):
    for case in cases:
        validate_case(case)
        assert set(case.targets) == {"hu", "lesion_mask", "recist"}
        assert case.image.shape == (1, 512, 512)


def test_a_case_is_the_same_bits_again_and_among_any_number_of_others(cases):
    case = cases[5]
    for data in (PhantomLesions(), PhantomLesions(Config(patients=int(case.patient_id[1:]) + 1))):
        assert digest(data.load(case.case_id)) == digest(case)


def test_order_of_loading_changes_nothing():
    data = PhantomLesions(Config(patients=3))
    ids = [e.case_id for e in data.manifest()][:3]
    forward = [digest(data.load(i)) for i in ids]
    assert [digest(PhantomLesions(Config(patients=3)).load(i)) for i in reversed(ids)] == forward[::-1]


def test_another_seed_gives_other_pixels():
    first, second = (PhantomLesions(Config(patients=1, seed=s, types=("lung",))) for s in (0, 1))
    case_id = first.manifest()[0].case_id
    assert digest(first.load(case_id)) != digest(second.load(case_id))


def test_the_image_is_the_slice_in_its_window(cases):
    for case in cases:
        low, high = case.provenance["window_hu"]
        assert (low, high) == WINDOWS[case.groups["lesion-type"]]
        expected = ((case.targets["hu"] - low) / (high - low)).clamp(0, 1)
        assert torch.equal(case.image, expected)


def test_hounsfield_units_are_whole_numbers_a_scanner_stores(cases):
    for case in cases:
        hu = hu_of(case)
        assert np.array_equal(hu, np.rint(hu))
        assert hu.min() >= -1024
        assert hu.max() <= 3071


def test_a_mask_is_one_component_without_holes(cases):
    for case in cases:
        mask = mask_of(case).astype(np.uint8)
        assert cv2.connectedComponents(mask, connectivity=8)[0] == 2
        outer, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        assert np.array_equal(cv2.drawContours(np.zeros_like(mask), outer, -1, 1, cv2.FILLED), mask)


def test_sizes_lie_within_five_and_sixty_millimetres(cases):
    for case in cases:
        long_mm, short_mm = axis_lengths(case.targets["recist"], case.spacing_mm)
        assert 5.0 <= long_mm <= 60.0
        assert short_mm <= long_mm
        assert long_mm == pytest.approx(case.provenance["lesion_diameter_mm"], abs=0.01)


def test_recist_axes_cross_at_right_angles_and_end_on_the_boundary(cases):
    for case in cases:
        a, b, c, d = case.targets["recist"].numpy().astype(float)
        cosine = np.dot(b - a, d - c) / (np.linalg.norm(b - a) * np.linalg.norm(d - c))
        assert abs(cosine) < 1e-3
        mask = mask_of(case).astype(np.uint8)
        # The short axis ends on the convex hull: allow for the dent between two of its corners.
        inner = cv2.erode(mask, np.ones((3, 3), np.uint8))
        away = cv2.distanceTransform(1 - (mask - inner), cv2.DIST_L2, 5)
        for x, y in (a, b):
            assert away[round(y), round(x)] == 0
        for x, y in (c, d):
            assert away[round(y), round(x)] < 0.12 * np.linalg.norm(b - a) + 1.5


def test_a_readers_error_moves_the_marks_and_nothing_else(cases):
    case = cases[0]
    marked = PhantomLesions(Config(reader_error_mm=1.0)).load(case.case_id)
    assert torch.equal(marked.targets["lesion_mask"], case.targets["lesion_mask"])
    assert torch.equal(marked.image, case.image)
    moved = (marked.targets["recist"] - case.targets["recist"]).numpy() * case.spacing_mm[0]
    assert 0.2 < np.sqrt(np.mean(moved**2)) < 2.5


def test_an_unknown_case_is_refused_with_an_example():
    with pytest.raises(CaseError, match=r"no case 'p9999-l1-lung'; its ids look like 'p0000-l1-"):
        PhantomLesions(Config(patients=2)).load("p9999-l1-lung")


def test_the_source_tells_how_the_slice_was_made(cases):
    for case in cases:
        for key in ("level", "phase", "kernel", "noise_hu", "slice_thickness_mm", "window_hu", "lesion_kind"):
            assert key in case.provenance


# Mean HU inside, and its contrast to the ring 2-6 mm outside, as the literature gives them for such lesions.
INSIDE = {
    "bone": (-60, 950),
    "abdomen": (0, 125),
    "mediastinum": (0, 125),
    "liver": (-20, 150),
    "lung": (-660, 110),
    "kidney": (-30, 150),
    "soft tissue": (-20, 130),
    "pelvis": (-25, 125),
}


def test_lesions_attenuate_as_such_lesions_do(cases):
    for case in cases:
        low, high = INSIDE[case.groups["lesion-type"]]
        inside = hu_of(case)[mask_of(case)].mean()
        assert low <= inside <= high, (case.case_id, inside)


def test_a_lesions_middle_has_the_attenuation_it_was_given(cases):
    for case in cases:
        core = cv2.erode(mask_of(case).astype(np.uint8), np.ones((3, 3), np.uint8), iterations=2).astype(bool)
        if core.sum() < 60:
            continue
        middle, spread = case.provenance["lesion_hu"], 90 if case.groups["lesion-type"] in ("bone", "lung") else 32
        low, high = sorted((middle, middle + case.provenance["lesion_core_hu"]))
        assert low - spread <= hu_of(case)[core].mean() <= high + spread, case.case_id


def ring_of(case):
    """HU between 2 and 6 mm outside the lesion."""
    mask = mask_of(case).astype(np.uint8)
    steps = [max(1, round(mm / case.spacing_mm[0])) for mm in (2.0, 6.0)]
    near, far = (cv2.dilate(mask, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * s + 1,) * 2)) for s in steps)
    return hu_of(case)[(far > 0) & (near == 0)]


def test_every_type_stands_out_from_its_surroundings_as_it_should(cases):
    for case in cases:
        inside, ring = hu_of(case)[mask_of(case)].mean(), ring_of(case)
        contrast = inside - np.median(ring)
        if case.groups["lesion-type"] == "lung":
            assert contrast > 150, case.case_id
        elif case.groups["lesion-type"] == "liver":
            assert 10 <= abs(contrast) <= 110, case.case_id
        elif case.groups["lesion-type"] in ("abdomen", "mediastinum", "pelvis"):
            # Soft tissue in fat; vessels, bowel and muscle crowd it, so the fat is the ring's darkest part.
            assert inside - np.quantile(ring, 0.1) > 50, case.case_id
        else:
            assert max(abs(contrast), abs(inside - np.quantile(ring, 0.9))) > 20, case.case_id


def test_outlines_are_irregular_and_no_ellipses(cases):
    misfits, solidities = [], []
    for case in cases:
        mask = mask_of(case).astype(np.uint8)
        if mask.sum() < 120:
            continue
        outer, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        fitted = cv2.ellipse(np.zeros_like(mask), cv2.fitEllipse(outer[0]), 1, cv2.FILLED)
        misfits.append(1 - 2 * float((fitted & mask).sum()) / float(fitted.sum() + mask.sum()))
        solidities.append(solidity(mask > 0))
    assert np.median(misfits) > 0.025
    assert max(misfits) > 0.07
    assert 0.85 < np.median(solidities) < 0.985
    assert min(solidities) > 0.7


def test_lesions_sit_in_varied_places(cases):
    centres = np.array([np.argwhere(mask_of(c)).mean(axis=0) for c in cases])
    assert np.all(centres.std(axis=0) > 40)
