"""View: the leaderboard of a run folder, made from its journal and per-case files alone."""

from __future__ import annotations

import contextlib
import datetime
import subprocess
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import radbench
from radbench.contracts.errors import RadbenchError, UsageError
from radbench.contracts.results import Status
from radbench.contracts.specs import MetricSpec
from radbench.engine.journal import RunFolder
from radbench.engine.keys import short
from radbench.engine.plan import Pair, Plan
from radbench.engine.store import StoreError
from radbench.leaderboard.aggregate import PairResult, leaderboard_rows
from radbench.leaderboard.schema import write_csv

if TYPE_CHECKING:
    import pandas as pd


def journal_run(folder: RunFolder, plan: Plan, commit: str) -> None:
    """Write into the journal that a run begins, and what the view must know of every pair of its plan."""
    now = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    folder.record("run", plan=plan.digest, created_utc=now, request=vars(plan.request))
    for pair in plan.pairs:
        folder.record("planned", **_facts(pair, plan), git_commit=commit)


def _facts(pair: Pair, plan: Plan) -> dict[str, Any]:
    enhancer, task, dataset = pair.enhancer.resolved, pair.task.resolved, pair.dataset.resolved
    return {
        "pair": pair.name,
        "task": task.label,
        "dataset": dataset.label,
        "split": pair.split,
        "enhancer": enhancer.label,
        "profile": plan.request.profile,
        "seed": pair.seed,
        "reason": pair.reason,
        "metrics": [vars(m) for m in task.spec.metrics],
        "precision": pair.precision,
        "pretrained": str(getattr(enhancer.config, "pretrained", "")).lower(),
        "dataset_fingerprint": pair.dataset.fingerprint,
        "enhancer_digest": short(pair.enhancer.digest),
        "task_digest": short(pair.task.digest),
        "enhancer_plugin": f"{enhancer.plugin.distribution} {enhancer.plugin.version}".strip(),
        "task_plugin": f"{task.plugin.distribution} {task.plugin.version}".strip(),
        "radbench_version": radbench.__version__,
        "uses_at_test": list(task.spec.uses_at_test),
    }


@cache
def git_commit() -> str:
    """Return the commit that radbench runs from, marked ``+`` where files were changed; "" outside a checkout."""
    here = Path(radbench.__file__).parent
    try:
        top = _git(here, "rev-parse", "--show-toplevel")
        tracked = _git(here, "ls-files", "--error-unmatch", "__init__.py")
        if not top or not tracked:
            return ""
        dirty = _git(here, "status", "--porcelain", "--untracked-files=no", "--", top)
        return _git(here, "rev-parse", "HEAD")[:12] + ("+" if dirty else "")
    except (OSError, subprocess.SubprocessError):
        return ""


def _git(folder: Path, *words: str) -> str:
    return subprocess.run(
        ["git", *words], cwd=folder, capture_output=True, text=True, check=True, timeout=10
    ).stdout.strip()


def pair_results(folder: RunFolder) -> list[PairResult]:
    """Read the pairs of a folder's latest run; one that has not ended yet is no part of them."""
    planned: dict[str, dict[str, Any]] = {}
    ended: dict[str, dict[str, Any]] = {}
    first_run: dict[str, str] = {}
    created = ""
    for event in folder.events("run", "planned", "pair"):
        if event["event"] == "run":
            planned, ended = {}, {}
            # Doing the same again changes nothing, not even the date.
            created = first_run.setdefault(event["plan"], event["created_utc"])
        else:
            (planned if event["event"] == "planned" else ended)[event["pair"]] = event
    results = []
    for name, facts in planned.items():
        if facts["reason"]:
            end: dict[str, Any] = {"status": str(Status.NOT_APPLICABLE), "error": facts["reason"], "expected_cases": 0}
        elif name in ended:
            end = ended[name]
        else:
            continue
        rows = [] if facts["reason"] else folder.read_cases(name)
        results.append(_result(facts, end, rows, created))
    return results


def _result(
    facts: Mapping[str, Any], end: Mapping[str, Any], rows: Iterable[Mapping[str, str]], created: str
) -> PairResult:
    metrics = tuple(MetricSpec(**m) for m in facts["metrics"])
    good = [r for r in rows if r["status"] == "ok"] if end["status"] == "ok" else []
    means = [m.name for m in metrics if m.aggregation == "mean"]
    curves = [m.name for m in metrics if m.aggregation != "mean"]

    def measured(name: str) -> list[float]:
        return [float(r[name]) for r in good if r.get(name)]

    times, peaks, parameters = measured("enhance_ms"), measured("peak_memory_mb"), measured("parameters")
    return PairResult(
        task=facts["task"],
        dataset=facts["dataset"],
        split=facts["split"],
        enhancer=facts["enhancer"],
        profile=facts["profile"],
        seed=facts["seed"],
        status=end["status"],
        error=end["error"],
        metrics=metrics,
        failures={r["case_id"]: r["message"] for r in rows if r["status"] != "ok"},
        scores={r["case_id"]: {m: float(r[m]) for m in means if r.get(m)} for r in good},
        predictions={
            r["case_id"]: {m: (float(r[f"{m}:label"]), float(r[f"{m}:score"])) for m in curves if r.get(f"{m}:score")}
            for r in good
        },
        patients={r["case_id"]: r["patient_id"] for r in good},
        groups={r["case_id"]: r["group"] for r in good},
        expected_cases=end["expected_cases"],
        fit_seconds=end.get("fit_seconds"),
        # The median: the first case pays for imports and warming up.
        enhance_ms_per_case=median(times) if times else None,
        peak_memory_mb=max(peaks) if peaks else None,
        parameters=int(parameters[0]) if parameters else None,
        device=next((r["device"] for r in good if r.get("device")), ""),
        precision=facts["precision"],
        # What was really used, where the enhancer tells; else what was asked for.
        pretrained=facts["pretrained"] if end.get("pretrained") is None else end["pretrained"],
        dataset_fingerprint=facts["dataset_fingerprint"],
        enhancer_digest=facts["enhancer_digest"],
        task_digest=facts["task_digest"],
        enhancer_plugin=facts["enhancer_plugin"],
        task_plugin=facts["task_plugin"],
        radbench_version=facts["radbench_version"],
        git_commit=facts["git_commit"],
        created_utc=created,
    )


def write_leaderboard(folder: RunFolder) -> pd.DataFrame:
    """Make ``leaderboard.csv`` of a run folder anew and return it.

    Raises:
        StoreError: it cannot be written; the file that was there stays.
    """
    frame = leaderboard_rows(pair_results(folder))
    try:
        write_csv(frame, folder.leaderboard)
    except UsageError as e:
        raise StoreError(str(e)) from e
    return frame


def write_what_there_is(folder: RunFolder) -> None:
    """Bring ``leaderboard.csv`` up to what a run that was stopped has done; whatever stopped it may prevent that."""
    with contextlib.suppress(RadbenchError, OSError):
        write_leaderboard(folder)


def task_notes(folder: RunFolder) -> dict[str, list[str]]:
    """Return, per task, the truth that it is given at test time."""
    return {e["task"]: e["uses_at_test"] for e in folder.events("planned")}
