"""Loggers: what happens in a run, as CSV, for TensorBoard, and for MLflow."""
