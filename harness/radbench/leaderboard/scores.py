"""Scores: the per-case evidence beside a published leaderboard, so that tables can be joined and tested exactly.

``grabcut.cases.csv`` lies beside ``grabcut.csv``, compressed (``.gz``) where it is large. It is a long table: one line
for each number, or each place of a prediction, that was observed of a case. Cases go by digest, patients by running
number within the pair, and no message names anybody. A line without a case says what holds of a whole pair. Features
fit into no table and stay in the run.
"""

from __future__ import annotations

import csv
import gzip
import io
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from radbench.contracts.atomic import replace_file
from radbench.contracts.errors import SchemaError, UsageError
from radbench.contracts.evidence import Features, Prediction
from radbench.contracts.printable import from_cell, to_cell
from radbench.contracts.results import Status
from radbench.engine.keep.digests import digest, short
from radbench.imaging.limits import limit, variable_of
from radbench.leaderboard.columns import seed_of
from radbench.leaderboard.pairs import PairResult

SUFFIX = ".cases.csv"

LARGE = 8 << 20
"""Bytes beyond which scores are compressed with gzip."""

KEY = ("task", "dataset", "split", "profile", "enhancer", "seed")
"""What tells the pairs of a file apart."""

HEADER = (*KEY, "case", "patient", "groups", "status", "observation", "facet", "place", "label", "score", "error")

_ADVICE = "; put it right, or move it away: the rows can be read without it"

_LACKING, _NOTED = "lacking", "noted"
"""What a line without a case has for its status."""

Key = tuple[str, ...]
Line = tuple[str, ...]


def files_beside(leaderboard: Path) -> tuple[Path, Path]:
    """Return where the scores of a published leaderboard lie: as they are, and compressed."""
    name = leaderboard.name.removesuffix(".csv") + SUFFIX
    return leaderboard.with_name(name), leaderboard.with_name(f"{name}.gz")


def key_of(facts: Mapping[str, Any]) -> Key:
    """Return the key of a pair or of a row, as texts; the seed is "" where there is none."""
    seed = seed_of(facts)
    return (*(str(facts[name]) for name in KEY[:-1]), "" if seed is None else str(seed))


@dataclass(frozen=True)
class PairScores:
    """The lines of one pair.

    Attributes:
        lines: the columns after :data:`KEY`.
    """

    lines: tuple[Line, ...]

    @property
    def digest(self) -> str:
        """What the rows of the pair name them by."""
        return short(digest(self.lines))

    def put_into(self, pair: PairResult) -> PairResult:
        """Return a pair with this evidence, cases and patients being known by digest and number alone."""
        evidence: dict[str, dict[str, Any]] = {}
        failures: dict[str, str] = {}
        patients: dict[str, str] = {}
        groups: dict[str, dict[str, str]] = {}
        told = {_LACKING: "", _NOTED: ""}
        places: dict[tuple[str, str, str], list[tuple[float, float]]] = {}
        for case, patient, strata, status, observation, facet, place, label, score, error in self.lines:
            if not case:
                told[status] = error
                continue
            patients[case], groups[case] = patient, _groups(strata)
            if status != Status.OK:
                failures[case] = error
                continue
            observed = evidence.setdefault(case, {})
            if not observation:
                continue
            if label and place:
                places.setdefault((case, observation, facet), []).append((float(label), float(score)))
                continue
            found: Any = Prediction(float(label), float(score)) if label else float(score)
            _put(observed, observation, facet, found)
        for (case, observation, facet), pairs in places.items():
            labels, scores = zip(*pairs, strict=True)
            _put(evidence[case], observation, facet, Prediction(list(labels), list(scores)))
        return replace(
            pair,
            evidence=evidence,
            failures=failures,
            patients=patients,
            groups=groups,
            digests={case: case for case in patients},
            expected_cases=len(patients),
            lacking=told[_LACKING],
            error=told[_NOTED],
            scores_digest=self.digest,
        )


def scores_of(pair: PairResult) -> PairScores:
    """Return the lines of a pair whose cases go by digest and patients by number."""
    lines: list[Line] = []
    for status, text in ((_LACKING, pair.lacking), (_NOTED, pair.error)):
        if text:
            lines.append(("", "", "", status, "", "", "", "", "", text))
    for case in sorted({*pair.evidence, *pair.failures}):
        strata = ";".join(f"{_escaped(n)}={_escaped(v)}" for n, v in sorted(pair.groups.get(case, {}).items()))
        begins = (case, pair.patients.get(case, case), strata)
        if case not in pair.evidence:
            lines.append((*begins, "failed", "", "", "", "", "", pair.failures[case]))
            continue
        found = [(*begins, str(Status.OK), *one, "") for one in _observed(pair.evidence[case])]
        lines += found or [(*begins, str(Status.OK), "", "", "", "", "", "")]
    return PairScores(tuple(lines))


def _observed(evidence: Mapping[str, Any]) -> Iterator[tuple[str, str, str, str, str]]:
    """Yield observation, facet, place, label and score of everything that fits into a table."""
    for observation, observed in evidence.items():
        for facet, one in (observed if isinstance(observed, Mapping) else {"": observed}).items():
            if isinstance(one, Features):
                continue
            if not isinstance(one, Prediction):
                yield observation, facet, "", "", _text(one)
            elif isinstance(one.label, Sequence):
                for place, (label, score) in enumerate(zip(one.label, one.score, strict=True)):  # type: ignore[arg-type]
                    yield observation, facet, str(place), _text(label), _text(score)
            else:
                yield observation, facet, "", _text(one.label), _text(one.score)


def _put(observed: dict[str, Any], observation: str, facet: str, found: Any) -> None:
    there = observed.get(observation)
    if facet:
        if there is None or isinstance(there, dict):
            observed.setdefault(observation, {})[facet] = found
        else:
            observed[observation] = {"": there, facet: found}
    elif isinstance(there, dict):
        there[""] = found
    else:
        observed[observation] = found


def _text(number: Any) -> str:
    return repr(float(number)).removesuffix(".0")


def _escaped(text: str) -> str:
    return re.sub("[%;=]", lambda found: f"%{ord(found[0]):02X}", text)


def _groups(text: str) -> dict[str, str]:
    pairs = (one.partition("=") for one in text.split(";") if one)
    return {unquote(name): unquote(value) for name, _, value in pairs}


def write_scores(leaderboard: Path, scores: Mapping[Key, PairScores]) -> None:
    """Replace the scores beside a leaderboard in one step, compressed where they are large; without any they go.

    Raises:
        OSError: they cannot be written.
    """
    plain, packed = files_beside(leaderboard)
    if not scores:
        plain.unlink(missing_ok=True)
        packed.unlink(missing_ok=True)
        return
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(HEADER)
    for key, one in scores.items():
        writer.writerows([to_cell(cell) for cell in (*key, *line)] for line in one.lines)
    data = text.getvalue().encode()
    large = len(data) > LARGE
    replace_file(packed if large else plain, gzip.compress(data, mtime=0) if large else data, durable=True)
    (plain if large else packed).unlink(missing_ok=True)


def read_scores(leaderboard: Path) -> dict[Key, PairScores]:
    """Read the scores beside a leaderboard; none where there are none.

    Raises:
        UsageError: they cannot be read.
        SchemaError: they are damaged.
    """
    # A writer that was killed may have left both.
    there = [file for file in files_beside(leaderboard) if file.exists()]
    if not there:
        return {}
    path = max(there, key=lambda file: file.stat().st_mtime_ns)
    found: dict[Key, list[Line]] = {}
    for number, record in enumerate(_records(path), start=1):
        if len(record) != len(HEADER):
            raise SchemaError(f"{path}, row {number}: {len(record)} fields where the header has {len(HEADER)}{_ADVICE}")
        cells = tuple(map(from_cell, record))
        for name in ("label", "score"):
            if (cell := cells[HEADER.index(name)]) and not _is_number(cell):
                raise SchemaError(f"{path}, row {number}, column '{name}': {cell!r} is no number{_ADVICE}")
        found.setdefault(cells[: len(KEY)], []).append(cells[len(KEY) :])
    return {key: PairScores(tuple(lines)) for key, lines in found.items()}


def _records(path: Path) -> Iterator[list[str]]:
    """Yield the rows of a file of scores below its header, as texts."""
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            data = file.read(limit("bytes") + 1)
        if len(data) > limit("bytes"):
            raise SchemaError(
                f"{path} has more than {limit('bytes'):,} bytes: set {variable_of('bytes')} higher{_ADVICE}"
            )
        text = data.decode("utf-8-sig")
        header, *records = csv.reader(io.StringIO(text, newline=""), strict=True)
    except (csv.Error, ValueError, EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise SchemaError(f"{path} is no table of scores: {error}{_ADVICE}") from error
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror or error}") from error
    if tuple(header) != HEADER:
        raise SchemaError(f"{path} is no table of scores: its columns must be {', '.join(HEADER)}{_ADVICE}")
    yield from records


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def with_evidence(pairs: Iterable[PairResult]) -> dict[Key, PairScores]:
    """Return the scores of pairs by key."""
    return {key_of(vars(pair)): scores_of(pair) for pair in pairs if pair.scored}
