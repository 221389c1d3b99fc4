"""Printing a study: each table as the paper's, ours beside it, what differs, and whether the paper's order holds."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from radbench.contracts.errors import PluginError, RadbenchError, UsageError
from radbench.engine.keep.texts import counted
from radbench.engine.plan.parts import Part
from radbench.leaderboard.columns import ALL
from radbench.leaderboard.ranking import places
from radbench.leaderboard.table import Cell as Printed
from radbench.leaderboard.table import Heading, harmless
from radbench.leaderboard.table import Table as PrintedTable
from radbench.leaderboard.tabulate import SIGNIFICANCE, end_of, number_of
from radbench.registry.registry import Registry, load_attribute
from radbench.studies.deviations import learnt_from, settings_that_differ, told, weights_told
from radbench.studies.results import SHOWN_MEANS, Results, Shown, orders, sentences
from radbench.studies.study import Cell, Column, Row, Study, Table

NOTHING = Printed("–")

PRINTED, HERE = "printed", "here"


def as_table(registry: Registry, study: Study, table: Table, results: Results | None) -> PrintedTable:
    """Return a study's table to be printed in any format.

    Args:
        registry: of the plugins that there are.
        study: it.
        table: of it.
        results: of its runs; None for the printed figures alone.
    """
    if table.kind != "scores":
        return harmless(_of_texts(study, table))
    shown = {} if results is None else {(row.name, k): results.of(cell) for row, k, cell in _cells(table)}
    columns: list[tuple[Heading, list[Printed]]] = []
    for k, column in enumerate(table.columns):
        direction = _direction(shown, k)
        if _any_printed(table):
            columns.append((Heading(column.heading, direction, PRINTED), _printed(table, k, direction)))
        if results is not None:
            columns.append((Heading(column.heading, direction, HERE), _here(table, k, shown, direction)))
    return harmless(
        PrintedTable(
            title=f"{table.place}: {table.caption}",
            headings=tuple(heading for heading, _ in columns),
            rows=tuple((row.name, tuple(cells[n] for _, cells in columns)) for n, row in enumerate(table.rows)),
            ranks=(),
            ranked_by="",
            notes=tuple(_notes(study, table, results, shown)),
            remarks=() if results is None else tuple(_remarks(registry, table, results, shown)),
            slug=f"{study.name}-{table.name}",
            label=table.label,
        )
    )


def _cells(table: Table) -> Iterator[tuple[Row, int, Cell]]:
    for row in table.rows:
        for k, column in enumerate(table.columns):
            yield row, k, Cell.of(row, column, k)


def _any_printed(table: Table) -> bool:
    return any(row.printed for row in table.rows)


def _direction(shown: Mapping[tuple[str, int], Shown], k: int) -> str:
    return next((str(s.row["direction"]) for (_, place), s in shown.items() if place == k and s.row is not None), "")


def _printed(table: Table, k: int, direction: str) -> list[Printed]:
    found = [Cell.of(row, table.columns[k], k) for row in table.rows]
    return _marked(
        table, [Printed(cell.printed, cell.spread) if cell.printed else NOTHING for cell in found], direction
    )


def _here(table: Table, k: int, shown: Mapping[tuple[str, int], Shown], direction: str) -> list[Printed]:
    found = [_cell(shown[row.name, k], table.columns[k]) for row in table.rows]
    return _marked(table, found, direction)


def _marked(table: Table, cells: Sequence[Printed], direction: str) -> list[Printed]:
    """Mark the best and the second best of the rows that are compared."""
    beside = [
        cell is not NOTHING and not cell.incomplete and not row.only_printed
        for row, cell in zip(table.rows, cells, strict=True)
    ]
    numbers = [cell.value if compared else None for cell, compared in zip(cells, beside, strict=True)]
    marks = places(numbers, direction == "lower") if direction else [0] * len(cells)
    return [replace(cell, place=mark) for cell, mark in zip(cells, marks, strict=True)]


def _cell(shown: Shown, column: Column) -> Printed:
    row = shown.row
    if row is None or math.isnan(row["value"]):
        return NOTHING
    n = column.digits

    def number(name: str, sign: str = "-") -> str:
        return number_of(column.scale * float(row[name]), n, sign)

    ends = (end_of(column.scale * float(row[name]), n) for name in ("delta_ci_low", "delta_ci_high"))
    stars = next((mark for limit, mark in SIGNIFICANCE if row["p_adjusted"] <= limit), "")
    return Printed(
        value=number("value"),
        interval=f"{number('ci_low')}, {number('ci_high')}" if number("ci_low") else "",
        delta=number("delta", "+"),
        delta_interval=", ".join(filter(None, ends)),
        stars=stars,
        incomplete=bool(shown.unranked),
    )


def _notes(
    study: Study, table: Table, results: Results | None, shown: Mapping[tuple[str, int], Shown]
) -> Iterator[str]:
    if _any_printed(table):
        yield f"{PRINTED}: {study.citation}, {table.place}{f' (± {table.spread})' if table.spread else ''}."
    if any(s.row is not None for s in shown.values()):
        rows = [s.row for s in shown.values() if s.row is not None]
        tested = any(row["family"] for row in rows)
        references = sorted({str(row["reference"]) for row in rows} - {""})
        yield f"{HERE}: value [95 % interval, patients as clusters]."
        if references:
            stars = "; *, **, ***: p ≤ 0.05, 0.01, 0.001, adjusted within the leaderboard's family" if tested else ""
            yield f"Δ: paired difference to {' or '.join(references)} [95 % interval]{stars}."
    scales = {f"{column.heading} x {column.scale:g}" for column in table.columns if column.scale != 1}
    if scales and results is not None:
        yield f"On the paper's scale: {', '.join(sorted(scales))}."
    yield from table.notes
    if results is not None:
        found = [order for order in orders(table, results) if order.pairs]
        if found:
            yield from sentences(found)
            yield SHOWN_MEANS
    yield from study.notes


def _remarks(
    registry: Registry, table: Table, results: Results, shown: Mapping[tuple[str, int], Shown]
) -> Iterator[str]:
    """Yield what differs, each clause once with the rows that it is of, and what is not here with its columns."""
    yield from _lacking(table, shown)
    clauses: dict[str, dict[str, None]] = {}
    for row in table.rows:
        own = [shown[row.name, k] for k in range(len(table.columns))]
        for clause in dict.fromkeys(_clauses(registry, results, row, own)):
            clauses.setdefault(clause, {})[row.name] = None
    for clause, names in clauses.items():
        yield f"{_named(table, names)}: {clause}"


def _named(table: Table, names: Collection[str]) -> str:
    return "all rows" if len(names) == len(table.rows) > 1 else ", ".join(names)


def _lacking(table: Table, shown: Mapping[tuple[str, int], Shown]) -> Iterator[str]:
    """Yield what is not here and why: once for all rows and columns where it is the same."""
    without: dict[tuple[str, str], list[str]] = {}
    for row in table.rows:
        for k, column in enumerate(table.columns):
            one = shown[row.name, k]
            if one.row is None and one.reason:
                without.setdefault((one.reason, row.name), []).append(column.heading)
    rows: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for (reason, name), columns in without.items():
        rows.setdefault((reason, tuple(columns)), []).append(name)
    for (reason, headings), names in rows.items():
        where = "" if len(headings) == len(table.columns) else f" ({'; '.join(headings)})"
        yield f"{_named(table, names)}{where}: not here: {reason}"


def _clauses(registry: Registry, results: Results, row: Row, own: Sequence[Shown]) -> Iterator[str]:
    for one in own:
        if one.row is not None:
            if one.unranked:
                yield f"†, not ranked: {one.unranked}"
            yield _data(one, results)
            yield from _seeds(one.row)
            yield from _parts(registry, results, one)
    if row.note:
        yield row.note


def _data(one: Shown, results: Results) -> str:
    row = one.row
    assert row is not None
    paper = results.runs[one.cell.run].run.data
    size = f", {counted(int(row['n_cases']), 'case')} of {counted(int(row['n_patients']), 'patient')}"
    if row["group"] != ALL:
        size = ", a stratum of it"
    return f"scored on {row['dataset']}{size}{f' (paper: {paper})' if paper else ''}"


def _seeds(row: Mapping[str, Any]) -> Iterator[str]:
    if row["n_seeds"] > 1:
        yield f"{row['n_seeds']} trainings, their mean with an interval for new patients and new trainings"
    elif row["n_seeds"] == 1:
        yield "trained once: how much another training would differ is not told"
    if row["n_seeds"] and row["precision"] == "mixed":
        yield "trained in mixed precision"


def _parts(registry: Registry, results: Results, one: Shown) -> Iterator[str]:
    """Yield what differs in the enhancer and in the task, in brackets what the paper has."""
    run = results.runs[one.cell.run]
    profile = run.request.profile if run.request else "quick"
    for kind, label, part in (
        ("enhancer", one.cell.enhancer, run.enhancers[one.cell.enhancer]),
        ("task", one.cell.task, run.tasks[one.cell.task]),
    ):
        name = part.name if kind == "task" else ""
        learnt = "" if kind == "task" else _learnt(part, run.run.learnt.get(part.name, ""))
        here, there = (run.run.label(label, one) for one in (profile, "paper"))
        try:
            settings = settings_that_differ(registry, kind, here, profile, there)
            differing = (told(settings), weights_told(settings))
        except (UsageError, PluginError) as error:
            differing = (f"in what settings it differs from the paper's cannot be told: {error}", "")
        found = [text for text in (learnt, *differing) if text]
        if found:
            yield f"{f'{name}: ' if name else ''}{'; '.join(found)}"


def _learnt(part: Part, paper: str) -> str:
    data = learnt_from(part)
    if not data:
        return ""
    return f"learnt from {', '.join(data)}{f' (paper: {paper})' if paper else ''}"


def _of_texts(study: Study, table: Table) -> PrintedTable:
    """Return a table of which our part is no leaderboard's."""
    check, lacking = _checked(table.check)
    headings: list[Heading] = []
    rows: list[tuple[str, tuple[Printed, ...]]] = []
    for column in table.columns:
        headings += [Heading(column.heading, "", PRINTED), *([Heading(column.heading, "", HERE)] if check else [])]
    agree = 0
    for row in table.rows:
        cells = []
        for k, column in enumerate(table.columns):
            printed = row.texts[k] if row.texts else row.printed[k] if row.printed else "–"
            ours = str(check.get((row.name, column.heading), "–"))
            agree += ours == printed
            cells += [Printed(printed or "–"), *([Printed(ours, failed=ours != printed)] if check else [])]
        rows.append((row.name, tuple(cells)))
    notes = [f"{PRINTED}: {study.citation}, {table.place}.", *table.notes]
    notes += [lacking] if lacking else []
    if check:
        notes.append(f"{agree} of {counted(len(table.rows) * len(table.columns), 'cell')} agree with the network here.")
    if table.command:
        notes.append(f"Ours is answered by people: {table.command}")
    title = f"{table.place}: {table.caption}"
    slug = f"{study.name}-{table.name}"
    return PrintedTable(title, tuple(headings), tuple(rows), (), "", tuple(notes), (), slug, table.label)


def _checked(check: str) -> tuple[Mapping[tuple[str, str], str], str]:
    """Return what a function tells of our network, or why it cannot."""
    if not check:
        return {}, ""
    try:
        return load_attribute(check)(), ""
    except (ImportError, AttributeError, RadbenchError) as error:
        return {}, f"The network here cannot be looked at: {error}."


def records(study: Study, table: Table, results: Results | None) -> Iterator[dict[str, Any]]:
    """Yield a record for each cell: what is printed, where, and what is here, on the paper's scale."""
    for row, k, cell in _cells(table):
        column = table.columns[k]
        found: dict[str, Any] = {
            "study": study.name,
            "table": table.name,
            "place": f"{table.place}, row '{row.name}', column '{column.heading}'",
            "row": row.name,
            "column": column.heading,
            "printed": cell.text or cell.printed,
            "printed_spread": cell.spread,
        }
        shown = results.of(cell) if results is not None and table.kind == "scores" else None
        here = shown.row if shown is not None else None
        for name in ("value", "ci_low", "ci_high", "delta", "delta_ci_low", "delta_ci_high"):
            found[name] = None if here is None else _plain(column.scale * float(here[name]))
        for name in ("p_adjusted", "rank", "rank_low", "rank_high"):
            found[name] = None if here is None else _plain(float(here[name]))
        for name in ("n_cases", "n_patients", "n_seeds"):
            found[name] = None if here is None else int(here[name])
        for name in (
            "task",
            "dataset",
            "enhancer",
            "metric",
            "group",
            "facet",
            "profile",
            "enhancer_digest",
            "task_digest",
        ):
            found[name] = "" if here is None else str(here[name])
        found["reason"] = (shown.reason or shown.unranked) if shown is not None else ""
        yield found


def _plain(number: float) -> float | str | None:
    return None if math.isnan(number) else str(number) if math.isinf(number) else number
