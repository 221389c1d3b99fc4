"""``bench publish``: merge a run into the published leaderboards."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def publish(
    run: Annotated[Path, typer.Argument(help="A run folder or its leaderboard.csv.")],
    into: Annotated[Path, typer.Option(help="The folder of published leaderboards.")] = Path("leaderboards"),
    separate: Annotated[
        bool,
        typer.Option("--separate", help="Keep what is not comparable in a file of its own instead of refusing it."),
    ] = False,
    failed: Annotated[bool, typer.Option("--failed", help="Publish the rows of failed pairs, too.")] = False,
) -> None:
    """Merge a run into leaderboards/<task>.csv; nothing published is lost."""
    from radbench.leaderboard.publish import publish as merge

    source = run / "leaderboard.csv" if run.is_dir() else run
    typer.echo(str(merge(source, into, separate=separate, include_failed=failed)))
