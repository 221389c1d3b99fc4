"""``bench plan``: what a run would do, and what it would not and why."""

from __future__ import annotations

import json
from typing import Annotated, Any

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
    open_registry,
    plan_request,
    request_of,
)
from radbench.cli.say import say
from radbench.cli.study_file import Config, with_file
from radbench.engine.keep.texts import counted


def plan(
    context: typer.Context,
    enhancer: Enhancers = [],  # noqa: B006
    task: Tasks = [],  # noqa: B006
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
    config: Config = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show the pairs of a run: which apply, which do not and why.

    A study.toml of bench run may say more than a plan asks: what does not change one is checked and left out.
    """
    given: dict[str, Any] = {
        "enhancer": enhancer,
        "task": task,
        "dataset": dataset,
        "profile": profile,
        "seed": seed,
        "set": set_,
        "limit": limit,
        "precision": precision,
        "allow_leakage": allow_leakage,
        "null": null,
        "shard": shard,
        "plugin": plugin,
    }
    given = with_file(given, config, context)
    from radbench.engine.keep.homes import cache_home
    from radbench.engine.keep.store import Store
    from radbench.engine.plan.pairs import describe

    registry = open_registry(given["plugin"])
    request = request_of(given)
    made = plan_request(registry, request)
    records = describe(made)
    if as_json:
        say(json.dumps(records, indent=1))
        return
    for r in records:
        seeded = "" if r["seed"] is None else f", seed {r['seed']}"
        what = f"{r['task']} on {r['dataset']} ({r['split']}{seeded}): {r['enhancer']}"
        say(f"{what}  {'not applicable: ' + r['reason'] if r['reason'] else counted(r['cases'], 'case')}")
    apply = sum(not r["reason"] for r in records)
    store = Store(cache_home())
    for training in made.trainings:
        if not store.has_weights(training.key):
            say(f"to train first: {training.name}, from {training.described}")
    say(f"{counted(apply, 'pair')} to score, {len(records) - apply} not applicable")
