"""Text from outside (file names, what libraries say), made fit to be printed on one line."""

from __future__ import annotations

import os
import unicodedata
from pathlib import PurePath

_BREAKS = frozenset("\t\n\v\f\r\x1c\x1d\x1e\x85\u2028\u2029")


def printable(text: str | PurePath) -> str:
    r"""Return a text on one line, without anything that a terminal or an editor obeys instead of showing it.

    Breaks and runs of white space become one space. Control and format characters (escape sequences, marks that turn
    the direction of writing) and lone surrogates are written out as ``\x1b`` or ``\u202e``; the bytes of a file name
    that is no UTF-8 as ``\xfc``. What can be printed stays as it is.
    """
    words = " ".join("".join(" " if c in _BREAKS else c for c in str(text)).split())
    return "".join(c if c.isprintable() else _written_out(c) for c in words)


def name_of(path: str | os.PathLike[str]) -> str:
    r"""Return a path with ``/`` between its parts, in characters that every file and table can hold.

    Bytes that are no UTF-8 (Linux allows them) are written out as ``\xfc``; everything else stays as it is.
    """
    return os.fsencode(PurePath(path).as_posix()).decode("utf-8", "backslashreplace")


def _written_out(character: str) -> str:
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:
        return f"\\x{code - 0xDC00:02x}"
    if unicodedata.category(character) == "Zs":
        return " "
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
