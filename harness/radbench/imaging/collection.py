"""Collections as they are distributed: where their files lie, what their tables say line by line, who is held out."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from radbench.contracts.errors import DatasetError, did_you_mean
from radbench.contracts.printable import name_of, printable
from radbench.imaging.folder import list_images
from radbench.imaging.limits import limit, variable_of

_SHOWN = 5


def collection_root(root: Path, expected: str) -> Path:
    """Return the folder of a collection.

    Args:
        root: as it was configured; ``~`` is the user's folder.
        expected: what should lie there, for the sentence.

    Raises:
        DatasetError: it does not exist, is a file, or may not be listed.
    """
    folder = Path(root).expanduser()
    if not folder.is_dir():
        kind = "is a file" if folder.exists() else "does not exist"
        raise DatasetError(f"folder '{folder}' {kind}; give the folder with {expected}")
    try:
        next(folder.iterdir(), None)
    except OSError as error:
        raise DatasetError(f"folder '{folder}' cannot be listed ({error.strerror})") from error
    return folder


@dataclass(frozen=True)
class Found:
    """Files by the key that a collection's lists call them by.

    Attributes:
        paths: the first file of each key, in order of the folders and of the names in them.
        copies: the others of a key that several files have.
    """

    paths: Mapping[str, Path] = field(default_factory=dict)
    copies: Mapping[str, tuple[Path, ...]] = field(default_factory=dict)


def find_files(
    folders: Iterable[Path], suffixes: Collection[str], *, by: str = "name", without: Collection[str] = ()
) -> Found:
    """Find the image files below some folders; hidden ones and ``__MACOSX`` are passed over.

    Args:
        folders: where to look; a folder below another one is looked through once.
        suffixes: that count, lower case, with the dot.
        by: "name": the key is the file's name; "path": its path below its folder, with ``/``; "stem": its name without
            the suffix.
        without: names of folders, lower case, whose files are passed over.

    Raises:
        DatasetError: a folder may not be listed.
    """
    paths: dict[str, Path] = {}
    copies: dict[str, tuple[Path, ...]] = {}
    seen: set[Path] = set()
    for folder in folders:
        for path in list_images(folder):
            name = path.name
            dot = name.rfind(".")
            if dot < 0 or name[dot:].lower() not in suffixes:
                if path.is_dir():
                    raise DatasetError(f"folder '{path}' cannot be listed: change its permissions")
                continue
            if path in seen:
                continue
            if without and {part.lower() for part in path.relative_to(folder).parts[:-1]} & set(without):
                continue
            seen.add(path)
            key = name if by == "name" else name[:dot] if by == "stem" else name_of(path.relative_to(folder))
            if key in paths:
                copies[key] = (*copies.get(key, ()), path)
            else:
                paths[key] = path
    return Found(paths, copies)


@dataclass(frozen=True)
class Line:
    """A line of a table or a list.

    Attributes:
        number: of the line in its file, from 1.
        cells: its fields, without blanks about them.
    """

    number: int
    cells: tuple[str, ...]


def read_table(path: Path, hint: str, *, delimiter: str = ",", encoding: str = "utf-8-sig") -> list[Line]:
    """Return the lines of a table, the header among them, without empty ones.

    A byte order mark and any line end are read. Commas within quotes part fields, too: the collections' headers
    (``OriginalImage[Width,Height]``) are quoted by one program and not by the next, and their cells hold none.

    Args:
        path: the table.
        hint: how the user comes by it, for the sentence.
        delimiter, encoding: of the file.

    Raises:
        DatasetError: it is missing, empty, no text, too long, or damaged, with the line.
    """
    lines: list[Line] = []
    most, number = limit("lines"), 0
    try:
        with path.open(newline="", encoding=encoding) as file:
            reader = csv.reader(file, delimiter=delimiter, strict=True)
            for row in reader:
                number = reader.line_num
                cells = tuple(cell.strip() for cell in delimiter.join(row).split(delimiter))
                if not any(cells):
                    continue
                if len(lines) >= most:
                    raise DatasetError(
                        f"table '{path}' has more than the {most:,} lines that are read: set {variable_of('lines')}"
                    )
                lines.append(Line(number, cells))
    except FileNotFoundError:
        raise DatasetError(f"'{path}' does not exist; {hint}") from None
    except UnicodeDecodeError as error:
        raise DatasetError(f"table '{path}' is no UTF-8 text ({error.reason}): get it again") from error
    except csv.Error as error:
        raise DatasetError(f"table '{path}', line {number + 1}: it cannot be read ({error}): get it again") from error
    except OSError as error:
        raise DatasetError(f"table '{path}' cannot be read ({error.strerror}): get it again") from error
    if not lines:
        raise DatasetError(f"table '{path}' is empty: get it again")
    return lines


class Columns:
    """Which column of a table has which name.

    Args:
        path: the table.
        header: its first line. Columns at the end without a name, or called ``Unnamed`` by a program, are none.
    """

    def __init__(self, path: Path, header: Line) -> None:
        names = list(header.cells)
        while names and (not names[-1] or names[-1].startswith("Unnamed:")):
            names.pop()
        self.path, self.names = path, names

    def place(self, *called: str) -> int:
        """Return the place of a column by any of its names.

        Raises:
            DatasetError: there is none, or there are two.
        """
        found = self.maybe(*called)
        if found is None:
            raise DatasetError(
                f"table '{self.path}' has no column '{called[0]}'{did_you_mean(called[0], self.names)}; the table is "
                "needed as it is distributed"
            )
        return found

    def maybe(self, *called: str) -> int | None:
        """Return the place of a column by any of its names, None where there is none.

        Raises:
            DatasetError: there are two.
        """
        found = [place for place, name in enumerate(self.names) if name in called]
        if len(found) > 1:
            raise DatasetError(f"table '{self.path}' names the column '{called[0]}' twice: get it again")
        return found[0] if found else None

    def fault(self, line: Line) -> str:
        """Return what is wrong with a line's number of fields, "" where it has as many as there are columns."""
        if len(line.cells) < len(self.names) or any(line.cells[len(self.names) :]):
            return f"it has {len(line.cells)} fields, and the first line names {len(self.names)}"
        return ""


def read_list(path: Path, hint: str) -> list[Line]:
    """Return the lines of a list of file names, one a line, without empty ones; ``\\`` in a path is ``/``.

    Raises:
        DatasetError: as :func:`read_table`.
    """
    return [Line(line.number, (line.cells[0].replace("\\", "/"),)) for line in read_table(path, hint, delimiter="\t")]


def held_out(patient_id: str, share: float, seed: int) -> bool:
    """Tell whether a patient is among those that are held out: whether a hash of the id falls below the share.

    So all images of a patient go together, and a part of a collection is dealt as the whole.

    Args:
        patient_id: unique within the collection.
        share: of the patients, 0 to 1.
        seed: another one deals anew.
    """
    number = hashlib.sha256(f"{seed}:{patient_id}".encode()).digest()[:8]
    return int.from_bytes(number, "big") / 2.0**64 < share


def check_disjoint(patients: Mapping[str, Collection[str]]) -> None:
    """Refuse official lists that share a patient.

    Args:
        patients: by the list's name, whose patients are in it.

    Raises:
        DatasetError: a patient is in two of them; which.
    """
    seen: dict[str, str] = {}
    for name, ids in patients.items():
        shared = sorted(set(ids) & set(seen))
        if shared:
            raise DatasetError(
                f"patient '{shared[0]}' is in both '{seen[shared[0]]}' and '{name}'"
                f"{f' ({len(shared)} patients are)' if len(shared) > 1 else ''}; the official split shares no patient: "
                "get the lists again"
            )
        seen |= dict.fromkeys(ids, name)


def shown(names: Sequence[str]) -> str:
    """Return the first names and how many more there are, for a sentence."""
    more = f" and {len(names) - _SHOWN:,} more" if len(names) > _SHOWN else ""
    return ", ".join(f"'{printable(name)}'" for name in names[:_SHOWN]) + more


def counted(number: int, what: str) -> str:
    """Return a number with its noun: ``1 image``, ``2,000 images``."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def repeated(lines: Iterable[tuple[str, Line]]) -> Iterator[tuple[str, Line, Line]]:
    """Yield what is named by several lines, with the first of them and each later one."""
    first: dict[str, Line] = {}
    for name, line in lines:
        if name in first:
            yield name, first[name], line
        else:
            first[name] = line
