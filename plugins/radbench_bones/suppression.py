"""The task ``bone-suppression``: the enhanced image against the radiograph without bones."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from radbench.contracts.config import Config as BaseConfig
from radbench.contracts.config import param
from radbench.contracts.results import Sample, TaskContext
from radbench_bones.matching import Mask, Picture, onto

if TYPE_CHECKING:
    from torch import Tensor

    from radbench.contracts.case import Case
    from radbench.contracts.evidence import Evidence

LUNGS = ("lung_field_mask", "aerated_lung_mask", "lung_mask")
"""Targets that say where the lungs are, where bones hide the most; the first that a case has counts."""

FACET = "lungs"

_LEAST_SHARE = 0.01
"""Of the pixels must be free of bone, or gain and offset go by all."""


class BoneSuppression:
    """Score an enhanced image by how near it comes to ``soft_tissue_image``, all on the radiograph's own [0,1].

    Where no ray crosses bone (outside ``bone_mask``; everywhere, where a case has none), the radiograph and its soft
    tissue show the same, on grey scales of their own. There one gain and one offset bring the truth to the
    radiograph's scale, and another pair the enhanced image to the truth's (:func:`radbench_bones.matching.onto`):
    whether a method stretches its result costs nothing, and any other tone curve does. What then leaves [0,1] is cut
    off for PSNR, SSIM and MS-SSIM.

    - ``bone_suppression_ratio``: 1 less the squared error of the enhanced image over that of the radiograph itself:
      1 where all bones and nothing else are gone, 0 for the original, below 0 where more was spoilt than removed.
    - ``psnr``, ``ssim``, ``ms_ssim``: of the enhanced image against the truth, data range 1.

    All but ``ms_ssim`` are given over the lungs alone, too, as the facet ``lungs``, where a case has a mask of them.
    """

    class Config(BaseConfig):
        """On which grey scale."""

        scale: Literal["matched", "as-is"] = param(
            "matched",
            "matched: gain and offset are fitted where there is no bone. as-is: all three pictures as they are given, "
            "each on its own [0,1]",
            source="assumed: each collection and method scales its pictures by its own window",
        )

    def __init__(self, config: BoneSuppression.Config) -> None:
        self.config = config

    def score(self, sample: Sample, context: TaskContext) -> Evidence:
        """Return the scores of one case; the ratio is NaN where the radiograph shows no bone that could go."""
        import torch

        from radbench.metrics import ms_ssim, psnr, ssim

        truth, before, after = self._on_one_scale(sample)
        lungs = _lungs(sample.case)
        shown, like = (torch.from_numpy(np.clip(one, 0.0, 1.0))[None, None] for one in (after, truth))
        scores: dict[str, dict[str, float]] = {
            "bone_suppression_ratio": {"": ratio(truth, before, after)},
            "psnr": {"": float(psnr(shown, like)[0])},
            "ssim": {"": float(ssim(shown, like)[0])},
            "ms_ssim": {"": float(ms_ssim(shown, like)[0])},
        }
        if lungs is not None:
            region = torch.from_numpy(lungs)[None, None]
            scores["bone_suppression_ratio"][FACET] = ratio(truth, before, after, lungs)
            scores["psnr"][FACET] = float(psnr(shown, like, region=region)[0])
            scores["ssim"][FACET] = float(ssim(shown, like, region=region)[0])
        return scores

    def show(self, sample: Sample, context: TaskContext) -> dict[str, Tensor]:
        """Return what is compared, float32 ``[1,H,W]`` in [0,1]: the radiograph, the enhanced image, the truth."""
        import torch

        truth, before, after = self._on_one_scale(sample)
        named = {"radiograph": before, "bones suppressed": after, "truth": truth}
        return {name: torch.from_numpy(np.clip(one, 0.0, 1.0)).float()[None] for name, one in named.items()}

    def _on_one_scale(self, sample: Sample) -> tuple[Picture, Picture, Picture]:
        """Return the truth, the radiograph and the enhanced image, ``[H,W]``."""
        original, result = _picture(sample.case.image), _picture(sample.image)
        truth = _picture(sample.case.targets["soft_tissue_image"])
        if self.config.scale == "as-is":
            return truth, original, result
        free = _free_of_bone(sample.case)
        truth = onto(truth, original, free)
        return truth, onto(original, truth, free), onto(result, truth, free)


def ratio(truth: Picture, before: Picture, after: Picture, where: Mask | None = None) -> float:
    """Return the bone suppression ratio ``1 - sum (after - truth)^2 / sum (before - truth)^2``.

    With the true bones ``before - truth`` and those found ``before - after`` it is 1 less the share of the bones'
    energy that the found ones miss.

    Args:
        truth: the radiograph without bones, ``[H,W]``.
        before: the radiograph.
        after: the radiograph with bones suppressed.
        where: bool ``[H,W]``; None for all.

    Returns:
        At most 1; NaN where the two radiographs do not differ.
    """
    chosen = np.ones(truth.shape, dtype=bool) if where is None else where
    there = math.fsum(((before - truth)[chosen] ** 2).tolist())
    left = math.fsum(((after - truth)[chosen] ** 2).tolist())
    return 1.0 - left / there if there > 0 else math.nan


def _free_of_bone(case: Case) -> Mask:
    shape = tuple(case.image.shape[-2:])
    if "bone_mask" in case.targets:
        free: Mask = ~np.asarray(case.targets["bone_mask"].detach().cpu().numpy()[0], dtype=bool)
        if free.mean() >= _LEAST_SHARE:
            return free
    return np.ones(shape, dtype=bool)


def _lungs(case: Case) -> NDArray[np.bool_] | None:
    name = next((name for name in LUNGS if name in case.targets), None)
    return None if name is None else np.asarray(case.targets[name].detach().cpu().numpy()[0], dtype=bool)


def _picture(tensor: Tensor) -> Picture:
    return np.asarray(tensor.detach().cpu().numpy()[0], dtype=np.float64)
