"""lung-unet and bone-unet with carried detail: sharp at any size, doubt, and what no lungs and odd settings give."""

from dataclasses import replace

import pytest
import torch

from radbench.contracts import Sample
from radbench_ct_unets.bone import BoneUnet
from radbench_ct_unets.config import LungUnetConfig
from radbench_ct_unets.extracting import extracted
from radbench_ct_unets.lung import LungUnet

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


@pytest.mark.parametrize(("kind", "config"), ALL[2:])
def test_fine_structure_is_carried_over_at_the_radiographs_own_size(kind, config, context):
    enhancer = kind(config)
    enhancer.fit(lessons_of(enhancer, cases()), context)
    image = torch.nn.functional.interpolate(images_of(HELD_OUT)[:1], scale_factor=8, mode="bilinear")
    # Finer than the networks' pixels, too fine for anything to be learnt of it.
    lines = torch.zeros_like(image)
    lines[..., ::4] = 0.02
    lines[..., 2::4] = -0.02
    layer = "lung_image" if kind is LungUnet else "bone_image"
    plain, lined = (enhanced(enhancer, x).layers[layer] for x in (image, image + lines))
    change = (lined - plain)[0, 0]
    inside = ((plain > 0.05) & (plain < 0.95))[0, 0]
    if kind is LungUnet:
        inside &= (
            torch.nn.functional.interpolate(targets_of(HELD_OUT, "lung_mask")[:1].float(), scale_factor=8)[0, 0] > 0
        )
    kept = float((change * lines[0, 0])[inside].sum() / lines[0, 0][inside].square().sum())
    assert kept > 0.1
    assert torch.corrcoef(torch.stack([change[inside], lines[0, 0][inside]]))[0, 1] > 0.5


@pytest.mark.parametrize(("kind", "config"), ALL[2:])
def test_an_image_and_its_mirror_image_give_mirror_images(kind, config):
    enhancer, image = kind(config), torch.rand(1, 1, 64, 64)
    # Away from the ends of the tangent, which are alike, and above 0.
    enhancer.extraction.network.head.weight.data *= 1e-3
    enhancer.extraction.network.head.bias.data += 0.5
    if kind is BoneUnet:  # nothing else is done to the whole image
        one, other = (enhanced(enhancer, x).layers["bone_image"] for x in (image, image.flip(-1)))
        torch.testing.assert_close(one, other.flip(-1), atol=1e-5, rtol=0)
    enhancer.usual_doubt.fill_(1e-9)
    if kind is LungUnet:  # all of the image is lung
        enhancer.segmentation.head.bias.data += 100.0
    with pytest.warns(UserWarning, match="unlike what was learnt"):
        left = enhanced(enhancer, image)
    low, high = image.min(), image.max()
    # What is doubted everywhere leaves the radiograph as it was.
    torch.testing.assert_close(left.image, (image - low) / (high - low), atol=1e-4, rtol=0)


def usual_doubt_of(enhancer, cases):
    """The same by hand: of each radiograph the coarse part and that of its mirror image, in 32 x 32 cells."""
    every = []
    for case in cases:
        lesson = enhancer.lesson(Sample(case, case.image))
        view = enhancer._view_of_lesson({name: tensor[None] for name, tensor in lesson.items()})
        one, other = (extracted(enhancer.extraction, v, enhancer.config)[1] for v in (view, view.mirrored()))
        apart = (one - other.flip(-1)).abs()
        every.append(torch.nn.functional.interpolate(apart, size=(32, 32), mode="nearest").flatten())
    return float(torch.cat(every).quantile(0.995))


@pytest.mark.parametrize(("kind", "config"), ALL[2:])
@torch.no_grad()
def test_the_usual_doubt_is_that_of_validation_and_kept_with_the_weights(kind, config, context):
    short = {"segmentation_epochs": 1, "extraction_epochs": 1} if kind is LungUnet else {"epochs": 1}
    enhancer, learnt = kind(config.model_copy(update=short)), cases(4)
    with torch.enable_grad():
        enhancer.fit(lessons_of(enhancer, learnt), context)
    found = float(enhancer.eval().usual_doubt)
    assert found == pytest.approx(usual_doubt_of(enhancer, HELD_OUT), rel=1e-3)
    assert found != pytest.approx(usual_doubt_of(enhancer, learnt), rel=1e-3)
    other = kind(enhancer.config)
    other.load_state_dict({name: value.clone() for name, value in enhancer.state_dict().items()})
    assert torch.equal(other.usual_doubt, enhancer.usual_doubt)


def test_the_lung_image_of_a_mirror_image_is_the_mirror_image():
    enhancer = LungUnet(SHARP_LUNG.model_copy(update={"equalise": False, "pieces": None}))
    enhancer.segmentation.head.bias.data += 100.0  # all of the image is lung
    image = torch.rand(1, 1, 64, 64)
    one, other = (enhanced(enhancer, x).layers["lung_image"] for x in (image, image.flip(-1)))
    assert float(one.std()) > 1e-3
    torch.testing.assert_close(one, other.flip(-1), atol=1e-4, rtol=0)


@pytest.mark.parametrize(
    ("kind", "config"),
    [
        (LungUnet, LUNG.model_copy(update={"mirrored": True})),
        (BoneUnet, BONE.model_copy(update={"mirrored": True})),
        (LungUnet, SHARP_LUNG.model_copy(update={"mirrored": False})),
        (LungUnet, SHARP_LUNG.model_copy(update={"segmentation": False})),
    ],
    ids=["lungs learnt, mirrored", "bones learnt, mirrored", "carried alone", "carried without lungs"],
)
def test_each_setting_goes_without_the_others_and_a_second_training_ends_the_same(kind, config, context, tmp_path):
    short = {"segmentation_epochs": 1, "extraction_epochs": 1} if kind is LungUnet else {"epochs": 1}
    states = []
    for attempt in "ab":
        enhancer = kind(config.model_copy(update=short))
        enhancer.fit(lessons_of(enhancer, cases(4)), replace(context, workdir=tmp_path / attempt))
        states.append({name: value.clone() for name, value in enhancer.state_dict().items()})
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])
    assert ("usual_doubt" in states[0]) is config.mirrored
    images = images_of(HELD_OUT)
    together = enhanced(enhancer, images)
    alone = [enhanced(enhancer, image[None]).image for image in images]
    assert torch.equal(together.image, torch.cat(alone))


def test_a_lesson_with_carried_detail_has_both_sizes():
    (case,) = cases(1, size=50)
    lesson = LungUnet(SHARP_LUNG).lesson(Sample(case, case.image))
    shapes = {name: tuple(tensor.shape[1:]) for name, tensor in lesson.items()}
    assert {name for name, shape in shapes.items() if shape == (32, 32)} == {"image", "unequalised", "lung_mask"}
    assert {name for name, shape in shapes.items() if shape == (64, 64)} == {
        *("sharp", "radiograph", "area", "lung_image", "nodule_mask")
    }
    assert set(BoneUnet(SHARP_BONE).lesson(Sample(case, case.image))) == {"image", "bone_image"}


def test_where_no_lungs_are_found_there_is_no_lung_image_and_that_is_told():
    image = torch.rand(1, 1, 40, 40)
    low, high = image.min(), image.max()
    for config, there in ((SHARP_LUNG, False), (LUNG, True)):
        enhancer = LungUnet(config)
        enhancer.segmentation.head.bias.data -= 100.0
        with pytest.warns(UserWarning, match="no lungs were found"):
            result = enhanced(enhancer, image)
        assert bool(result.layers["lung_image"].any()) is there
    unseen = LungUnet(SHARP_LUNG)
    unseen.segmentation.head.bias.data -= 100.0
    with pytest.warns(UserWarning, match="no lung image"):
        torch.testing.assert_close(enhanced(unseen, image).image, (image - low) / (high - low))


def test_whoever_is_asked_about_mirror_images_learns_from_them():
    assert LungUnet(SHARP_LUNG)._segmentation_job().augment == LungUnet(LUNG)._segmentation_job().augment
    paper = {"segmentation_augmentation": "paper"}
    sharp, plain = (LungUnet(c.model_copy(update=paper))._segmentation_job() for c in (SHARP_LUNG, LUNG))
    assert (sharp.augment.geometry.flip, plain.augment.geometry.flip) == (0.5, 0.0)


@pytest.mark.parametrize("sizes", [{"detail_size": 100}, {"detail_size": 64, "coarse_size": 64}])
def test_sizes_that_do_not_divide_are_refused(sizes):
    with pytest.raises(ValueError, match="detail_size must be a multiple of coarse_size"):
        LungUnetConfig(detail="carried", **sizes)


def test_a_mask_of_the_radiograph_and_its_mirror_image_is_the_mean_of_their_logits():
    enhancer = LungUnet(SHARP_LUNG.model_copy(update={"pieces": None})).eval()
    image = torch.rand(1, 1, 32, 32)
    with torch.no_grad():
        one, other = (enhancer.segmentation.logits(x) for x in (image, image.flip(-1)))
        found = enhancer._probability(image)
        mirrored = enhancer._probability(image.flip(-1)).flip(-1)
    torch.testing.assert_close(found, ((one + other.flip(-1)) / 2).sigmoid())
    torch.testing.assert_close(found, mirrored, atol=1e-5, rtol=0)
