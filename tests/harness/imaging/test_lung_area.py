"""What readers see of projected lungs: where it ends, and which chinks one line closes."""

from __future__ import annotations

import pytest
import torch

from radbench.imaging.lung_area import seen_lung

WHOLE = torch.ones(1, 1, 40, 60, dtype=torch.bool)


def lengths(*stripes, mm=20.0):
    """Rays that lie in something over these columns."""
    found = torch.zeros(1, 1, 40, 60)
    for first, last in stripes:
        found[..., first:last] = mm
    return found


def columns(seen):
    assert (seen == seen[..., :1, :]).all()
    return seen[0, 0, 0].nonzero().flatten().tolist()


def test_a_ray_hides_from_the_length_on_that_is_asked_for():
    length = lengths((0, 20), mm=17.9) + lengths((20, 60), mm=18.0)
    assert columns(seen_lung(WHOLE, [(length, 18.0)], 2.0)) == list(range(20))


@pytest.mark.parametrize(
    ("gap", "pixel_mm", "closed"), [(8, 2.0, True), (9, 2.0, False), (16, 1.0, True), (17, 1.0, False)]
)
def test_chinks_of_up_to_16_mm_are_closed(gap, pixel_mm, closed):
    seen = columns(seen_lung(WHOLE, [(lengths((5, 20), (20 + gap, 50)), 18.0)], pixel_mm))
    assert seen == [*range(5), *([] if closed else range(20, 20 + gap)), *range(50, 60)]


def test_what_hides_is_closed_by_itself():
    apart = [(lengths((5, 20)), 18.0), (lengths((24, 50)), 8.0)]
    assert columns(seen_lung(WHOLE, apart, 2.0)) == [*range(5), *range(20, 24), *range(50, 60)]


def test_what_is_no_lung_stays_none():
    lung = WHOLE.clone()
    lung[..., :10] = False
    assert columns(seen_lung(lung, [(lengths((30, 60)), 18.0)], 2.0)) == list(range(10, 30))
