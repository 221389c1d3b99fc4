"""``bench publish``: merge a run into the published leaderboards."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from radbench.cli.say import say


def publish(
    run: Annotated[Path, typer.Argument(help="A run folder or its leaderboard.csv.")],
    into: Annotated[Path, typer.Option(help="The folder of published leaderboards.")] = Path("leaderboards"),
    separate: Annotated[
        bool,
        typer.Option("--separate", help="Keep what is not comparable in a file of its own instead of refusing it."),
    ] = False,
    replace: Annotated[
        bool,
        typer.Option(
            "--replace",
            help="Replace what is published under the same label with another identity or precision, and tables of the "
            "same labels that are not comparable or of an older schema version; nothing else goes.",
        ),
    ] = False,
    supersede: Annotated[
        list[str] | None,
        typer.Option(
            "--supersede",
            metavar="LABEL",
            help="Drop the rows of an older schema version of this data set, as they name it, for the run's task, "
            "split and profile; repeat it for several.",
        ),
    ] = None,
    without_cases: Annotated[
        bool,
        typer.Option(
            "--without-cases",
            help="Publish the rows without the per-case scores (cases by digest): nobody can be ranked beside them.",
        ),
    ] = False,
    failed: Annotated[
        bool,
        typer.Option(
            "--failed",
            help="Publish the rows of failed pairs, too; those of a seed whose others were scored always are.",
        ),
    ] = False,
) -> None:
    """Merge a run into leaderboards/<task>.csv; nothing published is lost unless --replace or --supersede says so."""
    from radbench.leaderboard.publish import publish as merge

    source = run / "leaderboard.csv" if run.is_dir() else run
    report = merge(
        source,
        into,
        separate=separate,
        replace=replace,
        supersede=supersede or (),
        include_failed=failed,
        without_cases=without_cases,
    )
    say(str(report))
