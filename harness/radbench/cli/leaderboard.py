"""``bench leaderboard``: print leaderboards as a paper would."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from radbench.cli.say import say
from radbench.contracts.errors import UsageError


def leaderboard(
    paths: Annotated[
        list[Path],
        typer.Argument(help="Run folders, leaderboard CSVs or folders of them; default: the newest run in runs/."),
    ] = [],  # noqa: B006
    task: Annotated[str, typer.Option(help="This task alone.")] = "",
    metric: Annotated[str, typer.Option(help="This metric alone.")] = "",
    group: Annotated[
        str, typer.Option(help="This group alone: all, lesion-type=liver, or lesion-type for all its values.")
    ] = "",
    facet: Annotated[str, typer.Option(help="This facet alone: a finding, an angle, a layer.")] = "",
    format_: Annotated[str, typer.Option("--format", "-f", help="table, csv, markdown, latex or json.")] = "table",
) -> None:
    """Print leaderboards: best bold, second underlined, intervals and significance marks.

    Every format but the table is for others: its messages name cases by digest, and no path or patient.
    """
    import pandas as pd

    from radbench.cli.tables import print_leaderboard
    from radbench.engine.keep.journal import newest_run
    from radbench.leaderboard.exports import FORMATS, render
    from radbench.leaderboard.schema import read_leaderboard
    from radbench.leaderboard.view import read_publishable

    if format_ not in FORMATS:
        raise UsageError(f"--format '{format_}' must be one of {', '.join(FORMATS)}")
    if not paths:
        paths = [newest_run()]
        say(f"# {paths[0]}", err=True)
    read = read_leaderboard if format_ == "table" else read_publishable
    frame = pd.concat([read(p) for p in paths], ignore_index=True)
    chosen = (metric or None, task or None, group or None, facet or None)
    if format_ == "table":
        print_leaderboard(frame, *chosen)
    else:
        typer.echo(render(frame, format_, *chosen, clear=True), nl=False)
