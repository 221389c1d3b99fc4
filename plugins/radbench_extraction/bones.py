"""The task ``bone-extraction``: the enhancer's bone image against the true one."""

from __future__ import annotations

from radbench.contracts.config import Config as BaseConfig
from radbench.contracts.results import Sample, TaskContext


class BoneExtraction:
    """Score the layer ``bone_image`` against the target ``bone_image`` (Table 1 of the bone paper).

    RMSE is given on [0,1] and, as ``rmse_255``, on the paper's 0-255. PSNR, SSIM and MS-SSIM are the same number on
    both scales when the data range goes along, and stand once. Grey levels are not rounded to whole ones.
    """

    class Config(BaseConfig):
        """Nothing to choose."""

    def __init__(self, config: BoneExtraction.Config) -> None:
        self.config = config

    def score(self, sample: Sample, context: TaskContext) -> dict[str, float]:
        """Return the scores of one case; MS-SSIM is NaN under 161 pixels high or wide."""
        from radbench.metrics import ms_ssim, psnr, rmse, ssim

        found = sample.layers["bone_image"].detach().cpu()[None]
        truth = sample.case.targets["bone_image"].detach().cpu()[None]
        measures = {"rmse": rmse, "psnr": psnr, "ssim": ssim, "ms_ssim": ms_ssim}
        scores = {name: float(measure(found, truth)[0]) for name, measure in measures.items()}
        return scores | {"rmse_255": float(rmse(255.0 * found.double(), 255.0 * truth.double(), 255.0)[0])}
