"""radbench: does enhancer X help task Y, by how much, and how sure are we?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from radbench.on_demand import on_demand

# Everything public is imported on first use, so that `import radbench` stays instant.
_ROOMS = {
    "__version__": "version",
    "Case": "contracts",
    "CaseEntry": "contracts",
    "CaseInfo": "contracts",
    "Config": "contracts.config",
    "DatasetSpec": "contracts",
    "enhance": "api",
    "Enhancement": "contracts",
    "EnhancerSpec": "contracts",
    "Features": "contracts",
    "FitContext": "contracts",
    "hookimpl": "registry.hookspecs",
    "learns_from": "contracts.config",
    "local": "contracts.config",
    "MetricSpec": "contracts",
    "param": "contracts.config",
    "part": "contracts.config",
    "PartName": "contracts.config",
    "PartNames": "contracts.config",
    "parts": "contracts.config",
    "Prediction": "contracts",
    "RadbenchError": "contracts",
    "read_leaderboard": "api",
    "run": "api",
    "Sample": "contracts",
    "Status": "contracts",
    "TaskContext": "contracts",
    "TaskSpec": "contracts",
    "train": "api",
}

__all__ = [
    "Case",
    "CaseEntry",
    "CaseInfo",
    "Config",
    "DatasetSpec",
    "Enhancement",
    "EnhancerSpec",
    "Features",
    "FitContext",
    "MetricSpec",
    "PartName",
    "PartNames",
    "Prediction",
    "RadbenchError",
    "Sample",
    "Status",
    "TaskContext",
    "TaskSpec",
    "__version__",
    "enhance",
    "hookimpl",
    "learns_from",
    "local",
    "param",
    "part",
    "parts",
    "read_leaderboard",
    "run",
    "train",
]

__getattr__, __dir__ = on_demand(__name__, _ROOMS)

if TYPE_CHECKING:
    from radbench.api import enhance, read_leaderboard, run, train
    from radbench.contracts import (
        Case,
        CaseEntry,
        CaseInfo,
        DatasetSpec,
        Enhancement,
        EnhancerSpec,
        Features,
        FitContext,
        MetricSpec,
        Prediction,
        RadbenchError,
        Sample,
        Status,
        TaskContext,
        TaskSpec,
    )
    from radbench.contracts.config import Config, PartName, PartNames, learns_from, local, param, part, parts
    from radbench.registry.hookspecs import hookimpl
    from radbench.version import __version__
