"""What a clean image is made worse by: noise; down-sampling, blur and less contrast, by SciPy and PyTorch."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter
from torch.nn import functional

from radbench.contracts import ConfigurationError, DatasetError
from radbench.learn import Batch, Draws
from radbench_sgan.degradation import Degraded, Noisy, degraded, drawn, noisy

STEPS = [Noisy(), Degraded()]


def smooth(batch=4, height=48, width=48, seed=0):
    """Return images within [0.2,0.8], so that no overshoot is cut off."""
    noise = torch.rand(batch, 1, height // 8, width // 8, generator=torch.Generator().manual_seed(seed))
    return 0.2 + 0.6 * functional.interpolate(noise, size=(height, width), mode="bilinear")


def same(value, batch=4):
    return torch.full((batch,), float(value))


def batch_of(images, places=None):
    return Batch({"clean": images}, tuple(range(len(images))) if places is None else places)


def draws_of(batch, seed=5, epoch=2):
    return Draws(seed, epoch, batch.places)


def applied(step, images, places=None, **changes):
    batch = batch_of(images, places)
    return step(batch, draws_of(batch, **changes))["image"]


def test_without_scale_blur_and_compression_an_image_stays_as_it_is():
    images = smooth()
    torch.testing.assert_close(degraded(images, same(1), same(0), same(1)), images, rtol=0, atol=1e-7)


@pytest.mark.parametrize(("scale", "blur", "kappa"), [(2.7, 0, 1), (1, 2.9, 1), (4, 3, 3)])
def test_a_constant_image_stays_as_it_is(scale, blur, kappa):
    images = torch.full((2, 1, 37, 52), 0.3)
    torch.testing.assert_close(
        degraded(images, same(scale, 2), same(blur, 2), same(kappa, 2)), images, rtol=0, atol=1e-6
    )


@pytest.mark.parametrize("sigma", [0.4, 1.3, 3.0])
@pytest.mark.parametrize("size", [(48, 48), (40, 64), (8, 8)], ids=str)
def test_the_blur_is_scipys(sigma, size):
    images = smooth(3, *size)
    expected = np.stack([gaussian_filter(image.double().numpy(), sigma) for image in images[:, 0]])
    found = degraded(images, same(1, 3), same(sigma, 3), same(1, 3))[:, 0]
    np.testing.assert_allclose(found.numpy(), expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize(("height", "width", "scale"), [(48, 48, 2), (48, 64, 3.3), (50, 48, 4)])
def test_the_resampling_is_antialiased_bicubic_there_and_back(height, width, scale):
    images = smooth(2, height + 6, width)[:, :, :height]
    small = (round(height / scale), round(width / scale))

    def bicubic(x, size):
        return functional.interpolate(x.double(), size=size, mode="bicubic", antialias=True)

    expected = bicubic(bicubic(images, small), (height, width)).float()
    found = degraded(images, same(scale, 2), same(0, 2), same(1, 2))
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("kappa", [1.5, 3.0])
def test_the_contrast_is_compressed_about_the_mean(kappa):
    images = smooth()
    mean = images.mean(dim=(2, 3), keepdim=True)
    torch.testing.assert_close(
        degraded(images, same(1), same(0), same(kappa)), mean + (images - mean) / kappa, rtol=0, atol=1e-6
    )


def test_the_blur_is_of_the_small_image_and_comes_before_the_compression():
    image = smooth(1, 64, 64)
    small = functional.interpolate(image.double(), size=(32, 32), mode="bicubic", antialias=True)[0, 0].numpy()
    blurred = torch.from_numpy(gaussian_filter(small, 1.5))
    compressed = blurred.mean() + (blurred - blurred.mean()) / 2
    expected = functional.interpolate(compressed[None, None], size=(64, 64), mode="bicubic", antialias=True)
    found = degraded(image, same(2, 1), same(1.5, 1), same(2, 1))
    torch.testing.assert_close(found, expected.float(), rtol=0, atol=1e-6)


def test_overshoot_is_cut_off():
    images = torch.zeros(1, 1, 32, 32)
    images[..., 16:] = 1
    found = degraded(images, same(2, 1), same(0, 1), same(1, 1))
    assert (float(found.min()), float(found.max())) == (0.0, 1.0)


def test_each_image_has_its_own_parameters():
    image = smooth(1)
    values = (torch.tensor([1.0, 2.0, 3.5]), torch.tensor([0.5, 2.0, 0.0]), torch.tensor([3.0, 1.0, 2.0]))
    together = degraded(image.expand(3, -1, -1, -1), *values)
    for i in range(3):
        assert torch.equal(together[i : i + 1], degraded(image, *(v[i : i + 1] for v in values)))
    assert len({tuple(x.flatten().tolist()) for x in together}) == 3


def test_channels_are_treated_alike():
    images = smooth(2)
    values = (torch.tensor([2.0, 3.0]), torch.tensor([1.0, 2.0]), torch.tensor([2.0, 3.0]))
    both = degraded(torch.cat([images, 1 - images], dim=1), *values)
    torch.testing.assert_close(both[:, 1], 1 - both[:, 0], rtol=0, atol=1e-6)


@pytest.mark.parametrize("sigma", [5.0, 50.0])
def test_the_noise_has_its_deviation_and_no_structure(sigma):
    images = torch.full((2, 1, 256, 256), 0.5)
    added = noisy(images, same(sigma, 2), draws_of(batch_of(images))) - images
    n = 2 * 256**2
    assert abs(float(added.mean())) < 5 * sigma / 255 / n**0.5
    assert float(added.std()) == pytest.approx(sigma / 255, rel=5 / (2 * n) ** 0.5)
    neighbours = torch.corrcoef(torch.stack([added[..., 1:].flatten(), added[..., :-1].flatten()]))[0, 1]
    assert abs(float(neighbours)) < 5 / n**0.5
    assert abs(float(torch.corrcoef(added.flatten(1))[0, 1])) < 5 / (n / 2) ** 0.5


def test_noise_reaches_beyond_the_range():
    images = torch.zeros(1, 1, 32, 32)
    assert float(noisy(images, same(50, 1), draws_of(batch_of(images))).min()) < 0


def test_parameters_are_uniform_above_the_least_up_to_the_greatest():
    draws = Draws(0, 0, tuple(range(4000)))
    found = drawn(draws, "blur", (0.0, 3.0))
    assert float(found.min()) > 0
    assert float(found.max()) <= 3
    counts = torch.histc(found, 6, 0, 3)
    assert float((counts - 4000 / 6).abs().max()) < 5 * (4000 / 6 * 5 / 6) ** 0.5


def test_the_least_is_out_and_the_greatest_is_in():
    class Extreme:
        def uniform(self, what):
            return torch.tensor([-1.0, 1 - 2**-23])

    greatest, least = drawn(Extreme(), "noise sigma", (0.0, 50.0)).tolist()
    assert greatest == 50
    assert 0 < least < 1e-5


def test_scale_blur_and_compression_are_drawn_apart():
    draws = Draws(1, 0, tuple(range(500)))
    found = torch.stack([drawn(draws, name, (0.0, 1.0)) for name in ("scale", "blur", "kappa")])
    assert float((torch.corrcoef(found) - torch.eye(3)).abs().max()) < 5 / 500**0.5


@pytest.mark.parametrize("step", STEPS, ids=lambda s: type(s).__name__)
def test_the_same_draws_give_the_same_bits_and_others_do_not(step):
    images = smooth()
    first = applied(step, images)
    assert torch.equal(first, applied(step, images))
    assert not torch.equal(first, applied(step, images, seed=6))
    assert not torch.equal(first, applied(step, images, epoch=3))


@pytest.mark.parametrize("step", STEPS, ids=lambda s: type(s).__name__)
def test_the_global_state_of_random_numbers_is_left_alone(step):
    before = torch.random.get_rng_state()
    applied(step, smooth())
    assert torch.equal(before, torch.random.get_rng_state())


@pytest.mark.parametrize("step", STEPS, ids=lambda s: type(s).__name__)
def test_neither_the_batch_nor_the_order_changes_a_bit(step):
    images = smooth(5)
    together = applied(step, images)
    for i in range(5):
        assert torch.equal(applied(step, images[i : i + 1], (i,))[0], together[i])
    assert torch.equal(applied(step, images.flip(0), (4, 3, 2, 1, 0)).flip(0), together)


@pytest.mark.parametrize("step", STEPS, ids=lambda s: type(s).__name__)
def test_the_clean_image_stays_beside_it_as_fractions(step):
    whole = (smooth() * 255).to(torch.uint8)
    batch = batch_of(whole)
    found = step(batch, draws_of(batch))
    assert torch.equal(found["clean"], whole.float() / 255)
    assert found["image"].dtype == torch.float32
    assert not torch.equal(found["clean"], found["image"])


def test_the_names_are_the_callers():
    batch = Batch({"truth": smooth()}, (0, 1, 2, 3))
    assert set(Noisy(clean="truth", input="seen")(batch, draws_of(batch)).keys()) == {"truth", "seen"}
    with pytest.raises(DatasetError, match="no 'clean'"):
        Degraded()(batch, draws_of(batch))


def test_fixed_parameters_are_fixed():
    images = smooth()
    fixed = Degraded(scale=(2.0, 2.0), blur=(1.0, 1.0), kappa=(1.5, 1.5))
    assert torch.equal(applied(fixed, images), degraded(images, same(2), same(1), same(1.5)))


@pytest.mark.parametrize(
    ("make", "named"),
    [
        (lambda: Noisy(sigma=(-1.0, 5.0)), "sigma"),
        (lambda: Degraded(scale=(0.5, 4.0)), "scale"),
        (lambda: Degraded(blur=(2.0, 1.0)), "blur"),
        (lambda: Degraded(kappa=(1.0, float("inf"))), "kappa"),
    ],
)
def test_impossible_bounds_are_refused_by_name(make, named):
    with pytest.raises(ConfigurationError, match=named):
        make()


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_the_card_degrades_as_the_processor_does():
    images = smooth()
    values = (
        torch.tensor([1.0, 2.0, 3.5, 4.0]),
        torch.tensor([0.5, 2.0, 0.0, 3.0]),
        torch.tensor([3.0, 1.0, 2.0, 1.5]),
    )
    found = degraded(images.cuda(), *(v.cuda() for v in values)).cpu()
    torch.testing.assert_close(found, degraded(images, *values), rtol=0, atol=1e-6)
