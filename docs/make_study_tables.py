"""Fill the tables of docs/studies.md, and draw its figures: what the shipped studies print from the leaderboards.

python docs/make_study_tables.py
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from shutil import copyfile
from tempfile import TemporaryDirectory

from filling import filled

from radbench.engine.keep.digests import digest
from radbench.leaderboard.markdown import markdown
from radbench.registry.registry import load_registry
from radbench.studies.figures import as_markdown, print_figure
from radbench.studies.planning import Wish, plan_study
from radbench.studies.printing import as_table
from radbench.studies.results import Results, results_in_leaderboards
from radbench.studies.study import Study, load_study, shipped

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "studies.md"


def results_of(study: Study) -> Results | None:
    """Return what the published leaderboards hold of a study, None for nothing."""
    registry = load_registry()
    tasks = {task.partition("[")[0] for run in study.runs.values() for task in run.tasks}
    boards = [file for task in sorted(tasks) if (file := ROOT / "leaderboards" / f"{task}.csv").exists()]
    results = results_in_leaderboards(registry, plan_study(registry, study, Wish()), boards) if boards else None
    return None if results is None or not results.frames else results


def tables(name: str, folder: Path | None = None) -> str:
    """Return a study's tables and figures, ours beside the printed figures where a leaderboard holds them.

    Args:
        name: of a shipped study.
        folder: that its figures are drawn into, each ``NAME-figure-N.svg``; None for none.
    """
    study, _ = load_study(name)
    results = results_of(study)
    told = [markdown([as_table(load_registry(), study, table, results) for table in study.tables])]
    for figure in study.figures if results is not None else ():
        with TemporaryDirectory() as made:
            printed = print_figure(study, figure, results, Path(made) if folder else None)
            if printed.name and folder is not None:
                copyfile(Path(made) / f"{printed.name}.svg", folder / f"{name}-{printed.name}.svg")
        if printed.name:
            # What it was drawn of stands in the page, so that a test sees when it is to be drawn anew.
            drawn_of = digest([*printed.records])[:12]
            told.append(f"{as_markdown(printed, f'images/{name}-')}\n<!-- drawn of {drawn_of} -->\n")
    return "\n" + "\n".join(told)


MAKERS: Mapping[str, Callable[[], str]] = {name: partial(tables, name) for name in shipped()}


if __name__ == "__main__":
    drawn = {name: partial(tables, name, ROOT / "docs" / "images") for name in shipped()}
    PAGE.write_text(filled(PAGE.read_text(), drawn))
