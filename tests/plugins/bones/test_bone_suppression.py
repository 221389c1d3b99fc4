"""The task bone-suppression: nothing done scores 0, the truth 1, and a window costs nothing."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

import radbench
from radbench.contracts import Case, Sample, TaskContext
from radbench.metrics import ms_ssim, psnr, ssim
from radbench_bones.matching import onto
from radbench_bones.suppression import BoneSuppression, ratio

CONTEXT = TaskContext("cpu", 0)
SIDE = 168
Y, X = np.mgrid[:SIDE, :SIDE]
SOFT = (0.2 + 0.4 * Y / SIDE + 0.05 * np.sin(X / 7.0)).astype(np.float32)
RIBS = (Y % 24 < 8) & (X > 20)
LUNGS = (X > 40) & (X < 120)
RADIOGRAPH = SOFT + np.float32(0.2) * RIBS


def tensor(array):
    return torch.from_numpy(np.ascontiguousarray(array))[None]


def score(image, truth=SOFT, mask=RIBS, lungs=None, **config):
    targets = {"soft_tissue_image": tensor(truth.astype(np.float32))}
    targets |= {} if mask is None else {"bone_mask": tensor(mask)}
    targets |= {} if lungs is None else {"lung_field_mask": tensor(lungs)}
    case = Case("c", "p", tensor(RADIOGRAPH), targets=targets)
    task = BoneSuppression(BoneSuppression.Config(**config))
    return task.score(Sample(case, tensor(image.astype(np.float32))), CONTEXT)


def test_the_radiograph_itself_suppresses_nothing():
    scores = score(RADIOGRAPH)
    assert scores["bone_suppression_ratio"][""] == 0.0
    # A share of the pixels is off by 0.2.
    assert scores["psnr"][""] == pytest.approx(-10 * math.log10(0.04 * RIBS.mean()), abs=1e-3)


def test_the_truth_suppresses_all():
    scores = score(SOFT)
    assert scores["bone_suppression_ratio"][""] == pytest.approx(1.0, abs=1e-9)
    assert scores["psnr"][""] > 100
    assert scores["ssim"][""] == pytest.approx(1.0)
    assert scores["ms_ssim"][""] == pytest.approx(1.0)


@pytest.mark.parametrize("left", [0.5, 0.2, -0.5])
def test_the_ratio_is_what_is_gone_of_the_bones_energy(left):
    assert score(SOFT + left * 0.2 * RIBS)["bone_suppression_ratio"][""] == pytest.approx(1 - left**2, abs=1e-6)


def test_what_spoils_more_than_it_removes_is_negative():
    spoilt = SOFT + 0.6 * np.sin(Y / 2.0) * np.cos(X / 3.0)
    assert score(spoilt)["bone_suppression_ratio"][""] < 0


def test_windows_of_result_and_truth_cost_nothing():
    half = SOFT + 0.1 * RIBS
    plain = score(half)
    for image, truth in ((0.5 * half + 0.1, SOFT), (half, 0.6 * SOFT + 0.3), (0.7 * half, 1.2 * SOFT - 0.1)):
        for name, by_facet in score(image, truth).items():
            assert by_facet[""] == pytest.approx(plain[name][""], abs=1e-4), name


def test_a_reversed_picture_is_none_in_another_window():
    assert score(1 - SOFT)["bone_suppression_ratio"][""] < 0


def test_as_it_is_everything_is_held_to_the_truth_as_given():
    truth, image = 0.6 * SOFT + 0.3, SOFT + 0.1 * RIBS
    scores = score(image, truth, scale="as-is")
    a, b = tensor(image.astype(np.float32)).double()[None], tensor(truth.astype(np.float32)).double()[None]
    for name, metric in (("psnr", psnr), ("ssim", ssim), ("ms_ssim", ms_ssim)):
        assert scores[name][""] == pytest.approx(float(metric(a, b)[0]))
    there, left = ((RADIOGRAPH - b[0, 0].numpy()) ** 2).sum(), ((a - b) ** 2).sum()
    assert scores["bone_suppression_ratio"][""] == pytest.approx(1 - float(left) / there)


def test_the_lungs_are_a_facet_of_their_own():
    # All is right in the lungs, and nothing elsewhere.
    scores = score(np.where(LUNGS, SOFT, RADIOGRAPH), lungs=LUNGS)
    assert scores["bone_suppression_ratio"]["lungs"] == pytest.approx(1.0, abs=1e-6)
    assert scores["psnr"]["lungs"] > 60 > scores["psnr"][""]
    assert 0 < scores["bone_suppression_ratio"][""] < 1
    assert set(scores["ms_ssim"]) == {""}
    assert set(score(SOFT)["psnr"]) == {""}


def test_without_a_bone_mask_all_pixels_tell_the_window():
    assert score(RADIOGRAPH, mask=None)["bone_suppression_ratio"][""] == pytest.approx(0.0, abs=1e-12)
    assert score(SOFT, mask=None)["bone_suppression_ratio"][""] == pytest.approx(1.0, abs=1e-9)


def test_where_there_is_no_bone_there_is_no_ratio():
    assert math.isnan(ratio(SOFT, SOFT, RADIOGRAPH))


def test_gain_and_offset_are_those_of_least_squares():
    rng = np.random.default_rng(0)
    x, y, where = rng.random((9, 11)), rng.random((9, 11)), rng.random((9, 11)) > 0.4
    gain, offset = np.polyfit(x[where], y[where], 1)
    found = onto(x, y, where)
    expected = gain * x + offset if gain > 0 else np.full_like(x, y[where].mean())
    np.testing.assert_allclose(found, expected, atol=1e-12)
    up = onto(x, 0.3 * x + 0.2, where)
    np.testing.assert_allclose(up, 0.3 * x + 0.2, atol=1e-12)


def test_a_constant_picture_becomes_the_mean():
    like = np.array([[0.0, 1.0], [1.0, 0.0]])
    np.testing.assert_array_equal(onto(np.ones((2, 2)), like, np.ones((2, 2), bool)), np.full((2, 2), 0.5))


PLUGIN = """
from radbench import EnhancerSpec, hookimpl


@hookimpl
def radbench_enhancers():
    return [EnhancerSpec(name="darker", factory="darker_plugin:darker", summary="another window")]


def darker(images):
    return images * 0.5
"""


def test_a_run_has_the_original_at_nothing(tmp_path, monkeypatch):
    (tmp_path / "darker_plugin.py").write_text(PLUGIN)
    monkeypatch.chdir(tmp_path)
    frame = radbench.run(
        "original,darker",
        "bone-suppression",
        "phantom-cxr[patients=20,grid=[32,32,32],size=64]",
        plugins=["darker_plugin.py"],
        debug=True,
        limit=2,
    )
    assert set(frame["status"]) == {"ok"}
    rows = frame.set_index(["enhancer", "metric", "facet"])["value"]
    assert set(frame["facet"]) == {"", "lungs"}
    for facet in ("", "lungs"):
        assert rows["original", "bone_suppression_ratio", facet] == 0.0
        assert rows["darker", "bone_suppression_ratio", facet] == pytest.approx(0.0, abs=1e-5)
    assert math.isnan(rows["original", "ms_ssim", ""])
