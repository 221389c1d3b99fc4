"""LidcIdri: the scans of LIDC-IDRI as radiographs with their truth."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from functools import cached_property, lru_cache, partial
from typing import TYPE_CHECKING, Any

from radbench.contracts.case import Case, LookedUp
from radbench.contracts.dataset import SPLITS, CaseEntry
from radbench.contracts.errors import CaseError, DatasetError, did_you_mean
from radbench_lidc.config import LidcConfig
from radbench_lidc.index import index_files
from radbench_lidc.scans import Scan, find_scans
from radbench_lidc.targets import TARGETS

if TYPE_CHECKING:
    from torch import Tensor

    from radbench_lidc.volume import Volume


class LidcIdri:
    """The scans of LIDC-IDRI as it is downloaded from The Cancer Imaging Archive, as simulated radiographs.

    Folders may be nested in any way: series and patients are told by the DICOM headers, readings by the series that
    the XML names. Patients go to the splits by a hash of their id, so that a part of the collection is split as the
    whole. Preparing a scan of thin slices takes some 2 GB of memory; the volume that was read last stays there.

    Raises (by its methods):
        DatasetError: the folder is missing or is a file, or holds no scan that counts.
        CaseError: a case cannot be used: a missing slice with its place, a damaged file, XML that cannot be read,
            a patient without CT or without reading, no lung, no spine.

    Attributes:
        modality: "cxr".
        collection: "LIDC-IDRI".
        config: the configuration it was built from.
    """

    Config = LidcConfig
    modality = "cxr"
    collection = "LIDC-IDRI"

    def __init__(self, config: LidcConfig) -> None:
        self.config = config
        self._volume = lru_cache(maxsize=1)(self._read)

    @property
    def targets(self) -> frozenset[str]:
        """All of them; without ``nodule_mask`` and ``findings`` where scans that were not read are taken, and without
        ``lung_field_mask`` and ``aerated_lung_mask`` where these are not asked for."""
        left_out = {"nodule_mask", "findings"} if self.config.unread == "keep" else set()
        if not self.config.readers_lungs:
            left_out |= {"lung_field_mask", "aerated_lung_mask"}
        return frozenset(TARGETS) - left_out

    def manifest(self) -> Sequence[CaseEntry]:
        """List the cases, ordered by case id.

        A case's digest covers the bytes of its slices and its reading and every option that changes its pixels.
        """
        return tuple(self._entries.values())

    def load(self, case_id: str) -> Case:
        """Make one case.

        Returns:
            A case whose image is a radiograph ``[1,S,S]``, row 0 superior, column 0 the patient's right. Its
            provenance tells the scan, the marks of each kind, and the nodules with readers, median ratings and volume.
            ``volume_hu`` is ``[D,H,W]`` from inferior to superior, anterior to posterior, right to left; ``findings``
            tell whether a nodule that counts is there.
        """
        import torch

        from radbench.xray import Pose
        from radbench_lidc.preparation import prepare_scan

        scan, entry = self._scan(case_id), self._entries[case_id]
        prepared = prepare_scan(scan, self._volume(case_id), self.config)
        ready: dict[str, Any] = {name: torch.from_numpy(image)[None] for name, image in prepared.images.items()}
        ready |= {name: torch.from_numpy(mask)[None] for name, mask in prepared.masks.items() if name in self.targets}
        if "findings" in self.targets:
            ready["findings"] = {"nodule": float(any(n["counts"] for n in prepared.provenance["nodules"]))}
        ready["volume_spacing_mm"] = torch.tensor(prepared.volume_spacing_mm)
        return Case(
            case_id=case_id,
            patient_id=entry.patient_id,
            image=ready.pop("image"),
            spacing_mm=prepared.spacing_mm,
            provenance=prepared.provenance,
            targets=LookedUp(
                {**ready, "view_pose": Pose(*self.config.pose)},
                {
                    "volume_hu": partial(self._volume_hu, case_id),
                    "bone_volume": partial(self._bone_volume, case_id),
                },
            ),
        )

    def _read(self, case_id: str) -> Volume:
        from radbench_lidc.volume import read_volume_of

        return read_volume_of(self._scan(case_id))

    def _volume_hu(self, case_id: str) -> Tensor:
        from radbench_lidc.volume import volume_hu

        return volume_hu(self._volume(case_id), self.config)

    def _bone_volume(self, case_id: str) -> Tensor:
        from radbench_lidc.volume import bone_volume

        return bone_volume(self._volume(case_id), self.config)

    def _scan(self, case_id: str) -> Scan:
        scan = self._scans.get(case_id)
        if scan is None:
            raise CaseError(f"'{self.config.root}' has no case '{case_id}'{did_you_mean(case_id, self._scans)}")
        return scan

    @cached_property
    def _scans(self) -> Mapping[str, Scan]:
        config = self.config
        roots = [config.root] if config.readings is None else [config.root, config.readings]
        records = index_files(roots)
        scans, thick = find_scans(records, thickest_mm=config.slice_thickness_max_mm, unread=config.unread == "keep")
        if not scans and thick:
            raise DatasetError(
                f"all {len(thick)} CT series in '{config.root}' have slices thicker than "
                f"slice_thickness_max_mm={config.slice_thickness_max_mm:g} (the thinnest {min(thick.values()):g} mm)"
            )
        if not scans:
            raise DatasetError(
                f"folder '{config.root}' holds no DICOM files; give the folder that LIDC-IDRI was downloaded to"
            )
        return {scan.case_id: scan for scan in scans}

    @cached_property
    def _entries(self) -> dict[str, CaseEntry]:
        return {
            scan.case_id: CaseEntry(
                scan.case_id, scan.patient_id, split_of(scan.patient_id, self.config), self._digest(scan)
            )
            for scan in self._scans.values()
        }

    def _digest(self, scan: Scan) -> str:
        what = {
            "series": scan.series_uid,
            "bytes": scan.digests,
            "options": self.config.of_pixels(),
        }
        return hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()


def split_of(patient_id: str, config: LidcConfig) -> str:
    """Return a patient's split: where a hash of the id falls among the shares."""
    number = hashlib.sha256(f"{config.split_seed}:{patient_id}".encode()).digest()[:8]
    place = int.from_bytes(number, "big") / 2.0**64
    train, validation, _ = config.split
    return SPLITS[0] if place < train else SPLITS[1] if place < train + validation else SPLITS[2]
