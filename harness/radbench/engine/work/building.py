"""Building: how the object behind a part comes about: from which random state, with which parts, weights and device.

It decides what every step sees, so it counts as code of them all.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from radbench.engine.work.seeding import seed_everything


class Parts:
    """The live parts of a class, by field."""

    def __init__(self, live: Mapping[str, Any]) -> None:
        self.__dict__.update(live)


def construct(factory: Any, config: Any, live: Mapping[str, Any]) -> Any:
    """Build the object behind a class, with its live parts where it takes any.

    Raises:
        Exception: whatever the class raises.
    """
    taken = [
        p
        for p in inspect.signature(factory).parameters.values()
        if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
    ]
    if len(taken) < 2:
        return factory(config)
    return factory(config, Parts(live))


def build(factory: Any, config: Any, live: Mapping[str, Any], seed: int) -> Any:
    """Build the object from freshly set random states."""
    seed_everything(seed, "build")
    return construct(factory, config, live)


def prepare(built: Any, state: Mapping[str, Any] | None, device: str) -> Any:
    """Give an object its weights (None: it has none), move it to the device and set evaluation mode."""
    if state is not None:
        built.load_state_dict(state)
    if hasattr(built, "to"):
        built.to(device)
    if hasattr(built, "eval"):
        built.eval()
    return built


def keywords_of(config: Any, live: Mapping[str, Any], parts: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the function behind an enhancer is called with beside the images.

    Args:
        config: its configuration.
        live: by field, its live parts.
        parts: by field, what the configuration names as parts.
    """
    return {k: getattr(config, k) for k in type(config).model_fields if k not in parts} | dict(live)
