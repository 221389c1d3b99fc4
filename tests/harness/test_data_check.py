"""bench data check: what it says of findings."""

from radbench.cli.data import _checked


def test_prevalence_is_told_of_those_cases_that_state_the_finding(toy_plugin):
    found = _checked([toy_plugin], "toy[cases=3]", "quick", 0, 1)
    assert found["prevalence"] == {"odd": {"present": 3, "stated": 9}}
    assert found["loaded"] == 9
    assert found["faults"] == []
