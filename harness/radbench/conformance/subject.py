"""Subject: the part that checks are tried on, and what a check is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from radbench.conformance.findings import BrokenError, NotTriedError
from radbench.conformance.workshop import Workshop
from radbench.contracts.errors import PluginError, RadbenchError, UsageError
from radbench.contracts.variants import parse_variant
from radbench.engine.plan.parts import Part
from radbench.engine.work.failures import message_of
from radbench.registry.registry import Entry
from radbench.registry.whereabouts import code_places


class Subject:
    """A variant of what a plugin offers.

    Args:
        kind: "enhancer", "task" or "dataset".
        variant: ``name`` or ``name[field=value,...]``.
        workshop: where it is tried.
    """

    def __init__(self, kind: str, variant: str, workshop: Workshop) -> None:
        self.kind, self.variant, self.workshop = kind, variant, workshop

    @property
    def name(self) -> str:
        """How findings name it."""
        return f"{'data set' if self.kind == 'dataset' else self.kind} {self.variant}"

    @cached_property
    def entry(self) -> Entry:
        """What the plugin offers."""
        return self.workshop.registry.entry(self.kind, parse_variant(self.variant).name)

    @cached_property
    def part(self) -> Part:
        """The part.

        Raises:
            BrokenError: its code cannot be loaded, or lacks what it must have.
            NotTriedError: a field of it must be given, or what it names is not there.
        """
        try:
            return self.workshop.part(self.kind, self.variant)
        except PluginError as e:
            raise BrokenError(str(e)) from e
        except RadbenchError as e:
            raise NotTriedError(f"it is not there to be tried: {e}") from e

    @cached_property
    def own(self) -> tuple[str, ...]:
        """Files and folders of its plugin's code."""
        return code_places([self.entry.plugin], [self.entry.spec.factory])

    def told(self, error: BaseException) -> str:
        """Return an exception as a sentence, with the line of the plugin's code."""
        giver = getattr(self.part.factory, _CALLED[self.kind], self.part.factory)
        return message_of(error, self.own, giver).rstrip(".")

    def broken(self, what: str, error: BaseException) -> BrokenError:
        """Return the finding that something raised."""
        return BrokenError(f"{what}: {self.told(error)}")


_CALLED = {"enhancer": "enhance", "task": "score", "dataset": "load"}


@dataclass(frozen=True)
class Check:
    """Something to try on a part.

    Attributes:
        name: of it.
        applies: tells by kind and spec whether there is anything to try.
        attempt: tries it; returns what holds, in a sentence.
    """

    name: str
    applies: Callable[[str, Any], bool]
    attempt: Callable[[Subject], str]


def refused(error: BaseException) -> bool:
    """Tell whether a plugin refused a case in the way that is meant for it."""
    from radbench.contracts.errors import CaseError

    return isinstance(error, CaseError | UsageError)
