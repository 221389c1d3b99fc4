"""Writing: a report from runs and leaderboards, one page that needs nothing beside it."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import radbench
from radbench.contracts.atomic import replace_file
from radbench.contracts.errors import UnknownNameError, UsageError
from radbench.engine.keep.private import privately
from radbench.engine.keep.texts import counted, visible
from radbench.leaderboard.aggregate import Margin
from radbench.leaderboard.sources import ComparedSet, compared_sets
from radbench.report.chapters import COMPARED_BY, Chapter, chapter
from radbench.report.citations import bibtex
from radbench.report.encoding import BUDGET, Album, encoded
from radbench.report.entries import HARMFUL, MEANING, USUAL_CONTROLS, control_of
from radbench.report.gallery import Pictures
from radbench.report.hanging import hang
from radbench.report.ledger import ledger
from radbench.report.lines import HEADINGS
from radbench.report.material import Material, material_at, notes_on
from radbench.report.page import filled
from radbench.report.pictures import Studio
from radbench.report.standing import cited, parts_behind, trained

MARK = 'content="radbench report '
"""In the head of every page, by which one is known again."""


@dataclass(frozen=True)
class Wanted:
    """What a report is to be.

    Attributes:
        controls: harmful controls, by name or label.
        images: whether pictures of cases are shown.
        figures: folder for the figures as SVG and PDF; None for none.
        reference: enhancer that differences are taken to, by its label; "" for each task's own.
        margin: what is asked of non-inferiority.
        title: of the page, "" for one made of the tasks.
        back: address of the page that leads here, "" for none.
    """

    controls: Collection[str] = USUAL_CONTROLS
    images: bool = True
    figures: Path | None = None
    reference: str = ""
    margin: Margin | None = None
    title: str = ""
    back: str = ""


def report(paths: Sequence[Path], wanted: Wanted, told: Callable[[str], None] = lambda text: None) -> str:
    """Return a page on runs and leaderboards.

    What several of them hold of one table is compared anew. Cases go by digest, patients by number, and messages are as
    they may be published; pictures of cases are shown of runs whose data lie here.

    Args:
        paths: run folders, leaderboards, or folders of these.
        wanted: what it is to be.
        told: of what is being done.

    Raises:
        UsageError: there is nothing at a path, no such reference or control, or figures cannot be written.
        SchemaError: a leaderboard is none.
    """
    told("reading")
    sets = [one for one in compared_sets(paths, False, wanted.reference, wanted.margin) if len(one.rows)]
    if not sets:
        raise UsageError(f"there is no row in {', '.join(map(str, paths))}: nothing was run there yet")
    there = {str(label) for one in sets for label in one.rows["enhancer"]}
    for name in wanted.controls:
        # The usual ones need not be there.
        if name not in USUAL_CONTROLS and not any(control_of(label, (name,)) == HARMFUL for label in there):
            raise UnknownNameError("control", name, there)
    return page_of(sets, material_at(paths), wanted, told)


def page_of(
    sets: Sequence[ComparedSet],
    material: Material,
    wanted: Wanted,
    told: Callable[[str], None] = lambda text: None,
    reports: Mapping[str, Sequence[tuple[str, str]]] | None = None,
) -> str:
    """Return a page on sets that were read already.

    Args:
        sets: each with its rows and pairs.
        material: what is known beside the rows.
        wanted: what the page is to be.
        told: of what is being done.
        reports: by key of a set, (address, title) of pages that show its images.
    """
    chapters = [chapter(one, k, wanted.controls, wanted.figures, told) for k, one in enumerate(sets, start=1)]
    for one in chapters:
        one.reports = (reports or {}).get(one.key, ())
    pictures = Pictures()
    with ExitStack() as stack:
        studios: dict[int, Studio] = {}
        for one, found in zip(chapters, sets, strict=True):
            hang(one, found, material, wanted.images, pictures, stack, studios, told)
    told("encoding pictures")
    album = encoded(pictures.large, pictures.small, BUDGET) if pictures.large else None
    parts = parts_behind(sets, material)
    trainings = trained(material, wanted.figures)
    told("writing the page")
    return filled(
        "report.html.j2",
        title=visible(wanted.title) or _title(chapters),
        back=wanted.back,
        version=radbench.__version__,
        made=_made(sets),
        sets=" ".join(one.key for one in chapters),
        notes=[visible(note) for note in notes_on(material)],
        filters=_filters(chapters),
        chapters=chapters,
        headings=HEADINGS,
        meanings=MEANING,
        trainings=trainings,
        ledgers=[[*ledger(part)] for part in parts],
        bibtex=visible(bibtex(cited(sets, parts))),
        album=album,
        pictures=_defined(album),
    )


def _filters(chapters: Sequence[Chapter]) -> list[tuple[str, str, list[str]]]:
    """Return what tells sets of one page apart, as (attribute, heading, values)."""
    found = []
    for name, heading in COMPARED_BY.items():
        values = list(dict.fromkeys(one.facts[name] for one in chapters))
        if len(values) > 1:
            found.append((name, heading, values))
    return found


def _defined(album: Album | None) -> dict[str, Any]:
    if album is None:
        return {}
    return {
        name: {"uri": one.uri, "width": one.width, "height": one.height, "box": f"0 0 {one.width} {one.height}"}
        for name, one in album.pictures.items()
    }


def _title(chapters: Sequence[Chapter]) -> str:
    tasks = list(dict.fromkeys(one.facts["task"] for one in chapters))
    return f"radbench: {', '.join(tasks[:4])}{' and more' if len(tasks) > 4 else ''}"


def _made(sets: Sequence[ComparedSet]) -> str:
    """Return when the rows were scored, and by what."""
    dates = sorted({str(date) for one in sets for date in one.rows["created_utc"] if date})
    versions = sorted({str(version) for one in sets for version in one.rows["radbench_version"] if version})
    when = (
        f"scored {dates[0][:10]}" + (f" to {dates[-1][:10]}" if dates[0][:10] != dates[-1][:10] else "")
        if dates
        else ""
    )
    by = f"by radbench {' and '.join(versions)}" if versions else ""
    rows = counted(sum(len(one.rows) for one in sets), "row")
    return visible(f"{rows} {when} {by}; page by radbench {radbench.__version__}.".replace("  ", " "))


def write_page(text: str, file: Path, private: bool = True) -> None:
    """Write a page; one that is there is replaced in one step.

    Args:
        text: of the page.
        file: to write.
        private: readable by its user alone, as the run that it tells of.

    Raises:
        UsageError: it cannot be written, or what is there is no report.
    """
    refuse_others(file)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with privately() if private else ExitStack():
            replace_file(file, text.encode("utf-8", "backslashreplace"))
    except OSError as e:
        raise UsageError(f"cannot write '{file}': {e.strerror or e}") from e


def check_place(file: Path) -> None:
    """Refuse a file that could not be written, before a page is made for minutes.

    Raises:
        UsageError: what is there is no report, or nothing can be written beside it.
    """
    refuse_others(file)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=file.parent):
            pass
    except OSError as e:
        raise UsageError(f"cannot write '{file}': {e.strerror or e}") from e


def refuse_others(file: Path) -> None:
    """Refuse to replace what is there and is no report.

    Raises:
        UsageError: so it is.
    """
    if not os.path.lexists(file):
        return
    try:
        with file.open("rb") as there:
            known = MARK.encode() in there.read(4096)
    except OSError as e:
        raise UsageError(f"cannot write '{file}': {e.strerror or e}") from e
    if not known:
        raise UsageError(f"'{file}' is there and is no report of radbench: name another file with --out")
