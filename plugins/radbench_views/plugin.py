"""What the plugin offers: the tasks ``view-synthesis`` and ``view-realism``."""

from __future__ import annotations

from dataclasses import replace

from radbench.contracts.specs import MetricSpec, TaskSpec
from radbench.metrics.specs import PSNR, SSIM
from radbench.registry.hookspecs import hookimpl

_REFERENCE = "Peng et al. 2021, XraySyn: Realistic View Synthesis from a Single Radiograph Through CT Priors"
_COPIED = "NaN where the input itself is shown"
_NO_LAYER = "NaN where the enhancer offers no such layer"


def _metrics() -> tuple[MetricSpec, ...]:
    found = []
    for suffix, lacking in (("", ""), ("_bone", _NO_LAYER), ("_tissue", _NO_LAYER)):
        for of in (PSNR, SSIM):
            empty = "; ".join(part for part in (of.empty, lacking) if part)
            name = f"{of.name}{suffix}"
            found.append(
                replace(of, name=name, over_facets="" if suffix else "mean", empty=empty, primary=name == "psnr")
            )
            at_input = empty if suffix else f"{empty}; {_COPIED}"
            found.append(replace(of, name=f"{name}_input", empty=at_input))
    return tuple(found)


@hookimpl
def radbench_tasks() -> list[TaskSpec]:
    """Offer what judges rendered views."""
    return [
        TaskSpec(
            name="view-synthesis",
            factory="radbench_views.synthesis:ViewSynthesis",
            summary="Other views of a simulated radiograph against what its CT shows from there",
            reference=f"{_REFERENCE}, Tables 1 and 4",
            metrics=_metrics(),
            modality="cxr",
            needs_targets=("view_images",),
            needs_views=True,
            default_dataset="ct2xray",
        ),
        TaskSpec(
            name="view-realism",
            factory="radbench_views.realism:ViewRealism",
            summary="Other views of real radiographs: the input found again, and how like radiographs the new ones are",
            reference=f"{_REFERENCE}, Table 1; Heusel et al. 2017, GANs trained by a two time-scale "
            "update rule (NeurIPS 30:6626-6637); Konz, Osuala et al. 2026, "
            "Fréchet Radiomic Distance (Med. Image Anal. 103943)",
            metrics=(
                MetricSpec(
                    "radiomic_frechet",
                    "lower",
                    aggregation="radbench_views.standardised:StandardisedFrechet",
                    primary=True,
                    data_range=1.0,
                    empty="NaN where nothing is rendered",
                ),
                MetricSpec(
                    "fid", "lower", aggregation="frechet", data_range=1.0, empty="NaN where nothing is rendered"
                ),
                replace(PSNR, empty=f"{PSNR.empty}; {_COPIED}"),
                replace(SSIM, empty=f"{SSIM.empty}; {_COPIED}"),
            ),
            modality="cxr",
            needs_views=True,
            truth=("image",),
            # The original renders nothing that could be compared; this is the paper's 3DPN.
            baseline="xraysyn[stage=1]",
            default_dataset="phantom-cxr[look=hospital]",
            spec_for="radbench_views.realism:spec_of_view_realism",
        ),
    ]
