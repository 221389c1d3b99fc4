"""DeepLesion: key slices with one lesion each, as the collection is distributed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from radbench.contracts.case import Case, LookedUp
from radbench.contracts.dataset import CaseEntry
from radbench.contracts.errors import CaseError, DatasetError, did_you_mean
from radbench.contracts.printable import printable
from radbench_deeplesion.config import DeepLesionConfig
from radbench_deeplesion.masks import Found, find_masks, image_beside, read_lesion_mask
from radbench_deeplesion.table import Lesion, read_table

if TYPE_CHECKING:
    from torch import Tensor

    from radbench.imaging import ReadImage

OFFSET = 32768
"""What the collection's PNG files hold above HU."""

_SHOWN = 5


class DeepLesion:
    """The lesions of DeepLesion as it is distributed by the NIH Clinical Center, one case for each.

    Splits are the official ones. Several lesions of a slice are several cases with the same pixels.

    Raises (by its methods):
        DatasetError: the folder, the table or the masks are missing or of another kind.
        CaseError: a lesion cannot be used: its line, its slice, its mask.

    Attributes:
        modality: "ct".
        collection: "DeepLesion".
        config: the configuration it was built from.
    """

    Config = DeepLesionConfig
    modality = "ct"
    collection = "DeepLesion"

    def __init__(self, config: DeepLesionConfig) -> None:
        self.config = config

    @property
    def targets(self) -> frozenset[str]:
        """``hu`` and ``recist``; ``lesion_mask`` with masks; ``volume_hu`` and its spacing with neighbours."""
        names = {"hu", "recist"}
        if self.config.masks is not None:
            names.add("lesion_mask")
        if self.config.neighbours:
            names |= {"volume_hu", "volume_spacing_mm"}
        return frozenset(names)

    def manifest(self) -> Sequence[CaseEntry]:
        """List the cases in the table's order.

        A case's digest covers the bytes of its key slice, its mask and its neighbours as far as they are looked at,
        its line of the table and every option that changes what is made of them.
        """
        return tuple(self._entries.values())

    def noticed(self) -> Sequence[str]:
        """Tell what in the collection is more or less than its table says, for ``bench data check``."""
        series: dict[str, list[Lesion]] = {}
        for lesion in self._table:
            series.setdefault(lesion.series, []).append(lesion)
        told = [text for name in sorted(series) for text in self._noticed_of(name, series[name])]
        strange = sorted(set(_listed(self._images)) - set(series))
        told += [f"'{name}' in '{self._images.name}' is in no line of the table" for name in strange]
        return [*told, *(self._masks.strays if self._masks is not None else ())]

    def load(self, case_id: str) -> Case:
        """Load one case.

        Returns:
            A case whose image is the key slice in the lesion's window; targets ``hu`` float32 ``[1,H,W]``, ``recist``
            float32 ``[4,2]`` and, where there are masks, ``lesion_mask`` bool ``[1,H,W]``. With neighbours,
            ``volume_hu`` ``[D,H,W]`` runs from inferior to superior; the provenance says which slices it holds.
        """
        import torch

        lesion = self._lesions.get(case_id)
        if lesion is None:
            raise CaseError(f"'{self.config.root}' has no case '{case_id}'{did_you_mean(case_id, self._lesions)}")
        if lesion.fault:
            raise CaseError(f"case '{case_id}': {lesion.fault}")
        try:
            read = self._read(lesion, lesion.key)
            assert read.hu is not None
            ready: dict[str, Any] = {
                "hu": read.hu,
                "recist": torch.tensor(lesion.recist, dtype=torch.float32).reshape(4, 2),
            }
            more: dict[str, Any] = {}
            if (mask := self._mask(lesion, read.hu)) is not None:
                ready["lesion_mask"], more["mask"] = mask
        except CaseError as error:
            raise type(error)(f"case '{case_id}': {error}") from error
        on_demand = {}
        if self.config.neighbours:
            ready["volume_spacing_mm"] = torch.tensor(_zyx(lesion))
            on_demand["volume_hu"] = partial(self._volume, lesion)
            more["volume_slices"] = self._neighbours(lesion)
        entry = self._entries[case_id]
        return Case(
            case_id=case_id,
            patient_id=lesion.patient_id,
            image=read.image,
            spacing_mm=read.spacing_mm,
            groups=entry.groups,
            provenance={**read.provenance, **_facts(lesion), "slices": list(lesion.slices), **more},
            targets=LookedUp(ready, on_demand) if on_demand else ready,
        )

    def _mask(self, lesion: Lesion, hu: Tensor) -> tuple[Tensor, dict[str, Any]] | None:
        if self._masks is None:
            return None
        path = self._masks.of.get(lesion.case_id)
        if path is None:
            if self.config.unmasked == "refuse":
                raise CaseError(
                    f"there is no mask of it in '{self.config.masks}'; unmasked=train or leave-out goes on without"
                )
            return None
        return read_lesion_mask(path, lesion, hu, self._digests)

    def _read(self, lesion: Lesion, number: int) -> ReadImage:
        from radbench.imaging import read_image

        path = self._path(lesion.series, number)
        if not path.parent.is_dir() and not path.parent.is_symlink():
            raise CaseError(
                f"there is no folder '{lesion.series}' in '{self._images}': get the archive that holds it, or take "
                "what is there by absent=leave-out"
            )
        read = read_image(
            path,
            digests=self._digests,
            window=self._window(lesion),
            rescale=(1.0, -float(OFFSET)),
            modality="ct",
            spacing_mm=(lesion.spacing_mm[1], lesion.spacing_mm[0]),
        )
        where = f"'{lesion.series}/{path.name}'"
        if read.provenance["format"] != "PNG" or read.provenance["bits"] != 16:
            raise CaseError(
                f"{where} is {read.provenance['format']} of {read.provenance['bits']} bits; the collection's slices "
                f"are PNG of 16 bits that hold HU + {OFFSET}"
            )
        columns, rows = lesion.size
        if tuple(read.image.shape[1:]) != (rows, columns):
            raise CaseError(
                f"{where} is {read.image.shape[2]} x {read.image.shape[1]} (columns x rows), and the table says "
                f"{columns} x {rows}: get it again"
            )
        return read

    def _volume(self, lesion: Lesion) -> Tensor:
        import torch

        first, last = self._neighbours(lesion)
        try:
            # The series is numbered from head to feet.
            planes = [self._read(lesion, number).hu for number in range(last, first - 1, -1)]
        except CaseError as error:
            raise type(error)(f"case '{lesion.case_id}': {error}") from error
        return torch.cat([plane for plane in planes if plane is not None])

    def _neighbours(self, lesion: Lesion) -> list[int]:
        reach = self.config.neighbours
        return [max(lesion.slices[0], lesion.key - reach), min(lesion.slices[1], lesion.key + reach)]

    def _window(self, lesion: Lesion) -> tuple[float, float]:
        return lesion.window if isinstance(self.config.window, str) else self.config.window

    def _path(self, series: str, number: int) -> Path:
        return self._images / series / f"{number:03d}.png"

    @cached_property
    def _root(self) -> Path:
        root = Path(self.config.root).expanduser()
        if not root.is_dir():
            kind = "is a file" if root.exists() else "does not exist"
            raise DatasetError(
                f"folder '{root}' {kind}; give the folder of DeepLesion, with DL_info.csv and Images_png"
            )
        return root

    @cached_property
    def _images(self) -> Path:
        chosen = self.config.images
        folder = self._root / "Images_png" if chosen is None else Path(chosen).expanduser()
        if not folder.is_dir():
            raise DatasetError(
                f"folder '{folder}' does not exist; unpack the collection's archives there, or give images=PATH"
            )
        return folder

    @cached_property
    def _table(self) -> list[Lesion]:
        chosen = self.config.table
        return read_table(self._root / "DL_info.csv" if chosen is None else Path(chosen).expanduser())

    @cached_property
    def _masks(self) -> Found | None:
        if self.config.masks is None:
            return None
        return find_masks(Path(self.config.masks).expanduser(), self._table)

    @cached_property
    def _lesions(self) -> dict[str, Lesion]:
        chosen = [lesion for lesion in self._table if self.config.noisy or not lesion.noisy]
        if self._masks is not None and self.config.unmasked != "refuse":
            splits = ("test",) if self.config.unmasked == "train" else ("train", "validation", "test")
            chosen = [le for le in chosen if le.split not in splits or le.case_id in self._masks.of]
        if self.config.absent == "leave-out":
            there = {name: set(_listed(self._images / name)) for name in _listed(self._images)}
            chosen = [le for le in chosen if f"{le.key:03d}.png" in there.get(le.series, ())]
        if not chosen:
            raise DatasetError(
                f"no lesion of '{self.config.root}' is left of {len(self._table)} in the table: see noisy, unmasked "
                "and absent"
            )
        return {lesion.case_id: lesion for lesion in chosen}

    @cached_property
    def _digests(self) -> Mapping[Path, str]:
        from radbench.imaging import file_digests

        return file_digests(self._root, {p: None for le in self._lesions.values() for p in self._files_of(le)})

    def _files_of(self, lesion: Lesion) -> list[Path]:
        """Return the files that a case is made from, those of its neighbours included."""
        if lesion.fault:
            return []
        first, last = self._neighbours(lesion)
        files = [self._path(lesion.series, n) for n in range(first, last + 1)]
        mask = None if self._masks is None else self._masks.of.get(lesion.case_id)
        beside = None if mask is None else image_beside(mask)
        return [*files, *(p for p in (mask, beside) if p is not None)]

    @cached_property
    def _entries(self) -> dict[str, CaseEntry]:
        return {
            lesion.case_id: CaseEntry(
                case_id=lesion.case_id,
                patient_id=lesion.patient_id,
                split=lesion.split,
                digest=self._digest(lesion),
                groups={"lesion-type": lesion.lesion_type} if lesion.lesion_type else {},
            )
            for lesion in self._lesions.values()
        }

    def _digest(self, lesion: Lesion) -> str:
        from radbench.imaging.stored import MAPPING_VERSION

        what = {
            "line": vars(lesion),
            "files": [[path.name, self._digests[path]] for path in self._files_of(lesion)],
            "window": self._window(lesion) if not lesion.fault else None,
            "neighbours": self.config.neighbours,
            "unmasked": self.config.unmasked == "refuse" and self._masks is not None,
            "mapping": MAPPING_VERSION,
        }
        return hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()

    def _noticed_of(self, series: str, lesions: list[Lesion]) -> list[str]:
        there = set(_listed(self._images / series))
        if not there:
            return []  # Its lesions say that when they are loaded, or are left out as asked for.
        sound = [lesion for lesion in lesions if not lesion.fault]
        wanted = {f"{n:03d}.png" for le in sound for n in range(le.slices[0], le.slices[1] + 1)}
        told = []
        if missing := sorted(wanted - there):
            told.append(f"series '{series}' lacks {_names(missing)} of the {len(wanted)} slices in Slice_range")
        if len(sound) == len(lesions) and (extra := sorted(there - wanted)):
            told.append(f"series '{series}' holds {_names(extra)}, which no line of the table speaks of")
        return told


def _listed(folder: Path) -> list[str]:
    """Return the names in a folder, without hidden ones; none where it is not there."""
    try:
        names = (path.name for path in folder.iterdir())
        return [name for name in names if not name.startswith(".") and name != "__MACOSX"]
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise DatasetError(f"folder '{folder}' cannot be listed ({error.strerror})") from error


def _names(names: list[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(f"'{printable(name)}'" for name in names[:_SHOWN]) + more


def _zyx(lesion: Lesion) -> tuple[float, float, float]:
    column, row, step = lesion.spacing_mm
    return step, row, column


def _facts(lesion: Lesion) -> dict[str, Any]:
    return {
        "series": lesion.series,
        "key_slice": lesion.key,
        "lesion": f"{lesion.number} of {lesion.of} in its slice",
        "box": list(lesion.box),
        "axes": "the shorter one came first in the table" if lesion.swapped else "as in the table",
        "possibly_noisy": lesion.noisy,
        "polarity": "dense is bright",
    }
