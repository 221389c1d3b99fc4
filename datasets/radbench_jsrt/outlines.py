"""SCR's outlines of lungs and heart: where their masks lie, and which fold a radiograph is in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from radbench.contracts.errors import DatasetError
from radbench.imaging.folder import list_images

LUNGS, HEART = ("left lung", "right lung"), ("heart",)
_FOLDS = {"fold1": 1, "fold2": 2}


@dataclass(frozen=True)
class Outlines:
    """What was found.

    Attributes:
        masks: radiograph -> structure -> file.
        folds: radiograph -> the fold whose folder its masks lie in.
    """

    masks: Mapping[str, Mapping[str, Path]] = field(default_factory=dict)
    folds: Mapping[str, int] = field(default_factory=dict)

    def of(self, name: str, structures: tuple[str, ...]) -> tuple[Path, ...]:
        """Return the files of all these structures, none where one of them is missing."""
        found = self.masks.get(name, {})
        return tuple(found[s] for s in structures) if all(s in found for s in structures) else ()

    def has(self, structures: tuple[str, ...]) -> bool:
        """Tell whether any radiograph has these structures."""
        return any(self.of(name, structures) for name in self.masks)


def find_outlines(folder: Path) -> Outlines:
    """Find the masks below a folder by the folder that they lie in: ``fold1/masks/left lung/JPCLN001.gif``.

    Raises:
        DatasetError: a structure has two masks, or the masks of one radiograph lie in both folds.
    """
    masks: dict[str, dict[str, Path]] = {}
    folds: dict[str, int] = {}
    for path in list_images(folder):
        structure = path.parent.name.lower().replace("_", " ")
        if structure not in (*LUNGS, *HEART) or path.is_dir():
            continue
        name = path.stem.upper()
        of = masks.setdefault(name, {})
        if structure in of:
            raise DatasetError(f"'{of[structure]}' and '{path}' both are the {structure} of '{name}': remove one")
        of[structure] = path
        for part in path.relative_to(folder).parts[:-1]:
            fold = _FOLDS.get(part.lower())
            if fold is not None and folds.setdefault(name, fold) != fold:
                raise DatasetError(f"the masks of '{name}' in '{folder}' lie in fold1 and in fold2: get SCR again")
    return Outlines(masks, folds)


def fold_of(name: str, outlines: Outlines) -> int:
    """Return a radiograph's fold: that of its masks' folder, else 1 for odd numbers and 2 for even ones.

    Source: van Ginneken et al. 2006 have two folds; that the first one holds the odd numbers is assumed, and matters
    only without SCR.
    """
    return outlines.folds.get(name, 1 if int(name[-3:]) % 2 else 2)
