"""``bench plan``: what a run would do, and what it would not and why."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from radbench.cli.options import (
    Dataset,
    Enhancers,
    Leakage,
    Limit,
    Null,
    Plugins,
    Precision,
    Profile,
    Seeds,
    Sets,
    Shard,
    Tasks,
    make_request,
    open_registry,
    plan_request,
)
from radbench.cli.say import say
from radbench.engine.keep.texts import counted


def plan(
    enhancer: Enhancers,
    task: Tasks,
    dataset: Dataset = "",
    profile: Profile = "quick",
    seed: Seeds = "0",
    set_: Sets = [],  # noqa: B006
    limit: Limit = 0,
    precision: Precision = "float32",
    allow_leakage: Leakage = False,
    null: Null = False,
    shard: Shard = "",
    plugin: Plugins = [],  # noqa: B006
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show the pairs of a run: which apply, which do not and why."""
    from radbench.contracts.folders import cache_folder
    from radbench.engine.keep.store import Store
    from radbench.engine.plan.pairs import describe

    registry = open_registry(plugin)
    request = make_request(
        enhancer, task, dataset, profile, seed, set_, limit, plugin, precision, allow_leakage, null, shard
    )
    made = plan_request(registry, request)
    records = describe(made)
    if as_json:
        say(json.dumps(records, indent=1))
        return
    for r in records:
        seed = "" if r["seed"] is None else f", seed {r['seed']}"
        what = f"{r['task']} on {r['dataset']} ({r['split']}{seed}): {r['enhancer']}"
        say(f"{what}  {'not applicable: ' + r['reason'] if r['reason'] else counted(r['cases'], 'case')}")
    apply = sum(not r["reason"] for r in records)
    store = Store(cache_folder())
    for training in made.trainings:
        if not store.has_weights(training.key):
            say(f"to train first: {training.name}, from {training.described}")
    say(f"{counted(apply, 'pair')} to score, {len(records) - apply} not applicable")
