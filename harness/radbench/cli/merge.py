"""``bench merge``: runs of several machines become one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from radbench.cli.say import say


def merge(
    runs: Annotated[
        list[Path], typer.Argument(metavar="RUN…", help="Run folders, leaderboard CSVs, or folders of these.")
    ],
    out: Annotated[Path, typer.Option(metavar="DIR", help="The folder of what is merged.")],
    replace: Annotated[
        bool, typer.Option("--replace", help="Replace what an earlier merge left in that folder.")
    ] = False,
) -> None:
    """Join runs of several machines into one leaderboard, with the per-case scores beside it.

    Differences, tests, corrections and ranks are computed anew from the per-case scores, as if one run had scored them
    all; what does not compare is named, and stands in a file of its own. The folder can be given to whatever takes a
    run's, such as 'bench leaderboard' and 'bench publish'.
    """
    from radbench.cli.tables import print_leaderboard
    from radbench.verification.merge import merge as merged

    found = merged(runs, out, replace)
    print_leaderboard(found.rows)
    for note in found.notes:
        say(f"# {note}", err=True)
    for file in found.files:
        say(f"leaderboard: {file}")
