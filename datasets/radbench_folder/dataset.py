"""FolderDataset: the images of a folder as cases."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from radbench.contracts.case import Case
from radbench.contracts.dataset import SPLITS, CaseEntry
from radbench.contracts.errors import CaseError, DatasetError, ImageReadError, did_you_mean
from radbench.imaging import check_folder, file_digests, find_images, read_image, read_mask, recist_from_mask
from radbench.imaging.stored import MAPPING_VERSION
from radbench_folder.config import FolderConfig
from radbench_folder.table import read_table

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
        """The mask, with RECIST axes for lesions; ``hu`` where the modality is "ct" and the files hold units."""
        names: set[str] = set()
        if self.config.masks is not None:
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

    @cached_property
    def _options(self) -> dict[str, Any]:
        return dict(vars(self.config.read_options()))

    @cached_property
    def _images(self) -> Mapping[str, Path]:
        masks = () if self.config.masks is None else (Path(self.config.masks).expanduser(),)
        found = find_images(self.config.root, exclude=masks)
        if not found:
            raise DatasetError(
                f"folder '{self.config.root}' holds no images; PNG, JPEG, TIFF, BMP, GIF, DICOM, NIfTI and JSRT's "
                ".img count"
            )
        return found

    @cached_property
    def _masks(self) -> Mapping[str, Path]:
        if self.config.masks is None:
            return {}
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
        rows = read_table(self.config, self._images)
        entries = []
        for case_id, path in self._images.items():
            row = rows.get(case_id)
            split = row.split if row is not None and row.split else self.config.split
            if split not in SPLITS:
                raise DatasetError(
                    f"table '{self.config.table}' puts case '{case_id}' in split '{split}', not {SPLITS}"
                )
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
        what = {
            "image": digests[path],
            "header": None if header is None else digests[header],
            # A name tells the format of NIfTI and JSRT files.
            "suffix": path.suffix.lower(),
            "mask": None if mask is None else [digests[mask], mask.suffix.lower()],
            "mask_target": self.config.mask_target if self.config.masks is not None else None,
            "mask_threshold": self.config.mask_threshold,
            "options": self._options,
            "mapping": MAPPING_VERSION,
        }
        return hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()

    def _targets(self, case_id: str, image: Tensor) -> tuple[dict[str, Any], dict[str, Any]]:
        if self.config.masks is None:
            return {}, {}
        path = self._masks.get(case_id)
        if path is None:
            raise CaseError(f"case '{case_id}' has no mask: there is no '{case_id}.*' in '{self.config.masks}'")
        mask, source = read_mask(
            path,
            threshold=self.config.mask_threshold,
            digests=self._digests,
            frame=self.config.frame,
            plane=self.config.plane,
            slice_number=self.config.slice_number,
        )
        if mask.shape != image.shape:
            raise CaseError(
                f"case '{case_id}': mask '{path.name}' is {mask.shape[1]} x {mask.shape[2]} (rows x columns), "
                f"its image {image.shape[1]} x {image.shape[2]}; they must be equal"
            )
        targets: dict[str, Any] = {self.config.mask_target: mask}
        if self.config.mask_target in _WITH_RECIST:
            if not bool(mask.any()):
                raise CaseError(f"case '{case_id}': mask '{path.name}' is empty, so it gives no RECIST axes")
            piece, pieces = _largest_piece(mask)
            targets["recist"] = recist_from_mask(piece)
            source["recist"] = f"axes of the largest of {pieces} pieces"
        return targets, source


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
