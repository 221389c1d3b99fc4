"""Distances between outlines: closed forms, brute force and empty masks."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import binary_erosion
from scipy.spatial.distance import cdist

from radbench.metrics import assd_px, hd95_px


def box(top, left, height, width, side=48):
    mask = torch.zeros(1, 1, side, side, dtype=torch.bool)
    mask[..., top : top + height, left : left + width] = True
    return mask


def blob(seed):
    rng = np.random.default_rng(seed)
    mask = np.zeros((24, 30), dtype=bool)
    for y, x in rng.integers(2, 20, (3, 2)):
        mask[y : y + int(rng.integers(1, 9)), x : x + int(rng.integers(1, 9))] = True
    return mask


def test_two_lines_across_the_image_are_as_far_as_their_rows():
    for distance in (hd95_px, assd_px):
        assert float(distance(box(10, 0, 1, 48), box(15, 0, 1, 48))[0]) == 5.0


def test_the_outline_of_a_rectangle_is_its_margin_from_a_larger_one():
    # From inside every pixel is 3 away; from the 76 pixels outside all but those round the corners are.
    outer, inner = box(10, 10, 20, 20), box(13, 13, 14, 14)
    assert 3.0 < float(assd_px(inner, outer)[0]) < 3.2
    assert 3.0 < float(hd95_px(inner, outer)[0]) < 3.0 * math.sqrt(2)


def test_identical_masks_have_no_distance():
    assert float(hd95_px(box(3, 4, 9, 8), box(3, 4, 9, 8))[0]) == 0.0
    assert float(assd_px(box(3, 4, 9, 8), box(3, 4, 9, 8))[0]) == 0.0


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 10_000))
def test_distances_are_those_of_all_pairs_of_outline_pixels(a, b):
    masks = [blob(a), blob(b)]
    outlines = [np.argwhere(m & ~binary_erosion(m)) for m in masks]
    pairs = cdist(*outlines)
    there, back = pairs.min(axis=1), pairs.min(axis=0)
    tensors = [torch.from_numpy(m)[None, None] for m in masks]
    assert float(hd95_px(*tensors)[0]) == pytest.approx(max(np.percentile(there, 95), np.percentile(back, 95)))
    assert float(assd_px(*tensors)[0]) == pytest.approx(np.concatenate([there, back]).mean())
    assert float(hd95_px(*tensors)[0]) == float(hd95_px(*reversed(tensors))[0])


def test_one_empty_mask_is_as_far_as_can_be_and_two_agree():
    empty = torch.zeros(1, 1, 48, 48, dtype=torch.bool)
    for distance in (hd95_px, assd_px):
        assert float(distance(empty, box(1, 1, 4, 4))[0]) == pytest.approx(48 * math.sqrt(2))
        assert float(distance(box(1, 1, 4, 4), empty)[0]) == pytest.approx(48 * math.sqrt(2))
        assert float(distance(empty, empty)[0]) == 0.0


def test_a_batch_changes_nothing():
    masks = torch.from_numpy(np.stack([blob(i) for i in range(4)]))[:, None]
    other = masks.flip(0)
    for distance in (hd95_px, assd_px):
        single = torch.cat([distance(masks[i : i + 1], other[i : i + 1]) for i in range(4)])
        assert torch.equal(distance(masks, other), single)
