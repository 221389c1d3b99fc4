"""Score: a task looks at one case and says what it observed, which is held against what its metrics aggregate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from radbench.contracts.errors import InvalidOutputError
from radbench.contracts.evidence import Evidence, Features, Prediction
from radbench.contracts.results import Sample, TaskContext
from radbench.engine.work.seeding import seed_everything


def score(
    task: Any, sample: Sample, context: TaskContext, salt: str, observations: Sequence[str], name: str
) -> Evidence:
    """Return what a task observes of a case, checked.

    Args:
        salt: of the random states.
        observations: what its metrics aggregate.
        name: of the task, for errors.

    Raises:
        InvalidOutputError: an observation lacks, is unknown, or is none.
        Exception: whatever the task raises.
    """
    import torch

    seed_everything(context.seed, salt)
    with torch.no_grad():
        evidence = task.score(sample, context)
    if not isinstance(evidence, Mapping) or set(evidence) != set(observations):
        got = sorted(map(str, evidence)) if isinstance(evidence, Mapping) else type(evidence).__name__
        raise InvalidOutputError(f"task '{name}' must observe {sorted(observations)} of a case, got {got}")
    return {key: _facets(evidence[key], f"task '{name}': '{key}'") for key in observations}


def _facets(value: Any, what: str) -> Any:
    if not isinstance(value, Mapping):
        return _observed(value, what)
    if not all(isinstance(facet, str) for facet in value):
        raise InvalidOutputError(f"{what} must name its facets by text, got {list(value)}")
    return {facet: _observed(one, f"{what} of '{facet}'") for facet, one in value.items()}


def _observed(value: Any, what: str) -> Any:
    import torch

    if isinstance(value, Prediction):
        label, score = _numbers(value.label, what), _numbers(value.score, what)
        if isinstance(label, list) != isinstance(score, list) or (isinstance(label, list) and len(label) != len(score)):
            raise InvalidOutputError(f"{what}: a prediction has as many labels as scores, got {label} and {score}")
        if any(x not in (0.0, 1.0) and x == x for x in (label if isinstance(label, list) else [label])):
            raise InvalidOutputError(f"{what}: a label is 0, 1 or NaN, got {label}")
        return Prediction(label, score)
    if isinstance(value, Features):
        for tensor in (value.value, value.reference):
            if not isinstance(tensor, torch.Tensor) or tensor.ndim != 2 or tensor.dtype != torch.float32:
                raise InvalidOutputError(f"{what}: features must be float32 [n,D]")
        return Features(value.value.detach().cpu(), value.reference.detach().cpu())
    number = _numbers(value, what)
    if isinstance(number, list):
        raise InvalidOutputError(f"{what} must be a number, a Prediction or Features, got {len(number)} numbers")
    return number


def _numbers(value: Any, what: str) -> Any:
    if hasattr(value, "tolist"):
        value = value.tolist()
    try:
        return [float(v) for v in value] if isinstance(value, list | tuple) else float(value)
    except (TypeError, ValueError):
        raise InvalidOutputError(f"{what} must be a number, a Prediction or Features, got {value!r}") from None
