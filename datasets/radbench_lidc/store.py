"""Prepared scans in the cache folder, one file per case, written whole or not at all."""

from __future__ import annotations

import contextlib
import io
import json
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from radbench.contracts.atomic import replace_file
from radbench.contracts.folders import cache_folder
from radbench_lidc.preparation import Prepared


def path_of(digest: str) -> Path:
    """Return where the prepared case of a digest lies: a change of files or options is another digest."""
    return cache_folder() / "lidc" / "cases" / digest[:2] / f"{digest}.npz"


def recall(digest: str) -> Prepared | None:
    """Return the prepared case, or None where there is none or its file is damaged."""
    try:
        with np.load(path_of(digest), allow_pickle=False) as kept:
            facts = json.loads(bytes(kept["facts"]))
            shape = tuple(facts["shape"])
            return Prepared(
                images={name: kept[f"image:{name}"] for name in facts["images"]},
                masks={
                    name: np.unpackbits(kept[f"mask:{name}"], count=shape[0] * shape[1]).astype(bool).reshape(shape)
                    for name in facts["masks"]
                },
                spacing_mm=(facts["spacing_mm"][0], facts["spacing_mm"][1]),
                source=facts["source"],
            )
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error):
        return None


def remember(digest: str, prepared: Prepared) -> None:
    """Keep a prepared case. Where the cache folder cannot be written to, it is prepared again the next time."""
    facts = {
        "shape": list(prepared.images["image"].shape),
        "images": sorted(prepared.images),
        "masks": sorted(prepared.masks),
        "spacing_mm": list(prepared.spacing_mm),
        "source": prepared.source,
    }
    arrays: dict[str, Any] = {f"image:{name}": image for name, image in prepared.images.items()}
    arrays |= {f"mask:{name}": np.packbits(mask) for name, mask in prepared.masks.items()}
    arrays["facts"] = np.frombuffer(json.dumps(facts).encode(), dtype=np.uint8)
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)
    with contextlib.suppress(OSError):
        replace_file(path_of(digest), file.getvalue())
