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

Columns that depend on which enhancers were compared cannot all be merged:

- a table that a run scored as a whole (every published entry of it is in the run) stands as the run left it;
- else ``p_adjusted`` is Holm anew over the merged table, which needs the p-values only; ``rank`` is the order by value
  among complete rows with equally many cases; ``rank_low`` and ``rank_high`` need per-case scores and are emptied.

``delta`` and ``p_value`` compare with the reference of their own run; the report says so where the two differ.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
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
from radbench.leaderboard.comparing import facet_order, tables_of
from radbench.leaderboard.privacy import publishable
from radbench.leaderboard.ranking import by_value
from radbench.leaderboard.schema import read_leaderboard, row_keys, validate, write_csv
from radbench.leaderboard.view import read_publishable

if TYPE_CHECKING:
    from pandas import DataFrame

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
    run: Path | str | DataFrame,
    into: Path | str = FOLDER,
    *,
    separate: bool = False,
    replace: bool = False,
    supersede: Sequence[str] = (),
    include_failed: bool = False,
    timeout: float = 60.0,
) -> PublishReport:
    """Merge a run's leaderboard into the published ones; nothing is written unless all of it can be.

    Args:
        run: a run's folder, a leaderboard CSV, or rows.
        into: the folder of the published files; made where it is missing.
        separate: put what is not comparable into a file of its own instead of refusing.
        replace: drop what was published under the same label with another identity or precision, or is not comparable.
        supersede: labels of data sets as an older schema version wrote them: their rows of that version are dropped
            where the run holds a table of the same task, split and profile.
        include_failed: publish failed rows too. They never replace scored ones.
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

    rows = read_publishable(Path(run)) if isinstance(run, (str, Path)) else publishable(validate(run))
    good = rows if include_failed else rows[rows["status"] == Status.OK]
    skipped = len(rows) - len(good)
    good = good.reset_index(drop=True)
    folder = Path(into)
    refuse_links([folder / LOCK], [], _NO_LINK)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(folder / LOCK, timeout=timeout):
            return _publish(good, folder, separate, replace, supersede, skipped)
    except filelock.Timeout as error:
        raise UsageError(
            f"another 'bench publish' has held {folder / LOCK} for {timeout:g} s: try again when it is done"
        ) from error
    except OSError as error:
        raise UsageError(f"cannot publish into {folder}: {error.strerror or error}") from error


def _publish(
    rows: DataFrame, folder: Path, separate: bool, replace: bool, supersede: Sequence[str], skipped: int
) -> PublishReport:
    published: dict[Path, DataFrame] = {}
    now: dict[Path, DataFrame] = {}
    notes: list[str] = []
    superseded: set[str] = set()
    for _, table in rows.groupby(list(TABLE_KEY), sort=False):
        path = _file(folder, str(table["task"].iloc[0]))
        old = now.get(path, _published(published, path))
        gone = older_rows(old, table)
        gone = gone[gone["dataset"].isin(supersede)]
        if not gone.empty:
            old = old.drop(gone.index)
            superseded |= set(gone["dataset"])
            notes.append(
                f"{path}: {counted(len(gone), 'row')} of an older schema version of {named_in(gone, 'dataset')} "
                f"{'was' if len(gone) == 1 else 'were'} dropped"
            )
        clash, clashing = clash_of(old, table, path)
        if clash and separate:
            path = _file(folder, str(table["task"].iloc[0]), table)
            old = now.get(path, _published(published, path))
            again, _ = clash_of(old, table, path)
            if again:
                raise NotComparableError(again)
            notes.append(f"not comparable, so put into {path}: {clash}")
        elif clash and replace:
            old = old.drop(clashing.index)
            was = "was" if len(clashing) == 1 else "were"
            notes.append(f"{clash}: {counted(len(clashing), 'row')} of {named_in(clashing, 'enhancer')} {was} dropped")
        elif clash:
            raise NotComparableError(
                f"{clash}; nothing was published. Keep both with '--separate', or let the run take the place of all "
                "that does not compare with it with '--replace'"
            )
        now[path], said = _merge(old, table, replace)
        notes += [f"{path}: {note}" for note in said]
        notes += left_over(now[path], table, path)
    if missing := [label for label in supersede if label not in superseded]:
        there = sorted({label for frame in published.values() for label in frame["dataset"][is_old(frame)]})
        raise UsageError(
            f"there is nothing to supersede under data set '{missing[0]}' where this run is published; of an older "
            f"schema version there is {', '.join(there) or 'nothing'}"
        )
    merged = {path: (validate(f, str(path)), _difference(path, published[path], f)) for path, f in now.items()}
    for path, (frame, _) in merged.items():
        remove_stale(path)
        write_csv(frame, path)
    return PublishReport(tuple(file for _, file in merged.values()), skipped, tuple(notes))


def _file(folder: Path, task: str, apart: DataFrame | None = None) -> Path:
    base = task.partition("[")[0]
    if not _BASE_NAME.fullmatch(base):
        raise UsageError(f"task '{task}' names no file: lower-case letters, digits, '-', '_' and '.' expected")
    if apart is None:
        return folder / f"{base}.csv"
    digests = [next(iter(values_of(apart, n)), "") for n in ("dataset_fingerprint", "task_digest", "cases_digest")]
    tag = "-".join(filter(None, (re.sub(r"\W", "", digest)[:8] for digest in digests)))
    return folder / f"{base}@{tag}.csv"


def _published(known: dict[Path, DataFrame], path: Path) -> DataFrame:
    import pandas as pd

    if path not in known:
        refuse_links([path], [], _NO_LINK)
        known[path] = read_leaderboard(path) if path.exists() else validate(pd.DataFrame(columns=list(COLUMNS)))
    return known[path]


def _entries(rows: DataFrame) -> list[tuple[str, str]]:
    return list(zip(rows["enhancer"], rows["seed"].map(str), strict=True))


def _merge(old: DataFrame, table: DataFrame, replace: bool) -> tuple[DataFrame, list[str]]:
    """Merge one run's rows of one table into a file's rows."""
    import pandas as pd

    before = same_table(old, table)
    others = old.drop(before.index)
    before, notes = without_other_identities(before, table, replace)
    scored_before = set(_entries(before[before["status"] == Status.OK]))
    # A failure of today is no reason to forget a score of yesterday; whatever is new replaces an old failure.
    table = _without_failed(table, scored_before)
    before = _without_failed(before, set(_entries(table)))
    ours = set(row_keys(table))
    kept = before.loc[[key not in ours for key in row_keys(before)]]
    joined = pd.concat([f for f in (kept, table) if len(f)] or [table], ignore_index=True)
    mixed = False
    for rows in tables_of(joined):
        scored = rows.index[rows["status"] == Status.OK]
        if (scored < len(kept)).any() and (scored >= len(kept)).any():
            mixed = True
            _compare_anew(joined, rows)
    if mixed:
        notes.append(
            f"'{label_of(joined)}' now holds rows of several runs: p_adjusted and rank were computed anew, "
            "rank_low and rank_high emptied"
        )
    notes += _doubts(before, table)
    frames = [f for f in (others, joined) if len(f)] or [joined]
    return _sorted(pd.concat(frames, ignore_index=True)), notes


def _without_failed(rows: DataFrame, entries: set[tuple[str, str]]) -> DataFrame:
    """Return the rows but for failed ones of these entries."""
    good = rows["status"] == Status.OK
    return rows.loc[[ok or entry not in entries for ok, entry in zip(good, _entries(rows), strict=True)]]


def _compare_anew(joined: DataFrame, rows: DataFrame) -> None:
    """Set what depends on the company, in place, for the rows of one comparable table."""
    from radbench.stats import holm

    for at in rows.groupby(["group", "facet"], sort=False).groups.values():
        joined.loc[at, "p_adjusted"] = holm(joined.loc[at, "p_value"].to_numpy())
    for at in rows.groupby(["group", "facet", "metric"], sort=False).groups.values():
        joined.loc[at, "rank"] = by_value(joined.loc[at])
    joined.loc[rows.index, ["rank_low", "rank_high"]] = math.nan


def _references(rows: DataFrame) -> set[str]:
    return {BASELINE, *rows["reference"]} - {""}


def _doubts(before: DataFrame, table: DataFrame) -> list[str]:
    """Say where a published reference is not the run's, although data and task are the same."""
    notes = []
    kept = set(before["enhancer"]) - set(table["enhancer"])
    for reference in sorted(_references(before)):
        old, new = _scores(before, reference), _scores(table, reference)
        apart = [k for k in old if k in new and not math.isclose(old[k], new[k], rel_tol=1e-6, abs_tol=1e-9)]
        if apart and kept:
            group, facet, metric, _ = apart[0]
            where = ", ".join(filter(None, (group, facet)))
            notes.append(
                f"'{reference}' scored {new[apart[0]]:.6g} {metric} ({where}) in this run and {old[apart[0]]:.6g} "
                f"before: delta and p_value of {', '.join(sorted(kept))} refer to the earlier one"
            )
    return notes


def _scores(rows: DataFrame, enhancer: str) -> dict[tuple[str, str, str, str], float]:
    own = rows[rows["enhancer"] == enhancer]
    keys = zip(own["group"], own["facet"], own["metric"], own["seed"].map(str), strict=True)
    return {key: float(value) for key, value in zip(keys, own["value"], strict=True) if not math.isnan(value)}


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
