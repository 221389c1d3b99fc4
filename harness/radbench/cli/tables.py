"""Leaderboards as a person sees them."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    import pandas as pd


def print_leaderboard(frame: pd.DataFrame, uses_at_test: Mapping[str, Sequence[str]]) -> None:
    """Print a leaderboard as tables, and what tasks were given at test time."""
    from radbench.leaderboard.exports import render

    typer.echo(render(frame, "table"))
    for task, names in uses_at_test.items():
        if names:
            typer.echo(f"{task} is given {', '.join(names)} at test time.")
    sys.stdout.flush()
