"""original, he, gamma, clahe, unsharp, blur and wls: their definitions, and what images without contrast come to."""

from __future__ import annotations

import importlib
import subprocess
import sys
from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from skimage.exposure import equalize_adapthist, equalize_hist
from skimage.filters import gaussian

from radbench.contracts.config import SOURCES, config_of, source_of
from radbench.contracts.enhancement import LAYERS, Enhancement
from radbench.imaging.wls import smooth
from radbench.xray import Pose
from radbench_classical.adaptive import clahe
from radbench_classical.blur import blur
from radbench_classical.decomposition import boost, wls
from radbench_classical.mappings import Original, gamma, he
from radbench_classical.plugin import radbench_enhancers
from radbench_classical.sharpening import unsharp


def original(images: torch.Tensor) -> torch.Tensor:
    return Original(Original.Config()).enhance(images)


FUNCTIONS = [original, he, gamma, clahe, unsharp, blur, wls]
by_name = pytest.mark.parametrize("enhancer", FUNCTIONS, ids=lambda f: f.__name__)


def enhance(enhancer: Callable[..., torch.Tensor | Enhancement], images: torch.Tensor) -> torch.Tensor:
    result = enhancer(images)
    return result.image if isinstance(result, Enhancement) else result


def chest(height: int = 96, width: int = 80, seed: int = 0) -> torch.Tensor:
    """A body of two dark lungs with ribs and noise, [1,1,H,W], 8 bits."""
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    image = 0.7 - 0.15 * y**2
    for side in (-0.45, 0.45):
        image -= 0.45 / (1 + np.exp(12 * (np.hypot((x - side) / 0.35, y / 0.7) - 1)))
    image += 0.05 * np.cos(18 * y + 3 * np.abs(x)) + 0.01 * np.random.default_rng(seed).standard_normal(image.shape)
    image[np.abs(x) > 0.97] = 0.0
    return torch.from_numpy(np.round(image.clip(0, 1) * 255) / 255).float()[None, None]


def test_the_plugin_offers_its_enhancers() -> None:
    assert {s.name for s in radbench_enhancers()} == {
        "original",
        "he",
        "gamma",
        "unsharp",
        "clahe",
        "blur",
        "wls",
        "images",
    }


def test_every_factory_can_be_imported_and_has_a_ledger() -> None:
    for spec in radbench_enhancers():
        module, _, attribute = spec.factory.partition(":")
        model = config_of(getattr(importlib.import_module(module), attribute))
        for field in model.model_fields.values():
            assert field.description
            assert source_of(field).startswith(SOURCES)
        assert set(spec.layers) <= LAYERS


def test_listing_imports_nothing_heavy() -> None:
    code = (
        "import sys; from radbench_classical.plugin import radbench_enhancers; radbench_enhancers(); "
        "print(*{'torch', 'numpy', 'skimage', 'scipy'} & set(sys.modules))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.split() == []


def test_configurations_hold_the_papers_values() -> None:
    assert config_of(clahe)().model_dump() == {"kernel_size": 40, "clip_limit": 0.01, "nbins": 256}
    defaults = config_of(wls)()
    assert (defaults.lam, defaults.alpha, defaults.epsilon) == (0.8, 1.2, 1e-4)


def test_original_is_the_identity() -> None:
    image = chest()
    assert torch.equal(original(image), image)


@pytest.mark.parametrize("count", [1, 3])
def test_original_is_itself_from_everywhere(count: int) -> None:
    images = torch.cat([chest(seed=0), chest(seed=1)])
    views = Original(Original.Config()).views(images, [Pose(30.0 * i) for i in range(count)])
    assert views.image.shape == (2, count, *images.shape[1:])
    assert all(torch.equal(views.image[:, i], images) for i in range(count))
    assert not views.layers


def test_only_original_renders() -> None:
    assert [s.name for s in radbench_enhancers() if s.renders] == ["original"]


def test_he_is_the_cumulative_histogram() -> None:
    image = torch.tensor([[[[0.0, 0.0, 0.5, 1.0]]]])
    # Three of four pixels are not above 0.5; bin centres lie half a bin off the values at the ends.
    assert he(image, nbins=3)[0, 0, 0].tolist() == pytest.approx([0.5, 0.5, 0.75, 1.0])


def test_he_equals_scikit_image() -> None:
    image = chest()
    np.testing.assert_allclose(he(image)[0, 0].numpy(), equalize_hist(image[0, 0].numpy()), atol=1e-6)


def test_he_flattens_the_histogram() -> None:
    image = torch.from_numpy(np.random.default_rng(0).beta(2, 5, (1, 1, 128, 128))).float()
    counts = torch.histc(he(image), 8, 0, 1) / image.numel()
    np.testing.assert_allclose(counts.numpy(), 1 / 8, atol=0.01)


def test_gamma_is_a_power() -> None:
    image = torch.tensor([[[[0.0, 0.25, 1.0]]]])
    assert gamma(image, gamma=0.5)[0, 0, 0].tolist() == [0.0, 0.5, 1.0]


def test_clahe_equals_scikit_image_with_the_papers_window() -> None:
    image = chest()
    expected = equalize_adapthist(image[0, 0].numpy(), kernel_size=40, clip_limit=0.01)
    np.testing.assert_allclose(clahe(image)[0, 0].numpy(), expected, atol=1e-6)


def test_clahe_raises_local_contrast() -> None:
    image = 0.5 + 0.1 * (chest() - 0.5)
    assert float(clahe(image)[..., 30:60, 20:35].std()) > 3 * float(image[..., 30:60, 20:35].std())


def test_unsharp_adds_what_a_gaussian_removes() -> None:
    image = chest()[0, 0].numpy()
    expected = (image + 0.7 * (image - gaussian(image, sigma=3, mode="reflect"))).clip(0, 1)
    actual = unsharp(torch.from_numpy(image)[None, None], radius=3.0, amount=0.7)
    np.testing.assert_allclose(actual[0, 0].numpy(), expected, atol=1e-6)


def test_unsharp_of_amount_zero_is_the_identity() -> None:
    image = chest()
    torch.testing.assert_close(unsharp(image, amount=0.0), image, atol=1e-6, rtol=0)


def test_wls_without_boosts_is_the_identity() -> None:
    image = chest()
    torch.testing.assert_close(wls(image, fine=0.0, medium=0.0, coarse=0.0).image, image, atol=1e-6, rtol=0)


def test_wls_layers_are_the_smoothed_image_and_what_it_lacks() -> None:
    image = chest()
    layers = wls(image).layers
    assert set(layers) == {"base", "details"}
    torch.testing.assert_close(layers["base"], smooth(image, lam=0.8), atol=1e-5, rtol=0)
    torch.testing.assert_close(layers["base"] + 2 * (layers["details"] - 0.5), image, atol=1e-6, rtol=0)


def test_wls_multiplies_small_details_by_a_quarter_of_their_boost() -> None:
    ripple = 1e-3 * torch.cos(torch.arange(64) * 0.7)
    image = (0.5 + ripple).expand(1, 1, 64, 64).contiguous()
    out = wls(image, fine=8.0, medium=8.0).image
    # The slope at 0 of the sigmoid that is rescaled to keep 0.5.
    slope = 8 / 4 * 0.5 / (1 / (1 + np.exp(-4)) - 0.5)
    base = wls(image).layers["base"]
    torch.testing.assert_close(out - base, slope * (image - base), atol=1e-6, rtol=1e-3)


def test_wls_keeps_an_edge_where_it_is() -> None:
    image = torch.where(torch.arange(64) < 32, 0.3, 0.7).expand(1, 1, 64, 64).contiguous()
    out = wls(image).image[0, 0, 32]
    assert out.diff().argmax() == 31
    assert float(out[31] - out[32]) < -0.35


@pytest.mark.parametrize("strength", [0.0, 1.0, 8.0, 40.0])
def test_boost_keeps_zero_and_a_half_and_is_odd(strength: float) -> None:
    x = torch.tensor([-0.5, -0.1, 0.0, 0.1, 0.5], dtype=torch.float64)
    y = boost(x, strength)
    assert y[[0, 2, 4]].tolist() == pytest.approx([-0.5, 0.0, 0.5])
    torch.testing.assert_close(y, -y.flip(0))


@by_name
@pytest.mark.parametrize("size", [(1, 1), (1, 5), (6, 1), (2, 3), (7, 39), (41, 80), (96, 80)])
def test_any_size_gives_a_valid_image(enhancer: Callable[..., torch.Tensor], size: tuple[int, int]) -> None:
    image = torch.from_numpy(np.random.default_rng(1).random((1, 1, *size))).float()
    out = enhance(enhancer, image)
    assert (out.shape, out.dtype) == (image.shape, torch.float32)
    assert bool(torch.isfinite(out).all())
    assert float(out.min()) >= 0.0
    assert float(out.max()) <= 1.0


@by_name
@pytest.mark.parametrize("value", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("size", [(1, 1), (50, 60)])
def test_a_constant_image_is_returned_as_it_is(
    enhancer: Callable[..., torch.Tensor], value: float, size: tuple[int, int]
) -> None:
    image = torch.full((1, 1, *size), value)
    torch.testing.assert_close(enhance(enhancer, image), image, atol=1e-6, rtol=0)


@by_name
def test_contrast_below_every_quantisation_gives_a_valid_image(enhancer: Callable[..., torch.Tensor]) -> None:
    image = torch.full((1, 1, 50, 50), 0.5)
    image[..., ::2] = float(np.nextafter(np.float32(0.5), np.float32(1)))
    out = enhance(enhancer, image)
    assert bool(torch.isfinite(out).all())


@by_name
def test_a_batch_changes_no_bit(enhancer: Callable[..., torch.Tensor]) -> None:
    images = torch.cat([chest(seed=s) for s in range(4)])
    together = enhance(enhancer, images)
    assert all(torch.equal(together[i : i + 1], enhance(enhancer, images[i : i + 1])) for i in range(4))


@by_name
def test_the_input_is_left_as_it_was(enhancer: Callable[..., torch.Tensor]) -> None:
    image = chest()
    before = image.clone()
    out = enhance(enhancer, image)
    out.fill_(0.123)
    assert torch.equal(image, before)


@settings(max_examples=25, deadline=None)
@given(
    arrays(np.float32, st.tuples(st.integers(1, 12), st.integers(1, 12)), elements=st.floats(0, 1, width=32)),
    st.sampled_from(FUNCTIONS),
)
def test_no_image_gives_nan_or_leaves_the_range(
    image: np.ndarray, enhancer: Callable[..., torch.Tensor | Enhancement]
) -> None:
    out = enhance(enhancer, torch.from_numpy(image)[None, None])
    assert bool(((out >= 0) & (out <= 1)).all())


@settings(max_examples=25, deadline=None)
@given(
    arrays(np.float32, (9, 9), elements=st.floats(0, 1, width=32)),
    st.sampled_from([he, gamma]),
)
def test_mappings_keep_the_order_of_grey_values(image: np.ndarray, mapping: Callable[..., torch.Tensor]) -> None:
    order = np.argsort(image.ravel(), kind="stable")
    assert (np.diff(mapping(torch.from_numpy(image)[None, None]).numpy().ravel()[order]) >= 0).all()


def test_blur_is_a_gaussian_of_a_share_of_the_shorter_side():
    image = torch.rand(1, 1, 40, 50, generator=torch.Generator().manual_seed(4))
    found = blur(image, radius=0.05)[0, 0].numpy()
    np.testing.assert_allclose(found, gaussian(image[0, 0].numpy(), 2.0, mode="reflect", truncate=4.0), atol=1e-6)
    assert found.var() < 0.1 * float(image.var())
