"""The task ``grabcut``: segment the lesion by GrabCut from its RECIST marks and compare with its mask."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from radbench.contracts.config import Config as BaseConfig
from radbench.contracts.config import param
from radbench.contracts.results import Sample, TaskContext
from radbench.contracts.specs import TaskSpec
from radbench_lesions.trimap import FOREGROUND, PROBABLE_FOREGROUND, Trimap, recist_trimap
from radbench_lesions.uls23 import ellipse_trimap, smoothed

if TYPE_CHECKING:
    from torch import Tensor


_ITERATIONS = {"paper": 5, "uls23": 25}


@dataclass(frozen=True)
class Segmentation:
    """A lesion as GrabCut found it, with what it started from.

    Attributes:
        mask: bool ``[H,W]`` over the whole image.
        trimap: the regions it started from and the window it looked at.
        channels: uint8 ``[h,w,3]``, what it looked at: the window of the three channels.
        remark: "" or why GrabCut had nothing to decide by, in which case the mask is the trimap's foreground.
    """

    mask: NDArray[np.bool_]
    trimap: Trimap
    channels: NDArray[np.uint8]
    remark: str = ""


class GrabCut:
    """Score an enhancement by how well GrabCut segments the lesion on it (Tang et al. 2018, section 2.2).

    GrabCut is given the RECIST marks at test time. Per case: Dice, precision and recall against ``lesion_mask`` over
    the whole image.
    """

    class Config(BaseConfig):
        """The sizes of the regions, GrabCut's iterations and its input."""

        input: Literal["enhanced", "stacked"] = param(
            "enhanced",
            "what the three 8-bit channels hold: the enhanced image three times, or [original, denoised, enhanced] "
            "where the enhancement has a layer 'denoised' and [original, enhanced, enhanced] where it has none",
            source="paper section 2.2 stacks the three; two channels' worth for a single enhancer is assumed",
        )
        trimap: Literal["paper", "uls23"] = param(
            "paper",
            "the regions that RECIST marks give. paper: squares and the cross of the axes (roi_scale, probable_share, "
            "foreground_share, margin, min_box). uls23: the ellipse of the axes and its box, as ULS23 prepared "
            "DeepLesion (ellipse_dilation, core_share, box_padding, surround); the mask is then closed, and its "
            "largest piece is the lesion",
            source="paper section 2.2 names four regions; code: ULS23, semi-supervised preparation of DeepLesion",
        )
        roi_scale: float = param(
            2.0,
            "paper: side of the square region of interest, in long diameters; outside it all is background",
            source="paper section 3",
            gt=1.0,
            le=10.0,
        )
        probable_share: float = param(
            0.5,
            "paper: share of the region of interest's area that is probable foreground, an inner square; the rest of "
            "it is probable background",
            source="assumed: the paper does not say how large its regions are",
            gt=0.0,
            lt=1.0,
        )
        foreground_share: float = param(
            0.1,
            "paper: share of the lesion's box (a square of the long diameter) that the widened RECIST cross covers",
            source="assumed: the paper marks the foreground by the cross and does not say how wide",
            gt=0.0,
            le=0.5,
        )
        margin: float = param(
            0.1,
            "paper: width of the definite background shown around the region of interest, in its sides; at least a "
            "pixel",
            source="assumed: GrabCut wants some definite background",
            gt=0.0,
            le=1.0,
        )
        min_box: float = param(
            4.0,
            "paper: least side of the lesion's box in pixels, for marks of almost no length",
            source="assumed",
            ge=1.0,
        )
        ellipse_dilation: int = param(
            1,
            "uls23: pixels by which the ellipse of the RECIST axes is dilated to probable foreground",
            source="code: ULS23",
            ge=0,
            le=50,
        )
        core_share: float = param(
            0.2,
            "uls23: part of the short axis by which the ellipse is eroded to foreground, and its box dilated; whole "
            "pixels, rounded down",
            source="code: ULS23",
            ge=0.0,
            lt=0.5,
        )
        box_padding: float = param(
            5.0,
            "uls23: pixels round the RECIST marks that their box has before it is dilated",
            source="code: ULS23 takes DeepLesion's bounding boxes, which are padded so",
            ge=0.0,
            le=100.0,
        )
        surround: Literal["slice", "box"] = param(
            "slice",
            "uls23: the definite background that is looked at. slice: all of the image; box: as much of it round the "
            "box of probable background as that is wide on either side",
            source="code: ULS23 (slice); assumed (box)",
        )
        iterations: int | None = param(
            None,
            "iterations of GrabCut; none: 5 with trimap=paper, 25 with trimap=uls23",
            source="assumed (5); code: ULS23 (25)",
            ge=1,
            le=100,
        )

    def __init__(self, config: GrabCut.Config) -> None:
        self.config = config

    def score(self, sample: Sample, context: TaskContext) -> dict[str, float]:
        """Return Dice, precision and recall of one lesion.

        Raises:
            CaseError: the marks are not finite or lie outside the image.
        """
        import torch

        from radbench.metrics import dice, precision, recall

        found = torch.from_numpy(self.segment(sample, context).mask)[None, None]
        truth = sample.case.targets["lesion_mask"].detach().cpu()[None]
        scores = {"dice": dice, "precision": precision, "recall": recall}
        return {name: float(metric(found, truth)[0]) for name, metric in scores.items()}

    def segment(self, sample: Sample, context: TaskContext) -> Segmentation:
        """Segment one lesion; for pictures, and for whoever wants the masks.

        Where GrabCut has nothing to decide by, the lesion is what was marked, the trimap's foreground, and ``remark``
        says so: the window is constant in all channels, or OpenCV finds too few pixels for its colour models.
        Where the ROI reaches beyond the image it is cut off there, and the definite background surrounds it on the
        other sides only.

        Raises:
            CaseError: as :meth:`score`.
        """
        config = self.config
        original = _array(sample.case.image)
        trimap = self._trimap(_array(sample.case.targets["recist"]), (original.shape[0], original.shape[1]))
        top, bottom, left, right = trimap.window
        channels = np.stack([_eight_bits(c[top:bottom, left:right]) for c in self._channels(sample)], axis=-1)
        labels, remark = _cut(
            channels,
            trimap.regions[top:bottom, left:right],
            config.iterations or _ITERATIONS[config.trimap],
            case_seed(context.seed, sample.case.case_id),
        )
        if config.trimap == "uls23" and not remark:
            labels = smoothed(labels)
        mask = np.zeros(original.shape, dtype=bool)
        mask[top:bottom, left:right] = labels
        return Segmentation(mask, trimap, channels, remark)

    def _trimap(self, recist: NDArray[np.float32], shape: tuple[int, int]) -> Trimap:
        config = self.config
        if config.trimap == "uls23":
            return ellipse_trimap(
                recist,
                shape,
                config.ellipse_dilation,
                config.core_share,
                config.box_padding,
                whole=config.surround == "slice",
            )
        return recist_trimap(
            recist,
            shape,
            config.roi_scale,
            config.foreground_share,
            config.margin,
            config.min_box,
            config.probable_share,
        )

    def _channels(self, sample: Sample) -> list[NDArray[np.float32]]:
        enhanced = _array(sample.image)
        if self.config.input == "enhanced":
            return [enhanced, enhanced, enhanced]
        second = _array(sample.layers["denoised"]) if "denoised" in sample.layers else enhanced
        return [_array(sample.case.image), second, enhanced]


def spec_of_grabcut(spec: TaskSpec, config: BaseConfig, parts: Mapping[str, object]) -> TaskSpec:
    """Return the spec: only stacked channels show the layer ``denoised``."""
    assert isinstance(config, GrabCut.Config)
    return replace(spec, wants_layers=("denoised",) if config.input == "stacked" else ())


def case_seed(seed: int, case_id: str) -> int:
    """Return the seed of OpenCV's generator for one case, so that neither order nor company changes its score."""
    digest = hashlib.sha256(f"{seed}:{case_id}".encode()).digest()
    return int.from_bytes(digest[:4], "little") & 0x7FFFFFFF


def _cut(
    channels: NDArray[np.uint8], regions: NDArray[np.uint8], iterations: int, seed: int
) -> tuple[NDArray[np.bool_], str]:
    """Run GrabCut (Rother et al. 2004) from four regions; return the lesion, bool ``[h,w]``, and a remark."""
    import cv2

    marked = regions == FOREGROUND
    if (channels == channels[0, 0]).all():
        return marked, "the window is constant"
    labels = regions.copy()
    cv2.setRNGSeed(seed)
    try:
        cv2.grabCut(
            np.ascontiguousarray(channels),
            labels,
            (0, 0, 0, 0),  # the rectangle is not used when a mask is given
            np.zeros((1, 65)),
            np.zeros((1, 65)),
            iterations,
            cv2.GC_INIT_WITH_MASK,
        )
    except cv2.error as error:
        if error.code != cv2.Error.StsAssert:
            raise
        return marked, f"OpenCV's GrabCut found no model: {error.err or error}"
    return (labels == FOREGROUND) | (labels == PROBABLE_FOREGROUND), ""


def _array(tensor: Tensor) -> NDArray[np.float32]:
    array: NDArray[np.float32] = tensor.detach().cpu().numpy()
    return array[0] if array.ndim == 3 else array


def _eight_bits(image: NDArray[np.float32]) -> NDArray[np.uint8]:
    return np.rint(np.clip(image, 0.0, 1.0).astype(np.float64) * 255.0).astype(np.uint8)
