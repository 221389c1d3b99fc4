"""Natural: photographs and made images as cases without truth."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import astuple, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from radbench.contracts.case import Case
from radbench.contracts.dataset import CaseEntry
from radbench.contracts.errors import CaseError, DatasetError, ImageReadError, did_you_mean
from radbench.contracts.specs import DatasetSpec
from radbench.imaging import check_folder, file_digests, find_images, read_image
from radbench.imaging.digests import UNREADABLE
from radbench.imaging.stored import MAPPING_VERSION
from radbench_natural.config import NaturalConfig
from radbench_natural.made import KINDS, made
from radbench_natural.photographs import PHOTOGRAPHS, check_shipped, shipped_folder
from radbench_natural.splits import official, shared_out
from radbench_natural.tiles import Tile, size_of, tiles_of

if TYPE_CHECKING:
    from torch import Tensor

_RASTER = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".gif")


@dataclass(frozen=True)
class _Place:
    """Where a case's pixels come from.

    Attributes:
        patient: the photograph or made image.
        split: of all its cases.
        kind: "photograph", or a kind of made image.
        path: of a photograph.
        size: (rows, columns) of the whole photograph; None where its header does not tell.
        tile: the part of it that is the case; None is all of it.
        number: of a made image among its kind.
    """

    patient: str
    split: str
    kind: str
    path: Path | None = None
    size: tuple[int, int] | None = None
    tile: Tile | None = None
    number: int = 0


class Natural:
    """Photographs, of scikit-image or of a folder, and made textures and shapes: images to learn from, without truth.

    A patient is a photograph or a made image: all cases of it are in one split. Photographs of train and validation are
    cut into tiles. The photograph that was read last stays in memory.

    Attributes:
        modality: "natural".
        targets: none.
        collection: "natural" without root; with root, there is none.
        config: the configuration it was built from.

    Raises (by its methods):
        DatasetError: the folder is missing, is a file, or holds no images; two cases have one id.
        CaseError: a photograph cannot be read, is too short on a side, or is not the one that is known.
    """

    Config = NaturalConfig
    modality = "natural"
    targets: frozenset[str] = frozenset()

    def __init__(self, config: NaturalConfig | None = None) -> None:
        self.config = config or NaturalConfig()
        if self.config.root is None:
            # A made image is named with its seed, and scikit-image's photographs are the same in all.
            self.collection = "natural"
        self._last: tuple[Path, Tensor, Mapping[str, Any]] | None = None

    def manifest(self) -> list[CaseEntry]:
        """List the cases: photographs by name, tile by tile, then made images.

        A digest covers a photograph's bytes and the part that is cut from it, or what a made image is made from.
        """
        return [
            CaseEntry(case_id, place.patient, place.split, self._digest(place), {"kind": place.kind})
            for case_id, place in self._places.items()
        ]

    def load(self, case_id: str) -> Case:
        """Load one case.

        Returns:
            A case without targets and spacing. Its provenance tells the file and how it was read, with licence, source
            and tile; or what made it.
        """
        import torch

        place = self._places.get(case_id)
        if place is None:
            raise CaseError(f"natural has no case '{case_id}'{did_you_mean(case_id, self._places)}")
        if place.path is None:
            image = torch.from_numpy(made(place.kind, self.config.seed, place.number, self.config.made_size))[None]
            told: Mapping[str, Any] = {"generator": "natural", "kind": place.kind, "seed": self.config.seed}
        else:
            image, told = self._part(case_id, place, place.path)
        return Case(case_id, place.patient, image, groups={"kind": place.kind}, provenance=told)

    @cached_property
    def _places(self) -> Mapping[str, _Place]:
        places: dict[str, _Place] = {}
        for case_id, place in (*self._photographs(), *self._made()):
            if case_id in places:
                raise DatasetError(
                    f"case id '{case_id}' is that of a file and of a tile or made image; rename the file"
                )
            places[case_id] = place
        return places

    def _made(self) -> Iterator[tuple[str, _Place]]:
        config, total = self.config, self.config.made_number
        for which, kind in enumerate(KINDS):
            names = [f"made-{kind}-s{config.seed}-{i:04d}" for i in range(len(range(which, total, len(KINDS))))]
            split = shared_out(names, config.split, config.seed, kind)
            for i, name in enumerate(names):
                yield name, _Place(name, split[name], kind, number=i)

    def _photographs(self) -> Iterator[tuple[str, _Place]]:
        found = self._of_shipped() if self.config.root is None else self._of_folder
        for name, place in found.items():
            # One that is too short is one failed case, not one a tile.
            whole = place.size is None or place.split == "test" or min(place.size) < self.config.least
            cut = [] if place.size is None or whole else tiles_of(*place.size, self.config.tile)
            if len(cut) < 2:
                yield name, place
                continue
            for number, tile in enumerate(cut, 1):
                yield f"{name}-t{number:0{len(str(len(cut)))}d}", replace(place, tile=tile)

    def _of_shipped(self) -> Mapping[str, _Place]:
        folder = shipped_folder()
        return {
            name: _Place(name, split, "photograph", folder / PHOTOGRAPHS[name].file, PHOTOGRAPHS[name].size)
            for name, split in sorted(self.config.shipped.items())
        }

    @cached_property
    def _files(self) -> Mapping[str, Path]:
        """The photographs of the folder, by their path below it without suffix."""
        root = check_folder(self.config.root or "")
        found = find_images(root)
        named = official(found)
        found = {name: path for name, path in found.items() if not named or name in named}
        if not found:
            raise DatasetError(f"folder '{root}' holds no photographs; PNG, JPEG, TIFF, BMP and GIF count")
        return found

    @cached_property
    def _digests(self) -> Mapping[Path, str]:
        if self.config.root is None:
            folder = shipped_folder()
            return file_digests(folder, [folder / PHOTOGRAPHS[name].file for name in self.config.shipped])
        return file_digests(check_folder(self.config.root), self._files.values())

    @cached_property
    def _of_folder(self) -> Mapping[str, _Place]:
        patients = self._patients()
        named = official(self._files)
        if all(named.values()) and named:
            # The same photograph in both folders must not be learnt from: the later one, of validation, counts.
            split = {
                patients[name]: named[name] for name in sorted(named, key=lambda name: named[name] == "validation")
            }
        else:
            split = shared_out(set(patients.values()), self.config.split, self.config.seed)
        return {
            name: _Place(patients[name], split[patients[name]], "photograph", path, size_of(path))
            for name, path in self._files.items()
        }

    def _patients(self) -> Mapping[str, str]:
        """Return the photograph that each file is: the first file with the same bytes."""
        first: dict[str, str] = {}
        found = {}
        for name, path in self._files.items():
            digest = self._digests[path]
            found[name] = name if digest == UNREADABLE else first.setdefault(digest, name)
        return found

    def _digest(self, place: _Place) -> str:
        config = self.config
        made_of: dict[str, Any] = {"kind": place.kind}
        if place.path is None:
            made_of |= {"seed": config.seed, "number": place.number, "size": config.made_size}
        else:
            made_of |= {
                "file": self._digests[place.path],
                "suffix": place.path.suffix.lower(),
                "tile": None if place.tile is None else astuple(place.tile),
                "least": config.least,
                "mapping": MAPPING_VERSION,
            }
        return hashlib.sha256(json.dumps(made_of, sort_keys=True).encode()).hexdigest()

    def _part(self, case_id: str, place: _Place, path: Path) -> tuple[Tensor, Mapping[str, Any]]:
        """Return the pixels of a photograph's case, and what is to be told of them."""
        image, told = self._whole(case_id, path)
        rows, columns = int(image.shape[1]), int(image.shape[2])
        if min(rows, columns) < self.config.least:
            raise CaseError(
                f"case '{case_id}': '{path.name}' is {rows} x {columns} pixels (rows x columns), shorter on a side "
                f"than least={self.config.least}; take it out, or set least lower"
            )
        if self.config.root is None:
            known = PHOTOGRAPHS[place.patient]
            told = {**told, "licence": known.licence, "source": known.source}
        if place.tile is None:
            return image, told
        if place.size != (rows, columns):
            raise CaseError(
                f"case '{case_id}': the header of '{path.name}' says {place.size}, but it is {rows} x {columns} pixels "
                "(rows x columns); it is damaged"
            )
        t = place.tile
        part = image[:, t.top : t.bottom, t.left : t.right].clone()
        return part, {**told, "tile": {"top": t.top, "bottom": t.bottom, "left": t.left, "right": t.right}}

    def _whole(self, case_id: str, path: Path) -> tuple[Tensor, Mapping[str, Any]]:
        if self._last is not None and self._last[0] == path:
            return self._last[1:]
        if self.config.root is None:
            check_shipped(path.stem, self._digests[path])
        if path.suffix and path.suffix.lower() not in _RASTER and path.is_file():
            raise CaseError(
                f"case '{case_id}': '{path.name}' is no photograph: PNG, JPEG, TIFF, BMP and GIF are read here; take "
                "it out, or take medical images as folder[root=PATH]"
            )
        try:
            read = read_image(path, digests=self._digests)
        except ImageReadError as error:
            raise type(error)(f"case '{case_id}': {error}") from error
        self._last = (path, read.image, read.provenance)
        return read.image, read.provenance


def spec_of_natural(spec: DatasetSpec, config: NaturalConfig, parts: Mapping[str, Any]) -> DatasetSpec:
    """Return the spec: with root, licence and citation are those of the photographs there."""
    if config.root is None:
        return spec
    return replace(spec, licence="as of the photographs in root", citation="")
