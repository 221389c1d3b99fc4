"""Radiographs of the thorax phantom: what the images and masks are, by the volume that they were made from."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from radbench.xray import scale_to_unit
from radbench_phantom.cxr.dataset import PhantomCxr
from radbench_phantom.cxr.projection import Projector, shown
from radbench_phantom.cxr.radiograph import bone_of, mineral_of, radiograph_of
from radbench_phantom.thorax.labels import Anatomy
from radbench_phantom.thorax.render import render

Config = PhantomCxr.Config
GRID = (64, 64, 64)
LEVEL = 1.01 / 65535


def config_of(**fields):
    return Config(size=64, grid=GRID, prevalence={"nodule": 1.0, "effusion": 1.0}, **fields)


@pytest.fixture(scope="module")
def volume():
    return render(PhantomCxr(config_of()).thorax("p0001"), GRID)


@pytest.fixture(scope="module")
def drr(volume):
    return radiograph_of(volume, config_of(), 1)


@pytest.fixture(scope="module")
def cone(volume):
    return radiograph_of(volume, config_of(physics="ct2xray"), 1)


def rays(volume, config):
    return Projector(config, volume.spacing_mm, GRID)


def test_the_masks_are_any_of_the_labels_along_the_beam(volume, drr):
    for name in ("lung_mask", "bone_mask", "heart_mask", "nodule_mask"):
        assert torch.equal(drr.masks[name], getattr(volume, name).any(1).flip(0)), name


def test_lungs_hide_behind_the_heart_and_below_the_dome(drr):
    lung, heart = drr.masks["lung_mask"], drr.masks["heart_mask"]
    assert (lung & heart).sum() > 0.3 * heart.sum()


def test_the_drr_is_the_mean_attenuation_along_y_but_for_the_exponents_curvature(volume, drr):
    mean = (volume.hu.double() + 1000).clamp(min=0).mean(1).flip(0)
    linear = (mean - mean.min()) / (mean.max() - mean.min())
    assert (drr.images["image"] - linear).abs().max() < 1e-3


def test_superior_is_up_and_the_patients_right_is_left(volume, drr):
    right = (volume.labels >= 12) & (volume.labels <= 14)
    liver = volume.labels == 25
    columns = torch.arange(64.0)
    heart = drr.masks["heart_mask"]
    assert (heart.sum(0) * columns).sum() / heart.sum() > 32 - 2
    at = right.any(1).flip(0)
    assert (at.sum(0) * columns).sum() / at.sum() < 32
    low = liver.any(1).flip(0)
    assert (low.sum(1) * columns).sum() / low.sum() > 32


@pytest.mark.parametrize("made", ["drr", "cone"])
def test_lung_and_bone_images_are_dark_outside_their_masks_and_bright_within(made, request):
    radiograph = request.getfixturevalue(made)
    for image, mask in (("lung_image", "lung_mask"), ("bone_image", "bone_mask")):
        picture, where = radiograph.images[image], radiograph.masks[mask]
        assert (picture[~where] == 0).all()
        assert (picture[where] > 0).float().mean() > 0.9
        assert picture.max() == 1


def test_bone_and_what_is_left_without_bone_attenuate_as_the_whole(volume):
    config = config_of()
    beam, bone, air = rays(volume, config), volume.bone_mask, torch.tensor(-1000.0)
    whole = beam.log(volume.hu)
    parts = beam.log(torch.where(bone, volume.hu, air)) + beam.log(torch.where(bone, air, volume.hu))
    assert torch.allclose(whole, parts, atol=1e-9)
    # In cone beams of ten energies the sum is that of thicknesses: together they attenuate less than apart.
    config = config_of(physics="ct2xray")
    beam = rays(volume, config)
    whole = beam.log(volume.hu, bone)
    parts = beam.log(torch.where(bone, volume.hu, air), bone) + beam.log(torch.where(bone, air, volume.hu))
    assert (whole <= parts + 1e-4).all()
    assert (whole >= beam.log(torch.where(bone, air, volume.hu)) - 1e-4).all()


def test_the_soft_tissue_image_has_tissue_in_the_bones_place(volume, drr):
    mean = torch.where(volume.bone_mask, torch.tensor(40.0), volume.hu).double().add(1000).clamp(min=0).mean(1).flip(0)
    assert (drr.images["soft_tissue_image"] - scale_to_unit(mean[None, None])[0, 0]).abs().max() < 1e-3


def test_the_papers_window_takes_the_bone_between_its_bounds(volume):
    some = bone_of(volume, config_of(bone="window"))
    assert some.any()
    assert volume.hu[some].min() >= 300
    assert volume.hu[some].max() <= 700
    assert (bone_of(volume, config_of(bone="window", bone_hu_max=None)) >= some).all()
    assert not (some & ~volume.bone_mask).any()


def test_the_share_of_bone_is_soft_and_stays_with_the_bones_and_calcium(volume):
    share = mineral_of(volume)
    assert share.min() == 0
    assert 0.5 < share.max() <= 1
    assert ((share > 0.05) & (share < 0.95) & volume.bone_mask).sum() > 0.2 * volume.bone_mask.sum()
    far = torch.nn.functional.max_pool3d(volume.bone_mask.float()[None, None], 3, 1, 1)[0, 0] == 0
    assert (share[far & (volume.hu <= 350)] == 0).all()


def test_metal_attenuates_as_bone_and_stays_in_the_soft_tissue_image(volume):
    hu, labels = volume.hu.clone(), volume.labels.clone()
    hu[40:44, 4:8, 40:44] = 3000.0
    labels[40:44, 4:8, 40:44] = int(Anatomy.DEVICE)
    made = radiograph_of(replace(volume, hu=hu, labels=labels), config_of(physics="ct2xray", display="log"), 1)
    where = (slice(64 - 43, 64 - 41), slice(41, 43))
    for name in ("image", "soft_tissue_image"):
        picture = made.images[name]
        assert picture[where].mean() > 1.2 * picture[18:27, 38:46].median(), name


def test_cone_masks_lie_near_the_parallel_ones(drr, cone):
    for name in ("lung_mask", "heart_mask"):
        one, other = drr.masks[name], cone.masks[name]
        assert 2 * (one & other).sum() > 0.85 * (one.sum() + other.sum()), name
    assert cone.masks["nodule_mask"].any()


def test_a_turned_view_moves_the_heart(volume, cone):
    turned = radiograph_of(volume, config_of(physics="ct2xray", pose=(18.0, 0.0)), 1)
    columns = torch.arange(64.0)
    at = [(m.sum(0) * columns).sum() / m.sum() for m in (cone.masks["heart_mask"], turned.masks["heart_mask"])]
    assert abs(at[1] - at[0]) > 1


def test_the_chest_beam_shows_less_bone_than_the_papers(volume):
    bone = torch.where(volume.bone_mask, volume.hu, torch.tensor(-1000.0))
    tissue = torch.where(volume.bone_mask, torch.tensor(-1000.0), volume.hu)
    share = []
    for spectrum in ("paper", "chest"):
        beam = rays(volume, config_of(physics="ct2xray", spectrum=spectrum))
        share.append(float(beam.log(bone, volume.bone_mask).mean() / beam.log(tissue).mean()))
    assert 0 < share[1] < 0.8 * share[0]


def test_detail_raises_what_is_fine_and_keeps_the_mean(volume):
    log = rays(volume, config_of()).log(volume.hu)
    more = shown(log, config_of(display="log", detail=1.5, detail_mm=8.0), 0.1, 5.0)
    assert torch.allclose(more.mean(), log.mean(), rtol=1e-6)
    step = [x[0, 0].diff(dim=1).abs().mean() for x in (log, more)]
    assert step[1] > 1.3 * step[0]


def test_the_frame_of_the_lungs_holds_the_lungs_and_is_a_part_of_the_field(volume, drr):
    framed = radiograph_of(volume, config_of(frame="lungs"), 1)
    assert framed.spacing_mm[0] < drr.spacing_mm[0]
    area = [float(r.masks["lung_mask"].sum()) * r.spacing_mm[0] ** 2 for r in (framed, drr)]
    assert area[0] == pytest.approx(area[1], rel=0.03)


def test_the_detector_is_off_by_default_and_changes_the_image_alone(volume, drr):
    noisy = radiograph_of(volume, config_of(photons=2000.0, scatter=0.3, blur_mm=1.0), 1)
    assert not torch.equal(noisy.images["image"], drr.images["image"])
    for name in ("lung_image", "bone_image", "soft_tissue_image"):
        assert torch.equal(noisy.images[name], drr.images[name])
    again = radiograph_of(volume, config_of(photons=2000.0, scatter=0.3, blur_mm=1.0), 1)
    assert torch.equal(noisy.images["image"], again.images["image"])


def test_displays_keep_the_order_of_densities(volume, drr):
    order = drr.images["image"].flatten().argsort()
    for display in ("log", "film"):
        shown = radiograph_of(volume, config_of(display=display), 1).images["image"].flatten()[order]
        assert (shown.diff() >= -2 * LEVEL).all()
