"""Images in and out: reading, windowing, regions, RECIST axes, writing; each name is imported on first use."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

_HOME = {
    **dict.fromkeys(("axis_lengths", "convex_hull", "recist_from_mask"), "radbench.imaging.recist"),
}

__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'radbench.imaging' has no attribute '{name}'")
    value = getattr(importlib.import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__


if TYPE_CHECKING:
    from radbench.imaging.recist import axis_lengths, convex_hull, recist_from_mask
