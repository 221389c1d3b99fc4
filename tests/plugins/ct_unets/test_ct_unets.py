"""lung-unet and bone-unet: that they learn, give their layers at any size, and follow their configurations."""

from dataclasses import replace

import pytest
import torch

from radbench.contracts import Case, FitContext
from radbench.learn import PAPER_UNETS, PretrainedWeightsError, parameter_count
from radbench_ct_unets.bone import BoneUnet
from radbench_ct_unets.config import BoneUnetConfig, LungUnetConfig
from radbench_ct_unets.lung import LungUnet
from radbench_ct_unets.plugin import radbench_enhancers

TINY = {"size": 32, "first_filters": 8, "depth": 2, "schedule": "cosine"}
LUNG = LungUnetConfig(
    **TINY,
    segmentation_augmentation="none",
    extraction_augmentation="none",
    batch_size=4,
    clahe_kernel=8,
    positive_weight=3.0,
    dice_weight=1.0,
    segmentation_epochs=20,
    extraction_epochs=20,
    segmentation_rate=1e-2,
    extraction_rate=1e-2,
)
BONE = BoneUnetConfig(**TINY, augmentation="none", batch_size=4, epochs=20, learning_rate=1e-2, loss="l1")


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def context(tmp_path):
    return FitContext("cpu", 0, tmp_path, lambda done, total, text: None, cases(2, seed=9))


def cases(n=8, size=32, seed=0):
    """Two dark lungs in a bright body, stripes of bone across, a nodule in one lung."""
    generator = torch.Generator().manual_seed(seed)
    y, x = torch.meshgrid(*(torch.linspace(-1, 1, size),) * 2, indexing="ij")
    found = []
    for i in range(n):
        dx, dy, r = (torch.rand(3, generator=generator) * 0.2 - 0.1).tolist()
        lungs = (((x.abs() - 0.45 - dx / 2) / (0.3 + r)) ** 2 + ((y - dy) / 0.7) ** 2) < 1
        nodule = (x - 0.45) ** 2 + (y - dy) ** 2 < 0.02
        bones = ((y * 12 + dy * 10).sin() > 0.5).float()
        vessels = torch.rand(size, size, generator=generator) * 0.2
        lung_image = (lungs * (0.4 + vessels) + 0.4 * nodule).clamp(0, 1)
        image = (0.75 - 0.5 * lungs.float() + 0.5 * lungs * vessels + 0.2 * nodule + 0.15 * bones).clamp(0, 1)
        found.append(
            Case(
                f"c{seed}-{i}",
                f"p{seed}-{i}",
                image[None],
                targets={
                    "lung_mask": lungs[None],
                    "nodule_mask": nodule[None],
                    "lung_image": lung_image[None],
                    "bone_image": bones[None],
                },
            )
        )
    return found


def images_of(cases):
    return torch.stack([case.image for case in cases])


def test_the_plugin_offers_both_with_their_layers():
    assert {s.name: s.layers for s in radbench_enhancers()} == {
        "lung-unet": ("lung_mask", "lung_image"),
        "bone-unet": ("bone_image",),
    }


def test_lungs_are_segmented_and_extracted(context):
    enhancer = LungUnet(LUNG)
    enhancer.fit(cases(), context)
    result = enhancer.enhance(images_of(context.validation))
    truth = torch.stack([case.targets["lung_mask"] for case in context.validation])
    found = result.layers["lung_mask"] > 0.5
    assert 2 * (found & truth).sum() / (found.sum() + truth.sum()) > 0.9
    lungs = torch.stack([case.targets["lung_image"] for case in context.validation])
    assert (result.layers["lung_image"] - lungs).abs().mean() < 0.5 * lungs.mean()


def test_bones_are_extracted(context):
    enhancer = BoneUnet(BONE)
    enhancer.fit(cases(), context)
    result = enhancer.enhance(images_of(context.validation))
    bones = torch.stack([case.targets["bone_image"] for case in context.validation])
    assert (result.layers["bone_image"] - bones).abs().mean() < 0.2


@pytest.mark.parametrize(("kind", "config"), [(LungUnet, LUNG), (BoneUnet, BONE)])
@pytest.mark.parametrize("size", [(40, 27), (1, 1), (64, 64)])
def test_any_size_comes_back_in_the_unit_range_with_all_layers(kind, config, size):
    result = kind(config).enhance(torch.rand(2, 1, *size))
    for tensor in (result.image, *result.layers.values()):
        assert tensor.shape == (2, 1, *size)
        assert 0 <= float(tensor.min()) <= float(tensor.max()) <= 1
    layers = next(s.layers for s in radbench_enhancers() if s.factory.endswith(kind.__name__))
    assert set(result.layers) == set(layers)


@pytest.mark.parametrize(("kind", "config"), [(LungUnet, LUNG), (BoneUnet, BONE)])
def test_weights_carry_over_to_the_bit(kind, config):
    one, other, image = kind(config), kind(config), torch.rand(1, 1, 40, 40)
    for p in one.parameters():
        p.data += 0.01
    other.load_state_dict({name: value.clone() for name, value in one.state_dict().items()})
    assert torch.equal(one.enhance(image).image, other.enhance(image).image)


def test_a_weight_of_0_is_the_radiograph_stretched(context):
    image = torch.rand(1, 1, 40, 40) * 0.5 + 0.2
    low, high = image.min(), image.max()
    result = LungUnet(LUNG.model_copy(update={"weight": 0.0})).enhance(image)
    torch.testing.assert_close(result.image, (image - low) / (high - low))


def test_suppression_takes_away_what_enhancement_adds():
    image = torch.rand(1, 1, 32, 32)
    add = BoneUnet(BONE.model_copy(update={"weight": 0.3})).enhance(image)
    take = BoneUnet(BONE.model_copy(update={"weight": 0.3, "mode": "suppress"})).enhance(image)
    bright = add.layers["bone_image"] > add.layers["bone_image"].mean()
    assert (add.image - take.image)[bright].mean() > (add.image - take.image)[~bright].mean()


def test_the_nodule_weight_changes_what_is_learnt(context, tmp_path):
    short = LUNG.model_copy(update={"segmentation_epochs": 1, "extraction_epochs": 2})
    found = []
    for weight in (0.0, 30.0):
        enhancer = LungUnet(short.model_copy(update={"nodule_weight": weight}))
        enhancer.fit(cases(4), replace(context, workdir=tmp_path / str(weight)))
        found.append(enhancer.state_dict())
    assert torch.equal(found[0]["segmentation.head.weight"], found[1]["segmentation.head.weight"])
    assert not torch.equal(found[0]["extraction.head.weight"], found[1]["extraction.head.weight"])


@pytest.mark.parametrize(("kind", "config"), [(LungUnet, LUNG), (BoneUnet, BONE)])
def test_an_estimate_comes_before_and_changes_nothing(kind, config, context):
    enhancer = kind(config)
    before = {k: v.clone() for k, v in enhancer.state_dict().items()}
    assert enhancer.estimate(cases(8), context) > 0
    assert all(torch.equal(before[k], v) for k, v in enhancer.state_dict().items())
    assert not list(context.workdir.iterdir())


def test_a_second_attempt_in_the_same_folder_ends_the_same(context):
    broad = {"segmentation_augmentation": "broad", "extraction_augmentation": "paper"}
    short = LUNG.model_copy(update={"segmentation_epochs": 2, "extraction_epochs": 2, **broad})
    states = []
    for _ in range(2):
        enhancer = LungUnet(short)
        enhancer.fit(cases(4), context)
        states.append(enhancer.state_dict())
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])
    assert sorted(f.name for f in context.workdir.iterdir()) == [
        f"lung-{part}.{kind}"
        for part in ("extraction", "segmentation")
        for kind in ("checkpoint.safetensors", "curve.csv")
    ]


def test_training_without_validation_cases_works(context):
    enhancer = BoneUnet(BONE.model_copy(update={"epochs": 1}))
    enhancer.fit(cases(2), replace(context, validation=()))


def test_broad_augmentation_and_random_perceptual_features_train(context):
    config = BONE.model_copy(update={"epochs": 1, "loss": "perceptual", "pretrained": False, "augmentation": "broad"})
    enhancer = BoneUnet(config)
    before = {k: v.clone() for k, v in enhancer.state_dict().items()}
    with pytest.warns(UserWarning, match="random VGG-16 features"):
        enhancer.fit(cases(2), context)
    assert not torch.equal(before["extraction.head.weight"], enhancer.state_dict()["extraction.head.weight"])
    assert enhancer.facts() == {"pretrained": "false"}


def test_l1_has_no_pretrained_part(context):
    enhancer = BoneUnet(BONE.model_copy(update={"epochs": 1}))
    enhancer.fit(cases(2), context)
    assert enhancer.facts() == {}


def test_a_file_of_vgg_weights_that_is_not_there_is_an_error(context):
    with pytest.raises(PretrainedWeightsError, match="no such file"):
        BoneUnet(BONE.model_copy(update={"loss": "perceptual", "vgg_weights": "nowhere.pth"})).fit(cases(2), context)


@pytest.mark.parametrize(
    ("kind", "config", "name"),
    [(LungUnet, LungUnetConfig(), "lung-extraction"), (BoneUnet, BoneUnetConfig(), "bone-extraction")],
)
def test_the_paper_preset_has_the_papers_network(kind, config, name):
    network = kind(config).extraction
    assert network.config == PAPER_UNETS[name]
    assert parameter_count(network) == 7_759_521
