"""The task grabcut: finds a plain lesion, is deterministic, stacks as stated, and answers degenerate cases."""

from __future__ import annotations

import subprocess
import sys

import cv2
import numpy as np
import pytest
import torch
from pydantic import ValidationError

from radbench.contracts import Case, CaseError, Sample, TaskContext
from radbench_lesions.grabcut import GrabCut, case_seed, spec_of_grabcut
from radbench_lesions.plugin import radbench_tasks
from radbench_lesions.trimap import FOREGROUND

CONTEXT = TaskContext("cpu", 0)


def disk(radius=12, noise=0.05, shape=(96, 96), centre=(50, 44), seed=0, case_id="disk"):
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    x, y = centre
    mask = (columns - x) ** 2 + (rows - y) ** 2 <= radius**2
    image = 0.35 + 0.3 * mask + noise * np.random.default_rng(seed).normal(size=shape)
    marks = [[x - radius, y], [x + radius, y], [x, y - radius], [x, y + radius]]
    return sample(image, marks, mask, case_id)


def sample(image, marks, mask, case_id="case", enhanced=None, layers=None):
    original = torch.from_numpy(np.clip(image, 0, 1).astype(np.float32))[None]
    targets = {
        "recist": torch.tensor(marks, dtype=torch.float32),
        "lesion_mask": torch.from_numpy(np.asarray(mask, dtype=bool))[None],
    }
    case = Case(case_id, "patient", original, targets=targets)
    return Sample(case, original if enhanced is None else enhanced, layers or {})


def task(**fields):
    return GrabCut(GrabCut.Config(**fields))


@pytest.mark.parametrize("radius", [6, 12, 20])
@pytest.mark.parametrize("chosen", ["enhanced", "stacked"])
def test_a_bright_disk_on_noise_is_found(radius, chosen):
    scores = task(input=chosen).score(disk(radius), CONTEXT)
    assert scores["dice"] > 0.95
    assert min(scores["precision"], scores["recall"]) > 0.9


def test_a_dark_disk_is_found_as_well():
    bright = disk()
    dark = Sample(bright.case, 1 - bright.image)
    assert task().score(dark, CONTEXT)["dice"] > 0.95


def test_better_contrast_gives_a_better_score():
    faint = disk(noise=0.3)
    rescued = Sample(faint.case, disk(noise=0.05).image)
    assert task().score(rescued, CONTEXT)["dice"] > task().score(faint, CONTEXT)["dice"] + 0.05


def test_scores_are_those_of_the_mask_it_offers_for_pictures():
    one = disk(noise=0.2)
    found = task().segment(one, CONTEXT).mask
    truth = one.case.targets["lesion_mask"][0].numpy()
    scores = task().score(one, CONTEXT)
    both = (found & truth).sum()
    assert scores["precision"] == pytest.approx(both / found.sum())
    assert scores["recall"] == pytest.approx(both / truth.sum())
    assert scores["dice"] == pytest.approx(2 * both / (found.sum() + truth.sum()))


def test_scores_carry_the_names_that_the_spec_declares():
    spec = {spec.name: spec for spec in radbench_tasks()}["grabcut"]
    assert list(task().score(disk(), CONTEXT)) == [m.name for m in spec.metrics]


def test_neither_order_nor_random_state_changes_a_mask():
    cases = [disk(noise=0.25, seed=s, case_id=f"case-{s}") for s in range(4)]
    forward = [task().segment(c, CONTEXT).mask for c in cases]
    cv2.setRNGSeed(99)
    backward = [task().segment(c, CONTEXT).mask for c in reversed(cases)][::-1]
    assert all(np.array_equal(a, b) for a, b in zip(forward, backward, strict=True))


def test_every_case_and_every_run_has_a_seed_of_its_own():
    assert len({case_seed(seed, name) for seed in range(3) for name in "abc"}) == 9


def test_case_seed_is_the_same_in_every_process():
    assert case_seed(0, "case-1") == 1273672274


def test_input_is_left_as_it_was():
    one = disk()
    before = one.image.clone()
    task(input="stacked").segment(one, CONTEXT)
    assert torch.equal(one.image, before)


def test_stacked_without_a_denoised_layer_is_original_enhanced_enhanced():
    one = disk()
    enhanced = torch.clamp(one.image * 0.5, 0, 1)
    seen = task(input="stacked").segment(Sample(one.case, enhanced), CONTEXT)
    top, bottom, left, right = seen.trimap.window
    original = torch.round(one.case.image[0, top:bottom, left:right] * 255).to(torch.uint8).numpy()
    half = torch.round(enhanced[0, top:bottom, left:right] * 255).to(torch.uint8).numpy()
    assert np.array_equal(seen.channels, np.stack([original, half, half], axis=-1))


def test_stacked_with_a_denoised_layer_is_original_denoised_enhanced():
    one = disk()
    layers = {"denoised": torch.full_like(one.image, 0.2)}
    seen = task(input="stacked").segment(Sample(one.case, torch.full_like(one.image, 0.4), layers), CONTEXT)
    assert (seen.channels[..., 1] == 51).all()
    assert (seen.channels[..., 2] == 102).all()
    assert len(np.unique(seen.channels[..., 0])) > 2


def test_enhanced_alone_does_not_see_the_original():
    one = disk()
    seen = task().segment(Sample(one.case, torch.full_like(one.image, 0.4)), CONTEXT)
    assert (seen.channels == 102).all()


def test_a_constant_window_answers_with_what_was_marked():
    one = disk()
    found = task().segment(Sample(one.case, torch.full_like(one.image, 0.4)), CONTEXT)
    assert found.remark == "the window is constant"
    assert np.array_equal(found.mask, found.trimap.regions == FOREGROUND)


def test_where_opencv_finds_no_background_the_answer_is_what_was_marked():
    ramp = np.linspace(0, 1, 9).reshape(3, 3)
    found = task().segment(sample(ramp, [[0, 1], [2, 1], [1, 0], [1, 2]], np.eye(3)), CONTEXT)
    assert found.remark.startswith("OpenCV's GrabCut found no model")
    assert found.mask.tolist() == [[False, True, False], [True, True, True], [False, True, False]]


def test_a_lesion_at_the_border_is_found():
    scores = task().score(disk(centre=(3, 4)), CONTEXT)
    assert scores["dice"] > 0.95


def test_marks_of_no_length_still_get_an_answer():
    mask = np.zeros((32, 32), dtype=bool)
    mask[16, 16] = True
    image = 0.2 + 0.02 * np.random.default_rng(0).normal(size=(32, 32)) + 0.6 * mask
    assert task().score(sample(image, np.full((4, 2), 16), mask), CONTEXT)["recall"] == 1.0


def test_an_empty_truth_scores_zero():
    one = disk()
    empty = sample(one.image[0].numpy(), one.case.targets["recist"].tolist(), np.zeros((96, 96)))
    assert task().score(empty, CONTEXT) == {"dice": 0.0, "precision": 0.0, "recall": 0.0}


def test_marks_outside_the_image_are_a_case_error():
    with pytest.raises(CaseError, match="outside"):
        task().score(sample(np.zeros((9, 9)), np.full((4, 2), 40), np.zeros((9, 9))), CONTEXT)


@pytest.mark.parametrize("fields", [{"input": "both"}, {"iterations": 0}, {"roi_scale": 1.0}, {"size": 3}])
def test_bad_fields_are_refused(fields):
    with pytest.raises(ValidationError):
        task(**fields)


def test_the_spec_says_that_recist_is_given_at_test_time():
    spec = {spec.name: spec for spec in radbench_tasks()}["grabcut"]
    assert spec.given == ("recist",)
    assert spec.truth == ("lesion_mask",)
    assert spec.needs_targets == ("recist", "lesion_mask")


@pytest.mark.parametrize(("chosen", "wanted"), [("enhanced", ()), ("stacked", ("denoised",))])
def test_the_denoised_layer_is_wanted_only_where_it_is_looked_at(chosen, wanted):
    spec = {spec.name: spec for spec in radbench_tasks()}["grabcut"]
    assert spec.spec_for == f"{spec_of_grabcut.__module__}:{spec_of_grabcut.__name__}"
    assert spec_of_grabcut(spec, GrabCut.Config(input=chosen), {}).wants_layers == wanted


def test_listing_imports_nothing_heavy():
    heavy = ("torch", "cv2", "numpy", "scipy", "pandas")
    code = (
        f"import sys, radbench_lesions.plugin as p; p.radbench_tasks(); print([m for m in {heavy} if m in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
