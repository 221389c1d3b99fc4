"""WLS smoothing against a sparse direct solver, and the laws of (I + lambda L) S = I."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from scipy.sparse.linalg import spsolve

from radbench.contracts.errors import CaseError, ConfigurationError
from radbench.imaging import wls
from radbench.imaging.wls import Affinities, ConvergenceError, affinities, smooth, solve
from radbench.imaging.wls_dissection import dissect


def operator(weights: Affinities, lam: float) -> sparse.csc_matrix:
    """The operator of one image as a sparse matrix, from its incidence matrix: I + lam * G^T diag(w) G."""
    right, below = weights.right[0, 0].double().numpy(), weights.below[0, 0].double().numpy()
    height, width = right.shape[0], below.shape[1]
    pixel = np.arange(height * width).reshape(height, width)
    ends = np.concatenate(
        [
            np.stack([pixel[:, :-1].ravel(), pixel[:, 1:].ravel()], 1),
            np.stack([pixel[:-1].ravel(), pixel[1:].ravel()], 1),
        ]
    )
    strength = np.concatenate([right.ravel(), below.ravel()])
    edge = np.arange(len(ends))
    incidence = sparse.csc_matrix(
        (np.repeat([1.0, -1.0], len(ends)), (np.r_[edge, edge], np.r_[ends[:, 0], ends[:, 1]])),
        shape=(len(ends), pixel.size),
    )
    return (sparse.eye(pixel.size) + lam * incidence.T @ sparse.diags(strength) @ incidence).tocsc()


def radiograph_like(height: int, width: int, seed: int = 0) -> torch.Tensor:
    """An 8-bit image [1,1,H,W] with plateaus, edges and black pixels: weights from 8 to 10,000."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width] / max(height, width)
    image = 0.5 + 0.4 * np.sin(9 * x + 4 * y) * np.cos(5 * y) + 0.02 * rng.standard_normal((height, width))
    image[image < 0.15] = 0.0
    return torch.from_numpy(np.round(image.clip(0, 1) * 255) / 255).float()[None, None]


SIZES = [
    (1, 1),
    (1, 2),
    (2, 1),
    (1, 57),
    (64, 1),
    (2, 2),
    (3, 3),
    (4, 4),
    (5, 4),
    (7, 33),
    (31, 32),
    (61, 90),
    (128, 128),
]


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_agrees_with_a_sparse_direct_solver(height: int, width: int) -> None:
    image = radiograph_like(height, width).double()
    weights = affinities(image)
    expected = spsolve(operator(weights, 0.8), image.numpy().ravel()).reshape(height, width)
    np.testing.assert_allclose(solve(image, weights, 0.8)[0, 0].numpy(), expected, atol=wls.TOLERANCE)


@pytest.mark.parametrize("lam", [1e-3, 0.8, 30.0, 1e4, 1e6])
def test_residual_is_within_the_tolerance_for_any_lambda(lam: float) -> None:
    image = radiograph_like(70, 83).double()
    weights = affinities(image)
    solution = solve(image, weights, lam)
    residual = image.numpy().ravel() - operator(weights, lam) @ solution.numpy().ravel()
    # Bounds and sum are restored after the last residual was measured: at most a rounding times the largest weight.
    assert np.abs(residual).max() <= wls.TOLERANCE + 1e-15 * lam * 8e4


def test_error_is_below_the_tolerance_when_weights_span_twelve_decades() -> None:
    rng = np.random.default_rng(3)
    image = torch.from_numpy(rng.random((1, 1, 40, 37)))
    weights = Affinities(
        torch.from_numpy(10.0 ** rng.uniform(-6, 6, (1, 1, 40, 36))),
        torch.from_numpy(10.0 ** rng.uniform(-6, 6, (1, 1, 39, 37))),
    )
    expected = spsolve(operator(weights, 1.0), image.numpy().ravel())
    np.testing.assert_allclose(solve(image, weights, 1.0).numpy().ravel(), expected, atol=1e-5)


def test_zero_weights_return_the_image() -> None:
    image = radiograph_like(9, 12)
    weights = Affinities(torch.zeros(1, 1, 9, 11), torch.zeros(1, 1, 8, 12))
    torch.testing.assert_close(solve(image, weights, 1.0), image, atol=1e-6, rtol=0)


@pytest.mark.parametrize("value", [0.0, 0.3, 1.0])
def test_keeps_a_constant_image_exactly(value: float) -> None:
    image = torch.full((1, 1, 33, 18), value)
    assert torch.equal(smooth(image), image)


def test_keeps_the_sum() -> None:
    image = radiograph_like(50, 41).double()
    assert float(smooth(image).sum()) == pytest.approx(float(image.sum()), rel=1e-12)


def test_lambda_zero_is_the_identity() -> None:
    image = radiograph_like(20, 21)
    assert torch.equal(smooth(image, lam=0.0), image)


def test_approaches_the_identity_as_lambda_vanishes() -> None:
    image = radiograph_like(20, 21).double()
    assert float((smooth(image, lam=1e-9) - image).abs().max()) < 1e-4


def test_approaches_the_mean_as_lambda_grows() -> None:
    image = radiograph_like(20, 21).double()
    spread = [float(smooth(image, lam=lam).std()) for lam in (0.1, 1.0, 10.0, 1e5)]
    assert spread == sorted(spread, reverse=True)
    assert spread[-1] < 0.05 * float(image.std())


def test_weights_are_the_power_law_of_the_log_luminance_gradient() -> None:
    image = torch.tensor([[[[0.2, 0.4, 0.4]]]], dtype=torch.float64)
    right = affinities(image, alpha=2.0, epsilon=1e-4, log_offset=1e-9).right[0, 0, 0]
    assert right.tolist() == pytest.approx([1 / (np.log(2.0) ** 2 + 1e-4), 1e4], rel=1e-6)


def test_smooths_a_plateau_more_than_an_edge() -> None:
    rng = np.random.default_rng(0)
    step = np.where(np.arange(64) < 32, 0.2, 0.8) + 0.004 * rng.standard_normal((64, 64))
    base = smooth(torch.from_numpy(step)[None, None])[0, 0].numpy()
    assert np.diff(base[:, 4:28]).std() < 0.2 * np.diff(step[:, 4:28]).std()
    assert base[:, 33].mean() - base[:, 30].mean() > 0.5


def test_a_batch_changes_no_bit() -> None:
    images = torch.cat([radiograph_like(45, 52, seed) for seed in range(4)])
    together = smooth(images)
    assert all(torch.equal(together[i : i + 1], smooth(images[i : i + 1])) for i in range(4))


def test_solving_images_side_by_side_agrees_with_one_by_one() -> None:
    """The route that a GPU takes, run on the CPU."""
    images = torch.cat([radiograph_like(45, 52, seed) for seed in range(3)]).double()
    images[1] = 0.25
    weights = affinities(images)
    together = wls._solve_together(images, *weights, 0.8, 1e-6)
    torch.testing.assert_close(together, solve(images, weights, 0.8, 1e-6), atol=2e-6, rtol=0)


def test_the_same_input_gives_the_same_bits() -> None:
    image = radiograph_like(90, 77)
    assert torch.equal(smooth(image), smooth(image.clone()))


def test_leaves_its_input_untouched() -> None:
    image = radiograph_like(16, 16)
    before = image.clone()
    smooth(image)
    assert torch.equal(image, before)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_keeps_dtype_and_shape(dtype: torch.dtype) -> None:
    images = torch.cat([radiograph_like(11, 13), radiograph_like(11, 13, 1)]).to(dtype)
    out = smooth(images)
    assert (out.dtype, out.shape) == (dtype, images.shape)


@settings(max_examples=60, deadline=None)
@given(
    height=st.integers(1, 17),
    width=st.integers(1, 17),
    seed=st.integers(0, 2**31),
    lam=st.floats(1e-4, 1e4),
    epsilon=st.floats(1e-5, 1.0),
)
def test_maximum_principle(height: int, width: int, seed: int, lam: float, epsilon: float) -> None:
    rng = np.random.default_rng(seed)
    image = torch.from_numpy(rng.random((1, 1, height, width)) ** 3)
    weights = affinities(image, epsilon=epsilon)
    base = solve(image, weights, lam)
    assert float(base.min()) >= float(image.min())
    assert float(base.max()) <= float(image.max())
    expected = spsolve(operator(weights, lam), image.numpy().ravel())
    np.testing.assert_allclose(base.numpy().ravel(), expected, atol=1.1e-5)


@settings(max_examples=40, deadline=None)
@given(height=st.integers(1, 70), width=st.integers(1, 70))
def test_dissection_eliminates_every_pixel_once(height: int, width: int) -> None:
    pixels = np.concatenate(
        [(g.origins[:, None] + g.separator).ravel() for level in dissect(height, width) for g in level]
    )
    assert np.array_equal(np.sort(pixels), np.arange(height * width))


@settings(max_examples=40, deadline=None)
@given(height=st.integers(1, 40), width=st.integers(1, 40))
def test_dissection_counts_every_edge_once(height: int, width: int) -> None:
    counted = []
    for level in dissect(height, width):
        for g in level:
            once = g.inner.row < g.inner.column
            edges = np.concatenate([g.inner.edge[once], g.outer.edge])
            counted.append((g.origins[:, None] + edges).ravel())
    place = np.arange(height * width).reshape(height, width)
    expected = np.concatenate([place[:, :-1].ravel(), height * width + place[:-1].ravel()])
    assert np.array_equal(np.sort(np.concatenate(counted)), np.sort(expected))


def test_weights_too_large_for_double_precision_are_an_error() -> None:
    rng = np.random.default_rng(0)
    image = torch.from_numpy(rng.random((1, 1, 24, 24)))
    weights = Affinities(torch.full((1, 1, 24, 23), 1e17), torch.full((1, 1, 23, 24), 1e17))
    with pytest.raises(ConvergenceError, match="above the tolerance"):
        solve(image, weights, 1.0, tolerance=1e-8)


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -0.1])
def test_unusable_pixels_are_an_error(bad: float) -> None:
    image = radiograph_like(6, 6)
    image[0, 0, 2, 3] = bad
    with pytest.raises(CaseError):
        smooth(image)


@pytest.mark.parametrize(
    "options", [{"lam": -1.0}, {"alpha": 0.0}, {"epsilon": 0.0}, {"log_offset": 0.0}, {"tolerance": 0.0}]
)
def test_parameters_out_of_range_are_an_error(options: dict[str, float]) -> None:
    with pytest.raises(ConfigurationError, match=next(iter(options))):
        smooth(radiograph_like(6, 6), **options)


def test_weights_of_another_size_are_an_error() -> None:
    with pytest.raises(ConfigurationError, match="right"):
        solve(radiograph_like(6, 6), affinities(radiograph_like(6, 7)), 0.8)


@pytest.mark.slow
def test_a_large_single_precision_factor_is_refined_to_double() -> None:
    image = radiograph_like(256, 320).double()
    weights = affinities(image)
    solution = solve(image, weights, 0.8, tolerance=1e-11)
    residual = image.numpy().ravel() - operator(weights, 0.8) @ solution.numpy().ravel()
    assert np.abs(residual).max() < 1e-10


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_gpu_batch_agrees_with_the_cpu() -> None:
    images = torch.cat([radiograph_like(96, 131, seed) for seed in range(3)])
    images[1] = 0.5
    torch.testing.assert_close(smooth(images.cuda()).cpu(), smooth(images), atol=2e-5, rtol=0)
