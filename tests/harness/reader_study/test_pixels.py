"""Images in a page: every grey comes back, smaller than it went in."""

from __future__ import annotations

import base64

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from radbench.contracts.errors import UsageError
from radbench.reader_study.pixels import grey_levels, pack, unpack, within


@given(
    arrays.arrays(np.uint16, st.tuples(st.integers(1, 9), st.integers(1, 9)), elements=st.integers(0, 65535)),
)
@settings(max_examples=80, deadline=None)
def test_every_grey_comes_back(grey):
    assert (unpack(pack(grey, 16)) == grey).all()


def test_many_greys_come_back_without_a_palette():
    grey = np.random.default_rng(0).integers(0, 65536, size=(30, 40), dtype=np.uint16)
    packed = pack(grey, 16)
    assert packed.palette == ()
    assert (unpack(packed) == grey).all()


def test_an_image_of_eight_bits_takes_a_byte_a_pixel_at_the_most():
    grey = grey_levels(np.random.default_rng(0).integers(0, 256, size=(64, 64)).astype(np.float32) / 255, 16)
    packed = pack(grey, 16)
    assert len(packed.palette) <= 256
    assert len(base64.b64decode(packed.data)) <= 64 * 64 * 1.02
    assert (unpack(packed) == grey).all()


def test_smooth_images_take_much_less_than_they_are():
    y, x = np.mgrid[0:200, 0:200] / 200
    packed = pack(grey_levels((np.sin(3 * x) * np.cos(2 * y) * 0.4 + 0.5).astype(np.float32), 16), 16)
    assert len(base64.b64decode(packed.data)) < 0.5 * 2 * 200 * 200


def test_black_white_and_what_lies_between():
    found = grey_levels(np.array([[0, 0.5, 1]], dtype=np.float32), 12)
    assert found.tolist() == [[0, 2048, 4095]]


@pytest.mark.parametrize("bits", [7, 17])
def test_other_bits_are_refused(bits):
    with pytest.raises(UsageError, match="--bits must lie between 8 and 16"):
        grey_levels(np.zeros((2, 2), dtype=np.float32), bits)


def test_a_large_image_is_averaged_and_a_small_one_left():
    image = np.random.default_rng(0).random((400, 200), dtype=np.float32)
    assert within(image, 400) is image
    assert within(image, 0) is image
    half = within(image, 200)
    assert half.shape == (200, 100)
    assert np.allclose(half, image.reshape(200, 2, 100, 2).mean(axis=(1, 3)), atol=1e-5)
