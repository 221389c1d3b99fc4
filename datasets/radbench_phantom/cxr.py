"""The data set phantom-cxr: radiographs of made-up thoraces with every target, one case a patient."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from radbench.contracts.case import ON_DEMAND, Case
from radbench.contracts.dataset import CaseEntry
from radbench.contracts.errors import CaseError
from radbench_phantom.ct import GENERATOR as THORAX
from radbench_phantom.cxr_config import LEVELS, PhantomCxrConfig
from radbench_phantom.cxr_store import Arrays, is_kept, recall, remember
from radbench_phantom.splits import THORAX_STREAM, split_of
from radbench_phantom.thorax.labels import FINDINGS

if TYPE_CHECKING:
    from radbench_phantom.thorax.patient import Thorax, Volume

GENERATOR = 3
"""Raised whenever the pixels of a case change though the thorax does not; part of every case's digest."""

_IMAGES = ("image", "lung_image", "bone_image", "soft_tissue_image")
_MASKS = ("lung_mask", "bone_mask", "heart_mask", "nodule_mask")
_VOLUMES = ("volume_hu", "bone_volume")
_LEAST_BREATH_MM = -24.0


class PhantomCxr:
    """Radiographs of the thorax phantom. One case is one patient, upright, in frontal view unless asked otherwise.

    Row 0 is superior, column 0 the patient's right. The patient of a seed and number is in the same split as in
    phantom-ct. What was made is kept in the cache folder.

    Attributes:
        modality: "cxr".
        targets: what every case carries.
        findings: names of the entries of the target ``findings``, in order.
        config: the configuration it was built from.
    """

    Config = PhantomCxrConfig
    modality = "cxr"
    targets = frozenset({*_IMAGES[1:], *_MASKS, *_VOLUMES, "findings", "view_pose"})
    findings = FINDINGS

    def __init__(self, config: PhantomCxrConfig | None = None) -> None:
        self.config = config or self.Config()
        self._options: dict[str, dict[str, Any]] = {}

    def manifest(self) -> list[CaseEntry]:
        """List the cases, one a patient, without rendering any."""
        return [
            CaseEntry(
                f"p{i:04d}",
                f"p{i:04d}",
                split_of(THORAX_STREAM, self.config.seed, self.config.split, i),
                "",
                self._digest(i),
            )
            for i in range(self.config.patients)
        ]

    def unprepared(self, case_ids: Iterable[str]) -> list[str]:
        """Return the cases that the cache folder does not hold; see :class:`radbench.contracts.KeepsCases`."""
        return [c for c in case_ids if self.config.cache and not is_kept(self._digest(self._index(c)))]

    def thorax(self, case_id: str) -> Thorax:
        """Return a case's patient, from which volumes of any size can be rendered; in bed they breathe less deeply.

        Raises:
            CaseError: there is no such case.
        """
        from radbench_phantom.cxr_looks import look_of
        from radbench_phantom.thorax.patient import PREVALENCE, ThoraxConfig, thorax_patient

        index = self._index(case_id)
        c = self.config.of_patient(index)
        look = None if c.look == "plain" else look_of(c, index)
        thorax = thorax_patient(
            c.seed,
            index,
            ThoraxConfig(
                prevalence=PREVALENCE if c.prevalence is None else c.prevalence,
                contrast=c.contrast,
                devices=c.devices,
                kernel=c.kernel,
                noise=c.noise,
                upright=True,
                at_stand=None if look is None else look.view == "PA",
            ),
        )
        if look is None or not look.shallow_mm:
            return thorax
        breath = max(thorax.traits.breath_mm - look.shallow_mm, _LEAST_BREATH_MM)
        return replace(thorax, traits=replace(thorax.traits, breath_mm=breath))

    def load(self, case_id: str) -> Case:
        """Load one case, making it unless the cache holds it.

        Returns:
            A case whose image is a radiograph ``[1,S,S]``, min-max scaled. Targets: ``lung_image``, ``bone_image`` and
            ``soft_tissue_image``, each min-max scaled by itself; ``lung_mask``, ``bone_mask``, ``heart_mask`` and
            ``nodule_mask``, what any voxel along the ray is in; ``findings`` float32 ``[10]``; ``view_pose``, a
            :class:`radbench.xray.Pose`; on demand ``volume_hu`` float32 and ``bone_volume`` bool ``[D,H,W]`` (D from
            inferior, H from anterior, W from the patient's right). Its ``source`` tells the physics, the voxels and
            what was drawn of the patient.

        Raises:
            CaseError: there is no such case.
        """
        import torch

        from radbench.xray import Pose
        from radbench_phantom.cxr_film import FIELD
        from radbench_phantom.cxr_looks import look_of

        index = self._index(case_id)
        thorax, c = self.thorax(case_id), self.config.of_patient(index)
        made = self._made(case_id, thorax)
        levels = {name: torch.from_numpy(made[name].astype(np.float32) / np.float32(LEVELS))[None] for name in _IMAGES}
        eager: dict[str, Any] = {name: torch.from_numpy(made[name])[None] for name in _MASKS}
        eager |= {name: levels[name] for name in _IMAGES[1:]}
        eager["findings"] = torch.tensor([float(v) for v in thorax.present.values()])
        look = None if c.look == "plain" else look_of(c, index)
        eager["view_pose"] = Pose(*c.pose) if look is None else Pose(180.0 if look.view == "AP" else 0.0, look.tilt_deg)
        extent = [thorax.traits.fov_mm * part for part in ((1.0, 1.0, 1.0) if look is None else FIELD)]
        return Case(
            case_id=case_id,
            patient_id=case_id,
            image=levels["image"],
            spacing_mm=(float(made["spacing"][0]), float(made["spacing"][1])),
            source={
                "generator": f"phantom-cxr {GENERATOR}, thorax {THORAX}",
                "seed": c.seed,
                "physics": c.physics,
                "display": c.display,
                "frame": c.frame,
                "polarity": "dense is bright",
                "bit_depth": 16,
                "lung_area": c.lung_area,
                "volume_spacing_mm": [mm / n for mm, n in zip(extent, c.grid, strict=True)],
                **({} if look is None else {"look": look.facts}),
                **thorax.facts,
            },
            targets=_Targets(eager, self, case_id),
        )

    def _made(self, case_id: str, thorax: Thorax) -> Arrays:
        """Return a case's images and masks from the cache, or make them and keep them there."""
        index = self._index(case_id)
        config, name = self.config.of_patient(index), self._digest(index)
        keys = (*_IMAGES, *_MASKS, "spacing")
        found = recall(name, keys) if self.config.cache else None
        if found is not None:
            return found
        import torch

        from radbench_phantom.cxr_film import film_of
        from radbench_phantom.cxr_radiograph import radiograph_of

        with torch.no_grad():
            picture = radiograph_of if config.look == "plain" else film_of
            made = picture(self._rendered(thorax, config), config, index)
        arrays: Arrays = {k: (v * LEVELS).round().numpy().astype(np.uint16) for k, v in made.images.items()}
        arrays |= {k: v.numpy() for k, v in made.masks.items()}
        arrays["spacing"] = np.asarray(made.spacing_mm, dtype=np.float64)
        if self.config.cache:
            remember(name, arrays)
        return arrays

    def volume(self, case_id: str) -> Arrays:
        """Return the volume that a case was projected from.

        Returns:
            "volume_hu" int16 and "bone_volume" bool, ``[D,H,W]``.

        Raises:
            CaseError: there is no such case.
        """
        index = self._index(case_id)
        name = f"{self._digest(index)}-volume"
        found = recall(name, _VOLUMES) if self.config.cache else None
        if found is not None:
            return found
        volume = self._rendered(self.thorax(case_id), self.config.of_patient(index))
        arrays: Arrays = {
            "volume_hu": volume.hu.numpy().astype(np.int16),
            "bone_volume": volume.bone_mask.numpy(),
        }
        if self.config.cache:
            remember(name, arrays)
        return arrays

    @staticmethod
    def _rendered(thorax: Thorax, config: PhantomCxrConfig) -> Volume:
        from radbench_phantom.cxr_film import render_for_film

        return thorax.render(config.grid) if config.look == "plain" else render_for_film(thorax, config)

    def _index(self, case_id: str) -> int:
        index = int(case_id[1:]) if case_id[:1] == "p" and case_id[1:].isdecimal() else -1
        if not 0 <= index < self.config.patients or case_id != f"p{index:04d}":
            raise CaseError(
                f"phantom-cxr has no case '{case_id}'; its ids run from 'p0000' to 'p{self.config.patients - 1:04d}'"
            )
        return index

    def _digest(self, index: int) -> str:
        look = self.config.of_patient(index)
        if look.look not in self._options:
            self._options[look.look] = look.of_pixels()
        made_of = {"generator": GENERATOR, "thorax": THORAX, "patient": index, **self._options[look.look]}
        return hashlib.sha256(json.dumps(made_of, sort_keys=True).encode()).hexdigest()


class _Targets(Mapping[str, Any]):
    """A case's targets: images and masks at hand, the volumes loaded when they are asked for."""

    def __init__(self, eager: dict[str, Any], dataset: PhantomCxr, case_id: str) -> None:
        self._eager, self._dataset, self._case_id = eager, dataset, case_id

    def __getitem__(self, name: str) -> Any:
        if name in self._eager:
            return self._eager[name]
        if name not in ON_DEMAND:
            raise KeyError(name)
        import torch

        array = self._dataset.volume(self._case_id)[name]
        return torch.from_numpy(array.astype(np.float32) if name == "volume_hu" else array)

    def __contains__(self, name: object) -> bool:
        # The default would load a volume to find out.
        return name in self._eager or name in ON_DEMAND

    def __iter__(self) -> Iterator[str]:
        yield from self._eager
        yield from sorted(ON_DEMAND)

    def __len__(self) -> int:
        return len(self._eager) + len(ON_DEMAND)
