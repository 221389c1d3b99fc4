"""The data set ct2xray: CT volumes of another data set as simulated radiographs, which can be seen from any view."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from radbench.contracts.case import Case, LookedUp
from radbench.contracts.dataset import CaseEntry
from radbench.contracts.errors import CaseError, did_you_mean
from radbench.contracts.specs import DatasetSpec
from radbench_ct2xray.config import Ct2XrayConfig

if TYPE_CHECKING:
    from radbench_ct2xray.scene import Scene

TARGETS = ("bone_mask", "bone_image", "soft_tissue_image", "view_pose", "view_images")
"""What every case carries."""


class Ct2Xray:
    """Radiographs that XraySyn's CT2Xray makes of CT volumes (Eq. 4-6), whose other views are known.

    Case ids, patients, splits and groups are the other data set's.

    Args:
        config: whose volumes, and the geometry.
        parts: ``of``, the other data set, open.

    Attributes:
        modality: "cxr".
        targets: what every case carries.
        collection: the other data set's, where it names one.
        config: the configuration it was built from.
    """

    Config = Ct2XrayConfig
    modality = "cxr"
    targets = frozenset(TARGETS)

    def __init__(self, config: Ct2XrayConfig, parts: Any) -> None:
        self.config, self.of = config, parts.of
        self._last: tuple[str, Scene] | None = None
        if hasattr(self.of, "collection"):
            self.collection: str = self.of.collection

    def manifest(self) -> list[CaseEntry]:
        """List the other data set's cases; a digest covers that case's own and the options."""
        return [replace(entry, digest=self._digest(entry), twin="") for entry in self._entries.values()]

    def load(self, case_id: str) -> Case:
        """Make one case.

        Returns:
            A case whose image is the frontal radiograph ``[1,S,S]``, Eq. 5 scaled to [0,1] by itself; row 0 superior,
            column 0 the patient's right. Targets: ``bone_mask``, rays through 0.05 g/cm^2 of bone or more;
            ``bone_image``, the radiograph of the bones alone, and ``soft_tissue_image``, with soft tissue in their
            place, each scaled by itself; ``view_pose``, frontal; on demand ``view_images``, a function of poses
            (:meth:`radbench_ct2xray.scene.Scene.view_images`), which gives the image itself at the frontal one.

        Raises:
            CaseError: there is no such case, or its volume cannot be used.
        """
        from radbench.xray.geometry import Pose
        from radbench_ct2xray.scene import BONE_G_CM2, bones_alone

        if case_id not in self._entries:
            raise CaseError(f"ct2xray has no case '{case_id}'{did_you_mean(case_id, self._entries)}")
        entry, scene, frontal = self._entries[case_id], self._scene(case_id), Pose()
        seen = scene.view_images([frontal])
        ready: dict[str, Any] = {
            "bone_mask": seen["bone"][0] >= BONE_G_CM2,
            "bone_image": bones_alone(seen["bone"])[0],
            "soft_tissue_image": scene.without_bone(frontal)[0],
            "view_pose": frontal,
        }
        return Case(
            case_id=case_id,
            patient_id=entry.patient_id,
            image=seen["radiograph"][0],
            spacing_mm=(scene.pixel_mm, scene.pixel_mm),
            groups=entry.groups,
            provenance={
                "generator": "CT2Xray",
                "grid": self.config.grid,
                "polarity": "dense is bright",
            },
            targets=LookedUp(ready, {"view_images": lambda: self._scene(case_id).view_images}),
        )

    def _scene(self, case_id: str) -> Scene:
        """Return a case's volume before the detector; the last one is at hand, for targets are looked up in turn."""
        from radbench_ct2xray.scene import scene_of

        if self._last is None or self._last[0] != case_id:
            targets, c = self.of.load(case_id).targets, self.config
            dz, dy, dx = (float(mm) for mm in targets["volume_spacing_mm"])
            hu, bone = targets["volume_hu"], targets["bone_volume"]
            try:
                scene = scene_of(hu, bone, (dz, dy, dx), grid=c.grid, size=c.size, soft_tissue_hu=c.soft_tissue_hu)
            except CaseError as error:
                raise CaseError(f"case '{case_id}': {error}") from error
            self._last = (case_id, scene)
        return self._last[1]

    @cached_property
    def _entries(self) -> Mapping[str, CaseEntry]:
        return {entry.case_id: entry for entry in self.of.manifest()}

    def _digest(self, entry: CaseEntry) -> str:
        made_of = [entry.digest, self.config.model_dump(mode="json", exclude={"of"})]
        return hashlib.sha256(json.dumps(made_of, sort_keys=True).encode()).hexdigest()


def spec_of_ct2xray(spec: DatasetSpec, config: Ct2XrayConfig, parts: Mapping[str, Any]) -> DatasetSpec:
    """Return the spec: licence and citation are those of the data set whose volumes are seen."""
    of = parts["of"]
    return replace(spec, licence=of.licence, citation=of.citation)
