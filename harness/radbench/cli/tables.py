"""Leaderboards as a person sees them: drawn on a terminal, plain text elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    import pandas as pd


def print_leaderboard(
    frame: pd.DataFrame,
    uses_at_test: Mapping[str, Sequence[str]],
    metric: str | None = None,
    task: str | None = None,
) -> None:
    """Print a leaderboard as tables; captions say what tasks were given at test time."""
    from radbench.leaderboard.exports import render, renderable

    if sys.stdout.isatty():
        from rich.console import Console

        Console().print(renderable(frame, metric, task, uses_at_test))
    else:
        typer.echo(render(frame, "table", metric, task, uses_at_test))
