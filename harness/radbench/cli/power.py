"""``bench power``: what the comparisons of a leaderboard can show, and how many patients a difference needs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from radbench.cli.say import say
from radbench.contracts.errors import UsageError


def power(
    paths: Annotated[
        list[Path],
        typer.Argument(help="Run folders, leaderboard CSVs or folders of them; default: the newest run in runs/."),
    ] = [],  # noqa: B006
    difference: Annotated[
        float | None,
        typer.Option(help="A difference in the metric's unit: how many patients it takes to show it."),
    ] = None,
    power: Annotated[float, typer.Option(help="With what probability a difference is to be shown.")] = 0.8,
    task: Annotated[str, typer.Option(help="This task alone.")] = "",
    metric: Annotated[str, typer.Option(help="This metric; else the one that decides.")] = "",
    group: Annotated[
        str, typer.Option(help="This group: all, lesion-type=liver, or lesion-type for all its values; else all.")
    ] = "",
    facet: Annotated[str, typer.Option(help="This facet alone: a finding, an angle, a layer.")] = "",
    reference: Annotated[str, typer.Option(help="Take differences to this enhancer, by its label.")] = "",
    format_: Annotated[str, typer.Option("--format", "-f", help="table, csv, markdown or json.")] = "table",
) -> None:
    """The smallest difference that each comparison can show, and how many patients a difference needs.

    Both come from the per-case scores of a run, or from those that are published beside a leaderboard, by the rule of
    the interval that 'bench leaderboard' prints.
    """
    from radbench.engine.keep.journal import newest_run
    from radbench.leaderboard.power import FORMATS, Question, as_csv, as_json, foreseen
    from radbench.leaderboard.power_tables import power_tables

    if format_ not in FORMATS:
        raise UsageError(f"--format '{format_}' must be one of {', '.join(FORMATS)}")
    question = Question(power, difference, task, metric, group, facet, reference)
    if not paths:
        paths = [newest_run()]
        say(f"# {paths[0]}", err=True)
    found = foreseen(paths, question)
    if format_ in ("csv", "json"):
        typer.echo(as_csv(found) if format_ == "csv" else as_json(found), nl=False)
    elif format_ == "markdown":
        from radbench.leaderboard.markdown import markdown

        typer.echo(markdown(power_tables(found)), nl=False)
    elif sys.stdout.isatty():
        from rich.console import Console

        from radbench.leaderboard.console import TableView

        for table in power_tables(found):
            Console().print(TableView(table))
    else:
        from radbench.leaderboard.console import plain_text

        say(plain_text(power_tables(found)))
