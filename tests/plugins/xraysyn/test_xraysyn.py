"""The enhancers: physics of the first stage, Algorithm 1 on the radiograph, trainings, and what they promise."""

from types import SimpleNamespace

import numpy
import pytest
import torch

from radbench.contracts import Case, CaseError, FitContext, Sample
from radbench.learn import Batch, Draws, ListLessons
from radbench.learn.batch import resized
from radbench.xray import Pose, attenuated_intensity, density_from_hu
from radbench.xray.chest_cube import cube_views
from radbench_xraysyn.ablations import ThreeDpnDrr, TwoDRefiner, X2Ct
from radbench_xraysyn.config import FIRST_STAGE, DrrConfig, RefinerConfig, X2CtConfig, XraySynConfig, _first_stage
from radbench_xraysyn.networks import Shape
from radbench_xraysyn.priors import USUAL, Prior, PriorLoss, Simulated, packed, poses_of
from radbench_xraysyn.refining import Projected, RefinerLoss, judge_loss, reconstruction
from radbench_xraysyn.shown import Suppression, fit_greys, viewed_one
from radbench_xraysyn.xraysyn import XraySyn

N = 16
TINY = {"voxels": N, "first_filters": 4, "most_filters": 8, "levels": 2, "batch_size": 2, "epochs": 2}
SMALL_2D = {"blocks": 1, "layers": 2, "growth": 4}


def chest():
    """HU and bone's shares of a cube with a body, two lungs and a bar of bone, ``[N,N,N]``."""
    hu = torch.full((N, N, N), -1000.0)
    hu[:, 3:13] = 40.0
    hu[3:13, 5:11, 2:6], hu[3:13, 5:11, 10:14] = -800.0, -800.0
    share = torch.zeros(N, N, N)
    hu[6:8, 3:5, 2:14], share[6:8, 3:5, 2:14] = 700.0, 0.6
    return hu, share


def lessons(count=4):
    hu, share = chest()
    cubes = [packed(hu + 20 * i * (hu > -500), share) for i in range(count)]
    return SimpleNamespace(train=ListLessons(cubes[: count // 2]), validation=ListLessons(cubes[count // 2 :]))


def radiographs(count=4):
    made = [{"image": (torch.rand(1, 2 * N, 2 * N, generator=g) * 255).to(torch.uint8)} for g in
            (torch.Generator().manual_seed(i) for i in range(count))]  # fmt: skip
    return SimpleNamespace(train=ListLessons(made[: count // 2]), validation=ListLessons(made[count // 2 :]))


def context(folder, precision="float32"):
    beside = folder / "beside"
    beside.mkdir(parents=True, exist_ok=True)
    return FitContext("cpu", 0, folder, beside, lambda done, total, text: None, precision=precision)


def xraysyn(**fields):
    config = XraySynConfig(**{"stage": 1, **TINY, **fields})
    return XraySyn(config, SimpleNamespace(volumes=None)).eval()


def refined(**fields):
    config = XraySynConfig(**{**TINY, **SMALL_2D, "discriminator_filters": 4, "refining_batch": 2,
                              "refining_epochs": 2, **fields})  # fmt: skip
    first = xraysyn(**{name: value for name, value in fields.items() if name in FIRST_STAGE})
    return XraySyn(config, SimpleNamespace(volumes=SimpleNamespace(object=first))).eval()


def simulated(prior, others=1, angle=18.0):
    batch = Batch({name: torch.stack([one[name] for one in lessons().train]) for name in ("hu", "bone")}, (0, 1))
    return Simulated(prior, angle, others)(batch, Draws(0, 0, (0, 1)))


def test_the_truth_in_the_output_s_place_costs_nothing_but_the_entropy_of_its_mask():
    prior = Prior("3dpn", N, Shape(4, 8, 2))
    batch = simulated(prior)
    # Where bone is a part of a voxel, both materials have its HU.
    truth = torch.cat([batch["mask"], batch["ct"], batch["ct"]], dim=1)
    share = batch["mask"].clamp(1e-6, 1 - 1e-6)
    entropy = -(share * share.log() + (1 - share) * (1 - share).log()).flatten(1).mean(1)
    loss = PriorLoss(prior, 1.0, 1.0, 1.0)(lambda shown: truth, batch)
    torch.testing.assert_close(loss, entropy, atol=2e-3, rtol=0)


def test_what_is_seen_in_training_is_ct2xray_of_the_cube():
    hu, share = chest()
    prior = Prior("3dpn", N, Shape(4, 8, 2))
    batch = simulated(prior)
    pose = poses_of(batch["poses"][:1, 1])
    kept = packed(hu, share)
    seen = cube_views(kept["hu"].float()[None], kept["bone"].float()[None] / 255, pose, prior.geometry)
    torch.testing.assert_close(batch["radiographs"][0, 1], seen["radiograph"][0])
    torch.testing.assert_close(batch["thicknesses"][0, 1, :1], seen["bone"][0])
    assert float(batch["poses"].abs().max()) <= 18.0
    assert not torch.equal(batch["poses"][0], batch["poses"][1])


def anchored(network=None):
    """What an anchored prior makes of the radiographs of two chests: prior, batch, poses, and what was found."""
    prior = Prior("3dpn", N, Shape(4, 8, 2), anchored=True)
    batch = simulated(prior)
    poses = poses_of(batch["poses"][:, 0])
    network = network or prior.network(0)
    return prior, batch, poses, prior.found(network, batch["shown"], batch["radiographs"][:, 0], poses)


def test_anchored_tissue_shows_the_radiograph_with_whatever_bone_was_found():
    prior, batch, poses, found = anchored()
    thickness = prior.thicknesses(prior.masses(found), poses).detach()
    assert float(thickness[:, 0].max()) > 0.1
    wrong = (prior.radiographs(thickness) - batch["radiographs"][:, 0]).abs()
    # Sixteen voxels draw edges that no smooth smear shows; the radiographs themselves deviate by 0.3.
    assert float(wrong.mean()) < 0.06 < 0.2 < float(batch["radiographs"].std())


def test_an_anchor_leaves_along_a_ray_what_was_found_there():
    """Bone and its mask as they were; tissue times one number along each ray, so that what is air stays air."""
    hu, share = chest()
    cube = (hu[None, None].expand(2, 1, -1, -1, -1) + 1000) / 5000
    given = torch.cat([share.expand_as(cube), cube, cube], dim=1)
    _, _, _, found = anchored(lambda shown: given)
    assert torch.equal(found[:, :2], given[:, :2])
    air = (hu < -990).expand_as(cube)
    assert float(found[:, 2:][air].abs().max()) < 1e-3
    before, after = density_from_hu(given[:, 2:] * 5000 - 1000), density_from_hu(found[:, 2:] * 5000 - 1000)
    # The rays of the middle run along y within a voxel's width of one column.
    column = (after / before)[0, 0, N // 2 - 1, 4:12, N // 2 - 1]
    assert float(column.std() / column.mean()) < 0.15


def test_an_anchor_asks_for_no_other_bone():
    """What tissue lacks is asked with the bone as a fact: through the tissue nothing pulls at the bone."""
    prior, batch, poses, found = anchored()
    free = found.detach()[:, 1:2].requires_grad_()
    given = torch.cat([found.detach()[:, :1], free, found.detach()[:, 2:]], dim=1)
    again = prior.found(lambda shown: given, batch["shown"], batch["radiographs"][:, 0], poses)
    prior.thicknesses(prior.masses(again), poses)[:, 1].sum().backward()
    assert float(free.grad.abs().max()) == 0.0


def test_a_step_keeps_nothing_of_the_size_of_a_volume_for_a_further_view():
    """What autograd keeps grows by a few images for each view, far less than one volume."""
    prior = Prior("3dpn", N, Shape(4, 8, 2))

    def kept(others):
        sizes = []
        batch = simulated(prior, others)
        network = prior.network(0)
        with torch.autograd.graph.saved_tensors_hooks(lambda t: sizes.append(t.numel()) or t, lambda t: t):
            PriorLoss(prior, 1.0, 1.0, 1.0)(network, batch).sum().backward()
        return sizes

    few, many = kept(1), kept(9)
    volumes = [size for size in many if size >= N**3]
    assert len(volumes) == len([size for size in few if size >= N**3])
    assert (sum(many) - sum(few)) / 8 < 40 * 2 * N * N


def test_when_nothing_is_suppressed_the_image_comes_back():
    for one in (
        xraysyn(strength=0.0),
        refined(strength=0.0),
        xraysyn(strength=0.0, mode="bone"),
        refined(strength=0.0, greys="fitted"),
    ):
        images = torch.rand(2, 1, 40, 36)
        with torch.no_grad():
            torch.testing.assert_close(one.enhance(images).image, images, atol=1e-5, rtol=0)


def test_fitted_greys_are_those_of_least_squares():
    rendered, image = torch.rand(2, 1, 9, 7), torch.rand(2, 1, 9, 7)
    gain, offset = fit_greys(rendered, image)
    for k in range(2):
        slope, intercept = numpy.polyfit(rendered[k].flatten().double(), image[k].flatten().double(), 1)
        assert float(gain[k]) == pytest.approx(slope, rel=1e-5)
        assert float(offset[k]) == pytest.approx(intercept, rel=1e-5)
    flat, level = fit_greys(torch.ones(1, 1, 4, 4), image[:1, :, :4, :4])
    assert float(flat) == 0.0
    assert float(level) == pytest.approx(float(image[0, 0, :4, :4].mean()))


def truly_seen():
    """A radiograph by Eq. 5 ``[1,1,20,20]``, its bone and tissue, and the same radiograph without bone."""
    tissue = torch.linspace(4, 8, 20).expand(1, 1, 20, 20).contiguous()
    bone = torch.zeros(1, 1, 20, 20)
    bone[..., 6:14, 6:14] = 0.5
    whole, soft = attenuated_intensity(bone, tissue), attenuated_intensity(torch.zeros_like(bone), bone + tissue)
    return 0.9 - 0.2 * whole, bone, tissue, 0.9 - 0.2 * soft


def test_a_marker_does_not_change_what_is_taken_out_where_greys_are_fitted():
    """The truth of Algorithm 1 on a radiograph of Eq. 5, in whatever gain and offset; a white corner sets no scale."""
    image, bone, tissue, soft = truly_seen()
    out, without = Suppression("suppress", 1.0, fitted=True)(image, bone, tissue)
    torch.testing.assert_close(out, soft, atol=1e-4, rtol=0)
    assert torch.equal(out, without)
    marked = image.clone()
    marked[..., :2, :2] = 1.0
    again, _ = Suppression("suppress", 1.0, fitted=True)(marked, bone, tissue)
    own, _ = Suppression("suppress", 1.0)(marked, bone, tissue)
    where = bone > 0
    taken = float((image - soft)[where].mean())
    assert float((marked - again)[where].mean()) == pytest.approx(taken, rel=0.15)
    assert float((marked - own)[where].mean()) > 1.25 * taken


def test_a_radiograph_that_is_dark_where_the_estimate_is_bright_comes_back():
    image, bone, tissue, _ = truly_seen()
    inverted = 1 - image
    # A pixel that would be changed, were the estimate taken for a rising one.
    inverted[..., 9, 9] = 0.0
    gain, offset = fit_greys(-attenuated_intensity(bone, tissue), inverted)
    assert float(gain) < 0 < float(offset)
    out, without = Suppression("suppress", 1.0, fitted=True)(inverted, bone, tissue)
    assert torch.equal(out, inverted)
    assert torch.equal(without, inverted)


def test_what_is_brighter_than_rays_that_nothing_passes_stays():
    image, bone, tissue, _ = truly_seen()
    image[..., 9:11, 9:11] = 1.0
    _, black = fit_greys(-attenuated_intensity(bone, tissue), image)
    assert float(black) < 1.0
    out, _ = Suppression("suppress", 1.0, fitted=True)(image, bone, tissue)
    assert bool((out[..., 9:11, 9:11] == 1.0).all())
    assert bool((out[..., 6:9, 6:14] < image[..., 6:9, 6:14]).all())


@pytest.mark.parametrize("fitted", [True, False])
def test_views_have_the_radiograph_s_greys(fitted):
    """Fitted, one gain and offset for all, found at the frontal view even where it is not asked for."""
    image = torch.rand(1, 12, 12) * 0.5 + 0.2
    frontal, turned = (image[None] * 4 - 7), (image[None] * 4 - 7).flip(-1) + 0.4

    def rendered(given, poses):
        return torch.cat([frontal if pose == Pose() else turned for pose in poses]), None

    views = viewed_one(image, rendered, [Pose(9.0), Pose()], fitted).image
    alone = viewed_one(image, rendered, [Pose(9.0)], fitted).image
    assert torch.equal(views[:1], alone)
    torch.testing.assert_close(views[1], image, atol=1e-5, rtol=0)
    # In its own range what is brighter all over is not; in the frontal one's it is.
    torch.testing.assert_close(views[0], image.flip(-1) + (0.1 if fitted else 0.0), atol=1e-5, rtol=0)


def test_the_second_stage_is_held_to_the_radiograph_in_the_first_one_s_fitted_greys():
    one = refined(greys="fitted")
    given = Batch({"image": torch.stack([r["image"] for r in radiographs().train])}, (0, 1))
    batch = Projected(one.first, 4.5, 9.0, fitted=True)(given, Draws(0, 0, (0, 1)))
    # The greys are those of the input's view, the first of the two.
    seen = batch["materials"][:, 0] * torch.tensor(USUAL)[:, None, None]
    view = resized(-attenuated_intensity(seen[:, :1], seen[:, 1:]), (2 * N, 2 * N))
    torch.testing.assert_close(batch["greys"], torch.cat(fit_greys(view, batch["image"]), dim=1).flatten(1))
    nets = {"F": one.network, "D": None}
    # 2DRN, which has learnt nothing, adds nothing: the loss is that of the first stage's view.
    seen = one.network(batch["materials"][:, :1], batch["image"])[:, 0]
    bone, tissue = (seen[:, i : i + 1] * usual for i, usual in enumerate(USUAL))
    made = -attenuated_intensity(bone, tissue)
    gain, offset = (batch["greys"][:, i, None, None, None] for i in range(2))
    torch.testing.assert_close(
        reconstruction(nets, batch), (made * gain + offset - batch["image"]).abs().flatten(1).mean(1)
    )


def test_bone_is_taken_out_or_brought_out_by_as_much():
    image, tissue = torch.rand(1, 1, 20, 20) * 0.5 + 0.25, torch.rand(1, 1, 20, 20) + 5
    bone = torch.zeros(1, 1, 20, 20)
    bone[..., 8:12, 8:12] = 0.3
    out, without = Suppression("suppress", 1.0)(image, bone, tissue)
    more, _ = Suppression("bone", 1.0)(image, bone, tissue)
    assert torch.equal(out, without)
    assert float((out - image)[bone > 0].max()) < 0
    torch.testing.assert_close(out[bone == 0], image[bone == 0], atol=1e-5, rtol=0)
    torch.testing.assert_close(more - image, image - out, atol=1e-5, rtol=0)


@pytest.mark.parametrize("bone", [0.3, 1e4])
def test_an_estimate_that_attenuates_all_rays_alike_takes_nothing_out(bone):
    image, alike = torch.rand(1, 1, 8, 8), torch.full((1, 1, 8, 8), bone)
    # Of 10 kg nothing comes through, whatever else differs.
    tissue = torch.full((1, 1, 8, 8), 20.0) if bone < 1 else torch.rand(1, 1, 8, 8) + 20
    for made in Suppression("suppress", 1.0)(image, alike, tissue):
        assert torch.equal(made, image)


def test_a_radiograph_of_one_grey_comes_back_and_has_views():
    grey = torch.full((1, 1, 32, 32), 0.25)
    with torch.no_grad():
        assert torch.equal(xraysyn().enhance(grey).image, grey)
        assert torch.equal(xraysyn().views(grey, [Pose(5.0)]).image, grey[:, None])


@pytest.mark.parametrize("make", [xraysyn, refined])
def test_views_keep_the_contract_and_do_not_depend_on_company(make):
    one, images = make(), torch.rand(2, 1, 24, 32)
    poses = [Pose(-9.0), Pose(0.0), Pose(9.0)]
    with torch.no_grad():
        together, alone = one.views(images, poses), one.views(images[1:], poses[2:])
    assert together.image.shape == (2, 3, 1, 24, 32)
    for name in ("bone_image", "soft_tissue_image", "bone_thickness", "tissue_thickness"):
        assert together.layers[name].shape == together.image.shape
        assert float(together.layers[name].min()) >= 0
        assert torch.equal(together.layers[name][1:, 2:], alone.layers[name])
    assert torch.equal(together.image[1:, 2:], alone.image)


def test_views_are_in_the_radiograph_s_greys():
    image = torch.rand(1, 1, 32, 32) * 0.4 + 0.3
    with torch.no_grad():
        views = xraysyn().views(image, [Pose(-5.0), Pose(5.0)]).image
    assert float(views.min()) >= float(image.min()) - 1e-6
    assert float(views.max()) <= float(image.max()) + 1e-6


CASES = {
    "3dpn": lambda: xraysyn(),
    "anchored": lambda: xraysyn(anchored=True),
    "x2ct": lambda: X2Ct(X2CtConfig(**TINY)),
    "drr": lambda: ThreeDpnDrr(DrrConfig(**TINY)),
    "2d": lambda: TwoDRefiner(RefinerConfig(**{k: TINY[k] for k in ("voxels", "batch_size", "epochs")}, **SMALL_2D)),
}


@pytest.mark.parametrize("kind", CASES)
def test_what_learns_from_ct_learns(kind, tmp_path):
    def trained(folder, epochs):
        one = CASES[kind]()
        one.config = one.config.model_copy(update={"epochs": epochs, "learning_rate": 3e-3, "steps_per_epoch": 3})
        one.fit(lessons(), context(folder))
        return one

    one = trained(tmp_path / "a", 6)
    curve = [
        float(line.split(",")[1]) for line in next((tmp_path / "a" / "beside").glob("*.csv")).read_text().split()[1:]
    ]
    assert curve[-1] < 0.8 * curve[0]
    again = trained(tmp_path / "b", 6)
    assert all(torch.equal(a, b) for a, b in zip(one.state_dict().values(), again.state_dict().values(), strict=True))
    assert "training" in one.facts()


@pytest.mark.parametrize("meta", [True, False])
def test_the_second_stage_learns_the_input_view_and_leaves_the_first_alone(meta, tmp_path):
    one = refined(meta=meta, refining_epochs=8, refining_rate=3e-3)
    before = {k: v.clone() for k, v in one.first.state_dict().items()}
    one.fit({"refined_on": radiographs()}, context(tmp_path))
    rows = [line.split(",") for line in next((tmp_path / "beside").glob("*.csv")).read_text().split()]
    scores = [float(row[rows[0].index("validation_score")]) for row in rows[1:]]
    assert scores[-1] < scores[0]
    assert {"loss_D", "loss_F"} <= {*rows[0]}
    assert all(torch.equal(before[k], v) for k, v in one.first.state_dict().items())


def test_mixed_precision_projects_in_single(tmp_path):
    one = xraysyn()
    one.fit(lessons(), context(tmp_path, "mixed"))
    assert all(v.dtype != torch.bfloat16 for v in one.state_dict().values())


def test_the_losses_of_the_gan_are_equations_13_and_14():
    class Refiner(torch.nn.Module):
        def forward(self, materials, images):
            return torch.nn.functional.interpolate(materials.flatten(0, 1), scale_factor=2.0).unflatten(
                0, materials.shape[:2]
            )

    class Judge(torch.nn.Module):
        def forward(self, images):
            return images[..., :2, :2] * 0 + images.mean()

    image = torch.rand(1, 1, 32, 32)
    materials = torch.rand(1, 2, 2, N, N)
    batch, nets = Batch({"image": image, "materials": materials}, (0,)), {"F": Refiner(), "D": Judge()}
    from radbench_xraysyn.refining import shown

    made = [shown(nets["F"](materials, image)[:, view], batch) for view in range(2)]
    wanted = (made[0] - image).abs().mean() + 0.02 * (made[1].mean() - 1) ** 2
    torch.testing.assert_close(RefinerLoss(1.0, 0.02, 0.005)(nets, batch)[0], wanted)
    wanted = (image.mean() - 1) ** 2 + made[1].mean() ** 2
    torch.testing.assert_close(judge_loss(nets, batch)[0], wanted)


def test_the_first_stage_is_one_part_whatever_the_second_is_like():
    quick = XraySynConfig.profiles["quick"]
    parts = [
        _first_stage(XraySynConfig(**{**quick, **more}))
        for more in ({}, {"meta": False}, {"gan_weight": 0.0}, {"refined_on": "tbx11k"}, {"strength": 0.3})
    ]
    assert len({part.model_dump_json(exclude={"volumes", "refined_on"}) for part in parts}) == 1
    assert len({str(part.refined_on) for part in parts}) == 1


@pytest.mark.parametrize(("field", "value"), [("blocks", 3), ("meta", False), ("refined_on", "tbx11k")])
def test_what_the_first_stage_has_not_is_refused_where_somebody_names_it(field, value):
    for profile in ("quick", "paper"):
        values = {**XraySynConfig.profiles[profile], "stage": 1}
        first = XraySynConfig(**values)
        assert XraySynConfig(**{name: getattr(first, name) for name in XraySynConfig.model_fields}) == first
        with pytest.raises(ValueError, match=f"{field} is of the second stage"):
            XraySynConfig(**{**values, field: value})


def test_a_stage_learns_from_its_own_source_alone():
    hu, share = chest()
    targets = {"volume_hu": hu, "bone_volume": share > 0, "volume_spacing_mm": torch.full((3,), 20.0)}
    sample = Sample(Case("a", "a", torch.rand(1, 20, 20), targets=targets), torch.rand(1, 20, 20))
    assert {k: tuple(v.shape) for k, v in xraysyn().lesson(sample).items()} == {
        "hu": (1, N, N, N), "bone": (1, N, N, N)
    }  # fmt: skip
    assert refined().lesson(sample, "trained_on") is None
    assert refined().lesson(sample, "refined_on")["image"].shape == (1, 2 * N, 2 * N)
    bare = Sample(Case("b", "b", torch.rand(1, 20, 20)), torch.rand(1, 20, 20))
    with pytest.raises(CaseError, match="'b' has no 'volume_hu'"):
        xraysyn().lesson(bare)


def test_more_levels_than_voxels_can_be_halved_are_refused():
    with pytest.raises(ValueError, match="cannot be halved"):
        XraySynConfig(voxels=16, levels=5)
