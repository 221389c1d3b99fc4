"""The tasks of segmentation and extraction: what each scores, on which scale, and what degenerate layers get."""

from __future__ import annotations

import math
import subprocess
import sys

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from radbench.contracts import Case, Sample, TaskContext
from radbench_extraction.bones import BoneExtraction
from radbench_extraction.lungs import LungExtraction
from radbench_extraction.plugin import radbench_tasks
from radbench_extraction.segmentation import LungSegmentation, spec_of_lung_segmentation

CONTEXT = TaskContext("cpu", 0)
SIDE = 176
SPECS = {spec.name: spec for spec in radbench_tasks()}


def thorax(seed=0, side=SIDE):
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side] / side
    lungs = torch.from_numpy((np.hypot((y - 0.5) / 1.5, np.abs(x - 0.5) - 0.2) < 0.15)[None])
    image = torch.from_numpy(rng.random((1, side, side), dtype=np.float32))
    field = lungs.clone()
    field[:, side * 2 // 3 :] = False
    aerated = field & torch.from_numpy(x < 0.6)
    targets = {
        "lung_mask": lungs,
        "lung_field_mask": field,
        "aerated_lung_mask": aerated,
        "lung_image": image * lungs,
        "bone_image": image.flip(1),
    }
    return Case("case", "patient", image, targets=targets)


def score(task, name, layer, **config):
    case = thorax(side=layer.shape[-1])
    return task(task.Config(**config)).score(Sample(case, case.image, {name: layer}), CONTEXT)


TRUTH = thorax().targets
LUNGS = TRUTH["lung_mask"].float()
MASKS = ("lung_mask", "lung_field_mask", "aerated_lung_mask")


@pytest.mark.parametrize(
    ("task", "name", "layer"),
    [
        (LungSegmentation, "lung_mask", LUNGS),
        (LungExtraction, "lung_image", TRUTH["lung_image"]),
        (BoneExtraction, "bone_image", TRUTH["bone_image"]),
    ],
)
def test_the_truth_itself_scores_as_well_as_can_be(task, name, layer):
    best = {"mae": 0, "mse": 0, "rmse": 0, "hd95": 0, "assd": 0, "psnr": math.inf}
    for metric, value in score(task, name, layer).items():
        assert value == pytest.approx(best.get(metric.split("_")[0], 1.0), abs=1e-9)


@pytest.mark.parametrize(
    ("task", "name", "layer"),
    [
        (LungSegmentation, "lung_mask", LUNGS.roll(4, 2)),
        (LungExtraction, "lung_image", 0.9 * TRUTH["lung_image"]),
        (BoneExtraction, "bone_image", 0.9 * TRUTH["bone_image"]),
    ],
)
def test_anything_else_scores_worse_in_every_metric(task, name, layer):
    spec = next(s for s in SPECS.values() if s.factory.endswith(task.__name__))
    directions = {m.name: m.direction for m in spec.metrics}
    best, worse = score(task, name, TRUTH[name].float()), score(task, name, layer)
    assert list(directions) == [m for m in directions if m in best]
    assert set(directions) == set(best)
    for metric, direction in directions.items():
        assert worse[metric] < best[metric] if direction == "higher" else worse[metric] > best[metric]


def test_the_layer_is_lung_from_the_papers_threshold_on():
    layer = torch.where(LUNGS > 0, 0.95, 0.9499)
    assert score(LungSegmentation, "lung_mask", layer)["dice"] == 1.0
    assert score(LungSegmentation, "lung_mask", layer, threshold=0.96)["dice"] == 0.0
    assert score(LungSegmentation, "lung_mask", layer, threshold=0.5)["recall"] == 1.0
    assert score(LungSegmentation, "lung_mask", layer, threshold=0.5)["precision"] < 1.0
    assert "paper" in LungSegmentation.Config.model_fields["threshold"].json_schema_extra["source"]


@pytest.mark.parametrize(
    ("truth", "name"), [("projected", "lung_mask"), ("field", "lung_field_mask"), ("aerated", "aerated_lung_mask")]
)
def test_lungs_are_judged_by_the_definition_that_is_asked_for(truth, name):
    exact = {other: score(LungSegmentation, name, TRUTH[other].float(), truth=truth)["dice"] for other in MASKS}
    assert [other for other, dice in exact.items() if dice == 1.0] == [name]
    spec = SPECS["lung-segmentation"]
    assert spec.spec_for == f"{spec_of_lung_segmentation.__module__}:{spec_of_lung_segmentation.__name__}"
    found = spec_of_lung_segmentation(spec, LungSegmentation.Config(truth=truth), {})
    assert found.needs_targets == found.needs_layers == found.truth == (name,)


def test_the_paper_projects_lungs_and_the_quick_profile_takes_those_of_readers():
    assert LungSegmentation.Config().truth == "projected"
    assert LungSegmentation.Config.profiles["paper"] == {}
    assert LungSegmentation.Config.profiles["quick"] == {"truth": "field"}


def test_an_empty_lung_mask_scores_the_worst():
    scores = score(LungSegmentation, "lung_mask", torch.zeros_like(LUNGS))
    assert [scores[m] for m in ("dice", "jaccard", "precision", "recall")] == [0.0] * 4
    assert scores["hd95_px"] == scores["assd_px"] == pytest.approx(SIDE * math.sqrt(2))


def test_blackening_outside_the_lungs_gains_nothing_inside():
    noisy = (TRUTH["lung_image"] + 0.2).clamp(0, 1)
    blackened = noisy * LUNGS
    plain, black = (score(LungExtraction, "lung_image", layer) for layer in (noisy, blackened))
    assert black["psnr"] > plain["psnr"]
    assert black["psnr_lung"] == plain["psnr_lung"]
    assert black["mae_lung"] == plain["mae_lung"]


def test_rmse_on_0_to_255_is_255_times_rmse_and_the_others_do_not_change():
    from radbench.metrics import ms_ssim, psnr, ssim

    layer = (0.7 * TRUTH["bone_image"] + 0.1).clamp(0, 1)
    scores = score(BoneExtraction, "bone_image", layer)
    assert scores["rmse_255"] == pytest.approx(255 * scores["rmse"], rel=1e-12)
    a, b = 255 * layer[None].double(), 255 * TRUTH["bone_image"][None].double()
    for name, metric in (("psnr", psnr), ("ssim", ssim), ("ms_ssim", ms_ssim)):
        assert float(metric(a, b, 255.0)[0]) == pytest.approx(scores[name], rel=1e-9)
    assert scores["psnr"] == pytest.approx(20 * math.log10(255 / scores["rmse_255"]))


def test_ms_ssim_of_a_small_image_is_no_answer_and_the_rest_stands():
    small = thorax(side=128).targets["bone_image"]
    scores = score(BoneExtraction, "bone_image", 0.9 * small)
    assert math.isnan(scores["ms_ssim"])
    assert math.isfinite(scores["ssim"])


def test_every_metric_says_its_data_range():
    ranges = {m.name: m.data_range for spec in SPECS.values() for m in spec.metrics}
    assert ranges["rmse_255"] == 255.0
    assert ranges["psnr_std05"] == ranges["mae_std05"] == 3.07
    assert ranges["mae"] == ranges["psnr_lung"] == ranges["ms_ssim"] == 1.0
    assert all(m.data_range is not None for m in SPECS["lung-extraction"].metrics)


def test_tasks_need_the_layer_that_they_judge():
    assert SPECS["lung-segmentation"].needs_layers == ("lung_mask",)
    assert SPECS["lung-extraction"].needs_layers == ("lung_image",)
    assert SPECS["bone-extraction"].needs_layers == ("bone_image",)


def test_differences_are_taken_to_an_enhancer_that_offers_the_layer():
    # The original image offers none.
    found = {spec.name: spec.baseline for spec in SPECS.values()}
    assert found == {"lung-segmentation": "lung-unet", "lung-extraction": "lung-unet", "bone-extraction": "bone-unet"}


def test_a_threshold_of_zero_is_refused():
    with pytest.raises(ValidationError):
        LungSegmentation.Config(threshold=0.0)


def test_listing_the_extraction_tasks_imports_nothing_heavy():
    heavy = ("torch", "cv2", "numpy", "scipy", "pandas")
    code = (
        f"import sys, radbench_extraction.plugin as p; p.radbench_tasks();"
        f"print([m for m in {heavy} if m in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
