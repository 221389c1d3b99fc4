"""Request: what was asked for, checked; and Ref: one thing of it, by name, as it travels to a worker."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from radbench.contracts.errors import UsageError
from radbench.engine.keys import SourceChangedError, source_of
from radbench.registry.registry import Registry, Resolved
from radbench.registry.variants import Variant


@dataclass(frozen=True)
class Request:
    """What was asked for.

    Attributes:
        enhancers, tasks: variants as typed; "all" stands for every name.
        dataset: a variant, or "" for each task's own default.
        profile: "quick" or "paper".
        seeds: the seeds to run.
        limit: at most so many cases of a split, 0 for all.
        overrides: fields to set, per kind ("enhancer", "task", "dataset").
        plugin_files: plugins beyond the installed ones.
        precision: "float32" or "mixed".

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

    def __post_init__(self) -> None:
        for what, names in (("enhancers", self.enhancers), ("tasks", self.tasks)):
            if not all(isinstance(name, str) for name in names):
                raise UsageError(f"{what} must be given by name, got {list(names)}")
        if not isinstance(self.dataset, str):
            raise UsageError(f"the data set must be given by name, got {self.dataset!r}")
        if not self.seeds or not all(type(seed) is int for seed in self.seeds):
            raise UsageError(f"seeds must be one or several whole numbers, got {list(self.seeds)}")
        if type(self.limit) is not int or self.limit < 0:
            raise UsageError(f"limit must be a whole number from 0 (all cases) on, got {self.limit!r}")
        if self.precision not in ("float32", "mixed"):
            raise UsageError(f"precision '{self.precision}' must be float32 or mixed")


@dataclass(frozen=True)
class Ref:
    """A variant by name, as a worker gets it and resolves it anew.

    Attributes:
        source: digest of its sources as the plan saw them, "" before it was resolved.
    """

    kind: str
    variant: Variant
    profile: str
    overrides: tuple[tuple[str, str], ...] = ()
    source: str = ""

    def resolve(self, registry: Registry) -> Resolved:
        """Look it up; see :meth:`Registry.resolve`.

        Raises:
            SourceChangedError: its sources are no longer those that the plan's keys stand for.
        """
        resolved = registry.resolve(self.kind, self.variant, self.profile, dict(self.overrides))
        if self.source and source_of(resolved) != self.source:
            raise SourceChangedError(
                f"the source of {self.kind} '{resolved.label}' was changed during the run: give the command again"
            )
        return resolved
