"""Scores over a region and on the lung paper's scale: against NumPy and scikit-image; rescaling gains nothing."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from skimage.metrics import structural_similarity

from radbench.metrics import dice, jaccard, mae, mse, psnr, rmse, ssim
from radbench.metrics.lung_scale import LUNG_RANGE, lung_scale_fidelity
from radbench.metrics.specs import MAE, METRICS, in_lungs, on_lung_scale


def lungs(batch=1, side=40):
    y, x = np.mgrid[:side, :side]
    masks = [(np.hypot((y - 20) / 1.4, x - 20 - i) < 9 + i) for i in range(batch)]
    return torch.from_numpy(np.stack(masks))[:, None]


def pair(batch=1, side=40, seed=0):
    rng = np.random.default_rng(seed)
    truth = torch.from_numpy(rng.random((batch, 1, side, side), dtype=np.float32)) * lungs(batch, side)
    found = (0.9 * truth + 0.1 * torch.from_numpy(rng.random((batch, 1, side, side), dtype=np.float32))).clamp(0, 1)
    return found, truth


def test_the_scale_is_the_one_on_which_the_papers_mse_and_psnr_agree():
    assert 10 * math.log10(LUNG_RANGE**2 / 0.03) == pytest.approx(24.98, abs=0.02)
    assert on_lung_scale(MAE).data_range == LUNG_RANGE


def test_scores_are_those_of_images_normalised_by_the_truths_lung_area():
    found, truth = pair()
    a, b, inside = (t[0, 0].numpy().astype(np.float64) for t in (found, truth, lungs().double()))
    area = b[inside > 0]
    a, b = (0.5 * (plane - area.mean()) / area.std() for plane in (a, b))
    assert b[inside > 0].std() == pytest.approx(0.5)
    scores = {k: float(v[0]) for k, v in lung_scale_fidelity(found, truth, lungs()).items()}
    rival = structural_similarity(
        a, b, data_range=LUNG_RANGE, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, full=True
    )[1][5:-5, 5:-5].mean()
    assert scores["mae"] == pytest.approx(np.abs(a - b).mean(), rel=1e-9)
    assert scores["mse"] == pytest.approx(((a - b) ** 2).mean(), rel=1e-9)
    assert scores["psnr"] == pytest.approx(10 * math.log10(LUNG_RANGE**2 / ((a - b) ** 2).mean()), rel=1e-9)
    assert scores["ssim"] == pytest.approx(rival, rel=1e-7)


@pytest.mark.parametrize(("gain", "offset"), [(0.5, 0.0), (0.8, 0.1), (1.0, 0.05), (0.0, 0.3)])
def test_nothing_is_gained_by_another_brightness_or_contrast(gain, offset):
    _, truth = pair()
    exact = lung_scale_fidelity(truth, truth, lungs())
    other = lung_scale_fidelity((gain * truth + offset).clamp(0, 1), truth, lungs())
    assert float(exact["mae"]) == 0.0
    assert float(exact["ssim"]) == pytest.approx(1.0)
    assert float(other["mae"]) > 0.01
    assert float(other["ssim"]) < 0.999


def test_a_lung_area_that_is_empty_or_constant_has_no_answer():
    found, truth = pair()
    for answers in (
        lung_scale_fidelity(found, truth, torch.zeros_like(lungs())),
        lung_scale_fidelity(found, torch.full_like(truth, 0.1), lungs()),
    ):
        assert all(math.isnan(float(v)) for v in answers.values())


def test_a_batch_changes_not_a_bit():
    found, truth = pair(4)
    masks = lungs(4)
    together = lung_scale_fidelity(found, truth, masks)
    for i in range(4):
        alone = lung_scale_fidelity(found[i : i + 1], truth[i : i + 1], masks[i : i + 1])
        for name, score in together.items():
            assert torch.equal(score[i : i + 1], alone[name])
    for metric in (mae, mse, rmse, psnr, ssim):
        alone = [metric(found[i : i + 1], truth[i : i + 1], region=masks[i : i + 1]) for i in range(4)]
        assert torch.equal(metric(found, truth, region=masks), torch.cat(alone))


def test_a_region_alone_counts():
    found, truth = pair()
    inside = lungs()[0, 0].numpy()
    difference = (found - truth)[0, 0].numpy().astype(np.float64)[inside]
    assert float(mae(found, truth, region=lungs())) == pytest.approx(np.abs(difference).mean(), rel=1e-6)
    assert float(rmse(found, truth, region=lungs())) == pytest.approx(np.sqrt((difference**2).mean()), rel=1e-6)
    outside_spoilt = torch.where(lungs(), found, 1 - found)
    assert torch.equal(mse(outside_spoilt, truth, region=lungs()), mse(found, truth, region=lungs()))
    assert torch.equal(psnr(outside_spoilt, truth, region=lungs()), psnr(found, truth, region=lungs()))


def test_ssim_of_a_region_averages_the_windows_centred_in_it():
    found, truth = pair()
    rival = structural_similarity(
        found[0, 0].numpy().astype(np.float64),
        truth[0, 0].numpy().astype(np.float64),
        data_range=1.0,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        full=True,
    )[1]
    centred = lungs()[0, 0].numpy().copy()
    centred[:5] = centred[-5:] = centred[:, :5] = centred[:, -5:] = False
    assert float(ssim(found, truth, region=lungs())) == pytest.approx(rival[centred].mean(), rel=1e-7)


def test_the_whole_image_as_region_is_no_region():
    found, truth = pair()
    everywhere = torch.ones_like(lungs())
    for metric in (mae, mse, rmse, psnr, ssim):
        assert float(metric(found, truth, region=everywhere)) == pytest.approx(float(metric(found, truth)), rel=1e-12)


def test_an_empty_region_has_no_answer_and_a_wrong_one_is_refused():
    found, truth = pair()
    for metric in (mae, mse, rmse, psnr, ssim):
        assert math.isnan(float(metric(found, truth, region=torch.zeros_like(lungs()))))
        with pytest.raises(ValueError, match="region"):
            metric(found, truth, region=lungs().float())


def test_jaccard_follows_from_dice():
    a, b = lungs(2)[:1], lungs(2)[1:]
    overlap = float(dice(a, b))
    assert float(jaccard(a, b)) == pytest.approx(overlap / (2 - overlap))
    empty = torch.zeros_like(a)
    assert float(jaccard(empty, empty)) == 1.0
    assert float(jaccard(empty, a)) == 0.0


def test_metrics_over_the_lungs_have_names_of_their_own():
    assert in_lungs(METRICS["psnr"]).name == "psnr_lung"
    assert on_lung_scale(METRICS["psnr"]).name == "psnr_std05"
    assert "empty lung area" in in_lungs(METRICS["psnr"]).empty
