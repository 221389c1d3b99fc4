"""The methods keep the bounds that they are published with: the calibration benchmark's quick mode."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path

import numpy as np
import pytest

from radbench.stats import ap_auroc

BENCHMARKS = Path(__file__).resolve().parents[3] / "benchmarks"


@pytest.fixture(scope="module")
def calibration():
    spec = importlib.util.spec_from_file_location("calibration", BENCHMARKS / "calibration.py")
    module = sys.modules["calibration"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    del sys.modules["calibration"]


@pytest.mark.parametrize("group", ["means", "power", "0/1 scores", "families", "curves", "seeds"])
def test_no_cell_of_the_quick_mode_is_out_of_bounds(calibration, group):
    rows = calibration.table("quick", (group,))
    assert [one for one in rows if one.holds is False] == []
    assert len(rows) >= 6


def test_a_rate_beyond_its_bound_by_more_than_its_error_is_out(calibration):
    mode = calibration.MODES["middle"]
    for rate, at_least, holds in ((0.10, False, False), (0.065, False, True), (0.90, True, False), (0.925, True, True)):
        happened = np.arange(1000) < 1000 * rate
        bound = 0.93 if at_least else 0.06
        assert calibration.row("g", "m", "c", happened, bound, mode, at_least=at_least).holds is holds


def test_centred_distributions_have_mean_zero_and_informative_sizes_no_case_weighted_effect(calibration):
    random = np.random.default_rng(0)
    for kind, draw in calibration.DRAWS.items():
        assert abs(draw(random, 400_000).mean()) < 0.02, kind
    one = calibration.simulated_clusters(random, "normal", 200_000, "informative")
    assert abs(one.mean) < 0.01
    assert abs((one.sums / one.sizes).mean()) > 0.1


def test_the_true_area_and_precision_are_what_large_samples_approach(calibration):
    random = np.random.default_rng(1)
    for kind in ("alike", "heterogeneous", "hidden"):
        reading = calibration.Reading(12_000, 24_000, 0.8, kind, "single")
        who, labels = reading.layout()
        scores = reading.scores(random, who, labels, random.random(reading.positives) < reading.hard)
        assert ap_auroc(labels, scores) == pytest.approx(
            (reading.true_precision(labels), reading.true_area(who, labels)), abs=0.01
        )


def test_pairs_within_a_patient_count_in_the_true_area(calibration):
    reading = calibration.Reading(6, 6, 0.8, "alike", "both classes")
    who, labels = reading.layout()
    random, found = np.random.default_rng(2), []
    for _ in range(3000):
        s = reading.scores(random, who, labels, np.zeros(6, dtype=bool))
        found.append((s[labels == 1][:, None] > s[labels == 0]).mean())
    assert np.mean(found) == pytest.approx(reading.true_area(who, labels), abs=0.008)


def test_the_stored_run_says_which_cells_are_out():
    stored = json.loads((BENCHMARKS / "results" / "calibration.json").read_text())
    out = [f"{one['method']}: {one['cell']}" for one in stored["rows"] if one["holds"] is False]
    assert stored["out_of_bounds"] == out
    assert {one["group"] for one in stored["rows"]} == {"means", "power", "0/1 scores", "families", "curves", "seeds"}
