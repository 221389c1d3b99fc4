"""validate_case: a case that breaks the contract is refused with a sentence that names it and what is wrong."""

import pytest
import torch

from radbench.contracts import Case, CaseError, LookedUp, validate_case


def case(image=None, **targets):
    return Case("c7", "p1", torch.full((1, 4, 5), 0.5) if image is None else image, targets=targets)


def with_pixel(value):
    image = torch.full((1, 4, 5), 0.5)
    image[0, 1, 2] = value
    return image


def test_a_good_case_comes_back_as_it_is():
    good = case(
        lesion_mask=torch.zeros(1, 4, 5, dtype=torch.bool),
        clean_image=torch.zeros(1, 4, 5),
        recist=torch.zeros(4, 2),
        findings={"nodule": 1.0, "mass": 0, "effusion": float("nan")},
        boxes={"nodule": torch.tensor([[1.0, 1.0, 3.0, 2.0]]), "mass": torch.zeros(0, 4)},
        volume_spacing_mm=torch.ones(3),
        aerated_lung_mask=torch.zeros(1, 4, 5, dtype=torch.bool),
        hu=torch.full((1, 4, 5), -1000.0),
    )
    assert validate_case(good) is good


@pytest.mark.parametrize(
    ("image", "words"),
    [
        (with_pixel(float("nan")), "1 NaN or infinite"),
        (with_pixel(float("inf")), "1 NaN or infinite"),
        (with_pixel(1.5), r"\[0,1\], got \[0.5, 1.5\]"),
        (with_pixel(-0.1), r"\[0,1\], got \[-0.1, 0.5\]"),
        (torch.zeros(4, 5), r"float32 tensor \[1,H,W\], got torch.float32 \[4, 5\]"),
        (torch.zeros(3, 4, 5), r"float32 tensor \[1,H,W\]"),
        (torch.zeros(1, 4, 5, dtype=torch.float64), "got torch.float64"),
        (torch.zeros(1, 0, 5), "no pixels"),
        ([[0.5]], "got list"),
    ],
)
def test_a_bad_image_is_refused_by_case_id(image, words):
    with pytest.raises(CaseError, match=rf"case 'c7': .*{words}"):
        validate_case(case(image))


@pytest.mark.parametrize(
    ("targets", "words"),
    [
        ({"lungs": torch.zeros(1)}, "unknown target 'lungs'"),
        ({"lung_mask": torch.zeros(1, 4, 4, dtype=torch.bool)}, r"lung_mask must be bool \[1, 4, 5\]"),
        ({"lung_mask": torch.zeros(1, 4, 5)}, "lung_mask must be bool"),
        ({"lung_mask": [[True]]}, "lung_mask must be a tensor, got list"),
        ({"bone_image": torch.zeros(1, 5, 4)}, r"bone_image must be float32 \[1, 4, 5\]"),
        ({"bone_image": torch.full((1, 4, 5), 2.0)}, r"bone_image must lie in \[0,1\]"),
        ({"bone_image": with_pixel(float("nan"))}, "bone_image has 1 NaN"),
        ({"recist": torch.zeros(2, 2)}, r"recist must be float32 \[4, 2\]"),
        ({"recist": torch.zeros(4, 2, dtype=torch.float64)}, "recist must be float32"),
        ({"recist": torch.full((4, 2), float("nan"))}, "recist has 8 NaN"),
        ({"findings": {"mass": -1.0}}, "findings must be 0, 1 or NaN by name, got -1.0 for 'mass'"),
        ({"findings": {"mass": "yes"}}, "findings must be 0, 1 or NaN by name"),
        ({"findings": torch.zeros(2)}, "findings must map each finding to 0, 1 or NaN, got Tensor"),
        ({"boxes": {"mass": torch.zeros(4)}}, r"boxes of 'mass' must be finite float32 \[N,4\]"),
        (
            {"boxes": {"mass": torch.tensor([[3.0, 0.0, 1.0, 2.0]])}},
            "boxes of 'mass' must run from their least to their greatest",
        ),
        ({"boxes": torch.zeros(1, 4)}, "boxes must map each finding"),
        ({"volume_spacing_mm": torch.ones(2)}, r"volume_spacing_mm must be float32 \[3\]"),
        ({"hu": torch.zeros(1, 4, 4)}, r"hu must be float32 \[1, 4, 5\]"),
        ({"hu": torch.full((1, 4, 5), float("inf"))}, "hu has 20 NaN or infinite"),
    ],
)
def test_a_bad_target_is_refused_by_name(targets, words):
    with pytest.raises(CaseError, match=rf"case 'c7': {words}"):
        validate_case(case(**targets))


def test_what_is_looked_up_is_worked_out_when_it_is_asked_for_and_not_to_see_whether_it_is_there():
    asked = []
    targets = LookedUp({"hu": torch.zeros(1, 4, 5)}, {"volume_hu": lambda: asked.append(1) or torch.zeros(2, 2, 2)})
    looked_at = Case("c7", "p1", torch.zeros(1, 4, 5), targets=targets)
    validate_case(looked_at)
    assert list(targets) == ["hu", "volume_hu"]
    assert "volume_hu" in targets
    assert "bone_volume" not in targets
    assert asked == []
    assert targets["volume_hu"].shape == (2, 2, 2)
    assert asked == [1]
