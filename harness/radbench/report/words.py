"""Words: what a comparable set shows and does not show, in sentences."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from radbench.contracts import Status
from radbench.engine.keep.texts import counted, visible
from radbench.leaderboard.columns import NULL
from radbench.leaderboard.tabulate import decimals
from radbench.leaderboard.verdicts import UNTESTED, WITHIN, verdict
from radbench.report.entries import HARMFUL, ORACLE, Entry, deciding, main_rows
from radbench.report.numbers import interval, number, p_phrase
from radbench.stats.clusters import FEW_PATIENTS

if TYPE_CHECKING:
    from pandas import DataFrame


@dataclass(frozen=True)
class Summary:
    """What is to be said of a set.

    Attributes:
        lead: what was measured on what.
        decided: what the data show.
        undecided: what they do not.
        controls: what the controls tell of task and enhancers.
        cautions: what to keep in mind.
    """

    lead: str
    decided: tuple[str, ...]
    undecided: tuple[str, ...]
    controls: tuple[str, ...]
    cautions: tuple[str, ...]


def summary(rows: DataFrame, entries: Sequence[Entry]) -> Summary:
    """Return the sentences on a set.

    Args:
        rows: of the set, one row for each entry, metric, group and facet.
        entries: of it.
    """
    metric = deciding(rows)
    main = main_rows(rows, metric)
    by_entry = {row["entry"]: row for row in main.to_dict("records")}
    digits = decimals(main["value"].tolist())
    told: dict[str, list[str]] = {"decided": [], "undecided": []}
    methods = [one for one in entries if not one.control]
    for one in methods:
        row = by_entry.get(one.name)
        if row is None or one.reference or math.isnan(float(row["delta"])):
            continue
        word = verdict(row)
        kind = "decided" if word in ("better", "worse", WITHIN, "not inferior") else "undecided"
        told[kind].append(_against(one, row, word, metric, digits))
        if others := _others(rows, one, metric):
            told["decided"].append(others)
    best = _best(main, entries)
    told["decided" if best[0] else "undecided"] += [best[1]] if best[1] else []
    return Summary(
        lead=_lead(rows, main, metric),
        decided=tuple(told["decided"]),
        undecided=(*told["undecided"], *_without(rows, entries, by_entry)),
        controls=tuple(_controls(entries, by_entry, metric)),
        cautions=tuple(_cautions(rows, main)),
    )


def _lead(rows: DataFrame, main: DataFrame, metric: str) -> str:
    first = rows.iloc[0]
    text = f"{first['task']} on {first['dataset']}, {first['split']} split, profile {first['profile']}"
    if main.empty:
        return visible(f"{text}: nothing was scored.")
    row = main.iloc[0]
    facet = f" ({row['facet']})" if row["facet"] else ""
    references = sorted({*main["reference"]} - {""})
    text += (
        f": {counted(int(main['n_cases'].max()), 'case')} of {counted(int(main['n_patients'].max()), 'patient')}. "
        f"{metric}{facet} decides; {row['direction']} is better."
    )
    if references:
        text += f" Differences (Δ) are taken to {' and '.join(references)}, on the cases that both scored."
    return visible(text)


def _against(one: Entry, row: Any, word: str, metric: str, digits: int) -> str:
    """Return what a method shows against the reference."""
    name, to = one.name, visible(str(row["reference"]))
    delta = f"Δ = {number(row['delta'], digits, sign=True)}"
    ends = interval(row["delta_ci_low"], row["delta_ci_high"], digits)
    measured = f"{delta} {ends}".strip()
    adjusted = f"adjusted {p_phrase(row['p_adjusted'])}" if not math.isnan(float(row["p_adjusted"])) else ""
    told = ", ".join(filter(None, (measured, adjusted)))
    if word == "better":
        return f"{name} is better than {to}: {told}."
    if word == "worse":
        return f"{name} is worse than {to}: {told}."
    if word in (WITHIN, "not inferior"):
        margin = f"{float(row['margin']):g}"
        is_worse = " worse, but" if word == WITHIN else ""
        return f"{name} is{is_worse} not worse than {to} by more than {margin}, the margin: {told}."
    if word == "not tested":
        reason = visible(str(row["error"])) or UNTESTED
        return f"{name} against {to} was not tested: {reason}. {measured}."
    least = float(row["detectable"])
    found = f" A difference of {number(least, digits)} would have been found with a probability of 80 %."
    found = "" if math.isnan(least) else found
    return f"{name} against {to} is undecided: {told}.{found}"


def _others(rows: DataFrame, one: Entry, metric: str) -> str:
    """Return what a method shows under the metrics that do not decide."""
    words: dict[str, list[str]] = {"better": [], "worse": []}
    for other in dict.fromkeys(rows["metric"]):
        own = main_rows(rows, other) if other and other != metric else rows.iloc[:0]
        for row in own[own["entry"] == one.name].to_dict("records"):
            if (word := verdict(row)) in words:
                words[word].append(str(other))
    told = [f"{word} by {', '.join(names)}" for word, names in words.items() if names]
    return f"By metrics that do not decide, {one.name} is {' and '.join(told)}." if told else ""


def _best(main: DataFrame, entries: Sequence[Entry]) -> tuple[bool, str]:
    """Return whether it is decided who is best, and the sentence."""
    methods = {one.name for one in entries if not one.control}
    known = main[main["rank_low"].notna() & main["entry"].isin(methods)]
    if len(known) < 2:
        return False, ""
    # Places are among all entries; a control before the methods takes none of theirs.
    first = known["rank_low"].min()
    candidates = [name for name, low in zip(known["entry"], known["rank_low"], strict=True) if low == first]
    leader = known.sort_values("rank", kind="stable").iloc[0]
    ahead = known[known["entry"] != leader["entry"]]
    if leader["rank_high"] < ahead["rank_low"].min():
        return (
            True,
            f"Of the methods, {leader['entry']} is best: the intervals of all others' ranks begin behind its own.",
        )
    if len(candidates) == 1:
        return False, (
            f"Which method is best is not decided: {candidates[0]} alone may have rank {int(first)}, but its rank "
            "interval overlaps with those of others."
        )
    return False, f"Which method is best is not decided: by their rank intervals it may be {_or(candidates)}."


def _controls(entries: Sequence[Entry], by_entry: dict[str, Any], metric: str) -> list[str]:
    told = []
    words = {name: verdict(row) for name, row in by_entry.items()}
    by_label = {one.enhancer: one for one in entries}
    for one in entries:
        if one.name not in words or not one.control:
            continue
        word = words[one.name] or "not compared"
        if one.control == HARMFUL:
            as_it_must = f"{one.name} is worse, as it must be: this task on these cases tells harm"
            fails = f"{one.name}, which should be worse, is {word} by {metric}: what is undecided here says little"
            told.append(f"{as_it_must if word == 'worse' else fails}.")
        elif one.control == ORACLE:
            helps = f"{one.name} is better, as it must be: this task on these cases tells help"
            fails = f"{one.name}, which shows the truth, is {word} by {metric}: this task could not tell that it helps"
            told.append(f"{helps if word == 'better' else fails}.")
        elif one.control == NULL and one.of in by_label:
            method = by_label[one.of].name
            if words.get(method) == "better" == word:
                told.append(
                    f"{method} is better, and so is its control {one.name}, which has its tone alone: that its "
                    "structure helps is not shown."
                )
            elif words.get(method) == "better":
                told.append(f"{method} is better and its control {one.name}, which has its tone alone, is {word}.")
            elif words.get(method) == "worse" == word:
                told.append(f"{method} is worse, and so is its control {one.name}, which has its tone alone.")
    return told


def _without(rows: DataFrame, entries: Sequence[Entry], by_entry: dict[str, Any]) -> list[str]:
    """Return what has no score, or none by the metric that decides, and why."""
    told = []
    for one in entries:
        if one.name in by_entry and not math.isnan(float(by_entry[one.name]["value"])):
            continue
        own = rows[rows["entry"] == one.name]
        failed = own[own["status"] != Status.OK]
        row = (failed if len(failed) else own).iloc[0]
        status = "has no score" if row["status"] == Status.OK else f"ended as {row['status']}"
        error = " ".join(str(row["error"]).split())
        told.append(visible(f"{one.name} {status}{': ' + error if error else ''}."))
    return told


def _cautions(rows: DataFrame, main: DataFrame) -> list[str]:
    told = []
    scored = rows[rows["status"] == Status.OK]
    if len(main) and int(main["n_patients"].max()) < FEW_PATIENTS:
        told.append(
            f"These are few patients (fewer than {FEW_PATIENTS}): of skewed scores, intervals and tests err more often."
        )
    once = sorted({*scored.loc[scored["n_seeds"] == 1, "entry"]})
    if once:
        told.append(f"Trained once: {', '.join(once)}. How much another training would differ is not told.")
    if given := visible(str(rows.iloc[0]["given"])):
        told.append(f"At test time the task is given: {given}.")
    incomplete = main[(main["error"] != "") & main["value"].notna()]
    told += [
        visible(f"{row['entry']}: {' '.join(str(row['error']).split())}.") for row in incomplete.to_dict("records")
    ]
    if "quick" in set(rows["profile"]):
        told.append("The profile is quick: small sizes and few epochs, not those of the papers.")
    return told


def _or(names: Sequence[str]) -> str:
    return " or ".join(filter(None, (", ".join(names[:-1]), *names[-1:])))
