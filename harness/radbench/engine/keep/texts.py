"""Texts: how names and messages are shown and kept so that none of them does anything, and all can be read back.

A file may be named, and a message may say, whatever its author likes: sequences that drive a terminal, marks that turn
the direction of writing, what a spreadsheet takes for a formula.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Sequence

LISTED = 5
"""At most so many cases are named in a sentence."""

_NAME = r"'(?:[^'\\]|\\.)*'"
_LIST = re.compile(rf" \(({_NAME}(?:, {_NAME})*)( and \d+ more)?\)")


def visible(text: str) -> str:
    """Return text with escapes (``\\x1b``, ``\\u202e``) for what is not to be seen; line ends and tabs stay."""
    return text if text.isprintable() else "".join(c if c in "\n\t" or c.isprintable() else _escape(c) for c in text)


def shown(name: str) -> str:
    """Return a name in quotes, with escapes for quotes, backslashes and whatever is not to be seen."""
    return "'" + "".join(c if c.isprintable() and c not in "\\'" else _escape(c) for c in name) + "'"


def listed(names: Iterable[str], most: int = LISTED) -> str:
    """Return names in brackets with a space before, as a sentence goes on: `` ('a', 'b' and 3 more)``; "" for none."""
    found = sorted(names)
    rest = f" and {len(found) - most} more" if len(found) > most else ""
    return f" ({', '.join(map(shown, found[:most]))}{rest})" if found else ""


def names_listed(text: str) -> list[str]:
    """Return the names that :func:`listed` wrote into a text."""
    return [name for found in _LIST.finditer(text) for name in _names(found[1])]


def relisted(text: str, digests: dict[str, str]) -> str:
    """Return a text with digests for the names that :func:`listed` wrote; a list of which one is unknown goes."""

    def replaced(found: re.Match[str]) -> str:
        names = _names(found[1])
        if not all(name in digests for name in names):
            return ""
        return f" ({', '.join(digests[name] for name in names)}{found[2] or ''})"

    return _LIST.sub(replaced, text)


def without_reasons(text: str) -> str:
    """Return a text that is cut where :func:`listed` wrote names and a reason follows, which may name others."""
    found = re.search(f"(?:{_LIST.pattern}): ", text)
    return f"{text[: found.end()]}…" if found else text


def counted(n: int, what: str, many: str = "") -> str:
    """Return a number of things: "1 case", "2 cases"."""
    return f"{n} {what if n == 1 else many or what + 's'}"


def _escape(character: str) -> str:
    return f"\\{character}" if character in "\\'" else character.encode("unicode_escape").decode()


def _names(text: str) -> Sequence[str]:
    return [str(ast.literal_eval(name)) for name in re.findall(_NAME, text)]
