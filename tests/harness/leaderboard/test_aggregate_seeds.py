"""Several seeds, references and what no seed changes: what is pooled, tested and ranked, and what is not."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pandas as pd
import pytest

from radbench.contracts import MetricSpec
from radbench.contracts.evidence import Prediction
from radbench.leaderboard.aggregate import PairResult
from radbench.stats import pooled_difference, pooled_mean
from radbench.stats.both import paired_difference

from .made_pairs import FINDINGS, N, cad, dice, noise, one, pair, rows


def test_evidence_of_two_kinds_is_said_of_several_seeds_too() -> None:
    spec = MetricSpec("dice", "higher")
    mixed = {f"c{k:02}": {"dice": 0.5 if k else Prediction(1.0, 0.5)} for k in range(N)}
    frame = rows(dice("original", noise(1)), *(pair("unet", mixed, spec, seed=k) for k in range(2)))
    assert frame["value"].isna().all()
    assert frame["error"].str.contains("numbers and as predictions").all()


def test_three_seeds_with_a_clear_effect_have_a_row_as_any() -> None:
    jitter = np.random.default_rng(6)
    seeds = [dice("unet", noise(1) + 0.2 + 0.01 * k + jitter.normal(0, 0.001, N), seed=k) for k in range(3)]
    frame = rows(dice("original", noise(1)), *seeds)
    row = frame[frame["n_seeds"] == 3].iloc[0]
    assert row["p_value"] < 0.01
    assert row["effect_size_ci_low"] < row["effect_size"] < row["effect_size_ci_high"]
    assert math.isfinite(row["detectable"])


def test_each_seed_is_compared_with_the_reference_of_its_seed_or_of_none() -> None:
    base, first, second = noise(1), noise(2, 0.05), noise(3, 0.1)
    frame = rows(
        dice("original", base), dice("unet", first, seed=0), dice("unet", second, seed=1), dice("he", noise(4))
    )
    unet = frame[frame["enhancer"] == "unet"]
    assert unet["seed"].tolist() == [0, 1, pd.NA]
    assert unet["n_seeds"].tolist() == [1, 1, 2]
    assert unet["delta"].tolist() == [pytest.approx((s - base).mean()) for s in (first, second, (first + second) / 2)]
    original = one(frame, "original")
    assert (original["seed"] is pd.NA, original["n_seeds"], original["reference"]) == (True, 0, "")
    own = rows(dice("original", base, seed=0), dice("original", base + 0.3, seed=1), dice("unet", second, seed=1))
    assert one(own, "unet")["delta"] == pytest.approx((second - base - 0.3).mean())


def test_several_seeds_are_one_row_that_is_tested_and_ranked_in_their_place() -> None:
    base, seeds = noise(1), [noise(2 + k, 0.05) for k in range(3)]
    unets = [dice("unet", scores, seed=k + (k > 1)) for k, scores in enumerate(seeds)]
    frame = rows(dice("original", base), dice("he", noise(9)), *unets)
    row = frame[(frame["enhancer"] == "unet") & (frame["n_seeds"] == 3)].iloc[0]
    value, difference = pooled_mean(np.stack(seeds)), pooled_difference(np.stack(seeds), base)
    assert (row["seeds"], row["seed"] is pd.NA, row["n_cases"]) == ("0-1,3", True, N)
    assert row["value"] == pytest.approx(value.estimate.value)
    assert (row["ci_low"], row["ci_high"]) == (pytest.approx(value.estimate.low), pytest.approx(value.estimate.high))
    assert (row["p_value"], row["p_test"]) == (pytest.approx(difference.estimate.p_value), "patients and seeds")
    assert row["variance_seeds"] == pytest.approx(value.seeds_part)
    assert row["delta_variance_patients"] == pytest.approx(difference.patients_part)
    each = frame[(frame["enhancer"] == "unet") & (frame["n_seeds"] == 1)]
    assert each[["p_adjusted", "rank"]].isna().all(axis=None)
    assert each["p_value"].notna().all()
    assert sorted(frame["rank"].dropna()) == [1, 2, 3]
    assert row["family"] == "2 comparisons of the primary metric"


def test_two_seeds_have_an_interval_and_no_p() -> None:
    frame = rows(dice("original", noise(1)), *(dice("unet", noise(2 + k, 0.3), seed=k) for k in range(2)))
    row = frame[frame["n_seeds"] == 2].iloc[0]
    assert math.isfinite(row["delta_ci_low"])
    assert row[["p_value", "p_adjusted"]].isna().all()


def test_seeds_that_lack_cases_are_not_pooled() -> None:
    broken = dice("unet", [math.nan, *noise(3)[1:]], seed=1)
    frame = rows(dice("original", noise(1)), dice("unet", noise(2), seed=0), broken)
    row = frame[frame["n_seeds"] == 2].iloc[0]
    assert math.isnan(row["value"])
    assert row["error"].startswith("seeds are not pooled: answers of seed 1 are missing")


def test_curves_of_several_seeds_are_pooled_whole_and_by_facet() -> None:
    def unet(seed: int) -> PairResult:
        jitter = np.random.default_rng(seed)
        found = cad("wls", seed=seed)
        evidence = {
            case: {
                "findings": {
                    f: Prediction(p.label, p.score + jitter.normal(0, 0.2)) for f, p in one["findings"].items()
                }
            }
            for case, one in found.evidence.items()
        }
        return dataclasses.replace(found, enhancer="unet", evidence=evidence)

    frame = rows(cad("original"), *(unet(seed) for seed in range(3)))
    for facet in ("", *FINDINGS):
        own = frame[(frame["enhancer"] == "unet") & (frame["facet"] == facet) & (frame["metric"] == "auroc")]
        pooled = own[own["n_seeds"] == 3].iloc[0]
        assert pooled["value"] == pytest.approx(own.loc[own["n_seeds"] == 1, "value"].mean())
        assert pooled["ci_low"] < pooled["value"] < pooled["ci_high"]
        assert pooled["delta_ci_low"] < pooled["delta"] < pooled["delta_ci_high"]


def test_a_seed_scored_alone_has_the_values_and_tests_that_it_has_among_others() -> None:
    base, first = dice("original", noise(1)), dice("unet", noise(2, 0.05), seed=0)
    alone, among = rows(base, first), rows(base, first, dice("unet", noise(3), seed=1))
    columns = ["value", "std", "ci_low", "ci_high", "delta", "delta_ci_low", "delta_ci_high", "p_value"]
    ours = among[(among["enhancer"] == "unet") & (among["seed"] == 0)]
    assert ours[columns].iloc[0].tolist() == one(alone, "unet")[columns].tolist()


def test_what_no_seed_changes_is_compared_with_the_only_seed_of_its_reference() -> None:
    plain = dice("original", noise(1), baseline="unet")
    first, second = (dice("unet", noise(2 + seed, 0.1), seed=seed, baseline="unet") for seed in (0, 1))
    row = one(rows(plain, first), "original")
    assert row["delta"] == pytest.approx((noise(1) - noise(2, 0.1)).mean())
    assert (row["reference"], row["p_value"]) == ("unet", paired_difference(noise(1), noise(2, 0.1)).p_value)
    several = rows(plain, first, second)
    both = one(several, "original")
    expected = pooled_difference(np.broadcast_to(noise(1), (2, N)), np.stack([noise(2, 0.1), noise(3, 0.1)]))
    assert both["delta"] == pytest.approx(expected.estimate.value)
    assert (both["delta_ci_low"], both["reference"]) == (pytest.approx(expected.estimate.low), "unet")
    assert math.isnan(both["p_value"])
