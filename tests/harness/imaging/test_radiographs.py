"""Radiographs of collections: area averaging against its definition, and boxes, masks and discs that go along."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from radbench.contracts.errors import CaseError, ImageReadError
from radbench.imaging.radiographs import (
    Reading,
    area_average,
    box_fault,
    disc_mask,
    read_masks,
    read_radiograph,
    reduced_size,
    scaled_boxes,
)


def overlaps(old, new):
    """Return what part of each new pixel every old one covers, ``[new, old]``."""
    edges, cells = np.arange(new + 1) * old / new, np.arange(old)
    lengths = np.minimum(edges[1:, None], cells + 1) - np.maximum(edges[:-1, None], cells)
    return lengths.clip(0) * new / old


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 40), st.integers(1, 40), st.data())
def test_area_averaging_is_the_mean_of_what_a_pixel_covers(rows, columns, data):
    to = data.draw(st.integers(1, rows)), data.draw(st.integers(1, columns))
    image = np.random.default_rng(rows * 100 + columns).random((rows, columns), dtype=np.float32)
    expected = overlaps(rows, to[0]) @ image.astype(np.float64) @ overlaps(columns, to[1]).T
    found = area_average(image, to)
    assert np.allclose(found, expected, atol=2e-6)
    assert found.min() >= image.min()
    assert found.max() <= image.max()


@pytest.mark.parametrize(
    ("native", "size", "side", "expected"),
    [
        ((2048, 2048), 512, "longer", (512, 512)),
        ((320, 390), 195, "longer", (160, 195)),
        ((320, 390), 160, "shorter", (160, 195)),
        ((320, 390), None, "longer", (320, 390)),
        ((320, 390), 390, "longer", (320, 390)),
        ((320, 390), 350, "shorter", (320, 390)),
        ((2000, 3), 100, "longer", (100, 1)),
    ],
)
def test_sizes_keep_the_proportions_and_never_grow(native, size, side, expected):
    assert reduced_size(native, size, side) == expected


def test_a_reduced_radiograph_keeps_its_extent(tmp_path):
    image = np.random.default_rng(0).integers(0, 256, (40, 60)).astype(np.uint8)
    Image.fromarray(image).save(tmp_path / "r.png")
    read = read_radiograph(tmp_path / "r.png", Reading(size=30))
    assert (read.size, read.native) == ((20, 30), (40, 60))
    assert read.provenance["reduced"] == "from 40 x 60 (rows x columns) by area averaging"
    assert read.image.dtype == torch.float32
    assert torch.equal(read.image, read_radiograph(tmp_path / "r.png", Reading(size=30)).image)
    with pytest.raises(ImageReadError, match=r"60 x 40 \(columns x rows\).*1024 x 1024"):
        read_radiograph(tmp_path / "r.png", Reading(pixels=(1024, 1024)))


def test_a_box_keeps_what_it_encloses_when_the_image_is_reduced():
    image = np.zeros((64, 96), np.float32)
    image[16:32, 24:48] = 1.0
    small = area_average(image, (16, 24))
    # From the first pixel's centre to the last one's, so half a pixel beyond on each side.
    box = scaled_boxes({"mass": [(23.5, 15.5, 47.5, 31.5)]}, (64, 96), (16, 24))["mass"][0].tolist()
    rows, columns = np.nonzero(small)
    assert box == [columns.min() - 0.5, rows.min() - 0.5, columns.max() + 0.5, rows.max() + 0.5]


def test_boxes_end_at_the_images_edge_and_none_is_an_empty_tensor():
    boxes = scaled_boxes({"a": [(-1.0, 2.0, 70.0, 5.0)], "b": []}, (32, 64), (32, 64))
    assert boxes["a"].tolist() == [[-0.5, 2.0, 63.5, 5.0]]
    assert (boxes["b"].shape, boxes["b"].dtype) == ((0, 4), torch.float32)


@pytest.mark.parametrize(
    ("box", "what"),
    [
        ((0.0, 0.0, 64.0, 32.0), ""),
        ((0.0, 0.0, float("inf"), 3.0), "no number"),
        ((5.0, 0.0, 5.0, 3.0), "empty or turned round"),
        ((0.0, 9.0, 5.0, 3.0), "empty or turned round"),
        ((0.0, 0.0, 64.5, 3.0), "leaves the 64 x 32"),
        ((0.0, -1.5, 6.0, 3.0), "leaves the 64 x 32"),
    ],
)
def test_boxes_that_cannot_be(box, what):
    found = box_fault(box, (32, 64))
    assert what in found
    assert bool(found) == bool(what)


def test_a_disc_has_its_area_and_a_tiny_one_its_centre():
    mask = disc_mask([(300.0, 200.0, 101.0)], (512, 512), (256, 256))
    assert float(mask.sum()) == pytest.approx(np.pi * 101**2 / 4 / 4, rel=0.02)
    rows, columns = torch.nonzero(mask[0], as_tuple=True)
    assert (columns.double().mean().item(), rows.double().mean().item()) == (
        pytest.approx((300.5) / 2 - 0.5, abs=0.1),
        pytest.approx((200.5) / 2 - 0.5, abs=0.1),
    )
    tiny = disc_mask([(300.0, 201.0, 0.5)], (512, 512), (64, 64))
    assert torch.nonzero(tiny[0]).tolist() == [[25, 37]]
    assert not disc_mask([], (8, 8), (8, 8)).any()


def mask_file(path, mask):
    Image.fromarray(np.asarray(mask, np.uint8) * 255).save(path)
    return path


def test_masks_are_united_and_set_where_half_is_covered(tmp_path):
    left, right = np.zeros((8, 8), bool), np.zeros((8, 8), bool)
    left[:, :3] = True
    right[:, 7] = True
    paths = [mask_file(tmp_path / "l.gif", left), mask_file(tmp_path / "r.gif", right)]
    mask, sources = read_masks(paths, (4, 4))
    # Columns 2 and 6 to 7 are covered by half.
    assert mask[0].tolist() == [[True, True, False, True]] * 4
    assert [source["file"] for source in sources] == ["l.gif", "r.gif"]
    assert torch.equal(read_masks(paths, (16, 16))[0][0], torch.from_numpy(np.kron(left | right, np.ones((2, 2))) > 0))


def test_masks_that_do_not_fit_are_named(tmp_path):
    ones = mask_file(tmp_path / "a.png", np.ones((8, 8)))
    with pytest.raises(ImageReadError, match="not the proportions"):
        read_masks([ones], (8, 16))
    with pytest.raises(ImageReadError, match="is empty"):
        read_masks([mask_file(tmp_path / "b.png", np.zeros((8, 8)))], (8, 8))
    with pytest.raises(ImageReadError, match="another size"):
        read_masks([ones, mask_file(tmp_path / "c.png", np.ones((4, 4)))], (8, 8))
    with pytest.raises(CaseError, match="no mask"):
        read_masks([], (8, 8))
