"""Intensity mappings between stored values, Hounsfield units and [0,1]: windows and look-up tables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from radbench.contracts.errors import CaseError

Pixels = TypeVar("Pixels")
VoiFunction = Literal["LINEAR", "LINEAR_EXACT", "SIGMOID"]


def window_hu(hu: Pixels, low: float, high: float) -> Pixels:
    """Map Hounsfield units to [0,1]: ``low`` and below is 0, ``high`` and above is 1, linear between.

    Args:
        hu: tensor or array of any shape; NaN stays NaN.
        low: the HU that becomes black.
        high: the HU that becomes white.

    Returns:
        float32 of the same shape and kind (tensor on its own device, or array).

    Raises:
        CaseError: ``low`` is not below ``high``.
    """
    span = _span(low, high)
    values: Any = hu
    if isinstance(values, np.ndarray):
        return np.clip((values.astype(np.float64) - low) / span, 0.0, 1.0).astype(np.float32)  # type: ignore[return-value]
    return ((values.double() - low) / span).clamp(0.0, 1.0).float()  # type: ignore[no-any-return]


def unwindow_hu(image: Pixels, low: float, high: float) -> Pixels:
    """Map [0,1] back to Hounsfield units: the inverse of :func:`window_hu` inside the window.

    Args:
        image: tensor or array in [0,1].
        low: the HU that 0 stands for.
        high: the HU that 1 stands for.

    Returns:
        float32 of the same shape and kind.

    Raises:
        CaseError: ``low`` is not below ``high``.
    """
    span = _span(low, high)
    values: Any = image
    if isinstance(values, np.ndarray):
        return (values.astype(np.float64) * span + low).astype(np.float32)  # type: ignore[return-value]
    return (values.double() * span + low).float()  # type: ignore[no-any-return]


def _span(low: float, high: float) -> float:
    if not low < high:
        raise CaseError(f"a window needs low < high, got [{low:g}, {high:g}]")
    return float(high) - float(low)


@dataclass(frozen=True)
class Window:
    """A window, from a file or a caller.

    Attributes:
        centre: its centre, in the units after the rescale (HU for CT).
        width: its width in the same units.
        function: how DICOM PS3.3 C.11.2.1.2 (LINEAR, C.11.2.1.3 for the others) maps it.
        label: where it comes from: "file 1", "file 2 (LUNG)", "asked for".
    """

    centre: float
    width: float
    function: VoiFunction
    label: str

    @classmethod
    def between(cls, low: float, high: float, label: str) -> Window:
        """Return the exact linear window from ``low`` to ``high``."""
        return cls((low + high) / 2, _span(low, high), "LINEAR_EXACT", label)

    def fault(self) -> str:
        """Return what is wrong with it, or ""."""
        if not (np.isfinite(self.centre) and np.isfinite(self.width)):
            return f"window centre {self.centre:g}, width {self.width:g} is not finite"
        least = 1.0 if self.function == "LINEAR" else 0.0
        if self.width < least or (self.width == 0.0):
            return f"window width {self.width:g} is too small for the {self.function} function"
        return ""

    @property
    def bounds(self) -> tuple[float, float] | None:
        """The values that become 0 and 1, or None for SIGMOID, which has none."""
        if self.function == "SIGMOID":
            return None
        if self.function == "LINEAR":
            middle, half = self.centre - 0.5, (self.width - 1) / 2
        else:
            middle, half = self.centre, self.width / 2
        return middle - half, middle + half

    def apply(self, values: NDArray[Any]) -> NDArray[np.float64]:
        """Map values to [0,1]."""
        x = values.astype(np.float64)
        bounds = self.bounds
        if bounds is None:
            # Beyond +-700 exp() leaves float64's range, where the curve is flat anyway.
            return 1.0 / (1.0 + np.exp(np.clip(-4.0 * (x - self.centre) / self.width, -700.0, 700.0)))
        low, high = bounds
        if low == high:  # LINEAR of width 1 is a step
            return (x > low).astype(np.float64)
        return np.clip((x - low) / (high - low), 0.0, 1.0)

    def describe(self) -> dict[str, Any]:
        """Return it as the case's source keeps it."""
        bounds = self.bounds
        return {
            "from": self.label,
            "function": self.function,
            "centre": self.centre,
            "width": self.width,
            "low": None if bounds is None else bounds[0],
            "high": None if bounds is None else bounds[1],
        }


@dataclass(frozen=True)
class LookUpTable:
    """A VOI look-up table (DICOM PS3.3 C.11.2.1.1).

    Attributes:
        first: the value that the first entry is for; values outside take the nearest entry.
        entries: the output values.
        bits: the depth of the entries; 2**bits - 1 becomes 1.
        label: where it comes from.
    """

    first: int
    entries: NDArray[np.int64]
    bits: int
    label: str

    def fault(self) -> str:
        """Return what is wrong with it, or ""."""
        if len(self.entries) == 0:
            return "the VOI look-up table has no entries"
        top = int(self.entries.max())
        if top > 2**self.bits - 1:
            return f"the VOI look-up table holds {top}, beyond its {self.bits} bits"
        return ""

    def apply(self, values: NDArray[Any]) -> NDArray[np.float64]:
        """Map values (rounded to integers) to [0,1]."""
        number = np.rint(values).astype(np.int64) - self.first
        return self.entries[np.clip(number, 0, len(self.entries) - 1)] / (2.0**self.bits - 1)

    def describe(self) -> dict[str, Any]:
        """Return it as the case's source keeps it."""
        return {
            "from": self.label,
            "function": "LUT",
            "first": self.first,
            "entries": len(self.entries),
            "bits": self.bits,
        }
