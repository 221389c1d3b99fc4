"""``bench leaderboard``: print leaderboards as a paper would."""

from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from radbench.cli.say import say
from radbench.contracts.errors import UsageError

if TYPE_CHECKING:
    from pandas import DataFrame


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
    dataset: Annotated[str, typer.Option(help="This data set alone: a label, or a name with all its variants.")] = "",
    column: Annotated[
        list[str],
        typer.Option(
            "--column",
            metavar="TASK:METRIC:GROUP",
            help="A column of one table for a paper; METRIC and GROUP may be left out. GROUP: a group, a name of "
            "groups for all of them, a facet, or * for all facets. Repeatable.",
        ),
    ] = [],  # noqa: B006
    show: Annotated[
        str,
        typer.Option(
            metavar="N,…",
            help="With --column, what a cell shows: value, std, interval, delta, delta-interval, p, stars, rank; by "
            "default value,interval,delta,delta-interval,stars.",
        ),
    ] = "",
    enhancer: Annotated[
        list[str], typer.Option(metavar="E", help="With --column, these rows alone, in this order. Repeatable.")
    ] = [],  # noqa: B006
    seeds: Annotated[
        bool, typer.Option("--seeds", help="Print each seed below the row that stands for all of an enhancer.")
    ] = False,
    format_: Annotated[str, typer.Option("--format", "-f", help="table, csv, markdown, latex or json.")] = "table",
) -> None:
    """Print leaderboards: best bold, second underlined, intervals and significance marks.

    What several of them hold of one table is compared anew, from the per-case scores beside them.

    --column makes one table of chosen columns of several tasks, side by side, whose caption says in words what its
    numbers, intervals and tests are; --show chooses the numbers, --enhancer the rows.

    Every format but the table is for others: its messages name cases by digest, and no path or patient.
    """
    from radbench.cli.tables import print_leaderboard
    from radbench.engine.keep.journal import newest_run
    from radbench.leaderboard.aggregate import Margin
    from radbench.leaderboard.exports import FORMATS, on_dataset, render, select
    from radbench.leaderboard.paper import shown
    from radbench.leaderboard.sources import read_together

    if format_ not in FORMATS:
        raise UsageError(f"--format '{format_}' must be one of {', '.join(FORMATS)}")
    if margin is not None and not (math.isfinite(margin) and margin > 0):
        raise UsageError(f"--margin must be a positive number, got {margin:g}")
    for option, given in (("--show", bool(show)), ("--enhancer", bool(enhancer))):
        if given and not column:
            raise UsageError(f"{option} goes with --column, which says what the table's columns are")
    if not paths:
        paths = [newest_run()]
        say(f"# {paths[0]}", err=True)
    asked = None if margin is None else Margin(margin, metric)
    frame, notes = read_together(paths, format_ == "table", reference, asked)
    for note in notes:
        say(f"# {note}", err=True)
    if dataset:
        frame = on_dataset(frame, dataset)
    if frame.empty:
        say("# it has no rows", err=True)
    if column:
        _print_columns(select(frame, None, task or None), column, shown(show or _SHOWN), enhancer, format_)
        return
    chosen = (metric or None, task or None, group or None, facet or None)
    if format_ == "table":
        print_leaderboard(frame, *chosen, each_seed=seeds)
    else:
        typer.echo(render(frame, format_, *chosen, clear=True, each_seed=seeds), nl=False)


_SHOWN = "value,interval,delta,delta-interval,stars"
"""What a cell shows where --show says nothing."""


def _print_columns(
    frame: DataFrame, columns: list[str], show: tuple[str, ...], enhancers: list[str], format: str
) -> None:
    from radbench.leaderboard import paper
    from radbench.leaderboard.console import TableView, plain_text
    from radbench.leaderboard.latex import latex_side_by_side
    from radbench.leaderboard.markdown import markdown

    parts = paper.paper_tables(frame, columns, show, enhancers)
    if format == "table" and sys.stdout.isatty():
        from rich.console import Console

        Console().print(TableView(paper.side_by_side(parts)))
    elif format == "table":
        say(plain_text([paper.side_by_side(parts)]))
    elif format == "markdown":
        typer.echo(markdown([paper.side_by_side(parts)]), nl=False)
    elif format == "latex":
        typer.echo(latex_side_by_side(parts), nl=False)
    else:
        typer.echo(paper.as_csv(parts) if format == "csv" else paper.as_json(parts), nl=False)
