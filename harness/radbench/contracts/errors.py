"""The errors radbench raises: sentences that name the thing, what was expected, and what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from radbench.contracts.printable import printable


class RadbenchError(Exception):
    """Base of every error that radbench raises on purpose: one line, whatever names and reasons it quotes."""

    def __init__(self, message: object = "") -> None:
        super().__init__(printable(str(message)))


class UsageError(RadbenchError):
    """The command or call is wrong: an unknown name or field, a bad value, a missing folder (exit status 2)."""


class UnknownNameError(UsageError):
    """No plugin offers the name; the message carries the nearest ones."""

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        self.kind, self.name, self.known = kind, name, sorted(known)
        super().__init__(f"unknown {kind} '{name}'{did_you_mean(name, self.known)}")


class ConfigurationError(UsageError):
    """A configuration field is unknown, or its value is refused."""


class DuplicateNameError(UsageError):
    """Two plugins offer the same name."""


class PluginError(RadbenchError):
    """A plugin could not be imported or does not keep its contract."""


class DatasetError(UsageError):
    """A data set is missing, empty or inconsistent."""


class CaseError(RadbenchError):
    """One case cannot be used: unreadable file, NaN pixels, a mask of another size."""


class ImageReadError(CaseError):
    """A file does not hold a readable image."""


class ChangedInputError(ImageReadError):
    """What a case is read from was changed during the run; nothing is wrong with it as it is now."""


class InvalidOutputError(RadbenchError):
    """An enhancer or a task returned something outside its contract."""


class SchemaError(RadbenchError):
    """A leaderboard file does not follow the schema."""


class NotComparableError(UsageError):
    """Rows that were scored on different data, profiles or metric versions must not be merged."""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return ``": did you mean 'a' or 'b'?"``, or the list of what there is when nothing is near.

    Args:
        name: what was asked for.
        known: the names there are.
    """
    known = sorted(known)
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.6)
    near = near or [k for k in known if name and (k.startswith(name) or name.startswith(k))]
    if near:
        return ": did you mean " + " or ".join(f"'{n}'" for n in near) + "?"
    return ": there is " + ", ".join(known) if known else ": there is none"
