"""The image files of a folder, in a fixed order, with the case ids that they give."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from radbench.contracts.errors import DatasetError
from radbench.contracts.printable import name_of

DICOM_SUFFIXES = (".dcm", ".dicom", ".ima")
IMAGE_SUFFIXES = *(".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".gif", ".img", ".nii.gz", ".nii"), *DICOM_SUFFIXES
_MAGIC, _MAGIC_OFFSET = b"DICM", 128


def find_images(root: str | os.PathLike[str], exclude: Iterable[str | os.PathLike[str]] = ()) -> dict[str, Path]:
    """Find the images under a folder.

    A file counts by its suffix (:data:`IMAGE_SUFFIXES`, in any case), or, with any other name, by DICOM's
    mark. Hidden files and folders, ``__MACOSX`` and DICOMDIR are passed over. Links to folders are followed,
    each folder once. Files are not opened beyond that mark: whether they can be read shows when they are
    loaded. A folder below that may not be listed stands for what it holds, and is a fault when it is loaded.

    Args:
        root: the folder.
        exclude: folders under it that are left out (masks beside the images).

    Returns:
        Path by case id, ordered by case id. The case id is the path below ``root`` with ``/`` and without the
        suffix.

    Raises:
        DatasetError: the folder is missing, is a file, or may not be listed; or two files give one case id.
    """
    folder = check_folder(root)
    found: dict[str, Path] = {}
    for path in list_images(folder, exclude):
        case_id = case_id_of(path, folder) + "/" * path.is_dir()
        if case_id in found:
            raise DatasetError(
                f"'{found[case_id].name}' and '{path.name}' in '{path.parent}' both give the case id "
                f"'{case_id}'; rename one of them or move it away"
            )
        found[case_id] = path
    return dict(sorted(found.items()))


def list_images(root: str | os.PathLike[str], exclude: Iterable[str | os.PathLike[str]] = ()) -> list[Path]:
    """Return the paths that :func:`find_images` makes cases of, whichever ids they have, in order.

    Raises:
        DatasetError: the folder is missing, is a file, or may not be listed.
    """
    left_out = {Path(e).resolve() for e in exclude}
    return [path for path in _walk(check_folder(root), left_out) if path.is_dir() or _is_image(path)]


def check_folder(root: str | os.PathLike[str]) -> Path:
    """Return the folder as a path.

    Raises:
        DatasetError: it does not exist, or is a file.
    """
    folder = Path(root).expanduser()
    if not folder.exists():
        raise DatasetError(f"folder '{folder}' does not exist")
    if not folder.is_dir():
        raise DatasetError(f"'{folder}' is a file, not a folder of images; give the folder that it lies in")
    return folder


def case_id_of(path: Path, root: Path) -> str:
    """Return the path below ``root`` with ``/`` between its parts and without an image suffix.

    Bytes that are no UTF-8 are written out (:func:`radbench.contracts.printable.name_of`).
    """
    name = name_of(path.relative_to(root))
    lower = name.lower()
    for suffix in IMAGE_SUFFIXES:
        if lower.endswith(suffix) and len(path.name) > len(suffix):
            return name[: -len(suffix)]
    return name


def _walk(folder: Path, left_out: set[Path]) -> Iterable[Path]:
    closed: list[Path] = []

    def note(error: OSError) -> None:
        if Path(error.filename) == folder:
            raise DatasetError(f"folder '{folder}' cannot be listed ({error.strerror})") from error
        closed.append(Path(error.filename))

    seen: set[Path] = set()
    for here, folders, files in os.walk(folder, onerror=note, followlinks=True):
        real = Path(here).resolve()
        if real in seen or real in left_out:
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(f for f in folders if not f.startswith(".") and f != "__MACOSX")
        yield from (Path(here) / f for f in sorted(files) if not f.startswith("."))
    yield from (path for path in sorted(closed) if path.resolve() not in left_out)


def _is_image(path: Path) -> bool:
    if path.name.upper() == "DICOMDIR":
        return False
    lower = path.name.lower()
    if any(lower.endswith(suffix) for suffix in IMAGE_SUFFIXES):
        return True
    try:
        # A pipe would keep its reader waiting.
        if not path.is_file():
            return False
        with path.open("rb") as file:
            return file.read(_MAGIC_OFFSET + len(_MAGIC))[_MAGIC_OFFSET:] == _MAGIC
    except OSError:
        # Without a suffix and unreadable, nothing says that it is an image.
        return False
