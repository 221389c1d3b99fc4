"""CT2Xray against closed forms of two-material slabs, and the laws of attenuation."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from radbench.xray.attenuation import attenuation_table, spectrum, ten_energies
from radbench.xray.geometry import ConeBeamGeometry, Pose
from radbench.xray.materials import bone_mask_from_hu, density_from_hu
from radbench.xray.simulation import OUTPUTS, ct2xray, material_thickness
from radbench.xray.suppression import suppress_bone

FRONTAL = Pose()
# A long tube and a small detector: rays through the middle, their obliquity below 1e-5.
NARROW = ConeBeamGeometry(detector_shape=(3, 5))
WIDE = ConeBeamGeometry(detector_shape=(15, 21), detector_spacing_mm=(3.0, 2.5))
BONE_HU, TISSUE_HU = 1400.0, 40.0


def slabs(bone_mm: int, tissue_mm: int, size: int = 64) -> Tensor:
    """Slabs across the beam in air, [1,1,D,H,W] in HU with voxels of 1 mm: bone before tissue, 6 mm apart."""
    hu = torch.full((1, 1, 12, size, 12), -1030.0, dtype=torch.float64)
    hu[..., 4 : 4 + bone_mm, :] = BONE_HU
    hu[..., 10 + bone_mm : 10 + bone_mm + tissue_mm, :] = TISSUE_HU
    return hu


def closed_form(bone_mm: float, tissue_mm: float) -> float:
    """The share of the beam that passes, from the table: mean over E of exp(-(mu rho L))."""
    table = attenuation_table("ct2xray")
    bone = (0.0005886 * BONE_HU + 1.03) * bone_mm / 10
    tissue = (0.0005886 * TISSUE_HU + 1.03) * tissue_mm / 10
    exponents = [
        -(b * bone + t * tissue) for b, t in zip(table.coefficients["bone"], table.coefficients["tissue"], strict=True)
    ]
    return float(torch.tensor(exponents, dtype=torch.float64).exp().mean())


def torso(batch: int = 1, size: int = 24, dtype: torch.dtype = torch.float32) -> Tensor:
    """A noisy ellipsoid of tissue with rods of bone in air, [B,1,D,H,W] in HU."""
    generator = torch.Generator().manual_seed(1)
    z, y, x = torch.meshgrid(*(torch.linspace(-1, 1, size),) * 3, indexing="ij")
    hu = torch.where(x**2 + (1.3 * y) ** 2 + z**2 < 0.8, 30.0, -1000.0)
    hu = torch.where(((y + 0.4) ** 2 + (z - 0.3) ** 2 < 0.02) | (x**2 + (y - 0.4) ** 2 < 0.03), 900.0, hu)
    return (hu + 20 * torch.randn(batch, 1, size, size, size, generator=generator)).to(dtype)


@pytest.mark.parametrize(("bone_mm", "tissue_mm"), [(0, 20), (5, 0), (8, 30), (20, 25)])
def test_two_material_slab_attenuates_as_the_table_says(bone_mm, tissue_mm):
    hu = slabs(bone_mm, tissue_mm)
    found = ct2xray(hu, bone_mask_from_hu(hu), FRONTAL, NARROW, output="intensity")
    assert found[0, 0, 1, 2].item() == pytest.approx(closed_form(bone_mm, tissue_mm), rel=0.005)
    assert found.flatten().tolist() == pytest.approx([closed_form(bone_mm, tissue_mm)] * 15, rel=0.005)


def test_a_slab_is_as_much_longer_as_the_rays_are_oblique():
    hu = slabs(8, 30)
    hu = hu.expand(1, 1, 12, 64, 12).repeat_interleave(8, 2).repeat_interleave(8, 4)
    bone, tissue = material_thickness(hu, bone_mask_from_hu(hu), FRONTAL, WIDE)
    i = (torch.arange(15, dtype=torch.float64) - 7)[:, None] * 3.0
    j = (torch.arange(21, dtype=torch.float64) - 10)[None] * 2.5
    longer = torch.sqrt(1200.0**2 + i**2 + j**2) / 1200
    assert torch.allclose(bone[0, 0], (0.0005886 * BONE_HU + 1.03) * 0.8 * longer, rtol=1e-6)
    assert torch.allclose(tissue[0, 0], (0.0005886 * TISSUE_HU + 1.03) * 3.0 * longer, rtol=1e-6)


def test_a_monochromatic_beam_follows_beer_and_lambert():
    hu = slabs(8, 30)
    beam = spectrum([60])
    log = ct2xray(hu, bone_mask_from_hu(hu), FRONTAL, NARROW, output="log", spectrum=beam)
    density = density_from_hu(torch.tensor([BONE_HU, TISSUE_HU], dtype=torch.float64)).tolist()
    assert log[0, 0, 1, 2].item() == pytest.approx(0.3148 * density[0] * 0.8 + 0.2048 * density[1] * 3.0, rel=0.005)


@pytest.mark.parametrize("output", ["log", "intensity"])
def test_attenuation_rises_with_thickness(output):
    seen = []
    for thickness in range(0, 45, 5):
        hu = slabs(2, thickness)
        seen.append(ct2xray(hu, bone_mask_from_hu(hu), FRONTAL, NARROW, output=output)[0, 0, 1, 2])
    change = torch.stack(seen).diff()
    assert bool(((change > 0) if output == "log" else (change < 0)).all())


def test_the_beam_hardens_effective_attenuation_falls_with_thickness():
    effective = []
    for thickness in (1, 5, 10, 20, 40):
        hu = slabs(0, thickness)
        log = ct2xray(hu, bone_mask_from_hu(hu), FRONTAL, NARROW, output="log")[0, 0, 1, 2].item()
        effective.append(log / (density_from_hu(torch.tensor(TISSUE_HU)).item() * thickness / 10))
    assert effective == sorted(effective, reverse=True)
    assert effective[0] == pytest.approx(sum(ten_energies().tissue) / 10, rel=0.1)
    assert effective[-1] < 0.75 * effective[0]


def test_the_radiograph_is_each_images_own_maximum_less_the_sum_over_energies():
    hu = torso(2)
    hu[1] = hu[1].clamp_min(0)  # no ray of the second volume misses tissue
    mask = bone_mask_from_hu(hu)
    passed = ct2xray(hu, mask, FRONTAL, WIDE, output="intensity") * 10
    image = ct2xray(hu, mask, FRONTAL, WIDE)
    assert torch.allclose(image, passed.amax((2, 3), keepdim=True) - passed, atol=1e-6)
    assert image.amin((2, 3)).flatten().tolist() == [0, 0]


def test_outputs_agree_with_each_other():
    hu = torso(dtype=torch.float64)
    intensity, log = (ct2xray(hu, bone_mask_from_hu(hu), FRONTAL, WIDE, output=o) for o in ("intensity", "log"))
    assert torch.allclose(-intensity.log(), log, atol=1e-12)


def test_the_authors_density_lets_the_volumes_air_attenuate():
    hu = torch.full((1, 1, 12, 50, 12), -1000.0, dtype=torch.float64)
    mask = torch.zeros_like(hu)
    ours, theirs = (
        material_thickness(hu, mask, FRONTAL, NARROW, density_model=m)[1][0, 0, 1, 2].item()
        for m in ("deepdrr", "xraysyn")
    )
    assert ours == pytest.approx(0.001 * 5, rel=1e-3)
    assert theirs == pytest.approx(0.2212 * 5, rel=1e-3)


def test_a_soft_mask_shares_a_voxel_between_the_materials():
    hu = torso(dtype=torch.float64)
    bone, tissue = material_thickness(hu, torch.full_like(hu, 0.25), FRONTAL, WIDE)
    assert torch.allclose(bone * 3, tissue, rtol=1e-9)


def test_a_bool_mask_is_taken_as_a_float_one():
    hu = torso()
    mask = bone_mask_from_hu(hu)
    assert torch.equal(ct2xray(hu, mask.bool(), FRONTAL, WIDE), ct2xray(hu, mask, FRONTAL, WIDE))


def test_each_volume_can_have_its_own_view():
    hu, poses = torso(2), (Pose(9.0), Pose(-9.0, 4.0))
    together = ct2xray(hu, bone_mask_from_hu(hu), poses, WIDE)
    for i, pose in enumerate(poses):
        one = hu[i : i + 1]
        assert torch.equal(together[i : i + 1], ct2xray(one, bone_mask_from_hu(one), pose, WIDE))


@pytest.mark.parametrize("output", OUTPUTS)
@pytest.mark.parametrize("pose", [FRONTAL, Pose(18.0, -7.0)])
def test_an_images_bits_do_not_depend_on_its_batch(output, pose):
    hu = torso(4)
    together = ct2xray(hu, bone_mask_from_hu(hu), pose, WIDE, output=output)
    for i in range(4):
        one = hu[i : i + 1]
        assert torch.equal(together[i : i + 1], ct2xray(one, bone_mask_from_hu(one), pose, WIDE, output=output))


@pytest.mark.parametrize("output", OUTPUTS)
def test_gradients_agree_with_finite_differences(output):
    generator = torch.Generator().manual_seed(2)
    # Thousands of HU, so that one step suits both inputs; away from 0 HU, where the density line bends.
    thousands = (0.1 + 0.9 * torch.rand(1, 1, 4, 5, 4, generator=generator, dtype=torch.float64)).requires_grad_()
    mask = torch.rand(1, 1, 4, 5, 4, generator=generator, dtype=torch.float64).requires_grad_()
    geometry = ConeBeamGeometry(detector_shape=(4, 4), voxel_spacing_mm=(2.0, 9.0, 2.0))

    def radiograph(volume: Tensor, bone: Tensor) -> Tensor:
        return ct2xray(1000 * volume, bone, Pose(5.0, 3.0), geometry, output=output)

    assert torch.autograd.gradcheck(radiograph, (thousands, mask), eps=1e-6, atol=1e-6, rtol=1e-4)


def test_suppressing_simulated_bone_gives_the_simulation_without_it():
    hu = torso()
    mask = bone_mask_from_hu(hu)
    bone, tissue = material_thickness(hu, mask, FRONTAL, WIDE)
    image = ct2xray(hu, mask, FRONTAL, WIDE)
    without = ct2xray(torch.where(mask > 0, -2000.0, hu), torch.zeros_like(hu), FRONTAL, WIDE, output="intensity") * 10
    passed = ct2xray(hu, mask, FRONTAL, WIDE, output="intensity") * 10
    truth = passed.amax() - without
    found = suppress_bone(image, bone, tissue, tissue_per_bone=0)
    assert (found - truth).abs().max() < 1e-5 * image.max()
    assert (image - truth).max() > 0.02 * image.max()


def test_suppression_in_the_papers_way_gives_the_simulation_with_tissue_in_bones_place():
    hu = torso()
    mask = bone_mask_from_hu(hu)
    bone, tissue = material_thickness(hu, mask, FRONTAL, WIDE)
    image = ct2xray(hu, mask, FRONTAL, WIDE)
    all_tissue = ct2xray(hu, torch.zeros_like(hu), FRONTAL, WIDE, output="intensity") * 10
    truth = (ct2xray(hu, mask, FRONTAL, WIDE, output="intensity") * 10).amax() - all_tissue
    assert (suppress_bone(image, bone, tissue) - truth).abs().max() < 1e-5 * image.max()


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_cuda_agrees_with_the_cpu():
    hu = torso(2)
    mask = bone_mask_from_hu(hu)
    on_cpu = ct2xray(hu, mask, Pose(18.0), WIDE)
    assert torch.allclose(ct2xray(hu.cuda(), mask.cuda(), Pose(18.0), WIDE).cpu(), on_cpu, atol=1e-4)


def test_wrong_calls_are_refused_in_words():
    hu = torso()
    mask = bone_mask_from_hu(hu)
    with pytest.raises(ValueError, match=r"alike, \[B,1,D,H,W\]"):
        ct2xray(hu, mask[..., :-1], FRONTAL, WIDE)
    with pytest.raises(ValueError, match=r"alike, \[B,1,D,H,W\]"):
        ct2xray(hu[0], mask[0], FRONTAL, WIDE)
    with pytest.raises(ValueError, match="no output 'film'; there is radiograph, intensity, log"):
        ct2xray(hu, mask, FRONTAL, WIDE, output="film")
    with pytest.raises(ValueError, match="no density model"):
        ct2xray(hu, mask, FRONTAL, WIDE, density_model="linear")
