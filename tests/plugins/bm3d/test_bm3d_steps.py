"""Both steps of BM3D: against loops in float64, in closed forms, and for any tiling."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from radbench_bm3d import collaborative
from radbench_bm3d.collaborative import Step, hard_threshold, mirrored, wiener
from radbench_bm3d.enhancer import BM3DConfig
from radbench_bm3d.matching import Tile, blocks_of, match, tiles

from .naive import naive

FIRST, SECOND = BM3DConfig().steps(20.0)
SMALL = replace(FIRST, block=4, group=8, window=9)
STEPS = {
    "bior1.5": SMALL,
    "dct": replace(SMALL, transform="dct", block=5),
    "thresholded": replace(SMALL, transform="dct", block=6, lambda_2d=2.0, step=4),
    "one block": replace(SMALL, group=1),
    "few match": replace(SMALL, tau=600.0),
    "alone": replace(SMALL, window=1),
    "large groups": replace(SMALL, group=32, window=7),
    "groups above the window": replace(SMALL, group=32, window=5),
}


def picture(height: int = 26, width: int = 31, sigma: float = 20.0) -> np.ndarray:
    """Stripes and an edge with noise, float64 [H,W], grey values of 8 bits."""
    y, x = np.mgrid[:height, :width]
    clean = 120 + 50 * np.sin(x / 2) + 60 * (y + x > 30)
    return clean + np.random.default_rng(0).normal(0, sigma, clean.shape)


def single(image: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(image).float()


def assert_same(found: torch.Tensor, expected: np.ndarray | torch.Tensor) -> None:
    """Equal but for rounding, which may swap two blocks that are nearly as like, or pass a threshold, here or there."""
    difference = np.abs(found.double().numpy() - np.asarray(expected, np.float64))
    assert np.median(difference) < 1e-3
    assert np.sqrt(np.mean(difference**2)) < 0.05


@pytest.mark.parametrize("step", STEPS.values(), ids=STEPS)
def test_both_steps_are_those_of_a_loop_over_blocks(step: Step) -> None:
    noisy = picture().astype(np.float32).astype(np.float64)
    basic = hard_threshold(single(noisy), step, 20.0)
    assert_same(basic, naive(noisy, None, step, 20.0))
    final = wiener(single(noisy), basic, replace(step, tau=400.0), 20.0)
    assert_same(final, naive(noisy, basic.double().numpy(), replace(step, tau=400.0), 20.0))


def test_the_published_parameters_give_what_a_loop_over_blocks_gives() -> None:
    noisy = picture(30, 25).astype(np.float32).astype(np.float64)
    basic = hard_threshold(single(noisy), FIRST, 20.0)
    assert_same(basic, naive(noisy, None, FIRST, 20.0))
    final = wiener(single(noisy), basic, SECOND, 20.0)
    assert_same(final, naive(noisy, basic.double().numpy(), SECOND, 20.0))


def test_without_a_threshold_every_pixel_comes_back() -> None:
    noisy = single(picture(41, 38))
    for step in (FIRST, replace(FIRST, transform="dct", block=12, step=4)):
        torch.testing.assert_close(hard_threshold(noisy, replace(step, lambda_3d=0.0), 20.0), noisy, atol=1e-3, rtol=0)


def test_a_basic_estimate_far_above_the_noise_lets_everything_through() -> None:
    noisy = single(picture(41, 38))
    strong = 1e9 * single(np.random.default_rng(1).normal(size=noisy.shape))
    torch.testing.assert_close(wiener(noisy, strong, SECOND, 20.0), noisy, atol=1e-2, rtol=0)


def test_blocks_that_repeat_are_averaged() -> None:
    rng = np.random.default_rng(0)
    clean = np.tile(rng.uniform(0, 255, (8, 8)), (10, 10))
    noisy = clean + rng.normal(0, 10, clean.shape)
    basic = hard_threshold(single(noisy), FIRST, 10.0)
    final = wiener(single(noisy), basic, SECOND, 10.0)
    # 16 equal blocks in a group, at the border 8: the mean of them has 1/4 to 1/2.8 of the noise.
    for estimate in (basic, final):
        assert float((estimate - single(clean)).square().mean().sqrt()) < 10 / 3.5
    inner = (slice(20, 60), slice(20, 60))
    assert float((final - single(clean))[inner].square().mean().sqrt()) < 10 / 4


@pytest.mark.parametrize("value", [0.0, 1.0, 100.0, 255.0])
def test_a_flat_image_keeps_its_grey_value(value: float) -> None:
    flat = torch.full((33, 30), value)
    basic = hard_threshold(flat, FIRST, 25.0)
    torch.testing.assert_close(basic, flat, atol=1e-3, rtol=0)
    torch.testing.assert_close(wiener(flat, basic, SECOND, 25.0), flat, atol=1e-3, rtol=0)


@pytest.mark.parametrize("sides", [(3, 2), (5, 5), (64, 16)])
def test_tiles_change_nothing_but_rounding(sides: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    noisy = single(picture(70, 64))
    basic = hard_threshold(noisy, FIRST, 20.0)
    final = wiener(noisy, basic, SECOND, 20.0)
    monkeypatch.setitem(collaborative.TILES, "cpu", sides)
    again = hard_threshold(noisy, FIRST, 20.0)
    assert_same(again, basic)
    assert_same(wiener(noisy, basic, SECOND, 20.0), final)


@pytest.mark.parametrize(("height", "width", "block", "step"), [(8, 8, 8, 3), (50, 47, 8, 3), (61, 9, 5, 4)])
def test_reference_blocks_reach_every_border(height: int, width: int, block: int, step: int) -> None:
    found = [
        (t.top + i * t.step, t.left + j * t.step)
        for t in tiles(height, width, block, step, 4)
        for i in range(t.rows)
        for j in range(t.columns)
    ]
    rows, columns = ({*range(0, n - block + 1, step), n - block} for n in (height, width))
    assert sorted(found) == sorted((y, x) for y in rows for x in columns)


def test_matches_are_the_nearest_and_the_block_itself_comes_first() -> None:
    radius, block = 5, 4
    image = single(np.random.default_rng(0).uniform(0, 255, (40, 43)))
    tile = Tile(radius, radius, 5, 6, 3)
    tall, wide = tile.seen(radius)
    features = blocks_of(image[: tall + block - 1, : wide + block - 1], block)
    allowed = torch.zeros(tall, wide)
    allowed[:4] = torch.inf
    found, enough = match(features, allowed.ravel(), tile, radius=radius, most=8, farthest=16 * 9000.0, part=2)
    exact = features.double()
    for r in range(30):
        y, x = radius + r // 6 * 3, radius + r % 6 * 3
        own = y * wide + x
        window = [(y + i) * wide + x + j for i in range(-5, 6) for j in range(-5, 6) if y + i >= 4]
        distances = {p: float((exact[p] - exact[own]).square().sum()) for p in window}
        expected = sorted(window, key=distances.__getitem__)[:8]
        assert found[r].tolist() == expected
        assert expected[0] == own
        assert int(enough[r]) == sum(distances[p] <= 16 * 9000.0 for p in expected)


@pytest.mark.parametrize("shape", [(1, 1), (3, 20), (20, 3), (7, 5)])
def test_small_images_are_continued_by_reflection(shape: tuple[int, int]) -> None:
    image = np.random.default_rng(0).uniform(size=shape)
    wanted = [(0, max(0, 8 - n)) for n in shape]
    np.testing.assert_array_equal(mirrored(torch.from_numpy(image), 8).numpy(), np.pad(image, wanted, "symmetric"))
