"""The methods keep the bounds that they are published with: the calibration benchmark's quick mode."""

from __future__ import annotations

import importlib
import importlib.util
import json
import sys
from pathlib import Path

import numpy as np
import pytest

from radbench.stats import ap_auroc
from radbench.stats.calibration import expected_calibration_error

BENCHMARKS = Path(__file__).resolve().parents[3] / "benchmarks"


@pytest.fixture(scope="module")
def calibration():
    # What the command finds beside itself.
    sys.path.insert(0, str(BENCHMARKS))
    spec = importlib.util.spec_from_file_location("calibration", BENCHMARKS / "calibration.py")
    module = sys.modules["calibration"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    sys.path.remove(str(BENCHMARKS))
    for name in [name for name in sys.modules if name.split(".")[0] in ("calibration", "calibrating", "machine")]:
        del sys.modules[name]


GROUPS = (
    *("means", "missing", "power", "0/1 scores", "families", "curves", "cluster sizes", "facets"),
    *("seeds", "pooled curves", "readers", "rates", "brier", "ece", "sensitivity", "frechet"),
)


@pytest.mark.parametrize("group", GROUPS)
def test_no_cell_of_the_quick_mode_is_out_of_bounds(calibration, group):
    rows = calibration.table("quick", (group,))
    assert [one for one in rows if one.holds is False] == []
    assert len(rows) >= (2 if group in ("missing", "cluster sizes", "readers", "frechet") else 6)


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


def test_the_true_values_over_seeds_are_what_many_large_samples_approach(calibration):
    trainings, random = calibration.Trainings(5, 12, 24, 0.8, "dominating", "single"), np.random.default_rng(3)
    labels = np.repeat([1, 0], [1500, 3000])
    many = [
        [ap_auroc(labels, row) for row in trainings.scores(random, labels, labels, random.normal(size=4500))]
        for _ in range(120)
    ]
    truth = trainings.true_precision(labels), trainings.area
    assert np.mean(many, axis=(0, 1)) == pytest.approx(truth, abs=0.02)
    assert np.std(many, axis=(0, 1))[1] > 0.1


def test_the_true_values_over_findings_are_what_large_samples_approach(calibration):
    findings, random = calibration.Findings((4000, 12_000), 16_000, 0.8, "disjoint"), np.random.default_rng(4)
    labels = findings.labels
    for own in (0.0, 0.2):
        for scores in findings.scores(random, labels, 2, own):
            found = [ap_auroc(y, s) for y, s in zip(labels, scores, strict=True)]
            assert np.mean(found, axis=0) == pytest.approx((findings.true_precision, 0.8), abs=0.01)
    assert labels.sum(axis=1).tolist() == [4000, 12_000]
    assert labels.sum(axis=0).max() == 1


def test_a_group_that_is_run_again_replaces_itself_alone(calibration, tmp_path):
    file, mode = tmp_path / "stored.json", calibration.MODES["quick"]

    def rows(group, *rates):
        return [
            calibration.row(group, "m", f"cell {i}", np.arange(10) < 10 * r, 0.5, mode) for i, r in enumerate(rates)
        ]

    calibration.store(file, "quick", rows("seeds", 0.1), 2.0, calibration.GROUPS)
    calibration.store(file, "quick", rows("means", 0.2, 0.3), 2.0, calibration.GROUPS)
    calibration.store(file, "quick", rows("means", 1.0), 3.0, calibration.GROUPS)
    stored = json.loads(file.read_text())
    assert [(one["group"], one["rate"]) for one in stored["rows"]] == [("means", 1.0), ("seeds", 0.1)]
    assert (stored["judged"], stored["out_of_bounds"]) == (2, ["m: cell 0"])
    assert stored["processor_seconds"] == {"seeds": 2, "means": 3}
    with pytest.raises(SystemExit, match="rows of mode 'quick'"):
        calibration.store(file, "middle", rows("means", 1.0), 3.0, calibration.GROUPS)
    assert json.loads(file.read_text()) == stored


def test_the_stored_run_says_which_cells_are_out():
    stored = json.loads((BENCHMARKS / "results" / "calibration.json").read_text())
    out = [f"{one['method']}: {one['cell']}" for one in stored["rows"] if one["holds"] is False]
    assert stored["out_of_bounds"] == out
    assert {one["group"] for one in stored["rows"]} == set(GROUPS)


def test_every_cell_has_a_group(calibration):
    assert (
        {calibration.group_of(cell) for cell in calibration.cells("middle")} == set(calibration.GROUPS) == set(GROUPS)
    )


@pytest.mark.parametrize("kind", ["calibrated", "slightly confident", "overconfident", "shifted"])
def test_the_true_calibration_error_is_what_large_samples_approach(calibration, kind):
    scores = importlib.import_module("calibrating.scores")
    _, labels, eta, truth = scores.predictions(400_000, "single", np.random.default_rng(0))
    found = expected_calibration_error(labels, scores.PREDICTORS[kind](eta, truth))
    assert found == pytest.approx(scores.true_error(kind), abs=0.004)


@pytest.mark.parametrize("kind", ["Poisson", "gamma", "one in five"])
def test_patients_rates_have_mean_one(calibration, kind):
    rates = importlib.import_module("calibrating.scores").RATES
    assert rates[kind](np.random.default_rng(1), 400_000).mean() == pytest.approx(1.0, abs=0.02)
