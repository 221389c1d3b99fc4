"""``bench report``: one page on what runs and leaderboards show, and figures of it for papers."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated

import typer

from radbench.cli.say import say
from radbench.contracts.errors import UsageError
from radbench.contracts.printable import printable


def report(
    paths: Annotated[
        list[Path],
        typer.Argument(help="Run folders, leaderboard CSVs or folders of them; default: the newest run in runs/."),
    ] = [],  # noqa: B006
    out: Annotated[
        Path | None,
        typer.Option(help="The page to write; default: report.html in the run's folder, or here for leaderboards."),
    ] = None,
    figures: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write the figures into this folder, too, as SVG and PDF.")
    ] = None,
    images: Annotated[
        bool, typer.Option("--images/--no-images", help="Show the worst, median and best case of every enhancer.")
    ] = True,
    control: Annotated[
        list[str],
        typer.Option(
            metavar="LABEL",
            help="An enhancer that is a control which a task should find harmful, by name or label; null[…] and "
            "oracle[…] are controls anyway. Repeatable; default: blur.",
        ),
    ] = [],  # noqa: B006
    reference: Annotated[str, typer.Option(help="Take differences to this enhancer, by its label.")] = "",
    margin: Annotated[
        float | None,
        typer.Option(help="How much worse than the reference is still tolerated, in the unit of the deciding metric."),
    ] = None,
    title: Annotated[str, typer.Option(help="Title of the page.")] = "",
) -> None:
    """Write one HTML page that opens anywhere and asks the network for nothing.

    It says in words what is decided and what is not, and shows tables, figures, images, trainings, every setting and
    what to cite. Cases go by digest, patients by number; images of cases are shown unless you leave them out.
    """
    from radbench.engine.keep.journal import RunFolder, newest_run
    from radbench.leaderboard.aggregate import Margin
    from radbench.report.entries import USUAL_CONTROLS
    from radbench.report.writing import Wanted, check_place, write_page
    from radbench.report.writing import report as make

    if margin is not None and not (math.isfinite(margin) and margin > 0):
        raise UsageError(f"--margin must be a positive number, got {margin:g}")
    if not paths:
        paths = [newest_run()]
        say(f"# {paths[0]}", err=True)
    is_run = len(paths) == 1 and paths[0].is_dir() and RunFolder(paths[0]).journal.is_file()
    file = out or (paths[0] / "report.html" if is_run else Path("report.html"))
    if file.is_dir():
        file = file / "report.html"
    check_place(file)
    wanted = Wanted(
        controls=tuple(control) or USUAL_CONTROLS,
        images=images,
        figures=figures,
        reference=reference,
        margin=None if margin is None else Margin(margin),
        title=title,
    )
    text = make(paths, wanted, lambda what: say(f"# {what}", err=True))
    write_page(text, file)
    say(f"report: {printable(file)} ({len(text.encode()) / 1e6:.1f} MB)")
    if figures is not None:
        say(f"figures: {printable(figures)}")
