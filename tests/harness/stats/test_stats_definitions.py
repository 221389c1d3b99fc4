"""Definitions of the built-in aggregations: what they take, their parameters, and that each offers everything."""

from __future__ import annotations

import math
import subprocess
import sys

import numpy as np
import pytest

from radbench.contracts.errors import PluginError
from radbench.stats import Resampling
from radbench.stats.aggregations import (
    AGGREGATIONS,
    Facets,
    FeatureSets,
    Numbers,
    OverFacets,
    Predictions,
    aggregation,
)

RNG = np.random.default_rng(23)
N = 48
RESAMPLING = Resampling(tuple(f"p{i // 2:02}" for i in range(N)), 250, 6)
KINDS = {"numbers": Numbers, "predictions": Predictions, "features": FeatureSets}


def evidence(kind, shift=0.0):
    """Evidence of one enhancer; a case has no answer."""
    lacks = np.arange(N) == int(10 * shift)
    if kind == "numbers":
        return Numbers(np.where(lacks, np.nan, RNG.poisson(1.5, N)))
    if kind == "predictions":
        label = (np.arange(N) % 3 == 0).astype(float)
        score = np.clip(0.3 + 0.3 * label + RNG.normal(size=N) * 0.2 - 0.1 * shift, 0, 1)
        return Predictions(np.arange(N), label, np.where(lacks, np.nan, score))
    vectors = RNG.normal(size=(N, 2, 3))
    return FeatureSets(tuple(vectors + shift), tuple(RNG.normal(size=(N, 2, 3)))).only(~lacks)


@pytest.mark.parametrize("name", AGGREGATIONS)
def test_each_says_what_it_is_and_where_it_is_defined(name):
    one = AGGREGATIONS[name]
    assert one.name == name
    assert one.definition.endswith(".")
    assert any(f"{year}" in one.citation for year in range(1930, 2026))
    assert one.built().takes is KINDS[one.takes]
    for parameter in one.parameters.values():
        assert parameter.checked(parameter.default) == parameter.default
        assert parameter.meaning


@pytest.mark.parametrize("name", AGGREGATIONS)
def test_each_offers_value_draws_deviation_interval_and_differences(name):
    how, kind = aggregation(name), AGGREGATIONS[name].takes
    both = [evidence(kind), evidence(kind, 0.5)]
    values = [how.value(one) for one in both]
    draws = how.draws(both, RESAMPLING)
    assert draws.shape == (2, min(250, draws.shape[1]))
    assert draws.mean(axis=1) == pytest.approx(values, abs=4 * draws.std())
    for one, value, row in zip(both, values, draws, strict=True):
        low, high = how.interval(one, value, row, RESAMPLING)
        assert low <= value <= high
        assert how.deviation(one, row) > 0
    one, other = how.differences(both, [(0, 1), (1, 0)], draws, RESAMPLING)
    common = both[0].answered & both[1].answered
    assert one.delta == pytest.approx(how.value(both[0].only(common)) - how.value(both[1].only(common)))
    assert one.low <= one.delta <= one.high
    assert (one.delta, one.low, one.high) == pytest.approx((-other.delta, -other.high, -other.low))
    assert one.p_value == pytest.approx(other.p_value)
    assert one.test
    assert how.differences(both, [], draws, RESAMPLING) == []


@pytest.mark.parametrize("name", AGGREGATIONS)
def test_neither_the_other_enhancers_nor_their_order_change_the_draws_of_one(name):
    how, kind = aggregation(name), AGGREGATIONS[name].takes
    both = [evidence(kind), evidence(kind, 0.5)]
    draws = how.draws(both, RESAMPLING)
    fresh = Resampling(RESAMPLING.patients, 250, 6)
    assert np.array_equal(how.draws(both[::-1], fresh), draws[::-1])
    assert np.array_equal(how.draws(both[1:], fresh), draws[1:])


@pytest.mark.parametrize("name", AGGREGATIONS)
def test_each_is_averaged_over_facets(name):
    kind = AGGREGATIONS[name].takes
    over, how = OverFacets(aggregation(name)), aggregation(name)
    both = [Facets({"a": evidence(kind, s), "b": evidence(kind, s)}) for s in (0.0, 0.5)]
    draws = over.draws(both, RESAMPLING)
    value = over.value(both[0])
    assert value == pytest.approx(np.mean([how.value(part) for part in both[0].parts.values()]))
    low, high = over.interval(both[0], value, draws[0], RESAMPLING)
    assert low <= value <= high
    (paired,) = over.differences(both, [(0, 1)], draws, RESAMPLING)
    assert paired.low <= paired.delta <= paired.high


def test_unknown_names_and_parameters_are_said_with_what_is_near():
    with pytest.raises(PluginError, match="unknown aggregation 'breir': did you mean 'brier'"):
        aggregation("breir")
    with pytest.raises(PluginError, match="'sensitivity' takes no parameter 'specifity': did you mean 'specificity'"):
        aggregation("sensitivity", (("specifity", 0.9),))
    with pytest.raises(PluginError, match=r"aggregation 'mean' takes no parameter 'trim'$"):
        aggregation("mean", (("trim", 0.1),))
    with pytest.raises(PluginError, match="aggregation 'ece' is given 'bins' twice"):
        aggregation("ece", (("bins", 5), ("bins", 6)))


@pytest.mark.parametrize(
    ("name", "parameter", "value", "says"),
    [
        ("sensitivity", "specificity", 1.0, "a number between 0 and 1, both left out, got 1.0"),
        ("sensitivity", "specificity", 90, "a number between 0 and 1, both left out, got 90"),
        ("sensitivity", "specificity", math.nan, "both left out, got nan"),
        ("ece", "bins", 0, "a whole number from 1 to 1000, got 0"),
        ("ece", "bins", 7.5, "a whole number from 1 to 1000, got 7.5"),
        ("ece", "bins", "many", "a whole number from 1 to 1000, got 'many'"),
    ],
)
def test_a_value_outside_its_range_is_said(name, parameter, value, says):
    with pytest.raises(PluginError) as caught:
        aggregation(name, ((parameter, value),))
    assert str(caught.value).startswith(f"aggregation '{name}': '{parameter}' must be ")
    assert says in str(caught.value)


def test_a_parameter_reaches_the_score():
    one = evidence("predictions")
    values = [aggregation("sensitivity", (("specificity", s),)).value(one) for s in (0.5, 0.9, 0.99)]
    assert values == sorted(values, reverse=True)
    assert values[0] > values[2]
    assert aggregation("ece", (("bins", 2.0),)).value(one) != aggregation("ece").value(one)


def test_definitions_are_read_without_numpy():
    code = (
        "import sys; from radbench.stats.aggregations import AGGREGATIONS; "
        "AGGREGATIONS['ece'].checked((('bins', 10),)); "
        "print([m for m in ('numpy', 'scipy', 'pandas', 'torch') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
