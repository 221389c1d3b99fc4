"""``bench leaderboard``: print leaderboards as a paper would."""

from __future__ import annotations

import math
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
    reference: Annotated[str, typer.Option(help="Take differences to this enhancer, by its label.")] = "",
    margin: Annotated[
        float | None,
        typer.Option(
            help="How much worse than the reference is still tolerated, in the unit of --metric or of the metric that "
            "decides: who is better, worse, not inferior or undecided.",
        ),
    ] = None,
    seeds: Annotated[
        bool, typer.Option("--seeds", help="Print each seed below the row that stands for all of an enhancer.")
    ] = False,
    format_: Annotated[str, typer.Option("--format", "-f", help="table, csv, markdown, latex or json.")] = "table",
) -> None:
    """Print leaderboards: best bold, second underlined, intervals and significance marks.

    What several of them hold of one table is compared anew, from the per-case scores beside them.

    Every format but the table is for others: its messages name cases by digest, and no path or patient.
    """
    from radbench.cli.tables import print_leaderboard
    from radbench.engine.keep.journal import newest_run
    from radbench.leaderboard.aggregate import Margin
    from radbench.leaderboard.exports import FORMATS, render
    from radbench.leaderboard.sources import read_together

    if format_ not in FORMATS:
        raise UsageError(f"--format '{format_}' must be one of {', '.join(FORMATS)}")
    if margin is not None and not (math.isfinite(margin) and margin > 0):
        raise UsageError(f"--margin must be a positive number, got {margin:g}")
    if not paths:
        paths = [newest_run()]
        say(f"# {paths[0]}", err=True)
    asked = None if margin is None else Margin(margin, metric)
    frame, notes = read_together(paths, format_ == "table", reference, asked)
    for note in notes:
        say(f"# {note}", err=True)
    chosen = (metric or None, task or None, group or None, facet or None)
    if format_ == "table":
        print_leaderboard(frame, *chosen, each_seed=seeds)
    else:
        typer.echo(render(frame, format_, *chosen, clear=True, each_seed=seeds), nl=False)
