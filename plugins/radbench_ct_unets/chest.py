"""Whether an image is a frontal chest radiograph, right way up: in what is none, no lungs or bones are found."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional

from radbench.learn.appearance import AppearanceOptions
from radbench.learn.augment import Augmentation
from radbench.learn.batch import Batch, resized
from radbench.learn.draws import Draws
from radbench.learn.geometry import GeometryOptions
from radbench.learn.options import FitOptions
from radbench_ct_unets.doubt import TOLD
from radbench_ct_unets.films import above_abdomen, bordered, veiled
from radbench_ct_unets.intensity import equalised
from radbench_ct_unets.nothing import with_nothing
from radbench_ct_unets.training import BROAD_LOOKS, Job, augmentation

if TYPE_CHECKING:
    from radbench_ct_unets.config import UnetConfig

_SIDE, _KERNEL, _CLIP = 128, 10, 0.01
"""Side at which an image is equalised, CLAHE's window there and its clip limit [assumed: lung-unet's, quick]."""
_SEEN = 64
"""Side of what the network sees [assumed]."""
_FILTERS = (8, 16, 32, 64)
"""Channels of its convolutions, each of which halves the side [assumed]."""
_CUT = 0.1
"""Share of the image that four of its five looks lack at one side [assumed]."""
_MOVES = GeometryOptions(shift=(0.25, 0.1), scale=0.4, scale_per_axis=True, flip=0.5)
"""Further than the other networks' lessons: films with much of neck or abdomen are chests, too [assumed]."""
_NOTHING, _VEILED, _ABOVE_ABDOMEN, _BORDERED = 0.5, 0.5, 0.25, 0.25
"""Shares of the lessons: replaced by what is no chest; veiled; with more abdomen below; with a border round them
[assumed]."""
_LOOKS = replace(BROAD_LOOKS, collimation=0.0)
"""What they vary in once they are equalised; borders were laid round them before, as round real films [assumed]."""
_BATCH, _RATE = 8, 2e-3
"""Lessons per optimiser step, and learning rate of Adam, which falls along a cosine [assumed]."""
_SURE, _NONE = 0.5, 0.25
"""Probabilities of a chest from which all, and up to which nothing, of what was found is left [assumed]."""


class Chest(nn.Module):
    """Tells frontal chest radiographs, right way up, from all else [assumed]: four convolutions and one number."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.config = (_SEEN, _FILTERS)  # what tells one training's checkpoint from another's
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            layers: list[nn.Module] = []
            for before, after in zip((1, *_FILTERS), _FILTERS, strict=False):
                layers += [nn.Conv2d(before, after, 3, 2, 1), nn.GroupNorm(min(8, after // 2), after), nn.ReLU()]
            left = _SEEN >> len(_FILTERS)
            self.layers = nn.Sequential(*layers, nn.Flatten(), nn.Linear(_FILTERS[-1] * left**2, 1))

    def forward(self, seen: Tensor) -> Tensor:
        """Return the logit of a chest, ``[B]``, of images ``[B,1,64,64]`` in [-1,1]."""
        return self.layers(seen)[:, 0].float()

    def trust(self, image: Tensor, what: str) -> float:
        """Return how much of what is found in an image is to be kept: 1 in a chest, 0 in what is surely none.

        Warns where clearly less than all is kept.

        Args:
            image: float32 ``[1,1,H,W]`` in [0,1].
            what: is found, for people.
        """
        kept = min(1.0, max(0.0, (self.probability(image) - _NONE) / (_SURE - _NONE)))
        if 1 - kept > TOLD:
            left = f"the {what} was faded to {kept:.0%}" if kept else f"there is no {what}"
            warnings.warn(f"this is unlike a frontal chest radiograph, right way up: {left}", stacklevel=2)
        return kept

    def probability(self, image: Tensor) -> float:
        """Return that of a chest, by the mean logit of five looks at an image ``[1,1,H,W]`` and their mirror images."""
        whole = round(_SIDE / (1 - _CUT))
        large = resized(image, (whole, whole))
        parts = [large[..., rows, columns] for rows, columns in _framings(whole, whole - _SIDE)]
        logits = []
        with torch.no_grad():
            for look in (image, *parts):
                seen = _seen(equalised(resized(look, (_SIDE, _SIDE)), _KERNEL, _CLIP))
                logits += [self(seen), self(seen.flip(-1))]
        return float(torch.stack(logits).mean().sigmoid())


def _framings(whole: int, cut: int) -> list[tuple[slice, slice]]:
    """Return rows and columns of an image without each of its sides."""
    every, late, early = slice(0, whole), slice(cut, whole), slice(0, whole - cut)
    return [(late, every), (early, every), (every, late), (every, early)]


def _seen(pictures: Tensor) -> Tensor:
    return 2 * resized(pictures, (_SEEN, _SEEN)) - 1


def chest_job(config: UnetConfig, picture: str) -> Job:
    """Return how :class:`Chest` is trained, from lessons that hold radiographs not equalised under a name."""
    moves = augmentation("broad", _MOVES, AppearanceOptions()).geometry
    return Job(
        "chest or not",
        _ChestLoss(),
        FitOptions(epochs=config.chest_epochs, batch_size=_BATCH, learning_rate=_RATE, schedule="cosine"),
        Augmentation(moves, input=picture),
        _ChestOrNot(picture),
    )


@dataclass(frozen=True)
class _ChestOrNot:
    """Puts what is no chest beside radiographs, and prepares both for :class:`Chest`; the fields tell trainings apart.

    Attributes:
        picture: name of the radiographs.
        nothing: share of the lessons that are no chest.
        veiled: share of the lessons over which a veil lies.
        above_abdomen: share below which more abdomen is shown.
        bordered: share round which a border lies.
        looks: what else they vary in.
    """

    picture: str
    nothing: float = _NOTHING
    veiled: float = _VEILED
    above_abdomen: float = _ABOVE_ABDOMEN
    bordered: float = _BORDERED
    looks: AppearanceOptions = _LOOKS

    @torch.no_grad()
    def __call__(self, batch: Batch, draws: Draws) -> Batch:
        """Return what is seen, ``[B,1,64,64]``, and 1 where it is a chest, ``[B]``.

        In validation radiographs have no veils, abdomen, borders or other looks.
        """
        films = Batch({"image": resized(batch[self.picture], (_SIDE, _SIDE)).clamp(0.0, 1.0)}, batch.places)
        if draws.training:
            films = above_abdomen(films, draws, "image", self.above_abdomen)
        films, chest = with_nothing(films, draws, "image", self.nothing)
        if draws.training:
            films = veiled(films, draws, "image", self.veiled)
            films = bordered(films, draws, "image", self.bordered)
        films = films.with_(image=equalised(films["image"], _KERNEL, _CLIP))
        if draws.training:
            films = Augmentation(appearance=self.looks)(films, draws)
        return Batch({"seen": _seen(films["image"]), "chest": chest.float()}, batch.places)


@dataclass(frozen=True)
class _ChestLoss:
    """Cross-entropy of each lesson, ``[B]``."""

    def __call__(self, network: nn.Module, batch: Batch) -> Tensor:
        return functional.binary_cross_entropy_with_logits(network(batch["seen"]), batch["chest"], reduction="none")
