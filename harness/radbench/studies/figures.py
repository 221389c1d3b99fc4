"""Figures of a study: each drawn and written as SVG and PDF, with what is to be said below it, and its numbers."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from radbench.engine.keep.texts import counted, visible
from radbench.leaderboard.latex import escape as for_latex
from radbench.leaderboard.markdown import escape as for_markdown
from radbench.leaderboard.table import ARROWS
from radbench.report.figures.style import drawing, write_files
from radbench.studies.boxes import Box, BoxPanel, box_panels
from radbench.studies.figure import Figure, Panel
from radbench.studies.images import image_lines
from radbench.studies.results import Results
from radbench.studies.study import Study

KINDS = ("svg", "pdf")


@dataclass(frozen=True)
class PrintedFigure:
    """A figure as it is told of below its tables.

    Attributes:
        title: its place in the paper and what it shows.
        name: of its files, without the ending; "" where nothing could be drawn.
        slug: for labels, ASCII.
        notes: sentences on how to read it.
        remarks: what lacks.
        records: its numbers: of boxes one for each.
    """

    title: str
    name: str
    slug: str
    notes: tuple[str, ...]
    remarks: tuple[str, ...]
    records: tuple[dict[str, Any], ...] = ()


def slug_of(study: Study, figure: Figure) -> str:
    """Return what a figure goes by in labels."""
    return f"{study.name}-{figure.name}"


def print_figure(study: Study, figure: Figure, results: Results, folder: Path | None) -> PrintedFigure:
    """Draw a figure, write ``NAME.svg`` and ``NAME.pdf``, and return what is to be said of it.

    Where nothing of it is here no file is written, and files of an earlier time go.

    Args:
        study: it.
        figure: of it.
        results: of its runs.
        folder: that the files are written to; None for the words alone.

    Raises:
        UsageError: they cannot be written.
    """
    told = _boxes(study, figure, results, folder) if figure.kind == "boxes" else _images(study, figure, results, folder)
    if not told.name and folder is not None:
        for kind in KINDS:
            (folder / f"{figure.name}.{kind}").unlink(missing_ok=True)
    return replace(
        told,
        title=visible(told.title),
        notes=tuple(map(visible, (*told.notes, *figure.notes))),
        remarks=tuple(map(visible, told.remarks)),
    )


def _boxes(study: Study, figure: Figure, results: Results, folder: Path | None) -> PrintedFigure:
    from radbench.studies.drawing import draw_boxes

    panels = box_panels(figure, results)
    title = f"{figure.place}: {figure.caption}"
    slug = slug_of(study, figure)
    if not any(box.cases for panel in panels for box in panel.boxes):
        return PrintedFigure(title, "", slug, (), tuple(_lacking(panels)))
    if folder is not None:
        with drawing(for_page=False):
            # A panel of which nothing is here takes no place; below the figure stands why.
            there = [panel for panel in panels if any(box.cases for box in panel.boxes)]
            write_files(draw_boxes(there, figure.across), folder, figure.name)
    on = [(panel.heading, str(box.row["dataset"])) for panel in panels for box in panel.boxes if box.row is not None]
    notes = [f"After {study.citation}, {figure.place}, of what is here.", _scored_on(on), *_read(figure, panels)]
    records = tuple(records_of(study, figure, panels))
    return PrintedFigure(title, figure.name, slug, tuple(notes), tuple(_lacking(panels)), records)


def _read(figure: Figure, panels: Sequence[BoxPanel]) -> Iterator[str]:
    boxes = [box for panel in panels for box in panel.boxes if box.cases]
    cases = sorted({len(box.cases) for box in boxes})
    patients = sorted({len({*box.patients.values()}) for box in boxes})
    many = f"{_span(cases)} cases of {_span(patients)} patients"
    yield (
        f"Boxes are quartiles of the cases ({many}), whiskers reach to the farthest within 1.5 times the box, points "
        "lie beyond; the diamond is the mean."
    )
    if any(box.row is not None and box.row["n_seeds"] > 1 for box in boxes):
        yield "Of several trainings a case counts once, with their mean: what another training would give is not told."
    if any(panel.compared for panel in panels):
        with_what = f"against {figure.against}" if figure.against else "between every two"
        yield (
            f"Brackets: p ≤ 0.05 (*), 0.01 (**), 0.001 (***) of Wilcoxon's signed-rank test over patients {with_what}, "
            "corrected after Holm within the panel; where there is none, nothing is shown to differ. The tables' order "
            "is judged more strictly, by rank intervals of all that a leaderboard ranks together: a bracket may stand "
            "where they leave an order open."
        )


def _scored_on(panels: Iterable[tuple[str, str]]) -> str:
    """Say on which data panels were scored: a panel may be called after the paper's.

    Args:
        panels: headings, with data sets.
    """
    found: dict[str, dict[str, None]] = {}
    for heading, dataset in panels:
        found.setdefault(dataset, {})[heading.rstrip(f" {''.join(ARROWS.values())}")] = None
    if len(found) == 1:
        return f"Scored on {next(iter(found))}."
    told = (f"{dataset} ({'; '.join(own)})" for dataset, own in found.items())
    return f"Scored on {', '.join(told)}."


def _span(counts: Sequence[int]) -> str:
    return f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"


def _lacking(panels: Sequence[BoxPanel]) -> list[str]:
    """Return what is not drawn and why, once for all panels where the reason is the same."""
    found: dict[tuple[str, str], list[str]] = {}
    for panel in panels:
        for box in panel.boxes:
            if box.reason:
                found.setdefault((box.name, box.reason), []).append(panel.heading)
    told: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for (name, reason), own in found.items():
        told.setdefault((reason, tuple(own)), []).append(name)
    out = []
    for (reason, headings), names in told.items():
        where = "" if len(headings) == len(panels) else f" ({'; '.join(headings)})"
        out.append(f"{', '.join(names)}{where}: not here: {reason}")
    return [*out, *dict.fromkeys(text for panel in panels for text in panel.apart)]


def records_of(study: Study, figure: Figure, panels: Sequence[BoxPanel]) -> Iterator[dict[str, Any]]:
    """Yield a record for each box that is drawn: its quartiles, whiskers and mean, and the p of its comparisons."""
    for panel, drawn in zip(figure.panels, panels, strict=True):
        for k, box in enumerate(drawn.boxes):
            if box.cases:
                p = {
                    drawn.boxes[b if a == k else a].name: one.p
                    for one in drawn.compared
                    for a, b in [(one.first, one.second)]
                    if k in (a, b) and not math.isnan(one.p)
                }
                place = f"{figure.place}, panel '{panel.heading}'"
                yield {"study": study.name, "figure": figure.name, "place": place, **_numbers(box), "p_adjusted": p}


def _numbers(box: Box) -> dict[str, Any]:
    values = np.sort(np.array([*box.cases.values()]))
    low, middle, high = (float(one) for one in np.percentile(values, (25, 50, 75)))
    inside = values[(values >= low - 1.5 * (high - low)) & (values <= high + 1.5 * (high - low))]
    assert box.row is not None
    return {
        "entry": box.name,
        "enhancer": str(box.row["enhancer"]),
        "dataset": str(box.row["dataset"]),
        "metric": str(box.row["metric"]),
        "n_cases": len(values),
        "n_patients": len({*box.patients.values()}),
        "n_seeds": int(box.row["n_seeds"]),
        "mean": math.fsum(values) / len(values),
        "quartile_1": low,
        "median": middle,
        "quartile_3": high,
        "whisker_low": float(inside.min()),
        "whisker_high": float(inside.max()),
    }


def _images(study: Study, figure: Figure, results: Results, folder: Path | None) -> PrintedFigure:
    from radbench.studies.drawing import draw_images

    lines, lacking = image_lines(figure, results)
    title = f"{figure.place}: {figure.caption}"
    slug = slug_of(study, figure)
    if not any(image is not None for line in lines for image in line.images):
        return PrintedFigure(title, "", slug, (), tuple(lacking))
    if folder is not None:
        with drawing(for_page=False):
            write_files(draw_images(lines, [entry.name for entry in figure.entries]), folder, figure.name)
    drawn = {line.heading for line in lines}
    on = [(panel.heading, name) for panel in figure.panels if panel.heading in drawn for name in _data(panel, results)]
    notes = (
        f"After {study.citation}, {figure.place}, of what is here. {counted(len(lines), 'case')}, the first by their "
        "digests and not chosen by their look, black and white at the ends of [0, 1].",
        _scored_on(on),
    )
    return PrintedFigure(title, figure.name, slug, notes, tuple(lacking))


def _data(panel: Panel, results: Results) -> list[str]:
    """Return the data sets that a panel's cases are of."""
    frame = results.frames[panel.run]
    return sorted(set(frame.loc[frame["task"] == results.runs[panel.run].tasks[panel.task].label, "dataset"]))


def as_text(figure: PrintedFigure) -> str:
    """Return what is said of a figure as plain text."""
    files = ", ".join(f"{figure.name}.{kind}" for kind in KINDS) if figure.name else "not drawn"
    return "\n".join([figure.title, files, *figure.notes, *figure.remarks]) + "\n"


def as_markdown(figure: PrintedFigure, where: str = "") -> str:
    """Return a figure in Markdown.

    Args:
        figure: it.
        where: what stands before the name of its SVG; "" for beside it.
    """
    title = for_markdown(figure.title)
    body = f"![{title}]({where}{figure.name}.svg)" if figure.name else "Not drawn."
    notes = [" ".join(map(for_markdown, figure.notes))] if figure.notes else []
    remarks = ["\n".join(f"- {for_markdown(remark)}" for remark in figure.remarks)] if figure.remarks else []
    return "\n\n".join([f"### {title}", body, *notes, *remarks]) + "\n"


def as_latex(figure: PrintedFigure) -> str:
    """Return a ``figure`` environment with the PDF; a comment where nothing could be drawn."""
    caption = " ".join(map(for_latex, (f"{figure.title}.", *figure.notes, *(f"{one}." for one in figure.remarks))))
    if not figure.name:
        return f"% {caption}\n"
    return "\n".join(
        [
            r"% \usepackage{graphicx}",
            r"\begin{figure}[t]",
            r"\centering",
            rf"\includegraphics[width=\linewidth]{{{figure.name}}}",
            rf"\caption{{{caption}}}",
            rf"\label{{fig:{figure.slug}}}",
            r"\end{figure}",
            "",
        ]
    )
