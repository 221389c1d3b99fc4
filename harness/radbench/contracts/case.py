"""Case: one image with its identity, its provenance and whatever truth the data set knows about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from radbench.contracts.errors import CaseError

if TYPE_CHECKING:
    from torch import Tensor

MASK_TARGETS = frozenset({"lung_mask", "nodule_mask", "lesion_mask", "bone_mask", "heart_mask"})
"""Targets that are bool ``[1,H,W]``."""

IMAGE_TARGETS = frozenset({"lung_image", "bone_image", "soft_tissue_image", "clean_image"})
"""Targets that are float32 ``[1,H,W]`` in [0,1]."""

OTHER_TARGETS = frozenset({"recist", "findings", "hu", "volume_hu", "bone_volume", "view_pose"})
"""``recist`` float32 ``[4,2]`` (x,y pixels: long axis a,b then short axis a,b); ``findings`` float32 ``[K]``;
``hu`` float32 ``[1,H,W]`` Hounsfield units; volumes ``[D,H,W]``; the projector's pose."""

ON_DEMAND = frozenset({"volume_hu", "bone_volume"})
"""Targets that are large: a data set may give a mapping that loads them when they are asked for."""

TARGETS = MASK_TARGETS | IMAGE_TARGETS | OTHER_TARGETS

_VALUES = {"recist": "[4,2] (x,y endpoints)", "findings": "[K]", "hu": "like the image"}
# Volumes may be loaded on demand, a pose is the projector's own: neither need be a tensor.
_PLAIN = MASK_TARGETS | IMAGE_TARGETS | _VALUES.keys()


@dataclass(frozen=True)
class CaseInfo:
    """What an enhancer may know of a case besides its pixels: identity and spacing, never the truth.

    Attributes:
        case_id: unique within the data set.
        patient_id: cases of one patient share it.
        spacing_mm: pixel spacing (row, column) in millimetres, or None where unknown.
    """

    case_id: str
    patient_id: str
    spacing_mm: tuple[float, float] | None = None


@dataclass(frozen=True)
class Case:
    """One image of a data set.

    Attributes:
        case_id: unique within the data set.
        patient_id: cases of one patient share it; splits and bootstraps go by it.
        image: float32 ``[1,H,W]`` in [0,1], dense is bright.
        spacing_mm: pixel spacing (row, column) in millimetres, or None where unknown.
        group: the stratum it is reported in (a lesion type), or "".
        source: how the pixels were read and mapped to [0,1]: file, window, polarity, bit depth.
        targets: truth by name; see :data:`TARGETS` for shapes and units.
    """

    case_id: str
    patient_id: str
    image: Tensor
    spacing_mm: tuple[float, float] | None = None
    group: str = ""
    source: Mapping[str, Any] = field(default_factory=dict)
    targets: Mapping[str, Any] = field(default_factory=dict)

    @property
    def info(self) -> CaseInfo:
        """The case without its pixels and truth."""
        return CaseInfo(self.case_id, self.patient_id, self.spacing_mm)


def validate_case(case: Case) -> Case:
    """Return the case if it keeps the contract.

    Raises:
        CaseError: the image is not float32 ``[1,H,W]``, is empty, leaves [0,1] or is not finite, or a target is
            unknown or has another size, type or range.
    """
    import torch

    def fault(what: str) -> CaseError:
        return CaseError(f"case '{case.case_id}': {what}")

    image = case.image
    if not isinstance(image, torch.Tensor) or image.dtype != torch.float32 or image.ndim != 3 or image.shape[0] != 1:
        got = f"{image.dtype} {list(image.shape)}" if isinstance(image, torch.Tensor) else type(image).__name__
        raise fault(f"image must be a float32 tensor [1,H,W], got {got}")
    if image.numel() == 0:
        raise fault(f"image has no pixels (shape {list(image.shape)})")
    _check_range(image, "image", fault)
    for name in case.targets:
        if name not in TARGETS:
            raise fault(f"unknown target '{name}'; targets are {', '.join(sorted(TARGETS))}")
        if name in ON_DEMAND:
            continue
        value = case.targets[name]
        if name in _PLAIN and not isinstance(value, torch.Tensor):
            raise fault(f"{name} must be a tensor, got {type(value).__name__}")
        if name in MASK_TARGETS:
            if value.dtype != torch.bool or value.shape != image.shape:
                raise fault(
                    f"{name} must be bool {list(image.shape)} like the image, got {value.dtype} {list(value.shape)}"
                )
        elif name in IMAGE_TARGETS:
            if value.dtype != torch.float32 or value.shape != image.shape:
                raise fault(
                    f"{name} must be float32 {list(image.shape)} like the image, got {value.dtype} {list(value.shape)}"
                )
            _check_range(value, name, fault)
        elif name in _VALUES:
            shape = {"recist": [4, 2], "hu": list(image.shape), "findings": [value.numel()]}[name]
            if value.dtype != torch.float32 or list(value.shape) != shape:
                raise fault(f"{name} must be float32 {_VALUES[name]}, got {value.dtype} {list(value.shape)}")
            if not bool(torch.isfinite(value).all()):
                raise fault(f"{name} has {int((~torch.isfinite(value)).sum())} NaN or infinite values")
            if name == "findings" and not bool(((value == 0) | (value == 1)).all()):
                raise fault(f"findings must be 0 or 1, got {sorted(set(value.tolist()))}")
    return case


def _check_range(image: Tensor, name: str, fault: Any) -> None:
    import torch

    if not bool(torch.isfinite(image).all()):
        bad = int((~torch.isfinite(image)).sum())
        raise fault(f"{name} has {bad} NaN or infinite pixels")
    low, high = float(image.min()), float(image.max())
    if low < 0.0 or high > 1.0:
        raise fault(f"{name} must lie in [0,1], got [{low:.4g}, {high:.4g}]")
