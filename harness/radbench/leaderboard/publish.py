"""Publishing: a run's rows are merged into ``leaderboards/<task>.csv``, under a lock and in one step.

One file per task, all its variants together. A row replaces the one with its key (task, data set, split, enhancer,
profile, seed, group, metric). What was scored on other data or by another version of the task is refused, or with
``separate`` put into ``<task>@<data fingerprint>-<task digest>.csv`` (the first eight digits of each).

Columns that depend on which enhancers were compared cannot all be merged:

- a table that a run scored as a whole (every published enhancer of it is in the run) stands as the run left it;
- else ``p_adjusted`` is Holm anew over the merged table, which needs the p-values only; ``rank`` is the order by value
  among complete rows with equally many cases; ``rank_low`` and ``rank_high`` need per-case scores and are emptied.

``delta`` and ``p_value`` compare with the ``original`` of their own run; the report says so where the two differ.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from radbench.contracts import NotComparableError, Status, UsageError
from radbench.contracts.atomic import remove_stale
from radbench.leaderboard.ranking import by_value
from radbench.leaderboard.schema import (
    COLUMNS,
    COMPARABLE_KEY,
    ROW_KEY,
    TABLE_KEY,
    read_leaderboard,
    validate,
    write_csv,
)

if TYPE_CHECKING:
    from pandas import DataFrame

FOLDER = Path("leaderboards")
LOCK = ".publish.lock"
ALL = "all"
BASELINE = "original"

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
            f"{f.path}: {f.added} rows added, {f.replaced} replaced, {f.unchanged} as they were ({f.total} in all)"
            for f in self.files
        ]
        if self.skipped:
            found.append(f"{self.skipped} failed rows were not published")
        return [*found, *self.notes] or ["there was nothing to publish"]

    def __str__(self) -> str:
        return "\n".join(self.lines())


def publish(
    run: Path | str | DataFrame,
    into: Path | str = FOLDER,
    *,
    separate: bool = False,
    include_failed: bool = False,
    timeout: float = 60.0,
) -> PublishReport:
    """Merge a run's leaderboard into the published ones; nothing is written unless all of it can be.

    Args:
        run: a run's folder, a leaderboard CSV, or rows.
        into: the folder of the published files; made where it is missing.
        separate: put what is not comparable into a file of its own instead of refusing.
        include_failed: publish failed rows too. They never replace scored ones.
        timeout: seconds to wait for another publisher.

    Raises:
        NotComparableError: rows of the same table were scored on other data or by another version of the task.
        SchemaError: the run's or a published leaderboard is not valid.
        UsageError: the folder cannot be written, or another publisher holds it for too long.
    """
    import filelock

    rows = read_leaderboard(run) if isinstance(run, (str, Path)) else validate(run)
    good = rows if include_failed else rows[rows["status"] == Status.OK]
    skipped = len(rows) - len(good)
    folder = Path(into)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(folder / LOCK, timeout=timeout):
            return _publish(good.reset_index(drop=True), folder, separate, skipped)
    except filelock.Timeout as error:
        raise UsageError(
            f"another 'bench publish' has held {folder / LOCK} for {timeout:g} s: try again when it is done"
        ) from error
    except OSError as error:
        raise UsageError(f"cannot publish into {folder}: {error.strerror or error}") from error


def _publish(rows: DataFrame, folder: Path, separate: bool, skipped: int) -> PublishReport:
    published: dict[Path, DataFrame] = {}
    incoming: dict[Path, list[DataFrame]] = {}
    notes: list[str] = []
    for _, table in rows.groupby(list(TABLE_KEY), sort=False):
        path = _file(folder, str(table["task"].iloc[0]))
        clash = _clash(_published(published, path), table, path)
        if clash and not separate:
            raise NotComparableError(
                f"{clash}; nothing was published. Keep both with separate=True ('--separate'), or remove the old rows"
            )
        if clash:
            path = _file(folder, str(table["task"].iloc[0]), table)
            again = _clash(_published(published, path), table, path)
            if again:
                raise NotComparableError(again)
            notes.append(f"not comparable, so put into {path}: {clash}")
        incoming.setdefault(path, []).append(table)
    merged: dict[Path, tuple[DataFrame, PublishedFile]] = {}
    for path, parts in incoming.items():
        old = published[path]
        frame = old
        for part in parts:
            frame, said = _merge(frame, part)
            notes += [f"{path}: {note}" for note in said]
        merged[path] = validate(frame, str(path)), _difference(path, old, frame)
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
    tag = "-".join(re.sub(r"\W", "", str(apart[name].iloc[0]))[:8] for name in ("dataset_fingerprint", "task_digest"))
    return folder / f"{base}@{tag}.csv"


def _published(known: dict[Path, DataFrame], path: Path) -> DataFrame:
    import pandas as pd

    if path not in known:
        known[path] = read_leaderboard(path) if path.exists() else validate(pd.DataFrame(columns=list(COLUMNS)))
    return known[path]


def _same_table(rows: DataFrame, table: DataFrame) -> DataFrame:
    same = rows
    for name in TABLE_KEY:
        same = same[same[name] == table[name].iloc[0]]
    return same


def _clash(old: DataFrame, table: DataFrame, path: Path) -> str:
    for name in COMPARABLE_KEY[len(TABLE_KEY) :]:
        ours, theirs = set(table[name]), set(_same_table(old, table)[name])
        if len(ours) > 1:
            raise NotComparableError(f"the run's rows of '{_label(table)}' differ in {name}: publish them apart")
        if theirs - ours:
            what = "data set fingerprint" if name == "dataset_fingerprint" else "task digest"
            return (
                f"'{_label(table)}' in {path} has another {what} "
                f"({_short(theirs - ours)} there, {_short(ours)} in the run)"
            )
    return ""


def _short(digests: Iterable[str]) -> str:
    return ", ".join(sorted(d[:12] or "none" for d in digests))


def _label(table: DataFrame) -> str:
    return "/".join(str(table[name].iloc[0]) for name in TABLE_KEY)


def _merge(old: DataFrame, table: DataFrame) -> tuple[DataFrame, list[str]]:
    """Merge one run's rows of one table into a file's rows."""
    import pandas as pd

    before = _same_table(old, table)
    others = old.drop(before.index)
    notes = []
    scored_before = set(before.loc[before["status"] == Status.OK, "enhancer"])
    # A failure of today is no reason to forget a score of yesterday; whatever is new replaces an old failure.
    table = table[(table["status"] == Status.OK) | ~table["enhancer"].isin(scored_before)]
    before = before[(before["status"] == Status.OK) | ~before["enhancer"].isin(table["enhancer"])]
    ours = pd.MultiIndex.from_frame(table[list(ROW_KEY)])
    kept = before[~pd.MultiIndex.from_frame(before[list(ROW_KEY)]).isin(ours)]
    joined = pd.concat([f for f in (kept, table) if len(f)] or [table], ignore_index=True)
    if _mixed(kept, table):
        joined = _compared_anew(joined)
        notes.append(
            f"'{_label(joined)}' now holds rows of several runs: p_adjusted and rank were computed anew, "
            "rank_low and rank_high emptied"
        )
    notes += _doubts(before, table)
    frames = [f for f in (others, joined) if len(f)] or [joined]
    return _sorted(pd.concat(frames, ignore_index=True)), notes


def _mixed(kept: DataFrame, table: DataFrame) -> bool:
    """Return whether scored rows of the two stand in one table from now on."""
    return bool((kept["status"] == Status.OK).any() and (table["status"] == Status.OK).any())


def _compared_anew(rows: DataFrame) -> DataFrame:
    from radbench.stats import holm

    rows = rows.copy()
    for at in rows.groupby("group", sort=False).groups.values():
        rows.loc[at, "p_adjusted"] = holm(rows.loc[at, "p_value"].to_numpy())
    for at in rows.groupby(["group", "metric"], sort=False).groups.values():
        rows.loc[at, "rank"] = by_value(rows.loc[at])
    rows[["rank_low", "rank_high"]] = math.nan
    return rows


def _doubts(before: DataFrame, table: DataFrame) -> list[str]:
    """Say where the published ``original`` is not the run's, although data and task are the same."""
    key = ["group", "metric"]
    old = before[before["enhancer"] == BASELINE].set_index(key)["value"]
    new = table[table["enhancer"] == BASELINE].set_index(key)["value"]
    both = old.index.intersection(new.index)
    apart = [i for i in both if not math.isclose(old[i], new[i], rel_tol=1e-6, abs_tol=1e-9)]
    kept = set(before["enhancer"]) - set(table["enhancer"])
    if not apart or not kept:
        return []
    group, metric = apart[0]
    return [
        f"'{BASELINE}' scored {new[apart[0]]:.6g} {metric} ({group}) in this run and {old[apart[0]]:.6g} before: "
        f"delta and p_value of {', '.join(sorted(kept))} refer to the earlier one"
    ]


def _sorted(rows: DataFrame) -> DataFrame:
    """Order as a run does: by table; original first, then by name; all first, then by group; metrics as they came."""
    metrics = {m: i for i, m in enumerate(dict.fromkeys(rows["metric"]))}
    keys = rows[list(TABLE_KEY)].assign(
        baseline=rows["enhancer"] != BASELINE,
        enhancer=rows["enhancer"],
        whole=rows["group"] != ALL,
        group=rows["group"],
        metric=rows["metric"].map(metrics),
    )
    return rows.loc[keys.sort_values(list(keys.columns), kind="stable").index].reset_index(drop=True)


def _difference(path: Path, old: DataFrame, new: DataFrame) -> PublishedFile:
    def by_key(frame: DataFrame) -> dict[tuple[object, ...], tuple[str, ...]]:
        # Compared by their text, so that an empty number equals an empty number.
        keys = frame[list(ROW_KEY)].itertuples(index=False, name=None)
        return dict(zip(keys, (tuple(map(str, r)) for r in frame.itertuples(index=False, name=None)), strict=True))

    before, after = by_key(old), by_key(new)
    added = sum(key not in before for key in after)
    unchanged = sum(before.get(key) == row for key, row in after.items())
    return PublishedFile(path, added, len(after) - added - unchanged, unchanged, len(after))
