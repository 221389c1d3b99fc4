"""``bench run``: score enhancers under tasks and print the leaderboard."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from radbench.cli.options import (
    Address,
    Dataset,
    Debug,
    Device,
    Enhancers,
    Executor,
    Leakage,
    Limit,
    Null,
    Plugins,
    Precision,
    Profile,
    RetryFailed,
    Seeds,
    Sets,
    Shard,
    StepTimeout,
    Tasks,
    Workers,
    folder_of_its_own,
    open_registry,
    plan_request,
    request_of,
)
from radbench.cli.say import say
from radbench.cli.study_file import Config, with_file
from radbench.contracts.printable import escaped
from radbench.engine.keep.texts import counted

if TYPE_CHECKING:
    from radbench.engine.keep.journal import RunFolder
    from radbench.leaderboard.running import Finished


def run(
    context: typer.Context,
    enhancer: Enhancers = [],  # noqa: B006
    task: Tasks = [],  # noqa: B006
    dataset: Dataset = "",
    profile: Profile = "quick",
    seed: Seeds = "0",
    set_: Sets = [],  # noqa: B006
    limit: Limit = 0,
    device: Device = "auto",
    precision: Precision = "float32",
    executor: Executor = "local",
    address: Address = "",
    jobs: Workers = 0,
    timeout: StepTimeout = 600.0,
    memory_mb: Annotated[
        int, typer.Option(min=0, metavar="MB", help="MiB that end a worker's step; 0 for its share.")
    ] = 0,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="The run's folder; default: named after the plan in runs/.")
    ] = None,
    retry_failed: RetryFailed = False,
    keep: Annotated[
        str, typer.Option(metavar="images|scores", help="Images for later runs, within the budget; or scores alone.")
    ] = "images",
    debug: Debug = False,
    allow_leakage: Leakage = False,
    null: Null = False,
    shard: Shard = "",
    log: Annotated[
        list[str],
        typer.Option(metavar="LOGGER,…", help="Tell loggers what happens: csv, tensorboard, mlflow. Repeatable."),
    ] = [],  # noqa: B006
    plugin: Plugins = [],  # noqa: B006
    config: Config = None,
) -> None:
    """Score enhancers under tasks and print the leaderboard.

    A second identical run recomputes nothing; a run that was killed goes on where it stopped. Images that another
    program enhanced are scored as images[root=FOLDER]: a file per case, named by its case id, of the case's size.

    Exit status: 0 where every pair was scored on all of its cases; 1 where one was not, or the machine stopped the run;
    2 for wrong usage; 130 where it was interrupted. What no enhancer has an answer for does not count, nor a metric
    that does not decide and that an enhancer never answers.
    """
    given: dict[str, Any] = {
        "enhancer": enhancer,
        "task": task,
        "dataset": dataset,
        "profile": profile,
        "seed": seed,
        "set": set_,
        "limit": limit,
        "device": device,
        "precision": precision,
        "executor": executor,
        "address": address,
        "jobs": jobs,
        "timeout": timeout,
        "memory_mb": memory_mb,
        "out": out,
        "retry_failed": retry_failed,
        "keep": keep,
        "debug": debug,
        "allow_leakage": allow_leakage,
        "null": null,
        "shard": shard,
        "log": log,
        "plugin": plugin,
    }
    given = with_file(given, config, context)

    from radbench.api import Options, run_plan
    from radbench.cli.progress import Progress
    from radbench.cli.tables import print_leaderboard

    registry = open_registry(given["plugin"])
    request = request_of(given)
    progress = Progress(plain=given["debug"])
    plan = plan_request(registry, request)
    if request.shard and not plan.pairs:
        say(f"shard {request.shard} has nothing to do: there are fewer groups of pairs than shards")
        return
    for pair in plan.pairs:
        if pair.reason:
            progress.note(f"not applicable: {pair.enhancer.label} x {pair.task.label}: {pair.reason}")
    options = Options(
        given["device"],
        given["jobs"],
        given["timeout"],
        given["memory_mb"],
        folder_of_its_own(given["out"]),
        given["retry_failed"],
        given["debug"],
        given["keep"],
        tuple(given["log"]),
        given["executor"],
        given["address"],
    )
    try:
        finished = run_plan(registry, plan, options, progress)
    except KeyboardInterrupt:
        progress.close()
        say("bench: interrupted; what is done is kept: give the same command again to go on", err=True)
        raise typer.Exit(130) from None
    finally:
        progress.close()
    print_leaderboard(finished.frame)
    outcome = finished.outcome
    if outcome.computed:
        say(f"{counted(outcome.computed, 'case-step')} computed, {outcome.reused} reused, in {finished.seconds:.1f} s")
    elif outcome.reused:
        say(f"nothing recomputed: {counted(outcome.reused, 'case-step')} there already")
    say(f"leaderboard: {escaped(str(finished.folder.leaderboard))}")
    say(f"per-case scores, journal and logs: {escaped(str(finished.folder.root))}")
    _point_at_tracebacks(finished.folder)
    _leave_unless_complete(finished)


def _leave_unless_complete(finished: Finished) -> None:
    """Say what pairs lack, and leave with status 1 where one was not scored on all of its cases."""
    from radbench.leaderboard.answers import lacking_answers, not_offered

    outcome, lacking = finished.outcome, lacking_answers(finished.frame)
    for name, metrics in sorted(not_offered(finished.frame).items()):
        say(f"offers no {', '.join(metrics)}: {name}", err=True)
    partial = 0
    for name, (scored, cases) in sorted(outcome.scored.items()):
        failed = outcome.statuses[name] != "ok"
        told = [f"{scored} of {counted(cases, 'case')} scored"] if failed or scored < cases else []
        told += [] if failed else lacking.get(name, [])
        if told:
            partial += 1
            say(f"{'failed' if failed else 'incomplete'}: {name}: {', '.join(told)}", err=True)
    if partial:
        say(f"bench: {partial} of {counted(len(outcome.scored), 'pair')} not scored on all cases", err=True)
    elif not outcome.scored:
        say("bench: nothing was scored: no pair applies", err=True)
    if partial or not outcome.scored:
        raise typer.Exit(1)


def _point_at_tracebacks(folder: RunFolder) -> None:
    if folder.tracebacks.exists():
        say(f"tracebacks: {escaped(str(folder.tracebacks))}", err=True)
