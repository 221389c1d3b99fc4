"""What in a folder is no case, or is there several times: remarks for whoever looks at it before a run."""

from __future__ import annotations

import os
from collections.abc import Container, Iterator, Mapping
from pathlib import Path

from radbench.contracts.printable import name_of
from radbench.imaging.collection import counted, shown


def other_files(root: Path, known: Container[str], without: Container[str]) -> Iterator[str]:
    """Remark on the files below a folder that are neither cases nor belong to one; hidden ones are passed over.

    Args:
        root: the folder.
        known: real paths of images, masks, headers and tables.
        without: real paths of folders below it that hold none of the cases.
    """
    seen: set[str] = set()
    names: list[str] = []
    for here, folders, files in os.walk(root, followlinks=True):
        real = os.path.realpath(here)
        if real in seen or real in without:
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(f for f in folders if not f.startswith(".") and f != "__MACOSX")
        paths = (Path(here, f) for f in sorted(files) if not f.startswith("."))
        names += [name_of(path.relative_to(root)) for path in paths if os.path.realpath(path) not in known]
    if names:
        yield f"{counted(len(names), 'file')} not taken for images: {shown(names)}"


def spare_masks(masks: Mapping[str, Path], images: Container[str]) -> Iterator[str]:
    """Remark on masks, by case id, that belong to no image."""
    if spare := [path.name for case_id, path in masks.items() if case_id not in images]:
        yield f"{counted(len(spare), 'mask')} of no image: {shown(spare)}"


def repeated_images(digests: Mapping[str, str], patients: Mapping[str, str]) -> Iterator[str]:
    """Remark on image files with the same bytes, by case id; intervals take patients for independent."""
    alike: dict[str, list[str]] = {}
    for case_id, digest in digests.items():
        alike.setdefault(digest, []).append(case_id)
    several = [cases for cases in alike.values() if len(cases) > 1]
    if several:
        first = " = ".join(f"'{case_id}'" for case_id in several[0])
        more = f" and {len(several) - 1:,} more" if len(several) > 1 else ""
        apart = sum(len({patients[case_id] for case_id in cases}) > 1 for cases in several)
        whose = f", {apart:,} of them as different patients, whom intervals take for independent" if apart else ""
        yield f"{counted(len(several), 'image')} there several times{whose}: {first}{more}"
