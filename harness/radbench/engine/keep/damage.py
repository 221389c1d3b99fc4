"""Damage: what is kept is held against its checksums."""

from __future__ import annotations

import json

from radbench.contracts.errors import RadbenchError
from radbench.engine.keep.holdings import Holding
from radbench.engine.keep.lines import read_lines
from radbench.engine.keep.pieces import KeptLessons
from radbench.engine.keep.sealed import GoneError, StoreError, read_sealed
from radbench.engine.keep.store import Store
from radbench.engine.keep.texts import counted


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
            return f"{counted(len(torn), 'line')} cut short or damaged" if torn else ""
        elif one.kind == "weights":
            # Without facts it is a training under way, or one that was stopped.
            if (one.path / "facts.json").exists():
                store.load_weights(one.key)
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
