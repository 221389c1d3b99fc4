"""Picking: the worst, the median and the best case, whichever way is better."""

from __future__ import annotations

import dataclasses

import pytest

from radbench.contracts import MetricSpec
from radbench.report.picking import picked

from .made_boards import cad, pair

BASE = {"a": 0.5, "b": 0.5, "c": 0.5, "d": 0.5, "e": 0.5}
MINE = {"a": 0.9, "b": 0.1, "c": 0.5, "d": 0.6, "e": 0.4}


def board(metric, mine, base):
    def made(name, scores):
        return dataclasses.replace(pair(name), evidence={case: {metric.name: s} for case, s in scores.items()})

    return [made("original", base), made("wls", mine)]


@pytest.mark.parametrize(("direction", "order"), [("higher", "bca"), ("lower", "acb")])
def test_cases_go_by_their_difference_to_the_reference(direction, order):
    metric = MetricSpec("dice", direction)
    found = picked(board(metric, MINE, BASE), metric, "original").of["wls"]
    assert [one.place for one in found] == ["worst", "median", "best"]
    assert "".join(one.case for one in found) == order
    assert found[0].gain == pytest.approx(-0.4)
    assert (found[2].value, found[2].reference) == (MINE[order[2]], 0.5)


def test_the_reference_goes_by_its_value():
    metric = MetricSpec("dice", "higher")
    base = {"a": 0.1, "b": 0.9, "c": 0.5}
    found = picked(board(metric, dict.fromkeys(base, 0.5), base), metric, "original").of["original"]
    assert [one.case for one in found] == ["a", "c", "b"]


def test_a_case_that_the_reference_lacks_has_no_difference():
    metric = MetricSpec("dice", "higher")
    found = picked(board(metric, MINE, {"a": 0.5, "c": 0.5}), metric, "original").of["wls"]
    assert {one.case for one in found} == {"a", "c"}


def test_equal_cases_go_by_their_digests_and_few_cases_are_shown_once():
    metric = MetricSpec("dice", "higher")
    found = picked(board(metric, {"b": 0.5, "a": 0.5}, BASE), metric, "original").of["wls"]
    assert [(one.place, one.case) for one in found] == [("worst", "a"), ("best", "b")]
    found = picked(board(metric, {"b": 0.5}, BASE), metric, "original").of["wls"]
    assert [(one.place, one.case) for one in found] == [("best", "b")]


def test_predictions_go_by_their_squared_error():
    pairs = [cad("original", 0.2), cad("wls", 0.9)]
    picks = picked(pairs, pairs[0].metrics[0], "original")
    assert "squared error" in picks.by
    errors = {
        case: (one["finding"]["mass"].label - one["finding"]["mass"].score) ** 2
        for case, one in pairs[0].evidence.items()
    }
    worst, _, best = picks.of["original"]
    assert worst.case == max(errors, key=errors.__getitem__)
    assert errors[best.case] == min(errors.values())
