"""Sealed files: tensors and facts in one file with a checksum, so that damage is noticed when it is read."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from radbench.contracts.atomic import replace_file
from radbench.contracts.errors import RadbenchError

if TYPE_CHECKING:
    from torch import Tensor

_MAGIC = b"RADBENCH"
_HEAD = len(_MAGIC) + hashlib.sha256().digest_size


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
    write_atomically(path, _MAGIC + hashlib.sha256(data).digest() + data)


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
    body = data[_HEAD:]
    if data[: len(_MAGIC)] != _MAGIC or hashlib.sha256(body).digest() != data[len(_MAGIC) : _HEAD]:
        raise UnreadableError(f"'{path}' is damaged: its checksum does not match")
    return body
