"""``bench card``: what a paper attaches of its results, under a digest."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from radbench.cli.say import say
from radbench.contracts.errors import UsageError


def card(
    paths: Annotated[
        list[Path],
        typer.Argument(metavar="DIR…", help="Run folders or leaderboard CSVs; default: the newest run in runs/."),
    ] = [],  # noqa: B006
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where the card goes; default: into the run's folder.")
    ] = None,
    task: Annotated[str, typer.Option(help="This task alone: a label, or a name with all its variants.")] = "",
    title: Annotated[str, typer.Option(help="What it is of, as its heading.")] = "",
    check: Annotated[
        Path | None,
        typer.Option(metavar="CARD", help="Say whether a card.json is whole and, with DIR, whether it is of that run."),
    ] = None,
) -> None:
    """Write card.json and a one-page card.html: what was compared, on what, with which result.

    The JSON ends with the SHA-256 of its own content, so that a change is noticed; the page prints the same digest.
    """
    from radbench.engine.keep.journal import newest_run
    from radbench.verification.card import card_of, differences, read_card, write_card

    if check is not None:
        there = read_card(check)
        if paths:
            told = differences(there, card_of(paths, task, str(there.content["title"])))
            if told:
                raise UsageError(f"'{check}' is whole, and not of these rows: {'; '.join(told[:5])}")
        say(f"{check}: whole{', and of these rows' if paths else ''} ({there.digest[:16]})")
        return
    if not paths:
        paths = [newest_run()]
        say(f"# {paths[0]}", err=True)
    folder = out or (paths[0] if paths[0].is_dir() else paths[0].parent)
    made = card_of(paths, task, title)
    for file in write_card(made, folder):
        say(str(file))
    say(f"digest: {made.digest}")
