"""The loss network: VGG-16's five blocks, weights of three kinds on one scale, and what a wrong file is told."""

import hashlib
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from radbench.learn import PretrainedWeightsError
from radbench_sgan.vgg import Vgg16, loss_network

REAL = Path(__file__).resolve().parents[4] / "shared" / "data" / "weights" / "vgg16_imagenet_features.safetensors"
PLACES = (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28)
STD = torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1)
MEAN = torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1)
IMAGES = torch.rand(2, 1, 32, 32, generator=torch.Generator().manual_seed(0))


def random_network(**options):
    with pytest.warns(UserWarning, match="random features"):
        return loss_network(pretrained=False, **options)


def state(folded=False):
    """A file's content in torchvision's names; folded: the first layer takes ImageNet's units and holds the 255."""
    network = random_network().network
    found = {}
    for place, module in zip(network.places, network.convolutions(), strict=True):
        found[f"features.{place}.weight"], found[f"features.{place}.bias"] = module.weight.clone(), module.bias.clone()
    if folded:
        found["features.0.weight"] = found["features.0.weight"] * 255 * STD
    return {name: tensor.detach().contiguous() for name, tensor in found.items()}


def test_the_layers_lie_where_torchvision_has_them_and_each_block_gives_its_last_activation():
    network = Vgg16()
    assert tuple(network.places) == PLACES
    assert sum(p.numel() for p in network.parameters()) == 14_714_688
    found = network(IMAGES)
    assert [tuple(x.shape[1:]) for x in found] == [(64, 32, 32), (128, 16, 16), (256, 8, 8), (512, 4, 4), (512, 2, 2)]
    assert all(float(x.detach().min()) >= 0 for x in found)


def test_blocks_end_where_nothing_is_left_to_halve():
    assert len(Vgg16()(torch.rand(1, 1, 5, 9))) == 3
    assert len(Vgg16(blocks=2)(IMAGES)) == 2


def test_caffes_scale_shows_greys_from_0_to_255_less_the_means():
    network = random_network().network
    first = network.convolutions()[0]
    with torch.no_grad():
        expected = torch.relu(first((IMAGES.expand(-1, 3, -1, -1) - MEAN) * 255))
        found = network.blocks[0][1](network.blocks[0][0]((IMAGES.expand(-1, 3, -1, -1) - network.mean) * network.gain))
    torch.testing.assert_close(found, expected)


def test_a_folded_first_layer_is_seen_and_gives_the_same_activations(tmp_path):
    for folded in (False, True):
        save_file(state(folded), tmp_path / f"{folded}.safetensors")
    for scale in ("caffe255", "unit"):
        plain, folded = (
            loss_network(weights=tmp_path / f"{f}.safetensors", scale=scale).network for f in (False, True)
        )
        for a, b in zip(plain(IMAGES), folded(IMAGES), strict=True):
            torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-4 * float(a.max()))


def test_the_unit_scale_is_smaller_by_255_deviations():
    caffe, unit = (random_network(scale=scale).network(IMAGES)[-1].mean() for scale in ("caffe255", "unit"))
    assert 50 < float(caffe / unit) < 65


def test_random_features_follow_from_the_seed_and_are_said_to_be_so():
    one, other, third = (random_network(seed=seed) for seed in (0, 0, 1))
    assert one.pretrained == "false"
    assert torch.equal(one.network(IMAGES)[0], other.network(IMAGES)[0])
    assert not torch.equal(one.network(IMAGES)[0], third.network(IMAGES)[0])
    assert not any(p.requires_grad for p in one.network.parameters())


@pytest.mark.parametrize("prefix", ["features.", "", "module.features."])
def test_names_of_wrappers_and_of_the_features_alone_are_known(tmp_path, prefix):
    named = {prefix + name.removeprefix("features."): tensor for name, tensor in state().items()}
    torch.save(named, tmp_path / "vgg.pth")
    found = loss_network(weights=tmp_path / "vgg.pth")
    digest = hashlib.sha256((tmp_path / "vgg.pth").read_bytes()).hexdigest()
    assert found.pretrained == f"vgg.pth sha256 {digest[:16]}"
    assert torch.equal(found.network(IMAGES)[0], random_network().network(IMAGES)[0])


def with_(name, tensor):
    return {**state(), name: tensor}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"layer.weight": torch.zeros(3)}, "no 'features.0.weight'.*not the state dict"),
        ({k: v for k, v in state().items() if not k.startswith("features.28")}, "no 'features.28.weight'"),
        (with_("features.2.weight", torch.zeros(64)), r"'features.2.weight' is \[64\].*without batch norm"),
        (with_("features.5.bias", torch.full((128,), float("nan"))), "NaN or infinite"),
    ],
)
def test_a_file_of_something_else_is_refused_with_what_lacks(tmp_path, content, said):
    save_file(content, tmp_path / "w.safetensors")
    with pytest.raises(PretrainedWeightsError, match=said):
        loss_network(weights=tmp_path / "w.safetensors")


def test_a_file_that_is_missing_broken_or_changed_is_refused(tmp_path):
    with pytest.raises(PretrainedWeightsError, match="no such file"):
        loss_network(weights=tmp_path / "nowhere.pth")
    (tmp_path / "w.safetensors").write_bytes(b"no weights")
    with pytest.raises(PretrainedWeightsError, match="cannot be read as safetensors"):
        loss_network(weights=tmp_path / "w.safetensors")
    save_file(state(), tmp_path / "w.safetensors")
    with pytest.raises(PretrainedWeightsError, match="changed during the run"):
        loss_network(weights=tmp_path / "w.safetensors", digest="0" * 64)


def test_without_a_download_the_way_on_is_told(monkeypatch):
    timm = pytest.importorskip("timm")

    def unreachable(*_, **__):
        raise OSError("no network")

    monkeypatch.setattr(timm, "create_model", unreachable)
    with pytest.raises(PretrainedWeightsError, match=r"vgg_weights=PATH.*pretrained=false"):
        loss_network()


@pytest.mark.skipif(not REAL.is_file(), reason="the shared folder's VGG-16 weights are not beside the repository")
def test_oxfords_weights_are_on_caffes_scale():
    found = loss_network(weights=REAL)
    given = load_file(REAL)
    first = found.network.convolutions()[0]
    assert torch.equal(first.weight, given["features.0.weight"])
    photograph = torch.linspace(0, 1, 64).expand(1, 1, 64, 64) * (torch.linspace(0, 20, 64).sin()[:, None] > 0)
    second = found.network(photograph)[1]
    assert 20 < float(second.mean()) < 1000
    assert 0.2 < float(loss_network(weights=REAL, scale="unit").network(photograph)[1].mean()) < 20
