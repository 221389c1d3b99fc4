"""Entries: who stands in a comparable set, in which order, and which of them are controls."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from radbench.contracts import Status
from radbench.engine.keep.texts import visible
from radbench.leaderboard.columns import ALL, BASELINE, NULL
from radbench.leaderboard.comparing import entry_names
from radbench.leaderboard.ranking import rankable

if TYPE_CHECKING:
    from pandas import DataFrame

ORACLE, HARMFUL = "oracle", "harmful"
"""Kinds of control beside ``null``: the truth added to the image, and what a task should find worse."""

USUAL_CONTROLS = ("blur",)
"""Enhancers that are harmful controls unless somebody says otherwise; their specs carry no mark."""

MEANING = {
    NULL: "control: the original in the grey levels of the enhancer that it names, so that what it reaches is tone",
    ORACLE: "control: the truth added to the image, which a task should find better",
    HARMFUL: "control: what a task should find worse",
}


@dataclass(frozen=True)
class Entry:
    """An enhancer in a comparable set, all of its seeds together where they are pooled.

    Attributes:
        name: as tables name it.
        enhancer: its label.
        control: "null", "oracle" or "harmful"; "" for a method.
        of: the label that a null control is of, "" otherwise.
        reference: whether differences are taken to it.
    """

    name: str
    enhancer: str
    control: str
    of: str
    reference: bool


def control_of(label: str, harmful: Collection[str] = USUAL_CONTROLS) -> str:
    """Return the kind of control that an enhancer is by its label, "" for a method.

    Args:
        label: "clahe", "null[of=clahe]".
        harmful: names or labels of harmful controls; a name stands for all of its variants.
    """
    name = label.partition("[")[0]
    if name in (NULL, ORACLE):
        return name
    return HARMFUL if {label, name} & {*harmful} else ""


def null_of(label: str) -> str:
    """Return the label that a null control is of: "clahe" of "null[of=clahe]"; "" for anything else."""
    head = f"{NULL}[of="
    return label.removeprefix(head).removesuffix("]") if label.startswith(head) else ""


def one_row_each(rows: DataFrame) -> DataFrame:
    """Return the rows of a set with the column ``entry``, without the single seeds that a pooled row stands for."""
    rows = rows.assign(entry=[visible(name) for name in entry_names(rows)])
    pooled = set(rows.loc[(rows["n_seeds"] > 1) & rows["value"].notna(), "enhancer"])
    single = (rows["n_seeds"] == 1) & rows["enhancer"].isin(pooled) & (rows["status"] == Status.OK)
    return rows[~single]


def deciding(rows: DataFrame) -> str:
    """Return the metric that decides, "" where a set names none."""
    named = [str(m) for m in rows.loc[rows["primary"] == "true", "metric"] if m]
    return next(iter(named or [str(m) for m in rows["metric"] if m]), "")


def main_rows(rows: DataFrame, metric: str) -> DataFrame:
    """Return the rows of a metric for all cases, of the whole or, where there is none, of its first facet."""
    own = rows[(rows["metric"] == metric) & (rows["group"] == ALL) & (rows["status"] == Status.OK)]
    facets = list(dict.fromkeys(own["facet"]))
    return own[own["facet"] == ("" if "" in facets or not facets else facets[0])]


def entries_of(rows: DataFrame, harmful: Collection[str] = USUAL_CONTROLS) -> list[Entry]:
    """Return the entries: the reference first, then from best to worst by the metric that decides, then what failed.

    Args:
        rows: as :func:`one_row_each` gives them.
        harmful: see :func:`control_of`.
    """
    metric = deciding(rows)
    own = main_rows(rows, metric)
    lower = "lower" in set(own["direction"])
    ranked = rankable(own) if len(own) else own["rank"]
    references = {BASELINE, *rows["reference"]} - {""}
    place: dict[str, tuple[int, float]] = {}
    for row, is_ranked in zip(own.to_dict("records"), ranked, strict=True):
        value = float(row["value"])
        if not math.isnan(value):
            place[row["entry"]] = (0 if is_ranked else 1, value if lower else -value)
    names = list(dict.fromkeys(zip(rows["entry"], rows["enhancer"], strict=True)))

    def order(one: Sequence[Any]) -> tuple[Any, ...]:
        entry, enhancer = one
        return (enhancer not in references, *place.get(entry, (2, 0.0)), entry)

    return [
        Entry(
            entry, enhancer, control_of(enhancer, harmful), null_of(enhancer), enhancer in set(rows["reference"]) - {""}
        )
        for entry, enhancer in sorted(names, key=order)
    ]
