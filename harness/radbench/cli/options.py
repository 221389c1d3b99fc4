"""Options that several verbs share, and what they complete to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from radbench.cli.say import say
from radbench.contracts.errors import UsageError

if TYPE_CHECKING:
    from radbench.engine.plan.pairs import Plan
    from radbench.engine.plan.request import Request
    from radbench.registry.registry import Registry


def names_of(kind: str) -> Callable[[str], list[str]]:
    """Return a completer for the names of a kind; after the last comma of a list."""

    def complete(incomplete: str) -> list[str]:
        from radbench.registry.registry import load_registry

        before, comma, last = incomplete.rpartition(",")
        return [before + comma + n for n in [*load_registry().names(kind), "all"] if n.startswith(last)]

    return complete


Enhancers = Annotated[
    list[str],
    typer.Option(
        "--enhancer",
        "-e",
        metavar="E,…",
        help="Enhancers: names, variants name[field=value,...], comma lists, or all. Repeatable.",
        autocompletion=names_of("enhancer"),
    ),
]
Tasks = Annotated[
    list[str],
    typer.Option("--task", "-t", metavar="T,…", help="Tasks, written like enhancers.", autocompletion=names_of("task")),
]
Dataset = Annotated[
    str,
    typer.Option(
        "--dataset", "-d", help="Data set; each task has its own default.", autocompletion=names_of("dataset")
    ),
]
Profile = Annotated[
    str, typer.Option(metavar="quick|paper", help="quick (minutes on two cores) or paper (the papers' sizes).")
]

Seeds = Annotated[str, typer.Option("--seed", metavar="N,…", help="A seed, or several: 0,1,2 or 0-4.")]
Sets = Annotated[
    list[str],
    typer.Option(
        "--set", metavar="K=V", help="Set a field for all: enhancer.field=value, task.…, dataset.…. Repeatable."
    ),
]
Limit = Annotated[int, typer.Option(min=0, metavar="N", help="Score at most so many cases; 0 for all.")]
Precision = Annotated[
    str, typer.Option(metavar="float32|mixed", help="Of trainings; mixed computes in a short type where it can.")
]
Leakage = Annotated[
    bool, typer.Option("--allow-leakage", help="Score learners on patients that they learnt from; the rows say so.")
]
Null = Annotated[
    bool, typer.Option("--null", help="Beside every enhancer X its control null[of=X]: what tone alone would do.")
]
Shard = Annotated[
    str, typer.Option(metavar="i/n", help="Only the i-th of n parts of the plan, for n machines; 'bench merge' joins.")
]
Plugins = Annotated[
    list[Path], typer.Option("--plugin", metavar="FILE", help="A plugin file beyond the installed ones. Repeatable.")
]
Jobs = Annotated[int, typer.Option(min=0, metavar="N", help="Processes that make cases; 0 for one per core.")]
Workers = Annotated[
    int, typer.Option("--jobs", min=0, metavar="N", help="Worker processes; 0 for one per core, or per GPU.")
]
StepTimeout = Annotated[
    float, typer.Option("--timeout", min=0.1, metavar="S", help="Seconds without a sign of life that end a step.")
]
RetryFailed = Annotated[bool, typer.Option("--retry-failed", help="Try again what failed here before.")]
Debug = Annotated[
    bool, typer.Option("--debug", help="All in this process: a breakpoint in a plugin opens the debugger.")
]
Executor = Annotated[
    str, typer.Option("--executor", metavar="local|ray", help="What does the steps: this machine, or a Ray cluster.")
]
Address = Annotated[
    str,
    typer.Option(
        "--address",
        metavar="HOST:PORT",
        help="Of the Ray cluster; default: RAY_ADDRESS, else the one on this machine, else one for this run.",
    ),
]
Device = Annotated[str, typer.Option(metavar="auto|cpu|cuda[:N]", help="Where to compute.")]


def open_registry(plugins: list[Path]) -> Registry:
    """Return the registry; a plugin that cannot be used is one warning on standard error."""
    from radbench.registry.discovery import plugin_paths
    from radbench.registry.registry import load_registry

    registry = load_registry(plugin_paths(plugins))
    for warning in registry.warnings:
        say(f"warning: {warning}", err=True)
    return registry


def make_request(
    enhancers: list[str],
    tasks: list[str],
    dataset: str,
    profile: str,
    seeds: str,
    sets: list[str],
    limit: int,
    plugins: list[Path],
    precision: str = "float32",
    leakage: bool = False,
    null: bool = False,
    shard: str = "",
) -> Request:
    """Return what was typed as a request.

    Raises:
        UsageError: a seed is no number, or a ``--set`` has another form.
    """
    from radbench.engine.plan.request import Request
    from radbench.engine.plan.seeds import seeds_of
    from radbench.registry.discovery import plugin_paths

    numbers = seeds_of(seeds, "--seed")
    overrides: dict[str, dict[str, str]] = {}
    for item in sets:
        path, equals, value = item.partition("=")
        owner, dot, field = path.strip().partition(".")
        if not equals or not dot or not field:
            raise UsageError(f"--set '{item}' must read enhancer.field=value, task.field=value or dataset.field=value")
        overrides.setdefault(owner, {})[field] = value.strip()
    files = plugin_paths(plugins)
    return Request(
        tuple(enhancers),
        tuple(tasks),
        dataset,
        profile,
        numbers,
        limit,
        overrides,
        files,
        precision,
        leakage,
        null,
        shard,
    )


def request_of(given: Mapping[str, Any]) -> Request:
    """Return the options of a run or a plan as a request.

    Args:
        given: by name, as :func:`radbench.cli.study_file.with_file` gives them.

    Raises:
        UsageError: as :func:`make_request`.
    """
    return make_request(
        given["enhancer"],
        given["task"],
        given["dataset"],
        given["profile"],
        given["seed"],
        given["set"],
        given["limit"],
        given["plugin"],
        given["precision"],
        given["allow_leakage"],
        given["null"],
        given["shard"],
    )


def plan_request(registry: Registry, request: Request) -> Plan:
    """Return the plan of a request; what had to be left out is a warning on standard error."""
    from radbench.engine.plan.pairs import make_plan

    told = len(registry.warnings)
    plan = make_plan(registry, request)
    for warning in registry.warnings[told:]:
        say(f"warning: {warning}", err=True)
    return plan


def folder_of_its_own(out: Path | None) -> Path | None:
    """Return what ``--out`` names.

    Raises:
        UsageError: nothing (a variable of the shell that is not set), or the current folder.
    """
    if out == Path():
        raise UsageError("--out names the current folder, or nothing: name a folder of its own, as in --out runs/first")
    return out
