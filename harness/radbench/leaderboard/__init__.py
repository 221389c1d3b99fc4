"""Leaderboards (floor 5): the schema, aggregation of raw scores, paper-style exports, publishing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from radbench.on_demand import on_demand

_ROOMS = {
    **dict.fromkeys(("COLUMNS", "SCHEMA_VERSION"), "columns"),
    **dict.fromkeys(("read_leaderboard", "validate", "write_csv"), "schema"),
    **dict.fromkeys(("PairResult", "leaderboard_rows"), "aggregate"),
    **dict.fromkeys(("FORMATS", "render", "renderable"), "exports"),
}
# `publish` is not among them: the name is the submodule's (radbench.leaderboard.publish.publish).

__all__ = [
    "COLUMNS",
    "FORMATS",
    "SCHEMA_VERSION",
    "PairResult",
    "leaderboard_rows",
    "read_leaderboard",
    "render",
    "renderable",
    "validate",
    "write_csv",
]

__getattr__, __dir__ = on_demand(__name__, _ROOMS)

if TYPE_CHECKING:
    from radbench.leaderboard.aggregate import PairResult, leaderboard_rows
    from radbench.leaderboard.columns import COLUMNS, SCHEMA_VERSION
    from radbench.leaderboard.exports import FORMATS, render, renderable
    from radbench.leaderboard.schema import read_leaderboard, validate, write_csv
