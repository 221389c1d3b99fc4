"""What the classical plugin offers: enhancers that learn nothing, and images enhanced elsewhere."""

from __future__ import annotations

from collections.abc import Sequence

from radbench.contracts.specs import EnhancerSpec
from radbench.registry.hookspecs import hookimpl


@hookimpl
def radbench_enhancers() -> Sequence[EnhancerSpec]:
    """Return the classical enhancers; every one treats each image of a batch on its own."""
    return [
        EnhancerSpec(
            name="original",
            factory="radbench_classical.mappings:Original",
            summary="The image as it is: what every enhancer is compared with",
            renders=True,
            batch_size=8,
        ),
        EnhancerSpec(
            name="he",
            factory="radbench_classical.mappings:he",
            summary="Global histogram equalisation",
            reference="scikit-image, skimage.exposure.equalize_hist",
            batch_size=8,
        ),
        EnhancerSpec(
            name="gamma",
            factory="radbench_classical.mappings:gamma",
            summary="Gamma correction",
            reference="scikit-image, skimage.exposure.adjust_gamma",
            batch_size=8,
        ),
        EnhancerSpec(
            name="clahe",
            factory="radbench_classical.adaptive:clahe",
            summary="Contrast-limited adaptive histogram equalisation, window 40 x 40, clip limit 0.01",
            reference="Zuiderveld 1994, Graphics Gems IV; parameters of the lung enhancement U-Net, section 2.3",
            batch_size=8,
        ),
        EnhancerSpec(
            name="unsharp",
            factory="radbench_classical.sharpening:unsharp",
            summary="Unsharp masking with a Gaussian",
            reference="scikit-image, skimage.filters.unsharp_mask",
            batch_size=8,
        ),
        EnhancerSpec(
            name="blur",
            factory="radbench_classical.blur:blur",
            summary="Gaussian blur: no enhancer but a control, which a task should find harmful",
            batch_size=8,
        ),
        EnhancerSpec(
            name="wls",
            factory="radbench_classical.decomposition:wls",
            summary="Edge-preserving WLS decomposition of grey values, boosted mildly; the papers' Fattal is 'fattal'",
            reference=(
                "Farbman, Fattal, Lischinski & Szeliski 2008, "
                "Edge-preserving decompositions for multi-scale tone and detail manipulation"
            ),
            layers=("base", "details"),
            batch_size=8,
        ),
        EnhancerSpec(
            name="images",
            factory="radbench_classical.folder:Images",
            summary="Images enhanced by any other program, matched by case id: images[root=FOLDER]",
        ),
    ]
