"""What readers see of projected lungs: where it ends, and which chinks one line closes."""

from __future__ import annotations

import pytest
import torch

from radbench.imaging.lung_area import seen_lung

WHOLE = torch.ones(1, 1, 40, 100, dtype=torch.bool)


def lengths(*stripes, mm=20.0):
    """Rays that lie in something over these columns."""
    found = torch.zeros(1, 1, 40, 100)
    for first, last in stripes:
        found[..., first:last] = mm
    return found


def columns(seen):
    assert (seen == seen[..., :1, :]).all()
    return seen[0, 0, 0].nonzero().flatten().tolist()


def test_a_ray_hides_from_the_length_on_that_is_asked_for():
    length = lengths((0, 20), mm=17.9) + lengths((20, 100), mm=18.0)
    assert columns(seen_lung(WHOLE, [(length, 18.0)], 2.0)) == list(range(20))


@pytest.mark.parametrize(
    ("gap", "pixel_mm", "closed"), [(8, 2.0, True), (9, 2.0, False), (16, 1.0, True), (17, 1.0, False)]
)
def test_chinks_of_up_to_16_mm_are_closed(gap, pixel_mm, closed):
    seen = columns(seen_lung(WHOLE, [(lengths((20, 35), (35 + gap, 80)), 18.0)], pixel_mm))
    assert seen == [*range(20), *([] if closed else range(35, 35 + gap)), *range(80, 100)]


def test_what_hides_is_closed_by_itself():
    apart = [(lengths((20, 35)), 18.0), (lengths((39, 80)), 8.0)]
    assert columns(seen_lung(WHOLE, apart, 2.0)) == [*range(20), *range(35, 39), *range(80, 100)]


def test_what_is_no_lung_stays_none():
    lung = WHOLE.clone()
    lung[..., :10] = False
    assert columns(seen_lung(lung, [(lengths((30, 100)), 18.0)], 2.0)) == list(range(10, 30))
