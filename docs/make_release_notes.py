"""Prints the notes of a version, from ``CHANGELOG.md``: ``python docs/make_release_notes.py 0.2.0``."""

from __future__ import annotations

import re
import sys
from pathlib import Path

CHANGELOG = Path(__file__).resolve().parents[1] / "CHANGELOG.md"
FIRST = "How a plugin moves over"
"""What authors must know before all the rest."""


def notes(changelog: str, version: str) -> str:
    """Return a version's section without its heading: what authors must change first, then the rest as it stands.

    Raises:
        ValueError: there is no such version, or it has no date yet.
    """
    sections = re.split(r"^## \[([^]]+)\] - (.*)$", changelog, flags=re.MULTILINE)
    found = {
        name: (date, text) for name, date, text in zip(sections[1::3], sections[2::3], sections[3::3], strict=True)
    }
    if version not in found:
        raise ValueError(f"CHANGELOG.md has no section '{version}': there is {', '.join(found)}")
    date, text = found[version]
    if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", date.strip()):
        raise ValueError(f"section '{version}' of CHANGELOG.md has no date yet, but '{date.strip()}'")
    opening, *parts = re.split(r"^(?=### )", text, flags=re.MULTILINE)
    parts.sort(key=lambda part: not part.startswith(f"### {FIRST}"))
    return "\n\n".join(part.strip() for part in (opening, *parts) if part.strip()) + "\n"


if __name__ == "__main__":
    try:
        sys.stdout.write(notes(CHANGELOG.read_text(encoding="utf-8"), sys.argv[1]))
    except (IndexError, ValueError) as e:
        sys.exit(str(e) if isinstance(e, ValueError) else "which version? python docs/make_release_notes.py X.Y.Z")
