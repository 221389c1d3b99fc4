"""Stored: one image as its file holds it; and how it is developed into [0,1]."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from radbench.contracts.errors import ImageReadError
from radbench.imaging.intensity import LookUpTable, Window
from radbench.imaging.limits import check_limit

if TYPE_CHECKING:
    from torch import Tensor

AIR_HU = -1000.0
"""What padding pixels of a CT slice become: they lie outside the scanned circle, in air."""

MAPPING_VERSION = 2
"""Raised whenever the same file and options give other pixels, so that remembered results are not reused."""

_TABLE_SIZE = 2**18

_USUAL_BITS = (8, 12)
"""Depths of screens and of most detectors, which many programs store in words of sixteen bits."""


@dataclass(frozen=True)
class ReadOptions:
    """How :func:`radbench.imaging.read_image` reads. The defaults take what the file states, and nothing else.

    Attributes:
        window: "first": the file's first window, else its first VOI look-up table, else its whole stored
        range (a
            CT slice or NIfTI without a window is refused: its range is no picture); a number k: the file's
            k-th window, from 1; "lut": its first VOI look-up table; "none": the whole stored range; ``(low,
            high)``: these values, in the units after the rescale (HU for CT).
        bits: the depth that the whole stored range means, where the file's own is not the one used (12 bits
            stored as 16); values beyond it are refused.
        rescale: ``(slope, intercept)`` from stored values to units, for formats that cannot state it.
        polarity: "declared": as the format or photometric interpretation says; "reversed": the other way.
        alpha: "over-black": partly transparent pixels are laid over black (air); "ignore": as if opaque; "shape":
            where all have one colour, the alpha itself, else as over-black (masks are drawn so).
        frame: which frame or page, from 1, of a file that has several; None refuses such a file.
        plane: of a NIfTI volume: "axial", "coronal" or "sagittal".
        slice_number: of a NIfTI volume: from 1, counted from inferior, posterior or right; None
            refuses a volume of several slices.
        modality: "ct" gives ``hu`` for a format that does not state its modality: the values of NIfTI, or
        what
            ``rescale`` makes of others. None leaves it to the file.
        spacing_mm: the pixel spacing (row, column) where the file states none (or another).
    """

    window: Literal["first", "lut", "none"] | int | tuple[float, float] = "first"
    bits: int | None = None
    rescale: tuple[float, float] | None = None
    polarity: Literal["declared", "reversed"] = "declared"
    alpha: Literal["over-black", "ignore", "shape"] = "over-black"
    frame: int | None = None
    plane: Literal["axial", "coronal", "sagittal"] = "axial"
    slice_number: int | None = None
    modality: str | None = None
    spacing_mm: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        self._check_window()
        _among("polarity", self.polarity, ("declared", "reversed"))
        _among("alpha", self.alpha, ("over-black", "ignore", "shape"))
        _among("plane", self.plane, ("axial", "coronal", "sagittal"))
        if self.bits is not None and not 1 <= self.bits <= 32:
            raise ValueError(f"bits={self.bits!r} must lie in 1..32")
        if self.rescale is not None and (self.rescale[0] == 0 or not all(map(math.isfinite, self.rescale))):
            raise ValueError(f"rescale={self.rescale!r} needs a finite slope other than 0")
        for name, number in (("frame", self.frame), ("slice_number", self.slice_number)):
            if number is not None and number < 1:
                raise ValueError(f"{name}={number!r} must be 1 or more")

    def _check_window(self) -> None:
        window = self.window
        if isinstance(window, str):
            _among("window", window, ("first", "lut", "none"))
        elif isinstance(window, int):
            if window < 1:
                raise ValueError(f"window={window!r}: windows are counted from 1")
        elif len(window) != 2 or not all(map(math.isfinite, window)) or not window[0] < window[1]:
            raise ValueError(f"window={window!r} needs finite low < high")


def _among(name: str, value: object, allowed: Sequence[str]) -> None:
    if value not in allowed:
        raise ValueError(f"{name}={value!r} must be one of {', '.join(allowed)}")


@dataclass(frozen=True)
class ReadImage:
    """An image that was read.

    Attributes:
        image: float32 ``[1,H,W]`` in [0,1], dense is bright.
        spacing_mm: pixel spacing (row, column) in millimetres, or None where the file states none.
        provenance: what was read and how it was mapped to [0,1]; plain values that JSON can hold.
        hu: float32 ``[1,H,W]`` Hounsfield units where the modality is CT, otherwise None.
    """

    image: Tensor
    spacing_mm: tuple[float, float] | None
    provenance: Mapping[str, Any]
    hu: Tensor | None = None


@dataclass(frozen=True)
class Stored:
    """One image as stored, in grey, before any mapping.

    Attributes:
        name: how sentences call the file.
        values: integers or floats ``[H,W]``.
        bounds: the smallest and largest value that the format could hold here, or None where nothing says.
        format: "PNG", "DICOM", ...
        bits: its depth, None for floats.
        rescale: (slope, intercept) from stored values to units, or None where the format has none.
        reversed: whether large values mean dark, and by what word of the format.
        windows: the windows that the file offers.
        tables: the VOI look-up tables that it offers.
        padding: True where a pixel is outside the picture, or None.
        hounsfield: whether the units are HU because the file says so.
        unscaled: whether the units are those of the scanner, whichever that was (NIfTI).
        needs_window: why the whole stored range is no picture here, or "".
        lossy: whether the file's compression changed values.
        spacing_mm: pixel spacing (row, column).
        notes: more for the provenance.
    """

    name: str
    values: NDArray[Any]
    bounds: tuple[float, float] | None
    format: str
    bits: int | None
    rescale: tuple[float, float] | None = None
    reversed: str = ""
    windows: Sequence[Window] = ()
    tables: Sequence[LookUpTable] = ()
    padding: NDArray[np.bool_] | None = None
    hounsfield: bool = False
    unscaled: bool = False
    needs_window: str = ""
    lossy: bool = False
    spacing_mm: tuple[float, float] | None = None
    notes: Mapping[str, Any] = field(default_factory=dict)


def develop(stored: Stored, options: ReadOptions) -> ReadImage:
    """Map a stored image to [0,1] and record how.

    Raises:
        ImageReadError: no pixels, NaN or infinite pixels, a window or depth that the file does not have, or
            values beyond the depth.
    """
    import torch

    stored = _checked(stored, options)
    slope, intercept = stored.rescale or (1.0, 0.0)

    def to_units(values: NDArray[Any]) -> NDArray[np.float64]:
        return values.astype(np.float64) * slope + intercept

    mapping = choose_mapping(stored, options)
    flip = bool(stored.reversed) != (options.polarity == "reversed")

    def to_unit_range(values: NDArray[Any]) -> NDArray[np.float32]:
        unit = mapping.apply(to_units(values))
        return (1.0 - unit if flip else unit).astype(np.float32)

    image = _by_table(stored.values, to_unit_range)
    is_ct = stored.hounsfield or (options.modality == "ct" and (stored.unscaled or options.rescale is not None))
    hu = _by_table(stored.values, lambda v: to_units(v).astype(np.float32)) if is_ct else None
    padded = 0
    if stored.padding is not None and stored.padding.any():
        padded = int(stored.padding.sum())
        image[stored.padding] = 0.0
        if hu is not None:
            hu[stored.padding] = AIR_HU
            air = float(mapping.apply(np.array([AIR_HU]))[0])
            image[stored.padding] = 1.0 - air if flip else air
    spacing = options.spacing_mm or stored.spacing_mm
    provenance: dict[str, Any] = {
        "file": stored.name,
        "format": stored.format,
        "bits": stored.bits,
        "dtype": stored.values.dtype.name,
        "stored_range": [float(stored.values.min()), float(stored.values.max())],
        "rescale": None if stored.rescale is None else [slope, intercept],
        "window": mapping.describe(),
        "polarity": _polarity_note(stored, options),
        **stored.notes,
    }
    if noticed := "; ".join(filter(None, (stored.notes.get("noticed"), _noticed(stored, mapping, options)))):
        provenance["noticed"] = noticed
    if padded:
        provenance["padding"] = f"{padded} pixels outside the picture set to {'air' if is_ct else 'black'}"
    if options.spacing_mm is not None:
        provenance["spacing_from"] = "asked for"
    return ReadImage(
        image=torch.from_numpy(image)[None],
        spacing_mm=None if spacing is None else (float(spacing[0]), float(spacing[1])),
        provenance=provenance,
        hu=None if hu is None else torch.from_numpy(hu)[None],
    )


def _noticed(stored: Stored, mapping: Window | LookUpTable, options: ReadOptions) -> str:
    """Return what is odd about values that were mapped as declared, or ""."""
    if stored.bits != 16 or options.bits is not None or mapping != _whole_range(stored, options):
        return ""
    top = int(stored.values.max())
    bits = next((b for b in _USUAL_BITS if top < 2**b), None)
    if bits is None or top == 0 or int(stored.values.min()) < 0:
        return ""
    return f"values end at {top} of 65535, as {bits} bits in words of 16 do: if they are, say bits={bits}"


def choose_mapping(stored: Stored, options: ReadOptions) -> Window | LookUpTable:
    """Return the window or table that the options choose among what the file offers.

    Raises:
        ImageReadError: the file does not have it, or it is faulty.
    """
    mapping = _chosen(stored, options)
    fault = mapping.fault()
    if fault:
        raise ImageReadError(f"'{stored.name}': {fault}; use window=none or window=[low,high]")
    return mapping


def _chosen(stored: Stored, options: ReadOptions) -> Window | LookUpTable:
    window = options.window
    if isinstance(window, tuple | list):
        return Window.between(window[0], window[1], "asked for")
    if isinstance(window, int):
        if window > len(stored.windows):
            raise ImageReadError(
                f"'{stored.name}' has {len(stored.windows)} windows, so there is no window={window}; "
                "use window=none or window=[low,high]"
            )
        return stored.windows[window - 1]
    if window == "lut":
        if not stored.tables:
            raise ImageReadError(f"'{stored.name}' has no VOI look-up table; use window=first or window=none")
        return stored.tables[0]
    if window == "first":
        if stored.windows:
            return stored.windows[0]
        if stored.tables:
            return stored.tables[0]
        # An explicit depth is an explicit range.
        if stored.needs_window and options.bits is None:
            raise ImageReadError(f"'{stored.name}' {stored.needs_window}; use window=[low,high]")
    return _whole_range(stored, options)


def _whole_range(stored: Stored, options: ReadOptions) -> Window:
    bounds, label = stored.bounds, "whole stored range"
    if options.bits is not None:
        signed = stored.bounds is not None and stored.bounds[0] < 0
        half = 2 ** (options.bits - 1)
        bounds = (-half, half - 1) if signed else (0, 2**options.bits - 1)
        label = f"bits={options.bits} asked for"
        low, high = float(stored.values.min()), float(stored.values.max())
        if low < bounds[0] or high > bounds[1]:
            beyond = high if high > bounds[1] else low
            raise ImageReadError(
                f"'{stored.name}' holds {beyond:g}, outside the {bounds[0]}..{bounds[1]} of "
                f"bits={options.bits}; "
                "use a larger depth, or window=[low,high]"
            )
    if bounds is None:
        raise ImageReadError(f"'{stored.name}' states no value range; use window=[low,high]")
    slope, intercept = stored.rescale or (1.0, 0.0)
    ends = sorted((bounds[0] * slope + intercept, bounds[1] * slope + intercept))
    return Window.between(ends[0], ends[1], label)


def _checked(stored: Stored, options: ReadOptions) -> Stored:
    values = stored.values
    if values.ndim != 2 or values.size == 0:
        raise ImageReadError(f"'{stored.name}' has no pixels (its size is {list(values.shape)})")
    check_limit(stored.name, "pixels", values.size)
    if values.dtype.kind == "f":
        bad = int((~np.isfinite(values)).sum())
        if bad:
            raise ImageReadError(
                f"'{stored.name}' has {bad} NaN or infinite pixels of {values.size}; every pixel must be finite"
            )
    if options.rescale is not None:
        if stored.rescale is not None:
            raise ImageReadError(f"'{stored.name}' states its own rescale {list(stored.rescale)}; leave rescale= out")
        stored = replace(stored, rescale=options.rescale)
    slope, intercept = stored.rescale or (1.0, 0.0)
    if slope == 0 or not (math.isfinite(slope) and math.isfinite(intercept)):
        raise ImageReadError(
            f"'{stored.name}' has rescale slope {slope:g}, intercept {intercept:g}: it maps to nothing"
        )
    return stored


def _polarity_note(stored: Stored, options: ReadOptions) -> str:
    if options.polarity == "reversed":
        return "reversed as asked for" + (f" (undoes {stored.reversed})" if stored.reversed else "")
    return f"reversed: {stored.reversed}" if stored.reversed else "as stored: large is bright"


def _by_table(values: NDArray[Any], mapping: Callable[[NDArray[Any]], NDArray[np.float32]]) -> NDArray[np.float32]:
    """Apply a per-value mapping; integers go through a table of their range, with the same result."""
    if values.dtype.kind in "iu":
        low, high = int(values.min()), int(values.max())
        if high - low < _TABLE_SIZE and values.size > high - low:
            table = mapping(np.arange(low, high + 1, dtype=np.int64))
            return table[values.astype(np.int64) - low]
    return np.ascontiguousarray(mapping(values))
