"""Evidence of many cases in little memory reads back as it was given, and says the same of a table."""

from __future__ import annotations

import math
import tracemalloc
from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from radbench.contracts import MetricSpec
from radbench.contracts.evidence import Features, Prediction
from radbench.leaderboard.aggregate import leaderboard_rows
from radbench.leaderboard.recorded import Recorded

from .made_pairs import pair

NUMBERS = st.floats(allow_nan=False)
ONE = NUMBERS | st.builds(Prediction, NUMBERS, NUMBERS) | st.just(Prediction([0.0, 1.0], [0.5, 0.5])) | st.just(1)
NAMES = st.sampled_from(["dice", "hd95", "a/b", "left"])
EVIDENCE = st.dictionaries(NAMES, ONE | st.dictionaries(st.sampled_from(["", "5 deg", "label"]), ONE), max_size=3)


@given(st.lists(EVIDENCE, max_size=6))
def test_what_was_given_reads_back_equal_and_in_order(evidence: list[dict[str, Any]]) -> None:
    told = [(f"c{i}", one) for i, one in enumerate(evidence)]
    found = Recorded(told)
    assert [*found.items()] == told
    assert [[*one] for one in found.values()] == [[*one] for one in evidence]
    assert len(found) == len(told)
    assert "elsewhere" not in found


def test_a_nan_is_an_answer_that_was_given() -> None:
    found = Recorded([("a", {"dice": math.nan}), ("b", {})])
    assert math.isnan(found["a"]["dice"])  # type: ignore[arg-type]
    assert "dice" not in found["b"]
    with pytest.raises(KeyError):
        found["c"]


def test_plain_numbers_are_an_array_and_nothing_else_is() -> None:
    features = Features(torch.ones(1, 2), torch.ones(1, 2))
    told = {"a": {"dice": 0.5, "at": {"5 deg": 1.0}, "seen": Prediction(1.0, 0.25)}, "b": {}, "c": {"dice": 0.25}}
    found = Recorded([*told.items(), ("d", {"features": features, "dice": 1.0})])
    assert found["d"]["features"] is features
    plain = Recorded(told.items()).plain("dice")
    assert plain is not None
    assert [None if math.isnan(x) else x for x in plain.tolist()] == [0.5, None, 0.25]
    assert [found.plain(name) for name in ("dice", "at", "seen", "features")] == [None] * 4
    nobody = found.plain("other")
    assert nobody is not None
    assert all(map(math.isnan, nobody))


def test_cases_are_shared_where_they_are_the_same() -> None:
    first = Recorded([("a", {"dice": 0.5}), ("b", {})])
    assert Recorded([("a", {}), ("b", {"dice": 1.0})], first).place is first.place
    assert Recorded([("b", {}), ("a", {})], first).place is not first.place


@pytest.mark.parametrize("odd", [0.75, math.nan, 1, {"left": 0.5}, Prediction(1.0, 0.5)])
def test_a_table_is_the_same_to_the_bit(odd: Any) -> None:
    metrics = (MetricSpec("dice", "higher"), MetricSpec("hd95", "lower"))
    pairs = []
    for k, name in enumerate(("original", "clahe", "wls")):
        given: dict[str, Any] = {f"c{i}": {"dice": (i * 7 + k) % 10 / 10, "hd95": float(i)} for i in range(9)}
        given["c3"] = {"dice": odd} if k == 1 else given["c3"]
        given["c4"] = {} if k == 2 else given["c4"]
        pairs.append(pair(name, given, *metrics))
    recorded = [replace(one, evidence=Recorded(one.evidence.items())) for one in pairs]
    assert leaderboard_rows(recorded).equals(leaderboard_rows(pairs))


def test_a_case_takes_little() -> None:
    cases = [f"c{i}" for i in range(20_000)]
    like = Recorded((case, {"dice": 0.0}) for case in cases)
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        found = Recorded(((case, {"dice": float(i), "hd95": 2.0 * i}) for i, case in enumerate(cases)), like)
        held = (tracemalloc.get_traced_memory()[0] - before) / len(found)
    finally:
        tracemalloc.stop()
    assert held < 40
