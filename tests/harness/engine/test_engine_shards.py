"""Shards: every pair once, what is shared by one machine, and merged runs that are one run's to the last bit."""

from types import SimpleNamespace

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import radbench
from radbench.contracts import UsageError
from radbench.engine.plan.pairs import make_plan
from radbench.engine.plan.request import Request
from radbench.engine.plan.shards import Shard, dealt, shard_of
from radbench.registry.registry import load_registry

VOLATILE = ["fit_seconds", "task_fit_seconds", "enhance_ms_per_case", "peak_memory_mb", "created_utc", "git_commit"]


def pair(name, images, trainings=(), reason="", cases=4):
    learnt = [SimpleNamespace(key=key, sources=[SimpleNamespace(entries={"train": range(cases)})]) for key in trainings]
    shown = tuple(range(cases))
    return SimpleNamespace(
        name=name, enhance_key=images, views_key="", trainings=learnt, entries=shown, shown=shown, reason=reason
    )


@pytest.mark.parametrize(("text", "number", "of"), [("1/1", 1, 1), (" 2 / 3 ", 2, 3)])
def test_a_shard_is_a_number_of_a_number(text, number, of):
    assert shard_of(text) == Shard(number, of)


@pytest.mark.parametrize("text", ["0/2", "3/2", "1", "a/b", "-1/2", "1/0", "1/2/3"])
def test_what_is_no_shard_is_refused(text):
    with pytest.raises(UsageError, match="must read i/n"):
        shard_of(text)
    with pytest.raises(UsageError, match="must read i/n"):
        Request(("original",), ("grabcut",), shard=text)


@given(
    st.lists(st.tuples(st.integers(0, 5), st.lists(st.integers(0, 3), max_size=2), st.integers(1, 50)), max_size=12),
    st.integers(1, 5),
)
def test_all_shards_together_have_every_pair_once_and_nothing_is_computed_twice(drawn, of):
    pairs = [pair(f"p{i}", f"images{a}", [f"training{t}" for t in t_], cases=n) for i, (a, t_, n) in enumerate(drawn)]
    shards = [dealt(pairs, Shard(i + 1, of)) for i in range(of)]
    assert sorted(p.name for shard in shards for p in shard) == sorted(p.name for p in pairs)
    for key in {p.enhance_key for p in pairs} | {t.key for p in pairs for t in p.trainings}:
        holders = [i for i, s in enumerate(shards) for p in s if key in {p.enhance_key, *(t.key for t in p.trainings)}]
        assert len({*holders}) <= 1


@given(st.permutations(range(8)), st.integers(2, 4))
def test_the_order_of_the_pairs_does_not_matter(order, of):
    pairs = [pair(f"p{i}", f"images{i // 2}", cases=3 + i) for i in range(8)]
    for number in range(1, of + 1):
        plain = {p.name for p in dealt(pairs, Shard(number, of))}
        assert {p.name for p in dealt([pairs[i] for i in order], Shard(number, of))} == plain


def test_work_is_balanced():
    pairs = [pair(f"p{i}", f"images{i}", cases=10) for i in range(10)]
    assert [len(dealt(pairs, Shard(i, 5))) for i in range(1, 6)] == [2] * 5


def test_what_does_not_apply_is_told_of_once():
    pairs = [pair("a", "x"), pair("b", "y", reason="no mask")]
    assert [[p.name for p in dealt(pairs, Shard(i, 2))] for i in (1, 2)] == [["a", "b"], []]


def test_shards_of_a_plan_run_in_folders_of_their_own():
    registry = load_registry()
    plans = [
        make_plan(registry, Request(("original", "clahe", "wls"), ("grabcut",), limit=2, shard=shard))
        for shard in ("", "1/2", "2/2")
    ]
    assert len({plan.digest for plan in plans}) == 3
    assert sum(len(plan.pairs) for plan in plans[1:]) == len(plans[0].pairs) == 3


def test_merged_shards_are_one_run_to_the_last_bit(tmp_path):
    from radbench.verification.merge import merge

    words = {"enhancers": "original,gamma,unsharp", "tasks": "grabcut", "limit": 12, "debug": True}
    whole = radbench.run(**words, out=tmp_path / "whole")
    for i in (1, 2):
        radbench.run(**words, shard=f"{i}/2", out=tmp_path / f"shard{i}")
    merged = merge([tmp_path / "shard1", tmp_path / "shard2"], tmp_path / "merged").rows
    order = ["enhancer", "metric", "group", "facet"]
    tables = [frame.drop(columns=VOLATILE).sort_values(order).reset_index(drop=True) for frame in (whole, merged)]
    pd.testing.assert_frame_equal(*tables, check_exact=True, check_dtype=False)
