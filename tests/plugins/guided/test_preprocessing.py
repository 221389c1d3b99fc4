"""Equations 1 to 6 of the guided U-Net, and the base layer that is solved for at a smaller size."""

import pytest
import torch

from radbench.imaging.wls import smooth
from radbench_guided.details import base_layer, scaled
from radbench_guided.preprocessing import Preprocess, divided


def preprocess(images, **fields):
    return Preprocess(Preprocess.Config(**fields)).enhance(images)


def test_the_equations_as_printed(pictures):
    images = pictures(1)
    made = preprocess(images, white=0.0, least_divisor=1e-6)
    x = (images - images.min()) / (images.max() - images.min())
    inverted = x.mean() - x
    quotient = x / (smooth(x, lam=0.8) + inverted)
    assert float((smooth(x, lam=0.8) + inverted).min()) > 0
    assert torch.allclose(made.image, (quotient - quotient.min()) / (quotient.max() - quotient.min()), atol=1e-5)


def test_a_detail_as_bright_as_the_mean_divides_by_the_least_divisor():
    image, base = torch.zeros(1, 1, 4, 4), torch.zeros(1, 1, 4, 4)
    image[0, 0, 0] = torch.tensor([1.0, 0.1, 0.1, 0.1])
    mean = float(image.mean())
    made = divided(image, base, least_divisor=0.5, white=0.0)
    # The first is as bright as it gets, 1 over half of the mean; the others are divided by the mean less themselves.
    other = 0.1 / max(mean - 0.1, mean / 2)
    assert made[0, 0, 0].tolist() == pytest.approx([1.0, *[other / (1.0 / (mean / 2))] * 3])


def test_the_brightest_share_is_cut_off():
    image = torch.linspace(0.0, 0.5, 1000).reshape(1, 1, 20, 50)
    image[0, 0, -1, -1] = 1.0
    kept, cut = (divided(image, image, 0.5, white) for white in (0.0, 0.001))
    assert float(kept.flatten()[-2]) < 0.51
    assert float(cut.flatten()[-2]) == 1.0


@pytest.mark.parametrize(("gain", "offset"), [(0.5, 0.2), (0.25, 0.0)])
def test_the_scale_of_the_greys_does_not_matter(pictures, gain, offset):
    images = pictures()
    assert torch.allclose(preprocess(images * gain + offset).image, preprocess(images).image, atol=2e-3)


def test_a_constant_image_stays_and_changes_no_other(pictures):
    images = torch.cat([torch.full((1, 1, 44, 38), 0.37), pictures(1)])
    made = preprocess(images)
    assert torch.equal(made.image[0], images[0])
    assert torch.equal(made.image[1:], preprocess(images[1:]).image)
    assert torch.all(made.layers["details"][0] == 0.5)


def test_bright_details_become_brighter_against_the_image(pictures):
    images = pictures(1)
    made = preprocess(images, white=0.0)
    x, details = scaled(images), 2 * made.layers["details"] - 1
    gain = made.image / x.clamp_min(0.05)
    bright, dark = details > 0.02, details < -0.02
    assert float(gain[bright & (x > 0.1)].mean()) > float(gain[dark & (x > 0.1)].mean())


def test_a_small_image_is_solved_for_as_it_is(pictures):
    images = pictures(1)
    config = Preprocess.Config(wls_size=44)
    assert torch.equal(base_layer(images, config), smooth(images, lam=0.8))


def test_a_base_from_a_smaller_size_is_near_the_base_itself(pictures):
    # Without noise finer than the small pixels, which the small image does not have.
    images = gaussian_blurred(pictures(1, size=(160, 128), seed=3))
    exact = base_layer(images, Preprocess.Config())
    near = base_layer(images, Preprocess.Config(wls_size=80))
    assert float((near - exact).abs().mean()) < 0.4 * float((images - exact).abs().mean())


def test_a_base_from_a_smaller_size_keeps_a_step_where_it_is():
    image = torch.full((1, 1, 96, 96), 0.2)
    image[..., 50:] = 0.9
    base = base_layer(image, Preprocess.Config(wls_size=48))
    # What is left of the step's height between the two pixels that it lies between.
    assert float(base[0, 0, 48, 50] - base[0, 0, 48, 49]) > 0.8 * 0.7


def gaussian_blurred(images, sigma=1.5):
    from scipy.ndimage import gaussian_filter

    return torch.from_numpy(gaussian_filter(images.numpy(), (0, 0, sigma, sigma)))
