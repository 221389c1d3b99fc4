"""``bench study``: a paper's comparisons, run here and printed beside the paper's figures."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from radbench.cli.options import (
    Address,
    Debug,
    Device,
    Executor,
    Limit,
    Plugins,
    Precision,
    Profile,
    RetryFailed,
    StepTimeout,
    Workers,
    folder_of_its_own,
    open_registry,
)
from radbench.cli.say import say
from radbench.contracts.errors import UsageError
from radbench.engine.keep.texts import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from radbench.engine.plan.pairs import Plan
    from radbench.registry.registry import Registry
    from radbench.studies.figures import PrintedFigure
    from radbench.studies.planning import PlannedRun, Wish
    from radbench.studies.results import Results
    from radbench.studies.study import Study

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="A paper's comparisons, run here and printed.")

Which = Annotated[str, typer.Argument(metavar="NAME|FILE", help="A shipped study, or a TOML file of your own.")]
Tables = Annotated[
    list[str], typer.Option("--table", metavar="T", help="This table or figure alone, by its name. Repeatable.")
]
Datasets = Annotated[
    list[str],
    typer.Option(
        "--dataset",
        "-d",
        metavar="D|RUN=D",
        help="Score on this data set instead: your own collection. RUN=D for one of the study's runs. Repeatable.",
    ),
]
Format = Annotated[str, typer.Option("--format", "-f", help="table, markdown, latex, csv or json.")]
Seeds = Annotated[str, typer.Option("--seed", metavar="N,…", help="In place of the study's seeds: 0,1,2 or 0-4.")]


@app.command("list", short_help="The studies that come with the package.", epilog="Example:  bench study list")
def list_() -> None:
    """List the studies that come with the package: one for each paper, with its tables and figures."""
    from radbench.studies.study import load_study, shipped

    for name in shipped():
        study, _ = load_study(name)
        places = dict.fromkeys(one.place for one in study.shown)
        say(f"{name:18} {study.summary} ({', '.join(places)})")


@app.command(
    "show",
    short_help="A study's tables: the paper's figures, ours beside them where there are any.",
    epilog="Example:  bench study show sgan-2018 --from leaderboards",
)
def show(
    study: Which,
    from_: Annotated[
        list[Path],
        typer.Option(
            "--from",
            metavar="DIR|CSV",
            help="Leaderboards that ours are taken from; default: the study's own folder, where it was run.",
        ),
    ] = [],  # noqa: B006
    table: Tables = [],  # noqa: B006
    dataset: Datasets = [],  # noqa: B006
    profile: Profile = "quick",
    seed: Seeds = "",
    limit: Limit = 0,
    precision: Precision = "float32",
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="The study's folder.")] = None,
    to: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Write tables.* and the figures (SVG, PDF) of the whole study into this folder, too."
        ),
    ] = None,
    plugin: Plugins = [],  # noqa: B006
    format_: Format = "table",
) -> None:
    """Print a study's tables without running anything; with --to write them, and the figures, as 'run' does.

    Without results they are the paper's alone, each with its place.
    """
    from dataclasses import replace

    from radbench.studies.planning import check_shown, plan_study, plugin_files
    from radbench.studies.results import results_in_leaderboards
    from radbench.studies.running import folder_of, results_so_far
    from radbench.studies.study import load_study
    from radbench.studies.writing import FORMATS, figures_among, write_study

    if format_ not in FORMATS:
        raise UsageError(f"--format '{format_}' must be one of {', '.join(FORMATS)}")
    found, base = load_study(study)
    wish = _wish(profile, dataset, seed, table, limit, precision)
    registry = open_registry([*plugin, *map(Path, plugin_files(found, base))])
    check_shown(found, wish)
    # What is written is the whole study, whatever is printed.
    whole = replace(wish, shown=())
    runs = plan_study(registry, found, whole, base)
    folder = folder_of(found, wish, out)
    results: Results | None
    if from_:
        results = results_in_leaderboards(registry, runs, from_, wish.seeds)
    else:
        results = results_so_far(runs, folder) if folder.is_dir() else None
        if results is None:
            say(f"# the paper's figures alone: the study was not run yet ('bench study run {study}')", err=True)
    if to is not None and results is None:
        raise UsageError("there is nothing to draw: run the study, or name leaderboards with --from")
    written = [] if to is None or results is None else write_study(registry, found, whole, results, to)
    figures = figures_among(found, wish, written)
    _print(registry, found, wish, results, figures, format_)


@app.command(
    "run",
    short_help="Plan, train, score, publish and print a study.",
    epilog="Example:  bench study run lung-unet-2018",
)
def run(
    study: Which,
    table: Tables = [],  # noqa: B006
    dataset: Datasets = [],  # noqa: B006
    profile: Profile = "quick",
    seed: Seeds = "",
    limit: Limit = 0,
    device: Device = "auto",
    precision: Precision = "float32",
    executor: Executor = "local",
    address: Address = "",
    jobs: Workers = 0,
    timeout: StepTimeout = 600.0,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="The study's folder; default: named after it in runs/.")
    ] = None,
    retry_failed: RetryFailed = False,
    debug: Debug = False,
    plan: Annotated[bool, typer.Option("--plan", help="Say what would be run, and leave.")] = False,
    plugin: Plugins = [],  # noqa: B006
    format_: Format = "table",
) -> None:
    """Plan, train, score and publish a study, and print its tables; a second time nothing is computed.

    Everything lies in the study's folder: a folder for each of its runs, leaderboards/ with what was published, the
    tables as text, Markdown, LaTeX, CSV and JSON, and the figures as SVG and PDF.

    Exit status: 0 where every pair was scored; 1 where one was not, or a run could not be planned; 2 for wrong usage.
    """
    from radbench.api import Options
    from radbench.cli.progress import Progress
    from radbench.studies.planning import plan_of, plan_study, plugin_files
    from radbench.studies.running import run_study
    from radbench.studies.study import load_study
    from radbench.studies.writing import FORMATS

    if format_ not in FORMATS:
        raise UsageError(f"--format '{format_}' must be one of {', '.join(FORMATS)}")
    found, base = load_study(study)
    wish = _wish(profile, dataset, seed, table, limit, precision)
    registry = open_registry([*plugin, *map(Path, plugin_files(found, base))])
    if plan:
        for one in plan_study(registry, found, wish, base):
            _say_plan(one, plan_of(registry, one))
        return
    progress = Progress(plain=debug)
    own = folder_of_its_own(out)
    options = Options(
        device, jobs, timeout, out=own, retry_failed=retry_failed, debug=debug, executor=executor, address=address
    )
    try:
        done = run_study(registry, found, wish, options, progress, base, progress.note)
    except KeyboardInterrupt:
        progress.close()
        say("bench: interrupted; what is done is kept: give the same command again to go on", err=True)
        raise typer.Exit(130) from None
    finally:
        progress.close()
    _print(registry, found, wish, done.results, done.figures, format_)
    if done.computed:
        say(f"{counted(done.computed, 'case-step')} computed, {done.reused} reused, in {done.seconds:.1f} s", err=True)
    elif done.reused:
        say(f"nothing recomputed: {counted(done.reused, 'case-step')} there already", err=True)
    say(f"everything lies in {done.folder}", err=True)
    if done.failed or done.results.reasons:
        runs = done.results.reasons
        told = [f"{counted(done.failed, 'pair')} not scored"] if done.failed else []
        told += [f"{counted(len(runs), 'run')} not run ({', '.join(runs)})"] if runs else []
        say(f"bench: {'; '.join(told)}", err=True)
        raise typer.Exit(1)


def _say_plan(run: PlannedRun, plan: Plan | str) -> None:
    """Say what a run would do: its pairs, what is to be trained first, and what is left out and why."""
    from radbench.engine.keep.homes import cache_home
    from radbench.engine.keep.store import Store

    if isinstance(plan, str):
        say(f"{run.name}: cannot be run: {plan}")
        return
    store = Store(cache_home())
    missing = [one for one in plan.trainings if not store.has_weights(one.key)]
    kept = len(plan.trainings) - len(missing)
    of = f"{counted(len(plan.pairs), 'pair')}, {counted(len(plan.trainings), 'training')}"
    of += f" ({kept} kept from before)" if kept else ""
    say(f"{run.name}: {of}, on {', '.join(dict.fromkeys(p.dataset.label for p in plan.pairs))}")
    for training in missing:
        say(f"  to train first: {training.name}, from {training.described}")
    for why in run.missing.values():
        say(f"  left out: {why}")
    for pair in plan.pairs:
        if pair.reason:
            say(f"  does not apply: {pair.enhancer.label} x {pair.task.label}: {pair.reason}")


def _print(
    registry: Registry,
    study: Study,
    wish: Wish,
    results: Results | None,
    figures: Sequence[PrintedFigure],
    format: str,
) -> None:
    from radbench.studies.writing import printed_tables, rendered

    if format == "table" and sys.stdout.isatty():
        from rich.console import Console
        from rich.text import Text

        from radbench.leaderboard.console import TableView
        from radbench.studies.figures import as_text

        for table in printed_tables(registry, study, wish, results):
            Console().print(TableView(table), "")
        for figure in figures:
            Console().print(Text(as_text(figure), overflow="fold"))
    else:
        typer.echo(rendered(registry, study, wish, results, format, figures), nl=False)


def _wish(profile: str, datasets: list[str], seed: str, tables: list[str], limit: int, precision: str) -> Wish:
    from radbench.engine.plan.seeds import seeds_of
    from radbench.studies.planning import Wish

    named: dict[str, str] = {}
    for text in datasets:
        run, equals, label = text.partition("=")
        # In 'folder[root=PATH]' the sign belongs to the variant.
        own = bool(equals) and "[" not in run
        named[run.strip() if own else ""] = label if own else text
    return Wish(profile, named, seeds_of(seed, "--seed") if seed else (), tuple(tables), limit, precision)
