"""Hospital looks of phantom-cxr: what is drawn, the view's geometry, what edges and markers leave alone."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from radbench.contracts.case import validate_case
from radbench.xray import ConeBeamGeometry, Pose, project
from radbench_phantom.cxr import film as cxr_film
from radbench_phantom.cxr.dataset import PhantomCxr
from radbench_phantom.cxr.film import film_of, render_for_film
from radbench_phantom.cxr.looks import look_of
from radbench_phantom.cxr.lung_area import hiding, three_lungs
from radbench_phantom.cxr.marks import Blade, Mark, with_blades, with_marks
from radbench_phantom.cxr.processing import measured
from radbench_phantom.thorax.labels import Anatomy
from radbench_phantom.thorax.volume import Volume

Config = PhantomCxr.Config
GRID = (48, 40, 48)


def config_of(look="hospital", **fields):
    return Config(look=look, size=64, grid=GRID, **fields)


@pytest.fixture(scope="module")
def volume():
    return render_for_film(PhantomCxr(config_of(prevalence={"nodule": 1.0})).thorax("p0001"), config_of())


def film(volume, monkeypatch, **changes):
    """Return the film of patient 1 whose look is changed."""
    look = replace(look_of(config_of(), 1), blades=(), marks=(), **changes)
    monkeypatch.setattr(cxr_film, "look_of", lambda config, index: look)
    return film_of(volume, config_of(), 1)


def ball(at, radius=9.0, spacing=4.0, n=48):
    """Return a ball of water in air, its middle at (z, y, x) mm from the volume's."""
    axis = (torch.arange(n) - (n - 1) / 2) * spacing
    z, y, x = torch.meshgrid(axis, axis, axis, indexing="ij")
    inside = (z - at[0]) ** 2 + (y - at[1]) ** 2 + (x - at[2]) ** 2 <= radius**2
    hu = torch.where(inside, 0.0, -1000.0)
    labels = torch.where(inside, 10, 0).to(torch.uint8)
    return Volume(hu, labels, (spacing,) * 3, {}, {}, {})


def centre_of(image):
    weight = image / image.sum()
    rows, columns = torch.arange(image.shape[0]) + 0.5, torch.arange(image.shape[1]) + 0.5
    return float((weight.sum(1) * rows).sum()), float((weight.sum(0) * columns).sum())


def test_a_case_of_every_look_keeps_the_contract_and_tells_its_look():
    for look in ("stand", "bedside", "hospital"):
        case = PhantomCxr(config_of(look)).load("p0000")
        validate_case(case)
        told = case.provenance["look"]
        assert json.loads(json.dumps(told)) == told
        assert told == look_of(config_of(look), 0).facts
        assert case.targets["view_pose"].azimuth_deg == (180.0 if told["view"] == "AP" else 0.0)


def test_the_stand_is_pa_from_afar_and_the_bedside_ap_from_near():
    for index in range(40):
        stand, bed = look_of(config_of("stand"), index), look_of(config_of("bedside"), index)
        assert (stand.view, bed.view) == ("PA", "AP")
        assert bed.source_detector_mm <= 1200 < 1700 < stand.source_detector_mm
        assert max(abs(stand.turn_deg), abs(bed.turn_deg)) < 3.1
        assert -8.0 <= bed.tilt_deg <= 2.0


def test_looks_vary_and_hospitals_have_both_views():
    looks = [look_of(config_of(), i) for i in range(200)]
    assert 0.35 < np.mean([k.view == "AP" for k in looks]) < 0.65
    assert {k.style for k in looks} == {"flat", "film", "detailed"}
    assert {k.curve for k in looks} == {"linear", "sigmoid", "power"}
    assert 0.3 < np.mean([bool(k.blades) for k in looks]) < 0.7
    assert 0.7 < np.mean([any(m.text in "LR" for m in k.marks) for k in looks]) < 0.98


def test_a_side_marker_lies_on_the_side_that_it_names():
    for index in range(200):
        for mark in look_of(config_of(), index).marks:
            if mark.text in ("L", "R"):
                assert (mark.column > 0.5) == (mark.text == "L")


def test_what_is_set_is_not_drawn_and_moves_nothing_else():
    free, fixed = look_of(config_of(), 3), look_of(config_of(photons=5e5, scatter=0.7), 3)
    assert (fixed.photons, fixed.scatter) == (5e5, 0.7)
    assert replace(fixed, photons=free.photons, scatter=free.scatter) == free


def test_a_config_that_was_written_out_and_read_again_makes_the_same_look():
    config = config_of(photons=5e5)
    again = Config.model_validate(config.model_dump(mode="json"))
    assert again == config
    assert look_of(again, 2) == look_of(config, 2)


@pytest.mark.parametrize("look", ["plain", "stand", "hospital", "mixed"])
def test_a_config_is_its_values(look):
    config = Config(look=look, bone="window")
    again = Config.model_validate(config.model_dump(mode="json"))
    assert again == config
    for index in range(6):
        assert again.of_patient(index) == config.of_patient(index)


def test_looks_change_the_digest():
    digests = {PhantomCxr(config_of(k)).manifest()[0].digest for k in ("stand", "bedside", "hospital")}
    assert len(digests) == 3


@pytest.mark.parametrize("fields", [{"physics": "drr"}, {"display": "paper"}, {"pose": (9.0, 0.0)}])
def test_what_no_hospital_can_show_is_refused(fields):
    with pytest.raises(ValidationError, match="look=stand"):
        Config(look="stand", **fields)


def test_edges_and_markers_change_the_image_alone(volume, monkeypatch):
    plain = film(volume, monkeypatch)
    edges = (Blade("left", 0.1, 2.0, 0.0, 0.0, 0.002), Blade("bottom", 0.05, 0.0, 1.0, 0.0, 0.002))
    look = replace(look_of(config_of(), 1), blades=edges, marks=(Mark("L", 0.1, 0.9, 0.1, 5.0, 1.0, None, 0.1),))
    monkeypatch.setattr(cxr_film, "look_of", lambda config, index: look)
    marked = film_of(volume, config_of(), 1)
    assert not torch.equal(marked.images["image"], plain.images["image"])
    for name in ("lung_image", "bone_image", "soft_tissue_image"):
        assert torch.equal(marked.images[name], plain.images[name])
    for name, mask in plain.masks.items():
        assert torch.equal(marked.masks[name], mask)


def test_masks_turn_with_the_image(volume, monkeypatch):
    straight, turned = (film(volume, monkeypatch, turn_deg=t, aspect=1.0, tilt_deg=0.0) for t in (0.0, 3.0))
    for made in (straight, turned):
        lit = made.images["lung_image"] > 0
        mask = made.masks["lung_mask"]
        assert not (lit & ~mask).any()
        assert lit.sum() > 0.95 * mask.sum()
    assert not torch.equal(straight.masks["lung_mask"], turned.masks["lung_mask"])


def test_a_turn_is_clockwise_about_the_middle_of_the_image(monkeypatch):
    look = replace(
        look_of(config_of(), 1), view="PA", tilt_deg=0.0, aspect=1.0, source_detector_mm=1e6, source_isocentre_mm=1e6
    )
    at = (30.0, 0.0, 40.0)
    found = []
    for turn in (0.0, 3.0):
        frame = cxr_film._Frame((0.0, 0.0), 160.0, 160.0, turn, 64)
        rays = cxr_film._Detector(ball(at), look, frame)
        found.append(centre_of(rays.image(rays.sum(ball(at).hu + 1000))[0, 0]))
    (row, column), (turned_row, turned_column) = ((r - 32, c - 32) for r, c in found)
    assert (row, column) == pytest.approx((-30 / 2.5, 40 / 2.5), abs=0.05)
    # The detector turns clockwise, so that the picture turns the other way on it.
    angle = np.rad2deg(np.arctan2(row, column) - np.arctan2(turned_row, turned_column))
    assert angle == pytest.approx(3.0, abs=0.25)


@pytest.mark.parametrize("view", ["PA", "AP"])
def test_a_tilted_tube_throws_shadows_where_a_raised_source_would(view):
    at, degrees, distance = (20.0, 36.0, 12.0), 6.0, 1000.0
    look = replace(
        look_of(config_of(), 1),
        view=view,
        source_isocentre_mm=distance,
        source_detector_mm=distance + 100,
        tilt_deg=degrees,
    )
    volume = ball(at)
    rays = cxr_film._Detector(volume, look, cxr_film._Frame((0.0, 0.0), 180.0, 180.0, 0.0, 90))
    row, column = centre_of(rays.image(rays.sum(volume.hu + 1000))[0, 0])
    # The ray from the source through the ball's middle, in the plane y = 0.
    source = np.array([distance * np.tan(np.deg2rad(degrees)), distance if view == "PA" else -distance, 0.0])
    ball_at = np.array(at)
    hit = source + (ball_at - source) * (source[1] / (source[1] - ball_at[1]))
    assert ((45 - row) * 2, (column - 45) * 2) == pytest.approx((hit[0], hit[2]), abs=0.5)


def test_a_film_without_turn_or_tilt_shows_what_the_projector_of_radbench_shows(volume):
    look = replace(look_of(config_of("stand"), 1), tilt_deg=0.0)
    side = 64
    frame = cxr_film._Frame((0.0, 0.0), side * 4.0, side * 4.0, 0.0, side)
    rays = cxr_film._Detector(volume, look, frame)
    ours = rays.length(rays.sum(volume.hu + 1000))[0, 0]
    larger = 4.0 * look.source_detector_mm / look.source_isocentre_mm
    there = ConeBeamGeometry(
        look.source_detector_mm, look.source_isocentre_mm, (side, side), (larger, larger), volume.spacing_mm
    )
    theirs = project((volume.hu + 1000)[None, None], Pose(0, 0), there)[0, 0]
    assert (ours - theirs).abs().max() < 2e-3 * theirs.max()


def test_the_voxels_blur_is_undone_in_part():
    look = replace(look_of(config_of("stand"), 1), tilt_deg=0.0)
    frame = cxr_film._Frame((0.0, 0.0), 96.0, 96.0, 0.0, 48)
    z, y, x = torch.meshgrid(*[(torch.arange(96) - 47.5)] * 3, indexing="ij")
    # Partial volume: each coarse voxel is the mean of 64 fine ones.
    fine = (z**2 + y**2 + x**2 <= 30**2).float()
    coarse = torch.nn.functional.avg_pool3d(fine[None, None], 4)[0, 0]
    films = []
    for field, spacing in ((fine, 1.0), (coarse, 4.0)):
        body = Volume(field, torch.zeros_like(field, dtype=torch.uint8), (spacing,) * 3, {}, {}, {})
        rays = cxr_film._Detector(body, look, frame)
        seen = rays.sum(field)
        films.append((rays.image(seen), rays.length(seen).double() / 10))
    true = films[0][1]
    assert (films[1][0] - true).abs().mean() < 0.7 * (films[1][1] - true).abs().mean()


def test_noise_is_poissons_and_scatter_adds_its_share():
    look = replace(look_of(config_of(), 0), scatter=0.0, blur_mm=0.0, photons=1e4)
    log = torch.full((1, 1, 200, 200), 1.0, dtype=torch.float64)
    seen = torch.exp(-measured(log, look, 1.0, 5))
    expected = np.exp(-1.0)
    assert float(seen.mean()) == pytest.approx(expected, rel=2e-3)
    assert float(seen.var()) == pytest.approx(expected / 1e4, rel=0.05)
    clean = replace(look, photons=1e12, scatter=0.5)
    assert float(torch.exp(-measured(log, clean, 1.0, 5)).mean()) == pytest.approx(1.5 * expected, rel=1e-4)


def test_an_edge_leaves_its_grey_beyond_and_the_image_within():
    image = torch.full((1, 1, 100, 100), 0.5)
    out = with_blades(image, (Blade("top", 0.2, 0.0, 1.0, 0.0, 0.001),))
    assert (out[..., :18, :] > 0.99).all()
    assert torch.allclose(out[..., 22:, :], image[..., 22:, :], atol=1e-2)


def test_letters_stay_in_the_image_and_near_their_place():
    image = torch.zeros((1, 1, 100, 100))
    for row, column in ((0.5, 0.5), (0.0, 1.0)):
        ink = with_marks(image, (Mark("L", row, column, 0.2, 0.0, 1.0, None, 0.05),))[0, 0]
        assert 20 < float(ink.sum()) < 200
        assert float(ink[0].sum() + ink[-1].sum() + ink[:, 0].sum() + ink[:, -1].sum()) == 0.0


def test_lungs_by_definition_lie_within_one_another(volume):
    found = film_of(volume, config_of(), 1).masks
    whole, field, aerated = (found[n] for n in ("lung_mask", "lung_field_mask", "aerated_lung_mask"))
    assert not (field & ~whole).any()
    assert not (aerated & ~field).any()
    heart = found["heart_mask"]
    assert (aerated & heart).sum() < 0.1 * (field & heart).sum()
    assert 0.3 < aerated.sum() / whole.sum() < field.sum() / whole.sum() < 0.95


def slabs(**at):
    """Return a volume ``[8,8,8]`` of 4 mm with labels in whole planes along x, so deep along the rays as told."""
    labels = torch.zeros(8, 8, 8, dtype=torch.uint8)
    for name, (columns, depth) in at.items():
        labels[:, :depth, columns] = int(Anatomy[name])
    return Volume(torch.full((8, 8, 8), -1000.0), labels, (4.0, 4.0, 4.0), {}, {}, {})


def test_a_structure_hides_the_lung_from_its_length_along_the_ray_on():
    def lungs(**at):
        found = three_lungs(torch.ones(1, 1, 8, 8, dtype=torch.bool), hiding(slabs(**at)), length, 32.0)
        return {name: [bool(v) for v in mask[0, 0, 0]] for name, mask in found.items()}

    def length(voxels):
        return 4.0 * voxels.sum(1).flip(0)[None, None].float()

    every = [True] * 8
    for name, least, ends_field in (("VERTEBRA_C5", 18, True), ("ABDOMEN", 8, True), ("HEART", 12, False)):
        enough = -(-least // 4)
        for depth, hides in ((enough - 1, False), (enough, True)):
            found = lungs(**{name: (slice(0, 3), depth)})
            cut = [False] * 3 + [True] * 5 if hides else every
            assert found["lung_mask"] == every
            assert found["lung_field_mask"] == (cut if ends_field else every)
            assert found["aerated_lung_mask"] == cut


def test_the_number_of_threads_and_repetition_do_not_change_a_film(volume):
    one = film_of(volume, config_of(), 1)
    before = torch.get_num_threads()
    torch.set_num_threads(1 if before > 1 else 2)
    try:
        other = film_of(volume, config_of(), 1)
    finally:
        torch.set_num_threads(before)
    assert torch.equal(one.images["image"], other.images["image"])


def test_the_same_patient_breathes_less_deeply_in_bed():
    plain, stand, bed = (PhantomCxr(config_of(k)).thorax("p0003") for k in ("plain", "stand", "bedside"))
    assert bed.traits.breath_mm < stand.traits.breath_mm == plain.traits.breath_mm
    assert (bed.traits.sex, bed.traits.scale, bed.findings) == (plain.traits.sex, plain.traits.scale, plain.findings)


def test_nodules_of_patients_in_bed_are_still_seen():
    data = PhantomCxr(config_of("bedside", prevalence={"nodule": 1.0}))
    for case_id in ("p0000", "p0002", "p0004"):
        targets = data.load(case_id).targets
        assert targets["nodule_mask"].any()
        assert not (targets["nodule_mask"] & ~targets["lung_mask"]).any()


def test_a_mixed_case_is_the_plain_or_the_hospital_case_of_its_patient():
    kinds = {look: PhantomCxr(PhantomCxr.Config(look=look, patients=60)) for look in ("plain", "hospital", "mixed")}
    digests = {look: [e.digest for e in data.manifest()] for look, data in kinds.items()}
    plain = [m == p for m, p in zip(digests["mixed"], digests["plain"], strict=True)]
    hospital = [m == h for m, h in zip(digests["mixed"], digests["hospital"], strict=True)]
    assert all(p != h for p, h in zip(plain, hospital, strict=True))
    assert 10 <= sum(plain) <= 30


def test_a_mixed_look_refuses_what_one_of_its_looks_refuses():
    with pytest.raises(ValueError, match="frontal view"):
        PhantomCxr.Config(look="mixed", pose=(5.0, 0.0), physics="ct2xray")
