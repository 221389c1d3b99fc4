"""``bench verify``: run published rows again, and say of each whether it is what was published."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

from radbench.cli.options import Device, Plugins, open_registry
from radbench.cli.say import say
from radbench.contracts.errors import UsageError
from radbench.engine.keep.texts import counted


def verify(
    leaderboard: Annotated[Path, typer.Argument(metavar="CSV", help="A published leaderboard.")],
    row: Annotated[
        str,
        typer.Option(metavar="N,…", help="These rows alone, by number from 1 below the header: 12 or 12,40-66."),
    ] = "",
    task: Annotated[str, typer.Option(help="This task alone: a label, or a name with all its variants.")] = "",
    dataset: Annotated[str, typer.Option(help="This data set alone, likewise.")] = "",
    enhancer: Annotated[str, typer.Option(help="This enhancer alone, likewise.")] = "",
    sample: Annotated[
        int,
        typer.Option(min=0, metavar="N", help="N pairs drawn at random, those that need no training first; 0 for all."),
    ] = 0,
    seed: Annotated[int, typer.Option(min=0, help="Of that draw.")] = 0,
    training: Annotated[
        bool, typer.Option("--training/--no-training", help="Whether pairs count in which something was trained.")
    ] = True,
    data: Annotated[
        list[str],
        typer.Option(
            metavar="@DIGEST=FOLDER", help="Where a folder lies here that labels name by its digest. Repeatable."
        ),
    ] = [],  # noqa: B006
    cache: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Keep what is made, trained and scored here, and take what is there; default: an empty one, so that "
            "all is done again.",
        ),
    ] = None,
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="Keep the runs here; default: nowhere.")] = None,
    device: Device = "auto",
    jobs: Annotated[
        int, typer.Option(min=0, metavar="N", help="Worker processes; 0 for one per core, or per GPU.")
    ] = 0,
    timeout: Annotated[
        float, typer.Option(min=0.1, metavar="S", help="Seconds without a sign of life that end a step.")
    ] = 600.0,
    debug: Annotated[
        bool, typer.Option("--debug", help="All in this process: a breakpoint in a plugin opens the debugger.")
    ] = False,
    plugin: Plugins = [],  # noqa: B006
    format_: Annotated[str, typer.Option("--format", "-f", help="table, markdown or json.")] = "table",
) -> None:
    """Run published rows again, and say of each: equal, within the published interval, different, or cannot be run.

    Equal are all of a row's numbers to the last bit; differences, tests and ranks are computed anew beside the per-case
    scores that were published of the others. It is said what differs: data, enhancer, task, version, device.

    Exit status: 0 where every row is equal or within its interval; 1 where one is different, not judged or cannot be
    run; 2 for wrong usage.
    """
    from radbench.api import Options
    from radbench.cli.progress import Progress
    from radbench.registry.discovery import plugin_paths
    from radbench.verification.choosing import Choice
    from radbench.verification.telling import FORMATS, as_json, as_markdown, as_text
    from radbench.verification.verify import verify as verified

    if format_ not in FORMATS:
        raise UsageError(f"--format '{format_}' must be one of {', '.join(FORMATS)}")
    choice = Choice(tuple(_rows(row)), task, dataset, enhancer, sample, seed, training)
    progress = Progress(plain=debug)
    try:
        found = verified(
            leaderboard,
            choice,
            registry=open_registry(plugin),
            plugins=plugin_paths(plugin),
            folders=dict(map(_folder, data)),
            cache=cache,
            options=Options(device, jobs, timeout, out=out, debug=debug),
            reporter=progress,
        )
    except KeyboardInterrupt:
        progress.close()
        say("bench: interrupted: nothing was found out", err=True)
        raise typer.Exit(130) from None
    finally:
        progress.close()
    if format_ == "json":
        typer.echo(as_json(found), nl=False)
    else:
        say(as_text(found) if format_ == "table" else as_markdown(found))
    bad = sum(pair.verdict in ("different", "not judged", "cannot be run") for pair in found)
    if bad:
        say(f"bench: {bad} of {counted(len(found), 'pair')} not verified", err=True)
        raise typer.Exit(1)


def _rows(text: str) -> list[int]:
    """Return the numbers of "12,40-66".

    Raises:
        UsageError: it reads otherwise.
    """
    found: list[int] = []
    for item in filter(None, (item.strip() for item in text.split(","))):
        if not (match := re.fullmatch(r"(\d{1,9})(?:-(\d{1,9}))?", item)) or int(match[2] or match[1]) < int(match[1]):
            raise UsageError(f"--row '{text}' must be numbers of rows and ranges of them: 12 or 12,40-66")
        found += range(int(match[1]), int(match[2] or match[1]) + 1)
    return found


def _folder(text: str) -> tuple[str, Path]:
    digest, equals, path = text.partition("=")
    if not equals or not re.fullmatch(r"@?[0-9a-f]{8}", digest) or not path:
        raise UsageError(f"--data '{text}' must read @DIGEST=FOLDER, with the eight digits of a label")
    if not Path(path).expanduser().exists():
        raise UsageError(f"--data '{text}': '{path}' does not exist")
    return digest.removeprefix("@"), Path(path).expanduser()
