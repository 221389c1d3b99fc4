"""What knows chests: it learns to, keeps them, and takes away what is found in anything else."""

import warnings
from dataclasses import replace

import pytest
import torch

from radbench.engine.work.remarks import remarks_to
from radbench.learn import Batch, Draws
from radbench.learn.appearance import AppearanceOptions
from radbench.learn.batch import resized
from radbench_ct_unets.bone import BoneUnet
from radbench_ct_unets.chest import Chest, chest_job
from radbench_ct_unets.films import above_abdomen, bordered, veiled
from radbench_ct_unets.intensity import equalised
from radbench_ct_unets.lung import LungUnet
from radbench_ct_unets.training import learn_all

from .chests import BONE, HELD_OUT, LUNG, SHARP_BONE, SHARP_LUNG, cases, enhanced, images_of, lessons_of

SHORT = {"segmentation_epochs": 1, "extraction_epochs": 1}
ASKED = [
    (LungUnet, SHARP_LUNG.model_copy(update={"only_chests": True, "chest_epochs": 2, **SHORT})),
    (BoneUnet, SHARP_BONE.model_copy(update={"only_chests": True, "chest_epochs": 2, "epochs": 1})),
    (LungUnet, LUNG.model_copy(update={"only_chests": True, "chest_epochs": 2, **SHORT})),
    (BoneUnet, BONE.model_copy(update={"only_chests": True, "chest_epochs": 2, "epochs": 1})),
]
NAMES = ["lungs carried", "bones carried", "lungs learnt", "bones learnt"]


def sure_of(chest, answer):
    """Make a network give one answer whatever it sees."""
    chest.layers[-1].weight.data.zero_()
    chest.layers[-1].bias.data.fill_(answer)


def trust(chest, image):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return chest.eval().trust(image[None], "picture")


def films(n, seed):
    """Chests that have a neck, two lungs of which the heart's side is smaller, and a bright belly."""
    y, x = torch.meshgrid(*(torch.linspace(-1, 1, 64),) * 2, indexing="ij")
    found = cases(n, size=64, seed=seed)
    for i, case in enumerate(found):
        body = (y > 0.5) | ((x > 0.05) & (y > 0.1) & (x < 0.5))
        image = torch.where(body, 0.8, case.image) * (1 - 0.6 * ((y < -0.8) & (x.abs() > 0.3)).float())
        found[i] = replace(case, image=image.clamp(0.0, 1.0))
    return found


def test_chests_are_told_from_what_is_turned_inverted_and_none(context):
    chest = Chest(seed=0)
    job = chest_job(BONE, "image")
    job = replace(job, options=replace(job.options, epochs=30, batch_size=4))
    lessons = lessons_of(BoneUnet(BONE.model_copy(update={"size": 64})), films(12, seed=0))
    learn_all([(chest, job)], lessons, context)
    chest.eval()
    upright = [case.image for case in films(6, seed=9)]
    generator = torch.Generator().manual_seed(0)
    none = [torch.full((1, 64, 64), 0.4), torch.rand((1, 64, 64), generator=generator)]
    none += [other for film in upright for other in (1 - film, film.rot90(1, (1, 2)), film.flip(1))]
    least = min(chest.probability(film[None]) for film in upright)
    assert all(chest.probability(picture[None]) < least for picture in none)


@pytest.mark.parametrize(("answer", "kept"), [(4.0, 1.0), (0.0, 1.0), (-0.510826, 0.5), (-1.1, 0.0), (-9.0, 0.0)])
@pytest.mark.parametrize("shape", [(40, 30), (1, 1), (1, 300), (700, 3)])
def test_from_a_half_all_is_kept_and_up_to_a_quarter_nothing(answer, kept, shape):
    chest = Chest(seed=0)
    sure_of(chest, answer)
    assert trust(chest, torch.rand(1, *shape)) == pytest.approx(kept, abs=1e-5)


@pytest.mark.parametrize(
    ("answer", "told"),
    [(4.0, None), (-0.05, None), (-0.510826, "the picture was faded to 50%"), (-9.0, "there is no picture")],
)
def test_what_is_left_out_is_told(answer, told):
    chest = Chest(seed=0)
    sure_of(chest, answer)
    heard = []
    with remarks_to(heard.append):
        chest.trust(torch.rand(1, 1, 20, 20), "picture")
    assert heard == ([f"this is unlike a frontal chest radiograph, right way up: {told}"] if told else [])


@pytest.mark.parametrize(("kind", "config"), ASKED, ids=NAMES)
def test_nothing_is_found_in_what_is_no_chest_half_where_it_is_doubted_and_all_in_a_chest(kind, config):
    enhancer, image = kind(config).eval(), torch.rand(1, 1, 40, 50)
    if kind is LungUnet:
        enhancer.segmentation.head.bias.data += 100.0  # all of the image is lung
    results = []
    for answer in (9.0, -0.510826, -9.0):
        sure_of(enhancer.chest, answer)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            results.append(enhanced(enhancer, image))
    name = "lung_image" if kind is LungUnet else "bone_image"
    every, half, none = (result.layers[name] for result in results)
    assert float(every.max()) > 0
    torch.testing.assert_close(half, every / 2)
    assert not none.any()
    if kind is LungUnet:
        masks = [result.layers["lung_mask"] for result in results]
        assert torch.equal(masks[0], masks[1])
        assert masks[0].all()
        assert not masks[2].any()
    low, high = image.min(), image.max()
    torch.testing.assert_close(results[2].image, (image - low) / (high - low))


@pytest.mark.parametrize(("kind", "config"), ASKED, ids=NAMES)
def test_it_is_learnt_kept_with_the_weights_and_the_same_twice(kind, config, context, tmp_path):
    states = []
    for attempt in "ab":
        enhancer = kind(config)
        enhancer.fit(lessons_of(enhancer, cases(4)), replace(context, workdir=tmp_path / attempt))
        states.append({name: value.clone() for name, value in enhancer.state_dict().items()})
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])
    started = kind(config).state_dict()
    learnt = [name for name in states[0] if name.startswith("chest.")]
    assert learnt
    assert any(not torch.equal(states[0][name], started[name]) for name in learnt)
    without = kind(config.model_copy(update={"only_chests": False})).state_dict()
    assert set(without) == set(states[0]) - set(learnt)
    images = images_of(HELD_OUT)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        together = enhanced(enhancer, images).image
        assert torch.equal(together, torch.cat([enhanced(enhancer, image[None]).image for image in images]))


def test_a_lesson_is_seen_the_same_in_every_batch_and_validation_as_it_is():
    job = chest_job(BONE, "image")
    batch = Batch({"image": images_of(cases(6))}, tuple(range(6)))
    for training in (True, False):
        whole = job.prepare(batch, Draws(0, 3, batch.places, training=training))
        for i in range(6):
            alone = job.prepare(batch.part(i, i + 1), Draws(0, 3, (i,), training=training))
            assert torch.equal(alone["seen"][0], whole["seen"][i])
            assert torch.equal(alone["chest"][0], whole["chest"][i])
    large = resized(batch["image"], (128, 128))
    small = resized(equalised(large, 10, 0.01), (64, 64))
    chests = whole["chest"] == 1
    assert 0 < int(chests.sum()) < 6
    torch.testing.assert_close(whole["seen"][chests], 2 * small[chests] - 1, atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    ("share", "change"), [("veiled", veiled), ("above_abdomen", above_abdomen), ("bordered", bordered)]
)
def test_what_lies_over_below_and_round_chests_is_there_before_they_are_equalised(share, change):
    batch = Batch({"image": torch.stack([case.image for case in films(3, seed=0)])}, (0, 1, 2))
    shares = {"nothing": 0.0, "veiled": 0.0, "above_abdomen": 0.0, "bordered": 0.0, "looks": AppearanceOptions()}
    draws = Draws(0, 0, batch.places)
    seen = replace(chest_job(BONE, "image").prepare, **{**shares, share: 1.0})(batch, draws)["seen"]
    large = batch.with_(image=resized(batch["image"], (128, 128)))
    changed = equalised(change(large, draws, "image", 1.0)["image"], 10, 0.01)
    assert torch.equal(seen, 2 * resized(changed, (64, 64)) - 1)
    # In validation they are as they are.
    validated = replace(chest_job(BONE, "image").prepare, **{**shares, share: 1.0})(
        batch, Draws(0, -1, (0, 1, 2), False)
    )
    assert torch.equal(validated["seen"], 2 * resized(equalised(large["image"], 10, 0.01), (64, 64)) - 1)
