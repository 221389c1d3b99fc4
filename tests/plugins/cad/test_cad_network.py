"""The classifier: any of timm's networks, its ImageNet weights from a file, and Grad-CAM against a closed form."""

from __future__ import annotations

import math

import pytest
import timm
import torch
from safetensors.torch import save_file
from torch import nn

from radbench.contracts.errors import ConfigurationError
from radbench.learn.vgg import PretrainedWeightsError
from radbench_cad.network import Classifier, take_imagenet
from radbench_cad.shown import grad_cam, overlays

NAME = "test_resnet"


@pytest.fixture(scope="module")
def imagenet(tmp_path_factory):
    """A file as timm writes them: three colours, a thousand classes."""
    torch.manual_seed(5)
    file = tmp_path_factory.mktemp("weights") / "imagenet.safetensors"
    save_file(timm.create_model(NAME, num_classes=1000).state_dict(), file)
    return file


def test_random_weights_follow_from_the_seed_and_leave_torchs_own_alone():
    before = torch.get_rng_state()
    one, same, other = Classifier(NAME, 2, seed=3), Classifier(NAME, 2, seed=3), Classifier(NAME, 2, seed=4)
    assert torch.equal(before, torch.get_rng_state())
    states = [network.state_dict() for network in (one, same, other)]
    assert all(torch.equal(value, states[1][name]) for name, value in states[0].items())
    assert any(not torch.equal(value, states[2][name]) for name, value in states[0].items())


def test_a_grey_image_is_seen_as_three_equal_colours(imagenet):
    grey, colour = Classifier(NAME, 2, seed=1).eval(), Classifier(NAME, 2, channels=3, seed=1).eval()
    for network in (grey, colour):
        take_imagenet(network, NAME, imagenet, None)
    colour.mean.fill_(float(grey.mean))
    colour.std.fill_(float(grey.std))
    images = torch.rand(2, 1, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        torch.testing.assert_close(
            grey.features(images), colour.features(images.expand(-1, 3, -1, -1)), rtol=1e-4, atol=1e-4
        )


def test_densenet_takes_its_weights_but_for_the_last_layer(tmp_path):
    torch.manual_seed(0)
    theirs = timm.create_model("densenet121", num_classes=1000)
    file = tmp_path / "d.pth"
    torch.save({"state_dict": theirs.state_dict()}, file)
    network = Classifier("densenet121", 2, seed=9)
    last = network.backbone.classifier.weight.detach().clone()
    record = take_imagenet(network, "densenet121", file, None)
    assert record.startswith("d.pth sha256 ")
    own, given = network.backbone.state_dict(), theirs.state_dict()
    torch.testing.assert_close(own["features.conv0.weight"][:, 0], given["features.conv0.weight"].sum(1))
    assert torch.equal(own["features.norm5.weight"], given["features.norm5.weight"])
    assert torch.equal(own["classifier.weight"], last)


def test_files_that_do_not_fit_are_refused_with_what_is_wrong(imagenet, tmp_path):
    network = Classifier(NAME, 2)
    with pytest.raises(PretrainedWeightsError, match="there is no such file"):
        take_imagenet(network, NAME, tmp_path / "none.pth", None)
    with pytest.raises(PretrainedWeightsError, match=r"'conv1.0.weight' is \[16, .*resnet10t's is \[24, "):
        take_imagenet(Classifier("resnet10t", 2), "resnet10t", imagenet, None)
    with pytest.raises(PretrainedWeightsError, match="it is not timm's state dict of 'densenet121'"):
        take_imagenet(Classifier("densenet121", 2), "densenet121", imagenet, None)
    with pytest.raises(PretrainedWeightsError, match="was changed during the run"):
        take_imagenet(network, NAME, imagenet, "0" * 64)
    broken = timm.create_model(NAME).state_dict()
    broken[next(iter(broken))].view(-1)[0] = math.nan
    save_file(broken, tmp_path / "nan.safetensors")
    with pytest.raises(PretrainedWeightsError, match="NaN or infinite"):
        take_imagenet(network, NAME, tmp_path / "nan.safetensors", None)
    (tmp_path / "text.pth").write_text("no weights")
    with pytest.raises(PretrainedWeightsError, match="cannot be read as a state dict"):
        take_imagenet(network, NAME, tmp_path / "text.pth", None)


def test_weights_that_timm_cannot_reach_say_how_to_go_on(monkeypatch):
    network = Classifier(NAME, 2)

    def unreachable(*given, **named):
        raise OSError("no network")

    monkeypatch.setattr(timm, "create_model", unreachable)
    with pytest.raises(PretrainedWeightsError, match=r"no network.*task\.pretrained=false"):
        take_imagenet(network, NAME, None, None)


def test_a_network_that_timm_does_not_know_names_its_neighbours():
    with pytest.raises(ConfigurationError, match="densenet121"):
        Classifier("densenet12", 2)
    with pytest.raises(ConfigurationError, match="cannot be built with 1 channels, 2 findings and pool=max"):
        Classifier("levit_128s", 2, pool="max")


class Linear(nn.Module):
    """Two feature maps, the image and its negative; the logits are weighted means of them."""

    weights = torch.tensor([[2.0, 1.0], [-1.0, 3.0]])

    def features(self, images):
        return torch.cat([images, 1 - images], dim=1)

    def head(self, maps):
        return maps.mean(dim=(2, 3)) @ self.weights.T


def test_grad_cam_of_a_linear_network_is_its_weighted_maps():
    image = torch.rand(1, 1, 6, 5, generator=torch.Generator().manual_seed(1))
    for finding, (a, b) in enumerate(Linear.weights.tolist()):
        expected = (a * image + b * (1 - image)).clamp_min(0)
        with torch.no_grad():
            found = grad_cam(Linear(), image, finding)
        torch.testing.assert_close(found, expected / expected.max())


def test_where_nothing_speaks_for_a_finding_its_picture_is_the_image():
    network = Linear()
    network.weights = -torch.ones(1, 2)
    image = torch.rand(1, 1, 8, 8, generator=torch.Generator().manual_seed(2))
    pictures = overlays(network, image, ("mass",))
    assert set(pictures) == {"image", "mass"}
    assert torch.equal(pictures["mass"], pictures["image"])
    assert torch.equal(pictures["image"], image[0].expand(3, -1, -1))


def test_overlays_stay_pictures_and_leave_no_gradients_behind():
    network = Classifier(NAME, 2).eval()
    with torch.no_grad():
        pictures = overlays(network, torch.rand(1, 1, 64, 64), ("mass", "nodule"))
    assert {tuple(p.shape) for p in pictures.values()} == {(3, 64, 64)}
    assert all(float(p.min()) >= 0 and float(p.max()) <= 1 for p in pictures.values())
    assert all(p.grad is None for p in network.parameters())


def test_a_backbone_without_maps_says_so():
    network = Classifier("vit_tiny_patch16_224", 1).eval()
    with pytest.raises(ConfigurationError, match="convolutional backbone"):
        overlays(network, torch.rand(1, 1, 224, 224), ("mass",))
