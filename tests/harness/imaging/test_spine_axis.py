"""The spine's axis: on drawn chests, against their truth; and what is none."""

import numpy as np
import pytest
import torch

from radbench.contracts import CaseError
from radbench.imaging.spine_axis import JUDGED, LEARNT, find_spine_axis, spine_region


def chest(height=200, width=240, shift=0.0, bend=0.0, heart=0.25):
    """Draw lungs, heart, a spine along a parabola, and dark air; return the image and the spine's columns."""
    y, x = torch.meshgrid(torch.linspace(-1, 1, height), torch.linspace(-1, 1, width), indexing="ij")
    spine = shift + bend * (y[:, :1] ** 2 - 0.3)
    image = torch.full((height, width), 0.65) - 0.6 * ((x - shift).abs() > 0.92).float()
    for middle in (-0.47, 0.47):
        image -= 0.4 * torch.exp(-((((x - shift - middle) / 0.32) ** 2 + ((y + 0.05) / 0.75) ** 2) ** 3))
    image += heart * torch.exp(-((((x - shift - 0.2) / 0.25) ** 2 + ((y - 0.25) / 0.35) ** 2) ** 2))
    image += 0.15 * torch.exp(-(((x - spine) / 0.08) ** 4))
    image += 0.02 * torch.randn(height, width, generator=torch.Generator().manual_seed(0))
    return image.clamp(0, 1)[None], ((spine[:, 0] + 1) / 2 * (width - 1)).double().numpy()


@pytest.mark.parametrize(("shift", "bend"), [(0.0, 0.0), (0.1, 0.0), (-0.15, 0.0), (0.0, 0.1), (0.05, -0.1)])
@pytest.mark.parametrize("size", [(200, 240), (300, 260)])
def test_it_lies_along_the_spine(shift, bend, size):
    image, truth = chest(*size, shift=shift, bend=bend)
    axis = find_spine_axis(image)
    assert axis.columns.shape == (size[0],)
    off = np.abs(axis.columns - truth)[size[0] // 8 : -size[0] // 8] / size[1]
    assert off.mean() < 0.025
    assert off.max() < 0.05


def test_the_mirror_image_has_the_mirrored_axis():
    image, _ = chest(bend=0.1)
    there, back = find_spine_axis(image).columns, find_spine_axis(image.flip(-1)).columns
    assert np.abs(there + back - (image.shape[-1] - 1)).max() < 3


def test_no_tone_curve_moves_it():
    image, _ = chest()
    plain = find_spine_axis(image)
    for other in (image**3, 0.2 + 0.3 * image, image.sqrt()):
        assert np.abs(find_spine_axis(other).columns - plain.columns).max() < 2


@pytest.mark.parametrize("factor", [2, 3])
def test_a_larger_image_has_the_same_axis_in_its_own_pixels(factor):
    image, _ = chest(bend=0.1)
    large = torch.nn.functional.interpolate(image[None], scale_factor=factor, mode="bilinear")[0]
    small = (find_spine_axis(large).columns[::factor] + 0.5) / factor - 0.5
    assert np.abs(small - find_spine_axis(image).columns).max() < 2.5


def test_an_inverted_radiograph_is_told_from_one():
    image, _ = chest()
    with pytest.raises(CaseError, match="case 'a': no spine found"):
        find_spine_axis(1 - image, "case 'a'")


@pytest.mark.parametrize(
    "image",
    [
        torch.rand(1, 150, 150, generator=torch.Generator().manual_seed(0)),
        torch.full((1, 150, 150), 0.5),
        torch.linspace(0, 1, 150).expand(1, 150, 150),
        chest(220, 220)[0].transpose(-1, -2),
    ],
    ids=["noise", "constant", "ramp", "on its side"],
)
def test_what_shows_no_spine_is_refused(image):
    with pytest.raises(CaseError, match="no spine found"):
        find_spine_axis(image)


def test_images_that_cannot_be_looked_at_are_refused():
    with pytest.raises(CaseError, match="case 'b' is 31 x 40 pixels"):
        find_spine_axis(torch.rand(1, 31, 40), "case 'b'")
    image, _ = chest()
    image[0, 3, 3] = float("nan")
    with pytest.raises(CaseError, match="NaN"):
        find_spine_axis(image)


@pytest.mark.parametrize(
    ("size", "shares", "box"), [((1024, 1024), LEARNT, (512, 512)), ((1024, 1024), JUDGED, (512, 260)),
                                ((300, 512), JUDGED, (150, 76))],
)  # fmt: skip
def test_the_boxes_are_those_of_the_paper_in_proportion(size, shares, box):
    image, truth = chest(*size, shift=0.05)
    found = spine_region(image, shares)
    assert (found.height, found.width) == box
    assert found.top == (size[0] - box[0]) // 2
    assert abs(found.left + found.width / 2 - 0.5 - truth.mean()) < 0.02 * size[1]


def test_a_box_stays_inside_the_image():
    image, _ = chest(300, 200, shift=0.1)
    found = spine_region(image, (1.0, 1.0))
    assert (found.top, found.left, found.height, found.width) == (50, 0, 200, 200)
