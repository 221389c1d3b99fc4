"""Textures without edges of their own or with many: 1/f noise, gratings, gradients."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.float64]


def noise(rng: np.random.Generator, side: int) -> Plane:
    """Return noise whose amplitude falls as 1/f^a, a in [0.8,1.8] (natural scenes: about 1), drawn out along one axis.

    Extremes are cut off at three standard deviations.
    """
    return np.clip(spectral(rng, side, rng.uniform(0.8, 1.8), rng.uniform(1.0, 3.0)), -3.0, 3.0)


def spectral(rng: np.random.Generator, side: int, exponent: float, stretch: float = 1.0) -> Plane:
    """Return periodic Gaussian noise of mean 0 and deviation 1.

    Args:
        rng: its source.
        side: in pixels.
        exponent: a of the amplitude's fall with the frequency, 1/f^a.
        stretch: how many times longer its structures are along one random direction than across it.
    """
    angle = rng.uniform(0.0, np.pi)
    y, x = np.fft.fftfreq(side)[:, None] * side, np.fft.rfftfreq(side)[None] * side
    along, across = np.cos(angle) * x + np.sin(angle) * y, np.cos(angle) * y - np.sin(angle) * x
    frequency = np.hypot(along * stretch, across)
    frequency[0, 0] = np.inf
    field = np.fft.irfft2(np.fft.rfft2(rng.standard_normal((side, side))) * frequency**-exponent, s=(side, side))
    return (field - field.mean()) / field.std()


def gratings(rng: np.random.Generator, side: int) -> Plane:
    """Return one to three gratings over one another, each sinusoidal or of hard stripes, bent by a smooth warp."""
    y, x = unit_grid(side)
    total = np.zeros((side, side))
    for _ in range(rng.integers(1, 4)):
        angle = rng.uniform(0.0, np.pi)
        cycles = np.exp(rng.uniform(np.log(2.0), np.log(side / 12)))
        bent = rng.uniform(0.0, 0.6) * spectral(rng, side, 2.5)
        wave = np.sin(2 * np.pi * (cycles * (np.cos(angle) * x + np.sin(angle) * y) + rng.random()) + bent)
        if rng.random() < 0.5:
            wave = np.where(wave > rng.uniform(-0.5, 0.5), 1.0, -1.0)
        total += rng.uniform(0.3, 1.0) * wave
    return total


def gradients(rng: np.random.Generator, side: int) -> Plane:
    """Return smooth gradients, linear and radial, with one to four steps across them, from hard to very soft."""
    y, x = unit_grid(side)
    total = slope(rng, y, x)
    for _ in range(rng.integers(1, 3)):
        distance = np.hypot(y - rng.uniform(-0.2, 1.2), x - rng.uniform(-0.2, 1.2))
        total += rng.uniform(-1.0, 1.0) * np.exp(-((distance / rng.uniform(0.2, 0.8)) ** 2))
    for _ in range(rng.integers(1, 5)):
        if rng.random() < 0.5:
            angle = rng.uniform(0.0, 2 * np.pi)
            place = np.cos(angle) * (x - rng.uniform(0.2, 0.8)) + np.sin(angle) * (y - rng.uniform(0.2, 0.8))
        else:
            place = np.hypot(y - rng.random(), x - rng.random()) - rng.uniform(0.1, 0.5)
        width = np.exp(rng.uniform(np.log(0.2 / side), np.log(0.1)))
        total += rng.uniform(-0.8, 0.8) * 0.5 * (1 + np.tanh(place / width))
    return total


def slope(rng: np.random.Generator, y: Plane, x: Plane, most: float = 1.0) -> Plane:
    """Return a linear gradient in a random direction, of up to ``most`` from side to side of the unit square."""
    down, across = rng.uniform(-most, most, 2)
    plane: Plane = down * y + across * x
    return plane


def unit_grid(side: int) -> tuple[Plane, Plane]:
    """Return y ``[side,1]`` and x ``[1,side]`` of the pixels' middles in the unit square."""
    middles = (np.arange(side) + 0.5) / side
    return middles[:, None], middles[None]
