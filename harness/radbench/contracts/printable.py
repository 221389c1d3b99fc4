"""Text from outside (file names, what libraries say), made fit to be printed on one line or kept in a table."""

from __future__ import annotations

import os
import re
import unicodedata
from pathlib import PurePath

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""What spreadsheets take for the beginning of a formula; the last four are full-width forms."""

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.ASCII | re.IGNORECASE)
_ESCAPED = re.compile(r"\\u\{([0-9a-f]{1,6})\}")
_TURNS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c")
"""Marks that turn the direction of writing; other format characters, such as joiners, belong to scripts and emoji."""


def printable(text: str | PurePath) -> str:
    r"""Return a text on one line, without anything that a terminal or an editor obeys instead of showing it.

    Breaks and runs of white space become one space. Control and format characters (escape sequences, marks that turn
    the direction of writing) and lone surrogates are written out as ``\x1b`` or ``\u202e``; the bytes of a file name
    that is no UTF-8 as ``\xfc``. What can be printed stays as it is.
    """
    return escaped(" ".join(str(text).split()))


def escaped(text: str) -> str:
    r"""Return a text with everything that cannot be printed written out, white space other than blanks included."""
    return text if text.isprintable() else "".join(c if c.isprintable() else _written_out(c) for c in text)


def name_of(path: str | os.PathLike[str]) -> str:
    r"""Return a path with ``/`` between its parts, in characters that every file and table can hold.

    Bytes that are no UTF-8 (Linux allows them) are written out as ``\xfc``; everything else stays as it is.
    """
    return os.fsencode(PurePath(path).as_posix()).decode("utf-8", "backslashreplace")


def to_cell(text: str) -> str:
    """Return text as it is written into a CSV file: no spreadsheet takes it for a formula, no terminal for a command.

    Control characters and marks of direction become ``\\u{1b}``; what begins like a formula, or with apostrophes before
    one, gets an apostrophe before it. Numbers, and line ends within a text, stay as they are.
    """
    if not text.isprintable() or r"\u{" in text:
        text = text.replace(r"\u{", r"\u{5c}u{")
        text = "".join(f"\\u{{{ord(c):x}}}" if _is_control(c) else c for c in text)
    return f"'{text}" if _looks_like_formula(text) else text


def from_cell(text: str) -> str:
    """Return what :func:`to_cell` was given."""
    if text.startswith("'") and _looks_like_formula(text[1:]):
        text = text[1:]
    return _ESCAPED.sub(_unescaped, text) if r"\u{" in text else text


def _unescaped(found: re.Match[str]) -> str:
    # Somebody else's table may hold what no character has.
    code = int(found[1], 16)
    return chr(code) if code <= 0x10FFFF else found[0]


def _looks_like_formula(text: str) -> bool:
    bare = text.lstrip("'")
    begins = next((i for i, c in enumerate(bare) if unicodedata.category(c) != "Cf"), len(bare))
    return bare[begins:].startswith(_FORMULA) and not (bare == text and _NUMBER.fullmatch(text))


def _is_control(character: str) -> bool:
    return character in _TURNS or (
        unicodedata.category(character) in ("Cc", "Zl", "Zp", "Cs") and character not in "\n\t"
    )


def _written_out(character: str) -> str:
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:
        return f"\\x{code - 0xDC00:02x}"
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
