"""bench data check: what it says of findings."""

from radbench.cli.data import _checked
from radbench.engine.plan.pairs import make_plan
from radbench.engine.plan.request import Request
from radbench.registry.registry import load_registry


def test_prevalence_is_told_of_those_cases_that_state_the_finding(toy_plugin):
    found = _checked([toy_plugin], "toy[cases=3]", "quick", 0, 1)
    assert found["prevalence"] == {"odd": {"present": 3, "stated": 9}}
    assert found["loaded"] == 9
    assert found["faults"] == []


def test_check_tells_the_fingerprint_that_tables_show(toy_plugin):
    found = _checked([toy_plugin], "toy[cases=3]", "quick", 0, 1)
    request = Request(("original",), ("toy-mean",), "toy[cases=3]")
    (pair,) = make_plan(load_registry([toy_plugin]), request).pairs
    assert found["dataset_fingerprint"] == pair.fingerprint
    assert found["fingerprint"] == pair.dataset.opened.fingerprint != pair.fingerprint


def test_check_names_the_line_of_the_plugin_that_a_fault_comes_from(toy_plugin):
    clumsy = toy_plugin.with_name("clumsy_plugin.py")
    (fault,) = _checked([clumsy], "clumsy-flat", "quick", 0, 1)["faults"]
    assert fault["fault"].startswith("the data set gave Tensor, not a Case (clumsy_plugin.py:")
