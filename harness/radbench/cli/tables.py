"""Leaderboards as a person sees them: drawn on a terminal, plain text elsewhere."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from radbench.cli.say import say

if TYPE_CHECKING:
    import pandas as pd


def print_leaderboard(
    frame: pd.DataFrame,
    metric: str | None = None,
    task: str | None = None,
    group: str | None = None,
    facet: str | None = None,
    each_seed: bool = False,
) -> None:
    """Print a leaderboard as tables.

    Args:
        frame: rows in the schema's columns.
        metric, task, group, facet: this one alone, and each_seed: see :func:`radbench.leaderboard.exports.render`.

    Raises:
        UsageError: there is none of that name.
    """
    from radbench.leaderboard.exports import render, renderable

    if sys.stdout.isatty():
        from rich.console import Console

        Console().print(renderable(frame, metric, task, group, facet, each_seed))
    else:
        say(render(frame, "table", metric, task, group, facet, each_seed=each_seed))
