"""Losses against their closed forms; and that no cutting of a batch changes its mean."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from radbench.contracts import DatasetError
from radbench.learn import L1, Batch, Perceptual, WeightedBCE, l1, perceptual, soft_dice, weighted_bce, weighted_l1


def test_l1_of_a_constant_offset_is_the_offset():
    assert l1(torch.full((2, 1, 4, 5), 0.75), torch.full((2, 1, 4, 5), 0.5)).tolist() == [0.25, 0.25]


def test_a_nodule_counts_1_plus_w_times():
    target, prediction = torch.zeros(1, 1, 4, 4), torch.full((1, 1, 4, 4), 0.5)
    mask = torch.zeros(1, 1, 4, 4, dtype=torch.bool)
    mask[..., 0, :2] = True
    assert weighted_l1(prediction, target, mask, 30).item() == pytest.approx(0.5 * (14 + 2 * 31) / 16)


def test_a_nodule_weight_of_0_is_l1():
    a, b, mask = torch.rand(3, 1, 8, 8), torch.rand(3, 1, 8, 8), torch.rand(3, 1, 8, 8) > 0.5
    assert torch.equal(weighted_l1(a, b, mask, 0.0), l1(a, b))


@given(p=st.floats(0.01, 0.99), w=st.floats(0.1, 20), t=st.sampled_from([0.0, 1.0]))
def test_cross_entropy_is_minus_the_weighted_logarithm(p, w, t):
    logits, target = torch.full((1, 1, 2, 2), math.log(p / (1 - p))), torch.full((1, 1, 2, 2), t)
    wanted = -w * math.log(p) if t else -math.log(1 - p)
    assert weighted_bce(logits, target, w).item() == pytest.approx(wanted, rel=1e-4, abs=1e-6)


def test_cross_entropy_of_a_wrong_certainty_still_has_a_gradient():
    logits = torch.full((1, 1, 2, 2), -80.0, requires_grad=True)
    weighted_bce(logits, torch.ones(1, 1, 2, 2)).sum().backward()
    assert logits.grad.sum().item() == pytest.approx(-1)


def test_soft_dice_is_0_for_the_mask_itself_and_for_nothing_in_nothing():
    mask = torch.zeros(2, 1, 8, 8)
    mask[0, :, :4] = 1
    assert soft_dice(mask * 200 - 100, mask).tolist() == pytest.approx([0, 0], abs=1e-6)


def test_soft_dice_of_half_an_overlap():
    mask, found = torch.zeros(1, 1, 40, 40), torch.zeros(1, 1, 40, 40)
    mask[..., :20, :], found[..., 10:30, :] = 1, 1
    assert soft_dice(found * 200 - 100, mask).item() == pytest.approx(0.5, abs=1e-3)


def test_the_perceptual_distance_is_the_norm_over_the_root_of_its_length():
    scale = torch.nn.Conv2d(1, 1, 1, bias=False)
    torch.nn.init.constant_(scale.weight, 3.0)
    a, b = torch.rand(2, 1, 4, 4), torch.rand(2, 1, 4, 4)
    norm = 3 * (a - b).flatten(1).norm(dim=1)
    torch.testing.assert_close(perceptual(a, b, scale), norm / 4)
    torch.testing.assert_close(perceptual(a, b, scale, squared=True), norm.square() / 16)


def test_the_perceptual_distance_to_itself_is_0_with_a_gradient_of_0():
    a = torch.rand(1, 1, 4, 4, requires_grad=True)
    distance = perceptual(a, a.detach(), torch.nn.Identity())
    distance.sum().backward()
    assert distance.item() == 0
    assert torch.equal(a.grad, torch.zeros_like(a))


class Doubling(torch.nn.Module):
    """A network with a closed form, and its logits."""

    def forward(self, images):
        return 2 * images

    def logits(self, images):
        return 2 * images - 1


def batch_of(n=6):
    names = ("image", "film", "target")
    pictures = {
        name: torch.rand(n, 1, 8, 8, generator=torch.Generator().manual_seed(i)) for i, name in enumerate(names)
    }
    return Batch({**pictures, "nodule": pictures["target"] > 0.8, "area": pictures["target"] > 0.5}, tuple(range(n)))


@pytest.mark.parametrize(
    "loss",
    [
        L1("target", "nodule", 30.0),
        WeightedBCE("area", 3.0, dice=1.0),
        Perceptual("target", torch.nn.Identity(), l1_weight=0.5),
    ],
)
def test_the_mean_over_lessons_is_the_same_however_a_batch_is_cut(loss):
    batch, network = batch_of(), Doubling()
    whole = loss(network, batch)
    parts = torch.cat([loss(network, batch.part(i, i + 2)) for i in (0, 2, 4)])
    assert whole.shape == (6,)
    assert torch.equal(whole, parts)


def test_losses_of_a_batch_are_those_of_what_the_network_gives():
    batch = batch_of()
    image, film, target, area = (batch[name] for name in ("image", "film", "target", "area"))
    network, same = Doubling(), torch.nn.Identity()
    assert torch.equal(L1("target")(network, batch), l1(2 * image, target))
    assert torch.equal(L1("target", input="film")(network, batch), l1(2 * film, target))
    assert torch.equal(L1("area")(network, batch), l1(2 * image, area.float()))
    weighted = weighted_l1(2 * image, target, batch["nodule"], 30)
    assert torch.equal(L1("target", "nodule", 30.0)(network, batch), weighted)
    cross = weighted_bce(2 * image - 1, area, 3.0)
    assert torch.equal(WeightedBCE("area", 3.0)(network, batch), cross)
    both = cross + 0.5 * soft_dice(2 * image - 1, area)
    assert torch.equal(WeightedBCE("area", 3.0, dice=0.5)(network, batch), both)
    distance = perceptual(2 * film, target, same, squared=True) + 0.1 * l1(2 * film, target)
    loss = Perceptual("target", same, squared=True, l1_weight=0.1, input="film")
    assert torch.equal(loss(network, batch), distance)


def test_a_missing_target_is_named_with_what_there_is():
    batch = Batch({"lung_image": torch.rand(1, 1, 4, 4), "image": torch.rand(1, 1, 4, 4)}, (0,))
    with pytest.raises(DatasetError, match="no 'bone_image'; they have image, lung_image"):
        L1("bone_image")(torch.nn.Identity(), batch)


def test_a_weighted_area_must_be_a_mask():
    with pytest.raises(DatasetError, match="'film' of the lessons is float32, not a mask"):
        L1("target", "film", 30.0)(torch.nn.Identity(), batch_of())


@pytest.mark.parametrize("w", [1.0, 19.0])
def test_a_pixel_as_likely_inside_as_not_is_best_called_w_over_w_plus_1(w):
    p = w / (w + 1)
    logits = torch.full((1, 1, 1, 2), math.log(p / (1 - p)), requires_grad=True)
    weighted_bce(logits, torch.tensor([[[[0.0, 1.0]]]]), w).sum().backward()
    assert logits.grad.sum().item() == pytest.approx(0, abs=1e-6)
