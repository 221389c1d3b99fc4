"""Samples: what a task or a training looks at, loaded when it is looked at and never shared between two of them."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from radbench.contracts.case import ON_DEMAND, Case
from radbench.contracts.dataset import CaseEntry
from radbench.contracts.errors import InvalidOutputError
from radbench.contracts.results import Sample

if TYPE_CHECKING:
    from torch import Tensor


class Lazy(Sequence[Any]):
    """Entries that become cases or samples when they are looked at."""

    def __init__(self, entries: Sequence[CaseEntry], load: Callable[[CaseEntry], Any]) -> None:
        self.entries, self.load = entries, load

    def __len__(self) -> int:
        return len(self.entries)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return Lazy(self.entries[index], self.load)
        return self.load(self.entries[index])


class SplitSamples:
    """The samples of a task that sees whole splits; a case that could not be loaded or enhanced is no part of them."""

    def __init__(self, entries: Mapping[str, Sequence[CaseEntry]], load: Callable[[CaseEntry], Sample]) -> None:
        self.entries, self.load = entries, load

    def split(self, name: str) -> Sequence[Sample]:
        """Return the samples of a split.

        Raises:
            InvalidOutputError: the task did not declare it.
        """
        if name not in self.entries:
            raise InvalidOutputError(f"the task did not declare split '{name}': it declares {list(self.entries)}")
        return Lazy(self.entries[name], self.load)


def sample_of(case: Case, tensors: Mapping[str, Tensor], device: str) -> Sample:
    """Return a case and its stored enhancement (``image``, ``layer.NAME``: ``[1,1,H,W]``) as a task sees them."""
    moved = {name: t[0].to(device) for name, t in tensors.items()}
    layers = {name.removeprefix("layer."): t for name, t in moved.items() if name != "image"}
    return Sample(own_copy(case), moved["image"], layers)


def own_copy(case: Case) -> Case:
    """Return a case whose image and targets may be written into without spoiling those that a worker keeps."""
    small = {k: case.targets[k] for k in case.targets if k not in ON_DEMAND}
    copied = {k: v.clone() if hasattr(v, "clone") else v for k, v in small.items()}
    # Volumes are too large to be copied, or even loaded, for each look.
    targets = copied if len(small) == len(case.targets) else ChainMap(copied, case.targets)  # type: ignore[arg-type]
    return replace(case, image=case.image.clone(), targets=targets, source=dict(case.source))
