"""What the plugin offers: the enhancers dncnn, single-gan and sgan."""

from __future__ import annotations

from collections.abc import Sequence

from radbench.contracts.specs import EnhancerSpec
from radbench.registry.hookspecs import hookimpl

_TANG = "Tang et al. 2018, CT Image Enhancement Using Stacked GANs and Transfer Learning for Lesion Segmentation (MLMI)"


@hookimpl
def radbench_enhancers() -> Sequence[EnhancerSpec]:
    """Return the enhancers; all learn from photographs, so that they may be used on images of any kind."""
    return [
        EnhancerSpec(
            name="dncnn",
            factory="radbench_sgan.dncnn:DnCnnDenoiser",
            summary="Noise of any deviation (DnCNN-B) or of one (DnCNN-S) taken away by a residual network",
            reference="Zhang et al. 2017, Beyond a Gaussian Denoiser: Residual Learning of Deep CNN (IEEE TIP 26:7)",
            layers=("denoised",),
            learns=True,
        ),
        EnhancerSpec(
            name="single-gan",
            factory="radbench_sgan.single:SingleGan",
            summary="Noise, blur and low contrast mended by one GAN",
            reference=_TANG,
            layers=("enhanced",),
            learns=True,
        ),
        EnhancerSpec(
            name="sgan",
            factory="radbench_sgan.sgan:Sgan",
            summary="Noise taken away by one GAN; blur and low contrast mended by a second",
            reference=_TANG,
            layers=("denoised", "enhanced"),
            learns=True,
            spec_for="radbench_sgan.sgan:spec_of_sgan",
        ),
    ]
