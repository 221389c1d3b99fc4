"""Fine structure that is carried over, doubt, and islands: closed forms and invariants."""

import math
import warnings
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from radbench.learn import Batch
from radbench.learn.losses import L1
from radbench_ct_unets.carried import Carried, OnSeen, Seen, enlarged, seen_of, with_seen
from radbench_ct_unets.doubt import CELLS, doubt_of, faded, trust, usual_doubt
from radbench_ct_unets.extracting import View, extracted
from radbench_ct_unets.pieces import without_holes, without_islands


class Constant(nn.Module):
    """A network that gives the same two values everywhere."""

    config = None

    def __init__(self, base, gain):
        super().__init__()
        # The inverses of tanh and of softplus(x - 1).
        self.values = torch.tensor([math.atanh(base), 1 + math.log(math.expm1(gain))])

    def forward(self, pictures):
        return self.values[:, None, None].expand(len(pictures), 2, *pictures.shape[2:])


def waves(size, period_px, amplitude=0.05):
    """A slope with waves on it, whose standard deviation the slope decides."""
    x = torch.arange(size) + 0.5
    return (0.2 + 0.6 * x / size + amplitude * (2 * math.pi * x / period_px).sin()).expand(1, 1, size, size)


def everywhere(size):
    return torch.ones(1, 1, size, size, dtype=torch.bool)


@pytest.mark.parametrize("size", [128, 256, 300])
def test_fine_waves_pass_as_strong_as_the_gain_says_at_any_size(size):
    image = waves(size, size / 40)
    seen = seen_of(image, image, everywhere(16), 16, 128)
    found = Carried(Constant(0.3, 0.8), one_gain=True)(seen)
    std = 0.6 / math.sqrt(12)  # of the slope
    expected = 0.3 + 0.8 * 0.5 / std * (image - waves(size, 1, 0.0))
    inside = (..., slice(size // 8, -size // 8))
    torch.testing.assert_close(found[inside], expected[inside], atol=0.01, rtol=0)
    assert float((found - 0.3)[inside].std()) == pytest.approx(float((expected - 0.3)[inside].std()), rel=0.03)


def test_what_the_network_sees_is_not_carried_over_once_more():
    image = waves(256, 128, 0.1)
    fine = seen_of(image, image, everywhere(32), 32, 256).fine
    assert float(fine[..., 16:-16].abs().max()) < 0.02
    flat = torch.full((1, 1, 50, 40), 0.3)
    assert float(seen_of(flat, flat, everywhere(16), 16, 64).fine.abs().max()) < 1e-5


def test_fine_structure_is_measured_in_the_radiographs_own_contrast():
    image = waves(128, 4)
    fine, other = (seen_of(i, i, everywhere(32), 32, 128) for i in (image, 0.5 * image + 0.1))
    torch.testing.assert_close(fine.fine, other.fine, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(fine.pictures[:, 1], other.pictures[:, 1], atol=1e-3, rtol=1e-3)


def test_outside_the_area_nothing_is_carried_over():
    image, area = waves(128, 4), everywhere(32).clone()
    area[..., 16:] = False
    found = Carried(Constant(0.3, 0.8), one_gain=True)(seen_of(image, image, area, 32, 128))
    torch.testing.assert_close(found[..., 80:], torch.full_like(found[..., 80:], 0.3), atol=1e-5, rtol=0)
    assert float(found[..., 10:50].std()) > 0.05


def test_how_much_is_fine_is_measured_alike_on_images_of_any_shape():
    torch.manual_seed(0)
    one = torch.nn.functional.interpolate(torch.rand(1, 1, 64, 25), size=(256, 100), mode="bicubic").clamp(0, 1)
    other = torch.nn.functional.interpolate(one, size=(258, 101), mode="bicubic").clamp(0, 1)
    seen = [seen_of(i, i, everywhere(32), 32, 256).pictures[:, 1] for i in (one, other)]
    assert (seen[0] - seen[1]).abs().mean() < 0.05 * (seen[0] + 1).mean()


def test_one_gain_is_the_mean_over_the_area():
    class Left(nn.Module):
        config = None

        def forward(self, pictures):
            gains = torch.where(torch.arange(8) < 4, 2.0, 1.0).expand(len(pictures), 1, 8, 8)
            return torch.cat([torch.zeros_like(gains), 1 + gains.expm1().log()], 1)

    area = torch.zeros(1, 1, 8, 8)
    area[..., 2:5] = 1.0  # two columns of gain 2, one of gain 1
    seen = Seen(torch.zeros(1, 2, 8, 8), torch.zeros(1, 1, 8, 8), area)
    torch.testing.assert_close(Carried(Left(), True).coarse(seen)[1], area * 5 / 3)
    torch.testing.assert_close(
        Carried(Left(), False).coarse(seen)[1][0, 0, 0], torch.tensor([0, 0, 2, 2, 1, 0, 0, 0.0])
    )


def test_the_loss_is_that_of_the_picture_and_of_what_is_fine():
    fine = waves(64, 4, 0.2) - waves(64, 4, 0.0)
    seen = Seen(torch.zeros(1, 2, 16, 16), fine, torch.ones(1, 1, 16, 16))
    network = Carried(Constant(0.3, 0.8), one_gain=True)
    truth = network(seen)

    def loss(target, fine_weight):
        batch = with_seen(Batch({"image": target, "lung_image": target}, (0,)), seen)
        return float(OnSeen(L1("lung_image"), "lung_image", 16, fine_weight)(network, batch))

    assert loss(truth, 2.0) == pytest.approx(0, abs=1e-6)
    # Wrong everywhere alike: nothing of it is fine.
    assert loss(truth + 0.1, 2.0) == pytest.approx(0.1, abs=1e-4)
    assert loss(truth + fine, 2.0) == pytest.approx(float(fine.abs().mean()) * 3, rel=0.02)


def test_enlarging_keeps_a_plane():
    plane = torch.arange(16.0).expand(1, 1, 16, 16)
    found = enlarged(plane, (64, 64))[0, 0, 0]
    torch.testing.assert_close(found[12:-12].diff(), torch.full((39,), 0.25), atol=1e-4, rtol=0)


@pytest.mark.parametrize("size", [(1, 1), (90, 40)])
def test_what_is_extracted_has_the_radiographs_size_and_range(size):
    config = SimpleNamespace(coarse_size=16, detail_size=64, detail_gain=1.0)
    images = torch.rand(2, 1, *size)
    view = View(torch.rand(2, 1, 16, 16), images, everywhere(16).expand(2, -1, -1, -1))
    found, part = extracted(Carried(Constant(0.9, 3.0), True), view, config)
    assert (found.shape, part.shape) == (images.shape, (2, 1, 16, 16))
    assert 0 <= float(found.min()) <= float(found.max()) <= 1


def test_the_gain_may_be_raised_and_the_coarse_part_stays():
    image = waves(128, 4)
    view = View(image[..., ::8, ::8], image, everywhere(16))
    found, parts = [], []
    for factor in (0.0, 1.0, 2.0):
        config = SimpleNamespace(coarse_size=16, detail_size=64, detail_gain=factor)
        picture, part = extracted(Carried(Constant(0.5, 0.4), True), view, config)
        found.append(picture)
        parts.append(part)
    torch.testing.assert_close(found[2] - found[0], 2 * (found[1] - found[0]), atol=1e-5, rtol=0)
    assert torch.equal(parts[0], parts[2])


def test_doubt_is_the_mean_difference_by_cell():
    one, other = torch.zeros(1, 1, 64, 64), torch.zeros(1, 1, 64, 64)
    other[..., :2, :2] = 0.4
    other[..., 2, 3] = -0.4
    doubt = doubt_of(one, other)
    assert doubt.shape == (1, 1, CELLS, CELLS)
    assert doubt[0, 0, 0, 0] == pytest.approx(0.4)
    assert doubt[0, 0, 1, 1] == pytest.approx(0.1)
    assert float(doubt.sum()) == pytest.approx(0.5)


def test_the_usual_doubt_leaves_one_cell_of_200_above_it():
    doubts = [torch.linspace(0, 1, 1001)]
    assert float(usual_doubt(doubts)) == pytest.approx(0.995)
    # Where nothing ever differs, the least is doubted, and nothing is divided by 0.
    assert float(usual_doubt([torch.zeros(5)])) == pytest.approx(1e-3)


def test_trust_falls_from_the_usual_doubt_to_twice_that():
    doubt = torch.tensor([0.0, 0.1, 0.15, 0.2, 5.0])
    torch.testing.assert_close(trust(doubt, torch.tensor(0.1)), torch.tensor([1.0, 1.0, 0.5, 0.0, 0.0]))


def test_what_is_doubted_is_left_out_and_much_of_it_is_told():
    found, usual = torch.full((2, 1, 64, 64), 0.5), torch.tensor(0.1)
    doubt = torch.zeros(2, 1, CELLS, CELLS)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert torch.equal(faded(found, doubt, usual, "lung image"), found)
        doubt[0, :, 10, 10] = 1.0  # one cell of 1024 dims, and cuts no hole
        left = faded(found, doubt, usual, "lung image")[0, 0]
        assert float(left.min()) == pytest.approx(0.5 * 24 / 25)
        assert torch.equal(left[30:], found[0, 0, 30:])
    doubt[1, :, :, :16] = 1.0
    with pytest.warns(UserWarning, match="50% of the lung image was left out.*unlike what was learnt") as told:
        left = faded(found, doubt, usual, "lung image")
    assert len(told) == 1
    assert float(left[1, 0, :, :26].max()) == 0.0
    torch.testing.assert_close(left[1, 0, :, 38:], found[1, 0, :, 38:])
    # From what is doubted to what is not it goes evenly.
    assert float(left[1, 0, 0, 26:38].diff().max()) < 0.1


def test_holes_are_filled_and_bays_are_not():
    rows = ["0111100", "0101100", "0111010", "0010101", "0110010", "0000000"]
    mask = torch.tensor([[int(c) for c in row] for row in rows]).float()
    found = without_holes(mask[None, None] * 0.96, 0.95)[0, 0]
    filled = mask.clone()
    # One pixel that is surrounded, and two whose four neighbours are lung; not the bay below.
    filled[1, 2] = filled[2, 4] = filled[3, 5] = 1
    assert torch.equal(found >= 0.95, filled > 0)
    assert float(found[1, 2]) == pytest.approx(0.975)
    empty = torch.zeros(2, 1, 3, 3)
    assert torch.equal(without_holes(empty, 0.95), empty)


def test_what_two_lungs_that_touch_surround_is_no_hole():
    mask = torch.ones(1, 1, 20, 20)
    mask[0, 0, 4:16, 8:12] = 0  # 48 of 400 pixels, more than a tenth of the rest
    assert torch.equal(without_holes(mask, 0.95), mask)
    mask[0, 0, 4:16, 10:12] = 1  # 24 are less
    assert (without_holes(mask, 0.95) >= 0.95).all()
    apart = torch.zeros(1, 1, 9, 9)
    apart[0, 0, :4], apart[0, 0, 5:] = 1, 1
    assert torch.equal(without_holes(apart, 0.95), apart)


def test_beside_one_lung_a_speck_is_no_lung():
    mask = torch.zeros(1, 1, 20, 20)
    mask[0, 0, :10, :10] = 1
    mask[0, 0, 15:18, 15:18] = 1
    found = without_islands(mask, 0.5, 2)
    assert float(found.sum()) == 100
    mask[0, 0, 18, 15] = 1  # a tenth of the other
    assert torch.equal(without_islands(mask, 0.5, 2), mask)


def test_the_two_largest_pieces_stay():
    mask = torch.tensor(
        [
            [9, 9, 0, 0, 0, 8],
            [9, 0, 0, 0, 9, 0],
            [0, 0, 1, 0, 0, 0],
            [6, 6, 6, 0, 0, 7],
        ]
    )
    probability = mask[None, None] / 10
    found = without_islands(probability, 0.5, 2)
    expected = mask.clone()
    # Those that touch by a corner are one piece, of two pixels; the single one on the right is another.
    expected[0, 5] = expected[1, 4] = expected[3, 5] = 0
    assert torch.equal(found[0, 0], expected / 10)
    assert torch.equal(without_islands(probability, 0.5, 3)[0, 0, :2], probability[0, 0, :2])
    assert torch.equal(without_islands(probability, 0.5, 9), probability)
    assert torch.equal(without_islands(torch.zeros(1, 1, 3, 3), 0.5, 2), torch.zeros(1, 1, 3, 3))
