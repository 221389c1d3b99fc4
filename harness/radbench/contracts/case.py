"""Case: one image with its identity, its provenance and whatever truth the data set knows about it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from radbench.contracts.errors import CaseError

if TYPE_CHECKING:
    from torch import Tensor

MASK_TARGETS = frozenset(
    {
        "lung_mask",
        "lung_field_mask",
        "aerated_lung_mask",
        "nodule_mask",
        "lesion_mask",
        "bone_mask",
        "heart_mask",
    }
)
"""Targets that are bool ``[1,H,W]``. Three are lungs: ``lung_mask`` is the projected lung with what hides behind heart
and diaphragm, ``lung_field_mask`` the field as readers outline it with the part behind the heart,
``aerated_lung_mask`` the field that ends at the heart's border."""

IMAGE_TARGETS = frozenset({"lung_image", "bone_image", "soft_tissue_image", "clean_image"})
"""Targets that are float32 ``[1,H,W]`` in [0,1]."""

ON_DEMAND = frozenset({"volume_hu", "bone_volume", "view_images"})
"""Targets that a data set works out when they are looked up: float32 HU and bool ``[D,H,W]``; ``view_images`` is a
function of poses that gives ``{"radiograph", "bone", "tissue"}``, each float32 ``[V,1,H,W]``."""

OTHER_TARGETS = frozenset({"recist", "findings", "boxes", "hu", "volume_spacing_mm", "view_pose"}) | ON_DEMAND
"""``recist`` float32 ``[4,2]`` (x,y pixels: long axis a,b then short axis a,b); ``findings`` finding -> 0, 1 or NaN
(not stated); ``boxes`` finding -> float32 ``[N,4]`` (x,y,x,y pixels); ``hu`` float32 ``[1,H,W]`` Hounsfield units;
``volume_spacing_mm`` float32 ``[3]`` (dz,dy,dx); ``view_pose`` the projector's pose of this image."""

TARGETS = MASK_TARGETS | IMAGE_TARGETS | OTHER_TARGETS


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
        patient_id: cases of one patient share it; splits and bootstraps go by it. Unique within the collection that
            the data set names.
        image: float32 ``[1,H,W]`` in [0,1], dense is bright.
        spacing_mm: pixel spacing (row, column) in millimetres, or None where unknown.
        groups: the strata it is reported in, by name: ``{"lesion-type": "liver"}``.
        provenance: how the pixels were read and mapped to [0,1]: file, window, polarity, bit depth.
        targets: truth by name; see :data:`TARGETS` for shapes and units.
    """

    case_id: str
    patient_id: str
    image: Tensor
    spacing_mm: tuple[float, float] | None = None
    groups: Mapping[str, str] = field(default_factory=dict)
    provenance: Mapping[str, Any] = field(default_factory=dict)
    targets: Mapping[str, Any] = field(default_factory=dict)

    @property
    def info(self) -> CaseInfo:
        """The case without its pixels and truth."""
        return CaseInfo(self.case_id, self.patient_id, self.spacing_mm)


class LookedUp(Mapping[str, Any]):
    """Targets of which some are worked out when they are looked up, each time anew.

    Args:
        ready: targets at hand.
        on_demand: by name, a function that gives the target.
    """

    def __init__(self, ready: Mapping[str, Any], on_demand: Mapping[str, Callable[[], Any]]) -> None:
        self._ready, self._on_demand = dict(ready), dict(on_demand)

    def __getitem__(self, name: str) -> Any:
        return self._ready[name] if name in self._ready else self._on_demand[name]()

    def __contains__(self, name: object) -> bool:
        # The default would work a volume out to see whether it is there.
        return name in self._ready or name in self._on_demand

    def __iter__(self) -> Iterator[str]:
        return iter((*self._ready, *self._on_demand))

    def __len__(self) -> int:
        return len(self._ready) + len(self._on_demand)


def validate_case(case: Case) -> Case:
    """Return the case if it keeps the contract; what is looked up on demand is left alone.

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
        if name in ON_DEMAND or name == "view_pose":
            continue
        value = case.targets[name]
        if name == "findings":
            _check_findings(value, fault)
        elif name == "boxes":
            _check_boxes(value, fault)
        elif not isinstance(value, torch.Tensor):
            raise fault(f"{name} must be a tensor, got {type(value).__name__}")
        elif name in MASK_TARGETS:
            _check_form(value, name, torch.bool, list(image.shape), " like the image", fault)
        else:
            shape = {"recist": [4, 2], "volume_spacing_mm": [3]}.get(name, list(image.shape))
            _check_form(value, name, torch.float32, shape, "", fault)
            if name in IMAGE_TARGETS:
                _check_range(value, name, fault)
            elif not bool(torch.isfinite(value).all()):
                raise fault(f"{name} has {int((~torch.isfinite(value)).sum())} NaN or infinite values")
    return case


def _check_form(value: Tensor, name: str, dtype: Any, shape: list[int], like: str, fault: Any) -> None:
    if value.dtype != dtype or list(value.shape) != shape:
        kind = str(dtype).removeprefix("torch.")
        raise fault(f"{name} must be {kind} {shape}{like}, got {value.dtype} {list(value.shape)}")


def _check_findings(value: Any, fault: Any) -> None:
    if not isinstance(value, Mapping):
        raise fault(f"findings must map each finding to 0, 1 or NaN, got {type(value).__name__}")
    for finding, label in value.items():
        if not isinstance(finding, str) or isinstance(label, str) or not (label in (0, 1) or label != label):
            raise fault(f"findings must be 0, 1 or NaN by name, got {label!r} for {finding!r}")


def _check_boxes(value: Any, fault: Any) -> None:
    import torch

    if not isinstance(value, Mapping):
        raise fault(f"boxes must map each finding to float32 [N,4], got {type(value).__name__}")
    for finding, boxes in value.items():
        right = isinstance(boxes, torch.Tensor) and boxes.dtype == torch.float32 and boxes.ndim == 2
        if not right or boxes.shape[1] != 4 or not bool(torch.isfinite(boxes).all()):
            raise fault(f"boxes of '{finding}' must be finite float32 [N,4] (x,y,x,y pixels)")
        if bool((boxes[:, 2:] < boxes[:, :2]).any()):
            raise fault(f"boxes of '{finding}' must run from their least to their greatest x and y")


def _check_range(image: Tensor, name: str, fault: Any) -> None:
    import torch

    if not bool(torch.isfinite(image).all()):
        bad = int((~torch.isfinite(image)).sum())
        raise fault(f"{name} has {bad} NaN or infinite pixels")
    low, high = float(image.min()), float(image.max())
    if low < 0.0 or high > 1.0:
        raise fault(f"{name} must lie in [0,1], got [{low:.4g}, {high:.4g}]")
