"""The contracts between the harness and its plugins (floor 1), imported on first use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from radbench.on_demand import on_demand

_ROOMS = {
    "Case": "case",
    "CaseEntry": "dataset",
    "CaseError": "errors",
    "CaseInfo": "case",
    "ConfigurationError": "errors",
    "Dataset": "dataset",
    "DatasetError": "errors",
    "DatasetSpec": "specs",
    "DuplicateNameError": "errors",
    "Enhancement": "enhancement",
    "Enhancer": "enhancement",
    "EnhancerSpec": "specs",
    "Failure": "results",
    "FitContext": "enhancement",
    "ImageReadError": "errors",
    "InvalidOutputError": "errors",
    "KeepsCases": "dataset",
    "LabelMap": "dataset",
    "LAYERS": "enhancement",
    "MetricSpec": "specs",
    "NotComparableError": "errors",
    "PluginError": "errors",
    "RadbenchError": "errors",
    "SPLITS": "dataset",
    "Sample": "results",
    "SchemaError": "errors",
    "Status": "results",
    "TARGETS": "case",
    "TRANSIENT": "results",
    "Task": "results",
    "TaskContext": "results",
    "TaskData": "results",
    "TaskResult": "results",
    "TaskSpec": "specs",
    "TrainableEnhancer": "enhancement",
    "UnknownNameError": "errors",
    "UsageError": "errors",
    "check_manifest": "dataset",
    "did_you_mean": "errors",
    "fingerprint": "dataset",
    "validate_case": "case",
}

__all__ = [
    "LAYERS",
    "SPLITS",
    "TARGETS",
    "TRANSIENT",
    "Case",
    "CaseEntry",
    "CaseError",
    "CaseInfo",
    "ConfigurationError",
    "Dataset",
    "DatasetError",
    "DatasetSpec",
    "DuplicateNameError",
    "Enhancement",
    "Enhancer",
    "EnhancerSpec",
    "Failure",
    "FitContext",
    "ImageReadError",
    "InvalidOutputError",
    "KeepsCases",
    "LabelMap",
    "MetricSpec",
    "NotComparableError",
    "PluginError",
    "RadbenchError",
    "Sample",
    "SchemaError",
    "Status",
    "Task",
    "TaskContext",
    "TaskData",
    "TaskResult",
    "TaskSpec",
    "TrainableEnhancer",
    "UnknownNameError",
    "UsageError",
    "check_manifest",
    "did_you_mean",
    "fingerprint",
    "validate_case",
]

__getattr__, __dir__ = on_demand(__name__, _ROOMS)

if TYPE_CHECKING:
    from radbench.contracts.case import TARGETS, Case, CaseInfo, validate_case
    from radbench.contracts.dataset import SPLITS, CaseEntry, Dataset, KeepsCases, LabelMap, check_manifest, fingerprint
    from radbench.contracts.enhancement import LAYERS, Enhancement, Enhancer, FitContext, TrainableEnhancer
    from radbench.contracts.errors import (
        CaseError,
        ConfigurationError,
        DatasetError,
        DuplicateNameError,
        ImageReadError,
        InvalidOutputError,
        NotComparableError,
        PluginError,
        RadbenchError,
        SchemaError,
        UnknownNameError,
        UsageError,
        did_you_mean,
    )
    from radbench.contracts.results import (
        TRANSIENT,
        Failure,
        Sample,
        Status,
        Task,
        TaskContext,
        TaskData,
        TaskResult,
    )
    from radbench.contracts.specs import DatasetSpec, EnhancerSpec, MetricSpec, TaskSpec
