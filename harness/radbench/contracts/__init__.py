"""The contracts between the harness and its plugins (floor 1)."""

from __future__ import annotations

from radbench.contracts.case import TARGETS, Case, CaseInfo, validate_case
from radbench.contracts.dataset import SPLITS, CaseEntry, Dataset, check_manifest, fingerprint
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
