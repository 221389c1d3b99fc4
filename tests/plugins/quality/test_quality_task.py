"""The task image-quality gives exactly what the metrics say of the enhanced image, and of nothing else."""

from __future__ import annotations

import math
import subprocess
import sys

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from radbench.contracts import Case, Sample, TaskContext
from radbench.metrics import brisque, lpc_si
from radbench_quality.no_reference import ImageQuality
from radbench_quality.plugin import radbench_tasks

CONTEXT = TaskContext("cpu", 0)


def noise(seed, shape=(1, 64, 80)):
    return torch.from_numpy(np.random.default_rng(seed).random(shape, dtype=np.float32))


def score(image, original=None):
    case = Case("case", "patient", noise(9, tuple(image.shape)) if original is None else original)
    return ImageQuality(ImageQuality.Config()).score(Sample(case, image), CONTEXT)


def test_scores_are_the_metrics_of_the_enhanced_image():
    image = noise(0)
    assert score(image) == {"brisque": float(brisque(image[None])[0]), "lpc_si": float(lpc_si(image[None])[0])}


def test_the_original_does_not_matter():
    assert score(noise(0), noise(1)) == score(noise(0), noise(2))


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
