"""dncnn: that it is the paper's network, learns to denoise, and enhances any size to the same bits in any company."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from radbench.contracts.config import affects
from radbench.contracts.errors import DatasetError
from radbench.learn import Batch, Draws, parameter_count
from radbench_sgan.dncnn import DnCnnDenoiser, HalfSquares, continued
from radbench_sgan.dncnn_config import DnCnnConfig
from radbench_sgan.dncnn_lessons import PHOTOGRAPH, Shared, cut_off
from radbench_sgan.looks_linear import look_linear
from radbench_sgan.networks import DnCnn
from radbench_sgan.plugin import radbench_enhancers
from radbench_sgan.shown import with_noise

TINY = DnCnnConfig(
    layers=4,
    filters=16,
    patch=24,
    batch_size=8,
    epochs=4,
    steps_per_epoch=20,
    optimiser="adam",
    learning_rate=5e-3,
    final_rate=1e-3,
    validation_patches=8,
)


def test_the_paper_profile_is_dncnn_b_and_a_fixed_deviation_is_dncnn_s():
    blind, fixed = DnCnnConfig(), DnCnnConfig(sigma=25)
    assert (blind.depth, blind.side, blind.steps, blind.noise) == (20, 50, 3000, (0.0, 55.0))
    assert (fixed.depth, fixed.side, fixed.steps, fixed.noise) == (17, 40, 1600, (25.0, 25.0))
    # 3x3x64+64, 18 times 3x3x64x64 with 2x64 of the batch norm, 3x3x64+1.
    assert parameter_count(DnCnn(20, 64)) == 640 + 18 * (36864 + 128) + 577
    assert parameter_count(DnCnn(17, 64)) == 640 + 15 * (36864 + 128) + 577


def test_the_learning_rate_falls_exponentially_to_the_last_epoch():
    options = DnCnnDenoiser(DnCnnConfig())._options()
    assert options.learning_rate * options.step_factor**49 == pytest.approx(1e-4)
    assert (options.optimiser, options.momentum, options.weight_decay) == ("sgd", 0.9, 1e-4)


def test_the_loss_is_half_the_sum_of_squares():
    class Half(torch.nn.Module):
        def forward(self, x):
            return x / 2

    batch = Batch({"image": torch.ones(2, 1, 4, 5), "clean": torch.zeros(2, 1, 4, 5)}, (0, 1))
    assert HalfSquares()(Half(), batch).tolist() == pytest.approx([20 * 0.25 / 2] * 2)


def test_before_it_has_learnt_it_changes_nothing():
    image = torch.rand(2, 1, 9, 7)
    assert torch.equal(DnCnnDenoiser(TINY).eval().enhance(image).image, image)


@pytest.mark.parametrize("sigma", [None, 25.0])
def test_it_learns_to_take_noise_away(photographs, context, sigma):
    denoiser = DnCnnDenoiser(TINY.model_copy(update={"sigma": sigma}))
    denoiser.fit(photographs(denoiser), context)
    clean = photographs.held_out()
    noise = torch.randn(clean.shape, generator=torch.Generator().manual_seed(5)) * 25 / 255
    found = denoiser.eval().enhance(clean + noise)
    error = (found.image - clean).square().mean()
    assert error < 0.4 * noise.square().mean()
    assert torch.equal(found.image, found.layers["denoised"])
    other = DnCnnDenoiser(denoiser.config)
    other.load_state_dict({name: value.clone() for name, value in denoiser.state_dict().items()})
    assert torch.equal(other.eval().enhance(clean + noise).image, found.image)


def test_a_second_attempt_in_the_same_folder_ends_the_same(photographs, context):
    states = []
    for _ in range(2):
        denoiser = DnCnnDenoiser(TINY.model_copy(update={"epochs": 1}))
        denoiser.fit(photographs(denoiser), context)
        states.append(denoiser.state_dict())
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])
    assert [f.name for f in context.beside.iterdir()] == ["dncnn.curve.csv"]


def test_how_long_it_takes_is_told_and_it_needs_no_validation(photographs, context):
    told = []
    denoiser = DnCnnDenoiser(TINY.model_copy(update={"epochs": 1, "steps_per_epoch": 2}))
    denoiser.fit(photographs(denoiser, validation=0), replace(context, expect=told.append))
    assert len(told) == 1
    assert told[0] > 0


def test_a_single_step_of_the_paper_profile_is_finite(photographs, context):
    denoiser = DnCnnDenoiser(DnCnnConfig(batch_size=2, epochs=1, steps_per_epoch=1, validation_patches=1))
    denoiser.fit(photographs(denoiser), context)
    assert all(torch.isfinite(value).all() for value in denoiser.state_dict().values())
    assert bool(denoiser.network.noise[-1].weight.detach().any())


def test_noise_is_drawn_by_place_and_the_clean_patch_stays():
    clean = (torch.rand(3, 1, 16, 16, generator=torch.Generator().manual_seed(0)) * 255).to(torch.uint8)
    one = with_noise((0.0, 55.0))(Batch({"clean": clean}, (4, 5, 6)), Draws(0, 0, (4, 5, 6)))
    other = with_noise((0.0, 55.0))(Batch({"clean": clean[1:2]}, (5,)), Draws(0, 0, (5,)))
    assert torch.equal(one["image"][1], other["image"][0])
    assert torch.equal(one["clean"], clean.float() / 255)


def test_all_but_the_source_changes_the_weights_alone():
    assert {n for n in DnCnnConfig.model_fields if affects(DnCnnConfig, n) != "weights"} == {"trained_on"}


def test_it_is_meant_for_any_modality():
    spec = next(s for s in radbench_enhancers() if s.name == "dncnn")
    assert (spec.modality, spec.layers, spec.learns) == ("any", ("denoised",), True)


@pytest.mark.parametrize("size", [(1, 1), (2, 9), (30, 7)])
def test_images_are_continued_by_their_mirror_images(size):
    image = torch.rand(2, 1, *size)
    expected = np.pad(image.numpy(), ((0, 0), (0, 0), (20, 20), (20, 20)), mode="reflect")
    assert np.array_equal(continued(image, 20).numpy(), expected)


@torch.no_grad()
def test_noise_goes_at_the_edges_of_an_image_as_in_its_middle(photographs, context):
    denoiser = DnCnnDenoiser(TINY.model_copy(update={"layers": 8, "steps_per_epoch": 60, "start": "looks-linear"}))
    with torch.enable_grad():
        denoiser.fit(photographs(denoiser), context)
    flat = torch.full((1, 1, 96, 96), 0.5)
    noisy = flat + torch.randn(flat.shape, generator=torch.Generator().manual_seed(3)) * 25 / 255
    error = (denoiser.eval().enhance(noisy).image - flat).square()[0, 0]
    edges = torch.ones(96, 96, dtype=torch.bool)
    edges[4:-4, 4:-4] = False
    assert error[edges].mean() < 2 * error[~edges].mean()


def test_a_looks_linear_start_passes_on_what_comes_in():
    torch.manual_seed(0)
    usual, linear = DnCnn(12, 32), DnCnn(12, 32)
    look_linear(linear.noise, 0.0)
    image = torch.rand(1, 1, 24, 24)

    def before_the_last(network):
        layers = [m for m in network.noise[:-1] if not isinstance(m, torch.nn.BatchNorm2d)]
        return torch.nn.Sequential(*layers)(image - 0.5)

    passed, shown = before_the_last(linear), (image - 0.5)[0, 0]
    # Rectified halves are each other's negatives: their difference is a linear map of the pixel, turned but not lost.
    whole = (passed[:, :16] - passed[:, 16:])[0]
    assert torch.allclose(whole.norm(dim=0), whole.norm(dim=0).max() * shown.abs() / shown.abs().max(), atol=1e-4)
    assert not torch.allclose(before_the_last(usual)[0].norm(dim=0), whole.norm(dim=0), atol=1e-2)


def test_a_looks_linear_start_follows_from_the_seed_and_finds_no_noise():
    config = TINY.model_copy(update={"start": "looks-linear", "filters": 15})
    first, again, other = (DnCnnDenoiser(config)._network(seed).state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not all(torch.equal(first[name], other[name]) for name in first)
    image = torch.rand(1, 1, 9, 7)
    assert torch.equal(DnCnnDenoiser(config).eval().enhance(image).image, image)


class Images:
    """So many photographs, then so many made images, each of its number."""

    def __init__(self, photographs, made):
        flags = [True] * photographs + [False] * made
        self.lessons = [
            {"clean": torch.full((1, 4, 4), i, dtype=torch.uint8), PHOTOGRAPH: torch.tensor([flag])}
            for i, flag in enumerate(flags)
        ]
        self.case_ids = [f"i{i}" for i in range(len(flags))]

    def __len__(self):
        return len(self.lessons)

    def __getitem__(self, place):
        return self.lessons[place]

    def at(self, places):
        from radbench.learn import ListLessons

        return ListLessons([self[i] for i in places], [self.case_ids[i] for i in places])


def numbers(lessons):
    return [int(lessons[i]["clean"].flatten()[0]) for i in range(len(lessons))]


@pytest.mark.parametrize("share", [0.0, 0.25, 0.5, 1.0])
def test_photographs_get_their_share_of_the_patches(share):
    shown = numbers(Shared(Images(4, 20), 80, share))
    assert sum(number < 4 for number in shown) == 80 * share
    counts = np.bincount(shown, minlength=24)
    assert all(np.ptp(kind) <= 1 for kind in (counts[:4], counts[4:]))
    lessons = Shared(Images(4, 20), 80, share)
    assert [lessons.case_ids[i] for i in range(80)] == [f"i{number}" for number in shown]
    assert numbers(lessons.at([5, 3])) == [shown[5], shown[3]]


@pytest.mark.parametrize(("photographs", "made"), [(3, 0), (0, 5)])
def test_where_all_are_of_one_kind_it_gets_all_patches(photographs, made):
    assert set(numbers(Shared(Images(photographs, made), 12, 0.5))) == set(range(photographs + made))


def test_no_images_are_told_of():
    with pytest.raises(DatasetError, match="no images"):
        Shared(Images(0, 0), 4, 0.5)


def test_noise_is_cut_off_at_black_and_white():
    batch = Batch({"image": torch.tensor([[[[-0.2, 0.4, 1.3]]]])}, (0,))
    assert cut_off(batch, Draws(0, 0, (0,)))["image"].flatten().tolist() == pytest.approx([0.0, 0.4, 1.0])
