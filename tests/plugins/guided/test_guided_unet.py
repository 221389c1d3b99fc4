"""guided-unet: what it learns from, that it learns, its rounds, and what it gives."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch

from radbench.contracts import Case, CaseError, Enhancement, Sample
from radbench.contracts.config import affects
from radbench.imaging.spine_axis import LEARNT, spine_region
from radbench.learn import ListLessons, as_unit
from radbench_guided import network
from radbench_guided.details import scaled
from radbench_guided.guided import GuidedUnetEnhancer, spec_of_guided_unet
from radbench_guided.network import GuidedUnet
from radbench_guided.plugin import radbench_enhancers

TINY = {"fragment": "whole", "side": 32, "depth": 2, "first_filters": 4, "epochs": 60, "batch_size": 4}


def enhancer(earlier=None, **fields):
    config = GuidedUnetEnhancer.Config(**{**TINY, "rounds": 1 if earlier is None else 2, **fields})
    return GuidedUnetEnhancer(config, SimpleNamespace(earlier=earlier))


def sample(image, original=None):
    return Sample(Case("a", "p", image if original is None else original), image)


def lessons_of(learner, pictures):
    def found(n, seed):
        return ListLessons([learner.lesson(sample(x)) for x in pictures(n, (48, 40), seed)])

    return SimpleNamespace(train=found(8, 0), validation=found(4, 9))


def chest(side=160):
    """A chest as a child would draw it: dark lungs, a bright spine right of the middle, dark air at the edges."""
    y, x = torch.meshgrid(*(torch.linspace(-1, 1, side),) * 2, indexing="ij")
    image = torch.full((side, side), 0.6) - 0.5 * (x.abs() > 0.9).float()
    for middle in (-0.4, 0.5):
        image -= 0.35 * torch.exp(-((((x - middle) / 0.3) ** 2 + ((y + 0.05) / 0.75) ** 2) ** 4))
    return (image + 0.2 * torch.exp(-(((x - 0.05) / 0.09) ** 2))).clamp(0, 1)[None]


def test_both_losses_fall(pictures, context):
    learner = enhancer()
    learner.fit(lessons_of(learner, pictures), context)
    for name in ("feature loss", "boundary loss"):
        before, after = (float(word) for word in learner.facts()[name].split() if word[0].isdigit())
        assert after < 0.9 * before, name


def test_the_same_seed_gives_the_same_weights(pictures, context, tmp_path):
    def weights(where):
        (tmp_path / where).mkdir()
        learner = enhancer(epochs=2)
        learner.fit(lessons_of(learner, pictures), replace(context, workdir=tmp_path / where))
        return learner.state_dict()

    one, two = weights("one"), weights("two")
    assert all(torch.equal(one[name], two[name]) for name in one)


def test_a_lesson_is_the_square_round_the_spine_of_the_radiograph_as_it_came():
    original = chest()
    later = original.flip(1)
    learner = enhancer(fragment="spine", side=80, preprocess=False)
    box = spine_region(original, LEARNT)
    lesson = learner.lesson(sample(later, original))
    assert (box.height, box.width) == (80, 80)
    assert box.left > 40
    cut = later[:, box.top : box.top + 80, box.left : box.left + 80]
    assert torch.allclose(as_unit(lesson["original"]), scaled(cut[None])[0], atol=1e-4)


def test_a_radiograph_without_a_spine_teaches_nothing_and_that_is_told():
    learner = enhancer(fragment="spine")
    with pytest.warns(UserWarning, match="left out of the training: case 'a': no spine found"):
        assert learner.lesson(sample(1 - chest())) is None
    with pytest.raises(CaseError):
        spine_region(1 - chest(), LEARNT)


def test_an_earlier_round_is_the_same_configuration_with_a_round_less():
    model = GuidedUnetEnhancer.Config
    config = model(rounds=3, beta=0.5)
    earlier = config.with_(rounds=2)
    assert (earlier.rounds, earlier.beta) == (2, 0.5)
    assert affects(model, "rounds") == "lesson"
    part = model.model_fields["earlier"].default.function
    assert part(config) == earlier
    assert part(model(rounds=1)) is None


def test_a_later_round_is_given_the_images_of_the_one_before_unpreprocessed(pictures):
    images = pictures(1)
    first = enhancer()
    later = enhancer(earlier=first.enhance)
    before = first.enhance(images)
    made = later.enhance(images)
    assert torch.equal(made.layers["preprocessed"], before.layers["preprocessed"])
    given = enhancer(preprocess=False)
    given.network = later.network
    assert torch.allclose(made.image, given.enhance(before.image).image)


def test_the_first_round_is_given_the_preprocessed_image(pictures):
    images = pictures(1)
    made = enhancer().enhance(images)
    with_, without = (enhancer(preprocess=on).lesson(sample(images[0])) for on in (True, False))
    assert not torch.equal(with_["image"], without["image"])
    assert torch.equal(without["image"], without["original"])
    assert float((made.layers["preprocessed"] - images).abs().max()) > 0.01


def test_without_preprocessing_there_is_no_such_layer(pictures):
    made = enhancer(preprocess=False).enhance(pictures(1))
    assert set(made.layers) == {"details"}
    spec = next(s for s in radbench_enhancers() if s.name == "guided-unet")
    config = GuidedUnetEnhancer.Config(preprocess=False)
    assert spec_of_guided_unet(spec, config, {}).layers == ("details",)


@pytest.mark.parametrize("size", [(33, 47), (40, 40), (64, 16)])
def test_a_batch_changes_no_bit_and_any_size_comes_back(pictures, size):
    images = pictures(3, size)
    made = enhancer()
    together = made.enhance(images)
    assert together.image.shape == images.shape
    assert torch.equal(together.image[1:2], made.enhance(images[1:2]).image)
    assert float(together.image.min()) >= 0
    assert float(together.image.max()) <= 1


def test_the_guidance_in_bands_is_that_of_the_whole_image(monkeypatch):
    made = GuidedUnet(3, 4, 0.6, 0)
    images, details = torch.rand(2, 1, 1, 72, 40, generator=torch.Generator().manual_seed(0))
    whole = made(images, details).detach()
    monkeypatch.setattr(network, "_AT_ONCE", 1000)
    with torch.no_grad():
        in_bands = made(images, details)
    # Bands begin and end where the pooled pixels do, with a neighbouring row on either side.
    assert torch.allclose(in_bands, whole, atol=1e-6)
    assert float((whole - made(images, 1 - details)).abs().max()) > 0.01


def test_a_constant_image_comes_back():
    flat = torch.full((1, 1, 40, 40), 0.4)
    assert torch.equal(enhancer().enhance(flat).image, flat)
    assert torch.equal(enhancer(earlier=lambda x: Enhancement(x, {"preprocessed": x})).enhance(flat).image, flat)
