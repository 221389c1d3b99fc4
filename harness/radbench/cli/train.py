"""``bench train``: fit enhancers that learn and keep their weights, for ``bench run`` and ``bench enhance``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from radbench.cli.options import (
    Address,
    Device,
    Executor,
    Plugins,
    Precision,
    Profile,
    Seeds,
    Sets,
    folder_of_its_own,
    make_request,
    names_of,
    open_registry,
)
from radbench.cli.say import say
from radbench.contracts.printable import escaped

if TYPE_CHECKING:
    from radbench.engine.run.trained import Trained


def train(
    enhancer: Annotated[
        list[str],
        typer.Argument(
            metavar="E[,E…]",
            help="Enhancers that learn: names, variants, comma lists, or all.",
            autocompletion=names_of("enhancer"),
        ),
    ],
    profile: Profile = "quick",
    seed: Seeds = "0",
    set_: Sets = [],  # noqa: B006
    device: Device = "auto",
    precision: Precision = "float32",
    executor: Executor = "local",
    address: Address = "",
    jobs: Annotated[
        int, typer.Option(min=0, metavar="N", help="Processes that make cases; trainings at once on GPUs. 0: all.")
    ] = 0,
    timeout: Annotated[
        float, typer.Option(min=0.1, metavar="S", help="Seconds without a sign of life that end a training.")
    ] = 600.0,
    memory_mb: Annotated[
        int, typer.Option(min=0, metavar="MB", help="MiB that end a training; 0 for what is free.")
    ] = 0,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder for journal and logs; default: one of its own in runs/.")
    ] = None,
    plugin: Plugins = [],  # noqa: B006
) -> None:
    """Train enhancers and keep their weights.

    What each learns from is a field of its own: lung-unet[trained_on=lidc[root=PATH]].
    What is trained already is left as it is; a training that was killed goes on where it stood.
    """
    from radbench.api import Options, run_trainings
    from radbench.cli.progress import Progress
    from radbench.engine.plan.pairs import plan_trainings

    registry = open_registry(plugin)
    request = make_request(enhancer, [], "", profile, seed, set_, 0, plugin, precision)
    told = len(registry.warnings)
    trainings = plan_trainings(registry, request)
    for warning in registry.warnings[told:]:
        say(f"warning: {warning}", err=True)
    progress = Progress()
    own = folder_of_its_own(out)
    options = Options(device, jobs, timeout, memory_mb, own, executor=executor, address=address)
    try:
        finished = run_trainings(trainings, request, options, progress)
    except KeyboardInterrupt:
        progress.close()
        say("bench: interrupted; what is learnt is kept: give the same command again to go on", err=True)
        raise typer.Exit(130) from None
    finally:
        progress.close()
    for one in finished.trained:
        if not one.error:
            _print(one)
    failed = [one for one in finished.trained if one.error]
    for one in failed:
        say(f"failed: {one.training.name} ({one.status}): {one.error}", err=True)
    if failed:
        say(f"more is in {escaped(str(finished.folder.details))}; logs: {escaped(str(finished.folder.logs))}", err=True)
        raise typer.Exit(1)


def _print(one: Trained) -> None:
    from radbench.contracts.duration import duration

    facts = one.facts
    verb = "trained" if one.fresh else "trained already"
    seconds = facts.get("fit_seconds")
    took = f" in {duration(seconds)}" if seconds is not None else ""
    where = f" on {facts['device']}" if facts.get("device") else ""
    weights = f", {facts['parameters']} weights" if facts.get("parameters") else ""
    say(f"{one.training.name}: {verb} on {one.training.described}{took}{where}{weights}")
    for name, value in facts.get("facts", {}).items():
        say(f"  {name}: {value}")
    for curve in one.curves:
        say(f"  best {curve.best:.4g} in epoch {curve.best_epoch} of {curve.epochs}: {curve.file}")
    say(f"  weights: {escaped(str(one.folder))}")
