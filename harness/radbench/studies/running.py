"""Running a study: its runs are trained, scored and published into its folder, and its tables written there."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from radbench.contracts.atomic import replace_file
from radbench.contracts.errors import UsageError
from radbench.contracts.printable import to_cell
from radbench.engine.keep.texts import counted
from radbench.engine.run.reporting import Reporter
from radbench.engine.run.running import Options
from radbench.leaderboard.console import plain_text
from radbench.leaderboard.latex import latex
from radbench.leaderboard.markdown import markdown
from radbench.leaderboard.publish import publish
from radbench.leaderboard.running import run_plan
from radbench.leaderboard.table import Table as PrintedTable
from radbench.registry.registry import Registry
from radbench.studies.planning import PlannedRun, Wish, plan_of, plan_study, tables_of
from radbench.studies.printing import as_table, records
from radbench.studies.results import Results, results_in_runs
from radbench.studies.study import LEADERBOARDS, Study

FORMATS = ("table", "markdown", "latex", "csv", "json")


@dataclass(frozen=True)
class StudyRun:
    """A study that was run.

    Attributes:
        folder: where everything lies.
        results: of its runs.
        computed, reused: steps of cases that were done, and that were there already.
        failed: pairs that were not scored.
        seconds: that the runs took.
    """

    folder: Path
    results: Results
    computed: int
    reused: int
    failed: int
    seconds: float


def folder_of(study: Study, wish: Wish, out: Path | None = None) -> Path:
    """Return where a study's results lie."""
    return out or Path(os.environ.get("RADBENCH_RUNS", "runs")) / wish.folder_name(study.name)


def run_study(
    registry: Registry,
    study: Study,
    wish: Wish,
    options: Options,
    reporter: Reporter,
    base: Path | None = None,
    told: Callable[[str], None] = lambda text: None,
) -> StudyRun:
    """Plan, train, score and publish a study, and write its tables; what is done already is not done again.

    A run of which the plugin or the data are not here says so and does not stop the others.

    Args:
        registry: of the plugins that there are.
        study: it.
        wish: how it is to be run.
        options: how steps are run; ``out`` is the study's folder, None for one named after it in ``runs/``.
        reporter: told of progress.
        base: folder of the study's file.
        told: called with a sentence before each run.

    Raises:
        UsageError: as :func:`radbench.studies.planning.plan_study`, or the folder cannot be written.
        RunAbortedError: the machine stopped it; what is done is kept.
    """
    folder = folder_of(study, wish, options.out)
    runs = plan_study(registry, study, wish, base)
    folders, reasons = {}, {}
    computed = reused = failed = 0
    seconds = 0.0
    for run in runs:
        plan = plan_of(registry, run)
        if isinstance(plan, str):
            reasons[run.name] = plan
            told(f"{run.name}: not run: {plan}")
            continue
        missing = "".join(f"; {why}" for why in run.missing.values())
        told(f"{run.name}: {counted(len(plan.pairs), 'pair')}, {counted(len(plan.trainings), 'training')}{missing}")
        ended = run_plan(registry, plan, replace(options, out=folder / run.name), reporter)
        folders[run.name] = folder / run.name
        computed, reused = computed + ended.outcome.computed, reused + ended.outcome.reused
        failed += sum(status not in ("ok", "not-applicable") for status in ended.outcome.statuses.values())
        seconds += ended.seconds
        publish(ended.folder.leaderboard, folder / LEADERBOARDS, replace=True)
    results = results_in_runs(runs, folders, reasons)
    write_tables(registry, study, wish, results, folder)
    return StudyRun(folder, results, computed, reused, failed, seconds)


def results_so_far(runs: Sequence[PlannedRun], folder: Path) -> Results:
    """Return what a study's folder holds by now.

    Raises:
        SchemaError: a leaderboard there is not valid.
    """
    return results_in_runs(runs, {run.name: folder / run.name for run in runs}, {})


def printed_tables(registry: Registry, study: Study, wish: Wish, results: Results | None) -> list[PrintedTable]:
    """Return the tables that are asked for, to be printed."""
    return [as_table(registry, study, table, results) for table in tables_of(study, wish)]


def rendered(registry: Registry, study: Study, wish: Wish, results: Results | None, format: str) -> str:
    """Return a study's tables as text.

    Args:
        registry: of the plugins that there are.
        study: it.
        wish: which tables, in which profile.
        results: of its runs; None for the printed figures alone.
        format: one of :data:`FORMATS`.
    """
    if format in ("csv", "json"):
        found = [record for table in tables_of(study, wish) for record in records(study, table, results)]
        if format == "json":
            return json.dumps(found, indent=1, ensure_ascii=True) + "\n"
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(found[0])
        writer.writerows([to_cell("" if v is None else str(v)) for v in record.values()] for record in found)
        return text.getvalue()
    tables = printed_tables(registry, study, wish, results)
    return {"table": plain_text, "markdown": markdown, "latex": latex}[format](tables)


def write_tables(registry: Registry, study: Study, wish: Wish, results: Results, folder: Path) -> None:
    """Write a study's tables into its folder: ``tables.txt``, ``.md``, ``.tex``, ``.csv`` and ``.json``.

    Raises:
        UsageError: they cannot be written.
    """
    endings = {"table": "txt", "markdown": "md", "latex": "tex", "csv": "csv", "json": "json"}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for format, ending in endings.items():
            replace_file(folder / f"tables.{ending}", rendered(registry, study, wish, results, format).encode())
    except OSError as error:
        raise UsageError(f"cannot write the tables into '{folder}': {error.strerror or error}") from error
