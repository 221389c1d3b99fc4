"""Merge: runs of several machines become one leaderboard, as if one run had scored them all."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from radbench.contracts.errors import UsageError
from radbench.engine.keep.digests import digest
from radbench.engine.keep.journal import RunFolder
from radbench.engine.keep.texts import counted
from radbench.engine.plan.shards import Shard, shard_of
from radbench.leaderboard.clashes import is_old, label_of, values_of
from radbench.leaderboard.columns import COMPARABLE_KEY, TABLE_KEY
from radbench.leaderboard.company import named
from radbench.leaderboard.schema import FILE_NAME, leaderboards_in, validate, write_csv
from radbench.leaderboard.scores import key_of, with_evidence, write_scores
from radbench.leaderboard.sources import ComparedSet, compared_sets

if TYPE_CHECKING:
    from pandas import DataFrame

_APART = f"{Path(FILE_NAME).stem}@"
"""What the names of files begin with in which sets stand apart."""

_SPOKEN = {
    "dataset_fingerprint": "data set fingerprint",
    "task_digest": "task digest",
    "given": "truth given at test time",
    "truth": "truth",
    "limit": "limit of cases",
    "cases_digest": "cases digest",
    "schema_version": "schema version",
}


@dataclass(frozen=True)
class Merged:
    """What became of several runs.

    Attributes:
        files: the leaderboards that were written; the first holds all that compares or has labels of its own.
        rows: of the first.
        notes: sentences: what was compared anew, what does not compare and why, what could not be done.
    """

    files: tuple[Path, ...]
    rows: DataFrame
    notes: tuple[str, ...]


def merge(paths: Sequence[Path], out: Path, replace: bool = False) -> Merged:
    """Join runs into ``leaderboard.csv`` of a folder, with their per-case scores beside it.

    Differences, tests, corrections and ranks are computed anew over each table from the per-case scores. Tables of the
    same labels that do not compare (other data, another identity of the task) cannot stand in one file: the one that
    most pairs stand in stays, each other goes into a ``leaderboard@….csv`` of its own.

    Args:
        paths: runs, leaderboards with their scores, or folders of these; at least two.
        out: the folder; made where it is missing.
        replace: whether what an earlier merge left there gives way.

    Raises:
        UsageError: fewer than two are named, the folder holds a run, leaderboards that are merged, or others that
            nobody asked to replace, or it cannot be written.
        SchemaError: a leaderboard is not valid.
    """
    import pandas as pd

    if len({path.resolve() for path in paths}) < 2:
        raise UsageError("name at least two runs or leaderboards to merge")
    if RunFolder(out).journal.exists():
        raise UsageError(f"'{out}' holds a run: name a folder of its own for what is merged")
    stale = _merged_before(paths, out, replace)
    sets = [*compared_sets(paths)]
    notes = [*_shards_missing(paths), *(note for one in sets for note in one.notes)]
    notes += [
        f"'{label_of(one.rows)}': {counted(one.places, 'place')}, compared anew" for one in sets if one.places > 1
    ]
    chosen, apart = _by_label(sets)
    notes += [_why(one, other) for one, other in apart]
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"cannot make '{out}': {error.strerror or error}") from error
    files = [_written(out / FILE_NAME, chosen)]
    names = [_apart_name(one) for one, _ in apart]
    assert len(set(names)) == len(names), names
    files += [_written(out / name, [one]) for name, (one, _) in zip(names, apart, strict=True)]
    for file in stale:
        if file not in files:
            write_scores(file, {})
            file.unlink(missing_ok=True)
    rows = pd.concat([one.rows for one in chosen], ignore_index=True)
    return Merged(tuple(files), validate(rows), tuple(notes))


def _shards_missing(paths: Sequence[Path]) -> Iterator[str]:
    """Say of each plan that was dealt to several machines which of its parts are not among the runs."""
    found: dict[str, set[Shard]] = {}
    for path in paths:
        for event in RunFolder(path if path.is_dir() else path.parent).events("run"):
            request = event["request"]
            if request.get("shard"):
                shard = shard_of(request["shard"])
                # Where folders lie differs from machine to machine: parts go by their names alone.
                parts = [[one.partition("[")[0] for one in request[kind]] for kind in ("enhancers", "tasks")]
                plan = digest([parts, *(request[what] for what in ("profile", "seeds", "limit")), shard.of])
                found.setdefault(plan, set()).add(shard)
    for shards in found.values():
        of = next(iter(shards)).of
        missing = [f"{i}/{of}" for i in range(1, of + 1) if i not in {shard.number for shard in shards}]
        if missing:
            which = f"shard {missing[0]} is" if len(missing) == 1 else f"shards {', '.join(missing)} are"
            yield f"{which} not among these runs: rows are missing, unless there was nothing to do"


def _merged_before(paths: Sequence[Path], out: Path, replace: bool) -> list[Path]:
    """Return what an earlier merge left in the folder.

    Raises:
        UsageError: leaderboards lie there, and one of them is merged, is no merge's, or may not be replaced.
    """
    there = [] if not out.is_dir() or not any(out.glob("*.csv")) else _boards(out)
    if not there:
        return []
    inside = [path for path in paths if out.resolve() in (path.resolve(), path.resolve().parent)]
    if inside:
        raise UsageError(f"'{inside[0]}' lies in '{out}', which is merged into: name a folder of its own")
    foreign = [file.name for file in there if file.name != FILE_NAME and not file.name.startswith(_APART)]
    if foreign or not replace:
        own = "name another folder" if foreign else "name another folder, or give '--replace' where it may go"
        raise UsageError(f"'{out}' holds leaderboards already ({', '.join(file.name for file in there)}): {own}")
    return there


def _boards(folder: Path) -> list[Path]:
    try:
        return leaderboards_in(folder)
    except UsageError:
        return []  # other tables


def _by_label(sets: Sequence[ComparedSet]) -> tuple[list[ComparedSet], list[tuple[ComparedSet, ComparedSet]]]:
    """Return the sets that stand in one file, and those that cannot beside the one that does."""
    of: dict[str, list[ComparedSet]] = {}
    for one in sets:
        of.setdefault(label_of(one.rows), []).append(one)
    chosen, apart = [], []
    for same in of.values():
        # The one with most pairs; of as many, the newest.
        stands = max(same, key=lambda one: (len(_entries(one.rows)), max(one.rows["created_utc"])))
        chosen.append(stands)
        apart += [(one, stands) for one in same if one is not stands]
    return chosen, apart


def _entries(rows: DataFrame) -> set[tuple[str, ...]]:
    return {key_of(row) for row in rows.to_dict("records")}


def _why(one: ComparedSet, stands: ComparedSet) -> str:
    differ = [*_differing(one.rows, stands.rows)]
    enhancers = ", ".join(dict.fromkeys(one.rows["enhancer"]))
    return (
        f"'{label_of(one.rows)}' of {enhancers} does not compare with the other rows of these labels "
        f"({'; '.join(differ)}): it stands in {_apart_name(one)}"
    )


def _differing(one: DataFrame, other: DataFrame) -> Iterator[str]:
    for name in COMPARABLE_KEY[len(TABLE_KEY) :]:
        mine, theirs = values_of(one, name), values_of(other, name)
        if mine != theirs:
            told = (", ".join(sorted(text[:12] or "none" for text in texts)) for texts in (mine, theirs))
            yield f"{_SPOKEN[name]} {' and '.join(told)}"


def _apart_name(one: ComparedSet) -> str:
    first = one.rows.iloc[0]
    labels = (re.sub(r"[^a-z0-9]+", "-", str(first[name]).lower()).strip("-") for name in ("task", "split", "profile"))
    # Sets of version 1 stand apart by seed, too.
    seeds = sorted({str(seed) for seed in one.rows["seed"]}) if is_old(one.rows).any() else []
    tag = digest([*(sorted(values_of(one.rows, name)) for name in COMPARABLE_KEY), seeds])
    return f"{_APART}{'-'.join(labels)}-{tag[:16]}.csv"


def _written(file: Path, sets: Sequence[ComparedSet]) -> Path:
    import pandas as pd

    scores = with_evidence(pair for one in sets for pair in one.pairs)
    rows = named(pd.concat([one.rows for one in sets], ignore_index=True), scores)
    # Scores go first: rows name theirs by digest.
    write_scores(file, scores)
    write_csv(rows, file)
    return file
