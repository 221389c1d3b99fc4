"""madmad: the pictures that it makes up, MS-SSIM with zeros beyond the edges, that it learns, what it gives."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from radbench.learn import Batch, ListLessons
from radbench_guided.madmad import Madmad
from radbench_guided.madmad_network import MadmadUnet, Parts, decomposition_loss, ms_ssim_padded
from radbench_guided.madmad_shapes import lessons, picture

TINY = {
    **{"pictures": 60, "side": 64, "levels": 4, "first_filters": 8},
    **{"epochs": 6, "warmup_steps": 0, "learning_rate": 3e-3, "schedule": "constant"},
}


def test_a_picture_is_its_large_shapes_with_bright_and_dark_details():
    made = picture(np.random.default_rng(0), 96)
    assert np.allclose(made.image, (made.large + made.bright - made.dark).clip(0, 1))
    for plane in made:
        assert plane.shape == (96, 96)
        assert plane.min() >= 0
        assert plane.max() <= 1
    assert made.bright.max() >= 0.03
    assert 0 < (made.bright > 0.01).mean() < 0.6


def test_pictures_depend_on_seed_and_number_alone():
    alone, among = lessons(3, 5, 1, 32), lessons(3, 4, 3, 32)
    assert all(torch.equal(alone[0][name], among[1][name]) for name in alone[0])
    assert not torch.equal(lessons(4, 5, 1, 32)[0]["image"], alone[0]["image"])


def ssim_by_hand(a, b):
    """Contrast-structure and SSIM, averaged over all pixels, windows of 5 with zeros beyond the edges."""
    at = np.arange(-2, 3)
    taps = np.exp(-(at**2) / (2 * (1.5 * 5 / 11) ** 2))
    window = np.outer(taps, taps) / taps.sum() ** 2
    pad = [np.pad(x, 2) for x in (a, b)]
    cs, whole = [], []
    for y in range(a.shape[0]):
        for x in range(a.shape[1]):
            p, q = (v[y : y + 5, x : x + 5] for v in pad)
            mp, mq = (window * p).sum(), (window * q).sum()
            vp, vq = (window * p * p).sum() - mp**2, (window * q * q).sum() - mq**2
            c = (2 * ((window * p * q).sum() - mp * mq) + 9e-4) / (vp + vq + 9e-4)
            cs.append(c)
            whole.append(c * (2 * mp * mq + 1e-4) / (mp**2 + mq**2 + 1e-4))
    return np.mean(cs), np.mean(whole)


def test_ms_ssim_with_zeros_beyond_the_edges_against_a_loop():
    rng = np.random.default_rng(0)
    a = rng.random((16, 12))
    b = (a + 0.1 * rng.random((16, 12))).clip(0, 1)
    factors, x, y = [], a, b
    for scale in range(3):
        if scale:
            x, y = (v.reshape(v.shape[0] // 2, 2, v.shape[1] // 2, 2).mean((1, 3)) for v in (x, y))
        factors.append(ssim_by_hand(x, y)[scale == 2])
    wanted = np.prod(np.power(factors, (0.0448, 0.2856, 0.3001)))
    found = ms_ssim_padded(*(torch.from_numpy(v)[None, None] for v in (a, b)))
    assert float(found) == pytest.approx(wanted, abs=1e-6)


def test_equal_images_score_one():
    image = torch.rand(2, 1, 20, 20)
    assert ms_ssim_padded(image, image).tolist() == pytest.approx([1.0, 1.0])


class Known(torch.nn.Module):
    """Gives the parts that it was told."""

    def __init__(self, *parts):
        super().__init__()
        self.parts = Parts(*parts)

    def forward(self, images):
        return self.parts


def test_the_loss_is_nought_for_the_truth_and_weighs_as_the_code_does():
    generator = torch.Generator().manual_seed(0)
    large = 0.3 + 0.4 * torch.rand(1, 1, 24, 24, generator=generator)
    bright, dark = (0.2 * torch.rand(1, 1, 24, 24, generator=generator) for _ in range(2))
    batch = Batch({"image": large + bright - dark, "large": large, "bright": bright, "dark": dark}, (0,))
    assert float(decomposition_loss(Known(large, bright, dark), batch)) == pytest.approx(0.0, abs=1e-6)
    other = bright.flip(-1)
    detail = 1 - ms_ssim_padded(1 - other, 1 - bright)
    whole = 1 - ms_ssim_padded(large + other - dark, batch["image"])
    assert float(decomposition_loss(Known(large, other, dark), batch)) == pytest.approx(float((detail + whole) / 5))
    shifted = large.flip(-1)
    coarse = 1 - ms_ssim_padded(shifted, large)
    whole = 1 - ms_ssim_padded(shifted + bright - dark, batch["image"])
    assert float(decomposition_loss(Known(shifted, bright, dark), batch)) == pytest.approx(
        float((2 * coarse + whole) / 5)
    )


def test_it_learns_without_any_data(context):
    learner = Madmad(Madmad.Config(**TINY))
    none = SimpleNamespace(train=ListLessons([]), validation=ListLessons([]))
    learner.fit(none, context)
    for name in ("large", "whole"):
        before, after = (float(word) for word in learner.facts()[name].split() if word[0].isdigit())
        assert after < 0.7 * before, name
    assert learner.lesson(None) is None


def test_the_details_found_are_added_to_the_image(pictures):
    madmad = Madmad(Madmad.Config(**TINY)).eval()
    images = pictures(1, (48, 40))
    bright, dark = (0.3 * torch.rand(1, 1, 48 + 64, 40 + 64) for _ in range(2))
    madmad.network = Known(torch.full_like(bright, 0.5), bright, dark)
    made = madmad.enhance(images)
    details = (bright - dark)[..., 32:-32, 32:-32]
    mixed = 0.7 * images + details
    assert torch.allclose(made.image, (mixed - mixed.min()) / (mixed.max() - mixed.min()), atol=1e-6)
    assert torch.allclose(made.layers["details"], 0.5 + details / 2, atol=1e-6)


@pytest.mark.parametrize("size", [(33, 47), (20, 64)])
def test_a_batch_changes_no_bit_and_any_size_comes_back(pictures, size):
    madmad = Madmad(Madmad.Config(**TINY)).eval()
    images = pictures(3, size)
    together = madmad.enhance(images)
    assert together.image.shape == images.shape
    assert torch.equal(together.image[1:2], madmad.enhance(images[1:2]).image)


def test_a_constant_image_comes_back():
    flat = torch.full((1, 1, 40, 40), 0.4)
    assert torch.equal(Madmad(Madmad.Config(**TINY)).eval().enhance(flat).image, flat)


def test_the_network_is_that_of_the_code():
    network = MadmadUnet(5, 32)
    assert [block[0].out_channels for block in network.encoder] == [32, 64, 128, 256, 512]
    assert network.bottleneck[0].out_channels == 1024
    assert network.bottleneck[0].kernel_size == (1, 1)
    assert network.heads.out_channels == 3
