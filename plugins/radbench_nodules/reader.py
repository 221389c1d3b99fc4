"""The reader: what the channels see at places of an image, and the trained observer that decides by it."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from radbench.contracts.errors import DatasetError
from radbench.metrics.contrast import DISPLAY_NOISE
from radbench.metrics.observer import (
    Channels,
    Hotelling,
    ball_signal,
    channel_outputs,
    pooled_covariance,
    train_hotelling,
    with_internal_noise,
)
from radbench_nodules.places import Nodule, Place

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Looked:
    """What the channels see in one image. The first of the S looks at a place is at its centre.

    Attributes:
        present: ``[N,S,C]`` at the nodules.
        absent: ``[k,S,C]`` at the nodule-free places of each nodule (of the case, where it has none).
    """

    present: Array
    absent: Sequence[Array]


@dataclass(frozen=True)
class Reader:
    """A trained observer with its operating point.

    Attributes:
        observer: the channelized Hotelling observer.
        spread: ``[C]`` the channels' standard deviations within classes, which internal noise is told by.
        internal_noise: standard deviation of the noise in each channel, over the channel's own.
        threshold: the response above which it calls a place a nodule, after a search.
    """

    observer: Hotelling
    spread: Array
    internal_noise: float
    threshold: float = math.inf

    def responses(self, outputs: Array, seed: int) -> Array:
        """Return the responses ``[k,S]`` to outputs ``[k,S,C]``; the seed is that of internal noise."""
        return self.observer.responses(with_internal_noise(outputs, self.spread, self.internal_noise, seed))

    def calls(self, responses: Array) -> list[float]:
        """Return for each place 1 where the largest of its looks is above the threshold, else 0."""
        return [float(r > self.threshold) for r in responses.max(axis=1)]


def look(
    image: Array,
    lungs: NDArray[np.bool_],
    nodules: Sequence[Nodule],
    free: Sequence[Sequence[Place]],
    channels: Channels,
    search: float,
) -> Looked:
    """Look at the places of an image that is standardised to its lung area.

    Args:
        image: ``[H,W]``.
        lungs: bool ``[H,W]``.
        nodules: where nodules are.
        free: groups of nodule-free places.
        channels: the bank.
        search: how far the 3 x 3 looks at a place lie apart, in its diameters (whole pixels); 0 for a single look.
    """
    plane = standardised(image, lungs)
    height, width = plane.shape
    steps = sorted(itertools.product((-1, 0, 1), repeat=2), key=lambda step: step != (0, 0))[: 9 if search > 0 else 1]

    def at(place: Place) -> Array:
        (row, column), apart = place.centre, math.floor(search * place.diameter + 0.5)
        looks = [
            (min(max(row + apart * down, 0.0), height - 1.0), min(max(column + apart * right, 0.0), width - 1.0))
            for down, right in steps
        ]
        return np.stack([channel_outputs(plane, centre, place.diameter, channels) for centre in looks])

    def outputs(places: Sequence[Place]) -> Array:
        return np.stack([at(place) for place in places]) if places else np.zeros((0, len(steps), len(channels)))

    return Looked(outputs(nodules), [outputs(places) for places in free])


def train_reader(
    looked: Sequence[Looked],
    channels: Channels,
    signal: str,
    shrinkage: float,
    internal_noise: float,
    specificity: float,
    seed: int,
) -> Reader:
    """Train an observer on the looks at the centres, and set its threshold on the searched nodule-free places.

    Args:
        looked: the train images.
        channels: the bank that they were looked at with.
        signal: "ball" for a ball's projection, "learnt" for the difference of the means.
        shrinkage: of the covariance.
        internal_noise: over the channels' own standard deviation.
        specificity: share of the nodule-free places that stay under the threshold.
        seed: of the internal noise.

    Raises:
        DatasetError: there are no nodule-free places.
    """
    present = np.concatenate([one.present for one in looked])
    absent = np.concatenate([rows for one in looked for rows in one.absent])
    if len(absent) < 2:
        raise DatasetError(
            f"nodule-visibility found {len(absent)} nodule-free places in split 'train': the lungs have no room for "
            f"disks of the nodules' sizes; lower clearance"
        )
    known = ball_signal(channels) if signal == "ball" else None
    observer = train_hotelling(absent[:, 0], present[:, 0], shrinkage, internal_noise, known)
    spread = np.sqrt(np.diag(pooled_covariance(absent[:, 0], present[:, 0])))
    reader = Reader(observer, spread, internal_noise)
    threshold = np.quantile(reader.responses(absent, seed).max(axis=1), specificity)
    return Reader(observer, spread, internal_noise, float(threshold))


def standardised(image: Array, lungs: NDArray[np.bool_]) -> Array:
    """Return the image with mean 0 and standard deviation 1 over the lungs (over all, where there are none).

    The noise of an 8-bit display counts to the standard deviation, so that a constant image stays constant.
    """
    inside = image[lungs]
    area = inside if inside.size else image.ravel()
    scaled: Array = (image - area.mean()) / math.hypot(float(area.std()), DISPLAY_NOISE)
    return scaled
