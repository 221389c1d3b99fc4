"""Coverage and false positives of every statistical method, by simulation, with their Monte Carlo error.

Run ``python benchmarks/calibration.py [--mode quick|middle|long] [--only GROUP ...] [--processes N] [--out FILE]``. The
quick mode (seconds) runs some cells of every group with few simulations; ``middle`` (a quarter of an hour) and ``long``
(hours) run all of them. Each row is one cell: what was simulated, the rate found, its Monte Carlo error, and the bound
that it must keep. A cell is marked OUT where the rate lies beyond the bound by more than two Monte Carlo errors (quick:
three). Rates of means are over the simulations in which an interval was given, and the share withheld is printed
beside them; a p-value that is withheld for want of positives is no false positive.

Resamples depend on the seed and the number of patients alone, so that all simulations of a cell share them, as all rows
of a leaderboard do. With fewer resamples than the 4,999 that tables use (middle: 1,999, families 999; quick: 399) the
ends of a bootstrap-t are less steady, which shifts a rate by less than the Monte Carlo error of its cell.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path

import numpy as np
from scipy.special import ndtr, ndtri

from radbench.stats import (
    Clusters,
    adjusted_p_values,
    auroc,
    auroc_difference,
    average_precision,
    average_precision_difference,
    clustered_means,
    pooled_mean,
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

PATIENTS = (6, 12, 24, 100)

GROUPS = ("means", "power", "0/1 scores", "families", "curves", "seeds")


@dataclass(frozen=True)
class Mode:
    simulations: int
    family_simulations: int
    curve_simulations: int
    replicates: int
    family_replicates: int
    curve_replicates: int
    errors: float


MODES = {
    "quick": Mode(150, 60, 60, 399, 399, 200, 3.0),
    "middle": Mode(2000, 1000, 1000, 1999, 999, 400, 2.0),
    "long": Mode(5000, 5000, 5000, 4999, 4999, 2000, 2.0),
}


@dataclass(frozen=True)
class Row:
    group: str
    method: str
    cell: str
    rate: float
    error: float
    simulations: int
    bound: float | None
    at_least: bool
    holds: bool | None
    withheld: float


def row(group, method, cell, happened, bound, mode, *, at_least=False, withheld=None) -> Row:
    """Judge a rate: ``happened`` is bool [simulations]; the bound is the most, or the least, that it may be."""
    n, rate = len(happened), float(np.mean(happened))
    holds = None
    if bound is not None:
        slack = mode.errors * math.sqrt(bound * (1.0 - bound) / n)
        holds = rate >= bound - slack if at_least else rate <= bound + slack
    share = 0.0 if withheld is None else float(np.mean(withheld))
    return Row(group, method, cell, rate, math.sqrt(rate * (1 - rate) / n), n, bound, at_least, holds, share)


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


@dataclass(frozen=True)
class Reading:
    """Scores of positives and negatives of unit variance: where they lie, and how cases share a patient."""

    positives: int
    negatives: int
    area: float
    kind: str
    clusters: str

    @property
    def hard(self) -> float:
        """The share of positive patients that are hard."""
        return {"alike": 0.0, "heterogeneous": 0.5, "hidden": 1.0 - self.area}[self.kind]

    @property
    def shifts(self) -> tuple[float, float]:
        """The means of easy and hard positives, so that the area between patients is as stated.

        Hard ones of heterogeneous positives are guessed, or nearly; hidden ones look more negative than the negatives.
        """
        below = -2.0 if self.kind == "hidden" else math.sqrt(2) * float(ndtri(max(0.5, 2 * self.area - 0.995)))
        easy = (self.area - self.hard * float(ndtr(below / math.sqrt(2)))) / (1.0 - self.hard)
        return math.sqrt(2) * float(ndtri(easy)), below

    def layout(self):
        """Patient and label of each case."""
        each = (lambda n: np.ones(n, dtype=int)) if self.clusters == "single" else (lambda n: 1 + np.arange(n) % 4)
        p, n = each(self.positives), each(self.negatives)
        who = [np.repeat(np.arange(self.positives), p), np.repeat(self.positives + np.arange(self.negatives), n)]
        labels = [np.ones(p.sum(), dtype=int), np.zeros(n.sum(), dtype=int)]
        if self.clusters == "both classes":
            who.append(np.repeat(np.arange(self.positives), 2))
            labels.append(np.zeros(2 * self.positives, dtype=int))
        return np.concatenate(who), np.concatenate(labels)

    def scores(self, random, who, labels, hard):
        """One reading: half of the variance is the patient's where patients have several cases."""
        common = 0.0 if self.clusters == "single" else 0.5
        patient = random.standard_normal(who.max() + 1)[who]
        noise = random.standard_normal(len(who))
        shift = np.where(hard[who % len(hard)], self.shifts[1], self.shifts[0])
        return labels * shift + math.sqrt(common) * patient + math.sqrt(1 - common) * noise

    def over_positives(self, easy, hard):
        """The mean over positives of what easy and hard ones have."""
        return (1.0 - self.hard) * easy + self.hard * hard

    def true_area(self, who, labels) -> float:
        """The expected area over all pairs, those within a patient among them."""
        p = np.bincount(who[labels == 1], minlength=who.max() + 1)
        n = np.bincount(who[labels == 0], minlength=who.max() + 1)
        within = float((p * n).sum()) / (p.sum() * n.sum())
        inside = float(self.over_positives(*ndtr(self.shifts)))  # half the variance is shared: 2 (1 - 1/2) = 1
        return (1 - within) * self.area + within * inside

    def true_precision(self, labels) -> float:
        """Average precision of infinitely many cases of this prevalence."""
        t = np.linspace(12.0, -12.0, 20_001)
        true = self.over_positives(*(ndtr(s - t) for s in self.shifts))
        hits = labels.mean() * true
        precision = hits / (hits + (1 - labels.mean()) * ndtr(-t))
        return float(np.sum((precision[1:] + precision[:-1]) / 2 * np.diff(true)))

    @property
    def name(self) -> str:
        return f"{self.positives} + {self.negatives} patients, area {self.area}, {self.kind}, {self.clusters}"


def curves(reading: Reading, what: str, mode: Mode, random) -> Iterator[Row]:
    """Coverage of AUROC or AP, or false positives of their paired differences."""
    who, labels = reading.layout()
    names = who.tolist()
    precise, paired = what.startswith("AP"), what.endswith("difference")
    n = mode.curve_simulations if precise else mode.simulations
    truth = reading.true_precision(labels) if precise else reading.true_area(who, labels)
    happened, withheld = [], []
    for _ in range(n):
        s = reading.scores(random, who, labels, random.random(reading.positives) < reading.hard)
        more = {"replicates": mode.curve_replicates} if precise else {}
        if paired:
            a, b = s + 0.7 * random.standard_normal((2, len(s)))
            one = (average_precision_difference if precise else auroc_difference)(labels, a, b, names, **more)
            happened.append(one.p_value <= 0.05)
            withheld.append(math.isnan(one.p_value))
        else:
            one = (average_precision if precise else auroc)(labels, s, names, **more)
            happened.append(one.low <= truth <= one.high)
    bound = 0.08 if paired else 0.93
    yield row("curves", what, reading.name, happened, bound, mode, at_least=not paired, withheld=withheld or None)


def seeds(n_seeds: int, m: int, strength: str, mode: Mode, random) -> Iterator[Row]:
    """Crossed seeds and patients; one seed alone is printed to show what it cannot say, and has no bound."""
    by_seed = {"none": 0.0, "equal": 1.0, "dominating": 5.0}[strength] / math.sqrt(m)
    covered = []
    for _ in range(mode.simulations):
        x = by_seed * math.sqrt(n_seeds) * random.standard_normal((n_seeds, 1))
        x = x + random.standard_normal(m) + 0.5 * random.standard_normal((n_seeds, m))
        one = (
            pooled_mean(x, replicates=mode.replicates).estimate
            if n_seeds > 1
            else clustered_means(x, replicates=mode.replicates)[0]
        )
        covered.append(one.low <= 0.0 <= one.high)
    bound = None if n_seeds == 1 else 0.92 if m < 12 else 0.93
    name = f"{n_seeds} seeds, {m} patients, seeds {strength}"
    yield row("seeds", "pooled" if n_seeds > 1 else "one seed", name, covered, bound, mode, at_least=True)


def cells(mode: str) -> list[Callable[..., Iterator[Row]]]:
    """All cells of a mode."""
    quick = mode == "quick"
    kinds = ("normal", "-1,0,1", "lognormal") if quick else tuple(DRAWS)
    patients = (6, 24) if quick else PATIENTS
    layouts = ("equal", "informative") if quick else ("equal", "uneven", "informative", "missing")
    made = [partial(means, k, m, c) for k in kinds for m in patients for c in layouts]
    made += [partial(power, k, m) for k in ("normal", "uniform") for m in patients]
    shares = (0.5, 0.95) if quick else (0.02, 0.1, 0.5, 0.9, 0.98)
    made += [partial(proportions, p, m, c) for p in shares for m in patients for c in ("equal", "uneven")]
    whats = ("adjusted p", "ranks", "ranks, half apart")
    made += [partial(families, e, m, w) for e in (2, 20) for m in ((12,) if quick else (6, 12, 24)) for w in whats]
    kinds_of = ("alike", "heterogeneous") if quick else ("alike", "heterogeneous", "hidden")
    ways = [(k, c) for k in kinds_of for c in ("single", "one class", "both classes")]
    counts, areas = ((3, 20), (0.8,)) if quick else ((3, 6, 10, 20, 60), (0.7, 0.9))
    readings = [Reading(p, 60, a, k, c) for p in counts for a in areas for k, c in ways]
    made += [partial(curves, one, "AUROC") for one in readings]
    made += [partial(curves, one, "AUROC difference") for one in readings if one.positives >= 10]
    few = [one for one in readings if one.clusters != "both classes" and (quick or one.area == 0.7)]
    made += [partial(curves, one, "AP") for one in few]
    made += [partial(curves, one, "AP difference") for one in few if one.positives >= 10]
    strengths = ("none", "equal", "dominating")
    made += [partial(seeds, s, m, k) for s in (1, 3, 5) for m in patients if m < 100 for k in strengths]
    return made


def group_of(cell) -> str:
    return {"proportions": "0/1 scores"}.get(cell.func.__name__, cell.func.__name__)


def run(cell, mode: str) -> list[Row]:
    """Simulate one cell; its random numbers depend on the cell alone."""
    name = f"{cell.func.__name__} {cell.args}"
    return list(cell(MODES[mode], np.random.default_rng(zlib.crc32(name.encode()))))


def table(mode: str, only: tuple[str, ...] = (), processes: int = 1, report=None) -> list[Row]:
    """Run the cells of a mode."""
    chosen = [cell for cell in cells(mode) if not only or group_of(cell) in only]
    rows: list[Row] = []
    with ProcessPoolExecutor(processes) if processes > 1 else nullcontext() as pool:
        for found in (pool.map if pool else map)(partial(run, mode=mode), chosen):
            rows += found
            for one in found if report else ():
                report(one)
    return rows


def print_row(one: Row) -> None:
    sign = ">=" if one.at_least else "<="
    bound = "" if one.bound is None else f"{sign} {one.bound:.3f}"
    mark = "" if one.holds is not False else "OUT"
    print(
        f"| {one.group} | {one.method} | {one.cell} | {one.rate:.3f} | {one.error:.3f} | {bound} "
        f"| {one.withheld:.2f} | {mark} |"
    )
    sys.stdout.flush()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mode", choices=list(MODES), default="quick")
    parser.add_argument(
        "--only", nargs="*", default=[], help="groups: means, power, 0/1 scores, families, curves, seeds"
    )
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--out", type=Path, help="write the table here as JSON")
    options = parser.parse_args()
    started, used = time.perf_counter(), time.process_time()
    print("| group | method | cell | rate | error | bound | withheld | |\n|---|---|---|---|---|---|---|---|")
    rows = table(options.mode, tuple(options.only), options.processes, print_row)
    children = os.times()
    seconds = time.process_time() - used + children.children_user + children.children_system
    judged_rows = [one for one in rows if one.holds is not None]
    out = [one for one in judged_rows if not one.holds]
    print(
        f"{len(out)} of {len(judged_rows)} judged cells are out of bounds; {seconds:.0f} s of processor time, "
        f"{time.perf_counter() - started:.0f} s"
    )
    if options.out:
        store(options.out, options.mode, rows, seconds)


def store(file: Path, mode: str, rows: list[Row], seconds: float) -> None:
    """Write the table; groups that were not run stay as they are there, if they are of the same mode."""
    from machine import cpu_model

    old = json.loads(file.read_text()) if file.is_file() else {}
    kept = old if old.get("mode") == mode and old.get("settings") == asdict(MODES[mode]) else {}
    groups = {one.group for one in rows}
    written = [one for one in kept.get("rows", []) if one["group"] not in groups]
    written += [asdict(one) | {"rate": round(one.rate, 4), "error": round(one.error, 4)} for one in rows]
    written.sort(key=lambda one: GROUPS.index(one["group"]))
    spent = {
        group: seconds_of for group, seconds_of in kept.get("processor_seconds", {}).items() if group not in groups
    }
    made = {
        "machine": {"cpu": cpu_model(), "python": platform.python_version(), "numpy": version("numpy")},
        "mode": mode,
        "settings": asdict(MODES[mode]),
        "processor_seconds": spent | {" + ".join(sorted(groups, key=GROUPS.index)): round(seconds)},
        "judged": sum(one["holds"] is not None for one in written),
        "out_of_bounds": [f"{one['method']}: {one['cell']}" for one in written if one["holds"] is False],
        "rows": written,
    }
    file.write_text(json.dumps(made, indent=1) + "\n")


if __name__ == "__main__":
    main()
