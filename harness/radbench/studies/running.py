"""Running a study: its runs are trained, scored and published into its folder, and it is written there."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from radbench.engine.keep.texts import counted
from radbench.engine.run.reporting import Reporter
from radbench.engine.run.running import Options
from radbench.leaderboard.publish import publish
from radbench.leaderboard.running import run_plan
from radbench.registry.registry import Registry
from radbench.studies.figures import PrintedFigure
from radbench.studies.planning import PlannedRun, Wish, plan_of, plan_study
from radbench.studies.results import Results, results_in_runs
from radbench.studies.study import LEADERBOARDS, Study
from radbench.studies.writing import figures_among, write_study


@dataclass(frozen=True)
class StudyRun:
    """A study that was run.

    Attributes:
        folder: where everything lies.
        results: of its runs, those that were asked for.
        figures: that were asked for, as they were written.
        computed, reused: steps of cases that were done, and that were there already.
        failed: pairs that were not scored.
        seconds: that the runs took.
    """

    folder: Path
    results: Results
    figures: Sequence[PrintedFigure]
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
    """Plan, train, score and publish a study, and write its tables and figures; what is done already is not done again.

    A run of which the plugin or the data are not here says so and does not stop the others. Where some tables alone are
    asked for, the others are written with what the folder holds of them by then.

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
    whole = plan_study(registry, study, replace(wish, shown=()), base)
    there = {run.name: folder / run.name for run in whole if run.name not in reasons}
    everything = results_in_runs(whole, there, reasons)
    written = write_study(registry, study, replace(wish, shown=()), everything, folder)
    figures = figures_among(study, wish, written)
    return StudyRun(folder, results_in_runs(runs, folders, reasons), figures, computed, reused, failed, seconds)


def results_so_far(runs: Sequence[PlannedRun], folder: Path) -> Results:
    """Return what a study's folder holds by now.

    Raises:
        SchemaError: a leaderboard there is not valid.
    """
    return results_in_runs(runs, {run.name: folder / run.name for run in runs}, {})
