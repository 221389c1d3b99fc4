"""VGG-16 up to block2_conv2: its weights' formats, what it says without them, and what it computes."""

import hashlib
import sys
from types import SimpleNamespace

import pytest
import torch
from safetensors.torch import save_file

from radbench.learn import PretrainedWeightsError, vgg_features

SHAPES = {0: (64, 3, 3, 3), 2: (64, 64, 3, 3), 5: (128, 64, 3, 3), 7: (128, 128, 3, 3)}


def state(prefix="features."):
    generator = torch.Generator().manual_seed(0)
    found = {f"{prefix}{i}.weight": 0.05 * torch.randn(s, generator=generator) for i, s in SHAPES.items()}
    return found | {f"{prefix}{i}.bias": 0.05 * torch.randn(s[0], generator=generator) for i, s in SHAPES.items()}


def by_hand(images, weights):
    """The four convolutions of blocks 1 and 2, on grey repeated to RGB and normalised as ImageNet's."""
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    x = (images.repeat(1, 3, 1, 1) - mean[:, None, None]) / std[:, None, None]
    for i in SHAPES:
        if i == 5:
            x = torch.nn.functional.max_pool2d(x, 2)
        x = torch.nn.functional.conv2d(
            x, weights[f"features.{i}.weight"], weights[f"features.{i}.bias"], padding=1
        ).relu()
    return x


@pytest.mark.parametrize("kind", ["safetensors", "pth", "features alone", "wrapped", "checkpoint"])
def test_a_file_of_any_usual_format_gives_its_features(tmp_path, kind):
    file = tmp_path / ("vgg.safetensors" if kind == "safetensors" else "vgg.pth")
    if kind == "safetensors":
        save_file(state(), file)
    elif kind == "checkpoint":
        torch.save({"state_dict": state()}, file)
    else:
        torch.save(state({"pth": "features.", "features alone": "", "wrapped": "module.features."}[kind]), file)
    found = vgg_features(weights=file)
    images = torch.rand(2, 1, 16, 16)
    torch.testing.assert_close(found.network(images), by_hand(images, state()), atol=1e-5, rtol=1e-4)
    content = hashlib.sha256(file.read_bytes()).hexdigest()
    assert found.pretrained == f"{file.name} sha256 {content[:16]}"
    assert vgg_features(weights=file, digest=content).pretrained == found.pretrained
    with pytest.raises(PretrainedWeightsError, match="changed during the run"):
        vgg_features(weights=file, digest="0" * 64)


def test_values_of_another_range_are_taken_to_the_unit_range(tmp_path):
    images = torch.rand(1, 1, 8, 8)
    with pytest.warns(UserWarning, match="random VGG-16 features"):
        unit, signed = vgg_features(pretrained=False), vgg_features(pretrained=False, value_range=(-1.0, 1.0))
    torch.testing.assert_close(unit.network(images), signed.network(images * 2 - 1), atol=1e-4, rtol=1e-4)


def test_random_features_say_so_and_depend_on_the_seed_alone():
    with pytest.warns(UserWarning, match="random VGG-16 features"):
        one, two, three = (vgg_features(pretrained=False, seed=s) for s in (0, 0, 1))
    images = torch.rand(1, 1, 8, 8)
    assert one.pretrained == "false"
    assert torch.equal(one.network(images), two.network(images))
    assert not torch.equal(one.network(images), three.network(images))


def test_the_loss_network_does_not_learn():
    with pytest.warns(UserWarning, match="random VGG-16 features"):
        network = vgg_features(pretrained=False).network
    assert not any(p.requires_grad for p in network.parameters())
    image = torch.rand(1, 1, 8, 8, requires_grad=True)
    network(image).sum().backward()
    assert image.grad.abs().sum() > 0


def test_timm_gives_the_weights(monkeypatch):
    asked = []

    def create_model(name, pretrained):
        asked.append((name, pretrained))
        return SimpleNamespace(state_dict=state)

    monkeypatch.setitem(sys.modules, "timm", SimpleNamespace(create_model=create_model))
    found = vgg_features()
    assert asked == [("vgg16.tv_in1k", True)]
    assert found.pretrained == "timm vgg16.tv_in1k"
    assert torch.equal(found.network.features[0].weight, state()["features.0.weight"])


def test_unreachable_weights_are_an_error_that_says_how_to_go_on(monkeypatch):
    def create_model(name, pretrained):
        raise OSError("no route to host")

    monkeypatch.setitem(sys.modules, "timm", SimpleNamespace(create_model=create_model))
    with pytest.raises(PretrainedWeightsError, match=r"no route to host.*weights=PATH.*pretrained=false"):
        vgg_features()


def test_a_missing_timm_is_an_error_that_says_how_to_go_on(monkeypatch):
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(PretrainedWeightsError, match=r"not installed.*weights=PATH.*pretrained=false"):
        vgg_features()


def test_files_that_do_not_hold_vgg_are_refused_by_name(tmp_path):
    wrong = {**state(), "features.5.weight": torch.zeros(1, 2)}
    torch.save(wrong, tmp_path / "shape.pth")
    torch.save({"conv.weight": torch.zeros(1)}, tmp_path / "other.pth")
    (tmp_path / "torn.safetensors").write_bytes(b"torn")
    for name, message in (
        ("shape.pth", r"'features.5.weight' is \[1, 2\], .* \[128, 64, 3, 3\]"),
        ("other.pth", "no 'features.0.weight'"),
        ("torn.safetensors", "cannot be read as safetensors"),
        ("none.pth", "no such file"),
    ):
        with pytest.raises(PretrainedWeightsError, match=message):
            vgg_features(weights=tmp_path / name)
