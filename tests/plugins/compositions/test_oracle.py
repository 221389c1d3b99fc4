"""oracle: the truth of the case, added to its image or shown alone, and refused where it does not fit."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from pydantic import ValidationError

from radbench.contracts import Case, CaseError, CaseInfo, DatasetSpec
from radbench_compositions.oracle import Oracle, spec_of_oracle
from radbench_compositions.plugin import radbench_enhancers

LUNGS = torch.tensor([[[0.0, 1.0], [0.5, 0.0]]])
IMAGES = torch.tensor([[[[0.2, 0.4], [0.6, 0.2]]], [[[0.5, 0.5], [0.5, 0.5]]]])
CASES = [CaseInfo("a", "p"), CaseInfo("b", "p")]


class Truths:
    """Case "a" has lungs, "b" has none to see."""

    def load(self, case_id):
        lungs = LUNGS if case_id == "a" else torch.zeros_like(LUNGS)
        mask = lungs > 0.25
        image = IMAGES[0] if case_id == "a" else IMAGES[1]
        return Case(case_id, "p", image, targets={"lung_image": lungs, "lung_mask": mask})


def oracle(**settings):
    return Oracle(Oracle.Config(of="truths", **settings), SimpleNamespace(of=Truths()))


def test_the_truth_is_added_and_the_sum_scaled():
    out = oracle(weight=2.0).enhance(IMAGES, CASES)
    both = IMAGES[0] + 2 * LUNGS
    torch.testing.assert_close(out[0], (both - both.min()) / (both.max() - both.min()))


def test_where_the_sum_is_constant_the_image_stays():
    assert torch.equal(oracle().enhance(IMAGES, CASES)[1], IMAGES[1])


def test_it_may_be_shown_alone_and_be_a_mask():
    assert torch.equal(oracle(weight=0.0).enhance(IMAGES, CASES)[0], LUNGS)
    alone = oracle(weight=0.0, truth="lung_mask").enhance(IMAGES, CASES)[0]
    assert torch.equal(alone, (LUNGS > 0.25).float())


@pytest.mark.parametrize("stranger", [torch.rand(1, 1, 3, 3), 1 - IMAGES[:1]])
def test_another_patient_of_the_same_number_is_refused(stranger):
    with pytest.raises(CaseError, match=r"case 'a' is not that case's original.*name the data set that is scored"):
        oracle().enhance(stranger, CASES[:1])


def test_what_is_no_picture_is_refused():
    with pytest.raises(ValidationError, match=r"must be one of .*got 'findings'"):
        oracle(truth="findings")


def test_it_is_for_what_its_data_set_holds():
    (own,) = (spec for spec in radbench_enhancers() if spec.name == "oracle")
    below = DatasetSpec(name="d", factory="a.b:C", summary="", modality="cxr")
    assert spec_of_oracle(own, Oracle.Config(of="d"), {"of": below}).modality == "cxr"
