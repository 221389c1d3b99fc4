"""Extraction with either network, at the radiograph's own size, and what the mirror image says of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from radbench.learn.batch import resized
from radbench.learn.precision import reproducible
from radbench_ct_unets.carried import Carried, Seen, composed, seen_of
from radbench_ct_unets.doubt import doubt_of, faded, usual_doubt

if TYPE_CHECKING:
    from radbench.contracts.learning import FitContext, Lessons
    from radbench_ct_unets.config import UnetConfig


@dataclass(frozen=True)
class View:
    """Radiographs on their way to a network.

    Attributes:
        shown: float32 ``[B,1,S,S]``, as the network is to see them.
        radiographs: float32 ``[B,1,H,W]``, as they are.
        area: bool ``[B,1,S,S]``: where their fine structure belongs to.
    """

    shown: Tensor
    radiographs: Tensor
    area: Tensor

    def seen(self, config: UnetConfig) -> Seen:
        """Return what :class:`radbench_ct_unets.carried.Carried` is given of them."""
        return seen_of(self.shown, self.radiographs, self.area, config.coarse_size, config.detail_size)

    def mirrored(self) -> View:
        """Return their mirror images."""
        return View(self.shown.flip(-1), self.radiographs.flip(-1), self.area.flip(-1))


def extracted(network: nn.Module, view: View, config: UnetConfig) -> tuple[Tensor, Tensor]:
    """Return what a network finds, float32 ``[B,1,H,W]``, and its part without fine structure; both in [0,1]."""
    if isinstance(network, Carried):
        seen = view.seen(config)
        base, gain = network.coarse(seen)
        return composed(base, config.detail_gain * gain, seen.fine).clamp(0.0, 1.0), base.clamp(0.0, 1.0)
    found = network(view.shown).clamp(0.0, 1.0)
    height, width = view.radiographs.shape[2:]
    return resized(found, (height, width)), found


def extracted_twice(network: nn.Module, view: View, config: UnetConfig, usual: Tensor, what: str) -> Tensor:
    """Return what a network finds in radiographs and their mirror images, without what is doubted.

    Args:
        network: as trained.
        view: the radiographs.
        config: its configuration.
        usual: the usual doubt.
        what: is extracted, for people.

    Returns:
        float32 ``[B,1,H,W]`` in [0,1].
    """
    (found, part), (other, other_part) = (extracted(network, v, config) for v in (view, view.mirrored()))
    return faded((found + other.flip(-1)) / 2, doubt_of(part, other_part.flip(-1)), usual, what)


@torch.no_grad()
def doubt_of_lessons(
    network: nn.Module,
    lessons: Lessons,
    view_of: Callable[[dict[str, Tensor]], View],
    config: UnetConfig,
    context: FitContext,
) -> Tensor:
    """Return the usual doubt of the validation's lessons, one by one; of the training's where there is no validation.

    Args:
        network: as trained.
        lessons: both sets.
        view_of: what is seen of a lesson, whose tensors are ``[1,...]`` by name and lie on the device.
        config: its configuration.
        context: of the training.
    """
    network.eval()
    measured = lessons.validation if len(lessons.validation) else lessons.train

    def doubts() -> Iterator[Tensor]:
        for i in range(len(measured)):
            view = view_of({name: tensor[None].to(context.device) for name, tensor in measured[i].items()})
            one, other = (extracted(network, v, config)[1] for v in (view, view.mirrored()))
            yield doubt_of(one, other.flip(-1)).float().cpu()

    with reproducible(context.precision):
        return usual_doubt(doubts()).to(context.device)
