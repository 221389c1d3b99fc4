"""The data set phantom-ct: thorax volumes in HU with exact labels, one case a patient."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from pydantic import field_validator

from radbench.contracts.case import Case, LookedUp
from radbench.contracts.config import Config as BaseConfig
from radbench.contracts.config import param
from radbench.contracts.dataset import CaseEntry, LabelMap
from radbench_phantom.splits import (
    checked_prevalence,
    checked_split,
    patient_of,
    thorax_collection,
    thorax_manifest,
)
from radbench_phantom.targets import CT_TARGETS
from radbench_phantom.thorax.labels import BONE_LABELS, LUNG_LABELS, Anatomy, label_names

if TYPE_CHECKING:
    from radbench_phantom.thorax.patient import Thorax
    from radbench_phantom.thorax.volume import Volume

_SOURCE = "assumed: about what ChestX-ray14 and LIDC-IDRI hold, rare ones raised"


class PhantomCt:
    """Thorax CT of made-up patients: HU, labels, masks and findings, all exact.

    One case is one patient: ``image`` is one axial slice in a window, ``volume_hu`` the whole volume. The volume that
    was rendered last stays in memory.

    Attributes:
        modality: "ct".
        targets: what every case carries.
        collection: the same as phantom-cxr's.
        config: the configuration it was built from.
    """

    class Config(BaseConfig):
        """Configuration of phantom-ct."""

        profiles: ClassVar[Mapping[str, Mapping[str, Any]]] = {
            "quick": {},
            "paper": {"patients": 644, "size": (256, 256, 256), "split": (0.6, 0.2, 0.2)},
        }

        seed: int = param(0, "seed of all patients", source="assumed", ge=0)
        patients: int = param(40, "number of patients, over all splits", source="assumed", ge=1)
        split: tuple[float, float, float] = param(
            (0.6, 0.2, 0.2),
            "fractions of the patients in train, validation and test; multiples of 0.05",
            source="paper: bone-unet §3, 386/129/129 scans",
        )
        size: tuple[int, int, int] = param((128, 128, 128), "voxels along z, y, x", source="assumed")
        spacing_mm: tuple[float, float, float] | None = param(
            None,
            "voxel spacing (dz, dy, dx) in mm; none: each patient's field of view over the voxels",
            source="assumed",
        )
        slice: str = param(
            "finding", "the slice that is the image: 'middle', or 'finding' where there is one", source="assumed"
        )
        window_hu: tuple[float, float] = param((-1350.0, 150.0), "HU shown as 0 and 1", source="assumed: lung window")
        prevalence: dict[str, float] | None = param(
            None, "share of the patients by finding; none: the phantom's own", source=_SOURCE
        )
        contrast: float = param(0.4, "share of the patients with enhanced vessels", source="assumed", ge=0.0, le=1.0)
        devices: float = param(0.08, "share of the patients with each device", source="assumed", ge=0.0, le=1.0)
        kernel: str = param("standard", "reconstruction kernel: smooth, standard or sharp", source="assumed")
        noise: float = param(1.0, "factor on each scan's noise", source="assumed", ge=0.0, le=10.0)

        @field_validator("size")
        @classmethod
        def _possible_size(cls, value: tuple[int, int, int]) -> tuple[int, int, int]:
            if min(value) < 16 or max(value) > 512:
                raise ValueError(f"size must be three sides from 16 to 512 voxels; got {value}")
            return value

        @field_validator("split")
        @classmethod
        def _whole_split(cls, value: tuple[float, float, float]) -> tuple[float, float, float]:
            return checked_split(value)

        @field_validator("slice")
        @classmethod
        def _known_slice(cls, value: str) -> str:
            if value not in {"middle", "finding"}:
                raise ValueError(f"slice must be 'middle' or 'finding'; got '{value}'")
            return value

        @field_validator("kernel")
        @classmethod
        def _known_kernel(cls, value: str) -> str:
            if value not in {"smooth", "standard", "sharp"}:
                raise ValueError(f"kernel must be 'smooth', 'standard' or 'sharp'; got '{value}'")
            return value

        @field_validator("window_hu")
        @classmethod
        def _ordered_window(cls, value: tuple[float, float]) -> tuple[float, float]:
            if not value[1] > -1100 or not value[0] < value[1]:
                raise ValueError(f"window_hu must be two HU, low < high; got {value}")
            return value

        @field_validator("spacing_mm")
        @classmethod
        def _positive_spacing(cls, value: tuple[float, float, float] | None) -> tuple[float, float, float] | None:
            if value is not None and not 0.3 <= min(value) <= max(value) <= 12:
                raise ValueError(f"spacing_mm must be three lengths from 0.3 to 12; got {value}")
            return value

        @field_validator("prevalence")
        @classmethod
        def _known_findings(cls, value: dict[str, float] | None) -> dict[str, float] | None:
            return checked_prevalence(value)

    modality = "ct"
    targets = frozenset(CT_TARGETS)

    def __init__(self, config: PhantomCt.Config | None = None) -> None:
        self.config = config or self.Config()
        self.collection = thorax_collection(self.config.seed)
        self._last: tuple[str, dict[str, Any]] | None = None

    def manifest(self) -> list[CaseEntry]:
        """List the cases, one a patient, without rendering any."""
        return thorax_manifest(self.config.patients, self.config.seed, self.config.split, self._digest)

    def thorax(self, case_id: str) -> Thorax:
        """Return a case's patient, from which volumes of any size can be rendered.

        Raises:
            CaseError: there is no such case.
        """
        from radbench_phantom.thorax.patient import PREVALENCE, ThoraxConfig, thorax_patient

        index = patient_of("phantom-ct", case_id, self.config.patients)
        c = self.config
        given = PREVALENCE if c.prevalence is None else c.prevalence
        return thorax_patient(
            c.seed,
            index,
            ThoraxConfig(prevalence=given, contrast=c.contrast, devices=c.devices, kernel=c.kernel, noise=c.noise),
        )

    def load(self, case_id: str) -> Case:
        """Render one case.

        Returns:
            A case whose image is one axial slice in the window, row 0 anterior, column 0 the patient's right; targets
            ``hu``, ``lung_mask``, ``bone_mask``, ``heart_mask``, ``nodule_mask`` of that slice, ``findings``,
            ``volume_spacing_mm``, and on demand ``volume_hu`` float32 and ``bone_volume`` bool ``[D,H,W]`` (D from
            inferior).

        Raises:
            CaseError: there is no such case.
        """
        import torch

        thorax = self.thorax(case_id)
        rendered = self._rendered(case_id)
        hu, labels, nodule = rendered["hu"], rendered["labels"], rendered["nodule"]
        k = self._slice(rendered)
        spacing = tuple(float(s) for s in rendered["spacing"])
        low, high = self.config.window_hu
        cut = torch.from_numpy(hu[k].astype(np.float32))[None]
        own = labels[k][None]
        lungs = (own >= min(LUNG_LABELS)) & (own <= max(LUNG_LABELS)) | rendered["in_lung"][k][None]
        ready: dict[str, Any] = {
            "hu": cut,
            "lung_mask": torch.from_numpy(lungs),
            "bone_mask": torch.from_numpy((own >= min(BONE_LABELS)) & (own <= max(BONE_LABELS))),
            "heart_mask": torch.from_numpy(own == int(Anatomy.HEART)),
            "nodule_mask": torch.from_numpy(nodule[k][None]),
            "findings": {name: float(there) for name, there in thorax.present.items()},
            "volume_spacing_mm": torch.tensor(spacing),
        }
        return Case(
            case_id=case_id,
            patient_id=case_id,
            image=((cut - low) / (high - low)).clamp(0.0, 1.0),
            spacing_mm=(spacing[1], spacing[2]),
            provenance={
                "generator": "phantom-ct",
                "seed": self.config.seed,
                "slice": k,
                "window_hu": [low, high],
                "polarity": "dense is bright",
                **thorax.facts,
            },
            targets=LookedUp(
                ready, {n: partial(self._volume_target, case_id, n) for n in ("volume_hu", "bone_volume")}
            ),
        )

    def label_map(self, case_id: str) -> LabelMap:
        """Return a case's label volume, in the axes of ``volume_hu``, with the structures' names.

        Raises:
            CaseError: there is no such case.
        """
        return LabelMap(self._rendered(case_id)["labels"].copy(), label_names())

    def _volume_target(self, case_id: str, name: str) -> Any:
        import torch

        rendered = self._rendered(case_id)
        if name == "volume_hu":
            return torch.from_numpy(rendered["hu"].astype(np.float32))
        labels = rendered["labels"]
        return torch.from_numpy((labels >= min(BONE_LABELS)) & (labels <= max(BONE_LABELS)))

    def _slice(self, rendered: Mapping[str, Any]) -> int:
        middle = len(rendered["hu"]) // 2
        if self.config.slice == "middle":
            return middle
        for mask in (rendered["nodule"], rendered["in_lung"]):
            area = mask.sum(axis=(1, 2))
            if area.any():
                return int(area.argmax())
        return middle

    def _rendered(self, case_id: str) -> dict[str, Any]:
        """Return a case's volume; the last one is at hand, for targets are looked up one after another."""
        from radbench_phantom.thorax.render import render

        if self._last is None or self._last[0] != case_id:
            volume = render(self.thorax(case_id), self.config.size, self.config.spacing_mm)
            self._last = (case_id, _arrays(volume))
        return self._last[1]

    def _digest(self, index: int) -> str:
        made_of = {"patient": index, **self.config.model_dump(mode="json", exclude={"patients", "split"})}
        return hashlib.sha256(json.dumps(made_of, sort_keys=True).encode()).hexdigest()


def _arrays(volume: Volume) -> dict[str, Any]:
    labels = volume.labels.numpy()
    lungs = (labels >= min(LUNG_LABELS)) & (labels <= max(LUNG_LABELS))
    return {
        "hu": volume.hu.numpy().astype(np.int16),
        "labels": labels,
        "nodule": volume.nodule_mask.numpy(),
        "in_lung": volume.lung_mask.numpy() & ~lungs,
        "spacing": np.asarray(volume.spacing_mm, dtype=np.float64),
    }
