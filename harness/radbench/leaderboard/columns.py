"""Columns of the leaderboard, schema version 2: what each holds, and which of them tell rows and tables apart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from radbench.contracts import Status

SCHEMA_VERSION = 2

READABLE = (1, 2)
"""Versions of rows that a valid frame may hold; those of version 1 are never ranked together with others."""

ALL = "all"
"""The group that every case is in."""

BASELINE = "original"
"""The identity enhancer, which differences are taken to where a task names no other."""

NULL = "null"
"""The enhancer whose rows are controls: what another one's tone alone would score."""

WILCOXON, BOOTSTRAP = "wilcoxon", "paired bootstrap"
"""Tests as ``p_test`` names them."""

OVER_FACETS = ", mean over facets"
"""What ``aggregation`` adds where the whole is the mean over the facets."""


@dataclass(frozen=True)
class Column:
    """One column.

    Attributes:
        name: as the header has it.
        kind: "text", "integer" or "number" (finite; a float64 in the frame).
        meaning: what it holds, with its unit.
        nullable: whether it may be empty: "" for text, NaN for a number, NA for an integer (an Int64 in the frame).
        low: the least value allowed.
        high: the greatest value allowed.
        values: the only texts allowed, where they are fixed.
        since: the schema version that it came with.
        infinite: whether a number may be infinite.
    """

    name: str
    kind: Literal["text", "integer", "number"]
    meaning: str
    nullable: bool = True
    low: float | None = None
    high: float | None = None
    values: tuple[str, ...] = ()
    since: int = 1
    infinite: bool = False


def _text(name: str, meaning: str, nullable: bool = True, values: tuple[str, ...] = (), since: int = 1) -> Column:
    return Column(name, "text", meaning, nullable, values=values, since=since)


def _integer(name: str, meaning: str, low: float | None = 0, nullable: bool = False, since: int = 1) -> Column:
    return Column(name, "integer", meaning, nullable, low=low, since=since)


def _number(name: str, meaning: str, low: float | None = None, high: float | None = None, since: int = 1) -> Column:
    return Column(name, "number", meaning, low=low, high=high, since=since)


_SCORED = (
    _integer("schema_version", "version of the layout that the row was made for", low=1),
    _text("task", "task label, with its variant: grabcut[input=stacked]", nullable=False),
    _text("dataset", "data-set label, with its variant", nullable=False),
    _text("split", "split that was scored", nullable=False),
    _text("enhancer", "enhancer label, with its variant; 'original' is the identity", nullable=False),
    _text("profile", "quick, paper, ...", nullable=False),
    _integer(
        "seed", "the seed; empty where nothing depends on it (n_seeds 0) or several are pooled", low=None, nullable=True
    ),
    _text("group", "'all', or one stratum of the cases as name=value (lesion-type=liver)", nullable=False),
    _text("metric", "metric as the task names it; empty only in a failed row whose metrics are unknown"),
    _text("direction", "which way is better; empty where metric is", values=("", "higher", "lower")),
    _text("facet", "what within the cases it speaks of: a finding, an angle, a layer; empty for the whole", since=2),
    _text(
        "aggregation", "how value comes from the cases: mean, ap, ...; empty in version 1, which did not say", since=2
    ),
    _text(
        "primary",
        "whether the metric is the one that decides; empty where metric is",
        since=2,
        values=("", "true", "false"),
    ),
    _text("observation", "what the task observed of the cases that value comes from", since=2),
)

_PARTS = (
    ("patients", "patients account for, of several seeds"),
    ("seeds", "seeds add to it"),
    ("interaction", "seeds that act differently on patients account for; it is contained in the patients' part"),
)

_SCORE = (
    Column(
        "value",
        "number",
        "mean over the cases with an answer, or the score of the whole set (AP, AUROC); of several seeds their mean",
        infinite=True,
    ),
    _number("std", "standard deviation over the cases (n-1), or over bootstrap replicates (AP, AUROC)", low=0),
    _number("ci_low", "lower end of the 95 % interval of value, with patients as clusters; empty below six patients"),
    _number("ci_high", "upper end of it"),
    _integer("n_cases", "cases behind value"),
    _integer("n_patients", "patients behind value"),
    _integer("n_positive", "of n_cases those with label 1, where predictions are aggregated", nullable=True, since=2),
    _integer("n_seeds", "seeds behind value: 0 where nothing depends on the seed, 1 for one", since=2),
    _text("seeds", "which they are, where they are several: 0-4", since=2),
    _integer("n_positive_patients", "patients of the cases in n_positive", nullable=True, since=2),
    _number("effective_patients", "patients with equally many cases that would carry as much", low=0, since=2),
    *(_number(f"variance_{what}", f"part of value's variance that {why}", low=0, since=2) for what, why in _PARTS),
)

_AGAINST = (
    _number("delta", "paired difference to reference on common cases; empty for the reference itself"),
    _number("delta_ci_low", "lower end of its 95 % interval, likewise"),
    _number("delta_ci_high", "upper end of it"),
    _number("p_value", "two-sided paired test of delta, by p_test", low=0, high=1),
    _number("p_adjusted", "p_value adjusted for family", low=0, high=1),
    _number("rank", "place among comparable complete rows, 1 is best, ties share it; empty: not ranked", low=1),
    _number("rank_low", "best place within the 95 % interval, which holds for all ranks together", low=1),
    _number("rank_high", "worst place within it", low=1),
    _text(
        "reference",
        "enhancer that delta is taken to: of the same seed, of none, or of its only one; empty where there is no delta",
        since=2,
    ),
    _number("effect_size", "delta in standard deviations of the cases' differences, of means", since=2),
    _number("p_wilcoxon", "of the Wilcoxon signed-rank test over patients, where scores are averaged", 0, 1, since=2),
    _text(
        "p_test",
        "test that p_value is of ('paired bootstrap', …); empty in version 1",
        since=2,
    ),
    _text("family", "what p_adjusted is over; empty where it is", since=2),
    _number(
        "detectable",
        "least delta that these data show with a probability of 80 %; empty where the metric cannot differ so much",
        low=0,
        since=2,
    ),
    _number("effect_size_ci_low", "lower end of effect_size's 95 % interval", since=2),
    _number("effect_size_ci_high", "upper end of it", since=2),
    _number("p_sign_flip", "of the sign-flip test over patients, where scores are averaged", 0, 1, since=2),
    *(
        _number(f"delta_variance_{what}", f"part of delta's variance that {why}", low=0, since=2)
        for what, why in _PARTS
    ),
    _number("margin", "how much worse than the reference was to be tolerated, where somebody asked", low=0, since=2),
    _number("p_margin", "one-sided, of being no more than margin worse than the reference", low=0, high=1, since=2),
)

_ENDED = (
    _text("status", "how the pair ended", nullable=False, values=tuple(Status)),
    _text(
        "error", "one sentence: why it failed, or how many cases are missing from value; it names no case, file or path"
    ),
)

_TOOK = (
    _number("fit_seconds", "time to train the enhancer, s", low=0),
    _number("enhance_ms_per_case", "median time to enhance one case, ms", low=0),
    _number("peak_memory_mb", "greatest memory of the worker, MiB", low=0),
    _number("parameters", "learnt parameters of the enhancer", low=0),
    _text("device", "where it ran"),
    _text("precision", "of what was learnt, by whatever the row stands on: float32, mixed"),
    _text(
        "pretrained",
        "pretrained weights the enhancer used: their name, 'false' for none, empty where there is no such choice",
    ),
    _number("task_fit_seconds", "time to train the task, s", low=0, since=2),
    _text("task_pretrained", "pretrained weights the task used, likewise", since=2),
)

_WAS = (
    _text("dataset_fingerprint", "SHA-256 over the data set's manifest and how its cases are loaded: code and parts"),
    _text("enhancer_digest", "identity of the enhancer: name, configuration, parts and code"),
    _text("task_digest", "identity of the task: name, configuration, parts and code"),
    _text("enhancer_plugin", "distribution and version that offered the enhancer"),
    _text("task_plugin", "distribution and version that offered the task"),
    _text("radbench_version", "version of the harness"),
    _text(
        "git_commit", "commit of the working trees that the code was run from (+: changed since), where there are any"
    ),
    _text("created_utc", "when the row was scored, ISO 8601, UTC"),
    _integer("limit", "at most so many cases were scored, 0 for all; empty in version 1", nullable=True, since=2),
    _text("truth", "what a score is compared with", since=2),
    _text("given", "truth that the method is given at test time", since=2),
    _text("cases_digest", "digest of the cases that were to be scored", since=2),
    _text("numerics", "libraries that the numbers depend on, with their versions", since=2),
    _text("licence", "of the data set", since=2),
    _text("citation", "of the data set", since=2),
    _text("scores_digest", "digest of the per-case scores behind the row, where they are published beside it", since=2),
)

COLUMNS: Mapping[str, Column] = {c.name: c for c in (*_SCORED, *_SCORE, *_AGAINST, *_ENDED, *_TOOK, *_WAS)}
"""The columns by name, in file order."""

STATISTICS = tuple(c.name for c in (*_SCORE, *_AGAINST) if c.kind == "number")
"""The numbers from ``value`` to ``detectable``, which a failed row leaves empty."""

ROW_KEY = ("task", "dataset", "split", "enhancer", "profile", "seed", "group", "facet", "metric")
"""What tells one row of a file from all others."""

TABLE_KEY = ("task", "dataset", "split", "profile")
"""What one printed table has in common."""

COMPARABLE_KEY = (
    *TABLE_KEY,
    "dataset_fingerprint",
    "task_digest",
    "given",
    "truth",
    "limit",
    "cases_digest",
    "schema_version",
)
"""Rows that share it were scored on the same cases by the same task; only such rows are compared and ranked together.
The seed is none of it: a table compares an enhancer with each of its seeds."""

IDENTIFYING = ("enhancer_digest", "precision")
"""What rows of one enhancer label in a table have in common: two identities, and two precisions, are never mixed."""


def seed_of(facts: Mapping[Any, Any]) -> int | None:
    """Return the seed of a row, validated or not, or of a pair's facts; None where there is none."""
    seed = facts["seed"]
    return None if str(seed) in ("None", "<NA>", "nan") else int(seed)
