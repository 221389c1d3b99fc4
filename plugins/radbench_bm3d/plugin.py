"""What the BM3D plugin offers: the enhancer bm3d."""

from __future__ import annotations

from collections.abc import Sequence

from radbench.contracts.specs import EnhancerSpec
from radbench.registry.hookspecs import hookimpl


@hookimpl
def radbench_enhancers() -> Sequence[EnhancerSpec]:
    """Return the enhancer; it treats each image of a batch on its own and learns nothing."""
    return [
        EnhancerSpec(
            name="bm3d",
            factory="radbench_bm3d.enhancer:BM3D",
            summary="Denoising by block matching and 3-D collaborative filtering (BM3D), noise level estimated",
            reference=(
                "Dabov, Foi, Katkovnik & Egiazarian 2007, Image Denoising by Sparse 3-D Transform-Domain Collaborative "
                "Filtering, IEEE Trans. Image Process. 16:2080-2095"
            ),
            batch_size=8,
        )
    ]
