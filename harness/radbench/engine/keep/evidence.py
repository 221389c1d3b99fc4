"""Evidence as JSON: how what was observed of a case is written, and read back equal."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from radbench.contracts.evidence import Evidence, Features, Prediction


def encoded(evidence: Evidence) -> dict[str, Any]:
    """Return evidence as JSON has it."""
    return {name: _encoded(value) for name, value in evidence.items()}


def decoded(kept: Mapping[str, Any]) -> dict[str, Any]:
    """Return the evidence that :func:`encoded` gave."""
    return {name: _decoded(value) for name, value in kept.items()}


def _encoded(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {"facets": {facet: _encoded(one) for facet, one in value.items()}}
    if isinstance(value, Prediction):
        return {"label": value.label, "score": value.score}
    if isinstance(value, Features):
        return {"value": _packed(value.value), "reference": _packed(value.reference)}
    return float(value)


def _decoded(value: Any) -> Any:
    if not isinstance(value, Mapping):
        return float(value)
    if "facets" in value:
        return {facet: _decoded(one) for facet, one in value["facets"].items()}
    if "label" in value:
        return Prediction(value["label"], value["score"])
    return Features(_unpacked(value["value"]), _unpacked(value["reference"]))


def _packed(tensor: Any) -> list[Any]:
    return [*tensor.shape, base64.b64encode(tensor.contiguous().numpy().tobytes()).decode()]


def _unpacked(kept: list[Any]) -> Any:
    import torch

    n, d, text = kept
    if not n * d:
        return torch.empty((n, d))
    return torch.frombuffer(bytearray(base64.b64decode(text)), dtype=torch.float32).reshape(n, d)
