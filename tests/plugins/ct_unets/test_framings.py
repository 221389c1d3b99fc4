"""Framings: what is found in parts of a radiograph lies where it was, and counts as often as it was looked for."""

import pytest
import torch

from radbench.learn.batch import resized
from radbench_ct_unets.framings import framed
from radbench_ct_unets.lung import LungUnet

from .chests import LUNG, cases, enhanced

SIZE = 40


def small(part):
    return resized(part, (SIZE, SIZE))


def nothing(logits):
    return torch.zeros_like(logits, dtype=torch.bool)


@pytest.mark.parametrize("shape", [(40, 40), (80, 120), (27, 33), (1, 1), (1, 90)])
def test_what_every_framing_agrees_on_is_the_mean(shape):
    image = torch.full((1, 1, *shape), 0.3)
    out = framed(image, SIZE, small, lambda logits: logits > 0)
    assert out.shape == (1, 1, SIZE, SIZE)
    assert torch.allclose(out, torch.tensor(0.3))


def test_what_lies_in_a_framing_lies_there_in_the_whole():
    rows, columns = torch.meshgrid(torch.linspace(0, 1, 160), torch.linspace(0, 1, 160), indexing="ij")
    image = (rows + 2 * columns)[None, None]
    # Logits that are the picture itself: a framing that is put elsewhere would show.
    found = framed(image, SIZE, small, lambda logits: (logits > 1) & (logits < 2))
    assert torch.allclose(found, small(image), atol=0.02)


def test_each_place_counts_as_often_as_it_was_looked_at():
    seen = []

    def logits_of(part):
        seen.append(tuple(part.shape[2:]))
        return torch.full((1, 1, SIZE, SIZE), float(len(seen)))

    out = framed(torch.zeros(1, 1, 80, 80), SIZE, logits_of, nothing)
    # The whole, and without its top, its bottom, its left and its right.
    assert seen == [(80, 80), (72, 80), (72, 80), (80, 72), (80, 72)]
    assert float(out[0, 0, 20, 20]) == pytest.approx((1 + 2 + 3 + 4 + 5) / 5)
    assert float(out[0, 0, 0, 20]) == pytest.approx((1 + 3 + 4 + 5) / 4)
    assert float(out[0, 0, 39, 39]) == pytest.approx((1 + 2 + 4) / 3)


def test_the_box_round_what_was_found_is_looked_at_once_more_and_counts_half():
    seen = []

    def logits_of(part):
        seen.append(tuple(part.shape[2:]))
        return torch.full((1, 1, SIZE, SIZE), 1.0 if len(seen) < 6 else 3.0)

    def found(logits):
        mask = nothing(logits)
        mask[0, 0, 10:20, 15:18] = True
        return mask

    out = framed(torch.zeros(1, 1, 80, 80), SIZE, logits_of, found)
    # A margin of 2 of 40 pixels on each side, twice as large in the image.
    assert seen[5:] == [(28, 14)]
    assert (out[0, 0, 10:20, 15:18] == 2).all()
    inside = torch.nn.functional.pad(torch.ones(14, 7, dtype=bool), (13, 20, 8, 18))
    assert (out[0, 0][~inside] == 1).all()
    # Half a pixel from where the box is cut off it counts a quarter: (1 + 3/4) / (1 + 1/4).
    assert out[0, 0, 8, 16] == pytest.approx(1.4)
    assert out[0, 0, 15, 14] == pytest.approx((1 + 3 * 0.75) / 1.75)


@pytest.mark.parametrize("height", [7, 8, 16, 33, 200])
def test_a_part_lies_where_its_pixels_lie_in_small_images_too(height):
    line = torch.arange(height) + 0.5
    image = (line / height)[None, None, :, None].expand(1, 1, height, 50).contiguous()

    def logits_of(part):
        # The ramp itself, without the steps of its pixels.
        first, step = float(part[0, 0, 0, 0]), 1 / height
        n = part.shape[2]
        places = first - step / 2 + (torch.arange(SIZE) + 0.5) / SIZE * n * step
        return places[None, None, :, None].expand(1, 1, SIZE, SIZE).contiguous()

    out = framed(image, SIZE, logits_of, lambda logits: (logits > 0.3) & (logits < 0.7))
    expected = (torch.arange(SIZE) + 0.5) / SIZE
    # Bilinear interpolation is constant beyond the outermost centres: an edge may differ by half a step.
    assert torch.allclose(out[0, 0, :, 20], expected, atol=0.5 / SIZE + 1e-6)


def test_no_seam_is_left_where_a_framing_is_cut_off():
    count = iter(range(6))
    out = framed(
        torch.zeros(1, 1, 80, 80), SIZE, lambda part: torch.full((1, 1, SIZE, SIZE), float(next(count) % 2)), nothing
    )[0, 0]
    assert max(float((out[1:] - out[:-1]).abs().max()), float((out[:, 1:] - out[:, :-1]).abs().max())) < 0.1


def test_lungs_are_looked_for_in_framings_where_it_is_asked_for_and_weights_are_the_same():
    plain, asked = (LungUnet(LUNG.model_copy(update={"framed": framed})) for framed in (False, True))
    asked.load_state_dict(plain.state_dict())
    images = torch.stack([case.image for case in cases(2)])
    found, again = (enhanced(enhancer, images).layers["lung_mask"] for enhancer in (plain, asked))
    assert not torch.equal(found, again)
    assert torch.equal(again[1:], enhanced(asked, images[1:]).layers["lung_mask"])
