"""The contracts between the harness and its plugins (floor 1), imported on first use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from radbench.on_demand import on_demand

_ROOMS = {
    "Case": "case",
    "CaseEntry": "dataset",
    "CaseError": "errors",
    "CaseInfo": "case",
    "check_manifest": "dataset",
    "ConfigurationError": "errors",
    "Dataset": "dataset",
    "DatasetError": "errors",
    "DatasetSpec": "specs",
    "did_you_mean": "errors",
    "DuplicateNameError": "errors",
    "Enhancement": "enhancement",
    "Enhancer": "enhancement",
    "EnhancerSpec": "specs",
    "Evidence": "evidence",
    "Features": "evidence",
    "fingerprint": "dataset",
    "FitContext": "learning",
    "ImageReadError": "errors",
    "InvalidOutputError": "errors",
    "LabelMap": "dataset",
    "LAYERS": "enhancement",
    "Learner": "learning",
    "Lesson": "learning",
    "Lessons": "learning",
    "LessonSet": "learning",
    "LookedUp": "case",
    "MetricSpec": "specs",
    "NotComparableError": "errors",
    "ON_DEMAND": "case",
    "PluginError": "errors",
    "Prediction": "evidence",
    "RadbenchError": "errors",
    "Renderer": "enhancement",
    "Sample": "results",
    "SchemaError": "errors",
    "SPLITS": "dataset",
    "Status": "results",
    "TARGETS": "case",
    "Task": "results",
    "TaskContext": "results",
    "TaskSpec": "specs",
    "TRANSIENT": "results",
    "UnknownNameError": "errors",
    "UsageError": "errors",
    "validate_case": "case",
}

__all__ = [
    "LAYERS",
    "ON_DEMAND",
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
    "Evidence",
    "Features",
    "FitContext",
    "ImageReadError",
    "InvalidOutputError",
    "LabelMap",
    "Learner",
    "Lesson",
    "LessonSet",
    "Lessons",
    "LookedUp",
    "MetricSpec",
    "NotComparableError",
    "PluginError",
    "Prediction",
    "RadbenchError",
    "Renderer",
    "Sample",
    "SchemaError",
    "Status",
    "Task",
    "TaskContext",
    "TaskSpec",
    "UnknownNameError",
    "UsageError",
    "check_manifest",
    "did_you_mean",
    "fingerprint",
    "validate_case",
]

__getattr__, __dir__ = on_demand(__name__, _ROOMS)

if TYPE_CHECKING:
    from radbench.contracts.case import ON_DEMAND, TARGETS, Case, CaseInfo, LookedUp, validate_case
    from radbench.contracts.dataset import SPLITS, CaseEntry, Dataset, LabelMap, check_manifest, fingerprint
    from radbench.contracts.enhancement import LAYERS, Enhancement, Enhancer, Renderer
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
    from radbench.contracts.evidence import Evidence, Features, Prediction
    from radbench.contracts.learning import FitContext, Learner, Lesson, Lessons, LessonSet
    from radbench.contracts.results import TRANSIENT, Sample, Status, Task, TaskContext
    from radbench.contracts.specs import DatasetSpec, EnhancerSpec, MetricSpec, TaskSpec
