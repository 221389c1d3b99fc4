"""Sealed files: tensors and facts in one file with a checksum, so that damage is noticed when it is read."""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from radbench.contracts.atomic import replace_file
from radbench.contracts.errors import RadbenchError
from radbench.engine.keep.private import privately

if TYPE_CHECKING:
    from torch import Tensor

_PLAIN, _SMALLER = b"RADBENCH", b"RADBENCZ"
_HEAD = len(_PLAIN) + hashlib.sha256().digest_size
_WORTH_IT = 0.9
"""What compression does not take below this part of its size is kept as it is, which is faster to read."""


class StoreError(RadbenchError):
    """The cache or output folder cannot be written: full, read-only or gone."""


class UnreadableError(StoreError):
    """Something that was kept is gone or damaged; it can be made again."""


class GoneError(UnreadableError):
    """Something is kept no more, or never was."""


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file so that it is there whole or not at all.

    Raises:
        StoreError: the folder cannot be written (disk full, read-only, ...); what was there before stays.
    """
    try:
        with privately():
            replace_file(path, data)
    except OSError as e:
        raise StoreError(f"cannot write '{path}': {e.strerror or e}") from e


def write_sealed(path: Path, tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> None:
    """Keep tensors (any type and shape) and JSON-able facts under a seal.

    Raises:
        StoreError: it cannot be written.
    """
    from safetensors.torch import save

    # Tensors without elements or with shared memory are no trouble to a clone.
    plain = {k: v.detach().cpu().clone().contiguous() for k, v in tensors.items()}
    data = save(plain, {"facts": json.dumps(dict(facts))})
    # Of images and masks the fastest level leaves 0.4, and higher ones hardly less (benchmarks/keeping.py).
    smaller = zlib.compress(data, 1)
    magic, body = (_SMALLER, smaller) if len(smaller) < _WORTH_IT * len(data) else (_PLAIN, data)
    write_atomically(path, magic + hashlib.sha256(body).digest() + body)


def read_sealed(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Return the tensors and the facts.

    Raises:
        UnreadableError: there is no such file, or its seal is broken.
    """
    from safetensors.torch import load

    data = _sealed(path)
    size = int.from_bytes(data[:8], "little")
    facts = json.loads(json.loads(data[8 : 8 + size])["__metadata__"]["facts"])
    return load(data), facts


def _sealed(path: Path) -> bytes:
    try:
        data = path.read_bytes()
    except FileNotFoundError as e:
        raise GoneError(f"'{path}' is not there") from e
    except OSError as e:
        raise UnreadableError(f"'{path}' cannot be read: {e.strerror or e}") from e
    magic, body = data[: len(_PLAIN)], data[_HEAD:]
    if magic not in (_PLAIN, _SMALLER) or hashlib.sha256(body).digest() != data[len(_PLAIN) : _HEAD]:
        raise UnreadableError(f"'{path}' is damaged: its checksum does not match")
    try:
        return zlib.decompress(body) if magic == _SMALLER else body
    except zlib.error as e:
        # One flipped bit tells the two apart: the checksum is of what follows.
        raise UnreadableError(f"'{path}' is damaged: {e}") from e
