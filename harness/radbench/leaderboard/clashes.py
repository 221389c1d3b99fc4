"""Clashes: which published rows do not go with a run's, of one label, one table or an older schema version."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from radbench.contracts import NotComparableError, Status
from radbench.leaderboard.columns import COMPARABLE_KEY, IDENTIFYING, SCHEMA_VERSION, TABLE_KEY

if TYPE_CHECKING:
    from pandas import DataFrame, Series

# What a method was told on top of the task's own is its row's affair: such rows stand in a table of their own.
_MUST_AGREE = tuple(name for name in COMPARABLE_KEY[len(TABLE_KEY) :] if name not in ("schema_version", "given"))
_IDENTIFYING = {
    "enhancer_digest": ("identity", "digest", "its parts or code have changed"),
    "precision": ("precision", "precision", "what is learnt in one is not what is learnt in another"),
}
"""By column: what rows of one label have in common, the same in short, and why they may not."""
_SPOKEN = {"dataset_fingerprint": "data set fingerprint", "task_digest": "task digest", "cases_digest": "cases digest"}


def same_table(rows: DataFrame, table: DataFrame) -> DataFrame:
    """Return the rows that have a table's labels."""
    same = rows
    for name in TABLE_KEY:
        same = same[same[name] == table[name].iloc[0]]
    return same


def is_old(rows: DataFrame) -> Series:
    """Return which rows are of an older schema version, as a mask."""
    return rows["schema_version"] < SCHEMA_VERSION


def older_rows(rows: DataFrame, table: DataFrame) -> DataFrame:
    """Return the rows of an older schema version of a new table's task, split and profile, on whatever data set."""
    same = rows[is_old(rows)]
    if is_old(table).any():
        return same.iloc[:0]
    for name in TABLE_KEY:
        same = same if name == "dataset" else same[same[name] == table[name].iloc[0]]
    return same


def left_over(rows: DataFrame, table: DataFrame, path: Path) -> list[str]:
    """Say which older rows stay that may be of the run's data set under another label."""
    older = older_rows(rows, table)
    name = _bare(str(table["dataset"].iloc[0]))
    left = older[older["dataset"].map(_bare) == name]
    if left.empty:
        return []
    return [
        f"{path} keeps rows of an older schema version of {named_in(left, 'dataset')}: where this run takes their "
        "place, name them with '--supersede LABEL'"
    ]


def _bare(label: str) -> str:
    return label.partition("[")[0]


def clash_of(old: DataFrame, table: DataFrame, path: Path) -> tuple[str, DataFrame]:
    """Say why published rows do not compare with the run's, and which they are."""
    ours = int(table["schema_version"].iloc[0])
    same = same_table(old, table)
    others = same[same["schema_version"] != ours]
    if not others.empty:
        if ours < SCHEMA_VERSION:
            raise NotComparableError(
                f"'{label_of(table)}' was scored by an older radbench (schema version {ours}), and {path} holds newer "
                "rows of it: score it again with 'bench run'"
            )
        version = int(others["schema_version"].iloc[0])
        return f"{path} holds rows of schema version {version} of '{label_of(table)}'", others
    for name in _MUST_AGREE:
        mine, theirs = values_of(table, name), values_of(same, name)
        if len(mine) > 1:
            raise NotComparableError(f"the run's rows of '{label_of(table)}' differ in {name}: publish them apart")
        if theirs - mine:
            return (
                f"'{label_of(table)}' in {path} has another {_SPOKEN.get(name, name)} "
                f"({_short(theirs - mine)} there, {_short(mine)} in the run)"
            ), same
    return "", same


def values_of(rows: DataFrame, name: str) -> set[str]:
    """Return what scored rows hold, or all where none was scored: what could not be scored may not know its cases."""
    scored = rows[rows["status"] == Status.OK]
    return {str(value) for value in (rows if scored.empty else scored)[name]}


def _short(digests: Iterable[str]) -> str:
    return ", ".join(sorted(d[:12] or "none" for d in digests))


def label_of(table: DataFrame) -> str:
    """Return what people call a table: "task/dataset/split/profile"."""
    return "/".join(str(table[name].iloc[0]) for name in TABLE_KEY)


def named_in(rows: DataFrame, column: str) -> str:
    """Return what a column holds, as text: each once, by the alphabet."""
    return ", ".join(sorted(set(rows[column])))


def without_other_identities(before: DataFrame, table: DataFrame, replace: bool) -> tuple[DataFrame, list[str]]:
    """Return the published rows whose enhancers are those that the run knows by the same label.

    Raises:
        NotComparableError: there are others, and they are not to be replaced; or the run itself holds two of a label.
    """
    notes = []
    scored = table[table["status"] == Status.OK]
    for enhancer, name in itertools.product(dict.fromkeys(scored["enhancer"]), IDENTIFYING):
        ours = set(scored.loc[scored["enhancer"] == enhancer, name])
        published = before[(before["enhancer"] == enhancer) & (before["status"] == Status.OK)]
        theirs = set(published[name]) - ours
        if len(ours) > 1:
            raise NotComparableError(f"the run's rows of '{enhancer}' differ in {name}: publish them apart")
        if not theirs:
            continue
        what, short, why = _IDENTIFYING[name]
        if not replace:
            raise NotComparableError(
                f"'{enhancer}' in '{label_of(table)}' was published with another {what} ({short} {_short(theirs)} "
                f"there, {_short(ours)} in the run): {why}; nothing was published. Replace all its rows with "
                "'--replace'"
            )
        before = before[before["enhancer"] != enhancer]
        notes.append(f"all rows of '{enhancer}' were replaced: {short} {_short(theirs)} gave way to {_short(ours)}")
    return before, notes
