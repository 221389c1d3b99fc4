"""``bench plan``: what a run would do, and what it would not and why."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from radbench.cli.options import (
    Dataset,
    Enhancers,
    Limit,
    Plugins,
    Profile,
    Seeds,
    Sets,
    Tasks,
    make_request,
    open_registry,
    plan_request,
)


def plan(
    enhancer: Enhancers,
    task: Tasks,
    dataset: Dataset = "",
    profile: Profile = "quick",
    seed: Seeds = "0",
    set_: Sets = [],  # noqa: B006
    limit: Limit = 0,
    plugin: Plugins = [],  # noqa: B006
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show the pairs of a run: which apply, which do not and why."""
    from radbench.contracts.folders import cache_folder
    from radbench.engine.plan import describe
    from radbench.engine.store import Store
    from radbench.engine.training import trainings_of

    registry = open_registry(plugin)
    made = plan_request(registry, make_request(enhancer, task, dataset, profile, seed, set_, limit, plugin))
    records = describe(made)
    if as_json:
        typer.echo(json.dumps(records, indent=1))
        return
    for r in records:
        what = f"{r['task']} on {r['dataset']} ({r['split']}, seed {r['seed']}): {r['enhancer']}"
        typer.echo(f"{what}  {'not applicable: ' + r['reason'] if r['reason'] else str(r['cases']) + ' cases'}")
    apply = sum(not r["reason"] for r in records)
    store = Store(cache_folder())
    for training in trainings_of(p for p in made.pairs if not p.reason):
        if not store.has_weights(training.key):
            typer.echo(f"to train first: {training.name}, from {training.lesson}")
    typer.echo(f"{apply} pairs to score, {len(records) - apply} not applicable")
