"""The data set phantom-cxr: radiographs of made-up thoraces with every target, one case a patient."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from radbench.contracts.case import Case, LookedUp
from radbench.contracts.dataset import CaseEntry
from radbench_phantom.cxr.config import PhantomCxrConfig
from radbench_phantom.splits import patient_of, thorax_collection, thorax_manifest
from radbench_phantom.targets import CXR_TARGETS

if TYPE_CHECKING:
    from torch import Tensor

    from radbench_phantom.thorax.patient import Thorax
    from radbench_phantom.thorax.volume import Volume

_IMAGES = ("image", "lung_image", "bone_image", "soft_tissue_image")
_MASKS = ("lung_mask", "lung_field_mask", "aerated_lung_mask", "bone_mask", "heart_mask", "nodule_mask")
_VOLUMES = ("volume_hu", "bone_volume")
_LEAST_BREATH_MM = -24.0


class PhantomCxr:
    """Radiographs of the thorax phantom. One case is one patient, upright, in frontal view unless asked otherwise.

    Row 0 is superior, column 0 the patient's right. The patient of a seed and number is that of phantom-ct, and in the
    same split.

    Attributes:
        modality: "cxr".
        targets: what every case carries.
        collection: the same as phantom-ct's.
        config: the configuration it was built from.
    """

    Config = PhantomCxrConfig
    modality = "cxr"
    targets = frozenset(CXR_TARGETS)

    def __init__(self, config: PhantomCxrConfig | None = None) -> None:
        self.config = config or self.Config()
        self.collection = thorax_collection(self.config.seed)
        self._options: dict[str, dict[str, Any]] = {}
        self._last: tuple[str, Volume] | None = None

    def manifest(self) -> list[CaseEntry]:
        """List the cases, one a patient, without rendering any."""
        return thorax_manifest(self.config.patients, self.config.seed, self.config.split, self._digest)

    def thorax(self, case_id: str) -> Thorax:
        """Return a case's patient, from which volumes of any size can be rendered; in bed they breathe less deeply.

        Raises:
            CaseError: there is no such case.
        """
        from radbench_phantom.cxr.looks import look_of
        from radbench_phantom.thorax.patient import PREVALENCE, ThoraxConfig, thorax_patient

        index = patient_of("phantom-cxr", case_id, self.config.patients)
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
        """Make one case.

        Returns:
            A case whose image is a radiograph ``[1,S,S]``, min-max scaled. Targets: ``lung_image``, ``bone_image`` and
            ``soft_tissue_image``, each min-max scaled by itself; ``lung_mask``, ``bone_mask``, ``heart_mask`` and
            ``nodule_mask``, what any voxel along the ray is in; ``lung_field_mask`` and ``aerated_lung_mask``, what
            readers outline of the lungs; ``findings``; ``view_pose``, a :class:`radbench.xray.Pose`; on demand
            ``volume_hu`` float32 and ``bone_volume`` bool ``[D,H,W]`` (D from inferior, H from anterior, W from the
            patient's right). Its provenance tells the physics and what was drawn of the patient.

        Raises:
            CaseError: there is no such case.
        """
        import torch

        from radbench.xray import Pose
        from radbench_phantom.cxr.film import FIELD, film_of
        from radbench_phantom.cxr.looks import look_of
        from radbench_phantom.cxr.radiograph import radiograph_of

        index = patient_of("phantom-cxr", case_id, self.config.patients)
        thorax, c = self.thorax(case_id), self.config.of_patient(index)
        with torch.no_grad():
            made = (radiograph_of if c.look == "plain" else film_of)(self._rendered(case_id), c, index)
        ready: dict[str, Any] = {name: made.images[name][None] for name in _IMAGES}
        ready |= {name: made.masks[name][None] for name in _MASKS}
        ready["findings"] = {name: float(there) for name, there in thorax.present.items()}
        look = None if c.look == "plain" else look_of(c, index)
        ready["view_pose"] = Pose(*c.pose) if look is None else Pose(180.0 if look.view == "AP" else 0.0, look.tilt_deg)
        extent = [thorax.traits.fov_mm * part for part in ((1.0, 1.0, 1.0) if look is None else FIELD)]
        ready["volume_spacing_mm"] = torch.tensor([mm / n for mm, n in zip(extent, c.grid, strict=True)])
        return Case(
            case_id=case_id,
            patient_id=case_id,
            image=ready.pop("image"),
            spacing_mm=(float(made.spacing_mm[0]), float(made.spacing_mm[1])),
            provenance={
                "generator": "phantom-cxr",
                "seed": c.seed,
                "physics": c.physics,
                "display": c.display,
                "frame": c.frame,
                "polarity": "dense is bright",
                "bit_depth": 16,
                **({} if look is None else {"look": look.facts}),
                **thorax.facts,
            },
            targets=LookedUp(ready, {name: partial(self._volume_target, case_id, name) for name in _VOLUMES}),
        )

    def _volume_target(self, case_id: str, name: str) -> Tensor:
        """Return what a case was projected from: "volume_hu" in whole HU, or "bone_volume"."""
        volume = self._rendered(case_id)
        return volume.hu.short().float() if name == "volume_hu" else volume.bone_mask

    def _rendered(self, case_id: str) -> Volume:
        """Return a patient's volume; the last one is at hand, for targets are looked up one after another."""
        from radbench_phantom.cxr.film import render_for_film
        from radbench_phantom.thorax.render import render

        if self._last is None or self._last[0] != case_id:
            thorax = self.thorax(case_id)
            config = self.config.of_patient(thorax.index)
            volume = render(thorax, config.grid) if config.look == "plain" else render_for_film(thorax, config)
            self._last = (case_id, volume)
        return self._last[1]

    def _digest(self, index: int) -> str:
        look = self.config.of_patient(index)
        if look.look not in self._options:
            self._options[look.look] = look.of_pixels()
        made_of = {"patient": index, **self._options[look.look]}
        return hashlib.sha256(json.dumps(made_of, sort_keys=True).encode()).hexdigest()
