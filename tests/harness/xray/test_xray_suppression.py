"""Bone suppression: lossless where nothing is suppressed, right where the truth is known, and its inversion."""

from __future__ import annotations

import pytest
import torch
from scipy.optimize import brentq
from torch import Tensor

from radbench.xray.attenuation import ten_energies
from radbench.xray.intensity import attenuated_intensity, log_intensity, mean_attenuation
from radbench.xray.suppression import INVERSES, suppress_bone, tissue_thickness


def chest(
    batch: int = 1, size: tuple[int, int] = (33, 47), dtype: torch.dtype = torch.float32
) -> tuple[Tensor, Tensor]:
    """Bone and tissue [B,1,h,w] in g/cm^2: ribs as stripes over a smooth body, with a rim of free air."""
    generator = torch.Generator().manual_seed(3)
    y, x = torch.meshgrid(torch.linspace(-1, 1, size[0]), torch.linspace(-1, 1, size[1]), indexing="ij")
    body = (22 * (1 - x**2 - 0.3 * y**2)).clamp_min(0)
    ribs = 2.5 * (torch.sin(14 * y + 2 * x) > 0.4) * (body > 4)
    grain = torch.rand(batch, 1, *size, generator=generator)
    return (ribs + 0.5 * grain * (ribs > 0)).to(dtype), (body + grain * (body > 0)).to(dtype)


def radiograph(bone: Tensor, tissue: Tensor) -> Tensor:
    intensity = attenuated_intensity(bone, tissue)
    return intensity.amax((2, 3), keepdim=True) - intensity


def other_detail(image: Tensor) -> Tensor:
    """The image with texture that the estimates know nothing of, and in another scale."""
    grain = torch.rand(image.shape, generator=torch.Generator().manual_seed(5)).to(image)
    changed = (image * (0.9 + 0.1 * grain) - image.amin((2, 3), keepdim=True)).clamp_min(0)
    return 255 * changed / changed.amax((2, 3), keepdim=True)


@pytest.mark.parametrize("inverse", INVERSES)
def test_without_bone_the_input_comes_back(inverse):
    bone, tissue = chest()
    image = other_detail(radiograph(bone, tissue)) / 255
    found = suppress_bone(image, torch.zeros_like(bone), tissue, inverse=inverse)
    assert (found - image).abs().max() < 1e-5


@pytest.mark.parametrize("inverse", INVERSES)
def test_amount_zero_gives_the_input_back_whatever_the_bone(inverse):
    bone, tissue = chest()
    image = other_detail(radiograph(bone, tissue)) / 255
    assert (suppress_bone(image, bone, tissue, amount=0, inverse=inverse) - image).abs().max() < 1e-5


@pytest.mark.parametrize("inverse", INVERSES)
def test_pixels_without_bone_keep_their_value(inverse):
    bone, tissue = chest()
    image = other_detail(radiograph(bone, tissue)) / 255
    found = suppress_bone(image, bone, tissue, inverse=inverse)
    assert (found - image)[bone == 0].abs().max() < 1e-5
    assert (image - found)[bone > 0].min() > 0


@pytest.mark.parametrize("inverse", INVERSES)
@pytest.mark.parametrize("per_bone", [1.0, 0.6, 0.0])
def test_with_true_estimates_the_result_is_the_simulation_with_tissue_in_bones_place(inverse, per_bone):
    bone, tissue = chest(dtype=torch.float64)
    image = radiograph(bone, tissue)
    without = attenuated_intensity(torch.zeros_like(bone), tissue + per_bone * bone)
    truth = attenuated_intensity(bone, tissue).amax() - without
    found = suppress_bone(image, bone, tissue, tissue_per_bone=per_bone, inverse=inverse)
    assert (found - truth).abs().max() < 1e-5 * image.max()


def test_single_precision_reaches_the_same_result():
    bone, tissue = chest(dtype=torch.float64)
    image = radiograph(bone, tissue)
    exact = suppress_bone(image, bone, tissue)
    single = suppress_bone(image.float(), bone.float(), tissue.float())
    assert (single - exact).abs().max() < 1e-5 * image.max()


def test_algorithm_1_as_printed_gives_the_same():
    """The paper's steps one by one, in double precision, without the algebra."""
    bone, tissue = chest(dtype=torch.float64)
    image = other_detail(radiograph(bone, tissue))
    beam = ten_energies()
    reference = attenuated_intensity(bone, tissue)
    seen = (image.max() - image) / image.max()
    seen = seen * (reference.max() - reference.min()) + reference.min()
    suppressed = torch.zeros_like(seen)
    rebuilt = torch.zeros_like(seen)
    for b, t in zip(beam.bone, beam.tissue, strict=True):
        weight = torch.exp(-(b * bone + t * tissue)) / reference
        recon = (-torch.log(weight * seen) - b * bone) / t
        rebuilt += torch.exp(-(b * bone + t * recon))
        suppressed += torch.exp(-t * (bone + recon))
    shown = image.max() * (reference.max() - suppressed) / (reference.max() - reference.min())
    assert torch.allclose(rebuilt, seen, rtol=1e-10)
    assert torch.allclose(suppress_bone(image, bone, tissue), shown, rtol=1e-9, atol=1e-9)


def test_a_chest_too_thick_for_single_precision_at_15_kev_stays_finite():
    bone, tissue = chest()
    bone, tissue = bone * 4, tissue * 2.5
    found = suppress_bone(radiograph(bone, tissue), bone, tissue)
    assert torch.isfinite(found).all()


@pytest.mark.parametrize("inverse", INVERSES)
def test_the_scale_of_the_input_is_kept(inverse):
    bone, tissue = chest(dtype=torch.float64)
    image = radiograph(bone, tissue)
    one = suppress_bone(image, bone, tissue, inverse=inverse)
    assert torch.allclose(suppress_bone(image * 37, bone, tissue, inverse=inverse), one * 37, rtol=1e-9)


@pytest.mark.parametrize("inverse", INVERSES)
def test_an_images_bits_do_not_depend_on_its_batch(inverse):
    bone, tissue = chest(4)
    image = radiograph(bone, tissue)
    together = suppress_bone(image, bone, tissue, inverse=inverse)
    for i in range(4):
        assert torch.equal(
            together[i : i + 1], suppress_bone(*(t[i : i + 1] for t in (image, bone, tissue)), inverse=inverse)
        )


@pytest.mark.parametrize("inverse", INVERSES)
def test_gradients_agree_with_finite_differences(inverse):
    bone, tissue = chest(size=(4, 5), dtype=torch.float64)
    # Fractions of the image's own extremes move with a pixel that is one; jitter makes the extremes single pixels.
    bone = bone + 0.2 * torch.rand(bone.shape, generator=torch.Generator().manual_seed(8), dtype=torch.float64)
    tissue = tissue + torch.rand(bone.shape, generator=torch.Generator().manual_seed(9), dtype=torch.float64)
    inputs = [t.clone().requires_grad_() for t in (radiograph(bone, tissue), bone, tissue)]
    assert torch.autograd.gradcheck(lambda *a: suppress_bone(*a, inverse=inverse), inputs, eps=1e-6, atol=1e-5)


def test_tissue_thickness_agrees_with_brents_method():
    bone = torch.tensor([0.0, 0.0, 1.0, 4.0, 9.0, 0.5], dtype=torch.float64).reshape(1, 1, 2, 3)
    intensity = torch.tensor([9.9, 0.4, 3.0, 1e-3, 1e-7, 9.5], dtype=torch.float64).reshape(1, 1, 2, 3)
    found = tissue_thickness(intensity, bone)
    for b, i, t in zip(bone.flatten(), intensity.flatten(), found.flatten(), strict=True):
        root = brentq(
            lambda x, b=b, i=i: float(log_intensity(b, torch.tensor(x, dtype=torch.float64)) - i.log()), -60, 300
        )
        assert t.item() == pytest.approx(root, abs=1e-6)


def test_tissue_thickness_inverts_the_simulation_in_single_precision():
    bone, tissue = chest()
    assert (tissue_thickness(attenuated_intensity(bone, tissue), bone) - tissue).abs().max() < 1e-4


def test_tissue_thickness_is_negative_where_bone_alone_attenuates_more():
    assert tissue_thickness(torch.full((1, 1, 1, 1), 9.0), torch.full((1, 1, 1, 1), 3.0)) < 0


def test_beam_hardens_with_thickness():
    tissue = torch.linspace(0, 40, 200, dtype=torch.float64)
    slope = mean_attenuation(torch.zeros_like(tissue), tissue)
    assert (slope.diff() < 0).all()
    assert slope[0].item() == pytest.approx(sum(ten_energies().tissue) / 10)


def test_wrong_calls_are_refused_in_words():
    bone, tissue = chest()
    image = radiograph(bone, tissue)
    with pytest.raises(ValueError, match=r"alike, \[B,1,h,w\]"):
        suppress_bone(image, bone[..., :-1], tissue)
    with pytest.raises(ValueError, match="amount must lie in"):
        suppress_bone(image, bone, tissue, amount=1.5)
    with pytest.raises(ValueError, match="tissue_per_bone must lie in"):
        suppress_bone(image, bone, tissue, tissue_per_bone=-0.1)
    with pytest.raises(ValueError, match="no inverse 'newton'"):
        suppress_bone(image, bone, tissue, inverse="newton")
    with pytest.raises(ValueError, match="flat"):
        suppress_bone(torch.zeros_like(image), bone, tissue)
    with pytest.raises(ValueError, match="flat"):
        suppress_bone(image, torch.ones_like(bone), torch.ones_like(bone))
    with pytest.raises(ValueError, match="positive, finite"):
        tissue_thickness(torch.zeros_like(image), bone)
