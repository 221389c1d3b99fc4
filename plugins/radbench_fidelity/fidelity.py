"""The task ``fidelity``: the enhanced image held to its own original, which needs no truth."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from radbench.contracts.config import Config as BaseConfig
from radbench.contracts.config import param
from radbench.contracts.errors import CaseError
from radbench.contracts.results import Sample, TaskContext

if TYPE_CHECKING:
    from torch import Tensor

    from radbench.contracts.case import Case
    from radbench.contracts.evidence import Evidence

LUNGS = ("lung_field_mask", "aerated_lung_mask", "lung_mask")
"""Targets that say where the lungs are; the first that a case has counts."""

LAYERS = ("lung_image", "soft_tissue_image")
"""Layers that ought to show the original's fine structure; not a bone image, which ought to leave the vessels out."""


class Fidelity:
    """Score an enhanced image by what it keeps of its original and by what it adds (:mod:`radbench.metrics.detail`).

    - ``detail_correlation``: correlation of its fine structure (1 to 4 pixels at 512) with the original's; for each of
      the layers ``lung_image`` and ``soft_tissue_image`` that the enhancer offers, its own, as a facet.
    - ``detail_kept``: the share of the original's fine contrast that is left.
    - ``tone_residual_p99``: the coarse structure (8 to 30 pixels at 512) that no tone curve of the original explains.

    The original itself scores exactly 1, 1 and 0. A tone curve leaves the last at 0. Dense is bright: an image that is
    inverted has -1, 0 and 0.
    """

    class Config(BaseConfig):
        """Where it is looked at."""

        region: Literal["auto", "lungs", "image"] = param(
            "auto",
            "the pixels that count. lungs: those of the case's lung_field_mask, or else its aerated_lung_mask, or else "
            "its lung_mask; image: all, but for rows and columns at the edges that are constant in the original; "
            "auto: the lungs where the case has one of the masks, else the image",
            source="assumed",
        )

    def __init__(self, config: Fidelity.Config) -> None:
        self.config = config

    def score(self, sample: Sample, context: TaskContext) -> Evidence:
        """Return the scores of one case; what is too small, empty or constant is documented with the measures.

        Raises:
            CaseError: the lungs are asked for, and the case has no mask of them.
        """
        from radbench.metrics.detail import detail, tone_residual

        original, image = _array(sample.case.image), _array(sample.image)
        region = region_of(sample.case, self.config.region)
        correlation, kept = detail(image, original, region)
        layers = {name: _array(sample.layers[name]) for name in LAYERS if name in sample.layers}
        followed = {name: detail(layer, original, region)[0] for name, layer in layers.items()}
        return {
            "detail_correlation": {"": correlation, **followed},
            "detail_kept": kept,
            "tone_residual_p99": tone_residual(image, original, region),
        }


def region_of(case: Case, which: Literal["auto", "lungs", "image"]) -> NDArray[np.bool_]:
    """Return the pixels of a case that count, bool ``[H,W]``; without one where its lung mask is empty.

    Raises:
        CaseError: the lungs are asked for, and the case has no mask of them.
    """
    from radbench.metrics.detail import framed

    mask = next((name for name in LUNGS if name in case.targets), None)
    if mask is not None and which != "image":
        return np.asarray(_array(case.targets[mask]), dtype=bool)
    if which == "lungs":
        raise CaseError(f"case '{case.case_id}' has none of {', '.join(LUNGS)}: use fidelity[region=image]")
    return framed(_array(case.image))


def _array(tensor: Tensor) -> NDArray[np.float32]:
    array: NDArray[np.float32] = tensor.detach().cpu().numpy()[0]
    return array
