"""Boxes: the cases behind a study's box-and-whisker plots, and which of the entries differ."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from radbench.contracts import MetricSpec
from radbench.contracts.errors import UsageError
from radbench.engine.plan.seeds import seeds_of
from radbench.leaderboard.columns import ALL, COMPARABLE_KEY, seed_of
from radbench.leaderboard.pairs import PairResult, common_patients, in_order
from radbench.leaderboard.table import ARROWS
from radbench.report.numbers import stars
from radbench.report.series import ByCase, by_enhancer, differences, metric_named
from radbench.studies.figure import Entry, Figure, Panel
from radbench.studies.results import Results
from radbench.studies.study import Cell


@dataclass(frozen=True)
class Box:
    """An entry in a panel.

    Attributes:
        name: as the figure has it.
        row: of the leaderboard; None where there is none.
        cases: the number of each case, by its digest, on the paper's scale; over seeds their mean.
        patients: by case, the patient's number.
        reason: why there is nothing, a sentence; "" where there is.
    """

    name: str
    row: Mapping[str, Any] | None
    cases: ByCase
    patients: Mapping[str, str]
    reason: str = ""


@dataclass(frozen=True)
class Compared:
    """Two entries of a panel, by their places, and the p of their difference, adjusted within the panel."""

    first: int
    second: int
    p: float

    @property
    def stars(self) -> str:
        """The marks of significance, "" for none."""
        return stars(self.p)


@dataclass(frozen=True)
class BoxPanel:
    """A panel as it is drawn.

    Attributes:
        heading: with an arrow towards what is better.
        boxes: of all entries, those with nothing among them.
        compared: Wilcoxon's signed-rank tests over patients, corrected after Holm.
        apart: sentences on what could not be compared.
    """

    heading: str
    boxes: Sequence[Box]
    compared: Sequence[Compared]
    apart: Sequence[str] = ()


def box_panels(figure: Figure, results: Results) -> list[BoxPanel]:
    """Return the panels of a figure of boxes."""
    return [_panel(figure, panel, results) for panel in figure.panels]


def _panel(figure: Figure, panel: Panel, results: Results) -> BoxPanel:
    boxes = [_box(panel, entry, results) for entry in figure.entries]
    directions = {str(box.row["direction"]) for box in boxes if box.row is not None and box.cases}
    arrow = ARROWS[directions.pop()] if len(directions) == 1 else ""
    names = [entry.name for entry in figure.entries]
    if figure.against:
        place = names.index(figure.against)
        wanted = [(k, place) for k in range(len(names)) if k != place]
    else:
        wanted = [*combinations(range(len(names)), 2)]
    there = [(a, b) for a, b in wanted if boxes[a].cases and boxes[b].cases]
    alike = [(a, b) for a, b in there if _comparable(boxes[a], boxes[b])]
    apart = [
        f"{boxes[a].name} and {boxes[b].name} were not scored alike, and are not compared"
        for a, b in there
        if (a, b) not in alike
    ]
    return BoxPanel(f"{panel.heading} {arrow}".rstrip(), boxes, [*_tested(boxes, alike)], apart)


def _comparable(a: Box, b: Box) -> bool:
    assert a.row is not None
    assert b.row is not None
    return all(str(a.row[name]) == str(b.row[name]) for name in COMPARABLE_KEY)


def _tested(boxes: Sequence[Box], wanted: Sequence[tuple[int, int]]) -> Iterator[Compared]:
    from radbench.stats import holm, wilcoxon

    if not wanted:
        return
    found = []
    for a, b in wanted:
        delta = differences(boxes[a].cases, boxes[b].cases)
        patients = [boxes[a].patients[case] for case in delta]
        found.append(wilcoxon([*delta.values()], patients) if delta else math.nan)
    for (a, b), p in zip(wanted, holm(found), strict=True):
        yield Compared(a, b, float(p))


def _box(panel: Panel, entry: Entry, results: Results) -> Box:
    named = {name: getattr(panel, name) for name in ("run", "task", "metric", "facet")}
    shown = results.of(Cell(**named, group=panel.group or ALL, enhancer=entry.enhancer))
    if shown.row is None:
        return Box(entry.name, None, {}, {}, shown.reason)
    pairs = [pair for pair in results.pairs.get(panel.run, ()) if _is_behind(pair, shown.row)]
    spec = metric_named(pairs, str(shown.row["metric"]))
    if spec is None:
        return Box(entry.name, None, {}, {}, "its per-case scores do not lie beside its rows")
    cases = _of_group(pairs, spec, panel)
    if not cases:
        return Box(entry.name, None, {}, {}, f"a single case has no {spec.name}")
    ordered = [case for case in in_order(pairs) if case in cases]
    patients = dict(zip(ordered, common_patients(pairs, ordered), strict=True))
    return Box(entry.name, shown.row, {case: panel.scale * cases[case] for case in ordered}, patients)


def _of_group(pairs: Sequence[PairResult], spec: MetricSpec, panel: Panel) -> ByCase:
    (cases,) = by_enhancer(pairs, spec, panel.facet).values() or ({},)
    if panel.group in ("", ALL):
        return cases
    name, _, value = panel.group.partition("=")
    strata = {case: of.get(name, "") for pair in pairs for case, of in pair.groups.items()}
    return {case: number for case, number in cases.items() if strata.get(case, "") == value}


def _is_behind(pair: PairResult, row: Mapping[str, Any]) -> bool:
    """Tell whether a row stands on a pair, alone or with others of other seeds."""
    same = ("task", "dataset", "split", "profile", "enhancer", "task_digest", "dataset_fingerprint", "cases_digest")
    if any(str(getattr(pair, name)) != str(row[name]) for name in (*same, "enhancer_digest", "precision")):
        return False
    if not row["n_seeds"] > 1:
        return pair.seed == seed_of(row)
    try:
        return pair.seed in seeds_of(str(row["seeds"]))
    except UsageError:
        return False
