"""radbench: does enhancer X help task Y, by how much, and how sure are we?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from radbench.on_demand import on_demand

__version__ = "0.1.0"

# Everything public is imported on first use, so that `import radbench` stays instant.
_ROOMS = {
    "Case": "contracts",
    "CaseEntry": "contracts",
    "CaseInfo": "contracts",
    "Config": "contracts.config",
    "DatasetSpec": "contracts",
    "Enhancement": "contracts",
    "EnhancerSpec": "contracts",
    "FitContext": "contracts",
    "MetricSpec": "contracts",
    "RadbenchError": "contracts",
    "Sample": "contracts",
    "Status": "contracts",
    "TaskContext": "contracts",
    "TaskResult": "contracts",
    "TaskSpec": "contracts",
    "enhance": "api",
    "hookimpl": "registry.hookspecs",
    "param": "contracts.config",
    "read_leaderboard": "api",
    "run": "api",
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

__getattr__, __dir__ = on_demand(__name__, _ROOMS)

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
