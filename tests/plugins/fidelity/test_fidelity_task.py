"""The task fidelity: what it scores over which pixels, the layers as facets, and what it says where it cannot."""

from __future__ import annotations

import math
import subprocess
import sys

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from radbench.contracts import Case, CaseError, Sample, TaskContext
from radbench.metrics.detail import detail, tone_residual
from radbench_fidelity.fidelity import LAYERS, LUNGS, Fidelity, region_of
from radbench_fidelity.plugin import radbench_tasks

CONTEXT = TaskContext("cpu", 0)
SHAPE = (1, 140, 160)
(SPEC,) = radbench_tasks()


def noise(seed):
    return torch.from_numpy(np.random.default_rng(seed).random(SHAPE, dtype=np.float32))


def half(side):
    mask = torch.zeros(SHAPE, dtype=torch.bool)
    mask[:, 20:120, slice(80) if side == "left" else slice(80, 160)] = True
    return mask


def score(image, case, layers=None, **config):
    return Fidelity(Fidelity.Config(**config)).score(Sample(case, image, layers or {}), CONTEXT)


def plain(image, original, region):
    arrays = image[0].numpy(), original[0].numpy(), np.asarray(region)
    correlation, kept = detail(*arrays)
    return {
        "detail_correlation": {"": correlation},
        "detail_kept": kept,
        "tone_residual_p99": tone_residual(*arrays),
    }


def test_the_original_scores_one_one_and_zero():
    case = Case("case", "patient", noise(0))
    assert score(case.image, case) == {
        "detail_correlation": {"": 1.0},
        "detail_kept": 1.0,
        "tone_residual_p99": 0.0,
    }


def test_scores_are_the_measures_over_the_whole_image_where_there_are_no_lungs():
    case = Case("case", "patient", noise(0))
    assert score(noise(1), case) == plain(noise(1), case.image, np.ones(SHAPE[1:], dtype=bool))


@pytest.mark.parametrize("present", [LUNGS, LUNGS[1:], LUNGS[2:]], ids=lambda names: names[0])
def test_the_first_mask_of_the_lungs_that_a_case_has_counts(present):
    masks = dict(zip(present, [half("left"), *(half("right") for _ in present[1:])], strict=True))
    case = Case("case", "patient", noise(0), targets=masks)
    found = score(noise(1), case)
    assert found == score(noise(1), case, region="lungs") == plain(noise(1), case.image, half("left")[0])
    assert score(noise(1), case, region="image") == plain(noise(1), case.image, np.ones(SHAPE[1:], dtype=bool))


def test_the_image_counts_without_its_constant_frame():
    image = noise(0)
    image[:, :10] = 0.0
    image[:, :, -7:] = 1.0
    expected = np.zeros(SHAPE[1:], dtype=bool)
    expected[10:, :-7] = True
    # Where both meet, a row of the frame is not constant: columns are taken away first, then rows.
    assert np.array_equal(region_of(Case("case", "patient", image), "auto"), expected)


def test_lungs_that_are_asked_for_and_not_there_are_an_error_that_says_what_to_do():
    with pytest.raises(CaseError, match=r"'case' has none of lung_field_mask, .*use fidelity\[region=image\]"):
        score(noise(0), Case("case", "patient", noise(0)), region="lungs")


def test_an_empty_lung_mask_has_no_answer_and_is_not_replaced_by_the_image():
    case = Case("case", "patient", noise(0), targets={"lung_mask": torch.zeros(SHAPE, dtype=torch.bool)})
    found = score(noise(1), case)
    assert all(math.isnan(one) for one in (*found.pop("detail_correlation").values(), *found.values()))


def test_layers_that_show_the_patient_are_facets_of_the_correlation_alone():
    case = Case("case", "patient", noise(0), targets={"lung_mask": half("left")})
    lungs = torch.where(half("left"), 0.3 * case.image, torch.zeros(()))
    layers = {"lung_image": lungs, "soft_tissue_image": noise(2), "lung_mask": noise(3), "bone_image": noise(4)}
    found = score(noise(1), case, layers)
    followed = found["detail_correlation"]
    assert list(followed) == ["", *LAYERS]
    # Cut out along the mask and dimmed, it still follows: neither its edge nor its gain is structure.
    assert followed["lung_image"] == pytest.approx(1.0, abs=1e-6)
    assert followed["soft_tissue_image"] == detail(noise(2)[0], case.image[0], half("left")[0])[0]
    assert {**found, "detail_correlation": {"": followed[""]}} == score(noise(1), case)


def test_what_is_declared_is_what_is_scored():
    case = Case("case", "patient", noise(0))
    assert list(score(noise(1), case)) == [metric.name for metric in SPEC.metrics]
    assert SPEC.observations == tuple(metric.name for metric in SPEC.metrics)
    assert [metric.direction for metric in SPEC.metrics] == ["higher", "higher", "lower"]
    assert (SPEC.modality, SPEC.needs_targets, SPEC.needs_layers) == ("any", (), ())
    assert SPEC.wants_layers == LAYERS


def test_another_region_is_refused():
    with pytest.raises(ValidationError):
        Fidelity.Config(region="heart")


def test_listing_imports_nothing_heavy():
    heavy = ("torch", "cv2", "numpy", "scipy", "pandas")
    code = (
        "import sys, radbench_fidelity.plugin as p; p.radbench_tasks(); "
        f"print([m for m in {heavy} if m in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
