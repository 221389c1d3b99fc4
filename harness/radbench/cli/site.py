"""``bench site``: all published leaderboards as pages for any static host."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from radbench.cli.say import say
from radbench.contracts.printable import printable
from radbench.engine.keep.texts import counted


def site(
    leaderboards: Annotated[Path, typer.Argument(help="A folder of published leaderboards, or one of them.")],
    out: Annotated[Path, typer.Argument(help="The folder to write; an earlier site in it is replaced.")],
    reports: Annotated[
        list[Path],
        typer.Option("--report", metavar="PATH", help="A page of 'bench report' to link, or a folder. Repeatable."),
    ] = [],  # noqa: B006
    control: Annotated[
        list[str], typer.Option(metavar="LABEL", help="A control that a task should find harmful; default: blur.")
    ] = [],  # noqa: B006
    title: Annotated[str, typer.Option(help="Title of the first page.")] = "",
) -> None:
    """Write a static site: a page that finds leaderboards, one page for each task and data set, and their CSV files.

    Every page stands alone and asks the network for nothing, so that any static host will do.
    """
    from radbench.report.entries import USUAL_CONTROLS
    from radbench.report.site import site as make

    files = make(
        leaderboards, out, reports, tuple(control) or USUAL_CONTROLS, title, lambda what: say(f"# {what}", err=True)
    )
    pages = sum(name.endswith(".html") for name in files)
    say(f"site: {counted(pages, 'page')} in {printable(out)}, to begin with {printable(out / 'index.html')}")
