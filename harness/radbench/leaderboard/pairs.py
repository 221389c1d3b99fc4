"""PairResult: one enhancer under one task, as the engine leaves it, before any statistics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from radbench.contracts import MetricSpec, Status
from radbench.contracts.evidence import Evidence
from radbench.leaderboard.columns import BASELINE


@dataclass(frozen=True)
class PairResult:
    """One enhancer under one task on one data set with one seed.

    Attributes:
        task, dataset, split, enhancer, profile: what the pair is; labels with their variants.
        seed: None where nothing depends on it.
        metrics: in the order in which tables print them.
        status: how it ended; anything but ``ok`` makes failed rows.
        error: one sentence on a failure; of a pair that is ok, what went wrong with single cases.
        evidence: per case id, what the task observed.
        failures: per case id that failed, the sentence why.
        patients: patient id per case id; a case that is not listed is its own patient.
        private: what no row may name beside these cases and patients: paths, what was learnt from.
        groups: strata per case id, by name; "" is in none.
        digests: per case id, what stands for it where it is not named.
        expected_cases: cases that the pair should have scored.
        lacking: what weights that it stands on had not learnt, in a sentence; then there is no test and no rank.
        baseline: label of the enhancer that differences are taken to.
        fit_seconds, task_fit_seconds, enhance_ms_per_case, peak_memory_mb, parameters: measured; None where it was not.
        limit, truth, given, cases_digest, numerics, licence, citation, device, precision, pretrained, task_pretrained,
            dataset_fingerprint, enhancer_digest, task_digest, enhancer_plugin, task_plugin, radbench_version,
            git_commit, created_utc, scores_digest: the schema's columns of these names.
    """

    task: str
    dataset: str
    split: str
    enhancer: str
    profile: str
    seed: int | None
    metrics: tuple[MetricSpec, ...] = ()
    status: Status = Status.OK
    error: str = ""
    evidence: Mapping[str, Evidence] = field(default_factory=dict)
    failures: Mapping[str, str] = field(default_factory=dict)
    patients: Mapping[str, str] = field(default_factory=dict)
    private: tuple[str, ...] = ()
    groups: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    digests: Mapping[str, str] = field(default_factory=dict)
    expected_cases: int = 0
    lacking: str = ""
    baseline: str = BASELINE
    limit: int = 0
    truth: str = ""
    given: str = ""
    cases_digest: str = ""
    numerics: str = ""
    licence: str = ""
    citation: str = ""
    fit_seconds: float | None = None
    enhance_ms_per_case: float | None = None
    peak_memory_mb: float | None = None
    parameters: int | None = None
    task_fit_seconds: float | None = None
    task_pretrained: str = ""
    device: str = ""
    precision: str = ""
    pretrained: str = ""
    dataset_fingerprint: str = ""
    enhancer_digest: str = ""
    task_digest: str = ""
    enhancer_plugin: str = ""
    task_plugin: str = ""
    radbench_version: str = ""
    git_commit: str = ""
    created_utc: str = ""
    scores_digest: str = ""

    @property
    def scored(self) -> bool:
        """Whether any case was scored."""
        return self.status == Status.OK and bool(self.evidence)


def in_order(pairs: Sequence[PairResult]) -> list[str]:
    """Return the cases that any pair has evidence of, by what stands for them where they are not named, then by name.

    What is published names them by their digests alone; in this order it gives the same bits.
    """
    digests = {case: digest for pair in pairs for case, digest in pair.digests.items()}
    return sorted({case for pair in pairs for case in pair.evidence}, key=lambda case: (digests.get(case, case), case))


def common_patients(pairs: Sequence[PairResult], cases: Sequence[str]) -> list[str]:
    """Return the patient of each case, by number in the order of the cases.

    Pairs may name a patient otherwise (published ones are numbered anew in each file), but agree on which cases belong
    together: cases are of one patient where any pair says so.

    Args:
        pairs: that say which patient a case is of; a case that none lists is its own patient.
        cases: in their order.
    """
    parent: dict[str, str] = {}

    def root(case: str) -> str:
        while parent.setdefault(case, case) != case:
            parent[case] = case = parent[parent[case]]
        return case

    for pair in pairs:
        first: dict[str, str] = {}
        for case, patient in pair.patients.items():
            parent[root(case)] = root(first.setdefault(patient, case))
    numbers: dict[str, int] = {}
    width = len(str(len(cases)))
    return [f"{numbers.setdefault(root(case), len(numbers)):0{width}d}" for case in cases]


def numbered(pair: PairResult) -> dict[str, str]:
    """Return a running number for each patient of a pair, in the order of the digests of their cases."""
    ordered = in_order([replace(pair, evidence={case: {} for case in {*pair.patients, *pair.evidence}})])
    numbers: dict[str, str] = {}
    for case in ordered:
        patient = pair.patients.get(case, case)
        numbers.setdefault(patient, str(len(numbers) + 1))
    return {case: numbers[pair.patients.get(case, case)] for case in ordered}
