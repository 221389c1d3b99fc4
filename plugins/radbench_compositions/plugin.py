"""What the plugin offers: the enhancer ``chain``."""

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
        )
    ]
