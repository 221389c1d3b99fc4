"""From a run to its rows: what differences are taken to, what stays private, what tells two runs' data apart."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from radbench.engine.plan.pairs import Plan, make_plan
from radbench.engine.plan.request import Request
from radbench.engine.run.reporting import Silent
from radbench.engine.run.running import Options
from radbench.leaderboard.running import run_plan
from radbench.registry.registry import Registry, load_registry

PLUGIN = Path(__file__).with_name("board_plugin.py")


def planned(enhancers: str, task: str, file: Path = PLUGIN, **more: Any) -> tuple[Registry, Plan]:
    registry = load_registry([file])
    return registry, make_plan(registry, Request((enhancers,), (task,), plugin_files=(str(file),), **more))


def run(enhancers: str, task: str, out: Path, **more: Any) -> pd.DataFrame:
    registry, plan = planned(enhancers, task, **more)
    return run_plan(registry, plan, Options("cpu", 1, out=out, debug=True), Silent()).frame


def references(plan: Plan) -> set[str]:
    return {pair.baseline for pair in plan.pairs}


@pytest.mark.parametrize(
    ("task", "enhancers", "expected"),
    [
        ("grey", "plus", "original"),
        # However the task spells it.
        ("to-plus", "original", "plus[amount=0.2]"),
        ("to-plus", "plus", "plus[amount=0.2]"),
        # A baseline that learns is there when it is asked for: itself, else its only variant.
        ("to-learnt", "plus", "learnt"),
        ("to-learnt", "learnt[share=0.5],learnt", "learnt"),
        ("to-learnt", "learnt,learnt[share=0.5]", "learnt"),
        ("to-learnt", "original,learnt[share=0.5]", "learnt[share=0.5]"),
        ("to-learnt", "learnt[share=0.5],learnt[share=0.2]", "learnt"),
    ],
)
def test_differences_are_taken_to_the_exact_baseline_or_its_only_variant(
    task: str, enhancers: str, expected: str
) -> None:
    assert references(planned(enhancers, task)[1]) == {expected}


def test_a_baseline_that_is_spelt_otherwise_is_the_reference_of_the_rows(tmp_path: Path) -> None:
    rows = run("original", "to-plus", tmp_path / "run").set_index("enhancer")
    assert rows.loc["original", "reference"] == "plus[amount=0.2]"
    assert rows.loc["original", "delta"] == pytest.approx(-0.2, abs=1e-6)
