"""The guided U-Net's losses: entropy, the map of highest entropy, the correlation of gradients."""

import numpy as np
import pytest
import torch

from radbench.learn import Batch
from radbench_guided.losses import GuidedLoss, entropy, gradient_correlation, most_informative
from radbench_guided.network import GuidedUnet


def test_entropy_of_known_histograms():
    constant = torch.full((16, 16), 0.3)
    two = torch.arange(256).reshape(16, 16).remainder(2).float()
    all_levels = torch.arange(256.0).reshape(16, 16) * 3 - 7
    quarter = (torch.arange(256).reshape(16, 16) % 4 == 0).float()
    found = entropy(torch.stack([constant, two, all_levels, quarter])[:, None])
    assert found.tolist() == pytest.approx([0.0, 1.0, 8.0, -(0.25 * np.log2(0.25) + 0.75 * np.log2(0.75))])


def test_the_map_of_highest_entropy_is_taken_for_each_image_and_scaled():
    image = torch.rand(2, 1, 32, 32, generator=torch.Generator().manual_seed(0))
    flat = (image > 0.5).float()
    maps = torch.cat([flat, 5 * image - 2], dim=1)
    maps[1] = maps[1].flip(0)
    wanted = (image - image.amin((2, 3), keepdim=True)) / (
        image.amax((2, 3), keepdim=True) - image.amin((2, 3), keepdim=True)
    )
    assert torch.allclose(most_informative(maps, image), wanted, atol=1e-6)


def test_a_map_with_dark_and_bright_exchanged_is_turned_round():
    image = torch.rand(1, 1, 32, 32, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(most_informative(-image, image), most_informative(image, image), atol=1e-6)


def test_the_target_has_no_gradient():
    maps = torch.rand(1, 3, 16, 16, requires_grad=True)
    assert not most_informative(maps, torch.rand(1, 1, 16, 16)).requires_grad


def test_gradient_correlation_is_the_mean_of_two_correlations():
    rng = np.random.default_rng(0)
    a, b = rng.random((2, 12, 10))
    across = np.corrcoef(np.diff(a, axis=1).ravel(), np.diff(b, axis=1).ravel())[0, 1]
    down = np.corrcoef(np.diff(a, axis=0).ravel(), np.diff(b, axis=0).ravel())[0, 1]
    found = gradient_correlation(*(torch.from_numpy(x)[None, None] for x in (a, b)))
    assert float(found) == pytest.approx((across + down) / 2, abs=1e-6)


def test_gradient_correlation_of_an_image_with_itself_its_negative_and_none():
    image = torch.rand(1, 1, 16, 16, generator=torch.Generator().manual_seed(1))
    assert float(gradient_correlation(image, 3 * image - 1)) == pytest.approx(1.0, abs=1e-6)
    assert float(gradient_correlation(image, 1 - image)) == pytest.approx(-1.0, abs=1e-6)
    assert float(gradient_correlation(image, torch.full_like(image, 0.5))) == 0.0


def batch(n=2):
    generator = torch.Generator().manual_seed(0)
    image, original, details = (torch.rand(n, 1, 16, 16, generator=generator) for _ in range(3))
    return Batch({"image": image, "original": original, "details": details - 0.5}, tuple(range(n)))


def test_the_ablations_compare_with_the_rounds_image_and_the_details():
    network, given = GuidedUnet(2, 4, 0.6, 0), batch()
    made = network(given["image"], given["details"])
    feature, boundary = GuidedLoss("l2", "l2", 1.0, 0.001).both(network, given)
    assert torch.allclose(feature, (made - given["original"]).square().mean((1, 2, 3)))
    assert torch.allclose(boundary, (made - given["details"]).square().mean((1, 2, 3)))


def test_the_weights_are_those_of_equation_12():
    network, given = GuidedUnet(2, 4, 0.6, 0), batch()
    feature, boundary = GuidedLoss("entropy", "correlation", 1.0, 0.001).both(network, given)
    assert torch.allclose(GuidedLoss("entropy", "correlation", 2.0, 0.5)(network, given), 2 * feature + 0.5 * boundary)


def test_each_lesson_has_a_loss_of_its_own():
    network, given = GuidedUnet(2, 4, 0.6, 0), batch()
    loss = GuidedLoss("entropy", "correlation", 1.0, 0.001)
    assert torch.allclose(loss(network, given)[1:], loss(network, given.part(1, 2)), atol=1e-6)


def test_without_weight_the_guidance_is_as_if_it_were_not_there():
    given, plain, guided = batch(1), GuidedUnet(2, 4, None, 0), GuidedUnet(2, 4, 0.0, 1)
    guided.load_state_dict(plain.state_dict(), strict=False)
    assert torch.allclose(guided(given["image"], given["details"]), plain(given["image"], given["details"]))


def test_with_all_the_weight_the_deeper_levels_are_not_heard():
    given, network = batch(1), GuidedUnet(2, 4, 1.0, 0)
    before = network(given["image"], given["details"])
    torch.nn.init.ones_(network.up[0].weight)
    assert torch.equal(network(given["image"], given["details"]), before)
    assert not torch.equal(network(given["image"], -given["details"]), before)


@pytest.mark.parametrize("size", [(16, 16), (17, 21), (5, 9)])
def test_any_size_comes_back_as_it_was(size):
    images = torch.rand(1, 1, *size)
    made, maps = GuidedUnet(2, 4, 0.6, 0).with_maps(images, images - 0.5)
    assert made.shape == images.shape
    assert maps.shape == (1, 4, *size)


def test_the_weights_depend_on_the_seed_alone():
    torch.manual_seed(1)
    one = GuidedUnet(2, 4, 0.6, 5).state_dict()
    torch.manual_seed(2)
    two = GuidedUnet(2, 4, 0.6, 5).state_dict()
    assert all(torch.equal(one[name], two[name]) for name in one)
    assert not torch.equal(GuidedUnet(2, 4, 0.6, 6).first.weight, one["first.weight"])


def test_the_first_layer_begins_without_a_direction():
    weight = GuidedUnet(2, 8, 0.6, 0).first.weight
    assert torch.allclose(weight, weight.flip(3))
    assert torch.allclose(weight, weight.transpose(2, 3))
    assert len(weight[:, 0, 0, 0].unique()) == 8


def test_with_a_skip_a_network_that_makes_nothing_gives_its_image():
    given, network = batch(1), GuidedUnet(2, 4, 0.6, 0, skip=True)
    torch.nn.init.zeros_(network.head.weight)
    image = given["image"].clamp(0.01, 0.99)
    assert torch.allclose(network(image, given["details"]), image, atol=1e-6)
