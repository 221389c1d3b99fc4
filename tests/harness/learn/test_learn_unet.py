"""The U-Net: its size, what it sees, and any image size."""

import pytest
import torch

from radbench.contracts import ConfigurationError
from radbench.learn import PAPER_UNETS, UNet, UNetConfig, parameter_count, receptive_field

SMALL = UNetConfig(depth=2, first_filters=4)


def influence(config, width):
    """Count the input columns that a column of the result depends on: NaN spreads along every path there is."""
    network = UNet(config).eval()
    reached = torch.zeros(width, width, dtype=torch.int)
    for column in range(width):
        image = torch.zeros(1, config.in_channels, config.multiple, width)
        image[..., column] = torch.nan
        with torch.no_grad():
            result = network.logits(image)
        reached[column] = result[0, 0].isnan().any(dim=0)
    return int(reached.sum(dim=0).max())


def closed_form(config):
    """Count weights level by level, as the figure of Ronneberger et al. reads."""
    f, total = config.filters, 0
    for level, width in enumerate(f):
        before = f[level - 1] if level else config.in_channels
        total += 9 * before * width + width + 9 * width * width + width
    for level in range(config.depth):
        total += 4 * f[level + 1] * f[level] + f[level]
        total += 9 * 2 * f[level] * f[level] + f[level] + 9 * f[level] ** 2 + f[level]
    return total + f[0] * config.out_channels + config.out_channels


def test_the_original_unet_has_its_published_number_of_weights():
    assert parameter_count(UNet(UNetConfig(out_channels=2))) == 31_030_658


@pytest.mark.parametrize("name", sorted(PAPER_UNETS))
def test_the_papers_networks_have_as_many_weights_as_their_description_gives(name):
    config = PAPER_UNETS[name]
    assert config.first_filters == 32
    assert parameter_count(UNet(config)) == closed_form(config) == 7_759_521


def test_the_papers_heads_are_sigmoid_and_tanh():
    heads = {name: config.head for name, config in PAPER_UNETS.items()}
    assert heads == {"lung-segmentation": "sigmoid", "lung-extraction": "tanh", "bone-extraction": "tanh"}


@pytest.mark.parametrize(
    "config",
    [
        UNetConfig(depth=1, first_filters=1),
        UNetConfig(depth=2, first_filters=1),
        UNetConfig(depth=2, first_filters=1, dilated_levels=(2,)),
        UNetConfig(depth=2, first_filters=1, dilated_levels=(1, 2), dilate_decoder=True),
        UNetConfig(depth=2, first_filters=1, dilated_levels=(1,), dilation=3),
        UNetConfig(depth=2, first_filters=1, upsampling="nearest"),
        UNetConfig(depth=2, first_filters=1, upsampling="bilinear"),
    ],
    ids=str,
)
def test_the_receptive_field_is_what_the_result_depends_on(config):
    assert receptive_field(config) == influence(config, 2 * receptive_field(config))


def test_dilation_widens_the_receptive_field_and_costs_no_weight():
    plain, dilated = SMALL, UNetConfig(depth=2, first_filters=4, dilated_levels=(2,))
    assert receptive_field(dilated) == receptive_field(plain) + 4 * 4
    assert parameter_count(UNet(dilated)) == parameter_count(UNet(plain))


@pytest.mark.parametrize("size", [(32, 32), (33, 47), (5, 3), (1, 1), (31, 64)])
def test_any_size_comes_back_as_it_was(size):
    assert UNet(SMALL)(torch.rand(2, 1, *size)).shape == (2, 1, *size)


def test_padding_is_cropped_where_it_was_put():
    network = UNet(SMALL).eval()
    image = torch.rand(1, 1, 30, 29)
    padded = torch.nn.functional.pad(image, (1, 2, 1, 1), mode="replicate")
    assert torch.equal(network(image), network(padded)[..., 1:31, 1:30])


@pytest.mark.parametrize("norm", ["none", "batch", "instance", "group"])
@pytest.mark.parametrize("upsampling", ["transposed", "bilinear", "nearest"])
def test_every_weight_learns(norm, upsampling):
    network = UNet(UNetConfig(depth=2, first_filters=4, norm=norm, upsampling=upsampling, activation="leaky-relu"))
    network(torch.rand(2, 1, 32, 32)).square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in network.parameters())


def test_channels_last_gives_the_same_result_but_for_rounding():
    network, images = UNet(SMALL), torch.rand(2, 1, 32, 32)
    other = UNet(SMALL).to(memory_format=torch.channels_last)
    torch.testing.assert_close(network(images), other(images.contiguous(memory_format=torch.channels_last)))


def test_weights_depend_on_the_seed_and_not_on_torchs_random_state():
    torch.manual_seed(1)
    first = UNet(SMALL, seed=3).state_dict()
    torch.manual_seed(2)
    again, other = UNet(SMALL, seed=3).state_dict(), UNet(SMALL, seed=4).state_dict()
    assert all(torch.equal(first[k], again[k]) for k in first)
    assert not torch.equal(first["head.weight"], other["head.weight"])


@pytest.mark.parametrize(("head", "low", "high"), [("sigmoid", 0, 1), ("tanh", -1, 1)])
def test_the_head_keeps_to_its_range(head, low, high):
    out = UNet(UNetConfig(depth=1, first_filters=4, head=head))(100 * torch.randn(1, 1, 16, 16)).detach()
    assert low <= float(out.min()) < float(out.max()) <= high


def test_a_linear_head_gives_the_logits():
    network, image = UNet(SMALL), torch.rand(1, 1, 16, 16)
    assert torch.equal(network(image), network.logits(image))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"depth": -1}, "depth"),
        ({"dilated_levels": (5,)}, "0 to 4"),
        ({"norm": "layer"}, "one of none, batch, instance, group"),
        ({"dilation": 0}, "dilation"),
    ],
)
def test_a_wrong_configuration_is_refused_in_words(fields, message):
    with pytest.raises(ConfigurationError, match=message):
        UNetConfig(**fields)
