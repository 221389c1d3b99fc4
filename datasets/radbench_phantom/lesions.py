"""The data set phantom-lesions: axial CT slices with one lesion each, made on the fly from a seed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from pydantic import field_validator

from radbench.contracts.case import Case
from radbench.contracts.config import Config as BaseConfig
from radbench.contracts.config import param
from radbench.contracts.dataset import SPLITS, CaseEntry
from radbench.contracts.errors import CaseError
from radbench_phantom.lesion_types import LESION_TYPES, WINDOWS
from radbench_phantom.splits import BLOCK, checked_split, counts_of, deal

_STREAM = 11


@dataclass(frozen=True)
class _Place:
    """A case's place in the plan: who, which of the patient's lesions, its type and split."""

    patient: int
    lesion: int
    lesion_type: str
    split: str

    @property
    def case_id(self) -> str:
        return f"p{self.patient:04d}-l{self.lesion + 1}-{self.lesion_type.replace(' ', '-')}"


class PhantomLesions:
    """Axial CT slices in HU with one lesion each and its exact mask.

    Every pixel follows from ``(seed, patient, lesion)``: a case stays the same however many others are made.
    Within each split the types are dealt in shuffled rounds of all of them, so that every eight lesions hold each
    type once.

    Attributes:
        modality: "ct".
        targets: "hu", "lesion_mask" and "recist".
        collection: the patients of the seed.
        config: the configuration it was built from.
    """

    class Config(BaseConfig):
        """Configuration of phantom-lesions."""

        profiles: ClassVar[Mapping[str, Mapping[str, Any]]] = {
            "quick": {},
            "paper": {"patients": 5000, "split": (0.8, 0.1, 0.1)},
        }

        seed: int = param(0, "seed of all patients and lesions", source="assumed", ge=0)
        patients: int = param(160, "number of patients, over all splits", source="assumed", ge=1)
        lesions_per_patient: tuple[int, int] = param(
            (1, 3),
            "least and most lesions of a patient; the mean is midway",
            source="paper: SGAN §3, 1,000 test lesions of 500 patients",
        )
        split: tuple[float, float, float] = param(
            (0.7, 0.15, 0.15),
            "fractions of the patients in train, validation and test; multiples of 0.05",
            source="paper: DeepLesion's official split, 70/15/15",
        )
        types: tuple[str, ...] = param(
            LESION_TYPES, "lesion types to make", source="paper: SGAN §3, DeepLesion's eight types"
        )
        size: int = param(512, "image side in pixels", source="paper: DeepLesion's slices", ge=128, le=1024)
        spacing_mm: tuple[float, float] = param(
            (0.6, 0.98),
            "least and greatest pixel spacing at 512 pixels, in mm",
            source="assumed: the middle 85 % of DeepLesion's table",
        )
        noise: float = param(1.0, "factor on each scan's noise", source="assumed", ge=0.0, le=10.0)
        reader_error_mm: float = param(
            0.0,
            "standard deviation of a reader's error at each RECIST endpoint and axis, in mm",
            source="assumed",
            ge=0.0,
            le=10.0,
        )

        @field_validator("types")
        @classmethod
        def _known_types(cls, value: tuple[str, ...]) -> tuple[str, ...]:
            named = tuple(t.replace("-", " ").replace("_", " ") for t in value)
            unknown = [t for t in named if t not in LESION_TYPES]
            if unknown or not named or len(set(named)) < len(named):
                raise ValueError(f"types must be different ones of {', '.join(LESION_TYPES)}; got {', '.join(value)}")
            return named

        @field_validator("lesions_per_patient")
        @classmethod
        def _ordered_count(cls, value: tuple[int, int]) -> tuple[int, int]:
            if not 1 <= value[0] <= value[1]:
                raise ValueError(f"lesions_per_patient must be two counts, 1 <= least <= most; got {value}")
            return value

        @field_validator("spacing_mm")
        @classmethod
        def _ordered_spacing(cls, value: tuple[float, float]) -> tuple[float, float]:
            if not 0.3 <= value[0] <= value[1] <= 1.5:
                raise ValueError(f"spacing_mm must be two lengths, 0.3 <= least <= greatest <= 1.5; got {value}")
            return value

        @field_validator("split")
        @classmethod
        def _whole_split(cls, value: tuple[float, float, float]) -> tuple[float, float, float]:
            return checked_split(value)

    modality = "ct"
    targets = frozenset({"hu", "lesion_mask", "recist"})

    def __init__(self, config: PhantomLesions.Config | None = None) -> None:
        self.config = config or self.Config()
        self.collection = f"phantom-lesions-{self.config.seed}"
        self._places = {p.case_id: p for p in _plan(self.config)}

    def manifest(self) -> list[CaseEntry]:
        """List the cases, by patient and lesion, without rendering any."""
        return [
            CaseEntry(p.case_id, f"p{p.patient:04d}", p.split, self._digest(p.case_id), {"lesion-type": p.lesion_type})
            for p in self._places.values()
        ]

    def _digest(self, case_id: str) -> str:
        made_of = {
            "case": case_id,
            **self.config.model_dump(mode="json", include={"seed", "size", "spacing_mm", "noise", "reader_error_mm"}),
        }
        return hashlib.sha256(json.dumps(made_of, sort_keys=True).encode()).hexdigest()

    def load(self, case_id: str) -> Case:
        """Render one case.

        Returns:
            A case whose image is the slice in its type's window; targets ``hu`` float32 ``[1,H,W]``, ``lesion_mask``
            bool ``[1,H,W]`` and ``recist`` float32 ``[4,2]``. Its provenance tells the window (HU), level, contrast
            phase, kernel, slice thickness, noise, and the lesion's kind, HU and diameter.

        Raises:
            CaseError: there is no such case.
        """
        import torch

        from radbench.imaging.recist import recist_from_mask
        from radbench_phantom.slices.render import render

        place = self._places.get(case_id)
        if place is None:
            first = next(iter(self._places))
            raise CaseError(f"phantom-lesions has no case '{case_id}'; its ids look like '{first}'")
        c = self.config
        made = render(
            c.seed,
            place.patient,
            place.lesion,
            place.lesion_type,
            size=c.size,
            spacing=c.spacing_mm,
            noise_scale=c.noise,
        )
        low, high = WINDOWS[place.lesion_type]
        spacing = (made.spacing_mm, made.spacing_mm)
        recist = recist_from_mask(made.mask, spacing)
        if c.reader_error_mm:
            error = np.random.default_rng((5, c.seed, place.patient, place.lesion)).normal(size=(4, 2))
            recist = recist + torch.from_numpy((error * (c.reader_error_mm / made.spacing_mm)).astype(np.float32))
        hu = torch.from_numpy(made.hu)[None]
        return Case(
            case_id=case_id,
            patient_id=f"p{place.patient:04d}",
            image=((hu - low) / (high - low)).clamp(0.0, 1.0),
            spacing_mm=spacing,
            groups={"lesion-type": place.lesion_type},
            provenance={
                "generator": "phantom-lesions",
                "seed": c.seed,
                "window_hu": [low, high],
                "polarity": "dense is bright",
                **made.facts,
            },
            targets={"hu": hu, "lesion_mask": torch.from_numpy(made.mask)[None], "recist": recist},
        )


def _plan(config: PhantomLesions.Config) -> list[_Place]:
    """Deal splits, lesion counts and types; a patient's share depends on the seed and on patients before it alone."""
    counts = counts_of(config.split)
    low, high = config.lesions_per_patient
    places: list[_Place] = []
    for patient in range(config.patients):
        block, position = divmod(patient, BLOCK)
        dealt = deal(_STREAM, config.seed, counts, block)
        which = dealt[position]
        rank = block * counts[which] + dealt[:position].count(which)
        # Two successive patients of a split share low + high lesions, so that the mean holds exactly.
        pair, second = divmod(rank, 2)
        share = int(np.random.default_rng((12, config.seed, which, pair)).integers(low, high + 1))
        start = pair * (low + high) + (share if second else 0)
        for lesion in range((low + high - share) if second else share):
            lesion_type = _type_at(config.seed, which, start + lesion, config.types)
            places.append(_Place(patient, lesion, lesion_type, SPLITS[which]))
    return places


def _type_at(seed: int, split: int, number: int, types: tuple[str, ...]) -> str:
    """Return the type of a split's lesion by its running number."""
    deal, position = divmod(number, len(types))
    return types[int(np.random.default_rng((13, seed, split, deal)).permutation(len(types))[position])]
