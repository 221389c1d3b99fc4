"""LidcNodules: axial slices of LIDC-IDRI's nodules with the readers' masks."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, cast

from radbench.contracts.case import Case
from radbench.contracts.dataset import CaseEntry
from radbench.contracts.errors import CaseError, DatasetError, did_you_mean
from radbench_lidc.config import LidcConfig
from radbench_lidc.dataset import split_of
from radbench_lidc.index import FileRecord, index_files
from radbench_lidc.nodule_config import LidcNodulesConfig
from radbench_lidc.nodule_sections import Section, find_sections, largest_section, masks_by_reader, nodules_of
from radbench_lidc.nodules import Nodule
from radbench_lidc.scans import Scan, find_scans

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from radbench_lidc.volume import Volume

NODULE_TARGETS = ("hu", "lesion_mask", "recist")


class LidcNodules:
    """A case for each nodule of LIDC-IDRI: the axial slice where its consensus is largest, in a lung window.

    Which marks make one nodule, what an outline encloses, which scans are read and which split a patient is in are as
    in ``lidc``. RECIST axes are those of the mask's largest piece: the two pixels (their centres) that lie farthest
    apart in millimetres, and the longest chord of the piece's convex hull perpendicular to them
    (:func:`radbench.imaging.recist_from_mask`).

    Raises (by its methods):
        DatasetError: the folder is missing or is a file, or holds no scan or no nodule that counts.
        CaseError: a case cannot be used: a missing slice with its place, a damaged file, XML that cannot be read,
            a patient without CT or without reading.

    Attributes:
        modality: "ct".
        targets: "hu", "lesion_mask" and "recist".
        collection: "LIDC-IDRI".
        config: the configuration it was built from.
    """

    Config = LidcNodulesConfig
    modality = "ct"
    targets = frozenset(NODULE_TARGETS)
    collection = "LIDC-IDRI"

    def __init__(self, config: LidcNodulesConfig) -> None:
        self.config = config
        # A volume serves all nodules of its scan.
        self._opened = lru_cache(maxsize=1)(self._open)

    def manifest(self) -> Sequence[CaseEntry]:
        """List the cases, by scan and nodule, without reading pixels.

        A scan that cannot be used is a case of its own, whose fault is told when it is loaded. A case's digest covers
        the bytes of its scan's slices and reading and every option that changes it.
        """
        return tuple(self._entries.values())

    def load(self, case_id: str) -> Case:
        """Make one case.

        Returns:
            A case whose image is the slice in the window, float32 ``[1,H,W]``, row 0 anterior, column 0 the patient's
            right; targets ``hu`` float32 ``[1,H,W]``, ``lesion_mask`` bool ``[1,H,W]`` and ``recist`` float32
            ``[4,2]``. Its provenance tells the scan, the slice, the nodule's readers and median ratings.
        """
        import torch

        from radbench.imaging import recist_from_mask

        if case_id not in self._places:
            raise CaseError(f"'{self.config.root}' has no case '{case_id}'{did_you_mean(case_id, self._places)}")
        scan, section = self._places[case_id]
        if isinstance(section, str):
            raise CaseError(f"case '{case_id}': {section}")
        volume, nodules = self._opened(scan.case_id)
        try:
            place, mask, readers = self._mask(volume, nodules, section)
        except CaseError as error:
            raise type(error)(f"case '{case_id}': {error}") from error
        piece, pieces = _largest_piece(mask)
        spacing = (volume.spacing_mm[1], volume.spacing_mm[2])
        low, high = self.config.window
        hu = torch.from_numpy(volume.hu[place].copy())[None]
        return Case(
            case_id=case_id,
            patient_id=scan.patient_id,
            image=((hu - low) / (high - low)).clamp(0.0, 1.0),
            spacing_mm=spacing,
            groups=_GROUPS,
            provenance={
                "format": "DICOM series",
                "series": scan.series_uid,
                "kernel": volume.provenance["kernel"],
                "window_hu": [low, high],
                "polarity": "dense is bright",
                "slice": f"{place + 1} of {len(volume.hu)} from inferior",
                "slice_uid": section.slice_uid,
                "truth": self._truth(nodules[section.number - 1]),
                "readers": nodules[section.number - 1].readers,
                "readers_in_slice": readers,
                "ratings": dict(nodules[section.number - 1].ratings),
                "recist": f"axes of the largest of {pieces} pieces",
                "turned_axes": list(volume.reversed_axes),
            },
            targets={
                "hu": hu,
                "lesion_mask": torch.from_numpy(mask)[None],
                "recist": recist_from_mask(piece, spacing),
            },
        )

    def _mask(
        self, volume: Volume, nodules: Sequence[Nodule], section: Section
    ) -> tuple[int, NDArray[np.bool_], list[int]]:
        """Return the slice's number in the volume, the mask in the patient's axes, and who outlined it there."""
        import numpy as np

        nodule = nodules[section.number - 1] if section.number <= len(nodules) else None
        found = None if nodule is None else largest_section(nodule, volume.grid, self.config.level)
        if nodule is None or found is None or volume.grid.slice_uids[found[0]] != section.slice_uid:
            raise CaseError("its slices lie otherwise than their headers said when they were listed; run again")
        place, mask = found
        by_reader = masks_by_reader(nodule, place, volume.grid.shape)
        if self.config.reader is not None:
            mask = by_reader[self.config.reader]
        turned = np.flip(mask, tuple(axis - 1 for axis in volume.reversed_axes if axis > 0))
        if 0 in volume.reversed_axes:
            place = len(volume.hu) - 1 - place
        return place, np.ascontiguousarray(turned), list(by_reader)

    def _truth(self, nodule: Nodule) -> str:
        if self.config.reader is not None:
            return f"reader {self.config.reader}"
        return f"consensus of {nodule.readers} readers at level {self.config.level:g}"

    def _open(self, scan_id: str) -> tuple[Volume, list[Nodule]]:
        from radbench_lidc.volume import read_volume_of

        scan = self._by_id[scan_id]
        volume = read_volume_of(scan)
        try:
            return volume, nodules_of(scan, volume.grid)
        except CaseError as error:
            raise type(error)(f"case '{scan_id}': {error}") from error

    @cached_property
    def _records(self) -> Mapping[Path, FileRecord]:
        config = self.config
        return index_files([config.root] if config.readings is None else [config.root, config.readings])

    @cached_property
    def _by_id(self) -> Mapping[str, Scan]:
        scans, thick = find_scans(self._records, thickest_mm=self.config.slice_thickness_max_mm, unread=True)
        if not scans and thick:
            raise DatasetError(
                f"all {len(thick)} CT series in '{self.config.root}' have slices thicker than "
                f"slice_thickness_max_mm={self.config.slice_thickness_max_mm:g} (the thinnest "
                f"{min(thick.values()):g} mm)"
            )
        if not scans:
            raise DatasetError(
                f"folder '{self.config.root}' holds no DICOM files; give the folder that LIDC-IDRI was downloaded to"
            )
        return {scan.case_id: scan for scan in scans}

    @cached_property
    def _places(self) -> Mapping[str, tuple[Scan, Section | str]]:
        """Return scan and section of each case; of a scan that cannot be used, why."""
        config = self.config
        sound = [s for s in self._by_id.values() if not s.faults and s.reading is not None]
        sections = find_sections(config.root, sound, self._records, config.level)
        places: dict[str, tuple[Scan, Section | str]] = {}
        for scan in self._by_id.values():
            found = scan.faults[0] if scan.faults else sections.get(scan.case_id)
            if found is None:
                if config.unread == "refuse":
                    places[scan.case_id] = (scan, _UNREAD.format(patient=scan.patient_id))
                continue
            if isinstance(found, str):
                places[scan.case_id] = (scan, found)
                continue
            for section in found:
                if section.readers >= config.min_readers and config.reader in (None, *section.present):
                    places[f"{scan.case_id}-n{section.number}"] = (scan, section)
        if not places:
            raise DatasetError(
                f"no nodule of the {len(self._by_id)} scans in '{config.root}' counts: see min_readers, level "
                "and reader"
            )
        return places

    @cached_property
    def _entries(self) -> dict[str, CaseEntry]:
        # split_of reads the two fields alone that both configurations have.
        config = cast("LidcConfig", self.config)
        return {
            case_id: CaseEntry(
                case_id,
                scan.patient_id,
                split_of(scan.patient_id, config),
                self._digest(scan, section),
                _GROUPS if isinstance(section, Section) else {},
            )
            for case_id, (scan, section) in self._places.items()
        }

    def _digest(self, scan: Scan, section: Section | str) -> str:
        what = {
            "series": scan.series_uid,
            "bytes": scan.digests,
            "section": section if isinstance(section, str) else [section.number, section.slice_uid],
            "options": self.config.model_dump(mode="json", include={"level", "reader", "window"}),
        }
        return hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()


_GROUPS = {"lesion-type": "lung"}

_UNREAD = (
    "no reading (XML) names a CT series of patient '{patient}'; download it beside the images, give its folder as "
    "readings=PATH, or leave such patients out by unread=leave-out"
)


def _largest_piece(mask: NDArray[np.bool_]) -> tuple[NDArray[np.bool_], int]:
    """Return the largest 8-connected piece ``[H,W]`` (the first of equals) and how many there are."""
    import numpy as np
    from scipy import ndimage

    labels, count = ndimage.label(mask, structure=np.ones((3, 3), int))
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    return labels == sizes.argmax(), int(count)
