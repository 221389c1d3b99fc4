"""Learning-rate schedules, options, resizing, and a face that imports nothing heavy."""

import subprocess
import sys

import pytest
import torch

from radbench.contracts import ConfigurationError
from radbench.contracts.duration import duration
from radbench.learn import FitOptions, learning_rate, resized


def test_a_constant_rate_stays():
    assert {learning_rate(FitOptions(epochs=3), s, 10) for s in range(30)} == {1e-4}


def test_a_cosine_falls_from_the_rate_to_its_last_share():
    options = FitOptions(epochs=3, learning_rate=1.0, schedule="cosine", final_rate=0.1)
    rates = [learning_rate(options, s, 7) for s in range(21)]
    assert rates[0] == 1.0
    assert rates[10] == pytest.approx(0.55)
    assert rates[-1] == pytest.approx(0.1)
    assert rates == sorted(rates, reverse=True)


def test_steps_multiply_the_rate():
    options = FitOptions(epochs=6, learning_rate=1.0, schedule="step", step_epochs=2, step_factor=0.5)
    assert [learning_rate(options, s, 1) for s in range(6)] == [1, 1, 0.5, 0.5, 0.25, 0.25]


def test_a_warm_up_rises_linearly_to_the_rate():
    options = FitOptions(epochs=2, learning_rate=1.0, warmup_steps=4)
    assert [learning_rate(options, s, 4) for s in range(5)] == [0.25, 0.5, 0.75, 1.0, 1.0]


@pytest.mark.parametrize(
    "wrong", [{"epochs": 0}, {"epochs": 1, "optimiser": "lion"}, {"epochs": 1, "learning_rate": 0.0}]
)
def test_wrong_options_are_refused(wrong):
    with pytest.raises(ConfigurationError):
        FitOptions(**wrong)


def test_resizing_keeps_a_constant_and_half_covered_pixels_of_a_mask():
    assert torch.equal(resized(torch.full((1, 1, 8, 8), 0.3), (4, 5)), torch.full((1, 1, 4, 5), 0.3))
    mask = torch.zeros(1, 1, 8, 8, dtype=torch.bool)
    mask[..., 4:] = True
    assert torch.equal(resized(mask, (4, 4)), mask[..., ::2, ::2])


@pytest.mark.parametrize(("seconds", "text"), [(3.4, "3 s"), (200, "3 min 20 s"), (7500, "2 h 05 min")])
def test_durations_read_like_a_clock(seconds, text):
    assert duration(seconds) == text


def test_the_face_imports_nothing_heavy():
    code = "import sys, radbench.learn; print([m for m in ('torch', 'numpy', 'timm') if m in sys.modules])"
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
    )
