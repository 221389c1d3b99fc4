"""Identity: what makes a training this one, so that a checkpoint of another is never taken for its own."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from torch import nn

from radbench.learn.options import FitOptions

if TYPE_CHECKING:
    from radbench.contracts.learning import FitContext, LessonSet


def identity_of(
    networks: Mapping[str, nn.Module],
    options: FitOptions,
    context: FitContext,
    lessons: Iterable[LessonSet | None],
    parts: Iterable[Any],
    data: str,
) -> str:
    """Return the SHA-256 of networks, options, seed, precision, the lessons' cases, losses and transformations."""
    described = {
        "weights": [(n, k, list(v.shape)) for n, network in networks.items() for k, v in network.state_dict().items()],
        "config": [repr(getattr(network, "config", type(network).__qualname__)) for network in networks.values()],
        "options": options.identity(),
        "seed": context.seed,
        "precision": context.precision,
        "lessons": [None if one is None else _digest(list(one.case_ids)) for one in lessons],
        # The address in a function's representation changes with every run.
        "parts": [re.sub(r" at 0x[0-9a-f]+", "", repr(part)) for part in parts],
        "data": data,
    }
    return _digest(described)


def _digest(values: Any) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()
