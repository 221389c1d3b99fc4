"""Means and differences of per-case scores, 0/1 scores, and families of enhancers."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from calibrating.rows import Mode, Row, row
from radbench.stats import (
    Clusters,
    adjusted_p_values,
    clustered,
    clustered_means,
    proportion,
    sign_flip,
    simultaneous_ranks,
    wilcoxon,
)
from radbench.stats.both import judged, mean_rules

DRAWS = {
    "normal": lambda r, n: r.standard_normal(n),
    "t3": lambda r, n: r.standard_t(3, n),
    "uniform": lambda r, n: r.uniform(-1.0, 1.0, n),
    "-1,0,1": lambda r, n: r.choice([-1.0, 0.0, 0.0, 1.0], n),
    "exponential": lambda r, n: r.exponential(size=n) - 1.0,
    "lognormal": lambda r, n: r.lognormal(size=n) - math.exp(0.5),
}
"""Distributions of mean zero; a lognormal of sigma 1."""


def two_sided_bound(kind: str, m: int) -> float:
    if kind == "exponential":
        return 0.07
    if kind == "lognormal":
        return 0.12 if m < 12 else 0.09 if m < 24 else 0.08
    return 0.06


def one_sided_bound(kind: str, m: int) -> float | None:
    if kind in ("exponential", "lognormal"):
        return None if m < 12 else {"exponential": 0.06, "lognormal": 0.085}[kind]
    return 0.035


def simulated_clusters(random, kind: str, m: int, clusters: str) -> Clusters:
    """Draw patients' sums with case-weighted expectation zero."""
    draw = DRAWS[kind]
    if clusters == "equal":
        return Clusters(draw(random, m), np.ones(m))
    sizes = random.integers(1, 9, m)
    own = draw(random, m)
    owners = np.repeat(np.arange(m), sizes)
    if kind == "-1,0,1":
        case = np.where(random.random(len(owners)) < 0.5, own[owners], draw(random, len(owners)))
    else:
        case = own[owners] + 0.5 * draw(random, len(owners))
    if clusters == "informative":  # sizes are uniform on 1 to 8: E n^2 / E n = 17/3
        case = case + 0.2 * (sizes - 17.0 / 3.0)[owners]
    if clusters == "missing":
        kept = random.random(len(owners)) < 0.7
        owners, case = owners[kept], case[kept]
    sums, counts = np.bincount(owners, weights=case, minlength=m), np.bincount(owners, minlength=m).astype(float)
    return Clusters(sums[counts > 0], counts[counts > 0])


def means(kind: str, m: int, clusters: str, mode: Mode, random) -> Iterator[Row]:
    """Single differences: two-sided and one-sided false positives (coverage is one less the two-sided)."""
    rows = [simulated_clusters(random, kind, m, clusters) for _ in range(mode.simulations)]
    two, above, below, withheld = [], [], [], []
    for start in range(0, len(rows), 500):  # a rule holds its draws
        part = rows[start : start + 500]
        for one, (rule, reason) in zip(part, mean_rules(part, mode.replicates), strict=True):
            estimate = judged(one, rule, reason, 0.95)
            given = not estimate.no_interval
            withheld.append(not given)
            if given:
                two.append(not estimate.low <= 0.0 <= estimate.high)
                above.append(rule.p_above() <= 0.025)
                below.append(rule.p_below() <= 0.025)
    name = f"{kind}, {m} patients, {clusters}"
    yield row("means", "both", name, two, two_sided_bound(kind, m), mode, withheld=withheld)
    worst = above if sum(above) > sum(below) else below
    yield row("means", "both, one-sided", name, worst, one_sided_bound(kind, m), mode, withheld=withheld)
    if clusters == "equal" and m <= 24:
        n = min(400, mode.simulations)
        for method, test in (("sign-flip", sign_flip), ("wilcoxon", wilcoxon)):
            yield row("means", method, name, [test(one.sums) <= 0.05 for one in rows[:n]], None, mode)


def power(kind: str, m: int, mode: Mode, random) -> Iterator[Row]:
    """Power against the CR2 t's where that is about .8."""
    spread = {"normal": 1.0, "uniform": math.sqrt(1 / 3)}[kind]
    shift = spread / math.sqrt(m) * (2.8 if m > 12 else 3.1 if m > 6 else 3.8)
    x = DRAWS[kind](random, (mode.simulations, m)) + shift
    estimates = clustered_means(x, replicates=mode.replicates)
    both = np.array([one.p_value <= 0.05 for one in estimates])
    t = np.array(
        [
            one.rule is not None
            and min(np.abs(one.rule.t_interval())) > 0
            and not one.rule.t_interval()[0] <= 0 <= one.rule.t_interval()[1]
            for one in estimates
        ]
    )
    ratio, least = both.sum() / t.sum(), 0.7 if m < 12 else 0.8 if m < 24 else 0.9
    error = math.sqrt(ratio * (1 - min(ratio, 1.0)) / t.sum())
    holds = ratio >= least - mode.errors * error
    name = f"{kind}, {m} patients, t {t.mean():.2f}"
    yield Row("power", "both over t", name, ratio, error, len(x), least, True, bool(holds), 0.0)
    yield row("power", "wilcoxon", name, [wilcoxon(one) <= 0.05 for one in x[: min(400, len(x))]], None, mode)


def proportions(share: float, m: int, clusters: str, mode: Mode, random) -> Iterator[Row]:
    covered = []
    for _ in range(mode.simulations):
        sizes = np.ones(m, dtype=int) if clusters == "equal" else random.integers(1, 9, m)
        own = random.beta(2 * share, 2 * (1 - share), m) if clusters != "equal" else np.full(m, share)
        owners = np.repeat(np.arange(m), sizes)
        one = proportion((random.random(len(owners)) < own[owners]).astype(float), owners.tolist())
        covered.append(one.low <= share <= one.high)
    name = f"share {share}, {m} patients, {clusters}"
    yield row("0/1 scores", "Korn-Graubard", name, covered, 0.92, mode, at_least=True)


def families(size: int, m: int, what: str, mode: Mode, random) -> Iterator[Row]:
    """Enhancers of unequal noise and skew, none of them different: any that is told apart is an error."""
    wrong = []
    loud = np.where(np.arange(size) % 2, 10.0, 1.0)[:, None]
    for _ in range(mode.family_simulations):
        x = np.where(
            np.arange(size)[:, None] % 4 < 2,
            random.standard_normal((size, m)),
            random.exponential(size=(size, m)) - 1.0,
        )
        x = loud * x + random.standard_normal(m)
        if what == "adjusted p":
            wrong.append(bool((adjusted_p_values(x, replicates=mode.family_replicates).adjusted <= 0.05).any()))
            continue
        far = np.where(np.arange(size) < size // 2, 1000.0, 0.0)[:, None] if what == "ranks, half apart" else 0.0
        ranks = simultaneous_ranks(x + far, replicates=mode.family_replicates)
        best = 1.0 if what != "ranks, half apart" else np.where(np.arange(size) < size // 2, 1, size // 2 + 1)
        worst = size if what != "ranks, half apart" else np.where(np.arange(size) < size // 2, size // 2, size)
        # Tied truths may take any of their places.
        wrong.append(bool(((ranks.low > best) | (ranks.high < worst)).any()))
    yield row("families", what, f"{size} enhancers, {m} patients", wrong, 0.08, mode)


def missing(m: int, why: str, mode: Mode, random) -> Iterator[Row]:
    """Two enhancers alike, one of which has no answer for a quarter of the cases; compared on the cases in common.

    Where what fails is related to the scores, the comparison on the rest is biased, and no test of it helps: tables
    withhold the p-value of every row in which cases are missing. Its rate is printed without a bound.
    """
    rows, n_cases = [], 4 * m
    owners = np.repeat(np.arange(m), 4)
    for _ in range(mode.simulations):
        patient = random.standard_normal(m)[owners]
        ours, theirs = patient + random.standard_normal((2, n_cases))
        if why == "at random":
            fails = random.random(n_cases) < 0.25
        elif why == "where the score is bad":
            fails = ours < np.quantile(ours, 0.25)
        else:  # what fails is in hard patients, whose score says nothing of the difference
            fails = patient + 0.5 * random.standard_normal(n_cases) < -0.75
        delta = np.where(fails, np.nan, ours - theirs)
        rows.append(clustered(delta, owners.tolist()))
    wrong = []
    for start in range(0, len(rows), 500):
        part = rows[start : start + 500]
        estimates = [
            judged(one, *rule, 0.95) for one, rule in zip(part, mean_rules(part, mode.replicates), strict=True)
        ]
        wrong += [one.p_value <= 0.05 for one in estimates]
    biased = why == "where the score is bad"
    method = "both, were it not withheld" if biased else "both, cases in common"
    bound, withheld = None if biased else 0.06, [one.missing > 0 for one in rows]
    yield row("missing", method, f"{m} patients, {why}", wrong, bound, mode, withheld=withheld)
