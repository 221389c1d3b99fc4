"""Writing an image to PNG, TIFF or JPEG, whole or not at all."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from radbench.contracts.atomic import replace_file
from radbench.contracts.errors import RadbenchError

if TYPE_CHECKING:
    from torch import Tensor

_FORMATS = {".png": "PNG", ".tif": "TIFF", ".tiff": "TIFF", ".jpg": "JPEG", ".jpeg": "JPEG"}


class ImageWriteError(RadbenchError):
    """An image cannot be written: its values, the file's kind, the folder or the disk."""


def write_image(path: str | os.PathLike[str], image: Tensor, *, bits: int = 8, quality: int = 95) -> Path:
    """Write an image, so that a reader sees either the whole file or the one that was there before.

    Args:
        path: where to; ``.png``, ``.tif``, ``.tiff``, ``.jpg`` or ``.jpeg`` says the format. Missing folders
            are made.
        image: float ``[1,H,W]`` or ``[H,W]`` in [0,1]; value v is stored as the integer nearest to
            v * (2**bits - 1).
        bits: 8 or 16; JPEG holds 8 only.
        quality: JPEG's, 1..100. JPEG loses detail: prefer PNG.

    Returns:
        The path.

    Raises:
        ImageWriteError: pixels that are not finite or leave [0,1], a suffix or depth that is not written, a
            folder that cannot be written to, a full disk.
    """
    target = Path(path)
    kind = _FORMATS.get(target.suffix.lower())
    if kind is None:
        raise ImageWriteError(f"'{target.name}': images are written as {', '.join(_FORMATS)}; choose one of them")
    if bits not in (8, 16) or (kind == "JPEG" and bits != 8):
        raise ImageWriteError(f"'{target.name}': {kind} is not written with bits={bits}; use 8 or, in PNG or TIFF, 16")
    picture = Image.fromarray(quantise(image, bits, target.name))
    settings: dict[str, Any] = {}
    if kind == "JPEG":
        settings["quality"] = quality
    elif kind == "TIFF":
        settings["compression"] = "tiff_adobe_deflate"
    buffer = io.BytesIO()
    picture.save(buffer, format=kind, **settings)
    write_bytes(target, buffer.getvalue())
    return target


def quantise(image: Tensor, bits: int, name: str) -> NDArray[Any]:
    """Return an image in [0,1] as integers, uint8 or uint16 ``[H,W]``.

    Raises:
        ImageWriteError: not one image, no pixels, not finite, or outside [0,1].
    """
    values = np.asarray(image.detach().cpu() if hasattr(image, "detach") else image, dtype=np.float64)
    if values.ndim == 3 and values.shape[0] == 1:
        values = values[0]
    if values.ndim != 2 or values.size == 0:
        raise ImageWriteError(f"'{name}': an image to write must be [1,H,W] or [H,W], got {list(values.shape)}")
    if not np.isfinite(values).all():
        raise ImageWriteError(f"'{name}': the image has NaN or infinite pixels, which no file holds")
    low, high = float(values.min()), float(values.max())
    if low < 0.0 or high > 1.0:
        raise ImageWriteError(f"'{name}': the image must lie in [0,1], got [{low:.6g}, {high:.6g}]; scale it first")
    return np.rint(values * (2**bits - 1)).astype(np.uint8 if bits == 8 else np.uint16)


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file whole or not at all; a link that lies there is replaced, what it leads to is left alone.

    Raises:
        ImageWriteError: the folder cannot be made or written to, or the disk is full; nothing is left behind.
    """
    try:
        replace_file(path, data, durable=True, follow=False)
    except OSError as error:
        raise ImageWriteError(f"'{path}' cannot be written ({error.strerror or error})") from error
