"""Fill the tables of docs/studies.md: what the shipped studies print from the published leaderboards.

python docs/make_study_tables.py
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from filling import filled

from radbench.leaderboard.markdown import markdown
from radbench.registry.registry import load_registry
from radbench.studies.planning import Wish, plan_study
from radbench.studies.printing import as_table
from radbench.studies.results import results_in_leaderboards
from radbench.studies.study import load_study, shipped

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "studies.md"


def tables(name: str) -> str:
    """Return a study's tables, ours beside the printed figures where a leaderboard holds them."""
    study, _ = load_study(name)
    registry = load_registry()
    tasks = {task.partition("[")[0] for run in study.runs.values() for task in run.tasks}
    boards = [file for task in sorted(tasks) if (file := ROOT / "leaderboards" / f"{task}.csv").exists()]
    results = results_in_leaderboards(registry, plan_study(registry, study, Wish()), boards) if boards else None
    if results is not None and not results.frames:
        results = None
    return "\n" + markdown([as_table(registry, study, table, results) for table in study.tables])


MAKERS: Mapping[str, Callable[[], str]] = {name: partial(tables, name) for name in shipped()}


if __name__ == "__main__":
    PAGE.write_text(filled(PAGE.read_text(), MAKERS))
