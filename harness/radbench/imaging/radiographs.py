"""Radiographs of collections: decoded to dense-is-bright in [0,1], with their boxes and masks reduced along."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from radbench.contracts.errors import CaseError, ImageReadError
from radbench.imaging.read import read_image, read_mask
from radbench.imaging.regions import Resized

if TYPE_CHECKING:
    from torch import Tensor

Box = tuple[float, float, float, float]
"""x,y,x,y pixels, whole numbers at pixel centres."""

_HALF = 0.5


@dataclass(frozen=True)
class Reading:
    """How the radiographs of a collection are read.

    Attributes:
        size: the pixels that a side is reduced to; None leaves images as they are. Nothing is enlarged.
        side: which side that is.
        pixels: (rows, columns) that every file must have; None takes any.
        polarity: "declared" or "reversed", of :class:`radbench.imaging.ReadOptions`.
        bits: the depth that is the whole range, where it is not the file's; None is the file's.
    """

    size: int | None = None
    side: Literal["longer", "shorter"] = "longer"
    pixels: tuple[int, int] | None = None
    polarity: Literal["declared", "reversed"] = "declared"
    bits: int | None = None


@dataclass(frozen=True)
class Radiograph:
    """A radiograph that was read.

    Attributes:
        image: float32 ``[1,H,W]`` in [0,1], dense is bright.
        native: (rows, columns) of the file.
        spacing_mm: (row, column) that the file states or its format implies, of the image as it is now; or None.
        provenance: how it was read and reduced.
    """

    image: Tensor
    native: tuple[int, int]
    spacing_mm: tuple[float, float] | None
    provenance: Mapping[str, Any]

    @property
    def size(self) -> tuple[int, int]:
        """(rows, columns) of the image."""
        return int(self.image.shape[1]), int(self.image.shape[2])


def read_radiograph(path: Path, reading: Reading, digests: Mapping[Path, str] | None = None) -> Radiograph:
    """Read a radiograph of any format that is read; colours become grey, alpha is laid over black.

    Args:
        path: the file.
        reading: how.
        digests: the SHA-256 that files had when they were listed.

    Raises:
        ImageReadError: it cannot be read, or has another size than the collection's files.
    """
    import torch

    read = read_image(path, digests=digests, polarity=reading.polarity, bits=reading.bits)
    native = int(read.image.shape[1]), int(read.image.shape[2])
    if reading.pixels is not None and native != reading.pixels:
        raise ImageReadError(
            f"'{path.name}' is {native[1]} x {native[0]} (columns x rows), and the collection's files are "
            f"{reading.pixels[1]} x {reading.pixels[0]}: get it again, or take any size by pixels=none"
        )
    size = reduced_size(native, reading.size, reading.side)
    if size == native:
        return Radiograph(read.image, native, read.spacing_mm, read.provenance)
    image = torch.from_numpy(area_average(read.image[0].numpy(), size))[None]
    spacing = read.spacing_mm
    return Radiograph(
        image,
        native,
        None if spacing is None else (spacing[0] * native[0] / size[0], spacing[1] * native[1] / size[1]),
        {**read.provenance, "reduced": f"from {native[0]} x {native[1]} (rows x columns) by area averaging"},
    )


def reduced_size(
    native: tuple[int, int], size: int | None, side: Literal["longer", "shorter"] = "longer"
) -> tuple[int, int]:
    """Return (rows, columns) after a reduction; an image that is no larger keeps its size.

    Args:
        native: (rows, columns) before.
        size: pixels of the side, or None.
        side: which side. The other one keeps the proportions, rounded to whole pixels.
    """
    if size is None:
        return native
    reference = max(native) if side == "longer" else min(native)
    if reference <= size:
        return native
    rows, columns = (max(1, round(n * size / reference)) for n in native)
    return rows, columns


def area_average(image: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.float32]:
    """Reduce an image: each pixel is the mean of what it covers, pixels that it covers in part counting in part.

    Args:
        image: float32 ``[H,W]``.
        size: (rows, columns), neither larger than the image's.

    Returns:
        float32 ``[rows, columns]`` within the image's range.
    """
    import cv2

    out = cv2.resize(np.ascontiguousarray(image), (size[1], size[0]), interpolation=cv2.INTER_AREA)
    # Weights sum to 1 within rounding only.
    return np.asarray(out, dtype=np.float32).clip(image.min(), image.max())


def read_masks(
    paths: Sequence[Path], size: tuple[int, int], digests: Mapping[Path, str] | None = None
) -> tuple[Tensor, list[dict[str, Any]]]:
    """Read masks of one structure (two lungs) and return their union at an image's size.

    A mask that is larger is reduced by area: a pixel is set where at least half of it is covered. One that is smaller
    is enlarged: each pixel takes the value under its centre.

    Args:
        paths: one or more files of one size.
        size: (rows, columns) wanted, of the same proportions.
        digests: the SHA-256 that files had when they were listed.

    Returns:
        bool ``[1,H,W]``; and how each was read.

    Raises:
        ImageReadError: a mask cannot be read, is empty, or has other proportions than the image.
    """
    import torch

    union: Tensor | None = None
    sources = []
    for path in paths:
        mask, source = read_mask(path, digests=digests)
        if not bool(mask.any()):
            raise ImageReadError(f"mask '{path.name}' in '{path.parent.name}' is empty: get it again")
        if union is not None and mask.shape != union.shape:
            raise ImageReadError(f"mask '{path.name}' in '{path.parent.name}' has another size than the one before")
        union = mask if union is None else union | mask
        sources.append({**source, "folder": path.parent.name})
    if union is None:
        raise CaseError("there is no mask to read")
    native = int(union.shape[1]), int(union.shape[2])
    if native[0] * size[1] != native[1] * size[0]:
        raise ImageReadError(
            f"mask '{paths[0].name}' is {native[0]} x {native[1]} (rows x columns), which are not the proportions of "
            f"its image, {size[0]} x {size[1]}"
        )
    if native[0] > size[0]:
        covered = area_average(union[0].numpy().astype(np.float32), size)
        return torch.from_numpy(covered >= _HALF)[None], sources
    return Resized(native, size).mask_to_resized(union), sources


def scaled_boxes(
    boxes: Mapping[str, Sequence[Box]], frame: tuple[int, int], size: tuple[int, int]
) -> dict[str, Tensor]:
    """Return boxes in the pixels of an image that was reduced, cut off at its edges.

    Args:
        boxes: by finding, in the frame's pixels.
        frame: (rows, columns) that they were drawn in.
        size: (rows, columns) of the image.

    Returns:
        By finding, float32 ``[N,4]``, N = 0 where there is none.
    """
    import torch

    scale = Resized(frame, size)
    out = {}
    for finding, several in boxes.items():
        corners = torch.tensor(list(several), dtype=torch.float64).reshape(-1, 2, 2)
        corners = scale.points_to_resized(corners)
        edge = torch.tensor([size[1] - _HALF, size[0] - _HALF], dtype=torch.float64)
        corners = torch.minimum(corners.clamp(min=-_HALF), edge)
        out[finding] = corners.reshape(-1, 4).to(torch.float32)
    return out


def box_fault(box: Box, frame: tuple[int, int]) -> str:
    """Return what is wrong with a box, or "": no number, turned round, empty, or beyond the frame by over a pixel.

    Args:
        box: x,y,x,y pixels.
        frame: (rows, columns) that it was drawn in.
    """
    told = f"box ({', '.join(f'{v:g}' for v in box)})"
    if not np.isfinite(box).all():
        return f"{told} has a value that is no number"
    left, top, right, bottom = box
    if right <= left or bottom <= top:
        return f"{told} is empty or turned round"
    if left < -1 or top < -1 or right > frame[1] or bottom > frame[0]:
        return f"{told} leaves the {frame[1]} x {frame[0]} (columns x rows) that it is drawn in"
    return ""


def disc_mask(discs: Iterable[tuple[float, float, float]], frame: tuple[int, int], size: tuple[int, int]) -> Tensor:
    """Draw discs on an image: pixels whose centres lie inside; of a disc that holds none, the one at its centre.

    Args:
        discs: (x, y, diameter) each, in the frame's pixels.
        frame: (rows, columns) that they are told in.
        size: (rows, columns) of the image.

    Returns:
        bool ``[1,H,W]``.
    """
    import torch

    mask = np.zeros(size, dtype=bool)
    per_row, per_column = frame[0] / size[0], frame[1] / size[1]
    rows = (np.arange(size[0]) + _HALF) * per_row - _HALF
    columns = (np.arange(size[1]) + _HALF) * per_column - _HALF
    for x, y, diameter in discs:
        mask |= (rows[:, None] - y) ** 2 + (columns[None] - x) ** 2 <= (diameter / 2) ** 2
        mask[np.abs(rows - y).argmin(), np.abs(columns - x).argmin()] = True
    return torch.from_numpy(mask)[None]
