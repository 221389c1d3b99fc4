"""Leaderboards (floor 5): the schema, aggregation of raw scores, paper-style exports, publishing."""

from __future__ import annotations

import importlib
from typing import Any

_HOME = {
    **dict.fromkeys(("COLUMNS", "SCHEMA_VERSION", "read_leaderboard", "validate", "write_csv"), "schema"),
    **dict.fromkeys(("PairResult", "leaderboard_rows"), "aggregate"),
    **dict.fromkeys(("FORMATS", "render", "renderable"), "exports"),
}
# `publish` is not among them: the name is the submodule's (radbench.leaderboard.publish.publish).

__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'radbench.leaderboard' has no attribute '{name}'")
    return getattr(importlib.import_module(f"radbench.leaderboard.{_HOME[name]}"), name)
