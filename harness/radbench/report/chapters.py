"""Chapters: what the page says of each comparable set: words, tables, figures, pictures, and what it was made of."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from radbench.contracts import MetricSpec, Status
from radbench.engine.keep.digests import digest, short
from radbench.engine.keep.texts import visible
from radbench.leaderboard.columns import ALL, COMPARABLE_KEY
from radbench.leaderboard.comparing import facet_number
from radbench.leaderboard.predictions import reliability_of
from radbench.leaderboard.sources import ComparedSet
from radbench.leaderboard.table import ARROWS, Cell, Table
from radbench.leaderboard.tabulate import decimals, tables
from radbench.report.entries import Entry, control_of, deciding, entries_of, main_rows, one_row_each
from radbench.report.figures import curves, scores
from radbench.report.figures.style import drawing, inline, write_files
from radbench.report.lines import METRIC, VERDICT, Line, lines_of, made_of, shared_by
from radbench.report.numbers import number
from radbench.report.series import by_enhancer, differences, metric_named
from radbench.report.words import Summary, summary

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pandas import DataFrame


COMPARED_BY = {
    "task": "task",
    "dataset": "data set",
    "split": "split",
    "profile": "profile",
    "truth": "compared with",
    "given": "task is told",
    "limit": "at most so many cases",
    "schema_version": "schema",
}
"""Columns that say why two sets do not compare, and their headings; digests do, too, and say nothing to a reader."""


@dataclass(frozen=True)
class Plate:
    """A figure of the page.

    Attributes:
        name: of its files.
        svg: markup, safe as it is.
        caption: what it shows, in words.
        main: whether it is shown at once; the others are folded away.
        wide: whether it takes the page's whole width.
    """

    name: str
    svg: str
    caption: str
    main: bool
    wide: bool = False


@dataclass
class Chapter:
    """What the page says of a set.

    Attributes:
        ident: of its element.
        title: task on data set.
        subtitle: what else tells it from other sets.
        facts: what tells it from other sets, by :data:`COMPARED_BY`.
        key: digest of what its rows share, by which it is known on other pages.
        words: the summary.
        notes: on what could not be done.
        printed: the paper's tables.
        lines: of the long table.
        entries: in order.
        plates: the figures.
        heads, made: what each entry was made of.
        shared: what all rows share.
        gallery: viewers by entry, filled in where there are pictures.
        picked_by: how the cases were picked.
        no_pictures: why there are none.
        reports: pages with images, as (address, title).
    """

    ident: str
    title: str
    subtitle: str
    facts: dict[str, str]
    key: str
    words: Summary
    notes: Sequence[str]
    printed: Sequence[Table]
    lines: Sequence[Line]
    entries: Sequence[Entry]
    plates: Sequence[Plate]
    heads: Sequence[str]
    made: Sequence[tuple[Entry, Sequence[str]]]
    shared: Sequence[tuple[str, str]]
    gallery: list[tuple[Entry, Any]] = field(default_factory=list)
    picked_by: str = ""
    no_pictures: str = ""
    reports: Sequence[tuple[str, str]] = ()

    by_metric: bool = True
    decimals: int = 3

    @property
    def leading(self) -> str:
        """The metric that decides."""
        return next((line.cells[METRIC].by for line in self.lines if line.decides), "")

    @property
    def by_name(self) -> dict[str, Entry]:
        """The entries by their names."""
        return {entry.name: entry for entry in self.entries}

    @property
    def has_controls(self) -> bool:
        """Whether any entry is a control."""
        return any(entry.control for entry in self.entries)

    @property
    def closer(self) -> bool:
        """Whether any picture can be looked at more closely."""
        return any(one.closer for _, shown in self.gallery for one in shown)

    def choices(self, column: int) -> list[str]:
        """Return what a column of the long table holds, each once."""
        return list(dict.fromkeys(line.cells[column].by or line.cells[column].text for line in self.lines))

    def chosen(self, column: int) -> str | None:
        """Return what a column is filtered by at first: what decides, of all cases and of the whole."""
        if column == VERDICT:
            return None
        leads = next((line for line in self.lines if line.leads), None)
        return None if leads is None else leads.cells[column].by or leads.cells[column].text

    def digits(self, value: float) -> str:
        """Return a case's number with the decimals of the metric that decides."""
        return number(value, self.decimals)


def chapter(
    found: ComparedSet,
    number: int,
    harmful: Collection[str],
    figures: Path | None = None,
    told: Callable[[str], None] = lambda text: None,
) -> Chapter:
    """Return what is to be said of a set.

    Args:
        found: the set.
        number: its place on the page, from 1.
        harmful: controls that a task should find harmful, by name or label.
        figures: folder that figures are written to as SVG and PDF, too; None for none.
        told: of what is being done.
    """
    rows = one_row_each(found.rows)
    entries = entries_of(rows, harmful)
    first = rows.iloc[0]
    title = visible(f"{first['task']} on {first['dataset']}")
    ident = f"set-{number}"
    told(f"figures of {title}")
    heads, made = made_of(rows, entries)
    return Chapter(
        ident,
        title,
        visible(_subtitle(first)),
        {name: visible(_fact(first[name])) for name in COMPARED_BY},
        set_key(first),
        summary(rows, entries),
        [visible(note) for note in found.notes],
        printed_tables(found.rows, harmful),
        lines_of(rows, entries),
        entries,
        _plates(found, rows, entries, ident, _slug(f"{number}-{first['task']}-{first['dataset']}"), figures),
        heads,
        made,
        shared_by(rows),
        decimals=decimals(main_rows(rows, deciding(rows))["value"].tolist()),
    )


def printed_tables(rows: DataFrame, harmful: Collection[str]) -> list[Table]:
    """Return the paper's tables of a set; best and second best are among methods, controls left out.

    Args:
        rows: of the set.
        harmful: controls that a task should find harmful, by name or label.
    """
    methods = rows[[not control_of(str(label), harmful) for label in rows["enhancer"]]]
    marks: dict[tuple[str, str, str], int] = {}
    for table in tables(methods) if len(methods) else ():
        for name, cells in table.rows:
            for heading, cell in zip(table.headings, cells, strict=True):
                marks[table.slug, heading.name, name] = cell.place
    return [_with_places(table, marks) for table in tables(rows)]


def _with_places(table: Table, marks: dict[tuple[str, str, str], int]) -> Table:
    def marked(name: str, cells: Sequence[Cell]) -> tuple[Cell, ...]:
        both = zip(table.headings, cells, strict=True)
        return tuple(replace(cell, place=marks.get((table.slug, head.name, name), 0)) for head, cell in both)

    return replace(table, rows=tuple((name, marked(name, cells)) for name, cells in table.rows))


def set_key(row: Any) -> str:
    """Return the digest of what all rows of a comparable set share."""
    return short(digest([str(row[name]) for name in COMPARABLE_KEY]))


def _fact(value: Any) -> str:
    return "" if str(value) in ("nan", "<NA>", "0") else str(value)


def _subtitle(first: Any) -> str:
    marks = [f"{first['split']} split", f"profile {first['profile']}", f"data {str(first['dataset_fingerprint'])[:8]}"]
    marks += [f"task {str(first['task_digest'])[:8]}"]
    marks += [f"at most {first['limit']} cases"] if str(first["limit"]) not in ("0", "<NA>") else []
    marks += [f"schema {first['schema_version']}"] if int(first["schema_version"]) < 2 else []
    return ", ".join(marks)


def _slug(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9]+", "-", text).strip("-").lower()[:80]


_WIDE = 7.0
"""Inches from which on a figure takes the page's whole width."""


class _Drawing:
    """Draws figures once for the page and, where files are wanted, once more for these."""

    def __init__(self, ident: str, slug: str, folder: Path | None) -> None:
        self.ident, self.slug, self.folder = ident, slug, folder
        self.plates: list[Plate] = []

    def add(self, name: str, draw: Callable[[], Figure], caption: str, main: bool) -> None:
        name = f"{self.slug}-{_slug(name)}"
        with drawing():
            figure = draw()
            svg = inline(figure, f"{self.ident}-fig{len(self.plates) + 1}", caption)
        self.plates.append(Plate(name, svg, caption, main, figure.get_figwidth() > _WIDE))
        if self.folder is not None:
            with drawing(for_page=False):
                write_files(draw(), self.folder, name)


def _plates(
    found: ComparedSet, rows: DataFrame, entries: Sequence[Entry], ident: str, slug: str, folder: Path | None
) -> list[Plate]:
    drawn = _Drawing(ident, slug, folder)
    leading = deciding(rows)
    metrics = [str(m) for m in dict.fromkeys(rows["metric"]) if m]
    for name in sorted(metrics, key=lambda m: m != leading):
        spec, main = metric_named(found.pairs, name), name == leading
        own = main_rows(rows, name)
        by_entry = {row["entry"]: row for row in own.to_dict("records")}
        if spec is not None and by_entry:
            _of_cases(drawn, found, entries, by_entry, spec, main)
        ranked = [e for e in entries if e.name in by_entry and not math.isnan(float(by_entry[e.name]["rank"]))]
        if main and len(ranked) > 1:
            ranked.sort(key=lambda e: float(by_entry[e.name]["rank"]))
            text = f"Ranks by {name} with 95 % intervals that hold for all of them together."
            drawn.add(f"{name}-ranks", partial(scores.ranking, ranked, by_entry, name), text, main)
        _over_facets(drawn, rows, entries, name, main)
    _reliability(drawn, found, entries)
    return drawn.plates


def _of_cases(
    drawn: _Drawing,
    found: ComparedSet,
    entries: Sequence[Entry],
    by_entry: dict[str, Any],
    spec: MetricSpec,
    main: bool,
) -> None:
    cases = by_enhancer(found.pairs, spec)
    shown = [entry for entry in entries if entry.enhancer in cases]
    if not shown:
        return
    higher, arrow = spec.direction == "higher", ARROWS[spec.direction]
    n = max(len(cases[entry.enhancer]) for entry in shown)
    stars = " *, **, ***: adjusted p ≤ 0.05, 0.01, 0.001 against the reference."
    text = (
        f"{spec.name} of each case ({spec.direction} is better; up to {n} cases): quartiles, whiskers to 1.5 times the "
        f"box, mean as a diamond.{stars}"
    )
    drawn.add(f"{spec.name}-cases", partial(scores.boxes, shown, cases, by_entry, spec.name, arrow), text, main)
    references = {row["reference"] for row in by_entry.values()} - {""}
    base = cases.get(next(iter(references))) if len(references) == 1 else None
    compared = [e for e in shown if not e.reference and e.name in by_entry] if base else []
    deltas = {e.enhancer: differences(cases[e.enhancer], base or {}) for e in compared}
    compared = [e for e in compared if deltas[e.enhancer]]
    if compared:
        text = (
            f"Difference in {spec.name} to {visible(next(iter(references)))} on the same cases: each case, the middle "
            f"half and the middle 95 % of them in grey; the mean difference with its 95 % interval in black.{stars}"
        )
        drawn.add(
            f"{spec.name}-differences",
            partial(scores.paired, compared, deltas, by_entry, spec.name, higher),
            text,
            main,
        )


def _over_facets(drawn: _Drawing, rows: DataFrame, entries: Sequence[Entry], metric: str, main: bool) -> None:
    own = rows[
        (rows["metric"] == metric) & (rows["group"] == ALL) & (rows["status"] == Status.OK) & (rows["facet"] != "")
    ]
    facets = list(dict.fromkeys(own["facet"]))
    places = {facet: measured for facet in facets if (measured := facet_number(facet)) is not None}
    units = {unit for _, unit in places.values()}
    if len(facets) < 3 or len(places) < len(facets) or len(units) > 1:
        return
    found: dict[str, list[tuple[float, float, float, float]]] = {}
    for entry in entries:
        mine = own[own["entry"] == entry.name]
        points = [
            (places[row["facet"]][0], float(row["value"]), float(row["ci_low"]), float(row["ci_high"]))
            for row in mine.to_dict("records")
            if math.isfinite(row["value"])
        ]
        if points:
            found[entry.name] = sorted(points)
    if found:
        arrow = ARROWS[str(own["direction"].iloc[0])]
        text = f"{metric} over its facet, with 95 % intervals."
        drawn.add(f"{metric}-by-facet", partial(curves.over_facet, found, metric, arrow, *units), text, main)


def _reliability(drawn: _Drawing, found: ComparedSet, entries: Sequence[Entry]) -> None:
    by_finding: dict[str, dict[str, Any]] = {}
    names = {entry.enhancer: entry.name for entry in entries}
    for pair in found.pairs:
        seeds = sum(other.enhancer == pair.enhancer for other in found.pairs)
        name = names.get(pair.enhancer, pair.enhancer)
        name = f"{pair.enhancer} (seed {pair.seed})" if seeds > 1 else name
        for finding, bins in reliability_of(pair):
            by_finding.setdefault(finding, {})[name] = bins
    for finding, of_finding in by_finding.items():
        text = (
            f"Reliability of the probabilities of {visible(finding)}: the share that was positive over the mean "
            "probability, in bins of equal width, with 95 % intervals (Clopper and Pearson, cases taken as "
            "independent; none below six). A point's area tells how many cases are behind it; what is calibrated "
            "lies on the diagonal."
        )
        drawn.add(f"reliability-{finding}", partial(curves.reliability, of_finding), text, True)
