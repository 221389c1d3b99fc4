"""The task ``nodule-visibility``: what enhancement must not break and hopefully improves."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Self

import numpy as np
from numpy.typing import NDArray

from radbench.contracts.config import Config as BaseConfig
from radbench.contracts.config import param
from radbench.contracts.errors import DatasetError
from radbench.contracts.evidence import Prediction
from radbench.contracts.results import Sample, TaskContext
from radbench.metrics.contrast import contrast_to_noise, ring_around
from radbench.metrics.observer import Channels, proportion_correct
from radbench.metrics.rank_contrast import contrast_order, gcnr
from radbench_nodules.places import (
    Habitat,
    Nodule,
    Place,
    case_rng,
    habitat_of,
    lung_box,
    nodule_free_places,
    nodules_of,
)
from radbench_nodules.reader import Looked, Reader, look, train_reader
from radbench_nodules.trained import Trained

if TYPE_CHECKING:
    from torch import Tensor

    from radbench.contracts.learning import FitContext, Lessons, LessonSet

Array = NDArray[np.float64]


class NoduleVisibility:
    """Score an enhancement by how nodules stand out in it, and by how often something else looks like one.

    A nodule is a connected component of ``nodule_mask``. Nodule-free places are drawn per case, from the measurement's
    seed and the case's id: disks in the lungs away from nodules, with the nodules' sizes and, relative to the lungs,
    their positions (both learnt from the train split). They are the same for every enhancer.

    - ``cnr``: contrast-to-noise ratio against the ring round the nodule, mean over a case's nodules.
    - ``gcnr`` and ``contrast_order``: the same pixels by the order of their grey levels alone, which no tone curve
      moves (:mod:`radbench.metrics.rank_contrast`). What ``cnr`` gains and they do not is tone.
    - ``cho_auc``: a channelized Hotelling observer, trained on the *enhanced* train split, responds at one place of
      each test case: a nodule of its own (drawn by seed), or a nodule-free place where it has none. It looks for a
      nodule's known profile, a ball's projection, among backgrounds that it has learnt, unless ``signal=learnt``.
    - ``cho_2afc``: the same observer, all nodules against nodule-free places of their own image and size.
    - ``cho_fpr`` and ``cho_sensitivity``: the observer trained on the *original* train images, with the threshold that
      gave ``specificity`` there, searches the same places of the enhanced test images without being trained anew.
      Whatever an enhancer makes look like a nodule raises the first; what it wipes out lowers the second.

    The observer sees each image standardised to its (true) lung area, mean 0 and standard deviation 1: as a reader
    adapts, brightness and contrast alone change nothing. Where a blur leaves only coarse noise in the lungs, that noise
    is all there is to adapt to, and may raise ``cho_fpr``.
    """

    class Config(BaseConfig):
        """The observer's channels and training, the places, and the ring."""

        channels: Literal["laguerre-gauss", "gabor"] = param(
            "laguerre-gauss",
            "the observer's channels; gabor: 3 frequencies x 4 orientations",
            source="assumed; Gallas & Barrett 2003 (laguerre-gauss), Eckstein et al. 2000 (gabor)",
        )
        signal: Literal["ball", "learnt"] = param(
            "ball",
            "what the observer looks for. ball: the projection of a ball of the place's size. learnt: the mean nodule "
            "of the train split, which wants hundreds of visible ones",
            source="assumed; Samei et al. 1997 for nodules as balls",
        )
        channel_count: int = param(5, "Laguerre-Gauss channels", source="assumed", ge=1, le=20)
        channel_width: float = param(
            1.0, "width of the channels in diameters of the nodule", source="assumed", gt=0.0, le=10.0
        )
        shrinkage: float = param(
            0.01,
            "share of the covariance that is shrunk to its diagonal, because places are few; it also keeps the "
            "observer from undoing a blur in noiseless images",
            source="assumed; Schaefer & Strimmer 2005, target D",
            ge=0.0,
            le=1.0,
        )
        internal_noise: float = param(
            0.0,
            "standard deviation of noise in each channel, over the channel's own; 0 is off",
            source="assumed",
            ge=0.0,
            le=100.0,
        )
        specificity: float = param(
            0.9,
            "specificity on the original train images that sets the threshold of cho_fpr and cho_sensitivity",
            source="assumed",
            gt=0.0,
            lt=1.0,
        )
        search: float = param(
            0.5,
            "for cho_fpr and cho_sensitivity the reader looks 3 x 3 times at each place and takes the largest "
            "response: how far these looks lie apart, in diameters; 0: it looks once, as for the others",
            source="assumed: nobody tells a reader the very pixel",
            ge=0.0,
            le=1.0,
        )
        free_places: int = param(
            25, "nodule-free places for each nodule, and for each case without", source="assumed", ge=1, le=1000
        )
        clearance: float = param(
            2.0,
            "least distance of a nodule-free place's centre from any nodule, in its diameters",
            source="assumed",
            ge=0.5,
            le=10.0,
        )
        position_spread: float = param(
            0.08,
            "kernel that smooths the nodules' positions, in sides of the lungs' box",
            source="assumed",
            gt=0.0,
            le=1,
        )
        uniform_share: float = param(
            0.1, "share of the nodule-free places that lie anywhere in the lungs", source="assumed", ge=0.0, le=1.0
        )
        min_diameter: float = param(
            2.0,
            "smallest nodule that counts, diameter in pixels; smaller ones are only kept clear of",
            source="assumed",
            ge=1,
        )
        min_train_nodules: int = param(8, "nodules that the train split must have", source="assumed", ge=2)
        ring_gap: float = param(
            0.25, "between nodule and ring, in diameters; at least a pixel", source="assumed", ge=0.0, le=2.0
        )
        ring_width: float = param(
            0.5, "of the ring, in diameters; at least two pixels", source="assumed", gt=0.0, le=5.0
        )

    def __init__(self, config: NoduleVisibility.Config) -> None:
        self.config = config
        self.channels = Channels(config.channels, config.channel_count, config.channel_width)
        self.trained: Trained | None = None

    def lesson(self, sample: Sample) -> dict[str, Tensor]:
        """Return the enhanced and the original image with lungs and nodules, all of their own size."""
        targets = sample.case.targets
        return {
            "enhanced": sample.image,
            "original": sample.case.image,
            "lung_mask": targets["lung_mask"],
            "nodule_mask": targets["nodule_mask"],
        }

    def fit(self, lessons: Lessons, context: FitContext) -> None:
        """Learn from the train split where nodules lie, and train the observers of enhanced and original images.

        Lessons are read twice, for the places are drawn from where nodules lie in all of them. The validation split is
        not used: there is nothing to choose.

        Raises:
            DatasetError: the train split has too few nodules, or no nodule-free place.
        """
        train, done = lessons.train, 0

        def step(text: str) -> None:
            nonlocal done
            done += 1
            context.progress(done, 2 * len(train), text)

        habitat = self._habitat(train, step)
        looked: dict[str, list[Looked]] = {"enhanced": [], "original": []}
        for place, case_id in enumerate(train.case_ids):
            seen = Seen.of(case_id, train[place])
            nodules, free = self.places(seen, habitat, context.seed)
            for name, images in looked.items():
                images.append(self._look(seen, seen.images[name], nodules, free))
            step("training the observer")
        c = self.config
        enhanced, original = (
            train_reader(images, self.channels, c.signal, c.shrinkage, c.internal_noise, c.specificity, context.seed)
            for images in looked.values()
        )
        self.trained = Trained(habitat, enhanced, original)

    def state_dict(self) -> dict[str, Tensor]:
        """Return what was learnt, in double precision: where nodules lie, and both observers."""
        if self.trained is None:
            raise DatasetError("nodule-visibility has not learnt yet: there is no observer")
        return self.trained.tensors()

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Take what :meth:`state_dict` gave."""
        self.trained = Trained.of(state, self.config.internal_noise)

    def score(self, sample: Sample, context: TaskContext) -> dict[str, float | Prediction]:
        """Return a case's scores, and for ``cho_auc`` its label and response."""
        if self.trained is None:
            raise DatasetError("nodule-visibility has not learnt yet: there is no observer")
        enhanced, original, seed = self.trained.enhanced, self.trained.original, context.seed
        case_id = sample.case.case_id
        seen = Seen.of(case_id, self.lesson(sample))
        nodules, free = self.places(seen, self.trained.habitat, seed)
        looked = self._look(seen, seen.images["enhanced"], nodules, free)
        seeds = [int(case_rng(seed, f"{case_id}:{i}").integers(2**32)) for i in range(1 + len(free))]

        def responses(reader: Reader) -> tuple[Array, list[Array]]:
            present = reader.responses(looked.present, seeds[0])
            return present, [reader.responses(rows, s) for rows, s in zip(looked.absent, seeds[1:], strict=True)]

        present, absent = responses(enhanced)
        called, alarmed = responses(original)
        # A case without nodules has one group of places and no pair.
        pairs = [proportion_correct(p[0], a[:, 0]) for p, a in zip(present, absent, strict=False)]
        answer: float | Prediction = math.nan
        if nodules:
            chosen = case_rng(seed, f"{case_id}:nodule").integers(len(nodules))
            answer = Prediction(1.0, float(present[chosen, 0]))
        elif len(absent[0]):
            answer = Prediction(0.0, float(absent[0][0, 0]))
        return {
            **self._contrasts(seen, nodules),
            "cho_auc": answer,
            "cho_2afc": _mean(pairs),
            "cho_sensitivity": _mean(original.calls(called)),
            "cho_fpr": _mean([call for rows in alarmed for call in original.calls(rows)]),
        }

    def places(self, seen: Seen, habitat: Habitat, seed: int) -> tuple[list[Nodule], list[list[Place]]]:
        """Return a case's nodules, and for each of them (for the case, where it has none) the nodule-free places."""
        k = self.config.free_places
        rng = case_rng(seed, seen.case_id)
        nodules = nodules_of(seen.nodules, self.config.min_diameter)
        box = lung_box(seen.lungs)
        if nodules:
            diameters = np.repeat([n.diameter for n in nodules], k)
        else:
            diameters = rng.choice(habitat.sizes, k) * (box.height if box else 1)
            diameters = np.maximum(diameters, self.config.min_diameter)
        drawn = nodule_free_places(seen.lungs, seen.nodules, habitat, list(diameters), self.config.clearance, rng)
        groups = [drawn[i : i + k] for i in range(0, len(drawn), k)]
        return nodules, [[place for place in group if place is not None] for group in groups]

    def _habitat(self, train: LessonSet, step: Callable[[str], None]) -> Habitat:
        seen = []
        for place in range(len(train)):
            lesson = train[place]
            box = lung_box(lesson["lung_mask"][0].numpy())
            if box is not None:
                nodules = nodules_of(lesson["nodule_mask"][0].numpy(), self.config.min_diameter)
                # Without their masks: an image's worth for every nodule of the split would not fit.
                seen.append((box, [Place(nodule.centre, nodule.diameter) for nodule in nodules]))
            step("finding nodules")
        count, least = sum(len(nodules) for _, nodules in seen), self.config.min_train_nodules
        if count < least:
            raise DatasetError(
                f"nodule-visibility trains its observer on the nodules of split 'train': it needs {least} and found "
                f"{count} in {len(train)} cases. Take more patients or a higher prevalence of nodules "
                f"(phantom-cxr[patients=80]), or lower min_train_nodules"
            )
        return habitat_of(seen, self.config.position_spread, self.config.uniform_share)

    def _look(self, seen: Seen, image: Array, nodules: Sequence[Nodule], free: Sequence[Sequence[Place]]) -> Looked:
        return look(image, seen.lungs, nodules, free, self.channels, self.config.search)

    def _contrasts(self, seen: Seen, nodules: Sequence[Nodule]) -> dict[str, float]:
        """Return the mean contrasts of a case's nodules, each against the ring round it."""
        rings = [self._ring(seen, nodule) for nodule in nodules]
        image = seen.images["enhanced"]

        def mean(metric: Callable[[Array, NDArray[np.bool_], NDArray[np.bool_]], float]) -> float:
            return _mean([metric(image, nodule.mask, ring) for nodule, ring in zip(nodules, rings, strict=True)])

        return {"cnr": mean(contrast_to_noise), "gcnr": mean(gcnr), "contrast_order": mean(contrast_order)}

    def _ring(self, seen: Seen, nodule: Nodule) -> NDArray[np.bool_]:
        gap = max(self.config.ring_gap * nodule.diameter, 1.0)
        width = max(self.config.ring_width * nodule.diameter, 2.0)
        return ring_around(nodule.mask, seen.lungs.astype(np.float64), gap, width, seen.nodules & ~nodule.mask)


@dataclass(frozen=True)
class Seen:
    """A case as the readers see it.

    Attributes:
        case_id: whose places are drawn by it.
        images: float64 ``[H,W]``: "enhanced", "original".
        lungs, nodules: bool ``[H,W]``.
    """

    case_id: str
    images: Mapping[str, Array]
    lungs: NDArray[np.bool_]
    nodules: NDArray[np.bool_]

    @classmethod
    def of(cls, case_id: str, lesson: Mapping[str, Tensor]) -> Self:
        """Return what a lesson shows."""
        images = {name: _plane(lesson[name]) for name in ("enhanced", "original")}
        lungs, nodules = (lesson[name].detach().cpu().numpy()[0] for name in ("lung_mask", "nodule_mask"))
        return cls(case_id, images, lungs, nodules)


def _plane(tensor: Tensor) -> Array:
    plane: Array = tensor.detach().cpu().numpy()[0].astype(np.float64)
    return plane


def _mean(values: Sequence[float]) -> float:
    known = [v for v in values if not math.isnan(v)]
    return math.fsum(known) / len(known) if known else math.nan
