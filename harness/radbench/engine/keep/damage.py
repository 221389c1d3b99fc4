"""Damage: what is kept is held against its checksums."""

from __future__ import annotations

import json
import time
from pathlib import Path

from radbench.contracts.errors import RadbenchError
from radbench.engine.keep.holdings import Holding
from radbench.engine.keep.lines import read_lines
from radbench.engine.keep.pieces import KeptLessons
from radbench.engine.keep.sealed import GoneError, StoreError, read_sealed
from radbench.engine.keep.store import Store
from radbench.engine.keep.texts import counted

_AT_ONCE = 60.0
"""Seconds between a file and one that is written right after it (assumed; it takes a moment)."""


def damage(store: Store, one: Holding) -> str:
    """Return what is wrong with something that is kept, "" where it is whole."""
    try:
        if one.kind in ("cases", "enhancements"):
            read_sealed(one.path)
        elif one.kind == "lessons":
            kept = KeptLessons([one.path])
            for place in range(len(kept)):
                kept[place]
        elif one.kind == "scores":
            torn: list[None] = []
            for _ in read_lines(one.path, lambda: torn.append(None)):
                pass
            if torn:
                return f"'{one.path}' has {counted(len(torn), 'line')} cut short or damaged"
            return f"'{one.path}' is empty" if one.path.exists() and not one.path.stat().st_size else ""
        elif one.kind == "weights":
            # Without weights, too, it is a training under way, or one that was stopped.
            if (one.path / "facts.json").exists():
                store.load_weights(one.key)
            elif _left_alone(one.path / "weights.safetensors"):
                return f"'{one.path / 'facts.json'}' is missing, without which its weights count as not trained"
        else:
            # Whoever recalls it holds it against its seal, and finds it out again where that is broken.
            json.loads(one.path.read_text(encoding="utf-8").partition("\n")[2])
    except GoneError:
        return ""  # taken away meanwhile
    except (StoreError, RadbenchError) as e:
        return str(e)
    except (OSError, ValueError, KeyError, TypeError) as e:
        return f"it cannot be read: {type(e).__name__}: {e}"
    return ""


def _left_alone(path: Path) -> bool:
    """Tell whether a file is there, and was not just written: what belongs beside it comes at once."""
    try:
        return time.time() - path.stat().st_mtime > _AT_ONCE
    except FileNotFoundError:
        return False
