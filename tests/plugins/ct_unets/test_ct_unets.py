"""lung-unet and bone-unet: that they learn, give their layers at any size, and follow their configurations."""

import hashlib
from dataclasses import replace

import pytest
import torch

from radbench.contracts import CaseError, Sample
from radbench.contracts.config import affects, local_paths, part_of
from radbench.learn import PAPER_UNETS, Batch, Draws, Estimate, PretrainedWeightsError, parameter_count
from radbench.learn import estimate as timed
from radbench.learn.appearance import AppearanceOptions
from radbench.learn.geometry import draw_grid, warp
from radbench_ct_unets import training
from radbench_ct_unets.bone import BoneUnet
from radbench_ct_unets.config import LUNGS, BoneUnetConfig, LungUnetConfig
from radbench_ct_unets.intensity import equalised, normalised
from radbench_ct_unets.lung import LungUnet, spec_of_lung_unet
from radbench_ct_unets.plugin import radbench_enhancers

from .chests import (
    ALL,
    BONE,
    HELD_OUT,
    LUNG,
    SHARP_BONE,
    SHARP_LUNG,
    cases,
    enhanced,
    images_of,
    lessons_of,
    targets_of,
)


def spec_of(name):
    return next(spec for spec in radbench_enhancers() if spec.name == name)


def test_the_plugin_offers_both_with_their_layers():
    assert {s.name: set(s.layers) for s in radbench_enhancers()} == {
        "lung-unet": {"lung_mask", "lung_image"},
        "bone-unet": {"bone_image"},
    }


@pytest.mark.parametrize("lung", list(LUNGS))
def test_the_lungs_that_are_asked_for_are_segmented_and_offered_by_their_name(context, lung):
    enhancer = LungUnet(LUNG.model_copy(update={"lung": lung, "extraction_epochs": 1}))
    enhancer.fit(lessons_of(enhancer, cases()), context)
    layers = enhanced(enhancer, images_of(HELD_OUT)).layers
    assert set(layers) == {"lung_image", LUNGS[lung]}
    found = layers[LUNGS[lung]] > 0.5

    def dice(name):
        truth = targets_of(HELD_OUT, name)
        return float(2 * (found & truth).sum() / (found.sum() + truth.sum()))

    scores = {name: dice(name) for name in LUNGS.values()}
    assert scores[LUNGS[lung]] > 0.9
    assert max(scores, key=scores.get) == LUNGS[lung]


@pytest.mark.parametrize(("lung", "target"), LUNGS.items())
def test_the_spec_and_what_is_needed_follow_the_lungs(lung, target):
    spec, config = spec_of("lung-unet"), LungUnetConfig(lung=lung)
    assert spec.spec_for == f"{spec_of_lung_unet.__module__}:{spec_of_lung_unet.__name__}"
    assert set(spec_of_lung_unet(spec, config, {}).layers) == {"lung_image", target}
    needed = part_of(LungUnetConfig.model_fields["trained_on"]).needed(config)
    assert set(needed) == {"lung_image", target, "nodule_mask"}


@pytest.mark.parametrize("config", [LUNG, SHARP_LUNG], ids=["learnt", "carried"])
def test_lungs_are_extracted(context, config):
    enhancer = LungUnet(config)
    enhancer.fit(lessons_of(enhancer, cases()), context)
    lungs = targets_of(HELD_OUT, "lung_image")
    found = enhanced(enhancer, images_of(HELD_OUT)).layers["lung_image"]
    assert (found - lungs).abs().mean() < 0.5 * lungs.mean()


@pytest.mark.parametrize("config", [BONE, SHARP_BONE], ids=["learnt", "carried"])
def test_bones_are_extracted(context, config):
    enhancer = BoneUnet(config)
    enhancer.fit(lessons_of(enhancer, cases()), context)
    found = enhanced(enhancer, images_of(HELD_OUT)).layers["bone_image"]
    assert (found - targets_of(HELD_OUT, "bone_image")).abs().mean() < 0.2


@pytest.mark.parametrize(("kind", "config"), [(LungUnet, LUNG), (BoneUnet, BONE)])
def test_a_lesson_has_the_networks_size_in_float32_and_bool(kind, config):
    (case,) = cases(1, size=50)
    lesson = kind(config).lesson(Sample(case, case.image))
    assert {tuple(tensor.shape) for tensor in lesson.values()} == {(1, 32, 32)}
    for name, tensor in lesson.items():
        assert tensor.dtype == (torch.bool if name.endswith("mask") else torch.float32)
    again = kind(config).lesson(Sample(case, case.image))
    assert all(torch.equal(tensor, again[name]) for name, tensor in lesson.items())


def test_a_lesson_of_the_networks_size_is_the_truth_and_the_equalised_radiograph():
    (case,) = cases(1)
    lesson = LungUnet(LUNG).lesson(Sample(case, case.image))
    for name in ("lung_mask", "nodule_mask", "lung_image"):
        assert torch.equal(lesson[name], case.targets[name])
    assert torch.equal(lesson["image"], equalised(case.image[None], 8, LUNG.clahe_clip)[0])
    assert torch.equal(BoneUnet(BONE).lesson(Sample(case, case.image))["image"], case.image)


@pytest.mark.parametrize(("kind", "config"), ALL)
def test_a_case_that_lacks_a_target_is_named(kind, config):
    (case,) = cases(1)
    targets = {name: t for name, t in case.targets.items() if name not in ("nodule_mask", "bone_image")}
    with pytest.raises(CaseError, match=r"'c0-0' has no '(nodule_mask|bone_image)'"):
        kind(config).lesson(Sample(replace(case, targets=targets), case.image))


def test_lungs_are_normalised_by_the_truth_in_training_and_by_the_networks_own_mask_in_validation():
    enhancer = LungUnet(LUNG.model_copy(update={"threshold": 0.5})).eval()
    several = [enhancer.lesson(Sample(case, case.image)) for case in cases(3)]
    batch = Batch({name: torch.stack([one[name] for one in several]) for name in several[0]}, (0, 1, 2))
    images, truth = batch["image"], batch["lung_mask"]
    prepare = enhancer._extraction_job().prepare
    with torch.no_grad():
        own = torch.cat([enhancer.segmentation(image[None]) for image in images]) >= 0.5
    assert not torch.equal(own, truth)
    trained = prepare(batch, Draws(0, 0, batch.places, training=True))
    validated = prepare(batch, Draws(0, -1, batch.places, training=False))
    assert torch.equal(trained["image"], normalised(images, truth, 0.5))
    assert torch.equal(validated["image"], normalised(images, own, 0.5))
    assert all(torch.equal(found[name], batch[name]) for found in (trained, validated) for name in ("lung_image",))


def test_a_film_that_is_moved_in_training_is_equalised_as_when_it_is_enhanced(monkeypatch):
    still = AppearanceOptions()
    monkeypatch.setattr("radbench_ct_unets.lung.BROAD_LOOKS", still)
    monkeypatch.setattr("radbench_ct_unets.lung._VEILED", 0.0)
    enhancer = LungUnet(LUNG.model_copy(update={"segmentation_augmentation": "broad", "segmentation_noise": 0.0}))
    job, case = enhancer._segmentation_job(), cases(1)[0]
    lesson = {name: tensor[None] for name, tensor in enhancer.lesson(Sample(case, case.image)).items()}
    draws = Draws(0, 0, (0,))
    moved = job.augment(Batch(lesson, (0,)), draws)
    assert not torch.equal(moved["unequalised"], lesson["unequalised"])
    shown = job.prepare(moved, draws)["image"]
    assert torch.equal(shown, equalised(moved["unequalised"], 8, LUNG.clahe_clip))
    monkeypatch.setattr("radbench_ct_unets.lung._VEILED", 1.0)
    veiled = job.prepare(moved, draws)["image"]
    assert not torch.allclose(shown, veiled, atol=0.02)
    # What was equalised before it was moved has other greys.
    assert not torch.allclose(shown, moved["image"], atol=0.02)
    # The mask moves along, and validation sees a lesson as it lies there.
    assert torch.equal(
        warp(lesson["lung_mask"], draw_grid(job.augment.geometry, 0, 0, [0], (32, 32))), moved["lung_mask"]
    )
    held = Batch(lesson, (0,))
    assert job.prepare(held, replace(draws, training=False)) is held


def test_the_segmentation_sees_noise_of_its_deviation_in_training_alone():
    enhancer = LungUnet(LUNG.model_copy(update={"segmentation_noise": 0.2}))
    flat = Batch({"image": torch.full((2, 1, 64, 64), 0.5)}, (0, 1))
    prepare = enhancer._segmentation_job().prepare
    noise = prepare(flat, Draws(0, 0, flat.places, training=True))["image"] - 0.5
    assert float(noise.std()) == pytest.approx(0.2, rel=0.05)
    assert not torch.equal(noise[0], noise[1])
    assert torch.equal(prepare(flat, Draws(0, -1, flat.places, training=False))["image"], flat["image"])


@pytest.mark.parametrize(("kind", "config"), ALL)
@pytest.mark.parametrize("size", [(40, 27), (1, 1), (64, 64)])
def test_any_size_comes_back_in_the_unit_range_with_all_layers(kind, config, size):
    result = enhanced(kind(config), torch.rand(2, 1, *size))
    for tensor in (result.image, *result.layers.values()):
        assert tensor.shape == (2, 1, *size)
        assert 0 <= float(tensor.min()) <= float(tensor.max()) <= 1
    layers = next(s.layers for s in radbench_enhancers() if s.factory.endswith(kind.__name__))
    assert set(result.layers) == set(layers)


@pytest.mark.parametrize(("kind", "config"), ALL)
def test_weights_carry_over_to_the_bit(kind, config):
    one, other, image = kind(config), kind(config), torch.rand(1, 1, 40, 40)
    for p in one.parameters():
        p.data += 0.01
    other.load_state_dict({name: value.clone() for name, value in one.state_dict().items()})
    assert torch.equal(enhanced(one, image).image, enhanced(other, image).image)


def test_a_weight_of_0_is_the_radiograph_stretched():
    image = torch.rand(1, 1, 40, 40) * 0.5 + 0.2
    low, high = image.min(), image.max()
    result = enhanced(LungUnet(LUNG.model_copy(update={"weight": 0.0})), image)
    torch.testing.assert_close(result.image, (image - low) / (high - low))


def test_suppression_takes_away_what_enhancement_adds():
    image = torch.rand(1, 1, 32, 32)
    add = enhanced(BoneUnet(BONE.model_copy(update={"weight": 0.3})), image)
    take = enhanced(BoneUnet(BONE.model_copy(update={"suppress_weight": 0.3, "mode": "suppress"})), image)
    bright = add.layers["bone_image"] > add.layers["bone_image"].mean()
    assert (add.image - take.image)[bright].mean() > (add.image - take.image)[~bright].mean()


@pytest.mark.parametrize(
    ("mode", "own", "other"), [("enhance", "weight", "suppress_weight"), ("suppress", "suppress_weight", "weight")]
)
def test_each_mode_of_bones_has_a_weight_of_its_own(mode, own, other):
    image = torch.rand(1, 1, 32, 32)

    def made(**weights):
        return enhanced(BoneUnet(BONE.model_copy(update={"mode": mode, **weights})), image).image

    assert torch.equal(made(**{own: 0.3, other: 0.0}), made(**{own: 0.3, other: 1.0}))
    assert not torch.equal(made(**{own: 0.3}), made(**{own: 0.6}))
    torch.testing.assert_close(made(**{own: 0.0}), (image - image.min()) / (image.max() - image.min()))


def test_the_nodule_weight_changes_what_is_learnt(context, tmp_path):
    short = LUNG.model_copy(update={"segmentation_epochs": 1, "extraction_epochs": 2})
    found = []
    for weight in (0.0, 30.0):
        enhancer = LungUnet(short.model_copy(update={"nodule_weight": weight}))
        enhancer.fit(lessons_of(enhancer, cases(4)), replace(context, workdir=tmp_path / str(weight)))
        found.append(enhancer.state_dict())
    assert torch.equal(found[0]["segmentation.head.weight"], found[1]["segmentation.head.weight"])
    assert not torch.equal(found[0]["extraction.head.weight"], found[1]["extraction.head.weight"])


@pytest.mark.parametrize(("kind", "config"), [(LungUnet, LUNG), (BoneUnet, BONE)])
def test_how_long_it_will_take_is_told_first_and_changes_no_weight(kind, config, context, monkeypatch):
    short = {"segmentation_epochs": 1, "extraction_epochs": 1} if kind is LungUnet else {"epochs": 1}
    told, states = [], []
    heard = replace(
        context,
        expect=lambda seconds: told.append(("expect", seconds)),
        progress=lambda done, total, text: told.append(("progress", done)),
    )
    for i, estimate in enumerate((timed, lambda *_, **__: Estimate(1.0, 1.0, 1, 20.0, 1.0, 1.0))):
        monkeypatch.setattr(training, "estimate", estimate)
        told.clear()
        enhancer = kind(config.model_copy(update=short))
        enhancer.fit(lessons_of(enhancer, cases(4)), replace(heard, workdir=heard.workdir / str(i)))
        states.append(enhancer.state_dict())
        assert [what for what, _ in told].count("expect") == 1
        assert told[0][0] == "expect"
        assert told[0][1] > 0
    networks = 2 if kind is LungUnet else 1
    assert told[0] == ("expect", 20.0 * networks)
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])


def test_a_second_attempt_in_the_same_folder_ends_the_same(context):
    broad = {"segmentation_augmentation": "broad", "extraction_augmentation": "paper"}
    short = LUNG.model_copy(update={"segmentation_epochs": 2, "extraction_epochs": 2, **broad})
    states = []
    for _ in range(2):
        enhancer = LungUnet(short)
        enhancer.fit(lessons_of(enhancer, cases(4)), context)
        states.append(enhancer.state_dict())
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])
    names = ("lung-extraction", "lung-segmentation")
    assert sorted(f.name for f in context.workdir.iterdir()) == [f"{name}.checkpoint" for name in names]
    assert sorted(f.name for f in context.beside.iterdir()) == [f"{name}.curve.csv" for name in names]


def test_without_validation_the_lowest_training_loss_decides(context):
    enhancer = BoneUnet(BONE.model_copy(update={"epochs": 2}))
    before = {k: v.clone() for k, v in enhancer.state_dict().items()}
    enhancer.fit(lessons_of(enhancer, cases(2), []), context)
    assert not torch.equal(before["extraction.head.weight"], enhancer.state_dict()["extraction.head.weight"])
    header, *rows = (context.beside / "bone-extraction.curve.csv").read_text().splitlines()
    place = header.split(",").index("validation_loss")
    assert [row.split(",")[place] for row in rows] == ["nan", "nan"]


def test_broad_augmentation_and_random_perceptual_features_train(context):
    config = BONE.model_copy(update={"epochs": 1, "loss": "perceptual", "pretrained": False, "augmentation": "broad"})
    enhancer = BoneUnet(config)
    before = {k: v.clone() for k, v in enhancer.state_dict().items()}
    with pytest.warns(UserWarning, match="random VGG-16 features"):
        enhancer.fit(lessons_of(enhancer, cases(2)), context)
    assert not torch.equal(before["extraction.head.weight"], enhancer.state_dict()["extraction.head.weight"])
    assert enhancer.facts() == {"pretrained": "false"}


def test_l1_has_no_pretrained_part(context):
    enhancer = BoneUnet(BONE.model_copy(update={"epochs": 1}))
    enhancer.fit(lessons_of(enhancer, cases(2)), context)
    assert enhancer.facts() == {}


def test_a_file_of_vgg_weights_that_is_not_there_is_an_error(context):
    enhancer = BoneUnet(BONE.model_copy(update={"loss": "perceptual", "vgg_weights": "nowhere.pth"}))
    with pytest.raises(PretrainedWeightsError, match="no such file"):
        enhancer.fit(lessons_of(enhancer, cases(2)), context)


def test_vgg_weights_are_a_path_of_this_machine_known_by_their_digest(tmp_path):
    file = tmp_path / "vgg.pth"
    file.write_bytes(b"weights")
    config = BONE.model_copy(update={"loss": "perceptual", "vgg_weights": str(file)})
    assert local_paths(config) == [file]
    assert BoneUnet(config).fingerprint() == hashlib.sha256(b"weights").hexdigest()
    assert local_paths(BONE) == []
    assert BoneUnet(BONE).fingerprint() is None


def test_fields_say_what_they_can_change():
    def those(model, what):
        return {name for name in model.model_fields if affects(model, name) == what}

    assert those(LungUnetConfig, "use") == {"weight", "stretched", "detail_gain", "framed", "held"}
    assert those(BoneUnetConfig, "use") == {"weight", "suppress_weight", "mode", "stretched", "detail_gain"}
    assert those(LungUnetConfig, "lesson") == {
        *("trained_on", "lung", "size", "equalise", "clahe_kernel", "clahe_clip", "detail", "detail_size")
    }
    assert those(BoneUnetConfig, "lesson") == {"trained_on", "size", "detail", "detail_size"}


@pytest.mark.parametrize(
    ("kind", "config", "changes"),
    [
        (LungUnet, LUNG, {"first_filters": 4, "threshold": 0.5, "lung_std": 1.0, "segmentation": False, "depth": 1}),
        (BoneUnet, BONE, {"first_filters": 4, "loss": "perceptual", "augmentation": "broad", "mode": "suppress"}),
    ],
)
def test_lessons_are_shared_by_variants_that_only_weigh_or_use_them_otherwise(kind, config, changes):
    assert all(affects(type(config), name) != "lesson" for name in changes)
    (case,) = cases(1, size=50)
    one, other = (
        kind(c).lesson(Sample(case, case.image)) for c in (config, type(config)(**config.model_dump() | changes))
    )
    assert all(torch.equal(tensor, other[name]) for name, tensor in one.items())


def test_the_quick_profiles_learn_from_films_and_from_lungs_as_readers_outline_them():
    quick = LungUnetConfig(**LungUnetConfig.profiles["quick"])
    assert (quick.trained_on, quick.lung) == ("phantom-cxr[look=mixed]", "field")
    assert BoneUnetConfig(**BoneUnetConfig.profiles["quick"]).trained_on == "phantom-cxr[look=mixed]"
    assert LungUnetConfig().lung == "projected"


@pytest.mark.parametrize(
    ("kind", "config", "name"),
    [(LungUnet, LungUnetConfig(), "lung-extraction"), (BoneUnet, BoneUnetConfig(), "bone-extraction")],
)
def test_the_paper_profile_has_the_papers_network(kind, config, name):
    network = kind(config).extraction
    assert network.config == PAPER_UNETS[name]
    assert parameter_count(network) == 7_759_521
