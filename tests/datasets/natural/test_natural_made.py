"""Made images: the same from the same seed, of the statistics that they are named for."""

from __future__ import annotations

import hashlib
import subprocess
import sys

import numpy as np
import pytest

from radbench_natural.dataset import Natural
from radbench_natural.made import KINDS, made
from radbench_natural.shapes import ellipses, leaves, polygons
from radbench_natural.textures import spectral

SIZE = 64


def slope_of_spectrum(image):
    """Return the exponent a of the amplitude's fall 1/f^a, averaged over directions, without the ends of the range."""
    n = len(image)
    power = np.abs(np.fft.fft2(image - image.mean())) ** 2
    y, x = np.meshgrid(np.fft.fftfreq(n) * n, np.fft.fftfreq(n) * n, indexing="ij")
    radius = np.hypot(y, x)
    rings = np.arange(3, n // 4)
    mean = [power[(radius >= r - 0.5) & (radius < r + 0.5)].mean() for r in rings]
    return -np.polyfit(np.log(rings), np.log(mean), 1)[0] / 2


@pytest.mark.parametrize("kind", KINDS)
def test_an_image_lies_in_the_unit_range_and_is_not_flat(kind):
    for number in range(4):
        image = made(kind, 0, number, SIZE)
        assert (image.dtype, image.shape) == (np.float32, (SIZE, SIZE))
        assert float(image.min()) >= 0
        assert float(image.max()) <= 1
        assert float(image.max() - image.min()) > 0.29


@pytest.mark.parametrize("kind", KINDS)
def test_seed_and_number_make_it_and_nothing_else_does(kind):
    first = made(kind, 3, 2, SIZE)
    np.random.default_rng(0).random(5)
    made(kind, 3, 1, SIZE)
    assert (first == made(kind, 3, 2, SIZE)).all()
    assert not (first == made(kind, 3, 1, SIZE)).all()
    assert not (first == made(kind, 4, 2, SIZE)).all()


def test_another_process_makes_the_same_bits():
    program = (
        "import hashlib; from radbench_natural.made import KINDS, made\n"
        f"print(hashlib.sha256(b''.join(made(k, 1, 0, {SIZE}).tobytes() for k in KINDS)).hexdigest())"
    )
    there = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.strip()
    assert hashlib.sha256(b"".join(made(k, 1, 0, SIZE).tobytes() for k in KINDS)).hexdigest() == there


def test_an_image_does_not_depend_on_how_many_are_made():
    few, many = (Natural(Natural.Config(made=n, made_size=128)) for n in (14, 70))
    for case_id in ("made-leaves-s0-0000", "made-noise-s0-0001"):
        assert (few.load(case_id).image == many.load(case_id).image).all()


@pytest.mark.parametrize("exponent", [0.8, 1.2, 1.8])
def test_noise_falls_as_it_is_told_to(exponent):
    found = [slope_of_spectrum(spectral(np.random.default_rng(i), 128, exponent)) for i in range(6)]
    assert np.mean(found) == pytest.approx(exponent, abs=0.06)


def test_noise_has_no_mean_and_a_deviation_of_one():
    field = spectral(np.random.default_rng(0), 96, 1.0, 2.0)
    assert field.mean() == pytest.approx(0, abs=1e-12)
    assert field.std() == pytest.approx(1)


def test_dead_leaves_fall_about_as_natural_scenes_do():
    found = [slope_of_spectrum(leaves(np.random.default_rng(i), 256)) for i in range(6)]
    assert 0.9 < np.mean(found) < 1.6


@pytest.mark.parametrize("make", [leaves, polygons, ellipses])
def test_shapes_have_many_flat_places_and_few_steep_ones(make):
    """What denoisers rely on in images: steps between neighbours are far from normally distributed."""
    for i in range(3):
        steps = np.diff(make(np.random.default_rng(i), 256)).ravel()
        assert np.mean(((steps - steps.mean()) / steps.std()) ** 4) > 8
