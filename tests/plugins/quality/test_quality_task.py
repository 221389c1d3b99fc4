"""The task image-quality gives exactly what the metrics say of the enhanced image, alone and held to its original."""

from __future__ import annotations

import math
import subprocess
import sys

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from radbench.contracts import Case, Sample, TaskContext
from radbench.metrics import brisque, lpc_si, ms_ssim, psnr, ssim
from radbench.metrics.clipping import clipped
from radbench.metrics.halo import halo
from radbench.metrics.noise_gain import noise_gain
from radbench_quality.plugin import radbench_tasks
from radbench_quality.quality import ImageQuality

COSTS = {"noise_gain": noise_gain, "halo": halo, "clipped": clipped}
DISTANCES = {"ssim": ssim, "ms_ssim": ms_ssim, "psnr": psnr}

CONTEXT = TaskContext("cpu", 0)


def noise(seed, shape=(1, 64, 80)):
    return torch.from_numpy(np.random.default_rng(seed).random(shape, dtype=np.float32))


def score(image, original=None, clean=None):
    original = noise(9, tuple(image.shape)) if original is None else original
    case = Case("case", "patient", original, targets={} if clean is None else {"clean_image": clean})
    return ImageQuality(ImageQuality.Config()).score(Sample(case, image), CONTEXT)


def test_the_papers_scores_are_the_metrics_of_the_enhanced_image():
    image, scores = noise(0), score(noise(0))
    assert scores["brisque"] == float(brisque(image[None])[0])
    assert scores["lpc_si"] == float(lpc_si(image[None])[0])


def test_the_original_does_not_matter_to_them():
    one, other = score(noise(0), noise(1)), score(noise(0), noise(2))
    assert [one["brisque"], one["lpc_si"]] == [other["brisque"], other["lpc_si"]]
    assert one["ssim"] != other["ssim"]


def test_what_it_costs_is_held_to_the_original():
    image, original = noise(0, (1, 168, 176)), noise(1, (1, 168, 176))
    scores = score(image, original)
    for name, metric in COSTS.items():
        assert scores[name] == float(metric(image[None], original[None])[0])
    for name, metric in DISTANCES.items():
        assert scores[name] == {"": float(metric(image[None], original[None])[0])}


def test_the_original_itself_costs_nothing():
    image = noise(0, (1, 168, 176))
    scores = score(image, image)
    assert [scores[name] for name in COSTS] == [1.0, 0.0, 0.0]
    assert [scores[name][""] for name in DISTANCES] == [pytest.approx(1.0), pytest.approx(1.0), math.inf]


def test_where_there_is_a_clean_image_a_facet_is_held_to_it():
    clean = 0.5 + 0.3 * noise(3, (1, 168, 176))
    noisy = (clean + 0.1 * (noise(4, (1, 168, 176)) - 0.5)).clamp(0, 1)
    better = 0.5 * (noisy + clean)
    before, after = score(noisy, noisy, clean), score(better, noisy, clean)
    for name, metric in DISTANCES.items():
        assert after[name]["clean_image"] == float(metric(better[None], clean[None])[0])
        assert after[name]["clean_image"] > before[name]["clean_image"]
        assert after[name][""] < before[name][""]


def test_blur_is_less_sharp_than_the_image():
    image = noise(0)
    blurred = torch.nn.functional.avg_pool2d(image[None], 5, 1, 2)[0]
    assert score(blurred)["lpc_si"] < score(image)["lpc_si"]


def test_an_image_too_small_has_no_answer_and_no_error():
    scores = score(noise(0, (1, 4, 4)))
    assert math.isnan(scores["brisque"])
    assert math.isnan(scores["lpc_si"])


def test_a_constant_image_has_the_documented_answer():
    scores = score(torch.full((1, 64, 64), 0.5))
    assert math.isnan(scores["brisque"])
    assert scores["lpc_si"] == 0.0


def test_scores_carry_the_names_that_the_spec_declares():
    (spec,) = radbench_tasks()
    assert list(score(noise(0))) == [m.name for m in spec.metrics]
    assert spec.modality == "any"
    assert spec.needs_targets == ()


def test_another_brisque_is_refused():
    with pytest.raises(ValidationError):
        ImageQuality.Config(brisque_variant="other")


def test_listing_imports_nothing_heavy():
    heavy = ("torch", "cv2", "numpy", "scipy", "pandas")
    code = (
        f"import sys, radbench_quality.plugin as p; p.radbench_tasks(); print([m for m in {heavy} if m in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
