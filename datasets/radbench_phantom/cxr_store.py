"""Where made radiographs and volumes are kept: one compressed file each, replaced whole, made anew where damaged."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radbench.contracts.atomic import replace_file
from radbench.contracts.folders import cache_folder

Arrays = dict[str, NDArray[Any]]


def remember(name: str, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Keep arrays under a name. Two processes may both do so: each replaces the whole file."""
    stream = io.BytesIO()
    packed = {k: np.packbits(v) if v.dtype == bool else v for k, v in arrays.items()}
    shapes = {f"{k}.shape": np.asarray(v.shape) for k, v in arrays.items() if v.dtype == bool}
    kept: dict[str, Any] = {**packed, **shapes}
    np.savez_compressed(stream, **kept)
    replace_file(_path(name), stream.getvalue())


def is_kept(name: str) -> bool:
    """Tell whether something is kept under a name; whether it can be read, :func:`recall` finds out."""
    return _path(name).is_file()


def recall(name: str, keys: tuple[str, ...]) -> Arrays | None:
    """Return what is kept under a name; None where there is nothing, or it is damaged or lacks a key."""
    try:
        with np.load(_path(name), allow_pickle=False) as archive:
            found = {k: archive[k] for k in archive.files}
        for key in keys:
            if f"{key}.shape" in found:
                shape = tuple(int(n) for n in found[f"{key}.shape"])
                bits = np.unpackbits(found[key], count=int(np.prod(shape)))
                found[key] = bits.astype(bool).reshape(shape)
        return {key: found[key] for key in keys}
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error):
        return None


def _path(name: str) -> Path:
    return cache_folder() / "phantom-cxr" / f"{name}.npz"
