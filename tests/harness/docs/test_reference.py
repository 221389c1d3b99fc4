"""The authors' reference: made from the code as it is, and naming everything that there is."""

import dataclasses
import inspect
from pathlib import Path

import pytest

import radbench
from radbench import learn
from radbench.contracts.case import TARGETS
from radbench.contracts.enhancement import LAYERS
from radbench.registry import hookspecs
from radbench.registry.registry import HOOKS

DOCS = Path(__file__).resolve().parents[3] / "docs"
MAKER = "make_reference"
PAGE = (DOCS / "reference.md").read_text()


def test_the_tables_are_those_of_the_code(maker):
    assert maker.filled(PAGE) == PAGE, "run: python docs/make_reference.py"


def test_no_table_has_an_empty_cell(maker):
    rows = [line for line in PAGE.splitlines() if line.startswith("| `")]
    assert len(rows) > 150
    assert not [row for row in rows if row.endswith("|  |")]


def test_every_hook_is_there_with_what_it_is_called_with():
    assert len(HOOKS) >= 5
    for name in HOOKS:
        parameters = inspect.signature(getattr(hookspecs, name)).parameters
        assert f"`{name}({', '.join(parameters)})`" in PAGE


@pytest.mark.parametrize("name", ["EnhancerSpec", "TaskSpec", "DatasetSpec", "MetricSpec"])
def test_every_field_of_a_spec_is_there(name):
    table = PAGE.partition(f"<!-- fields radbench.{name} -->")[2].partition("<!-- end -->")[0]
    for field in dataclasses.fields(getattr(radbench, name)):
        assert f"`{field.name}`" in table


IN_A_LINE = {"VGGFeatures", "Estimate", "L1", "Perceptual", "WeightedBCE"}
"""What a function gives, or what is told with its function."""


@pytest.mark.parametrize(
    "name", sorted(n for n in learn.__all__ if dataclasses.is_dataclass(getattr(learn, n)) and n not in IN_A_LINE)
)
def test_every_field_of_what_a_learner_sets_is_there(name):
    table = PAGE.partition(f"<!-- fields radbench.learn.{name} -->")[2].partition("<!-- end -->")[0]
    for field in dataclasses.fields(getattr(learn, name)):
        assert f"`{field.name}`" in table


def test_every_public_name_of_learn_is_there():
    table = PAGE.partition("<!-- names radbench.learn -->")[2].partition("<!-- end -->")[0]
    rows = {line.split("`")[1].partition("(")[0] for line in table.splitlines() if line.startswith("| `")}
    assert rows == set(learn.__all__)


def test_every_public_name_that_an_author_writes_is_there():
    for_callers = {"__version__", "enhance", "read_leaderboard", "run", "train", "RadbenchError", "Status"}
    for name in set(radbench.__all__) - for_callers:
        assert f"`{name}" in PAGE, name


@pytest.mark.parametrize("name", sorted(TARGETS | LAYERS))
def test_every_target_and_layer_is_there(name):
    assert f"`{name}`" in PAGE


def test_every_method_that_the_harness_calls_is_there():
    from radbench.engine.plan.duties import _RETURNS

    for call in _RETURNS.values():
        name = call.partition("(")[0]
        assert f"`{name}(" in PAGE, call
