"""Failures: how an exception becomes a typed status and one sentence."""

from __future__ import annotations

import traceback
from pathlib import Path

from radbench.contracts.errors import InvalidOutputError, RadbenchError
from radbench.contracts.results import Status


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


def message_of(error: BaseException) -> str:
    """Return one line that says what happened; our own errors speak for themselves."""
    text = str(error).strip().split("\n")[0]
    if isinstance(error, RadbenchError):
        return text
    frames = traceback.extract_tb(error.__traceback__)
    where = f" ({Path(frames[-1].filename).name}:{frames[-1].lineno})" if frames else ""
    return f"{type(error).__name__}: {text}{where}" if text else f"{type(error).__name__}{where}"
