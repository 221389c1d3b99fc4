"""``bench leaderboard``: print leaderboards as a paper would."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from radbench.contracts.errors import UsageError


def leaderboard(
    paths: Annotated[
        list[Path], typer.Argument(help="Run folders or leaderboard CSVs; default: the newest run in runs/.")
    ] = [],  # noqa: B006
    task: Annotated[str, typer.Option(help="This task alone.")] = "",
    metric: Annotated[str, typer.Option(help="This metric alone.")] = "",
    format_: Annotated[str, typer.Option("--format", "-f", help="table, csv, markdown, latex or json.")] = "table",
) -> None:
    """Print leaderboards: best bold, second underlined, intervals and significance marks."""
    import pandas as pd

    from radbench.api import read_leaderboard
    from radbench.engine.journal import newest_run
    from radbench.leaderboard.exports import FORMATS, render

    if format_ not in FORMATS:
        raise UsageError(f"--format '{format_}' must be one of {', '.join(FORMATS)}")
    if not paths:
        paths = [newest_run()]
        typer.echo(f"# {paths[0]}", err=True)
    frame = pd.concat([read_leaderboard(p) for p in paths], ignore_index=True)
    for column, wanted in (("task", task), ("metric", metric)):
        if wanted and wanted not in set(frame[column]):
            raise UsageError(f"no {column} '{wanted}' here: there is {', '.join(sorted(set(frame[column]) - {''}))}")
    typer.echo(render(frame, format_, metric=metric or None, task=task or None), nl=False)
