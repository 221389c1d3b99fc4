"""The preprocessing and the fusion of the CT-trained U-Nets, against their definitions."""

import numpy as np
import pytest
import torch
from skimage.exposure import equalize_adapthist, equalize_hist

from radbench_ct_unets.intensity import equalised, fused, normalised, unit


def test_equalisation_is_scikit_images_one_after_the_other():
    image = torch.rand(1, 1, 64, 64) ** 2
    wanted = equalize_adapthist(equalize_hist(image[0, 0].numpy()), kernel_size=10, clip_limit=0.01)
    np.testing.assert_allclose(equalised(image, 10, 0.01)[0, 0].numpy(), wanted, atol=1e-6)


def test_equalisation_undoes_gamma_and_exposure():
    image = torch.rand(1, 1, 64, 64)
    bent = image**2 * 0.5 + 0.2
    # But for the bins: 256 of them are fewer where a grey scale was bent.
    assert (equalised(image, 10, 0.01) - equalised(bent, 10, 0.01)).abs().mean() < 0.25 * (image - bent).abs().mean()


@pytest.mark.parametrize("level", [0.0, 0.3, 1.0])
def test_a_constant_image_stays(level):
    image = torch.full((1, 1, 32, 32), level)
    assert torch.equal(equalised(image, 8, 0.01), image)
    assert torch.equal(unit(image), image)
    assert torch.isfinite(normalised(image, None, 0.5)).all()


@pytest.mark.parametrize("noise", [2.0**-24, 1e-6, 9e-5])
def test_what_rounding_leaves_of_one_grey_is_not_equalised(noise):
    image = 0.5 + noise * torch.rand(1, 1, 32, 32)
    assert torch.equal(equalised(image, 8, 0.01), image)


def test_the_area_gets_mean_0_and_its_deviation():
    image = torch.rand(2, 1, 32, 32)
    area = torch.rand(2, 1, 32, 32) > 0.7
    out = normalised(image, area, 0.5)
    for i in range(2):
        inside = out[i][area[i]]
        assert inside.mean().item() == pytest.approx(0, abs=1e-5)
        assert inside.std(correction=0).item() == pytest.approx(0.5, abs=1e-4)


def test_no_area_is_the_whole_image():
    image = torch.rand(1, 1, 16, 16)
    assert torch.equal(
        normalised(image, torch.zeros(1, 1, 16, 16, dtype=torch.bool), 0.5), normalised(image, None, 0.5)
    )


def test_fusion_is_the_stretched_weighted_sum():
    image = torch.tensor([[[[0.0, 0.5, 1.0]]]])
    lungs = torch.tensor([[[[0.2, 0.6, 0.4]]]])
    # Both stretched: 0, 0.5, 1 and 0, 1, 0.5; their sum with w = 2: 0, 2.5, 2.
    torch.testing.assert_close(fused(image, lungs, 2.0), torch.tensor([[[[0.0, 1.0, 0.8]]]]))
