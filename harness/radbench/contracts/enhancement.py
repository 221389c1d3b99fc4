"""Enhancement: what an enhancer returns; and the protocols of an enhancer and of its training context."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from torch import Tensor

    from radbench.contracts.case import Case

LAYERS = frozenset(
    {
        "lung_mask",
        "lung_image",
        "bone_image",
        "bone_mask",
        "soft_tissue_image",
        "heart_mask",
        "nodule_mask",
        "denoised",
        "details",
        "base",
    }
)
"""What an enhancer may offer beside the image, named like the target that each is judged against."""


@dataclass(frozen=True)
class Enhancement:
    """The enhanced images and whatever else the enhancer can give.

    Attributes:
        image: float32 ``[B,1,H,W]`` in [0,1], the size of the input.
        layers: float32 ``[B,1,H,W]`` by name (:data:`LAYERS`).
    """

    image: Tensor
    layers: Mapping[str, Tensor] = field(default_factory=dict)


@dataclass(frozen=True)
class FitContext:
    """What training may use.

    Attributes:
        device: where tensors belong ("cpu", "cuda:0").
        seed: the only source of randomness.
        workdir: a folder kept between attempts, for checkpoints. Once the training has ended, tables (``*.csv``) are
            kept beside the weights and the rest is removed.
        progress: called with (done, total, text) whenever something was finished; it also tells the harness
            that the step is alive.
        validation: cases to choose the best weights by; never seen in training.
        precision: "float32" or "mixed".
    """

    device: str
    seed: int
    workdir: Path
    progress: Callable[[int, int, str], None]
    validation: Sequence[Case] = ()
    precision: str = "float32"


class Enhancer(Protocol):
    """What a class behind an EnhancerSpec offers. It is built from its configuration alone: ``Class(config)``.

    Optional attributes: ``fingerprint()``, a digest of files outside the configuration that change the result;
    ``enhance(images, cases)`` instead of ``enhance(images)`` when case identities are needed (a parameter named
    ``cases`` receives ``Sequence[CaseInfo]``).
    """

    def enhance(self, images: Tensor) -> Enhancement | Tensor:
        """Enhance float32 ``[B,1,H,W]`` in [0,1]; never in place."""
        ...


class TrainableEnhancer(Enhancer, Protocol):
    """An enhancer that learns; its configuration names what from (``trained_on``).

    Optional attributes: ``estimate(cases, context) -> float``, about how many seconds :meth:`fit` with the same
    arguments will take (called before it, on an object and with a work folder of its own, and told to the user);
    ``facts() -> Mapping[str, str]``, what else is to be known of the weights after :meth:`fit` (``pretrained``, the
    name of pretrained weights that were used, or "false", fills the leaderboard's column).
    """

    def fit(self, cases: Sequence[Case], context: FitContext) -> None:
        """Learn from the cases."""
        ...

    def state_dict(self) -> Mapping[str, Tensor]:
        """Return the weights."""
        ...

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take weights that :meth:`state_dict` gave."""
        ...
