"""The networks against the paper's tables: channels, sizes, and what M and spectral norm do."""

import pytest
import torch
from torch import nn

from radbench_xraysyn.dense import FilterNet, PatchJudge, RefineNet, ViewNet
from radbench_xraysyn.networks import Shape, SpreadUNet, VolumeUNet, seeded

PAPER = Shape(first=96, most=768, levels=6, outputs=3)


def convolutions(network):
    return [(m.in_channels, m.out_channels, m.stride[0]) for m in network.modules() if isinstance(m, nn.Conv3d)]


def test_the_volume_network_is_table_3():
    with torch.device("meta"):
        network = VolumeUNet(PAPER)
    down = [(1, 96, 2), (96, 192, 2), (192, 384, 2), (384, 768, 2), (768, 768, 2), (768, 768, 2)]
    up = [(768, 768, 1), (1536, 768, 1), (1536, 384, 1), (768, 192, 1), (384, 96, 1), (192, 3, 1)]
    assert convolutions(network) == down + up
    # Batch norm after all but the first and the last convolution.
    assert [m.num_features for m in network.modules() if isinstance(m, nn.BatchNorm3d)] == [
        *(192, 384, 768, 768, 768),
        *(768, 768, 384, 192, 96),
    ]


def test_m_is_table_2():
    with torch.device("meta"):
        steps = FilterNet(256, 64).steps
    assert [m.out_channels for m in steps] == [32, 64, 128, 256, 512, 1024, 2048, 4096]
    assert {(m.kernel_size, m.stride, m.padding) for m in steps} == {((3, 3), (2, 2), (1, 1))}


def test_m_gives_filters_of_one_radiograph_each():
    network = seeded(0, lambda: FilterNet(64, 8)).eval()
    images = torch.rand(3, 1, 64, 64)
    together = network(images)
    assert together.shape == (3, 8, 8)
    torch.testing.assert_close(together[1:2], network(images[1:2]))


def test_a_refiner_that_has_learnt_nothing_adds_nothing():
    materials = torch.rand(2, 3, 2, 16, 16)
    refined = RefineNet(32, 2, 2, 8, meta=True)(materials, torch.rand(2, 1, 32, 32))
    whole = nn.functional.interpolate(materials.flatten(0, 1), scale_factor=2.0, mode="bilinear", align_corners=False)
    torch.testing.assert_close(refined.flatten(0, 1), whole)


@pytest.mark.parametrize("meta", [True, False])
def test_the_radiograph_reaches_a_refiner_through_m_alone(meta):
    network = seeded(1, lambda: RefineNet(32, 2, 2, 8, meta))
    nn.init.normal_(network.last.weight)
    materials, image = torch.rand(1, 1, 2, 16, 16), torch.rand(1, 1, 32, 32)
    same = torch.equal(network(materials, image), network(materials, 1 - image))
    assert same != meta


def test_views_of_one_radiograph_share_its_filters():
    network = seeded(1, lambda: RefineNet(32, 1, 2, 4, meta=True))
    nn.init.normal_(network.last.weight)
    materials, images = torch.rand(2, 2, 2, 16, 16), torch.rand(2, 1, 32, 32)
    both = network(materials, images)
    torch.testing.assert_close(both[1:, 1:], network(materials[1:, 1:], images[1:]))


def test_copied_features_know_rows_and_columns_but_no_depth():
    network = SpreadUNet(Shape(4, 8, 2))
    spread = []
    network.up.register_forward_pre_hook(lambda _, args: spread.extend(args[0]))
    network(torch.rand(1, 1, 16, 16))
    for features in spread:
        assert torch.equal(features, features[:, :, :, :1].expand_as(features))


def test_spectral_norm_bounds_every_convolution_s_greatest_singular_value():
    network = VolumeUNet(Shape(4, 8, 2, spectral=True))
    for _ in range(60):
        network(torch.rand(2, 1, 8, 8, 8))
    for module in network.modules():
        if isinstance(module, nn.Conv3d):
            assert float(torch.linalg.svdvals(module.weight.detach().flatten(1))[0]) == pytest.approx(1.0, abs=0.02)


def test_the_judge_sees_patches_and_the_view_network_keeps_the_size():
    assert PatchJudge(4)(torch.rand(2, 1, 64, 64)).shape == (2, 1, 6, 6)
    assert ViewNet(1, 2, 4)(torch.rand(2, 2, 16, 16)).shape == (2, 1, 16, 16)


def test_weights_follow_from_the_seed_alone():
    torch.manual_seed(5)
    one = VolumeUNet  # the class itself draws; seeded() fixes what
    first = seeded(3, lambda: one(Shape(4, 8, 2))).state_dict()
    torch.rand(7)
    second = seeded(3, lambda: one(Shape(4, 8, 2))).state_dict()
    assert all(torch.equal(first[name], second[name]) for name in first)
