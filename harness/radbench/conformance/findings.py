"""Findings: what a check found out about a part, in a sentence, and how a check says so."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Outcome(StrEnum):
    """How a check ended."""

    HOLDS = "holds"
    REMARK = "remark"
    BROKEN = "does not hold"
    NOT_TRIED = "not tried"


@dataclass(frozen=True)
class Finding:
    """What a check found out.

    Attributes:
        subject: "enhancer sharpen[amount=3]".
        check: the name of the check.
        outcome: how it ended.
        sentence: what holds; or what does not, where, and what to do; or why it was not tried.
    """

    subject: str
    check: str
    outcome: Outcome
    sentence: str


class BrokenError(AssertionError):
    """A plugin does not hold to its contract; the message says in what, where, and what to do."""


class RemarkError(Exception):
    """A plugin holds to its contract, but its users would want it otherwise."""


class NotTriedError(Exception):
    """A check could not be tried here; the message says why."""
