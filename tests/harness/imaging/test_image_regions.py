"""Regions and resizes: where they lie by closed form, and exact ways back."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from radbench.contracts import CaseError
from radbench.imaging import Region, crop, paste, resize, square_region

IMAGE = torch.arange(30 * 40, dtype=torch.float32).reshape(1, 30, 40)

coordinates = st.floats(-20, 60, width=32)


def recist(x: float, y: float, long: float, short: float) -> torch.Tensor:
    return torch.tensor([[x - long / 2, y], [x + long / 2, y], [x, y - short / 2], [x, y + short / 2]])


def test_square_is_centred_and_twice_the_long_diameter() -> None:
    region = square_region(recist(20, 14, 6, 4), (30, 40))
    # Twelve pixels round 20: 14.5 is the first one's edge, so pixels 15 to 26 or 14 to 25; halves go up.
    assert region == Region(top=9, left=15, height=12, width=12)


@given(st.floats(10, 30), st.floats(10, 20), st.floats(1, 9), st.floats(1, 4))
def test_square_has_its_side_and_its_centre_within_half_a_pixel(x: float, y: float, long: float, k: float) -> None:
    region = square_region(recist(x, y, long, long / 2).double(), (30, 40), diameters=k)
    assert region.width == region.height
    assert max(8, k * long - 1e-3) <= region.width < max(8, k * long) + 1
    assert abs(region.left + (region.width - 1) / 2 - x) <= 0.5 + 1e-6
    assert abs(region.top + (region.height - 1) / 2 - y) <= 0.5 + 1e-6


def test_one_pixel_lesion_gets_the_least_side() -> None:
    assert square_region(np.full((4, 2), 15.0), (30, 40)).width == 8


def test_borders_pad_clip_or_shift() -> None:
    axes = recist(2, 27, 8, 4)
    assert square_region(axes, (30, 40)) == Region(20, -5, 16, 16)
    assert square_region(axes, (30, 40), border="clip") == Region(20, 0, 10, 11)
    assert square_region(axes, (30, 40), border="shift") == Region(14, 0, 16, 16)


def test_shift_in_a_smaller_image_takes_all_of_it() -> None:
    assert square_region(recist(5, 5, 20, 4), (30, 12), border="shift", diameters=2) == Region(0, 0, 30, 12)


@pytest.mark.parametrize("axes", [np.full((4, 2), np.nan), np.zeros((3, 2))])
def test_axes_that_are_none_are_refused(axes: Any) -> None:
    with pytest.raises(CaseError, match=r"finite \[4,2\]"):
        square_region(axes, (30, 40))


def test_axes_outside_the_image_are_refused() -> None:
    with pytest.raises(CaseError, match="outside the 30 x 40 image"):
        square_region(recist(300, 10, 4, 2), (30, 40))


regions = st.builds(Region, st.integers(-12, 35), st.integers(-12, 45), st.integers(1, 50), st.integers(1, 50))


@given(regions)
def test_crop_holds_the_pixels_at_their_places_and_fill_elsewhere(region: Region) -> None:
    part = crop(IMAGE, region, fill=-1.0)
    padded = np.full((160, 170), -1.0, np.float32)
    padded[50:80, 50:90] = IMAGE[0].numpy()
    truth = padded[50 + region.top :, 50 + region.left :][: region.height, : region.width]
    assert np.array_equal(part[0].numpy(), truth)


@given(regions)
def test_paste_undoes_crop(region: Region) -> None:
    assert torch.equal(paste(crop(IMAGE, region), region, IMAGE), IMAGE)


def test_mask_of_a_region_comes_back_to_its_place() -> None:
    region = Region(-2, 35, 10, 10)
    part = torch.ones(1, 10, 10, dtype=torch.bool)
    full = paste(part, region, torch.zeros(1, 30, 40, dtype=torch.bool))
    assert int(full.sum()) == 8 * 5
    assert bool(full[0, :8, 35:].all())


def test_paste_of_another_size_is_refused() -> None:
    with pytest.raises(CaseError, match=r"\[3, 4\]"):
        paste(torch.zeros(1, 3, 4), Region(0, 0, 4, 4), IMAGE)


def test_crop_is_a_copy() -> None:
    part = crop(IMAGE, Region(0, 0, 4, 4))
    part += 1
    assert IMAGE[0, 0, 0] == 0


@given(regions, st.lists(st.tuples(st.integers(-20, 60), st.integers(-20, 60)), min_size=1, max_size=5))
def test_points_go_to_a_region_and_back_exactly(region: Region, points: list[tuple[int, int]]) -> None:
    tensor = torch.tensor(points, dtype=torch.float32)
    assert torch.equal(region.points_to_image(region.points_to_region(tensor)), tensor)


def test_point_in_a_region_names_the_same_pixel() -> None:
    region = Region(-3, 7, 20, 20)
    x, y = region.points_to_region(torch.tensor([11.0, 5.0])).int().tolist()
    assert crop(IMAGE, region)[0, y, x] == IMAGE[0, 5, 11]


sizes = st.tuples(st.integers(1, 60), st.integers(1, 60))


@given(sizes, st.tuples(coordinates, coordinates))
def test_points_go_through_a_resize_and_back(size: tuple[int, int], point: tuple[float, float]) -> None:
    _, mapping = resize(IMAGE, size)
    there = mapping.points_to_resized(torch.tensor(point, dtype=torch.float64))
    assert torch.allclose(mapping.points_to_original(there), torch.tensor(point, dtype=torch.float64), atol=1e-9)


def test_corners_of_the_image_stay_its_corners() -> None:
    _, mapping = resize(IMAGE, (15, 80))
    edges = torch.tensor([[-0.5, -0.5], [39.5, 29.5]], dtype=torch.float64)
    assert mapping.points_to_resized(edges).tolist() == [[-0.5, -0.5], [79.5, 14.5]]


@given(st.integers(1, 20), st.integers(1, 20), st.integers(0, 40), st.integers(0, 40), st.integers(0, 2**31))
def test_enlarged_mask_comes_back_exactly(h: int, w: int, more_h: int, more_w: int, seed: int) -> None:
    mask = torch.from_numpy(np.random.default_rng(seed).random((1, h, w)) > 0.5)
    _, mapping = resize(torch.zeros(1, h, w), (h + more_h, w + more_w))
    assert torch.equal(mapping.mask_to_original(mapping.mask_to_resized(mask)), mask)


def test_mask_takes_the_value_under_each_new_pixels_centre() -> None:
    mask = torch.tensor([[[0, 1, 2, 3, 4]]])
    _, mapping = resize(torch.zeros(1, 1, 5), (1, 3))
    truth = [math.floor((i + 0.5) * 5 / 3) for i in range(3)]
    assert mapping.mask_to_resized(mask).tolist() == [[truth]]


def test_halving_an_image_keeps_its_mean_and_a_constant_stays_exact() -> None:
    noise = torch.rand(1, 64, 64, generator=torch.Generator().manual_seed(0))
    half, _ = resize(noise, (32, 32))
    assert half.mean().item() == pytest.approx(noise.mean().item(), abs=2e-3)
    assert torch.equal(resize(torch.full((1, 31, 17), 1.0), (8, 50))[0], torch.full((1, 8, 50), 1.0))


def test_linear_ramp_stays_linear() -> None:
    ramp = torch.linspace(0, 1, 40).repeat(10, 1)[None]
    big, mapping = resize(ramp, (20, 80))
    x = mapping.points_to_original(torch.tensor([[30.0, 5.0]]))[0, 0].item()
    assert big[0, 5, 30].item() == pytest.approx(x / 39, abs=1e-6)


def test_batch_size_does_not_change_a_bit() -> None:
    images = torch.rand(4, 1, 33, 47, generator=torch.Generator().manual_seed(1))
    for size in ((16, 20), (64, 90), (33, 47)):
        together = resize(images, size)[0]
        for i in range(4):
            assert torch.equal(resize(images[i : i + 1], size)[0][0], together[i])
            assert torch.equal(resize(images[i], size)[0], together[i])


def test_resize_to_nothing_is_refused() -> None:
    with pytest.raises(CaseError, match=r"\[0, 5\]"):
        resize(IMAGE, (0, 5))
