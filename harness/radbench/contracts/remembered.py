"""What is remembered between runs to save time: a JSON file under a seal, which counts for nothing once damaged."""

from __future__ import annotations

import contextlib
import hashlib
import json
from pathlib import Path
from typing import Any

from radbench.contracts.atomic import replace_file


def remember(path: Path, value: Any, mark: str = "") -> None:
    """Keep a JSON-able value for the next process; where it cannot be written, it is found out again.

    Args:
        path: of the file.
        value: it.
        mark: what the value hangs on besides, such as a format's version; under another mark nothing is recalled.
    """
    body = json.dumps(value, separators=(",", ":"))
    with contextlib.suppress(OSError):
        replace_file(path, f"{_seal(body, mark)}\n{body}".encode())


def recall(path: Path, mark: str = "") -> Any:
    """Return what was remembered: None where there is nothing, or it is damaged, or of another mark."""
    try:
        seal, _, body = path.read_text(encoding="utf-8").partition("\n")
        return json.loads(body) if seal == _seal(body, mark) else None
    except (OSError, ValueError):
        return None


def _seal(body: str, mark: str) -> str:
    return hashlib.sha256(f"{mark}\n{body}".encode()).hexdigest()
