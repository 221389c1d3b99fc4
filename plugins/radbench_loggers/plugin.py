"""Hooks: the loggers csv, tensorboard and mlflow."""

from __future__ import annotations

from radbench.contracts.events import LoggerSpec
from radbench.registry.hookspecs import hookimpl


@hookimpl
def radbench_loggers() -> list[LoggerSpec]:
    """Offer the loggers."""
    return [
        LoggerSpec(
            "csv",
            "radbench_loggers.tables:CsvLogger",
            "Steps with their times, training curves and pairs as CSV, in log/ of the run's folder",
        ),
        LoggerSpec(
            "tensorboard",
            "radbench_loggers.tensorboard:TensorBoardLogger",
            "Training curves, scores and times as a TensorBoard event file",
        ),
        LoggerSpec(
            "mlflow",
            "radbench_loggers.mlflow:MlflowLogger",
            "A run of MLflow's for each pair, below one for the whole, with parameters, scores and training curves",
        ),
    ]
