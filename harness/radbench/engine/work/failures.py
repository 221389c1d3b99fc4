"""Failures: how an exception becomes a typed status and one sentence."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from radbench.contracts.errors import CaseError, ImageReadError, InvalidOutputError, RadbenchError
from radbench.contracts.results import Status
from radbench.registry.whereabouts import definition_of, passed_through, raised_by, where


class RunAbortedError(RadbenchError):
    """The machine, not a plugin, stopped the run (a full disk, workers that cannot start); what is done is kept."""

    def __init__(self, why: object) -> None:
        super().__init__(f"{why}. What is done is kept: mend it and give the same command again.")


_OUT_OF_MEMORY = ("out of memory", "can't allocate memory", "insufficient memory")


def status_of(error: BaseException) -> Status:
    """Return the kind of an exception."""
    text = str(error).lower()
    if isinstance(error, MemoryError) or any(words in text for words in _OUT_OF_MEMORY):
        return Status.OUT_OF_MEMORY
    return Status.INVALID_OUTPUT if isinstance(error, InvalidOutputError) else Status.ERROR


def message_of(error: BaseException, own: Collection[str] = (), giver: Any = None) -> str:
    """Return one line that says what happened; our own errors speak for themselves.

    Args:
        error: as it was caught.
        own: files and folders of plugins: of an exception, the last of their lines is named.
        giver: the plugin's function that was called: where it is defined is named of a wrong result, and of an
            exception that none of its lines raised (it takes other arguments).
    """
    text = next(iter(str(error).strip().splitlines()), "")
    if isinstance(error, RadbenchError):
        at = definition_of(giver) if giver is not None and _refused(error, own) else ""
        return f"{text} ({at})" if at else text
    told = f"{type(error).__name__}: {text}" if text else type(error).__name__
    called = giver is not None and own and not passed_through(error, own)
    at = definition_of(giver) if called else where(error, own)
    return f"{told} ({at})" if at else told


def _refused(error: RadbenchError, own: Collection[str]) -> bool:
    """Tell whether an error speaks of what a plugin's function returned, rather than of something that it met.

    What a plugin's own line raises speaks for itself, and so does a reader that it called.
    """
    if isinstance(error, InvalidOutputError):
        return not raised_by(error, own)
    return isinstance(error, CaseError) and not isinstance(error, ImageReadError) and not passed_through(error, own)
