"""The task ``view-synthesis``: rendered views against what CT2Xray shows of the CT from there."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from pydantic import field_validator

from radbench.contracts.config import Config as BaseConfig
from radbench.contracts.config import param
from radbench.contracts.errors import CaseError
from radbench.contracts.results import Sample, TaskContext
from radbench_views.poses import ANGLES, checked, facet, poses

if TYPE_CHECKING:
    from torch import Tensor

    from radbench.contracts.evidence import Evidence

LAYERS = {"bone": "bone_thickness", "tissue": "tissue_thickness"}
"""The renderer's layer of each material."""


class ViewSynthesis:
    """Score the views that an enhancer renders of one simulated radiograph (XraySyn, Tables 1 and 4).

    The truth is the target ``view_images`` at the same poses: what CT2Xray shows of the patient's CT from there.

    - ``psnr``, ``ssim``: of the radiographs from the other view points, each on its own [0,1], data range 1. By facet
      each angle, as Table 4 has them; the whole is their mean.
    - ``psnr_bone``, ``ssim_bone``, ``psnr_tissue``, ``ssim_tissue``: the mean over the angles of the same, of the
      renderer's layers ``bone_thickness`` and ``tissue_thickness``; NaN where it offers none. Both pictures are divided
      by the truth's greatest thickness over the case's views, which makes that 1; an estimate beyond it counts in full
      in PSNR, and as 1 in SSIM.
    - ``…_input``: the same at the input's own view, which tells what is lost on the way to the volume and back.

    Nothing rendered is rescaled: a wrong brightness is an error. Who shows the input itself at the input's view, bit
    for bit (``original``, a refiner of images), has reconstructed nothing, and scores NaN there, as the paper leaves it
    out. From elsewhere ``original`` shows the input, too: the floor that a renderer must rise above.
    """

    class Config(BaseConfig):
        """From where."""

        angles: tuple[float, ...] = param(
            ANGLES,
            "azimuths in degrees, from the frontal view of the input; Table 4's are -9, -7, … 9",
            source="paper: XraySyn, Implementation details, twenty from -9 to 9; code: in steps of 0.9",
        )

        @field_validator("angles")
        @classmethod
        def _possible(cls, value: tuple[float, ...]) -> tuple[float, ...]:
            return checked(value)

    def __init__(self, config: ViewSynthesis.Config) -> None:
        self.config = config

    @staticmethod
    def views(config: ViewSynthesis.Config) -> list[Any]:
        """Return the poses to render: the input's, then the others."""
        return poses(config.angles)

    def score(self, sample: Sample, context: TaskContext) -> Evidence:
        """Return the scores of one case.

        Raises:
            CaseError: the input is no frontal view, or the data set's views are of another size.
        """
        assert sample.views is not None
        case, asked = sample.case, self.views(self.config)
        if case.targets.get("view_pose", asked[0]) != asked[0]:
            raise CaseError(
                f"case '{case.case_id}' is seen from {case.targets['view_pose']}; other views are counted from the "
                "frontal one"
            )
        truth = case.targets["view_images"](asked)
        rendered = sample.views.image.detach().cpu()
        if truth["radiograph"].shape != rendered.shape:
            raise CaseError(
                f"case '{case.case_id}': its views are {list(truth['radiograph'].shape)}, what was rendered is "
                f"{list(rendered.shape)}"
            )
        copied = bool((rendered[0] == case.image).all())
        names = [facet(angle) for angle in self.config.angles]
        scores: dict[str, float | dict[str, float]] = {}
        for name, values in zip(("psnr", "ssim"), _compared(rendered, truth["radiograph"]), strict=True):
            scores[name] = dict(zip(names, values[1:], strict=True))
            scores[f"{name}_input"] = math.nan if copied else values[0]
        for material, layer in LAYERS.items():
            found = sample.views.layers.get(layer)
            pair = None if found is None else _of_thickness(found.detach().cpu(), truth[material])
            for k, name in enumerate((f"psnr_{material}", f"ssim_{material}")):
                scores[name] = math.nan if pair is None else math.fsum(pair[k][1:]) / len(names)
                scores[f"{name}_input"] = math.nan if pair is None else pair[k][0]
        return scores

    def show(self, sample: Sample, context: TaskContext) -> dict[str, Tensor]:
        """Return the outermost views and the input's, as rendered and as they are: float32 ``[1,H,W]`` in [0,1]."""
        assert sample.views is not None
        asked = self.views(self.config)
        truth, rendered = sample.case.targets["view_images"](asked)["radiograph"], sample.views.image.detach().cpu()
        angles = self.config.angles
        shown = {f"{facet(a)}": 1 + angles.index(a) for a in dict.fromkeys((min(angles), max(angles)))}
        pictures = {}
        for name, at in {"input view": 0, **shown}.items():
            pictures[name], pictures[f"{name}, true"] = rendered[at], truth[at]
        return pictures


def _compared(views: Tensor, truth: Tensor) -> tuple[list[float], list[float]]:
    """Return PSNR and SSIM of each view ``[V,1,H,W]`` on [0,1]."""
    from radbench.metrics import psnr, ssim

    return psnr(views, truth).tolist(), ssim(views, truth).tolist()


def _of_thickness(views: Tensor, truth: Tensor) -> tuple[list[float], list[float]] | None:
    """Return PSNR and SSIM of thicknesses ``[V,1,H,W]`` over the truth's greatest; None where that is 0."""
    from radbench.metrics import mse, ssim
    from radbench.metrics.fidelity import decibel

    greatest = float(truth.max())
    if not greatest > 0:
        return None
    a, b = views.double() / greatest, (truth.double() / greatest).clamp(0.0, 1.0)
    errors = mse(a, b, data_range=max(1.0, float(a.max())))
    return decibel(errors, 1.0).tolist(), ssim(a.clamp_max(1.0), b).tolist()
