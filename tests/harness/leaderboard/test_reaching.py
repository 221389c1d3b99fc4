"""Intervals end where the metric does, and say no less for it."""

import math
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from tests.harness.leaderboard.made_pairs import dice, pair

from radbench.contracts import MetricSpec, PluginError
from radbench.leaderboard.aggregate import leaderboard_rows
from radbench.leaderboard.reaching import attainable, reached, within
from radbench.leaderboard.schema import leaderboards_in, read_leaderboard
from radbench.metrics.bounds import bounds_of
from radbench.stats.aggregations import Numbers, OverFacets, aggregation
from radbench.stats.both import clustered_mean, paired_difference

BOARDS = Path(__file__).parents[3] / "leaderboards"
SKEWED = (0.97, 0.98, 0.96, 0.97, 0.975, 0.05)
OTHER = (0.98, 0.97, 0.97, 0.965, 0.98, 0.99)
DICE = MetricSpec("dice", "higher")


def test_an_interval_of_few_patients_ends_where_the_metric_does() -> None:
    free = clustered_mean(SKEWED)
    difference = paired_difference(SKEWED, OTHER)
    assert free.low < 0 < 1 < free.high
    assert difference.low < -1
    row = leaderboard_rows([dice("original", OTHER), dice("clahe", SKEWED)]).iloc[1]
    assert (row["ci_low"], row["ci_high"]) == (0.0, 1.0)
    assert (row["delta_ci_low"], row["delta_ci_high"]) == (-1.0, pytest.approx(difference.high))
    # What is cut off is no news to the test.
    assert (row["p_value"] <= 0.05) == (not row["delta_ci_low"] <= 0 <= row["delta_ci_high"])
    assert math.isnan(row["detectable"])


def test_several_seeds_end_there_too() -> None:
    pairs = [dice("original", OTHER), *(dice("clahe", np.roll(SKEWED, k), seed=k) for k in range(3))]
    rows = leaderboard_rows(pairs)
    pooled = rows[rows["n_seeds"] == 3].iloc[0]
    assert 0 <= pooled["ci_low"] < pooled["ci_high"] <= 1
    assert -1 <= pooled["delta_ci_low"] < pooled["delta_ci_high"] <= 1


def test_a_name_of_somebody_else_is_left_alone() -> None:
    rows = leaderboard_rows([dice("original", [100 * s for s in OTHER]), dice("clahe", [100 * s for s in SKEWED])])
    assert rows.iloc[1]["ci_high"] > 100


def test_nothing_is_cut_of_a_metric_without_bounds() -> None:
    psnr = MetricSpec("psnr", "higher")
    both = [
        pair(e, {f"c{k}": {"psnr": s} for k, s in enumerate(of)}, psnr)
        for e, of in (("original", OTHER), ("he", SKEWED))
    ]
    row = leaderboard_rows(both).iloc[1]
    assert row["ci_high"] == clustered_mean(SKEWED).high > 1
    assert row["detectable"] > 1


class Capped:
    """An aggregation that says how far it goes."""

    bounds: ClassVar[tuple[float, float]] = (0.0, 0.9)

    def value(self, evidence: Numbers) -> float:
        return float(np.nanmean(evidence.values))


class Upside(Capped):
    bounds: ClassVar[tuple[float, float]] = (1.0, 0.0)


def test_an_aggregation_says_how_far_it_goes() -> None:
    own = aggregation(f"{__name__}:Capped")
    for how in (own, OverFacets(own)):
        assert reached(MetricSpec("dice", "higher", aggregation="x:y"), how, []) == (0.0, 0.9)
    with pytest.raises(PluginError, match=r"bounds must be the least and the greatest value, got \(1.0, 0.0\)"):
        aggregation(f"{__name__}:Upside")
    for name, ends in (
        ("auroc", (0.0, 1.0)),
        ("ece", (0.0, 1.0)),
        ("frechet", (0.0, math.inf)),
        ("rate", (0.0, math.inf)),
    ):
        assert reached(MetricSpec(name, "lower", aggregation=name), aggregation(name), []) == ends


def test_ends_never_pass_the_value_and_stay_empty_where_they_are() -> None:
    assert within(1.0 + 1e-12, (0.5, 1.5), (0.0, 1.0)) == (0.5, 1.0 + 1e-12)
    assert all(map(math.isnan, within(0.5, (math.nan, math.nan), (0.0, 1.0))))
    assert attainable(0.9, (0.0, 1.0)) == 0.9
    assert math.isnan(attainable(1.1, (0.0, 1.0)))
    assert math.isnan(attainable(math.nan, (0.0, 1.0)))


def test_no_published_interval_goes_beyond_its_metric() -> None:
    seen = 0
    for file in leaderboards_in(BOARDS):
        for row in read_leaderboard(file).to_dict("records"):
            mean = str(row["aggregation"]).startswith("mean")
            least, greatest = bounds_of(row["metric"]) if mean else (-math.inf, math.inf)
            reach = greatest - least
            ends = [(row[end], least, greatest) for end in ("ci_low", "ci_high")]
            ends += [(row[end], -reach, reach) for end in ("delta_ci_low", "delta_ci_high")]
            assert not any(end < low - 1e-9 or end > high + 1e-9 for end, low, high in ends), (file.name, row)
            seen += 1
    assert seen > 1000
