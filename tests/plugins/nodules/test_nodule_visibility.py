"""The task nodule-visibility on noise with disks whose visibility is known."""

from __future__ import annotations

import math
import subprocess
import sys

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from radbench.contracts import Case, DatasetError, Sample, TaskContext
from radbench_nodules.plugin import radbench_tasks
from radbench_nodules.visibility import NoduleVisibility

SIDE, RADIUS, NOISE, CONTRAST = 64, 3.0, 0.06, 0.06
Y, X = np.mgrid[:SIDE, :SIDE]
LUNGS = (np.abs(Y - 32) < 28) & (np.abs(np.abs(X - 31.5) - 15) < 12)
METRICS = [m.name for m in radbench_tasks()[0].metrics]


def ball(y, x, radius=RADIUS):
    return np.sqrt(np.clip(1 - ((Y - y) ** 2 + (X - x) ** 2) / radius**2, 0, None))


def make_case(name, contrast, nodules):
    rng = np.random.default_rng(sum(map(ord, name)))
    image, mask = 0.4 + NOISE * rng.normal(size=(SIDE, SIDE)), np.zeros((SIDE, SIDE), dtype=bool)
    for _ in range(nodules):
        y, x = rng.integers(12, 52), rng.choice([17, 46]) + rng.integers(-5, 6)
        image, mask = image + contrast * ball(y, x), mask | (ball(y, x) > 0)
    tensors = {"lung_mask": torch.from_numpy(LUNGS)[None], "nodule_mask": torch.from_numpy(mask)[None]}
    return Case(name, name, torch.from_numpy(np.clip(image, 0, 1).astype(np.float32))[None], targets=tensors)


class Data:
    def __init__(self, cases, enhance):
        self.cases, self.enhance = cases, enhance

    def split(self, name):
        return [Sample(case, self.enhance(case)) for case in self.cases[name]]


CASES = {
    "train": [make_case(f"train{i}", CONTRAST, i % 3) for i in range(15)],
    "test": [make_case(f"test{i}", CONTRAST, i % 2 * 2) for i in range(12)],
}


def run(enhance=lambda case: case.image, cases=None, seed=0, **config):
    task = NoduleVisibility(NoduleVisibility.Config(**{"free_places": 20, **config}))
    return task.run(Data(cases or CASES, enhance), TaskContext("cpu", seed, lambda *_: None))


def means(result):
    return {
        name: float(np.nanmean([scores[name] for scores in result.scores.values()]))
        for name in METRICS
        if name != "cho_auc"
    }


def blurred(case):
    return torch.from_numpy(gaussian_filter(case.image[0].numpy(), 6.0))[None]


def with_fakes(case):
    rng = np.random.default_rng(sum(map(ord, case.case_id)) + 1)
    extra = sum(CONTRAST * ball(*rng.integers(6, 58, 2)) for _ in range(60))
    return (case.image + torch.from_numpy(extra.astype(np.float32))).clamp(0, 1)


@pytest.fixture(scope="module")
def plain():
    return means(run())


def test_false_positives_of_the_original_are_those_of_the_operating_point():
    many = {
        "train": [make_case(f"train{i}", CONTRAST, i % 3) for i in range(40)],
        "test": [make_case(f"test{i}", CONTRAST, i % 2 * 2) for i in range(40)],
    }
    assert means(run(cases=many, free_places=8))["cho_fpr"] == pytest.approx(0.1, abs=0.04)


def test_visible_nodules_are_found(plain):
    assert plain["cho_2afc"] > 0.9
    assert plain["cho_sensitivity"] > 0.7
    assert plain["cnr"] == pytest.approx(CONTRAST * 2 / 3 / NOISE, rel=0.3)


def test_other_operating_points_give_other_false_positive_rates(plain):
    strict, lax = (means(run(specificity=s)) for s in (0.99, 0.5))
    assert strict["cho_fpr"] < plain["cho_fpr"] < lax["cho_fpr"]
    assert lax["cho_fpr"] == pytest.approx(0.5, abs=0.1)
    assert strict["cho_sensitivity"] <= plain["cho_sensitivity"] <= lax["cho_sensitivity"]


def test_nodules_that_are_not_there_are_seen_by_chance_alone():
    nothing = {split: [make_case(c.case_id, 0.0, 2) for c in cases] for split, cases in CASES.items()}
    scores = means(run(cases=nothing))
    assert scores["cho_2afc"] == pytest.approx(0.5, abs=0.12)
    assert scores["cho_sensitivity"] == pytest.approx(scores["cho_fpr"], abs=0.2)


def test_removing_the_nodules_loses_them(plain):
    scores = means(run(lambda case: make_case(case.case_id, 0.0, 0).image))
    assert scores["cnr"] < 0.5
    assert scores["cho_2afc"] < plain["cho_2afc"] - 0.2
    assert scores["cho_sensitivity"] < plain["cho_sensitivity"] - 0.3


def test_a_strong_blur_loses_nodules(plain):
    scores = means(run(blurred))
    assert scores["cnr"] < plain["cnr"]
    assert scores["cho_2afc"] < plain["cho_2afc"]


def test_fake_nodules_raise_the_false_positives_and_lower_detectability(plain):
    scores = means(run(with_fakes))
    assert scores["cho_fpr"] > 1.4 * plain["cho_fpr"]
    assert scores["cho_2afc"] < plain["cho_2afc"]


def test_brightness_and_contrast_of_the_whole_image_do_not_change_the_observer(plain):
    scores = means(run(lambda case: 0.5 * case.image + 0.2))
    for name in METRICS[2:]:
        assert scores[name] == pytest.approx(plain[name], abs=0.02)


def test_a_constant_image_shows_nothing_and_breaks_nothing():
    result = run(lambda case: torch.full_like(case.image, 0.5))
    scores = means(result)
    assert scores["cnr"] == 0.0
    assert scores["cho_2afc"] == 0.5
    assert scores["cho_sensitivity"] == scores["cho_fpr"]
    assert {response for _, response in (p["cho_auc"] for p in result.predictions.values())} == {0.0}


def test_cases_are_labelled_by_their_nodules_and_each_gives_one_response():
    result = run()
    assert set(result.scores) == {c.case_id for c in CASES["test"]}
    for case in CASES["test"]:
        label, response = result.predictions[case.case_id]["cho_auc"]
        assert label == float(case.targets["nodule_mask"].any())
        assert math.isfinite(response)


def test_a_case_without_nodules_answers_for_false_positives_alone():
    scores = run().scores["test0"]
    assert [math.isnan(scores[m]) for m in ("cnr", "cho_2afc", "cho_sensitivity", "cho_fpr")] == [True] * 3 + [False]


def test_places_are_the_same_for_every_enhancer_and_another_seed_draws_others():
    task = NoduleVisibility(NoduleVisibility.Config())
    data = Data(CASES, lambda case: case.image)
    habitat = task._habitat(data.split("train"), lambda _: None)
    sample, other = data.split("test")[1], Data(CASES, blurred).split("test")[1]
    assert task.places(sample, habitat, 0)[1] == task.places(other, habitat, 0)[1]
    assert task.places(sample, habitat, 0)[1] != task.places(sample, habitat, 1)[1]


def test_the_same_run_gives_the_same_bits():
    assert repr(run(with_fakes)) == repr(run(with_fakes))


def test_scores_of_a_case_do_not_depend_on_the_other_test_cases():
    few = {"train": CASES["train"], "test": CASES["test"][:3]}
    all_of_them = run()
    for case_id, scores in run(cases=few).scores.items():
        assert repr(scores) == repr(all_of_them.scores[case_id])


@pytest.mark.parametrize("config", [{"signal": "learnt"}, {"channels": "gabor"}, {"internal_noise": 0.5}])
def test_other_observers_find_visible_nodules_too(config):
    assert means(run(**config))["cho_2afc"] > 0.8


def test_internal_noise_lowers_detectability(plain):
    assert means(run(internal_noise=3.0))["cho_2afc"] < plain["cho_2afc"]


def test_too_few_nodules_say_what_is_missing():
    few = {"train": CASES["train"][:3], "test": CASES["test"]}
    with pytest.raises(DatasetError, match=r"needs 8 and found \d in 3 cases"):
        run(cases=few)


def test_lungs_without_room_say_so():
    crowded = {
        split: [
            Case(c.case_id, c.case_id, c.image, targets={**c.targets, "lung_mask": c.targets["nodule_mask"]})
            for c in cases
        ]
        for split, cases in CASES.items()
    }
    with pytest.raises(DatasetError, match="no room"):
        run(cases=crowded)


def test_every_field_says_where_its_default_comes_from():
    for field in NoduleVisibility.Config.model_fields.values():
        assert field.json_schema_extra["source"].startswith(("paper", "code", "assumed"))
        assert field.description


def test_listing_the_nodule_task_imports_nothing_heavy():
    heavy = ("torch", "cv2", "numpy", "scipy", "pandas")
    code = (
        f"import sys, radbench_nodules.plugin as p; p.radbench_tasks(); print([m for m in {heavy} if m in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_a_search_finds_what_lies_beside_the_place():
    aside = {"train": CASES["train"], "test": [shifted(case) for case in CASES["test"]]}
    searched, glanced = (means(run(cases=aside, search=s)) for s in (0.5, 0.0))
    assert searched["cho_sensitivity"] > glanced["cho_sensitivity"]


def shifted(case):
    """Mark each nodule half its diameter beside where it is."""
    targets = {**case.targets, "nodule_mask": case.targets["nodule_mask"].roll(3, 2)}
    return Case(case.case_id, case.patient_id, case.image, targets=targets)
