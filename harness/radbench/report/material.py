"""Material: what is known beside the rows of a page: the runs that they come from, and parts as they are installed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from radbench.contracts.errors import RadbenchError
from radbench.engine.keep.journal import RunFolder
from radbench.engine.plan.pairs import Pair
from radbench.engine.plan.parts import Part
from radbench.engine.plan.resolver import Resolver
from radbench.leaderboard.privacy import without_paths
from radbench.leaderboard.schema import FILE_NAME
from radbench.registry.registry import load_registry
from radbench.report.replanning import Replanned, pair_key, replanned


@dataclass
class Run:
    """A run among what a report is made of."""

    folder: RunFolder
    plan: Replanned


@dataclass
class Material:
    """What is known beside the rows.

    Attributes:
        runs: that the rows come from.
        resolvers: by profile, what finds parts as they are installed here.
    """

    runs: list[Run] = field(default_factory=list)
    resolvers: dict[str, Resolver] = field(default_factory=dict)

    def installed(self, kind: str, label: str, profile: str) -> Part | None:
        """Return a part as it is installed here, None where it is not."""
        try:
            if profile not in self.resolvers:
                self.resolvers[profile] = Resolver(load_registry(), profile)
            return self.resolvers[profile].part(kind, label)
        except (RadbenchError, OSError):
            return None

    def pair(self, facts: dict[str, Any], short_digest: str) -> tuple[Run, Pair] | None:
        """Return the pair that a row is of, where it is still what was scored."""
        for run in self.runs:
            found = run.plan.pairs.get(pair_key(facts))
            if found is not None and found.enhancer.identity.startswith(short_digest):
                return run, found
        return None


def material_at(paths: Iterable[Path]) -> Material:
    """Return what is known of the runs among some paths."""
    material = Material()
    for path in paths:
        folder = RunFolder(path if path.is_dir() else path.parent)
        if folder.journal.is_file() and (path.is_dir() or path.name == FILE_NAME):
            material.runs.append(Run(folder, replanned(folder)))
    return material


def notes_on(material: Material) -> list[str]:
    """Return sentences on runs of which neither settings nor images can be told."""
    return [
        "Neither settings nor images of a run are told: its plan cannot be made again here "
        f"({without_paths(run.plan.problem)})."
        for run in material.runs
        if run.plan.problem
    ]
