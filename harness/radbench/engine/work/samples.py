"""Samples: what a learner or a task looks at, never shared between two of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from radbench.contracts.case import ON_DEMAND, Case, LookedUp
from radbench.contracts.enhancement import Enhancement
from radbench.contracts.results import Sample


def sample_of(
    case: Case,
    enhancement: Enhancement | None,
    layers: Sequence[str],
    device: str,
    views: Enhancement | None = None,
    twin: Sample | None = None,
) -> Sample:
    """Return a case with its enhancement.

    Args:
        case: copied, so that whoever looks at it may write into it.
        enhancement: tensors ``[1,H,W]``; None shows the original image.
        layers: those that are shown, where there are any: what was kept beyond them changes nothing.
        device: where the enhanced tensors go.
        views: tensors ``[V,1,H,W]``.
        twin: the sample of the case's twin.
    """
    copied = own_copy(case)
    if enhancement is None:
        return Sample(copied, copied.image.clone(), {}, None, twin)
    shown = {name: t.to(device) for name, t in enhancement.layers.items() if name in layers}
    seen = None if views is None else Enhancement(views.image.to(device), _moved(views.layers, device))
    return Sample(copied, enhancement.image.to(device), shown, seen, twin)


def own_copy(case: Case) -> Case:
    """Return a case whose image and targets may be written into without spoiling those that a worker keeps."""
    ready = {k: _copied(case.targets[k]) for k in case.targets if k not in ON_DEMAND}
    later = {k: partial(case.targets.__getitem__, k) for k in case.targets if k in ON_DEMAND}
    # Volumes are too large to be copied, or even worked out, for each look.
    targets = LookedUp(ready, later) if later else ready
    return replace(case, image=case.image.clone(), targets=targets, provenance=dict(case.provenance))


def _copied(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {k: _copied(v) for k, v in value.items()}
    return value.clone() if hasattr(value, "clone") else value


def _moved(layers: Mapping[str, Any], device: str) -> dict[str, Any]:
    return {name: tensor.to(device) for name, tensor in layers.items()}
