"""Answers: which entries of a table lack answers that others have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from radbench.contracts import Status
from radbench.engine.keep.texts import counted
from radbench.leaderboard.columns import ALL, seed_of
from radbench.leaderboard.comparing import tables_of

if TYPE_CHECKING:
    from pandas import DataFrame


def lacking_answers(frame: DataFrame) -> dict[str, list[str]]:
    """Return by pair, as the journal names it, the metrics for which it has fewer answers than another, in words.

    What nobody has an answer for (the contrast of nodules where there are none) is a matter of the data; a metric that
    does not decide, and that a pair has no answer for on any case, is a matter of what the enhancer offers
    (:func:`not_offered`).

    Args:
        frame: rows of a run.
    """
    found: dict[str, list[str]] = {}
    for table in tables_of(frame[(frame["status"] == Status.OK) & (frame["group"] == ALL) & (frame["facet"] == "")]):
        for metric, rows in table.groupby("metric", sort=False):
            most, anybody = int(rows["n_cases"].max()), bool(rows["value"].notna().any())
            for row in rows.to_dict("records"):
                name = _pair(row)
                if row["n_cases"] == 0 and row["primary"] != "true":
                    continue
                if row["n_cases"] < most:
                    found.setdefault(name, []).append(f"{metric} on {row['n_cases']} of {counted(most, 'case')}")
                elif anybody and row["value"] != row["value"]:
                    found.setdefault(name, []).append(f"no {metric}")
    for table in tables_of(frame[frame["status"] == Status.OK]):
        for name, rows in table.groupby(table.apply(_pair, axis=1), sort=False):
            if not rows["n_cases"].any():
                found[str(name)] = ["no metric has an answer"]
    return found


def not_offered(frame: DataFrame) -> dict[str, list[str]]:
    """Return by pair the metrics that others have answers for and it has on no case, though it was scored on others.

    Such as the thickness of bone, of an enhancer that does not tell bone from tissue. The deciding metric is none of
    them: who has no answer there lacks it (:func:`lacking_answers`).

    Args:
        frame: rows of a run.
    """
    found: dict[str, list[str]] = {}
    for table in tables_of(frame[(frame["status"] == Status.OK) & (frame["group"] == ALL) & (frame["facet"] == "")]):
        answered = {_pair(row) for row in table[table["n_cases"] > 0].to_dict("records")}
        for metric, rows in table[table["primary"] != "true"].groupby("metric", sort=False):
            if not rows["n_cases"].any():
                continue
            for row in rows[rows["n_cases"] == 0].to_dict("records"):
                if (name := _pair(row)) in answered:
                    found.setdefault(name, []).append(str(metric))
    return found


def _pair(row: Mapping[Any, Any]) -> str:
    seed = seed_of(row)
    return f"{row['task']}--{row['dataset']}--{row['enhancer']}{'' if seed is None else f'--seed{seed}'}"
