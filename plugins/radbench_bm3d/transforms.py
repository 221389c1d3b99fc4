"""Transforms of blocks and of groups, and the window of the aggregation, as matrices."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.floating]

BIOR15_LOW_PASS = np.array([3, -3, -22, 22, 128, 128, 22, -22, -3, 3]) * (math.sqrt(2) / 256)
"""Analysis low-pass filter of the biorthogonal spline wavelet 1.5 (Cohen, Daubechies & Feauveau 1992, Table 6.1)."""


def dct(size: int) -> Matrix:
    """Return the orthonormal DCT-II, float64 ``[size,size]``; coefficients are ``matrix @ signal``."""
    k, n = np.mgrid[:size, :size]
    matrix = np.cos(np.pi * k * (2 * n + 1) / (2 * size)) * math.sqrt(2 / size)
    matrix[0] /= math.sqrt(2)
    return matrix


def haar(size: int) -> Matrix:
    """Return the orthonormal Haar transform down to one mean, float64 ``[size,size]``; the first row is the mean's.

    Raises:
        ValueError: the size is no power of two.
    """
    return _decompose(size, np.array([1.0, 1.0]) / math.sqrt(2))


def bior15(size: int) -> Matrix:
    """Return the periodic wavelet transform bior1.5 down to one mean, rows of unit norm, float64 ``[size,size]``.

    White noise keeps its standard deviation in every coefficient, as thresholding assumes; the transform is not
    orthogonal, so noise of neighbouring coefficients is correlated.

    Raises:
        ValueError: the size is no power of two.
    """
    matrix = _decompose(size, BIOR15_LOW_PASS)
    return matrix / np.sqrt(np.square(matrix).sum(1, keepdims=True))


def _decompose(size: int, low_pass: Matrix) -> Matrix:
    if size < 1 or size & (size - 1):
        raise ValueError(f"a wavelet transform down to one mean needs a power of two, got {size}")
    matrix = np.eye(size)
    length = size
    while length > 1:
        half = length // 2
        level = np.zeros((length, length))
        offsets = np.arange(low_pass.size) - low_pass.size // 2 + 1
        for i in range(half):
            np.add.at(level[i], (2 * i + offsets) % length, low_pass)
            level[half + i, 2 * i : 2 * i + 2] = np.array([1, -1]) / math.sqrt(2)
        matrix[:length] = level @ matrix[:length]
        length = half
    return matrix


@cache
def block_transform(name: str, size: int) -> tuple[Matrix, Matrix]:
    """Return a separable 2-D transform and its inverse for blocks flattened by rows, float64 ``[size^2,size^2]``.

    Args:
        name: "dct" or "bior1.5".
        size: side of the block, in pixels.
    """
    one = dct(size) if name == "dct" else bior15(size)
    inverse = np.linalg.inv(one)
    return np.kron(one, one), np.kron(inverse, inverse)


def kaiser(size: int, beta: float) -> Matrix:
    """Return the separable Kaiser window of the aggregation, float64 ``[size,size]``."""
    window = np.kaiser(size, beta)
    return np.outer(window, window)
