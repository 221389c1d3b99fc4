"""LidcIdri: the scans of LIDC-IDRI as radiographs with their truth."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property, partial
from typing import Any

from radbench.contracts.case import Case
from radbench.contracts.dataset import SPLITS, CaseEntry
from radbench.contracts.errors import CaseError, DatasetError, did_you_mean
from radbench_lidc.config import LidcConfig
from radbench_lidc.index import index_files
from radbench_lidc.scans import Scan, find_scans

_TARGETS = (
    "lung_mask",
    "lung_image",
    "bone_mask",
    "bone_image",
    "soft_tissue_image",
    "nodule_mask",
    "findings",
    "view_pose",
    "volume_hu",
    "bone_volume",
)


class CaseTargets(Mapping[str, Any]):
    """Targets of which some are read when they are asked for, each time anew."""

    def __init__(self, ready: Mapping[str, Any], on_demand: Mapping[str, Callable[[], Any]]) -> None:
        self._ready, self._on_demand = dict(ready), dict(on_demand)

    def __getitem__(self, name: str) -> Any:
        return self._ready[name] if name in self._ready else self._on_demand[name]()

    def __contains__(self, name: object) -> bool:
        # The default would load a volume to find out.
        return name in self._ready or name in self._on_demand

    def __iter__(self) -> Iterator[str]:
        return iter((*self._ready, *self._on_demand))

    def __len__(self) -> int:
        return len(self._ready) + len(self._on_demand)


class LidcIdri:
    """The scans of LIDC-IDRI as it is downloaded from The Cancer Imaging Archive, as simulated radiographs.

    Folders may be nested in any way: series and patients are told by the DICOM headers, readings by the series that
    the XML names. A scan is prepared when it is first loaded, and kept in the cache folder. Patients go to the splits
    by a hash of their id, so that a part of the collection is split as the whole.

    Raises (by its methods):
        DatasetError: the folder is missing or is a file, or holds no scan that counts.
        CaseError: a case cannot be used: a missing slice with its place, a damaged file, XML that cannot be read,
            a patient without CT or without reading, no lung.

    Attributes:
        modality: "cxr".
        findings: names of the entries of the target ``findings``: whether a nodule that counts is there.
        config: the configuration it was built from.
    """

    Config = LidcConfig
    modality = "cxr"
    findings = ("nodule",)

    def __init__(self, config: LidcConfig) -> None:
        self.config = config

    @property
    def targets(self) -> frozenset[str]:
        """All of them; without ``nodule_mask`` and ``findings`` where scans that were not read are taken."""
        left_out = {"nodule_mask", "findings"} if self.config.unread == "keep" else set()
        return frozenset(_TARGETS) - left_out

    def manifest(self) -> Sequence[CaseEntry]:
        """List the cases, ordered by case id.

        A case's digest covers the bytes of its slices and its reading and every option that changes its pixels.
        """
        return tuple(self._entries.values())

    def load(self, case_id: str) -> Case:
        """Load one case, preparing it where that was not done.

        Returns:
            A case whose image is a radiograph ``[1,S,S]``, row 0 superior, column 0 the patient's right. Its
            ``source`` tells the scan, the marks of each kind, the nodules with readers, median ratings and
            volume, and the voxel spacing of ``volume_hu``, which is ``[D,H,W]`` from inferior to superior, anterior
            to posterior, right to left.
        """
        import torch

        from radbench.xray import Pose
        from radbench_lidc.preparation import prepare_scan
        from radbench_lidc.store import recall, remember

        scan, entry = self._scan(case_id), self._entries[case_id]
        prepared = None if scan.faults else recall(entry.digest)
        if prepared is None:
            prepared = prepare_scan(scan, self.config)
            remember(entry.digest, prepared)
        ready = {name: torch.from_numpy(image)[None] for name, image in prepared.images.items()}
        ready |= {name: torch.from_numpy(mask)[None] for name, mask in prepared.masks.items() if name in self.targets}
        if "findings" in self.targets:
            ready["findings"] = torch.tensor([float(any(n["counts"] for n in prepared.source["nodules"]))])
        return Case(
            case_id=case_id,
            patient_id=entry.patient_id,
            image=ready.pop("image"),
            spacing_mm=prepared.spacing_mm,
            source=prepared.source,
            targets=CaseTargets(
                {**ready, "view_pose": Pose(*self.config.pose)},
                {
                    "volume_hu": partial(_volume, "volume_hu", scan, self.config),
                    "bone_volume": partial(_volume, "bone_volume", scan, self.config),
                },
            ),
        )

    def unprepared(self, case_ids: Iterable[str]) -> list[str]:
        """Return the cases that are not prepared; those with a known fault, which never will be, are left out.

        See :class:`radbench.contracts.KeepsCases`. Preparing a scan of thin slices takes some 2 GB of memory.
        """
        from radbench_lidc.store import path_of

        return [c for c in case_ids if not self._scan(c).faults and not path_of(self._entries[c].digest).is_file()]

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
                scan.case_id, scan.patient_id, split_of(scan.patient_id, self.config), "", self._digest(scan)
            )
            for scan in self._scans.values()
        }

    def _digest(self, scan: Scan) -> str:
        from radbench_lidc.preparation import PREPARATION

        what = {
            "preparation": PREPARATION,
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


def _volume(name: str, scan: Scan, config: LidcConfig) -> Any:
    from radbench_lidc import volume

    return getattr(volume, name)(scan, config)
