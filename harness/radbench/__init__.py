"""radbench: does enhancer X help task Y, by how much, and how sure are we?"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

# Everything public is imported on first use, so that `import radbench` stays instant.
_ELSEWHERE = {
    "Config": "radbench.contracts.config",
    "enhance": "radbench.api",
    "hookimpl": "radbench.registry.hookspecs",
    "param": "radbench.contracts.config",
    "read_leaderboard": "radbench.api",
    "run": "radbench.api",
}

__all__ = [
    "Case",
    "CaseEntry",
    "CaseInfo",
    "Config",
    "DatasetSpec",
    "Enhancement",
    "EnhancerSpec",
    "FitContext",
    "MetricSpec",
    "RadbenchError",
    "Sample",
    "Status",
    "TaskContext",
    "TaskResult",
    "TaskSpec",
    "__version__",
    "enhance",
    "hookimpl",
    "param",
    "read_leaderboard",
    "run",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'radbench' has no attribute '{name}'")
    value = getattr(importlib.import_module(_ELSEWHERE.get(name, "radbench.contracts")), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)


if TYPE_CHECKING:
    from radbench.api import enhance, read_leaderboard, run
    from radbench.contracts import (
        Case,
        CaseEntry,
        CaseInfo,
        DatasetSpec,
        Enhancement,
        EnhancerSpec,
        FitContext,
        MetricSpec,
        RadbenchError,
        Sample,
        Status,
        TaskContext,
        TaskResult,
        TaskSpec,
    )
    from radbench.contracts.config import Config, param
    from radbench.registry.hookspecs import hookimpl
