"""Visibility of lung nodules as a task: contrast, detectability by a model observer, and false positives."""
