"""The holistically nested network: sizes, interpolation, balance, learning rates by layer, VGG-16's weights."""

from __future__ import annotations

import hashlib
import math
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from torch.nn import functional

from radbench.learn import Batch, FitOptions, PretrainedWeightsError, Turn
from radbench.learn.turns import Player
from radbench_lesions.hnn_network import (
    HolisticallyNested,
    balanced_loss,
    bilinear_kernel,
    equal_groups,
    hed_groups,
    hnn_loss,
)
from radbench_lesions.hnn_weights import PLACES, take_vgg

VGG_FILE = Path(__file__).resolve().parents[4] / "shared" / "data" / "weights" / "vgg16_imagenet_features.safetensors"


@pytest.mark.parametrize("size", [(1, 1), (33, 47), (96, 96), (50, 17)])
@pytest.mark.parametrize("padding", [9, 35])
@pytest.mark.parametrize("channels", [1, 3])
def test_six_outputs_have_the_size_of_any_input(size, padding, channels):
    network = HolisticallyNested(width=1, padding=padding)
    assert network(torch.rand(2, channels, *size)).shape == (2, 6, *size)


def test_the_body_is_vgg_16s():
    body = HolisticallyNested().body
    assert [layer.out_channels for layer in body] == [64] * 2 + [128] * 2 + [256] * 3 + [512] * 6
    assert sum(p.numel() for layer in body for p in layer.parameters()) == 14_714_688


def test_one_channel_is_seen_as_three_alike():
    network = trained_looking(HolisticallyNested(width=2, padding=9))
    grey = torch.rand(1, 1, 20, 20)
    assert torch.equal(network(grey), network(grey.repeat(1, 3, 1, 1)))


def test_side_outputs_begin_at_zero_and_the_fusion_at_a_fifth_of_each():
    network = HolisticallyNested(width=2, padding=9)
    assert network(torch.rand(1, 3, 16, 16)).abs().max() == 0
    sides = trained_looking(network)(torch.rand(1, 3, 16, 16))
    torch.testing.assert_close(sides[:, -1], sides[:, :-1].mean(dim=1))


def test_initial_weights_follow_the_seed_alone():
    torch.manual_seed(5)
    one = HolisticallyNested(width=2, seed=3).state_dict()
    torch.manual_seed(6)
    same, other = (HolisticallyNested(width=2, seed=seed).state_dict() for seed in (3, 4))
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert not torch.equal(one["stages.0.0.weight"], other["stages.0.0.weight"])


def test_the_bilinear_kernel_of_stride_2_is_known():
    along = torch.tensor([0.25, 0.75, 0.75, 0.25])
    assert torch.equal(bilinear_kernel(2)[0, 0], torch.outer(along, along))


@pytest.mark.parametrize("stride", [2, 4, 8, 16])
def test_the_bilinear_kernel_continues_a_slope(stride):
    cells = torch.arange(5.0).repeat(5, 1)
    made = functional.conv_transpose2d(cells[None, None], bilinear_kernel(stride), stride=stride)[0, 0]
    # The first cell's middle lies at stride - 1/2; between the outermost middles every pixel has cells on both sides.
    columns = torch.arange(stride, 5 * stride)
    wanted = (columns - (stride - 0.5)) / stride
    torch.testing.assert_close(made[2 * stride, stride : 5 * stride], wanted)


@pytest.mark.parametrize("padding", [9, 10, 35])
def test_every_side_output_lies_on_its_pixels(padding):
    # Each stage hands on its brightest pixels: of a slope, the last column of a cell, half a cell from its middle.
    network = HolisticallyNested(width=1, padding=padding)
    with torch.no_grad():
        for layer in network.body:
            layer.weight.zero_()
            layer.weight[0, 0, 1, 1] = 1
        for side in network.sides:
            side.weight.zero_()
            side.weight[0, 0] = 1
        slope = 0.5 + 0.4 * torch.arange(128) / 128
        sides = network(slope.repeat(128, 1)[None, None])[0, :5, 64]
    step = 0.4 / 128 / 0.229
    for number, side in enumerate(sides):
        wanted = (slope - 0.485) / 0.229 + step * (2**number - 1) / 2
        torch.testing.assert_close(side[32:96], wanted[32:96], rtol=0, atol=1e-5)


@pytest.mark.parametrize("padding", [9, 35])
def test_a_constant_answer_does_not_fall_off_at_the_border(padding):
    network = HolisticallyNested(width=1, padding=padding)
    with torch.no_grad():
        for side in network.sides:
            side.bias.fill_(2.0)
        assert torch.allclose(network(torch.rand(1, 1, 45, 61)), torch.tensor(2.0))


def test_the_loss_is_balanced_as_by_hand():
    mask = torch.tensor([[True, False], [False, False]])[None, None]
    logits = torch.tensor([[2.0, -1.0], [0.0, 3.0]])[None, None]

    def cost(x):
        return math.log1p(math.exp(x))

    # |Y-|/|Y| is 3/4, |Y+|/|Y| 1/4.
    wanted = 0.75 * cost(-2.0) + 0.25 * (cost(-1.0) + cost(0.0) + cost(3.0))
    assert float(balanced_loss(logits, mask)) == pytest.approx(wanted)
    assert float(balanced_loss(logits.expand(1, 6, 2, 2), mask)) == pytest.approx(6 * wanted)


def test_balance_is_by_image_and_not_by_batch():
    masks = torch.rand(3, 1, 8, 8) > torch.tensor([0.1, 0.5, 0.9])[:, None, None, None]
    logits = torch.randn(3, 6, 8, 8)
    alone = [balanced_loss(logits[i : i + 1], masks[i : i + 1]) for i in range(3)]
    torch.testing.assert_close(balanced_loss(logits, masks), torch.cat(alone))


@pytest.mark.parametrize("full", [True, False])
def test_an_image_of_one_class_teaches_nothing(full):
    assert float(balanced_loss(torch.randn(1, 6, 4, 4), torch.full((1, 1, 4, 4), full))) == 0


def factors(network):
    """HED's factors by layer, weights' and biases'."""
    stages = {f"stages.{i}": 100.0 if i == 4 else 1.0 for i in range(5)}
    return stages | {f"sides.{i}": 0.01 for i in range(5)} | {"fusion": 0.001}


def test_heds_factors_reach_the_optimiser():
    network = HolisticallyNested(width=1, padding=9)
    options = FitOptions(epochs=1, optimiser="sgd", learning_rate=1e-3, weight_decay=0.5)
    player = Player(Turn(hnn_loss, groups=hed_groups), "1", {"": network}, options, False, torch.device("cpu"))
    before = {name: p.detach().double().clone() for name, p in network.named_parameters()}
    for parameter in network.parameters():
        parameter.grad = torch.ones_like(parameter)
    player.step(0, 1)
    by_layer = factors(network)
    for name, parameter in network.named_parameters():
        (factor,) = [f for layer, f in by_layer.items() if name.startswith(f"{layer}.")]
        bias = name.endswith("bias")
        gradient = 1 + (0 if bias else 0.5) * before[name]
        wanted = before[name] - 1e-3 * factor * (2 if bias else 1) * gradient
        torch.testing.assert_close(parameter.detach().double(), wanted, rtol=0, atol=2e-7, msg=name)


@pytest.mark.parametrize("groups", [hed_groups, equal_groups])
def test_every_parameter_is_in_one_group(groups):
    network = HolisticallyNested(width=1)
    grouped = [id(p) for group in groups(network) for p in group["params"]]
    assert sorted(grouped) == sorted(id(p) for p in network.parameters())


def vgg_state(width=2):
    """A state dict named as VGG-16's, of another width."""
    body = HolisticallyNested(width, seed=7).body
    state = {}
    for place, layer in zip(PLACES, body, strict=True):
        state[f"features.{place}.weight"] = layer.weight.detach().clone()
        state[f"features.{place}.bias"] = torch.rand(layer.out_channels)
    return state


def save(state, file):
    if file.suffix == ".safetensors":
        from safetensors.torch import save_file

        save_file(state, file)
    else:
        torch.save(state, file)
    return file


@pytest.mark.parametrize("name", ["vgg.safetensors", "vgg.pth"])
@pytest.mark.parametrize("prefix", ["", "module."])
def test_a_file_of_vgg_16_fills_the_body(tmp_path, name, prefix):
    state = vgg_state()
    classifier = {f"{prefix}classifier.0.weight": torch.zeros(2, 2)}
    file = save({f"{prefix}{key}": value for key, value in state.items()} | classifier, tmp_path / name)
    network = HolisticallyNested(width=2)
    record = take_vgg(network, file, None)
    for place, layer in zip(PLACES, network.body, strict=True):
        assert torch.equal(layer.weight, state[f"features.{place}.weight"])
        assert torch.equal(layer.bias, state[f"features.{place}.bias"])
    assert record == f"{name} sha256 {hashlib.sha256(file.read_bytes()).hexdigest()[:16]}"


def test_a_file_with_caffes_greys_folded_in_gives_the_same_network(tmp_path):
    state = vgg_state()
    # ReLU keeps a factor: with a first layer and biases of so much, every activation is so much.
    folded = {
        name: value * 255 * 0.226 if name.endswith("bias") or name == "features.0.weight" else value
        for name, value in state.items()
    }
    plain, other = HolisticallyNested(width=2), HolisticallyNested(width=2)
    take_vgg(plain, save(state, tmp_path / "plain.pth"), None)
    take_vgg(other, save(folded, tmp_path / "folded.pth"), None)
    image = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    for one in (plain, other):
        trained_looking(one)
    torch.testing.assert_close(other(image), plain(image), rtol=1e-4, atol=1e-5)


def test_a_file_with_nan_is_refused_by_name(tmp_path):
    state = vgg_state()
    state["features.5.weight"][0, 0, 0, 0] = math.nan
    with pytest.raises(PretrainedWeightsError, match=r"'features\.5\.weight' has NaN"):
        take_vgg(HolisticallyNested(width=2), save(state, tmp_path / "nan.pth"), None)


def test_a_file_of_the_features_alone_is_taken_too(tmp_path):
    state = {name.removeprefix("features."): value for name, value in vgg_state().items()}
    network = HolisticallyNested(width=2)
    take_vgg(network, save(state, tmp_path / "features.pth"), None)
    assert torch.equal(network.body[-1].weight, state["28.weight"])


def test_a_file_that_is_not_vgg_16s_is_refused_by_name(tmp_path):
    network = HolisticallyNested(width=2)
    lacking = {name: value for name, value in vgg_state().items() if "28" not in name}
    with pytest.raises(PretrainedWeightsError, match=r"lacking\.pth' has no 'features\.28\.weight'"):
        take_vgg(network, save(lacking, tmp_path / "lacking.pth"), None)
    with pytest.raises(PretrainedWeightsError, match=r"'features\.0\.weight' is \[3, 3, 3, 3\], VGG-16's is \[2, 3, 3"):
        take_vgg(network, save(vgg_state(3), tmp_path / "wide.pth"), None)
    with pytest.raises(PretrainedWeightsError, match="there is no such file"):
        take_vgg(network, tmp_path / "none.pth", None)
    (tmp_path / "text.safetensors").write_text("no weights")
    with pytest.raises(PretrainedWeightsError, match="cannot be read as a state dict"):
        take_vgg(network, tmp_path / "text.safetensors", None)
    with pytest.raises(PretrainedWeightsError, match="was changed during the run"):
        take_vgg(network, save(vgg_state(), tmp_path / "vgg.pth"), "0" * 64)


def test_vgg_16s_own_weights_tell_two_textures_apart():
    if not VGG_FILE.is_file():
        pytest.skip("needs ../shared/data/weights/vgg16_imagenet_features.safetensors: not present")
    network = HolisticallyNested()
    assert take_vgg(network, VGG_FILE, None).startswith("vgg16_imagenet_features.safetensors sha256 ")
    stripes = (torch.arange(32) // 2 % 2).float().repeat(32, 1)
    with torch.no_grad():
        upright, flat = network.stages[0](
            ((torch.stack([stripes, stripes.T])[:, None] - 0.45) / 0.225).repeat(1, 3, 1, 1)
        )
    # ImageNet's first filters answer to orientation, so that some channels see one of the two alone.
    contrast = (upright.std(dim=(1, 2)) - flat.std(dim=(1, 2))).abs() / (upright.std(dim=(1, 2)) + 1e-6)
    assert (contrast > 0.5).sum() >= 8


def test_heds_recipe_learns_from_vgg_16s_own_weights():
    if not VGG_FILE.is_file():
        pytest.skip("needs ../shared/data/weights/vgg16_imagenet_features.safetensors: not present")
    network = HolisticallyNested()
    take_vgg(network, VGG_FILE, None)
    rows, columns = torch.meshgrid(torch.arange(64), torch.arange(64), indexing="ij")
    mask = ((rows - 30) ** 2 + (columns - 34) ** 2 < 200)[None, None]
    noise = 0.1 * torch.rand(1, 1, 64, 64, generator=torch.Generator().manual_seed(0))
    batch = Batch({"image": 0.3 + 0.3 * mask + noise, "mask": mask}, (0,))
    options = FitOptions(epochs=1, optimiser="sgd", learning_rate=1e-6, weight_decay=2e-4)
    player = Player(Turn(hnn_loss, groups=hed_groups), "1", {"": network}, options, False, torch.device("cpu"))
    losses = []
    for step in range(8):
        loss = hnn_loss(network, batch)[0]
        losses.append(float(loss.detach()))
        player.optimiser.zero_grad()
        loss.backward()
        player.step(step, 8)
    # Side outputs of 0 cost log 2 for each pixel: six times, by the share outside times the share inside, twice.
    share = float(mask.float().mean())
    assert losses[0] == pytest.approx(6 * 64 * 64 * 2 * share * (1 - share) * math.log(2), rel=1e-4)
    # The rate is HED's, for tens of thousands of steps.
    assert all(after < before for before, after in pairwise(losses))


def trained_looking(network):
    """Give the side outputs weights, so that something is seen."""
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for side in network.sides:
            side.weight.copy_(torch.randn(side.weight.shape, generator=generator))
    return network
