"""The task ``image-quality``: scores of the enhanced image that need no truth, and what the enhancement costs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from radbench.contracts.config import Config as BaseConfig
from radbench.contracts.config import param
from radbench.contracts.results import Sample, TaskContext

if TYPE_CHECKING:
    from radbench.contracts.evidence import Evidence

CLEAN = "clean_image"
"""The target that full-reference scores are taken against, too, where a case has it; the name of their facet."""


class ImageQuality:
    """Score the enhanced image by itself, and beside that what it costs, held to its original; whole and on [0,1].

    - ``brisque`` and ``lpc_si``: the no-reference scores of the guided U-Net paper (section IV-C), of the enhanced
      image alone. Both can be had by what no reader would call better.
    - ``noise_gain``: the noise of the original's flat parts, over what it was (:mod:`radbench.metrics.noise_gain`).
    - ``halo``: overshoot beside edges, in grey levels of 255 (:mod:`radbench.metrics.halo`).
    - ``clipped``: share of pixels that were driven to black or white (:mod:`radbench.metrics.clipping`).
    - ``ssim``, ``ms_ssim``, ``psnr``: how far the image has moved from its original. Where a case has ``clean_image``,
      how near it has come to that stands under the facet ``clean_image``.
    """

    class Config(BaseConfig):
        """Which BRISQUE."""

        brisque_variant: Literal["live"] = param(
            "live",
            "release of the BRISQUE model",
            source="assumed: the guided U-Net paper does not say which; LIVE's is the authors' own",
        )

    def __init__(self, config: ImageQuality.Config) -> None:
        self.config = config

    def score(self, sample: Sample, context: TaskContext) -> Evidence:
        """Return the scores of one case; what is too small or constant is documented with the metrics."""
        from radbench.metrics import brisque, lpc_si, ms_ssim, psnr, ssim
        from radbench.metrics.clipping import clipped
        from radbench.metrics.halo import halo
        from radbench.metrics.noise_gain import noise_gain

        images = sample.image[None]
        original = sample.case.image[None].to(images)
        references = {"": original}
        if CLEAN in sample.case.targets:
            references[CLEAN] = sample.case.targets[CLEAN][None].to(images)
        costs = {"noise_gain": noise_gain, "halo": halo, "clipped": clipped}
        distances = {"ssim": ssim, "ms_ssim": ms_ssim, "psnr": psnr}
        return {
            "brisque": float(brisque(images, variant=self.config.brisque_variant)[0]),
            "lpc_si": float(lpc_si(images)[0]),
            **{name: float(cost(images, original)[0]) for name, cost in costs.items()},
            **{
                name: {facet: float(metric(images, one)[0]) for facet, one in references.items()}
                for name, metric in distances.items()
            },
        }
