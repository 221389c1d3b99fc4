"""The task ``lung-extraction``: the enhancer's lung image against the true one, on two scales."""

from __future__ import annotations

from radbench.contracts.config import Config as BaseConfig
from radbench.contracts.results import Sample, TaskContext


class LungExtraction:
    """Score the layer ``lung_image`` against the target ``lung_image``, both on [0,1] (section 3.2, Table 1).

    Three sets of MAE, MSE, PSNR and SSIM:

    - plain: on [0,1], over the whole image;
    - ``_std05``: on the scale of Table 1, over the whole image: both images go through the affine map that brings
      *the truth's* lung area (the target ``lung_mask``) to mean 0 and standard deviation 0.5, with a data range of 3.07
      (:func:`radbench.metrics.lung_scale.lung_scale_fidelity`);
    - ``_lung``: on [0,1], over the lung area alone. Outside it the truth is 0, which is easy to get right and dilutes
      the other two sets; whoever blackens the rest of a poor lung image gains there and not here.

    The layer is never rescaled: a wrong brightness or contrast is an error.
    """

    class Config(BaseConfig):
        """Nothing to choose."""

    def __init__(self, config: LungExtraction.Config) -> None:
        self.config = config

    def score(self, sample: Sample, context: TaskContext) -> dict[str, float]:
        """Return the twelve scores of one case."""
        from radbench.metrics import mae, mse, psnr, ssim
        from radbench.metrics.lung_scale import lung_scale_fidelity

        found = sample.layers["lung_image"].detach().cpu()[None]
        truth = sample.case.targets["lung_image"].detach().cpu()[None]
        lungs = sample.case.targets["lung_mask"].detach().cpu()[None]
        measures = {"mae": mae, "mse": mse, "psnr": psnr, "ssim": ssim}
        scores = {name: measure(found, truth) for name, measure in measures.items()}
        scores |= {f"{name}_std05": score for name, score in lung_scale_fidelity(found, truth, lungs).items()}
        scores |= {f"{name}_lung": measure(found, truth, region=lungs) for name, measure in measures.items()}
        return {name: float(score[0]) for name, score in scores.items()}
