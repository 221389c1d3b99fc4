"""Answers: readers' CSV files, held against the study's key line by line, and joined."""

from __future__ import annotations

import csv
import io
import zlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from radbench.contracts.errors import RadbenchError, UsageError
from radbench.contracts.printable import printable
from radbench.engine.keep.texts import counted
from radbench.reader_study.key import Key
from radbench.reader_study.schedule import Trial

COLUMNS = ("study", "reader", "trial", "image", "answer", "milliseconds", "answered_unix", "check")

LARGEST_FILE = 64 * 2**20

_DIGITS = 15
"""Of a whole number in a file: more than a browser writes exactly, and far fewer than Python refuses to read."""


class AnswersError(RadbenchError):
    """A file of answers is damaged, was changed, or belongs to another study."""


@dataclass(frozen=True)
class Answer:
    """What a reader said in one trial.

    Attributes:
        trial: which.
        grades: the answer to each image, by token.
        seconds: that the trial was on the screen.
        answered: when, in seconds since 1970 (UTC).
        file: name of the file that it was read from.
    """

    trial: Trial
    grades: dict[str, float]
    seconds: float
    answered: int
    file: str


@dataclass(frozen=True)
class Answers:
    """Everything that was answered.

    Attributes:
        by_reader: of each reader, the answers by token of the trial; a reader without any is not there.
        notes: sentences that whoever reads the results should know.
    """

    by_reader: dict[int, dict[str, Answer]]
    notes: tuple[str, ...]


def check_of(cells: Sequence[str]) -> str:
    """Return what the page writes at the end of a line: CRC-32 of the cells before it."""
    return f"c{zlib.crc32('|'.join(cells).encode()):08x}"


def read_answers(key: Key, paths: Iterable[Path], leave_out_damaged: bool = False) -> Answers:
    """Read and join files of answers.

    Of a trial that stands in several files, the answer that was given last counts. Files that a spreadsheet has saved
    again, with semicolons or tabs, are read, too.

    Args:
        key: of the study.
        paths: CSV files, or folders of them.
        leave_out_damaged: go on without lines that are damaged or were changed; each file's are counted in the notes.

    Raises:
        UsageError: there is no file.
        AnswersError: a file is of another study or no file of answers, or a line is damaged.
    """
    files = _files(paths)
    notes: list[str] = []
    found: dict[int, dict[str, Answer]] = {}
    twice: Counter[tuple[int, str, str]] = Counter()
    for file in files:
        answers, damaged = _read(key, file)
        if damaged:
            said = f"'{printable(file.name)}': {damaged[0]}" + (
                f" (and {counted(len(damaged) - 1, 'more line')})" if damaged[1:] else ""
            )
            if not leave_out_damaged:
                raise AnswersError(
                    f"{said}: let the reader save the answers again, or go on without these lines with "
                    "--leave-out-damaged"
                )
            notes.append(f"{said}; left out")
        for reader, answer in answers:
            mine = found.setdefault(reader, {})
            before = mine.get(answer.trial.token)
            if before is not None and before.grades != answer.grades:
                first, last = sorted((before, answer), key=lambda a: a.answered)
                twice[reader, first.file, last.file] += 1
            if before is None or answer.answered >= before.answered:
                mine[answer.trial.token] = answer
    if not any(found.values()):
        raise AnswersError(
            f"no trial is answered in {', '.join(repr(printable(f.name)) for f in files)}: let the readers answer "
            "some, and save their answers"
        )
    notes += [
        f"reader {reader} answered {counted(n, 'trial')} in '{printable(first)}' and otherwise in '{printable(last)}': "
        "what was answered later counts"
        for (reader, first, last), n in twice.items()
    ]
    for reader, trials in key.readers.items():
        done = len(found.get(reader, {}))
        if not done:
            notes.append(f"reader {reader}: no answers")
        elif done < len(trials):
            notes.append(f"reader {reader}: {done} of {counted(len(trials), 'trial')} answered; what is there counts")
    return Answers({reader: found[reader] for reader in sorted(found) if found[reader]}, tuple(notes))


def _files(paths: Iterable[Path]) -> list[Path]:
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            found += sorted(p for p in path.iterdir() if p.suffix.lower() == ".csv" and p.is_file())
        elif path.is_file():
            found.append(path)
        else:
            raise UsageError(f"'{path}' does not exist: name the files that the readers sent back")
    if not found:
        where = " or ".join(f"'{path}'" for path in paths)
        raise UsageError(f"there are no files of answers in {where}: put there what the readers sent back, or name it")
    return list(dict.fromkeys(found))


def _read(key: Key, file: Path) -> tuple[list[tuple[int, Answer]], list[str]]:
    """Return the answers of a file with their readers, and a sentence for each damaged line."""
    rows = _rows(file)
    trials = {(number, trial.token): trial for number, own in key.readers.items() for trial in own}
    grades: dict[tuple[int, str], dict[str, float]] = {}
    taken: dict[tuple[int, str], tuple[int, int]] = {}
    damaged: list[str] = []
    for number, cells in rows:
        said = _fault(key, trials, cells)
        if said:
            if cells[:1] and cells[0] != key.study and len(cells) == len(COLUMNS) and check_of(cells[:-1]) == cells[-1]:
                raise AnswersError(
                    f"'{printable(file.name)}' is of study {printable(cells[0])}, and the key is of {key.study}: it "
                    "belongs to another study"
                )
            damaged.append(f"line {number} {said}")
            continue
        at = int(cells[1]), cells[2]
        grades.setdefault(at, {})[cells[3]] = float(cells[4])
        taken[at] = int(cells[5]), int(cells[6])
    answers = []
    for at, given in grades.items():
        trial = trials[at]
        if missing := [image for image in trial.images if image not in given]:
            damaged.append(f"lacks {counted(len(missing), 'image')} of a trial of reader {at[0]}")
            continue
        answers.append((at[0], Answer(trial, given, taken[at][0] / 1000.0, taken[at][1], file.name)))
    return answers, damaged


def _rows(file: Path) -> list[tuple[int, list[str]]]:
    try:
        if file.stat().st_size > LARGEST_FILE:
            raise AnswersError(f"'{printable(file.name)}' is too large for a file of answers")
        text = file.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError:
        raise AnswersError(f"'{printable(file.name)}' is no text in UTF-8, and so no file of answers") from None
    except OSError as e:
        raise AnswersError(f"'{printable(file.name)}' cannot be read: {e.strerror or e}") from e
    head = text.split("\n", 1)[0].strip("\r")
    mark = next((m for m in ",;\t" if tuple(c.strip('"') for c in head.split(m)) == COLUMNS), None)
    if mark is None:
        raise AnswersError(
            f"'{printable(file.name)}' is no file of answers: its first line must name {', '.join(COLUMNS)}"
        )
    try:
        rows = list(csv.reader(io.StringIO(text), delimiter=mark, strict=True))
    except csv.Error as e:
        raise AnswersError(f"'{printable(file.name)}' is damaged: {e}") from e
    return [(number, cells) for number, cells in enumerate(rows[1:], 2) if any(cells)]


def _fault(key: Key, trials: dict[tuple[int, str], Trial], cells: Sequence[str]) -> str:
    """Say what is wrong with a line, "" where nothing is."""
    if len(cells) != len(COLUMNS):
        return f"has {counted(len(cells), 'cell')} instead of {len(COLUMNS)}: it was cut off"
    if check_of(cells[:-1]) != cells[-1]:
        return "was changed or damaged after the page wrote it: its check does not fit"
    if cells[0] != key.study:
        return "is of another study"
    trial = trials.get((int(cells[1]), cells[2])) if _whole(cells[1]) else None
    if trial is None:
        return "names a trial that this reader was not shown"
    if cells[3] not in trial.images:
        return "names an image that its trial does not show"
    answers = {f"{a:g}" for a in key.design.answers}
    if cells[4] not in answers:
        return f"has the answer '{printable(cells[4])}', which the design does not know"
    if not (_whole(cells[5]) and _whole(cells[6])):
        return f"has a time that is no whole number of at most {_DIGITS} digits"
    return ""


def _whole(cell: str) -> bool:
    return cell.isascii() and cell.isdecimal() and len(cell) <= _DIGITS
