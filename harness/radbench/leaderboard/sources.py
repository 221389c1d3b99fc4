"""Sources: leaderboards as they are read from a run or a file, with the per-case scores that are known beside them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from radbench.contracts import Status, UnknownNameError
from radbench.engine.keep.journal import RunFolder
from radbench.leaderboard.clashes import is_old, label_of
from radbench.leaderboard.columns import IDENTIFYING
from radbench.leaderboard.company import comparable, compared_anew, pairs_of
from radbench.leaderboard.comparing import tables_of
from radbench.leaderboard.pairs import PairResult
from radbench.leaderboard.privacy import anonymous, publishable
from radbench.leaderboard.schema import FILE_NAME, leaderboards_in, read_leaderboard
from radbench.leaderboard.scores import key_of, read_scores
from radbench.leaderboard.view import pair_results

if TYPE_CHECKING:
    from pandas import DataFrame, Series

    from radbench.leaderboard.aggregate import Margin


@dataclass(frozen=True)
class Source:
    """What one place holds.

    Attributes:
        rows: in the schema's columns, valid.
        pairs: those whose per-case scores are known, cases by digest and patients by number.
    """

    rows: DataFrame
    pairs: Sequence[PairResult]


def read_source(path: Path, private: bool = False) -> Source:
    """Read a run by its folder or its CSV, or another leaderboard with the scores beside it.

    Args:
        path: a run's folder or a CSV.
        private: leave messages of a run whole, for its user's own eyes.

    Raises:
        UsageError, SchemaError: as :func:`radbench.leaderboard.schema.read_leaderboard`.
    """
    home = path if path.is_dir() else path.parent
    folder = RunFolder(home)
    rows = read_leaderboard(path)
    if folder.journal.is_file() and (path.is_dir() or path.name == FILE_NAME):
        results = pair_results(folder)
        pairs = [anonymous(pair) for pair in results if pair.scored and pair.digests.keys() >= pair.evidence.keys()]
        return Source(rows if private else publishable(rows, results), pairs)
    pairs = pairs_of(rows, read_scores(path / FILE_NAME if path.is_dir() else path))
    return Source(rows if private else publishable(rows), pairs)


def read_together(
    paths: Iterable[Path], private: bool = False, reference: str = "", margin: Margin | None = None
) -> tuple[DataFrame, list[str]]:
    """Read leaderboards as one: what compares is compared, wherever it lies.

    Rows that stand in one place with all that they compare with stay as they are, unless another reference or a margin
    is asked for. Where an enhancer was scored several times with the same seed, its newest rows stand.

    Args:
        paths: run folders, leaderboards, or folders of these.
        private: leave messages of a run whole, for its user's own eyes.
        reference: enhancer that differences are to be taken to, by its label; "" for each task's own.
        margin: what is asked of non-inferiority.

    Returns:
        The rows, and sentences on what could not be done.

    Raises:
        UsageError: there is no such enhancer, or as :func:`read_source`.
        SchemaError: as :func:`read_source`.
    """
    import pandas as pd

    paths = [*paths]
    sets = [*compared_sets(paths, private, reference, margin)]
    empty = (read_source(file, private).rows for path in paths for file in _files(path))
    frames = [one.rows for one in sets] or [*empty]
    return pd.concat(frames, ignore_index=True), [note for one in sets for note in one.notes]


@dataclass(frozen=True)
class ComparedSet:
    """One comparable set of leaderboards that are read as one.

    Attributes:
        rows: of it, compared.
        pairs: of its entries those whose per-case scores are known.
        notes: sentences on what could not be done.
        places: how many of the leaderboards it comes from.
    """

    rows: DataFrame
    pairs: Sequence[PairResult]
    notes: Sequence[str]
    places: int


def compared_sets(
    paths: Iterable[Path], private: bool = False, reference: str = "", margin: Margin | None = None
) -> Iterator[ComparedSet]:
    """Yield each comparable set of leaderboards that are read as one, compared; see :func:`read_together`."""
    sources, rows, origin = _read_all(paths, private, reference)
    for table in tables_of(rows):
        places = int(origin[table.index].nunique())
        asked = margin is not None or (reference in set(table["enhancer"]) if reference else False)
        if is_old(table).any() or not (asked or places > 1):
            said = f"'{label_of(table)}' is of schema version 1: neither margin nor reference apply to it"
            notes = [said] if asked and is_old(table).any() else []
            yield ComparedSet(table, [] if is_old(table).any() else _known(table, origin, sources), notes, places)
            continue
        whole, table = table, _newest(table, origin)
        notes = _left_out(whole, table)
        known = _known(table, origin, sources)
        found = compared_anew(table, known, reference if asked else "", margin)
        if found.unknown:
            notes.append(
                f"'{label_of(table)}': the per-case scores of {', '.join(found.unknown)} are not known, so that nobody "
                "is ranked there"
            )
        yield ComparedSet(found.rows, known, notes, places)


def sets_together(paths: Iterable[Path], reference: str = "") -> Iterator[tuple[DataFrame, list[PairResult]]]:
    """Yield the rows of each comparable set, each entry once, and those of its pairs whose scores are known.

    Args:
        paths: run folders, leaderboards, or folders of these.
        reference: enhancer that differences are to be taken to, by its label; "" for each task's own.

    Yields:
        Rows, and pairs as they are to be compared: none of version 1.

    Raises:
        UsageError, SchemaError: as :func:`read_together`.
    """
    sources, rows, origin = _read_all(paths, False, reference)
    for table in tables_of(rows):
        if is_old(table).any():
            yield table, []
            continue
        table = _newest(table, origin)
        asked = reference if reference in set(table["enhancer"]) else ""
        yield table, comparable(table, _known(table, origin, sources), asked)[0]


def _read_all(paths: Iterable[Path], private: bool, reference: str) -> tuple[list[Source], DataFrame, Series]:
    """Return what lies at some paths: the sources, all their rows, and which source each row is of."""
    import pandas as pd

    sources = [read_source(file, private) for path in paths for file in _files(path)]
    rows = pd.concat([source.rows for source in sources], ignore_index=True)
    origin = pd.Series([k for k, source in enumerate(sources) for _ in range(len(source.rows))], dtype="int64")
    if reference and reference not in set(rows["enhancer"]):
        raise UnknownNameError("enhancer", reference, dict.fromkeys(rows["enhancer"]))
    return sources, rows, origin


def _known(table: DataFrame, origin: Series, sources: Sequence[Source]) -> list[PairResult]:
    """Return the pairs of some rows whose per-case scores are known."""
    pairs = {(k, key_of(vars(pair))): pair for k, source in enumerate(sources) for pair in source.pairs}
    keys = zip(origin[table.index], (key_of(row) for row in table.to_dict("records")), strict=True)
    return [pairs[key] for key in dict.fromkeys(keys) if key in pairs]


def _files(path: Path) -> list[Path]:
    """Return what a path stands for: itself, or the leaderboards in a folder that is no run's."""
    return leaderboards_in(path) if path.is_dir() and not (path / FILE_NAME).exists() else [path]


def _left_out(whole: DataFrame, newest: DataFrame) -> list[str]:
    """Say which rows of a set do not stand, because newer ones do that say something else."""
    gone = whole.drop(newest.index)
    keys = ["enhancer", "seed", "group", "facet", "metric"]

    def told(rows: DataFrame) -> dict[tuple[str, ...], str]:
        names = zip(*(rows[key].map(str) for key in keys), strict=True)
        return dict(zip(names, rows["value"].map(str), strict=True))

    stands = told(newest)
    differ = [key[0] for key, value in told(gone).items() if stands.get(key) != value]
    notes = []
    for enhancer in dict.fromkeys(differ):
        mine, theirs = (
            {tuple(row) for row in rows.loc[rows["enhancer"] == enhancer, list(IDENTIFYING)].to_numpy()}
            for rows in (newest, gone)
        )
        what = "with another identity or precision" if theirs - mine else "several times"
        notes.append(f"'{label_of(whole)}': '{enhancer}' was scored {what}: its newest rows stand")
    return notes


def _newest(table: DataFrame, origin: Series) -> DataFrame:
    """Return the rows of one comparable set with each entry once, and one identity of each enhancer.

    The newest that was scored stands; what failed stands where nothing was scored.
    """
    rows = table.to_dict("records")
    places = origin[table.index].tolist()
    identities = [tuple(row[name] for name in IDENTIFYING) for row in rows]

    def when(k: int) -> tuple[bool, str, int]:
        return rows[k]["status"] == Status.OK, rows[k]["created_utc"], places[k]

    in_time = sorted(range(len(rows)), key=when)
    identity = {rows[k]["enhancer"]: identities[k] for k in in_time}
    mine = [k for k in in_time if identities[k] == identity[rows[k]["enhancer"]]]
    stands = {(rows[k]["enhancer"], str(rows[k]["seed"])): places[k] for k in mine}
    kept = [k for k in sorted(mine) if stands[rows[k]["enhancer"], str(rows[k]["seed"])] == places[k]]
    return table.iloc[kept]
