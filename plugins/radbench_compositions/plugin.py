"""What the plugin offers: ``chain``, and the controls ``null`` and ``oracle``."""

from __future__ import annotations

from collections.abc import Sequence

from radbench.contracts.specs import EnhancerSpec
from radbench.registry.hookspecs import hookimpl


@hookimpl
def radbench_enhancers() -> Sequence[EnhancerSpec]:
    """Return the enhancers that are made of others."""
    return [
        EnhancerSpec(
            name="chain",
            factory="radbench_compositions.chain:chain",
            summary="Enhancers one after the other, each on the image of the one before: chain[of=[wls,clahe]]",
            spec_for="radbench_compositions.chain:spec_of_chain",
        ),
        EnhancerSpec(
            name="null",
            factory="radbench_compositions.null:null",
            summary="Control: of what an enhancer does, what a monotone tone curve would do too: null[of=clahe]",
            reference="Barlow et al. 1972, Statistical Inference under Order Restrictions (isotonic regression)",
            spec_for="radbench_compositions.null:spec_of_null",
        ),
        EnhancerSpec(
            name="oracle",
            factory="radbench_compositions.oracle:Oracle",
            summary="No enhancer but a control: a truth of the case added to its image, oracle[of=DATASET]",
            spec_for="radbench_compositions.oracle:spec_of_oracle",
        ),
    ]
