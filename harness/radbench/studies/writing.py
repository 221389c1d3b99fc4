"""Writing a study: its tables and figures as text, and as the files of its folder."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from radbench.contracts.atomic import replace_file
from radbench.contracts.errors import UsageError
from radbench.contracts.printable import to_cell
from radbench.leaderboard.console import plain_text
from radbench.leaderboard.latex import latex
from radbench.leaderboard.markdown import markdown
from radbench.leaderboard.table import Table as PrintedTable
from radbench.registry.registry import Registry
from radbench.studies.figures import PrintedFigure, as_latex, as_markdown, as_text, print_figure, slug_of
from radbench.studies.planning import Wish, figures_of, tables_of
from radbench.studies.printing import as_table, records
from radbench.studies.results import Results
from radbench.studies.study import Study

FORMATS = ("table", "markdown", "latex", "csv", "json")

ENDINGS = {"table": "txt", "markdown": "md", "latex": "tex", "csv": "csv", "json": "json"}


def printed_tables(registry: Registry, study: Study, wish: Wish, results: Results | None) -> list[PrintedTable]:
    """Return the tables that are asked for, to be printed."""
    return [as_table(registry, study, table, results) for table in tables_of(study, wish)]


def rendered(
    registry: Registry,
    study: Study,
    wish: Wish,
    results: Results | None,
    format: str,
    figures: Sequence[PrintedFigure] = (),
) -> str:
    """Return a study's tables as text.

    Args:
        registry: of the plugins that there are.
        study: it.
        wish: which tables, in which profile.
        results: of its runs; None for the printed figures alone.
        format: one of :data:`FORMATS`.
        figures: that were written; CSV and JSON leave them out, whose numbers are other ones.
    """
    if format in ("csv", "json"):
        return _as_data(
            [record for table in tables_of(study, wish) for record in records(study, table, results)], format
        )
    tables = printed_tables(registry, study, wish, results)
    of_tables = {"table": plain_text, "markdown": markdown, "latex": latex}[format]
    of_figure = {"table": as_text, "markdown": as_markdown, "latex": as_latex}[format]
    return "\n".join([*([of_tables(tables)] if tables else []), *map(of_figure, figures)])


def _as_data(found: Sequence[dict[str, Any]], format: str) -> str:
    if format == "json":
        return json.dumps(found, indent=1, ensure_ascii=True) + "\n"
    if not found:
        return ""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(found[0])
    writer.writerows([to_cell(_flat(v)) for v in record.values()] for record in found)
    return text.getvalue()


def _flat(value: Any) -> str:
    if isinstance(value, dict):
        return "; ".join(f"{name}: {number!r}" for name, number in value.items())
    return "" if value is None else str(value)


def write_study(registry: Registry, study: Study, wish: Wish, results: Results, folder: Path) -> list[PrintedFigure]:
    """Write a study's tables and figures into a folder, and return what is to be said of the figures.

    ``tables.txt``, ``.md``, ``.tex``, ``.csv`` and ``.json``; of each figure ``NAME.svg`` and ``NAME.pdf``; the numbers
    behind the boxes as ``figures.csv`` and ``figures.json``.

    Args:
        registry: of the plugins that there are.
        study: it.
        wish: which tables and figures.
        results: of its runs.
        folder: is made where it is not there.

    Raises:
        UsageError: they cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        figures = [print_figure(study, figure, results, folder) for figure in figures_of(study, wish)]
        for format, ending in ENDINGS.items():
            _write(folder / f"tables.{ending}", rendered(registry, study, wish, results, format, figures))
        if study.figures:
            found = [record for figure in figures for record in figure.records]
            for format in ("csv", "json"):
                _write(folder / f"figures.{format}", _as_data(found, format))
    except OSError as error:
        raise UsageError(f"cannot write the tables into '{folder}': {error.strerror or error}") from error
    return figures


def _write(file: Path, text: str) -> None:
    replace_file(file, text.encode())


def figures_among(study: Study, wish: Wish, written: Iterable[PrintedFigure]) -> list[PrintedFigure]:
    """Return those of a study's written figures that are asked for."""
    slugs = {slug_of(study, figure) for figure in figures_of(study, wish)}
    return [one for one in written if one.slug in slugs]
