"""A channelized Hotelling observer: how well an ideal linear reader of a few channels tells signal from background."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]

GABOR_FREQUENCIES = (0.5, 1.0, 2.0)
"""Centre frequencies in cycles per channel width; neighbouring passbands of one octave touch."""
GABOR_ORIENTATIONS = (0.0, 45.0, 90.0, 135.0)
"""Degrees."""
_LEAST_WIDTH_PX = 4.0
_REACH = {"laguerre-gauss": 2.5, "gabor": 3.0}


@dataclass(frozen=True)
class Channels:
    """A bank of channels that is scaled to what is looked for.

    Attributes:
        kind: "laguerre-gauss" (rotationally symmetric) or "gabor".
        count: Laguerre-Gauss polynomials, of order 0 to ``count`` - 1; Gabor banks have all frequencies and
            orientations.
        width: the width ``a`` of the channels in diameters of the signal.
    """

    kind: str = "laguerre-gauss"
    count: int = 5
    width: float = 1.0

    def __post_init__(self) -> None:
        if self.kind not in _REACH:
            raise ValueError(f"channels must be one of {', '.join(sorted(_REACH))}, got '{self.kind}'")
        if self.count < 1 or not self.width > 0:
            raise ValueError(f"channels need a count of at least 1 and a positive width, got {self}")

    def __len__(self) -> int:
        return self.count if self.kind == "laguerre-gauss" else len(GABOR_FREQUENCIES) * len(GABOR_ORIENTATIONS)

    def width_px(self, diameter: float) -> float:
        """Return the channels' width for a signal's diameter, pixels; not under 4, since pixels carry nothing finer."""
        return max(self.width * diameter, _LEAST_WIDTH_PX)

    def reach_px(self, diameter: float) -> int:
        """Return how many pixels from its centre a channel is cut off."""
        return math.ceil(_REACH[self.kind] * self.width_px(diameter))

    def at(self, centre: tuple[float, float], diameter: float) -> tuple[Array, tuple[int, int]]:
        """Return the channels round a place.

        Args:
            centre: row and column, pixels.
            diameter: of what is looked for, pixels.

        Returns:
            ``[C,S,S]``, and the row and the column of its first pixel, which may lie outside the image. The values are
            divided by the squared width, so that an output is an average in grey levels whatever the diameter.
        """
        row, column = (math.floor(c + 0.5) for c in centre)
        reach = self.reach_px(diameter)
        return _bank(self, centre[0] - row, centre[1] - column, diameter), (row - reach, column - reach)


@lru_cache(maxsize=32)
def _bank(channels: Channels, down: float, right: float, diameter: float) -> Array:
    """Return the channels round a place that lies ``down`` and ``right`` of a pixel's centre, ``[C,S,S]``."""
    a, reach = channels.width_px(diameter), channels.reach_px(diameter)
    side = np.arange(-reach, reach + 1, dtype=np.float64)
    y, x = (side - down)[:, None] / a, (side - right)[None, :] / a
    bank = laguerre_gauss(x, y, channels.count) if channels.kind == "laguerre-gauss" else gabor(x, y)
    bank /= a * a
    bank.flags.writeable = False
    return bank


def laguerre_gauss(x: Array, y: Array, count: int) -> Array:
    """Laguerre-Gauss functions ``sqrt(2) exp(-pi r^2) L_j(2 pi r^2)``, orthonormal over the plane.

    Gallas & Barrett, JOSA A 20 (2003), Eq. 12, with lengths in units of the width.

    Args:
        x: horizontal distances in widths, broadcast against ``y``.
        y: vertical distances.
        count: of functions; orders 0 to ``count`` - 1.

    Returns:
        ``[count, ...]``.
    """
    squared = x * x + y * y
    argument = 2.0 * math.pi * squared
    envelope = math.sqrt(2.0) * np.exp(-math.pi * squared)
    polynomials = [np.ones_like(argument), 1.0 - argument]
    for j in range(1, count - 1):
        polynomials.append(((2 * j + 1 - argument) * polynomials[j] - j * polynomials[j - 1]) / (j + 1))
    return np.stack([envelope * p for p in polynomials[:count]])


def gabor(x: Array, y: Array) -> Array:
    """Gabor functions of one octave at each of the frequencies and orientations, in cosine phase.

    Eckstein, Abbey & Bochud, in Handbook of Medical Imaging 1 (2000), chapter 10: a Gaussian of full width at half
    maximum ``ws = 4 ln 2 / (pi wf)`` times a cosine, ``wf = 2/3`` of the frequency being an octave's bandwidth.
    Orientations and frequencies are assumed.

    Args:
        x: horizontal distances in widths, broadcast against ``y``.
        y: vertical distances.

    Returns:
        ``[frequencies * orientations, ...]``.
    """
    squared = x * x + y * y
    channels = []
    for frequency in GABOR_FREQUENCIES:
        spread = 4.0 * math.log(2.0) / (math.pi * (2.0 * frequency / 3.0))
        envelope = np.exp(-4.0 * math.log(2.0) * squared / spread**2)
        for degrees in GABOR_ORIENTATIONS:
            angle = math.radians(degrees)
            wave = np.cos(2.0 * math.pi * frequency * (x * math.cos(angle) + y * math.sin(angle)))
            channels.append(envelope * wave)
    return np.stack(channels)


def channel_outputs(image: ArrayLike, centre: tuple[float, float], diameter: float, channels: Channels) -> Array:
    """Return what each channel sees at a place; beyond the image its edge pixels are repeated.

    Args:
        image: ``[H,W]``.
        centre: row and column, pixels, inside the image.
        diameter: of what is looked for, pixels.
        channels: the bank.

    Returns:
        float64 ``[C]``, grey levels.

    Raises:
        ValueError: the image is not ``[H,W]``, or the place lies outside.
    """
    plane = np.asarray(image, dtype=np.float64)
    if plane.ndim != 2:
        raise ValueError(f"channel_outputs: the image must be [H,W], got {list(plane.shape)}")
    height, width = plane.shape
    if not (-0.5 <= centre[0] <= height - 0.5 and -0.5 <= centre[1] <= width - 0.5):
        raise ValueError(f"channel_outputs: place {centre} lies outside the {height} x {width} image")
    bank, (top, left) = channels.at(centre, diameter)
    rows = np.clip(np.arange(top, top + bank.shape[1]), 0, height - 1)
    columns = np.clip(np.arange(left, left + bank.shape[2]), 0, width - 1)
    seen: Array = (bank * plane[rows[:, None], columns[None, :]]).sum(axis=(1, 2))
    return seen


@dataclass(frozen=True)
class Hotelling:
    """A trained observer.

    Attributes:
        template: ``[C]``, the weights of the channels, such that signal-absent outputs of the training have mean 0 and
            (within the shrinkage) variance 1 after ``offset``; zeros where the classes do not differ.
        offset: subtracted from the weighted sum.
        detectability: Hotelling's d' on the training data: ``sqrt(ds' K^-1 ds)``.
    """

    template: Array
    offset: float
    detectability: float

    def responses(self, outputs: ArrayLike) -> Array:
        """Return the decision variable ``[N]`` of channel outputs ``[N,C]``, in standard deviations."""
        seen = np.asarray(outputs, dtype=np.float64)
        answer: Array = (seen * self.template).sum(axis=-1) - self.offset
        return answer


def ball_signal(channels: Channels) -> Array:
    """Return what the channels see of a ball's projection, ``sqrt(1 - (2r/d)^2)`` on nothing: float64 ``[C]``.

    The usual model of a nodule (Samei, Flynn & Eyler 1997, Radiology 202:117-124, is a refinement). It is taken at a
    diameter of 64 pixels, where sampling no longer matters.
    """
    diameter, reach = 64.0, channels.reach_px(64.0)
    side = np.arange(-reach, reach + 1, dtype=np.float64)
    squared = (side[:, None] ** 2 + side[None, :] ** 2) * (2.0 / diameter) ** 2
    profile = np.sqrt(np.clip(1.0 - squared, 0.0, None))
    return channel_outputs(profile, (float(reach), float(reach)), diameter, channels)


def train_hotelling(
    absent: ArrayLike,
    present: ArrayLike,
    shrinkage: float = 0.0,
    internal_noise: float = 0.0,
    signal: ArrayLike | None = None,
) -> Hotelling:
    """Train the channelized Hotelling observer (Barrett & Myers, Foundations of Image Science, 2004, section 13.2.12).

    The template is ``K^-1 (mean present - mean absent)``; K is the covariance within the two classes, pooled with
    their degrees of freedom, because signals are few where backgrounds are many. It is shrunk towards its own diagonal
    (Schaefer & Strimmer 2005, target D): ``(1 - shrinkage) K + shrinkage diag(K)``. A channel that does not vary
    at all is left out.

    Args:
        absent: ``[N0,C]`` channel outputs without a signal, N0 >= 2.
        present: ``[N1,C]`` with one, N1 >= 1.
        shrinkage: in [0,1].
        internal_noise: standard deviation of noise in each channel, over that channel's own; it is added to K here and
            has to be added to the outputs (:func:`with_internal_noise`) by the caller.
        signal: ``[C]`` what the channels see of the signal, where it is known; None: the difference of the means.

    Raises:
        ValueError: too few rows, other shapes, or values that are not finite.
    """
    x0, x1 = np.asarray(absent, dtype=np.float64), np.asarray(present, dtype=np.float64)
    if x0.ndim != 2 or x1.ndim != 2 or x0.shape[1] != x1.shape[1] or len(x0) < 2 or len(x1) < 1:
        raise ValueError(f"train_hotelling: needs [N0>=2,C] and [N1>=1,C], got {list(x0.shape)} and {list(x1.shape)}")
    if not (np.isfinite(x0).all() and np.isfinite(x1).all()):
        raise ValueError("train_hotelling: channel outputs must be finite")
    if not (0.0 <= shrinkage <= 1.0 and internal_noise >= 0.0):
        raise ValueError(
            f"train_hotelling: shrinkage must lie in [0,1] and internal noise be at least 0, "
            f"got {shrinkage} and {internal_noise}"
        )
    mean0, mean1 = x0.mean(axis=0), x1.mean(axis=0)
    covariance = pooled_covariance(x0, x1)
    variances = np.diag(covariance).copy()
    varies = variances > 1e-12 * max(float(variances.max()), 1e-300)
    difference = mean1 - mean0 if signal is None else np.asarray(signal, dtype=np.float64)
    shrunk = (1.0 - shrinkage) * covariance + np.diag((shrinkage + internal_noise**2) * variances)
    template = np.zeros_like(difference)
    if varies.any():
        # Correlations condition better than covariances, and give the same template.
        scale = np.sqrt(variances[varies])
        correlation = shrunk[np.ix_(varies, varies)] / scale[:, None] / scale[None, :]
        template[varies] = np.linalg.lstsq(correlation, difference[varies] / scale, rcond=1e-10)[0] / scale
    squared = float((template * difference).sum())
    detectability = math.sqrt(max(squared, 0.0))
    spread = math.sqrt(max(float(template @ shrunk @ template), 0.0))
    if spread > 0.0:
        template = template / spread
    return Hotelling(template, float((template * mean0).sum()), detectability)


def with_internal_noise(outputs: ArrayLike, spread: ArrayLike, internal_noise: float, seed: int) -> Array:
    """Return channel outputs ``[N,C]`` plus Gaussian noise of ``internal_noise`` times each channel's ``spread``."""
    seen = np.asarray(outputs, dtype=np.float64)
    if internal_noise == 0.0:
        return seen
    noise = np.random.default_rng(seed).standard_normal(seen.shape)
    return seen + internal_noise * np.asarray(spread, dtype=np.float64) * noise


def pooled_covariance(*classes: Array) -> Array:
    """Return the covariance ``[C,C]`` within classes ``[N,C]``, each about its own mean."""
    scatter = sum((x - x.mean(axis=0)).T @ (x - x.mean(axis=0)) for x in classes)
    freedom = sum(len(x) for x in classes) - len(classes)
    return np.asarray(scatter, dtype=np.float64) / max(freedom, 1)


def auc_of_detectability(detectability: float) -> float:
    """Return the area under the ROC curve ``Phi(d'/sqrt 2)`` of two normal distributions of equal variance."""
    return 0.5 * (1.0 + math.erf(detectability / 2.0))


def proportion_correct(present: ArrayLike, absent: Sequence[float] | Array) -> float:
    """Return the share of pairs in which the signal-present response is higher: two-alternative forced choice.

    It equals the area under the empirical ROC curve (Green & Swets 1966; Hanley & McNeil 1982). Ties count half.

    Args:
        present: responses with a signal.
        absent: responses without one.

    Returns:
        In [0,1]; NaN where there are none of either.
    """
    x1, x0 = np.atleast_1d(np.asarray(present, dtype=np.float64)), np.asarray(absent, dtype=np.float64)
    if x1.size == 0 or x0.size == 0:
        return math.nan
    return float(((x1[:, None] > x0[None, :]) + 0.5 * (x1[:, None] == x0[None, :])).mean())
