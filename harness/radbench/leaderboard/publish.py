"""Publishing: a run's rows are merged into ``leaderboards/<task>.csv``, under a lock and in one step.

One file per task, all its variants together. A row replaces the one with its key (task, data set, split, enhancer,
profile, seed, group, facet, metric). Two things are refused: one enhancer's label with two identities, or learnt in two
precisions, in a table; and a table that was scored on other cases or data, by another identity of the task, or in an
older schema version. With ``replace`` the run takes the place of what it clashes with, of the label or of the whole
table; with ``separate`` a table that is not comparable goes into ``<task>@<data fingerprint>-<task digest>-<cases
digest>.csv`` (the first eight digits of each).

A file may hold tables of an older schema version beside new ones. They stay until the run holds a table of the same
labels and replaces it, or until ``supersede`` names their data set: labels were written otherwise then, and which of
them was the run's data set no row can tell.

Per-case scores lie beside the file (:mod:`radbench.leaderboard.scores`). With them differences, tests, corrections,
ranks and the rows of several seeds are computed anew over the merged table (:mod:`radbench.leaderboard.company`): what
is published is what one run of all its entries would have given. Of entries whose scores are not there, such as those
of a ``leaderboard.csv`` that no longer lies in its run's folder, value and interval stay, and nobody is ranked beside
them.
"""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from radbench.contracts import NotComparableError, Status, UsageError
from radbench.contracts.atomic import remove_stale
from radbench.engine.keep.private import refuse_links
from radbench.engine.keep.texts import counted
from radbench.leaderboard.clashes import (
    clash_of,
    is_old,
    label_of,
    left_over,
    named_in,
    older_rows,
    same_table,
    values_of,
    without_other_identities,
)
from radbench.leaderboard.columns import ALL, BASELINE, COLUMNS, TABLE_KEY
from radbench.leaderboard.company import compared_anew, named, pairs_of
from radbench.leaderboard.comparing import facet_order, tables_of
from radbench.leaderboard.pairs import PairResult
from radbench.leaderboard.privacy import publishable
from radbench.leaderboard.schema import read_leaderboard, row_keys, validate, write_csv
from radbench.leaderboard.scores import (
    KEY,
    Key,
    PairScores,
    files_beside,
    key_of,
    read_scores,
    with_evidence,
    write_scores,
)
from radbench.leaderboard.sources import Source, read_source

if TYPE_CHECKING:
    from pandas import DataFrame, Series

FOLDER = Path("leaderboards")
LOCK = ".publish.lock"
_NO_LINK = "take it away, or name another folder with --into"

_BASE_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]*")


@dataclass(frozen=True)
class PublishedFile:
    """What publishing did to one file.

    Attributes:
        path: the file.
        added: rows that are new.
        replaced: rows that took the place of others.
        unchanged: rows that were there already, equal.
        total: rows it holds now.
    """

    path: Path
    added: int
    replaced: int
    unchanged: int
    total: int


@dataclass(frozen=True)
class PublishReport:
    """What publishing did.

    Attributes:
        files: per file.
        skipped: failed rows that were left out.
        notes: sentences about what was recomputed, emptied, separated or is doubtful.
    """

    files: tuple[PublishedFile, ...]
    skipped: int
    notes: tuple[str, ...]

    def lines(self) -> list[str]:
        """Return the report as sentences."""
        found = [
            f"{f.path}: {counted(f.added, 'row')} added, {f.replaced} replaced, {f.unchanged} as they were "
            f"({f.total} in all)"
            for f in self.files
        ]
        if self.skipped:
            were = "was" if self.skipped == 1 else "were"
            found.append(f"{counted(self.skipped, 'failed row')} {were} not published (--failed)")
        return [*found, *self.notes] or ["there was nothing to publish"]

    def __str__(self) -> str:
        return "\n".join(self.lines())


def publish(
    run: Path | str | Source | DataFrame,
    into: Path | str = FOLDER,
    *,
    separate: bool = False,
    replace: bool = False,
    supersede: Sequence[str] = (),
    include_failed: bool = False,
    without_cases: bool = False,
    timeout: float = 60.0,
) -> PublishReport:
    """Merge a run's leaderboard into the published ones; nothing is written unless all of it can be.

    Args:
        run: a run's folder, a leaderboard CSV, what was read from one, or rows alone.
        into: the folder of the published files; made where it is missing.
        separate: put what is not comparable into a file of its own instead of refusing.
        replace: drop what was published under the same label with another identity or precision, or is not comparable.
        supersede: labels of data sets as an older schema version wrote them: their rows of that version are dropped
            where the run holds a table of the same task, split and profile.
        include_failed: publish failed rows too. They never replace scored ones. Those of a seed of an enhancer whose
            other seeds were scored are published in any case: the mean of the others would pass for that of all.
        without_cases: publish the rows alone, where per-case scores are nobody's to give: beside them nobody is ranked.
        timeout: seconds to wait for another publisher.

    Raises:
        NotComparableError: rows of the same table were scored on other cases or by another identity of the task, or
            rows of one label by another identity of the enhancer, or in another precision.
        SchemaError: the run's or a published leaderboard is not valid.
        UsageError: the folder cannot be written, another publisher holds it for too long, there is nothing to
            supersede under a label, or ``separate`` is asked for together with ``replace`` or ``supersede``.
    """
    import filelock

    if separate and (replace or supersede):
        raise UsageError(
            "either '--separate' or '--replace' ('--supersede'): what clashes cannot be both kept and replaced"
        )
    if isinstance(supersede, str):
        supersede = (supersede,)

    if isinstance(run, Source):
        source = run
    else:
        source = read_source(Path(run)) if isinstance(run, (str, Path)) else Source(publishable(validate(run)), ())
    rows = source.rows
    good = rows if include_failed else rows[(rows["status"] == Status.OK) | _failed_seeds(rows)]
    skipped = len(rows) - len(good)
    good = good.reset_index(drop=True)
    folder = Path(into)
    refuse_links([folder / LOCK], [], _NO_LINK)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(folder / LOCK, timeout=timeout):
            return _Publishing(folder, () if without_cases else source.pairs, separate, replace, supersede).publish(
                good, skipped
            )
    except filelock.Timeout as error:
        raise UsageError(
            f"another 'bench publish' has held {folder / LOCK} for {timeout:g} s: try again when it is done"
        ) from error
    except OSError as error:
        raise UsageError(f"cannot publish into {folder}: {error.strerror or error}") from error


def _failed_seeds(rows: DataFrame) -> Series:
    """Return the failed rows of enhancers whose other seeds were scored: without them these would be pooled."""
    failed = ~rows["status"].isin([Status.OK, Status.NOT_APPLICABLE]) & rows["seed"].notna()
    of = rows.groupby([*TABLE_KEY, "enhancer"], sort=False)["status"].transform(lambda told: (told == Status.OK).any())
    return failed & of.astype(bool)


class _Publishing:
    """One publishing into a folder: nothing is written before all of it is known to be right."""

    def __init__(
        self, folder: Path, pairs: Sequence[PairResult], separate: bool, replace: bool, supersede: Sequence[str]
    ) -> None:
        self.folder, self.separate, self.replace, self.supersede = folder, separate, replace, supersede
        self.pairs = {key_of(vars(pair)): pair for pair in pairs}
        self.published: dict[Path, DataFrame] = {}
        self.now: dict[Path, DataFrame] = {}
        self.scores: dict[Path, dict[Key, PairScores]] = {}
        self.superseded: set[str] = set()
        self.notes: list[str] = []

    def publish(self, rows: DataFrame, skipped: int) -> PublishReport:
        """Merge rows, and write what has changed."""
        for _, table in rows.groupby(list(TABLE_KEY), sort=False):
            path, old = self._place(table)
            self.now[path], said = self._merge(path, old, table)
            self.notes += [f"{path}: {note}" for note in said]
            self.notes += left_over(self.now[path], table, path)
        self._check_superseded()
        merged = {
            path: (validate(frame, str(path)), _difference(path, self.published[path], frame))
            for path, frame in self.now.items()
        }
        for path, (frame, _) in merged.items():
            # Scores go first: rows name theirs by digest, so that those of a killed publisher are not taken for others.
            for file in (path, *files_beside(path)):
                remove_stale(file)
            write_scores(path, _of_rows(self.scores[path], frame))
            write_csv(frame, path)
        return PublishReport(tuple(file for _, file in merged.values()), skipped, tuple(self.notes))

    def _place(self, table: DataFrame) -> tuple[Path, DataFrame]:
        """Return the file that a table of the run goes to, and the rows there that it stands beside."""
        path = _file(self.folder, str(table["task"].iloc[0]))
        old = self.now.get(path, self._published(path))
        gone = older_rows(old, table)
        gone = gone[gone["dataset"].isin(self.supersede)]
        if not gone.empty:
            old = old.drop(gone.index)
            self.superseded |= set(gone["dataset"])
            self.notes.append(
                f"{path}: {counted(len(gone), 'row')} of an older schema version of {named_in(gone, 'dataset')} "
                f"{'was' if len(gone) == 1 else 'were'} dropped"
            )
        clash, clashing = clash_of(old, table, path)
        if clash and self.separate:
            path = _file(self.folder, str(table["task"].iloc[0]), table)
            old = self.now.get(path, self._published(path))
            again, _ = clash_of(old, table, path)
            if again:
                raise NotComparableError(again)
            self.notes.append(f"not comparable, so put into {path}: {clash}")
        elif clash and self.replace:
            old = old.drop(clashing.index)
            was = "was" if len(clashing) == 1 else "were"
            of = named_in(clashing, "enhancer")
            self.notes.append(f"{clash}: {counted(len(clashing), 'row')} of {of} {was} dropped")
        elif clash:
            raise NotComparableError(
                f"{clash}; nothing was published. Keep both with '--separate', or let the run take the place of all "
                "that does not compare with it with '--replace'"
            )
        return path, old

    def _check_superseded(self) -> None:
        if missing := [label for label in self.supersede if label not in self.superseded]:
            there = sorted({label for frame in self.published.values() for label in frame["dataset"][is_old(frame)]})
            raise UsageError(
                f"there is nothing to supersede under data set '{missing[0]}' where this run is published; of an older "
                f"schema version there is {', '.join(there) or 'nothing'}"
            )

    def _published(self, path: Path) -> DataFrame:
        import pandas as pd

        if path not in self.published:
            refuse_links([path, *files_beside(path)], [], _NO_LINK)
            empty = pd.DataFrame(columns=list(COLUMNS))
            self.published[path] = read_leaderboard(path) if path.exists() else validate(empty)
            self.scores[path] = read_scores(path)
        return self.published[path]

    def _merge(self, path: Path, old: DataFrame, table: DataFrame) -> tuple[DataFrame, list[str]]:
        """Merge one run's rows of one table into a file's rows."""
        import pandas as pd

        before = same_table(old, table)
        others = old.drop(before.index)
        before, notes = without_other_identities(before, table, self.replace)
        scored_before = set(_entries(before[before["status"] == Status.OK]))
        # A failure of today is no reason to forget a score of yesterday; whatever is new replaces an old failure.
        table = _without_failed(table, scored_before)
        ours = set(_entries(table))
        before = _without_failed(before, ours)
        kept = before.loc[[entry not in ours for entry in _entries(before)]]
        joined = pd.concat([f for f in (kept, table) if len(f)] or [table], ignore_index=True)
        mine = _keys(table)
        known = {key_of(vars(pair)): pair for pair in pairs_of(kept, self.scores[path])}
        known |= {key: pair for key, pair in self.pairs.items() if key in mine}
        frames = [others]
        for rows in tables_of(joined):
            entries = _keys(rows)
            scores = with_evidence(pair for key, pair in known.items() if key in entries)
            self.scores[path] |= scores
            if is_old(rows).any() or not (entries & mine and entries - mine):
                frames.append(named(rows, scores))
                continue
            pairs = [dataclasses.replace(known[key], scores_digest=one.digest) for key, one in scores.items()]
            found = compared_anew(rows, pairs)
            frames.append(found.rows)
            if found.unknown:
                notes.append(
                    f"nobody in '{label_of(rows)}' is ranked, and the differences of {', '.join(found.unknown)} are "
                    "those of another run: their per-case scores do not lie here"
                )
        return _sorted(pd.concat([f for f in frames if len(f)] or [joined], ignore_index=True)), notes


def _keys(rows: DataFrame) -> set[Key]:
    return {key_of(row) for row in rows[list(KEY)].to_dict("records")}


def _of_rows(scores: Mapping[Key, PairScores], rows: DataFrame) -> dict[Key, PairScores]:
    """Return the scores of rows that name them, in the order of the rows."""
    named = dict.fromkeys((key_of(row), row["scores_digest"]) for row in rows.to_dict("records"))
    return {key: scores[key] for key, digest in named if key in scores and scores[key].digest == digest}


def _file(folder: Path, task: str, apart: DataFrame | None = None) -> Path:
    base = task.partition("[")[0]
    if not _BASE_NAME.fullmatch(base):
        raise UsageError(f"task '{task}' names no file: lower-case letters, digits, '-', '_' and '.' expected")
    if apart is None:
        return folder / f"{base}.csv"
    digests = [next(iter(values_of(apart, n)), "") for n in ("dataset_fingerprint", "task_digest", "cases_digest")]
    tag = "-".join(filter(None, (re.sub(r"\W", "", digest)[:8] for digest in digests)))
    return folder / f"{base}@{tag}.csv"


def _entries(rows: DataFrame) -> list[tuple[str, str]]:
    return list(zip(rows["enhancer"], rows["seed"].map(str), strict=True))


def _without_failed(rows: DataFrame, entries: set[tuple[str, str]]) -> DataFrame:
    """Return the rows but for failed ones of these entries."""
    good = rows["status"] == Status.OK
    return rows.loc[[ok or entry not in entries for ok, entry in zip(good, _entries(rows), strict=True)]]


def _sorted(rows: DataFrame) -> DataFrame:
    """Order as a run does: by table; the reference first, then by name; by seed, group, metric and facet."""
    references: dict[tuple[str, ...], set[str]] = {}
    tables = list(zip(*(rows[name] for name in TABLE_KEY), strict=True))
    for table, reference in zip(tables, rows["reference"], strict=True):
        references.setdefault(table, set()).add(reference)
    metrics = {m: i for i, m in enumerate(dict.fromkeys(rows["metric"]))}
    columns = zip(tables, *(rows[name] for name in ("enhancer", "seed", "group", "metric", "facet")), strict=True)
    keys = [
        (
            *table,
            enhancer not in references[table],
            enhancer != BASELINE,
            enhancer,
            -math.inf if str(seed) == "<NA>" else seed,
            group != ALL,
            group,
            metrics[metric],
            facet != "",
            facet_order(facet),
        )
        for table, enhancer, seed, group, metric, facet in columns
    ]
    return rows.iloc[sorted(range(len(rows)), key=keys.__getitem__)].reset_index(drop=True)


def _difference(path: Path, old: DataFrame, new: DataFrame) -> PublishedFile:
    def by_key(frame: DataFrame) -> dict[tuple[object, ...], tuple[str, ...]]:
        # Compared by their text, so that an empty number equals an empty number.
        rows = (tuple(map(str, row)) for row in frame.itertuples(index=False, name=None))
        return dict(zip(row_keys(frame), rows, strict=True))

    before, after = by_key(old), by_key(new)
    added = sum(key not in before for key in after)
    unchanged = sum(before.get(key) == row for key, row in after.items())
    return PublishedFile(path, added, len(after) - added - unchanged, unchanged, len(after))
