"""The demonstration's recipe, against skimage's CIELAB and a sparse solver."""

import math

import numpy as np
import pytest
import torch
from skimage.color import lab2rgb, rgb2lab

from radbench_guided.fattal import fattal, grey, lightness, sigmoid


def test_lightness_is_that_of_cielab_and_back():
    greys = torch.linspace(0, 1, 257).reshape(1, 1, 1, -1)
    colours = np.repeat(greys[0, 0, ..., None].double().numpy(), 3, axis=-1)
    assert np.allclose(lightness(greys)[0, 0].numpy(), rgb2lab(colours)[..., 0] / 100, atol=2e-5)
    assert torch.allclose(grey(lightness(greys)), greys, atol=1e-5)


@pytest.mark.parametrize("strength", [1.0, 4.0, 25.0])
def test_the_sigmoid_keeps_nought_and_halves(strength):
    values = torch.tensor([-0.5, 0.0, 0.5, 0.1], dtype=torch.float64)
    made = sigmoid(values, strength)
    assert made[:3].tolist() == pytest.approx([-0.5, 0.0, 0.5])
    shifted = [1 / (1 + math.exp(-strength * x)) - 0.5 for x in (0.1, 0.5)]
    assert float(made[3]) == pytest.approx(shifted[0] / shifted[1] / 2)


def smoothed(light, lam):
    """Solve Farbman et al.'s system for a lightness 0 to 100, densely."""
    h, w = light.shape
    log, n = np.log(light + 1e-4), h * w
    system = np.eye(n)
    for y in range(h):
        for x in range(w):
            for dy, dx in ((0, 1), (1, 0)):
                if y + dy < h and x + dx < w:
                    a, b = y * w + x, (y + dy) * w + x + dx
                    weight = lam / (abs(log[y, x] - log[y + dy, x + dx]) ** 1.2 + 1e-4)
                    system[[a, b], [a, b]] += weight
                    system[[a, b], [b, a]] -= weight
    return np.linalg.solve(system, light.ravel()).reshape(h, w)


def demonstrated(image):
    light = rgb2lab(np.repeat(image[..., None], 3, axis=-1))[..., 0]
    one, two = smoothed(light, 0.125), smoothed(light, 0.5)

    def s(x, a):
        y = 1 / (1 + np.exp(-a * x)) - 0.5
        return y * (0.5 / (1 / (1 + np.exp(-a / 2)) - 0.5))

    out = {}
    for name, (v0, v1, v2, e) in {"fine": (25, 1, 1, 1), "medium": (1, 40, 1, 1), "coarse": (4, 1, 15, 1.1)}.items():
        made = (
            s((e * two - 56) / 100, v2) * 100 + 56 + s((one - two) / 100, v1) * 100 + s((light - one) / 100, v0) * 100
        )
        lab = np.stack([made.clip(0, 100), np.zeros_like(made), np.zeros_like(made)], axis=-1)
        out[name] = lab2rgb(lab).mean(-1).clip(0, 1)
    return {**out, "combined": (out["fine"] + out["medium"] + out["coarse"]) / 3}


def test_each_picture_is_the_demonstrations(pictures):
    images = pictures(1, size=(18, 15))
    wanted = demonstrated(images[0, 0].double().numpy())
    for variant, picture in wanted.items():
        made = fattal(images, variant=variant).image[0, 0].numpy()
        assert np.abs(made - picture).max() < 2e-3, variant


def test_a_batch_changes_nothing(pictures):
    images = pictures(3)
    assert torch.equal(fattal(images).image[1:2], fattal(images[1:2]).image)


def test_layers_tell_base_and_details(pictures):
    images = pictures(1)
    made = fattal(images)
    light = lightness(images)
    assert torch.allclose(lightness(made.layers["base"]) + 2 * made.layers["details"] - 1, light, atol=2e-5)
