"""Telling: what a verification found, in lines for a person, in Markdown, and as JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from typing import Any

from radbench.engine.keep.texts import counted
from radbench.leaderboard.columns import ALL
from radbench.leaderboard.markdown import escape
from radbench.verification.judging import OF_ROWS, VERDICTS, PairVerdict, RowVerdict

FORMATS = ("table", "markdown", "json")

SHOWN = 5
"""At most so many rows of a pair are told of one by one."""

_WIDTH = max(map(len, VERDICTS))


def as_text(found: Sequence[PairVerdict]) -> str:
    """Return a line for each pair, with the rows that are not equal below it, and a line for all."""
    lines = []
    for pair in found:
        lines.append(f"{pair.verdict:{_WIDTH}}  {pair.name}: {_said(pair)}")
        lines += [f"{'':{_WIDTH}}    {line}" for line in _details(pair)]
    return "\n".join([*lines, "", summary(found)])


def as_markdown(found: Sequence[PairVerdict]) -> str:
    """Return a table, a line for each pair, and a line for all."""
    lines = ["| verdict | pair | what was found |", "| :-- | :-- | :-- |"]
    for pair in found:
        cells = [pair.verdict, pair.name, "; ".join([_said(pair), *_details(pair)])]
        lines.append(f"| {' | '.join(map(escape, cells))} |")
    return "\n".join([*lines, "", escape(summary(found)), ""])


def as_json(found: Sequence[PairVerdict]) -> str:
    """Return everything."""
    return json.dumps({"pairs": [_record(pair) for pair in found], "summary": summary(found)}, indent=2) + "\n"


def summary(found: Sequence[PairVerdict]) -> str:
    """Return how many rows of how many pairs have which verdict."""
    rows = [row for pair in found for row in pair.rows]
    told = [f"{counted(len(rows), 'row')} of {counted(len(found), 'pair')}"]
    for verdict in OF_ROWS:
        number = sum(row.verdict == verdict for row in rows)
        if number:
            told.append(f"{number} {_WORDS[verdict]}")
    unjudged = len({number for pair in found for number in pair.unjudged} - {row.number for row in rows})
    told += [f"{counted(unjudged, 'row')} not judged"] if unjudged else []
    failed = sum(pair.verdict == "cannot be run" for pair in found)
    return ", ".join([*told, *([f"{counted(failed, 'pair')} cannot be run"] if failed else [])])


_WORDS = {"equal": "equal", "within": "within the published interval", "different": "different"}


def _said(pair: PairVerdict) -> str:
    if pair.verdict == "cannot be run":
        return pair.reason
    numbers = [f"{n} {_WORDS[verdict]}" for verdict in OF_ROWS if (n := pair.counted(verdict))]
    told = [f"{counted(len(pair.rows), 'row')}, {', '.join(numbers)}"] if pair.rows else []
    if pair.unjudged:
        told.append(
            f"{counted(len(pair.unjudged), 'row')} of several seeds not judged: the per-case scores of the other seeds "
            "are not known"
        )
    if pair.same_scores is not None:
        told.append(
            "every per-case score is the same to the last bit" if pair.same_scores else "per-case scores differ"
        )
    if pair.rows and not pair.compared:
        told.append(
            "differences, tests and ranks were not compared: not all per-case scores of their table lie beside it"
        )
    return "; ".join(told)


def _details(pair: PairVerdict) -> Iterator[str]:
    others = [row for row in pair.rows if row.verdict != "equal"]
    others.sort(key=lambda row: (-VERDICTS.index(row.verdict), row.number))
    for row in others[:SHOWN]:
        yield f"row {row.number}, {_where(row)}: {_numbers(row)}"
    if len(others) > SHOWN:
        yield f"and {counted(len(others) - SHOWN, 'row')} more"
    for what, (there, here) in (pair.differs or {}).items():
        yield f"{what} differs: {there} was published, {here} is here"


def _where(row: RowVerdict) -> str:
    return ", ".join(filter(None, (row.metric, row.facet, "" if row.group == ALL else row.group)))


def _numbers(row: RowVerdict) -> str:
    if "value" not in row.columns:
        return f"the value is the same, {', '.join(row.columns)} {'differ' if len(row.columns) > 1 else 'differs'}"
    between = f" [{row.interval[0]:.6g}, {row.interval[1]:.6g}]" if row.interval else ""
    here = "no value" if math.isnan(row.here) else f"{row.here:.6g}"
    moved = "" if math.isnan(row.here) or math.isnan(row.published) else f" ({row.here - row.published:+.2g})"
    there = "no value" if math.isnan(row.published) else f"{row.published:.6g}"
    return f"{there}{between} was published, {here} is here{moved}"


def _record(pair: PairVerdict) -> dict[str, Any]:
    return {
        "pair": pair.name,
        "verdict": pair.verdict,
        "reason": pair.reason,
        "rows_not_judged": list(pair.unjudged),
        "per_case_scores_equal": pair.same_scores,
        "comparisons_checked": pair.compared,
        "differs": {what: {"published": a, "here": b} for what, (a, b) in (pair.differs or {}).items()},
        "rows": [
            {
                "row": row.number,
                "verdict": row.verdict,
                "group": row.group,
                "facet": row.facet,
                "metric": row.metric,
                "published": _plain(row.published),
                "here": _plain(row.here),
                "interval": list(row.interval) if row.interval else None,
                "columns_that_differ": list(row.columns),
            }
            for row in pair.rows
        ],
    }


def _plain(number: float) -> float | str | None:
    return None if math.isnan(number) else str(number) if math.isinf(number) else number
