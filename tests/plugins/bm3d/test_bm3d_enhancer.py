"""The enhancer bm3d: how well it denoises, what it leaves alone, and what it refuses."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from skimage import data
from skimage.color import rgb2gray

import radbench
from radbench.contracts.config import SOURCES, source_of
from radbench.imaging import find_images, read_image
from radbench_bm3d.enhancer import BM3D, BM3DConfig
from radbench_bm3d.plugin import radbench_enhancers


def bm3d(images: torch.Tensor, **fields) -> torch.Tensor:
    return BM3D(BM3DConfig(**fields)).enhance(images)


def grey(name: str) -> np.ndarray:
    image = getattr(data, name)()
    return rgb2gray(image) if image.ndim == 3 else image / 255


def crop(name: str, side: int = 128) -> np.ndarray:
    image = grey(name)
    top, left = ((n - side) // 2 for n in image.shape)
    return image[top : top + side, left : left + side]


def with_noise(clean: np.ndarray, sigma: float, seed: int = 0) -> torch.Tensor:
    noise = np.random.default_rng(seed).normal(0, sigma / 255, clean.shape)
    return torch.from_numpy(clean + noise).float()[None, None]


def psnr(image: torch.Tensor | np.ndarray, clean: np.ndarray) -> float:
    return 10 * math.log10(1 / float(np.mean((np.asarray(image, np.float64).reshape(clean.shape) - clean) ** 2)))


# how well ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sigma", "least"),
    # A quarter of a decibel below what it reached when this was written.
    [(10.0, 34.62), (25.0, 30.11), (50.0, 26.56)],
)
def test_it_gains_what_it_gained(sigma: float, least: float) -> None:
    clean = crop("camera")
    noisy = with_noise(clean, sigma)
    assert psnr(bm3d(noisy, sigma=sigma), clean) > least
    # Not knowing the level costs little.
    assert psnr(bm3d(noisy), clean) > least - 0.1


def test_step_two_betters_step_one() -> None:
    from radbench_bm3d.collaborative import hard_threshold

    clean = crop("camera")
    noisy = with_noise(clean, 25.0)
    basic = hard_threshold(noisy[0, 0] * 255, BM3DConfig().steps(25.0)[0], 25.0) / 255
    assert psnr(bm3d(noisy, sigma=25.0), clean) > psnr(basic, clean) + 0.05


def test_strong_noise_has_parameters_of_its_own() -> None:
    clean = crop("moon")
    noisy = with_noise(clean, 50.0)
    revised, paper = bm3d(noisy, sigma=50), bm3d(noisy, sigma=50, noisy="paper")
    assert psnr(revised, clean) > psnr(bm3d(noisy, sigma=50, noisy_above=60), clean) + 1
    assert psnr(paper, clean) > psnr(bm3d(noisy, sigma=50, noisy_above=60), clean) + 1
    assert not torch.equal(revised, paper)
    first, second = BM3DConfig(noisy="paper", noisy_above=40).steps(41.0)
    assert (first.transform, first.block, first.group, first.step, first.tau) == ("dct", 12, 16, 4, 5000.0)
    assert (first.lambda_2d, first.lambda_3d) == (2.0, 2.8)
    assert (second.transform, second.block, second.group, second.step, second.tau) == ("dct", 11, 32, 6, 3500.0)


@pytest.mark.parametrize("sigma", [15.0, 25.0, 50.0])
@pytest.mark.parametrize("name", ["camera", "astronaut", "coins", "moon", "brick", "page"])
def test_it_is_within_a_fifth_of_a_decibel_of_the_authors_package(name: str, sigma: float) -> None:
    package = pytest.importorskip("bm3d", reason="needs the package bm3d (for non-commercial use only): not installed")
    clean = crop(name)
    noisy = with_noise(clean, sigma)
    theirs = psnr(package.bm3d(noisy[0, 0].double().numpy(), sigma / 255), clean)
    assert psnr(bm3d(noisy, sigma=sigma), clean) > theirs - 0.2


@pytest.mark.slow
@pytest.mark.parametrize(("folder", "published"), [("Set12", 29.97), ("BSD68", 28.57)])
def test_it_reaches_the_published_figures_at_sigma_25(folder: str, published: float) -> None:
    root = os.environ.get("RADBENCH_PHOTOGRAPHS", "")
    if not root or not Path(root, folder).is_dir():
        pytest.skip(f"needs {folder}: set RADBENCH_PHOTOGRAPHS to the folder that holds the folder {folder}")
    scores = []
    for path in find_images(Path(root, folder)).values():
        clean = read_image(path).image[0].double().numpy()
        scores.append(psnr(bm3d(with_noise(clean, 25.0), sigma=25.0), clean))
    assert len(scores) == int(folder[-2:])
    assert np.mean(scores) == pytest.approx(published, abs=0.2)


# what it leaves alone ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [0.0, 0.25, 1.0])
def test_an_image_without_noise_comes_back_as_it_is(value: float) -> None:
    y, x = np.mgrid[:48, :40]
    step = torch.from_numpy(np.where(x + y > 40, value, 0.5)).float()[None, None]
    assert torch.equal(bm3d(step), step)
    flat = torch.full((1, 1, 30, 30), value)
    assert torch.equal(bm3d(flat), flat)


def test_no_batch_changes_a_bit() -> None:
    images = torch.cat([with_noise(crop(n, 64), s).clamp(0, 1) for n, s in (("camera", 10), ("moon", 35), ("page", 0))])
    together = bm3d(images)
    assert torch.equal(together, torch.cat([bm3d(image[None]) for image in images]))
    assert torch.equal(together.flip(0), bm3d(images.flip(0)))
    assert torch.equal(together, bm3d(images))


def test_the_input_is_not_written_to() -> None:
    images = with_noise(crop("camera", 40), 20.0)
    before = images.clone()
    bm3d(images)
    assert torch.equal(images, before)


@pytest.mark.parametrize("shape", [(1, 1), (1, 50), (50, 1), (2, 3), (7, 7), (8, 8), (9, 37), (61, 47)])
@pytest.mark.parametrize("noisy", [20.0, 50.0])
def test_images_of_any_size_are_denoised(shape: tuple[int, int], noisy: float) -> None:
    images = torch.from_numpy(np.random.default_rng(0).uniform(size=(2, 1, *shape))).float()
    for fields in ({}, {"sigma": noisy}, {"sigma": noisy, "noisy": "paper"}):
        out = bm3d(images, **fields)
        assert out.shape == images.shape
        assert out.dtype == torch.float32
        assert float(out.min()) >= 0
        assert float(out.max()) <= 1


def test_images_in_a_strided_layout_are_the_same() -> None:
    images = with_noise(crop("camera", 48), 20.0)
    turned = images.transpose(2, 3).contiguous().transpose(2, 3)
    assert not turned.is_contiguous()
    assert torch.equal(bm3d(turned), bm3d(images))


def test_values_outside_the_range_are_used_and_the_result_is_clipped() -> None:
    clean = crop("camera", 64) * 1.4 - 0.2
    noisy = with_noise(clean, 25.0)
    out = bm3d(noisy, sigma=25.0)
    assert (float(out.min()), float(out.max())) == (0.0, 1.0)
    assert psnr(out, clean.clip(0, 1)) > psnr(noisy.clamp(0, 1), clean.clip(0, 1)) + 5


def test_noise_of_a_radiograph_is_removed_and_its_edges_stay(real_data) -> None:
    clean = read_image(real_data / "nih-cxr" / "00000001_000.png").image[0].double().numpy()[200:328, 200:328]
    noisy = with_noise(clean, 15.0)
    assert psnr(bm3d(noisy), clean) > psnr(noisy, clean) + 10


# how it is asked ---------------------------------------------------------------------------------------------


def test_it_is_found_by_name_with_variants() -> None:
    noisy = with_noise(crop("camera", 48), 25.0).clamp(0, 1)
    assert torch.equal(radbench.enhance("bm3d", noisy).image, bm3d(noisy))
    assert torch.equal(radbench.enhance("bm3d[sigma=25,n2_ht=8]", noisy).image, bm3d(noisy, sigma=25, n2_ht=8))


def test_every_setting_says_where_it_comes_from() -> None:
    for field in BM3DConfig.model_fields.values():
        assert field.description
        assert source_of(field).startswith(SOURCES)


def test_the_defaults_are_the_papers_normal_profile() -> None:
    first, second = BM3DConfig().steps(25.0)
    assert (first.transform, first.block, first.group, first.step, first.window) == ("bior1.5", 8, 16, 3, 39)
    assert (first.tau, first.lambda_2d, first.lambda_3d, first.beta) == (2500.0, 0.0, 2.7, 2.0)
    assert (second.transform, second.block, second.group, second.step, second.window) == ("dct", 8, 32, 3, 39)
    assert (second.tau, second.beta) == (400.0, 2.0)


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"n2_ht": 12}, "must be a power of two, got 12"),
        ({"search_wie": 38}, "must be odd, got 38"),
        ({"n1_ht": 12}, "n1_ht must be a power of two with transform_ht=bior1.5, got 12"),
        ({"step_wie": 9}, "step_wie is 9, above n1_wie=8"),
        ({"sigma": -1}, "greater than or equal to 0"),
    ],
)
def test_settings_that_cannot_be_are_refused(fields: dict, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        BM3DConfig(**fields)


def test_listing_imports_nothing_heavy() -> None:
    code = (
        "import sys; from radbench_bm3d.plugin import radbench_enhancers; radbench_enhancers(); "
        "print(*{'torch', 'numpy', 'skimage', 'scipy'} & set(sys.modules))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.split() == []
    assert [s.name for s in radbench_enhancers()] == ["bm3d"]


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_card_gives_the_same_picture_and_the_same_bits_every_time() -> None:
    images = torch.cat([with_noise(crop("camera", 200), s) for s in (15.0, 50.0)])
    on_card = bm3d(images.cuda())
    assert torch.equal(bm3d(images.cuda()), on_card)
    assert torch.equal(torch.cat([bm3d(image[None].cuda()) for image in images]), on_card)
    on_processor = bm3d(images)
    # A block at a threshold may fall on the other side of it.
    assert float((on_card.cpu() - on_processor).square().mean().sqrt()) < 1e-3
