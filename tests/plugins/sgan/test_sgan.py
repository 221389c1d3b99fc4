"""sgan and single-gan: stages, layers, training that goes on exactly after a kill, collapse, what lies beside."""

import warnings
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from PIL import Image

from radbench.contracts.config import affects
from radbench.contracts.enhancement import Enhancement
from radbench.engine.plan.resolver import Resolver
from radbench.learn import Batch, Draws, TrainingError
from radbench.registry.registry import load_registry
from radbench_sgan.config import SganConfig, SingleGanConfig
from radbench_sgan.gan import Gan
from radbench_sgan.plugin import radbench_enhancers
from radbench_sgan.sgan import Sgan, spec_of_sgan
from radbench_sgan.single import SingleGan

from .conftest import photograph

SMALL = {
    "filters": 4,
    "discriminator_filters": 2,
    "discriminator_dense": 4,
    "discriminator_rate": 1e-3,
    "learning_rate": 2e-3,
    "skip": True,
    "pretrained": False,
    "vgg_weight": 0.0,
    "validation_patches": 4,
    "steps_per_epoch": 4,
}
STAGES = {"denoising_blocks": 1, "enhancing_blocks": 1, "denoising_patch": 32, "enhancing_patch": 40}
BATCHES = {"denoising_batch": 4, "enhancing_batch": 2, "denoising_epochs": 2, "enhancing_epochs": 2}
SGAN = SganConfig(**SMALL, **STAGES, **BATCHES)
SINGLE = SingleGanConfig(**SMALL, blocks=1, patch=40, batch_size=2, epochs=2)
GAN1 = SGAN.with_(stages=1)


@pytest.fixture(autouse=True)
def checkpoints_after_every_epoch(monkeypatch):
    options = Gan.options
    monkeypatch.setattr(Gan, "options", lambda self, epochs: replace(options(self, epochs), checkpoint_seconds=0.0))


def darker(images):
    return Enhancement(images * 0.5, {"denoised": images * 0.5})


def learner(config):
    if isinstance(config, SingleGanConfig):
        return SingleGan(config)
    return Sgan(config, SimpleNamespace(gan1=darker if config.stages == 2 else None))


def trained(config, photographs, context, **given):
    found = learner(config)
    found.fit(photographs(found, **given), context)
    return found.eval()


@pytest.mark.parametrize("denoised_first", [False, True])
def test_the_second_gan_learns_from_degraded_images_or_from_what_the_first_makes_of_noisy_ones(denoised_first):
    config = SGAN.with_(denoised_first=denoised_first, scale=1.0, blur=0.0, kappa=1.0, sigma=40.0)
    asked = []

    def gan1(images):
        asked.append(images)
        return darker(images)

    clean = torch.stack([photograph(0), photograph(1)])
    shown = Sgan(config, SimpleNamespace(gan1=gan1))._shown(Batch({"clean": clean}, (0, 1)), Draws(0, 0, (0, 1)))
    if not denoised_first:
        assert not asked
        torch.testing.assert_close(shown["image"], clean)
        return
    (noisy,) = asked
    assert torch.equal(shown["image"], noisy * 0.5)
    deviation = (noisy - clean).std(dim=(1, 2, 3)) * 255
    assert float(deviation.min()) > 0
    assert float(deviation.max()) < 1.05 * 40


def test_without_its_weight_d_neither_learns_nor_ends_a_training(photographs, context):
    config = GAN1.with_(adversarial_weight=0.0, watched_steps=1, denoising_epochs=1)
    found = Sgan(config, SimpleNamespace(gan1=None))
    assert [turn.learns for turn in Gan("GAN 1", config, found._size, found._shown, None).turns("GAN 1")] == ["G"]
    found.fit(photographs(found), context)
    assert "MSE" in found.facts()["validation"]


@pytest.mark.parametrize("config", [GAN1, SGAN, SINGLE], ids=["stage 1", "stage 2", "single"])
def test_curves_of_g_and_d_and_samples_of_every_epoch_lie_beside_the_weights(photographs, context, config):
    found = trained(config, photographs, context)
    name = {GAN1: "GAN-1", SGAN: "GAN-2", SINGLE: "single-GAN"}[config]
    files = {f.name for f in context.beside.iterdir()}
    samples = {f"{name}.epoch-000{i}.png" for i in (1, 2)}
    assert files == {f"{name}.curve.csv", f"{name}.curve.png", *samples}
    header, *rows = (context.beside / f"{name}.curve.csv").read_text().splitlines()
    assert {"loss_D", "loss_G", "validation_score"} <= set(header.split(","))
    assert len(rows) == 2
    side = 32 if config is GAN1 else 40
    assert Image.open(context.beside / f"{name}.epoch-0001.png").size == (
        3 * (side + 2),
        (4 if config is GAN1 else 2) * (side + 2),
    )
    assert set(found.facts()) == {"pretrained", "validation"}
    assert found.facts()["pretrained"] == "false"


@pytest.mark.parametrize("config", [GAN1, SGAN], ids=["stage 1", "stage 2"])
@pytest.mark.parametrize("killed_in", [1, 2])
def test_a_killed_training_goes_on_to_the_same_bits(photographs, context, tmp_path, config, killed_in):
    config = config.model_copy(update={"denoising_epochs": 3, "enhancing_epochs": 3})
    whole = trained(config, photographs, replace(context, workdir=tmp_path / "whole", beside=tmp_path / "there"))

    def kill(done, total, text):
        if f"epoch {killed_in + 1}/3" in text:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        trained(config, photographs, replace(context, progress=kill))
    assert list(context.workdir.glob("*.checkpoint"))
    resumed = trained(config, photographs, context).state_dict()
    assert all(torch.equal(value, resumed[name]) for name, value in whole.state_dict().items())


@pytest.mark.parametrize("config", [GAN1, SGAN, SINGLE], ids=["stage 1", "stage 2", "single"])
def test_both_networks_learn_and_g_restores(photographs, context, config):
    longer = {"filters": 8, "steps_per_epoch": 30, "learning_rate": 1e-3, "turned": True, "schedule": "cosine"}
    sizes = {"patch": 32, "batch_size": 8, "epochs": 3}
    if config is not SINGLE:
        sizes = {
            "enhancing_patch": 32,
            "enhancing_batch": 8,
            "steps_per_epoch": 50,
            "denoising_epochs": 3,
            "enhancing_epochs": 3,
        }
    config = config.model_copy(update=longer | sizes)
    found = trained(config, photographs, context)
    what = found.facts()["validation"].split()
    made, shown = float(what[1]), float(what[6])
    assert made < 0.95 * shown
    rows = next(context.beside.glob("*.curve.csv")).read_text().splitlines()
    place = rows[0].split(",").index("loss_D")
    losses = [float(row.split(",")[place]) for row in rows[1:]]
    assert losses[-1] < min(1.386, losses[0])


def test_the_first_gan_alone_offers_what_it_denoised_and_two_offer_both():
    images = torch.rand(2, 1, 13, 10)
    one, two = learner(GAN1).eval().enhance(images), learner(SGAN).eval().enhance(images)
    assert set(one.layers) == {"denoised"}
    assert torch.equal(one.image, one.layers["denoised"])
    assert torch.equal(two.layers["denoised"], images * 0.5)
    # Untrained, a generator with a skip gives what it is given.
    assert torch.equal(two.image, two.layers["enhanced"])
    assert torch.equal(two.image, images * 0.5)
    spec = next(s for s in radbench_enhancers() if s.name == "sgan")
    assert spec_of_sgan(spec, GAN1, {}).layers == ("denoised",)
    assert spec_of_sgan(spec, SGAN, {}).layers == ("denoised", "enhanced")
    assert set(learner(SINGLE).eval().enhance(images).layers) == {"enhanced"}


@pytest.mark.parametrize("config", [GAN1, SGAN, SINGLE], ids=["stage 1", "stage 2", "single"])
@pytest.mark.parametrize("size", [(1, 1), (37, 52)])
def test_any_size_comes_back_in_the_unit_range_and_the_input_stays(config, size):
    found = learner(config.model_copy(update={"skip": False})).eval()
    images = torch.rand(3, 1, *size)
    before = images.clone()
    result = found.enhance(images)
    assert torch.equal(images, before)
    for tensor in (result.image, *result.layers.values()):
        assert tensor.shape == images.shape
        assert 0 <= float(tensor.min()) <= float(tensor.max()) <= 1
    assert torch.equal(found.enhance(images[1:2]).image[0], result.image[1])


def test_weights_carry_over_to_the_bit(photographs, context):
    one, other, image = trained(GAN1, photographs, context), learner(GAN1), torch.rand(1, 1, 20, 20)
    other.load_state_dict({name: value.clone() for name, value in one.state_dict().items()})
    assert torch.equal(one.enhance(image).image, other.eval().enhance(image).image)


@pytest.mark.parametrize("profile", ["quick", "paper"])
def test_one_stage_is_a_part_of_two_and_the_same_that_is_trained_alone(profile):
    resolver = Resolver(load_registry(), profile)
    two, one = resolver.part("enhancer", "sgan"), resolver.part("enhancer", "sgan[stages=1]")
    assert two.parts["gan1"].identity == one.identity
    assert one.parts["gan1"] is None
    assert two.parts["gan1"].label == one.label == "sgan[stages=1]"
    assert set(two.sources) == {"trained_on"}


def test_rounds_name_the_slices_that_are_tuned_on():
    part = Resolver(load_registry(), "quick").part("enhancer", "sgan[rounds=2]")
    assert {name: source.label for name, source in part.sources.items()} == {
        "trained_on": "natural",
        "tuned_on": "phantom-lesions",
    }
    assert part.parts["gan1"].config.rounds == 2


@pytest.mark.parametrize(
    ("config", "blocks", "patch"),
    [(SganConfig(stages=1), 9, 32), (SganConfig(), 16, 128), (SingleGanConfig(), 16, 128)],
    ids=["stage 1", "stage 2", "single"],
)
def test_a_single_step_of_the_paper_profile_moves_both_networks_and_is_finite(
    photographs, context, config, blocks, patch, monkeypatch
):
    nets = {}
    networks = Gan.networks
    monkeypatch.setattr(Gan, "networks", lambda self, context: nets.setdefault("nets", networks(self, context)))
    monkeypatch.setattr(Gan, "seconds", lambda *_: 1.0)
    monkeypatch.setattr(Gan, "_check", lambda *_: None)  # one step restores nothing yet
    short = {"steps_per_epoch": 1, "validation_patches": 1, "pretrained": False}
    ends = {"denoising_epochs": 1, "enhancing_epochs": 1, "denoising_batch": 2, "enhancing_batch": 2}
    single = isinstance(config, SingleGanConfig)
    config = config.model_copy(update=short | ({"epochs": 1, "batch_size": 2} if single else ends))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        found = trained(config, photographs, context)
    assert len(found.generator.blocks) == blocks + 2
    assert nets["nets"]["D"].decision[1].in_features == 512 * (patch // 16) ** 2
    fresh = networks(Gan("", config, _size(config), None, None), context)
    for name, net in nets["nets"].items():
        before = fresh[name].state_dict()
        assert all(torch.isfinite(v).all() for v in net.state_dict().values())
        moved = [k for k, v in net.named_parameters() if not torch.equal(v.detach(), before[k])]
        assert len(moved) == len([*net.parameters()])


def _size(config):
    return learner(config)._size if isinstance(config, SganConfig) else SimpleNamespace(blocks=16, patch=128)


def test_the_vgg_term_changes_what_is_learnt_and_says_that_it_is_random(photographs, context, tmp_path):
    states = []
    for weight in (0.0, 1e-2):
        config = GAN1.model_copy(update={"vgg_weight": weight, "vgg_blocks": 2, "denoising_epochs": 1})
        where = replace(context, workdir=tmp_path / str(weight))
        if weight:
            with pytest.warns(UserWarning, match="random features"):
                states.append(trained(config, photographs, where).state_dict())
        else:
            states.append(trained(config, photographs, where).state_dict())
    assert not torch.equal(states[0]["generator.tail.weight"],
                           states[1]["generator.tail.weight"])  # fmt: skip


def test_a_generator_that_collapses_is_an_error_and_no_bad_score(photographs, context):
    broken = GAN1.model_copy(update={"skip": False, "learning_rate": 1e-9})
    with pytest.raises(TrainingError, match=r"GAN 1: the generator has collapsed: after 2 epochs.*lower learning_rate"):
        trained(broken, photographs, context)


def test_losses_that_are_not_finite_are_an_error(photographs, context):
    wild = GAN1.model_copy(update={"learning_rate": 1e20})
    with pytest.raises(TrainingError, match=r"GAN 1: .*lower the learning rate"):
        trained(wild, photographs, context)


def test_a_discriminator_that_wins_ends_the_training(photographs, context, monkeypatch):
    monkeypatch.setattr("radbench_sgan.losses._WON", 10.0)
    with pytest.raises(TrainingError, match="GAN 1: the discriminator has won: for 3 steps"):
        trained(GAN1.model_copy(update={"watched_steps": 3}), photographs, context)


def test_without_validation_it_is_trained_all_the_same(photographs, context):
    found = trained(GAN1, photographs, context, validation=0)
    assert found.facts()["validation"] == "not validated"
    assert not list(context.beside.glob("*.epoch-*.png"))


def test_how_long_it_takes_is_told_once_and_first(photographs, context):
    told = []
    heard = replace(context, expect=lambda s: told.append("expect"), progress=lambda *_: told.append("progress"))
    trained(GAN1, photographs, heard)
    assert told[0] == "expect"
    assert told.count("expect") == 1


def test_all_but_the_sources_change_the_weights_alone():
    for model, sources in ((SganConfig, {"trained_on", "tuned_on"}), (SingleGanConfig, {"trained_on"})):
        assert {n for n in model.model_fields if affects(model, n) != "weights"} == sources


def test_the_papers_values_are_the_defaults():
    config = SganConfig()
    assert (config.denoising_blocks, config.enhancing_blocks, config.filters) == (9, 16, 64)
    assert (config.denoising_patch, config.enhancing_patch, config.sigma) == (32, 128, 50.0)
    assert config.worse == ((1.0, 4.0), (0.0, 3.0), (1.0, 3.0))
    assert (config.vgg_weight, config.adversarial_weight, config.vgg_input) == (1e-5, 1e-3, "caffe255")
    assert (config.learning_rate, config.discriminator_rate, config.beta1) == (1e-4, 1e-4, 0.5)
    assert (config.rounds, config.tuning_slices, config.vgg_blocks, config.skip) == (0, 1000, 5, False)


@pytest.mark.filterwarnings("ignore:the VGG term")
def test_it_learns_in_mixed_precision_too(photographs, context):
    config = GAN1.model_copy(update={"vgg_weight": 1e-5, "vgg_blocks": 2, "steps_per_epoch": 30, "schedule": "cosine"})
    found = trained(config, photographs, replace(context, precision="mixed"))
    what = found.facts()["validation"].split()
    assert float(what[1]) < 0.9 * float(what[6])
    assert all(value.dtype in (torch.float32, torch.int64) for value in found.state_dict().values())
