"""FolderDataset: the images of a folder as cases."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from radbench.contracts.case import Case
from radbench.contracts.dataset import SPLITS, CaseEntry
from radbench.contracts.errors import CaseError, DatasetError, ImageReadError, did_you_mean
from radbench.imaging import (
    check_folder,
    count_frames,
    file_digests,
    find_images,
    read_image,
    read_mask,
    recist_from_mask,
)
from radbench.imaging.frames import is_nifti_file
from radbench.imaging.stored import MAPPING_VERSION
from radbench_folder.config import FolderConfig
from radbench_folder.remarks import other_files, repeated_images, spare_masks
from radbench_folder.table import Table, mask_path, masks_of, read_table

if TYPE_CHECKING:
    from torch import Tensor

_WITH_RECIST = ("lesion_mask", "nodule_mask")
_IN_UNITS = (".dcm", ".dicom", ".ima", ".nii", ".nii.gz")


class FolderDataset:
    """Any folder of images, with masks beside them if there are any.

    A case's id is its path below ``root`` without the suffix. Nothing is opened before it is loaded, save to hash
    it: a file that cannot be read is that case's fault when it is loaded, and no one else's.

    Raises (by its methods):
        DatasetError: the folder is missing, is a file, or holds no images; two files have one case id; no mask
            belongs to any image; the pattern or the table does not give every case a patient.
        CaseError: a case cannot be used: its file, its mask, or the sizes of the two.
    """

    Config = FolderConfig

    def __init__(self, config: FolderConfig) -> None:
        self.config = config
        self.modality: str = config.modality

    @property
    def targets(self) -> frozenset[str]:
        """The mask, with RECIST axes for lesions; findings that the table has; ``hu`` where the files hold units."""
        names: set[str] = {"findings"} if self._table.findings else set()
        if self._has_masks:
            names.add(self.config.mask_target)
            if self.config.mask_target in _WITH_RECIST:
                names.add("recist")
        if self.config.modality == "ct" and self._holds_hu:
            names.add("hu")
        return frozenset(names)

    def manifest(self) -> Sequence[CaseEntry]:
        """List the cases, ordered by case id.

        A case's digest covers the bytes of image and mask and every option that changes what is read from them.
        """
        return self._manifest

    def load(self, case_id: str) -> Case:
        """Load one case."""
        path = self._images.get(case_id)
        if path is None:
            raise CaseError(f"folder '{self.config.root}' has no case '{case_id}'{did_you_mean(case_id, self._images)}")
        try:
            read = read_image(path, digests=self._digests, **self._options)
            targets, mask_source = self._targets(case_id, read.image)
        except ImageReadError as error:
            raise type(error)(f"case '{case_id}': {error}") from error
        if read.hu is not None:
            targets["hu"] = read.hu
        elif "hu" in self.targets:
            raise CaseError(
                f"case '{case_id}': '{path.name}' is not in Hounsfield units although modality is ct; "
                "take it out, or say modality=any"
            )
        entry = self._entries[case_id]
        return Case(
            case_id=case_id,
            patient_id=entry.patient_id,
            image=read.image,
            spacing_mm=read.spacing_mm,
            groups=entry.groups,
            provenance={**read.provenance, **({"mask": mask_source} if mask_source else {})},
            targets=targets,
        )

    def noticed(self) -> Sequence[str]:
        """Tell of files that are no cases, masks of no image and repeated images, for ``bench data check``."""
        images, masks, table = self._images, self._masks, self._table
        headers = (_header_of(path) for path in images.values())
        known = {os.path.realpath(path) for path in (*images.values(), *masks.values(), *headers, table.path) if path}
        folder = () if self.config.masks is None else (os.path.realpath(Path(self.config.masks).expanduser()),)
        patients = {case_id: entry.patient_id for case_id, entry in self._entries.items()}
        return [
            *other_files(check_folder(self.config.root), known, folder),
            *spare_masks(masks if folder else {}, images),
            *repeated_images({case_id: self._digests[path] for case_id, path in images.items()}, patients),
        ]

    @cached_property
    def _options(self) -> dict[str, Any]:
        return dict(vars(self.config.read_options()))

    @cached_property
    def _images(self) -> Mapping[str, Path]:
        masks = () if self.config.masks is None else (Path(self.config.masks).expanduser(),)
        root = check_folder(self.config.root)
        named = masks_of(self.config)
        found = find_images(root, exclude=masks)
        found = {case_id: path for case_id, path in found.items() if not named or os.path.realpath(path) not in named}
        if not found:
            raise DatasetError(
                f"folder '{self.config.root}' holds no images; PNG, JPEG, TIFF, BMP, GIF, DICOM, NIfTI and JSRT's "
                ".img count"
            )
        return found

    @cached_property
    def _table(self) -> Table:
        return read_table(self.config, self._images)

    @property
    def _has_masks(self) -> bool:
        return self.config.masks is not None or self._table.has_masks

    @cached_property
    def _masks(self) -> Mapping[str, Path]:
        table = self._table
        if self.config.masks is None:
            rows = table.rows.items() if table.has_masks else ()
            return {case_id: mask_path(table.path, row.mask) for case_id, row in rows if row.mask and table.path}
        if table.has_masks:
            raise DatasetError(f"'{table.path}' names masks, and masks is given, too: leave out one of them")
        found = find_images(self.config.masks)
        if not set(found) & set(self._images):
            example = next(iter(self._images))
            raise DatasetError(
                f"none of the {len(found)} masks in '{self.config.masks}' belongs to an image of "
                f"'{self.config.root}': a mask has its image's name, for example '{example}'"
            )
        return found

    @cached_property
    def _holds_hu(self) -> bool:
        if self.config.rescale is not None:
            return True
        names = [path.name.lower() for path in self._images.values()]
        return all(name.endswith(_IN_UNITS) or "." not in name for name in names)

    @cached_property
    def _entries(self) -> Mapping[str, CaseEntry]:
        return {entry.case_id: entry for entry in self._manifest}

    @cached_property
    def _digests(self) -> Mapping[Path, str]:
        files = [*self._images.values(), *(self._masks[c] for c in self._images if c in self._masks)]
        files += [h for h in map(_header_of, self._images.values()) if h is not None]
        return file_digests(check_folder(self.config.root), files)

    @cached_property
    def _manifest(self) -> tuple[CaseEntry, ...]:
        table, entries = self._table, []
        for case_id, path in self._images.items():
            row = table.rows.get(case_id)
            split = row.split if row is not None and row.split else self.config.split
            if split not in SPLITS:
                raise DatasetError(f"table '{table.path}' puts case '{case_id}' in split '{split}', not {SPLITS}")
            entries.append(
                CaseEntry(
                    case_id=case_id,
                    patient_id=self._patient(case_id, "" if row is None else row.patient_id),
                    split=split,
                    digest=self._digest(case_id, path),
                    groups={"group": row.group} if row is not None and row.group else {},
                )
            )
        return tuple(entries)

    def _patient(self, case_id: str, from_table: str) -> str:
        pattern = self.config.patient_pattern
        if pattern is None:
            return from_table or case_id
        match = re.search(pattern, case_id)
        if match is None or not match.group(1):
            raise DatasetError(f"patient_pattern '{pattern}' finds no patient in case '{case_id}'")
        return match.group(1)

    def _digest(self, case_id: str, path: Path) -> str:
        digests, mask, header = self._digests, self._masks.get(case_id), _header_of(path)
        row = self._table.rows.get(case_id)
        what = {
            "image": digests[path],
            "header": None if header is None else digests[header],
            # A name tells the format of NIfTI and JSRT files.
            "suffix": path.suffix.lower(),
            "mask": None if mask is None else [digests[mask], mask.suffix.lower()],
            "mask_target": self.config.mask_target if self._has_masks else None,
            "mask_threshold": self.config.mask_threshold,
            "options": self._options,
            "mapping": MAPPING_VERSION,
        }
        if row is not None and row.findings:
            what["findings"] = dict(row.findings)
        return hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()

    def _targets(self, case_id: str, image: Tensor) -> tuple[dict[str, Any], dict[str, Any]]:
        targets: dict[str, Any] = {}
        if self._table.findings:
            targets["findings"] = self._table.rows[case_id].labels()
        if not self._has_masks:
            return targets, {}
        path = self._masks.get(case_id)
        if path is None:
            where = (
                f"there is no '{case_id}.*' in '{self.config.masks}'" if self.config.masks else "its line names none"
            )
            raise CaseError(f"case '{case_id}' has no mask: {where}")
        mask, source = read_mask(
            path, threshold=self.config.mask_threshold, digests=self._digests, **self._mask_place(path)
        )
        if mask.shape != image.shape:
            raise CaseError(
                f"case '{case_id}': mask '{path.name}' is {mask.shape[1]} x {mask.shape[2]} (rows x columns), "
                f"its image {image.shape[1]} x {image.shape[2]}; they must be equal"
            )
        targets[self.config.mask_target] = mask
        if self.config.mask_target in _WITH_RECIST:
            if not bool(mask.any()):
                raise CaseError(f"case '{case_id}': mask '{path.name}' is empty, so it gives no RECIST axes")
            piece, pieces = _largest_piece(mask)
            targets["recist"] = recist_from_mask(piece)
            source["recist"] = f"axes of the largest of {pieces} pieces"
        return targets, source

    def _mask_place(self, path: Path) -> dict[str, Any]:
        """Return where in its file a mask lies; one image of many frames has a mask of one."""
        nifti, config = is_nifti_file(path), self.config
        name, number = ("slice_number", config.slice_number) if nifti else ("frame", config.frame)
        plane = {"plane": config.plane} if nifti else {}
        return plane if number is None or count_frames(path, config.plane) == 1 else {name: number, **plane}


def _header_of(path: Path) -> Path | None:
    """Return the ``.hdr`` beside an ``.img``, which the image is read with."""
    header = path.with_suffix(".hdr")
    return header if path.suffix.lower() == ".img" and header.exists() else None


def _largest_piece(mask: Tensor) -> tuple[Any, int]:
    """Return the largest 8-connected piece ``[H,W]`` (the first of equals) and how many there are."""
    import numpy as np
    from scipy import ndimage

    labels, count = ndimage.label(mask[0].numpy(), structure=np.ones((3, 3), int))
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    return labels == sizes.argmax(), int(count)
