"""What a metric names is looked up when the plan is made, not after hours of scoring."""

import sys

import pytest

from radbench.contracts.errors import PluginError
from radbench.engine.plan.pairs import make_plan
from radbench.engine.plan.request import Request
from radbench.registry.registry import load_registry

PLUGIN = """
from radbench import MetricSpec, TaskSpec, hookimpl


@hookimpl
def radbench_tasks():
    metrics = (MetricSpec("first", "higher"), MetricSpec("second", "lower", {metric}))
    return [TaskSpec("judge", "judging_plugin:Judge", "judges", metrics=metrics, default_dataset="toy")]


class Judge:
    def __init__(self, config):
        pass

    def score(self, sample, context):
        return {{"first": 1.0, "second": 1.0}}


def low(evidence, share):
    return share


class Nothing:
    pass
"""


@pytest.fixture
def plan(tmp_path, toy_plugin):
    """Give a function that plans with a task whose second metric is as given."""

    def make(metric):
        file = tmp_path / "judging_plugin.py"
        file.write_text(PLUGIN.format(metric=metric))
        return make_plan(load_registry([toy_plugin, file]), Request(("original",), ("judge",)))

    yield make
    sys.modules.pop("judging_plugin", None)


@pytest.mark.parametrize(
    ("metric", "says"),
    [
        ("aggregation='breir'", "unknown aggregation 'breir': did you mean 'brier'?"),
        ("aggregation='ece', parameters=(('bin', 10),)", "'ece' takes no parameter 'bin': did you mean 'bins'?"),
        ("aggregation='ece', parameters=(('bins', 0),)", "'bins' must be a whole number from 1 to 1000, got 0"),
        ("parameters=(('share', 0.1),)", "aggregation 'mean' takes no parameter 'share'"),
        ("aggregation='judging_plugin:lowest'", "cannot be had: AttributeError"),
        ("aggregation='judging_plugin:low'", "cannot be had: TypeError: missing a required argument: 'share'"),
        ("aggregation='judging_plugin:Nothing'", "offers no value(evidence)"),
    ],
)
def test_an_aggregation_that_is_wrong_is_found_before_anything_is_scored(plan, metric, says):
    with pytest.raises(PluginError) as caught:
        plan(metric)
    assert str(caught.value).startswith("task 'judge', metric 'second': ")
    assert says in str(caught.value)


@pytest.mark.parametrize(
    "metric",
    [
        "aggregation='sensitivity', parameters=(('specificity', 0.95),)",
        "aggregation='judging_plugin:low', parameters=(('share', 0.1),)",
    ],
)
def test_one_that_is_right_is_planned(plan, metric):
    (pair,) = plan(metric).pairs
    assert pair.task.spec.metrics[1].aggregation == metric.split("'")[1]
