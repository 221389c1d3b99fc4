"""The networks have the paper's layers, and give the same bits in any company."""

import pytest
import torch
from torch import nn

from radbench.learn import parameter_count
from radbench_sgan.networks import Discriminator, DnCnn, Generator, restored, seeded


def convolutions(network):
    return [m for m in network.modules() if isinstance(m, nn.Conv2d)]


@pytest.mark.parametrize("blocks", [9, 16])
def test_a_generator_has_two_convolutions_per_block_and_three_more(blocks):
    generator = Generator(blocks)
    kernels = [m.kernel_size[0] for m in convolutions(generator)]
    assert kernels == [9, *[3] * (2 * blocks + 1), 9]
    assert {m.out_channels for m in convolutions(generator)[:-1]} == {64}
    # Head 9x9x64+64+64; per convolution of 3x3x64x64 a batch norm of 2x64; a PReLU of 64 per block; tail 9x9x64+1.
    expected = 81 * 64 + 128 + (2 * blocks + 1) * (36864 + 128) + 64 * blocks + 81 * 64 + 1
    assert parameter_count(generator) == expected


@pytest.mark.parametrize("side", [32, 128])
def test_the_discriminator_has_the_printed_strides_and_kernel_numbers(side):
    judge = Discriminator(side)
    assert [m.stride[0] for m in convolutions(judge)] == [1, 2, 1, 2, 1, 2, 1, 2]
    assert [m.out_channels for m in convolutions(judge)] == [64, 64, 128, 128, 256, 256, 512, 512]
    assert [m.out_features for m in judge.modules() if isinstance(m, nn.Linear)] == [1024, 1]
    assert {m.negative_slope for m in judge.modules() if isinstance(m, nn.LeakyReLU)} == {0.2}
    assert judge(torch.rand(2, 1, side, side)).shape == (2,)


def test_a_discriminator_takes_patches_of_any_side():
    for side in (16, 17, 40, 65):
        assert Discriminator(side, 2, 4)(torch.rand(2, 1, side, side)).shape == (2,)


def test_with_a_skip_an_untrained_generator_changes_nothing():
    images = torch.rand(2, 1, 11, 14)
    assert torch.equal(Generator(2, 4, skip=True)(images), images)
    assert not torch.allclose(Generator(2, 4)(images), images)


@pytest.mark.parametrize("network", [Generator(2, 8), DnCnn(4, 8)], ids=["generator", "dncnn"])
@pytest.mark.parametrize("size", [(33, 27), (1, 1), (3, 64)])
def test_any_size_comes_back_to_the_same_bits_in_any_batch(network, size):
    for p in network.parameters():
        p.data += 0.02
    network.train()(torch.rand(4, 1, 16, 16))  # batch statistics of its own
    images = torch.rand(5, 1, *size)
    before = images.clone()
    together = restored(network.eval(), images)
    assert together.shape == images.shape
    assert torch.equal(images, before)
    assert 0 <= float(together.min()) <= float(together.max()) <= 1
    assert all(torch.equal(restored(network, images[i : i + 1])[0], together[i]) for i in range(5))


@torch.no_grad()
def test_nothing_rings_at_the_edges_of_an_image():
    network = Generator(1, 4)
    network.train()(torch.rand(4, 1, 32, 32))
    network.eval()
    flat = torch.full((1, 1, 24, 24), 0.4)
    # By itself the network finds zeros beyond the edges.
    assert float(network(flat).std()) > 1e-3
    torch.testing.assert_close(restored(network, flat).std(), torch.zeros(()), atol=1e-6, rtol=0)


@torch.no_grad()
@pytest.mark.parametrize("momentum", [0.1, 0.05])
def test_a_batch_has_its_share_in_the_running_means(momentum):
    network = Generator(1, 4, momentum=momentum)
    shallow = network.head(torch.ones(2, 1, 16, 16))
    mean = network.blocks[0].inner[0](shallow).mean((0, 2, 3))
    network.train()(torch.ones(2, 1, 16, 16))
    torch.testing.assert_close(network.blocks[0].inner[1].running_mean, momentum * mean)


def test_weights_follow_from_the_seed_alone_and_leave_the_random_state():
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    one, other, third = (seeded(seed, lambda: Generator(1, 4)).state_dict() for seed in (0, 0, 1))
    assert torch.equal(torch.rand(1), expected)
    assert all(torch.equal(one[name], other[name]) for name in one)
    assert not torch.equal(one["tail.weight"], third["tail.weight"])
