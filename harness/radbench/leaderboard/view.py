"""View: the leaderboard of a run folder, made from its journal and per-case files alone."""

from __future__ import annotations

import contextlib
import datetime
from collections.abc import Callable, Iterable, Iterator, Mapping
from statistics import median
from typing import TYPE_CHECKING, Any

import radbench
from radbench.contracts.config import local_paths
from radbench.contracts.errors import RadbenchError, UsageError
from radbench.contracts.results import Status
from radbench.contracts.specs import MetricSpec
from radbench.engine.keep.cells import evidence_of, groups_of
from radbench.engine.keep.digests import short
from radbench.engine.keep.journal import RunFolder
from radbench.engine.keep.private import privately
from radbench.engine.keep.sealed import StoreError
from radbench.engine.plan.pairs import Pair, Plan
from radbench.engine.plan.parts import Part
from radbench.leaderboard.aggregate import PairResult, leaderboard_rows
from radbench.leaderboard.recorded import Recorded
from radbench.leaderboard.schema import write_csv

if TYPE_CHECKING:
    import pandas as pd


def journal_run(folder: RunFolder, plan: Plan, commit_of: Callable[[Pair], str]) -> None:
    """Write into the journal that a run begins, and what the view must know of every pair of its plan."""
    now = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    folder.record("run", plan=plan.digest, created_utc=now, request=vars(plan.request))
    for pair in plan.pairs:
        folder.record("planned", **_facts(pair, plan), git_commit=commit_of(pair))


def _facts(pair: Pair, plan: Plan) -> dict[str, Any]:
    enhancer, task, dataset = pair.enhancer, pair.task, pair.dataset
    spec = task.spec
    truth = spec.truth or tuple(name for name in spec.needs_targets if name not in spec.given)
    return {
        "pair": pair.name,
        "task": task.label,
        "dataset": dataset.label,
        "split": pair.split,
        "enhancer": enhancer.label,
        "profile": plan.request.profile,
        "seed": pair.seed,
        "reason": pair.reason,
        "metrics": [vars(m) for m in spec.metrics],
        # Of trainings: where nothing learns, all is float32.
        "precision": pair.precision if pair.trainings else "float32",
        "pretrained": str(getattr(enhancer.config, "pretrained", "")).lower(),
        "task_pretrained": str(getattr(task.config, "pretrained", "")).lower(),
        "baseline": pair.baseline,
        "limit": pair.limit,
        "local": sorted({text for part in (enhancer, task, dataset) for text in _local(part)}),
        "truth": ", ".join(truth),
        "given": "; ".join(filter(None, [", ".join(spec.given), pair.told])),
        "cases_digest": "" if pair.reason else short(pair.cases_digest),
        "numerics": _numerics([enhancer, task, dataset]),
        "licence": dataset.spec.licence,
        "citation": dataset.spec.citation,
        "dataset_fingerprint": pair.fingerprint,
        "enhancer_digest": short(enhancer.identity),
        "task_digest": short(task.identity),
        "enhancer_plugin": f"{enhancer.plugin.distribution} {enhancer.plugin.version}".strip(),
        "task_plugin": f"{task.plugin.distribution} {task.plugin.version}".strip(),
        "radbench_version": radbench.__version__,
    }


def _local(part: Part) -> Iterator[str]:
    """Yield the paths of this machine that a part and the parts below it name, as typed and in full."""
    for path in local_paths(part.config):
        yield from (str(path), str(path.absolute()), str(path.resolve()))
    for _, one in part.named(sources=True):
        yield from _local(one)


def _numerics(parts: Iterable[Part]) -> str:
    """Return the libraries that the parts' code reaches, with their versions."""
    found: dict[str, str] = {}

    def add(part: Part) -> None:
        found.update(part.code.distributions)
        for _, one in part.named(sources=True):
            add(one)

    for part in parts:
        add(part)
    return ", ".join(f"{name} {version}" for name, version in sorted(found.items()))


def pair_results(folder: RunFolder, evidence: bool = True) -> list[PairResult]:
    """Read the pairs of a folder's latest run; one that has not ended yet is no part of them.

    Args:
        folder: of the run.
        evidence: whether what was observed is wanted, too; else there are only names.
    """
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
    results: list[PairResult] = []
    alike = _Alike()
    for name, facts in planned.items():
        if facts["reason"]:
            end: dict[str, Any] = {"status": str(Status.NOT_APPLICABLE), "error": facts["reason"], "expected_cases": 0}
        elif name in ended:
            end = ended[name]
        else:
            continue
        rows = () if facts["reason"] else folder.each_case(name)
        features = folder.read_features(name) if evidence and not facts["reason"] else {}
        results.append(_result(facts, end, rows, features, created, evidence, alike))
    return results


class _Alike:
    """What pairs of one run say alike is held once: texts, metrics, and whose and of which strata their cases are."""

    def __init__(self) -> None:
        self.known: dict[Any, Any] = {}
        self.cases: dict[str, Any] = {}
        self.evidence: Recorded | None = None

    def one(self, value: Any) -> Any:
        return self.known.setdefault(value, value) if isinstance(value, str | tuple) else value

    def by_case(self, what: str, found: dict[str, Any]) -> dict[str, Any]:
        if self.cases.get(what) != found:
            self.cases[what] = found
        same: dict[str, Any] = self.cases[what]
        return same


def _result(
    facts: Mapping[str, Any],
    end: Mapping[str, Any],
    rows: Iterable[Mapping[str, str]],
    features: Mapping[str, Mapping[str, Any]],
    created: str,
    evidence: bool,
    alike: _Alike,
) -> PairResult:
    metrics = alike.one(
        tuple(MetricSpec(**{**m, "parameters": tuple(map(tuple, m["parameters"]))}) for m in facts["metrics"])
    )
    observed = {m.observation for m in metrics}
    failures: dict[str, str] = {}
    patients: dict[str, str] = {}
    digests: dict[str, str] = {}
    groups: dict[str, Any] = {}
    strata: dict[tuple[tuple[str, str], ...], dict[str, str]] = {}
    measured: dict[str, list[float]] = {"enhance_ms": [], "peak_memory_mb": [], "parameters": []}
    devices: list[str] = []

    def good() -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield the evidence of each case that was scored, and take note of what is said of any."""
        for row in rows:
            case, own = row["case_id"], groups_of(row)
            patients[case], groups[case] = row["patient_id"], strata.setdefault(tuple(own.items()), own)
            if row.get("case_digest"):
                digests[case] = row["case_digest"]
            if row["status"] != "ok":
                failures[case] = row["message"]
            elif end["status"] == "ok":
                for name, numbers in measured.items():
                    if row.get(name):
                        numbers.append(float(row[name]))
                if row.get("device") and not devices:
                    devices.append(row["device"])
                yield case, evidence_of(row, observed, features.get(case, {})) if evidence else {}

    recorded = Recorded(good(), alike.evidence)
    alike.evidence = recorded
    times, peaks, parameters = measured.values()
    same: tuple[str, ...] = (
        "task",
        "dataset",
        "split",
        "enhancer",
        "profile",
        "seed",
        "baseline",
        "limit",
        "truth",
        "given",
    )
    same += ("cases_digest", "numerics", "licence", "citation", "precision", "dataset_fingerprint", "enhancer_digest")
    same += ("task_digest", "enhancer_plugin", "task_plugin", "radbench_version", "git_commit")
    return PairResult(
        **{name: alike.one(facts[name]) for name in same},
        status=end["status"],
        # What is said of single cases follows from their failures.
        error=end["error"] if end.get("broken", True) or not failures else "",
        metrics=metrics,
        failures=failures,
        evidence=recorded,
        patients=alike.by_case("patients", patients),
        private=(*facts.get("local", ()), *end.get("names", ())),
        groups=alike.by_case("groups", groups),
        digests=alike.by_case("digests", digests),
        expected_cases=end["expected_cases"],
        lacking=_lacking(end),
        fit_seconds=end.get("fit_seconds"),
        task_fit_seconds=end.get("task_fit_seconds"),
        # The median: the first case pays for imports and warming up.
        enhance_ms_per_case=median(times) if times else None,
        peak_memory_mb=max(peaks) if peaks else None,
        parameters=int(parameters[0]) if parameters else None,
        device=devices[0] if devices else "",
        # What was really used, where the learner tells; else what was asked for.
        pretrained=facts["pretrained"] if end.get("pretrained") is None else end["pretrained"],
        task_pretrained=facts["task_pretrained"] if end.get("task_pretrained") is None else end["task_pretrained"],
        created_utc=created,
    )


def _lacking(end: Mapping[str, Any]) -> str:
    """Return what weights had not learnt, in a sentence."""
    return str(end.get("lacking", ""))


def write_leaderboard(folder: RunFolder) -> pd.DataFrame:
    """Make ``leaderboard.csv`` of a run folder anew and return it; its messages are whole, and for its user alone.

    Raises:
        StoreError: it cannot be written; the file that was there stays.
    """
    frame = leaderboard_rows(pair_results(folder))
    try:
        with privately():
            write_csv(frame, folder.leaderboard)
    except UsageError as e:
        raise StoreError(str(e)) from e
    return frame


def write_what_there_is(folder: RunFolder) -> None:
    """Bring ``leaderboard.csv`` up to what a run that was stopped has done; whatever stopped it may prevent that."""
    with contextlib.suppress(RadbenchError, OSError):
        write_leaderboard(folder)
