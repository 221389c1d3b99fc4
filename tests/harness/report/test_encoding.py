"""Encoding: pictures show what they are of, and keep to their budget."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from radbench.report.encoding import difference, encoded, reduced, round_scale


def decoded(uri):
    head, _, data = uri.partition("base64,")
    assert head == "data:image/webp;"
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data))).convert("L"))


def test_small_pictures_keep_every_grey_level():
    picture = np.random.default_rng(0).random((40, 60)).astype(np.float32)
    album = encoded({"a": reduced(picture)}, {})
    assert album.quality is None
    assert np.array_equal(decoded(album.pictures["a"].uri), np.round(picture * 255).astype(np.uint8))
    assert (album.pictures["a"].width, album.pictures["a"].height) == (60, 40)


def test_many_pictures_keep_to_the_budget_and_to_their_shape():
    rng = np.random.default_rng(0)
    pictures = {str(k): reduced(rng.random((300, 200))) for k in range(12)}
    small = {"shown": reduced(rng.random((3, 400, 400)), 224)}
    album = encoded(pictures, small, budget=150_000)
    assert sum(len(one.uri) for one in album.pictures.values()) <= 150_000
    assert album.quality is not None
    assert album.pictures["0"].height == 300
    height, width = decoded(album.pictures["0"].uri).shape
    assert height == album.side
    assert width / height == pytest.approx(2 / 3, rel=0.02)


def test_large_pictures_are_reduced_at_once():
    one = reduced(np.zeros((3000, 2000)))
    assert max(one.levels.shape) == 640
    assert (one.width, one.height) == (2000, 3000)


def test_a_difference_is_red_where_brighter_and_blue_where_darker():
    original = np.full((1, 3), 0.5, np.float32)
    found = difference(np.array([[0.4, 0.5, 0.6]], np.float32), original, 0.1)
    darker, same, brighter = found[:, 0, 0], found[:, 0, 1], found[:, 0, 2]
    assert darker[2] > darker[0]
    assert brighter[0] > brighter[2]
    assert same == pytest.approx(0.97)
    # Beyond the scale nothing changes any more.
    assert np.array_equal(difference(original + 0.4, original, 0.1), difference(original + 0.1, original, 0.1))


@pytest.mark.parametrize(("greatest", "scale"), [(0.0, 0.01), (0.02, 0.02), (0.021, 0.05), (0.3, 0.5), (0.7, 1.0)])
def test_scales_are_round(greatest, scale):
    assert round_scale(greatest) == scale
