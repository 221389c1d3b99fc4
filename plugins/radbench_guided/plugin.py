"""What the plugin offers: the enhancers preprocess, guided-unet, fattal and madmad."""

from __future__ import annotations

from collections.abc import Sequence

from radbench.contracts.specs import EnhancerSpec
from radbench.registry.hookspecs import hookimpl

_EIDLIN = (
    "Eidlin, Hoogi & Netanyahu, Unsupervised Iterative U-Net with an Internal Guidance Layer for Vertebrae Contrast "
    "Enhancement in Chest X-Ray Images"
)


@hookimpl
def radbench_enhancers() -> Sequence[EnhancerSpec]:
    """Return the enhancers; none needs labels to learn."""
    return [
        EnhancerSpec(
            name="preprocess",
            factory="radbench_guided.preprocessing:Preprocess",
            summary="The image divided by its mean less its details: the guided U-Net's preprocessing alone",
            reference=f"{_EIDLIN}, equations 1-6",
            layers=("base", "details"),
        ),
        EnhancerSpec(
            name="guided-unet",
            factory="radbench_guided.guided:GuidedUnetEnhancer",
            summary="Vertebrae brought out by a U-Net with a guidance layer, in rounds, learnt without labels",
            reference=_EIDLIN,
            modality="cxr",
            layers=("details", "preprocessed"),
            learns=True,
            spec_for="radbench_guided.guided:spec_of_guided_unet",
        ),
        EnhancerSpec(
            name="fattal",
            factory="radbench_guided.fattal:fattal",
            summary="Farbman et al.'s demonstration, which papers call Fattal: on lightness, stronger than wls",
            reference=(
                "Farbman, Fattal, Lischinski & Szeliski 2008, "
                "Edge-preserving decompositions for multi-scale tone and detail manipulation; its demonstration"
            ),
            layers=("base", "details"),
            batch_size=8,
        ),
        EnhancerSpec(
            name="madmad",
            factory="radbench_guided.madmad:Madmad",
            summary="Details told from large shapes by a network that learnt on made-up pictures, and added",
            reference=(
                "Madmad, Delinte & De Vleeschouwer 2021, CNN-Based Morphological Decomposition of X-Ray Images for "
                "Details and Defects Contrast Enhancement (CVPR workshops)"
            ),
            layers=("base", "details"),
            learns=True,
        ),
    ]
