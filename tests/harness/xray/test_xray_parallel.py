"""Parallel-beam radiographs against the lung-enhancement paper's equations."""

from __future__ import annotations

import math

import pytest
import torch

from radbench.xray import parallel_drr, scale_to_unit

ISOTROPIC = (1.0, 1.0, 1.0)


def random_hu(*shape: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.rand(shape, generator=generator, dtype=torch.float64) * 2000 - 1000


def test_water_slab_follows_the_printed_equations() -> None:
    volume = torch.full((1, 1, 3, 10, 4), -1000.0, dtype=torch.float64)
    volume[:, :, :, 2:6] = 0.0
    image = parallel_drr(volume, ISOTROPIC)
    assert image.shape == (1, 1, 3, 4)
    assert torch.allclose(image, torch.full_like(image, math.exp(0.02 * 0.2 * 4 / 10)), rtol=1e-14)


def test_beer_lambert_with_beta_of_the_slabs_thickness() -> None:
    # The mean times the thickness is the line integral: water of 12 cm lets exp(-0.2 * 12) through.
    image = parallel_drr(torch.zeros(1, 1, 2, 120, 2), ISOTROPIC, beta=12.0, sign=-1)
    assert torch.allclose(image, torch.full_like(image, math.exp(-2.4)))


def test_printed_sign_makes_dense_bright() -> None:
    volume = torch.full((1, 1, 1, 4, 2), -1000.0)
    volume[..., 1] = 500.0
    for sign in (1, -1):
        air, bone = parallel_drr(volume, ISOTROPIC, sign=sign)[0, 0, 0].tolist()
        assert (bone > air) == (sign == 1)


def test_printed_beta_is_linear_to_seven_parts_in_ten_thousand() -> None:
    volume = random_hu(1, 1, 8, 8, 8)
    mean = scale_to_unit((volume + 1000).mean(3).flip(2))
    assert (scale_to_unit(parallel_drr(volume, ISOTROPIC)) - mean).abs().max() < 7e-4


def test_padding_below_air_counts_as_air() -> None:
    volume = torch.full((1, 1, 2, 3, 2), -3024.0)
    assert torch.equal(parallel_drr(volume, ISOTROPIC), torch.ones(1, 1, 2, 2))


@pytest.mark.parametrize(("axis", "place"), [("y", (0, 3)), ("x", (0, 1)), ("z", (1, 3))])
def test_pictures_stand_upright(axis: str, place: tuple[int, int]) -> None:
    volume = torch.full((1, 1, 4, 5, 6), -1000.0, dtype=torch.float64)
    volume[0, 0, 3, 1, 3] = 1000.0
    image = parallel_drr(volume, ISOTROPIC, axis=axis)[0, 0]  # type: ignore[arg-type]
    assert divmod(int(image.argmax()), image.shape[1]) == place


def test_pixels_are_square_whatever_the_slices_distance() -> None:
    volume = torch.arange(8.0, dtype=torch.float64)[None, None, :, None, None].expand(1, 1, 8, 3, 6) * 100 - 1000
    image = parallel_drr(volume, (2.5, 0.5, 0.5), beta=1.0).log() / (0.2 / 1000)
    assert image.shape == (1, 1, 40, 6)
    inner = image[0, 0, 3:-3, 0]
    assert torch.allclose(inner.diff(), torch.full_like(inner[1:], -20.0))


def test_gradient_is_exact() -> None:
    volume = random_hu(1, 1, 3, 4, 3).clamp(min=-900).requires_grad_()
    assert torch.autograd.gradcheck(lambda v: parallel_drr(v, (2.0, 1.0, 1.0), beta=5.0), volume)


def test_batch_changes_no_bit() -> None:
    volume = random_hu(3, 1, 9, 17, 11).float()
    together = parallel_drr(volume, (1.7, 1.0, 1.0))
    assert torch.equal(together, torch.cat([parallel_drr(v[None], (1.7, 1.0, 1.0)) for v in volume]))


def test_each_image_is_scaled_by_itself() -> None:
    images = torch.stack([torch.tensor([[[2.0, 4.0, 3.0]]]), torch.tensor([[[-1.0, -1.0, -1.0]]])])
    assert scale_to_unit(images).tolist() == [[[[0.0, 1.0, 0.5]]], [[[0.0, 0.0, 0.0]]]]


@pytest.mark.parametrize(
    ("volume", "options", "sentence"),
    [
        (torch.zeros(2, 2, 2), {}, "volume_hu must be floating point"),
        (torch.zeros(1, 1, 2, 2, 2, dtype=torch.int16), {}, "volume_hu must be floating point"),
        (torch.zeros(1, 1, 2, 0, 2), {}, "volume_hu must be floating point"),
        (torch.zeros(1, 1, 2, 2, 2), {"axis": "w"}, "axis must be"),
        (torch.zeros(1, 1, 2, 2, 2), {"sign": 0}, "sign must be"),
        (torch.zeros(1, 1, 2, 2, 2), {"spacing_mm": (1.0, 0.0, 1.0)}, "spacing_mm must be"),
    ],
)
def test_wrong_arguments_are_refused(volume: torch.Tensor, options: dict[str, object], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        parallel_drr(volume, **{"spacing_mm": ISOTROPIC, **options})  # type: ignore[arg-type]
