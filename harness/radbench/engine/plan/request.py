"""Request: what was asked for, checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from radbench.contracts.errors import UsageError
from radbench.engine.plan.shards import shard_of

LARGEST_SEED = 2**32 - 1
"""What every library's generator takes."""


@dataclass(frozen=True)
class Request:
    """What was asked for.

    Attributes:
        enhancers, tasks: variants as typed; "all" stands for every name.
        dataset: a variant, or "" for each task's own default.
        profile: "quick" or "paper".
        seeds: the seeds to run.
        limit: at most so many cases of the split that is scored, 0 for all.
        overrides: fields to set, per kind ("enhancer", "task", "dataset").
        plugin_files: plugins beyond the installed ones.
        precision: of trainings, "float32" or "mixed".
        leakage: whether a learner may be scored on patients that it learnt from; the rows say so.
        null: whether the null control of every enhancer runs beside it.
        shard: "i/n" for one of n parts of the plan, "" for all of it.

    Raises:
        UsageError: a value is of the wrong type or out of range.
    """

    enhancers: tuple[str, ...]
    tasks: tuple[str, ...]
    dataset: str = ""
    profile: str = "quick"
    seeds: tuple[int, ...] = (0,)
    limit: int = 0
    overrides: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    plugin_files: tuple[str, ...] = ()
    precision: str = "float32"
    leakage: bool = False
    null: bool = False
    shard: str = ""

    def __post_init__(self) -> None:
        for what, names in (("enhancers", self.enhancers), ("tasks", self.tasks)):
            if not all(isinstance(name, str) for name in names):
                raise UsageError(f"{what} must be given by name, got {list(names)}")
        if not isinstance(self.dataset, str):
            raise UsageError(f"the data set must be given by name, got {self.dataset!r}")
        if not self.seeds or not all(type(seed) is int and 0 <= seed <= LARGEST_SEED for seed in self.seeds):
            raise UsageError(
                f"seeds must be one or several whole numbers from 0 to {LARGEST_SEED}, got {list(self.seeds)}"
            )
        if type(self.limit) is not int or self.limit < 0:
            raise UsageError(f"limit must be a whole number from 0 (all cases) on, got {self.limit!r}")
        if self.profile not in ("quick", "paper"):
            raise UsageError(f"profile '{self.profile}' must be quick or paper")
        if self.precision not in ("float32", "mixed"):
            raise UsageError(f"precision '{self.precision}' must be float32 or mixed")
        if self.shard:
            shard_of(self.shard)
        for kind in self.overrides:
            if kind not in ("enhancer", "task", "dataset"):
                raise UsageError(f"--set {kind}.…: the owner must be enhancer, task or dataset")
