"""Labels: values and parts as they are typed, so that what is printed can be given back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from radbench.contracts.variants import quoted


def label_of(found: Any) -> str:
    """Return the label of a part, of a list of them, or of none, as it stands in its owner's."""
    if found is None:
        return "none"
    return f"[{','.join(one.label for one in found)}]" if isinstance(found, tuple) else str(found.label)


def typed(value: Any) -> str:
    """Return a value as it must be typed to be read back."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return repr(value).removesuffix(".0")
    if isinstance(value, str | Path):
        return quoted(str(value))
    if isinstance(value, list | tuple | dict | frozenset | set):
        return json.dumps(_short(value), separators=(",", ":"), default=str)
    return str(value)


def _short(value: Any) -> Any:
    """Return a value with sets in order and whole numbers without a point, at any depth."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, dict):
        return {k: _short(v) for k, v in value.items()}
    if isinstance(value, set | frozenset):
        return sorted((_short(v) for v in value), key=lambda v: json.dumps(v, default=str))
    return [_short(v) for v in value] if isinstance(value, list | tuple) else value
