"""BM3D as one would write it from the paper with loops, in float64: what the fast one is compared with.

The matrix of bior1.5, which has tests of its own, is the only thing that both share.
"""

from __future__ import annotations

import numpy as np
from scipy import fft

from radbench_bm3d.transforms import bior15


def naive(noisy, basic, step, sigma):
    """Step 1 of ``noisy``, or step 2 where ``basic`` is given; one reference block after the other."""
    size, pilot = step.block, noisy if basic is None else basic
    above, below = np.zeros_like(noisy), np.zeros_like(noisy)
    window = np.outer(np.kaiser(size, step.beta), np.kaiser(size, step.beta))
    for top in _starts(noisy.shape[0] - size, step.step):
        for left in _starts(noisy.shape[1] - size, step.step):
            group = _matches(pilot, top, left, step, sigma)
            stack = np.stack([noisy[i : i + size, j : j + size] for i, j in group])
            spectrum = _haar(_forward(stack, step))
            if basic is None:
                kept = np.abs(spectrum) > step.lambda_3d * sigma
                kept[0, 0, 0] = True
                spectrum, left_over = spectrum * kept, kept.sum()
            else:
                power = _haar(_forward(np.stack([basic[i : i + size, j : j + size] for i, j in group]), step)) ** 2
                gain = power / (power + sigma**2)
                gain[0, 0, 0] = 1
                spectrum, left_over = spectrum * gain, (gain**2).sum()
            for (i, j), block in zip(group, _backward(_haar(spectrum, inverse=True), step), strict=True):
                above[i : i + size, j : j + size] += window * block / left_over
                below[i : i + size, j : j + size] += window / left_over
    return above / below


def _starts(last, step):
    return sorted({*range(0, last + 1, step), last})


def _matches(image, top, left, step, sigma):
    size, radius = step.block, step.window // 2
    reference = _compared(image[top : top + size, left : left + size], step, sigma)
    found = []
    for i in range(max(0, top - radius), min(image.shape[0] - size, top + radius) + 1):
        for j in range(max(0, left - radius), min(image.shape[1] - size, left + radius) + 1):
            block = _compared(image[i : i + size, j : j + size], step, sigma)
            distance = ((block - reference) ** 2).sum() / size**2
            if distance <= step.tau:
                found.append((distance, (i, j)))
    found = [place for _, place in sorted(found)][: step.group]
    return found[: 2 ** int(np.log2(len(found)))]


def _compared(block, step, sigma):
    if step.lambda_2d == 0:
        return block
    spectrum = _forward(block[None], step)[0]
    return spectrum * (np.abs(spectrum) > step.lambda_2d * sigma)


def _forward(blocks, step):
    if step.transform == "dct":
        return fft.dctn(blocks, axes=(1, 2), norm="ortho")
    return bior15(step.block) @ blocks @ bior15(step.block).T


def _backward(spectra, step):
    if step.transform == "dct":
        return fft.idctn(spectra, axes=(1, 2), norm="ortho")
    inverse = np.linalg.inv(bior15(step.block))
    return inverse @ spectra @ inverse.T


def _haar(stack, inverse=False):
    if len(stack) == 1:
        return stack
    if inverse:
        half = len(stack) // 2
        means, differences = _haar(stack[:half], inverse=True), stack[half:]
        pairs = np.stack([means + differences, means - differences], axis=1) / np.sqrt(2)
        return pairs.reshape(stack.shape)
    even, odd = stack[::2], stack[1::2]
    return np.concatenate([_haar((even + odd) / np.sqrt(2)), (even - odd) / np.sqrt(2)])
