"""The losses of the GANs are the printed equations; a GAN that has collapsed is told of in a sentence."""

import math

import pytest
import torch
from torch import nn

from radbench.learn import Batch, TrainingError
from radbench_sgan.losses import CHANCE, DiscriminatorLoss, GeneratorLoss, feature_error, squared_error
from radbench_sgan.networks import Discriminator


class Constant(nn.Module):
    def __init__(self, value):
        super().__init__()
        self.value = value

    def forward(self, images):
        return torch.full((len(images),), self.value)


class ByMean(nn.Module):
    """Logits that tell bright from dark: 2 for the clean ones, -1 for those that are made."""

    def forward(self, images):
        return torch.where(images.mean((1, 2, 3)) > 0.5, 2.0, -1.0)


class Times(nn.Module):
    def __init__(self, factor):
        super().__init__()
        self.factor = factor

    def forward(self, images):
        return images * self.factor


BATCH = Batch({"image": torch.full((2, 1, 4, 4), 0.4), "clean": torch.full((2, 1, 4, 4), 0.8)}, (0, 1))


def test_the_generators_loss_is_equation_1():
    class Features(nn.Module):
        def forward(self, images):
            return [images * 10, images[..., ::2, ::2] * 100]

    logit = -1.0
    loss = GeneratorLoss(1e-3, 1e-5, Features())({"G": Times(0.5), "D": Constant(logit)}, BATCH)
    difference = 0.8 - 0.2
    adversarial = -math.log(1 / (1 + math.exp(-logit)))
    features = (10 * difference) ** 2 + (100 * difference) ** 2
    expected = difference**2 + 1e-5 * features + 1e-3 * adversarial
    assert loss.tolist() == pytest.approx([expected] * 2, rel=1e-5)


def test_the_discriminators_loss_is_equation_3():
    loss = DiscriminatorLoss("GAN", 0)({"G": Times(1.0), "D": ByMean()}, BATCH)
    real, made = 1 / (1 + math.exp(-2.0)), 1 / (1 + math.exp(1.0))
    assert loss.tolist() == pytest.approx([-math.log(real) - math.log(1 - made)] * 2, rel=1e-5)


def test_a_discriminator_that_cannot_tell_has_the_loss_of_chance():
    loss = DiscriminatorLoss("GAN", 0)({"G": Times(1.0), "D": Constant(0.0)}, BATCH)
    assert loss.tolist() == pytest.approx([CHANCE] * 2)


def test_errors_are_means_over_each_lesson_and_sums_over_blocks():
    a, b = torch.zeros(2, 1, 2, 2), torch.tensor([1.0, 3.0]).view(2, 1, 1, 1).expand(2, 1, 2, 2)
    assert squared_error(a, b).tolist() == [1.0, 9.0]
    assert feature_error(a, b, lambda x: [x, 2 * x]).tolist() == [5.0, 45.0]


@pytest.mark.parametrize(("loss", "said"), [(1e-5, "has won"), (CHANCE + 1e-4, "is at chance")])
def test_a_discriminator_with_nothing_to_learn_for_long_ends_the_training_with_a_sentence(loss, said):
    judge, turn = Discriminator(16, 2, 4), DiscriminatorLoss("GAN 1", watched=5)
    for _ in range(4):
        turn.watch(judge, torch.tensor(loss))
    with pytest.raises(TrainingError, match=f"GAN 1: the discriminator {said}.*discriminator_rate"):
        turn.watch(judge, torch.tensor(loss))


def test_what_it_learns_in_between_begins_the_count_anew():
    judge, turn = Discriminator(16, 2, 4), DiscriminatorLoss("GAN 1", watched=3)
    for loss in (1e-5, 1e-5, 0.7, 1e-5, 1e-5, CHANCE, CHANCE, 0.7):
        turn.watch(judge, torch.tensor(loss))
    assert (int(judge.won), int(judge.even)) == (0, 0)


def test_the_counts_outlive_a_kill_with_the_weights():
    judge, turn = Discriminator(16, 2, 4), DiscriminatorLoss("GAN 1", watched=3)
    for _ in range(2):
        turn.watch(judge, torch.tensor(1e-5))
    later = Discriminator(16, 2, 4)
    later.load_state_dict(judge.state_dict())
    with pytest.raises(TrainingError, match="for 3 steps"):
        turn.watch(later, torch.tensor(1e-5))


def test_nothing_is_watched_in_a_validation_or_where_it_is_turned_off():
    judge = Discriminator(16, 2, 4)
    batch = Batch({name: torch.rand(2, 1, 16, 16) for name in ("image", "clean")}, (0, 1))
    DiscriminatorLoss("GAN", 2)({"G": Times(1.0), "D": judge.eval()}, batch)
    off = DiscriminatorLoss("GAN", 0)
    off({"G": Times(1.0), "D": judge.train()}, batch)
    assert (int(judge.won), int(judge.even), judge.turns) == (0, 0, 0)
