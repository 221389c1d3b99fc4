"""bench data check: what it says of findings."""

from radbench.cli.data import _checked


def test_findings_that_the_data_set_does_not_name_are_a_fault_of_each_case(toy_plugin):
    found = _checked([toy_plugin], "toy[cases=1]", "quick", 0, 1)
    assert {f["fault"] for f in found["faults"]} == {"findings has 1 values, and the data set names 0 findings"}
    assert [f["case"] for f in found["faults"]] == ["train0", "validation0", "test0"]
    assert found["loaded"] == 0
