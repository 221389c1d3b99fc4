"""Coverage and false positives of every statistical method, by simulation, with their Monte Carlo error.

Run ``python benchmarks/calibration.py [--mode quick|middle|long] [--only GROUP ...] [--processes N] [--out FILE]``. The
quick mode (seconds) runs some cells of every group with few simulations; ``middle`` (a quarter of an hour) and ``long``
(hours) run all of them. Each row is one cell: what was simulated, the rate found, its Monte Carlo error, and the bound
that it must keep. A cell is marked OUT where the rate lies beyond the bound by more than two Monte Carlo errors (quick:
three). Rates of means are over the simulations in which an interval was given, and the share withheld is printed
beside them; a p-value that is withheld for want of positives is no false positive. Where cases are missing the rate is
that of a test which tables withhold.

Resamples depend on the seed and the number of patients alone, so that all simulations of a cell share them, as all rows
of a leaderboard do. With fewer resamples than the 4,999 that tables use (middle: 1,999, families 999; quick: 399) the
ends of a bootstrap-t are less steady, which shifts a rate by less than the Monte Carlo error of its cell.
"""

from __future__ import annotations

import argparse
import os
import time
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import nullcontext
from functools import partial
from pathlib import Path

import numpy as np
from calibrating.curves import Reading, cluster_sizes, curves
from calibrating.facets import Findings, facets
from calibrating.means import DRAWS, families, means, missing, power, proportions, simulated_clusters
from calibrating.readers import readers
from calibrating.rows import MODES, Mode, Row, check, print_row, row, store
from calibrating.scores import score_cells
from calibrating.seeds import Trainings, pooled_curves, seeds

__all__ = ["DRAWS", "GROUPS", "MODES", "Findings", "Mode", "Reading", "Row", "Trainings", "cells", "row", "table"]
__all__ += ["simulated_clusters", "store"]

PATIENTS = (6, 12, 24, 100)

GROUPS = (
    "means",
    "missing",
    "power",
    "0/1 scores",
    "families",
    "curves",
    "cluster sizes",
    "facets",
    "seeds",
    "pooled curves",
    "readers",
    "rates",
    "brier",
    "ece",
    "sensitivity",
    "frechet",
)


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
    return made + more_cells(quick) + score_cells(quick)


def more_cells(quick: bool) -> list[Callable[..., Iterator[Row]]]:
    """The cells of cases that are missing, cluster sizes, facets, several seeds of curves, and readers."""
    whys = ("at random", "where the score is bad", "in hard patients")
    made = [partial(missing, m, why) for m in ((24,) if quick else (12, 24, 100)) for why in whys]
    sizes = (12,) if quick else (6, 12, 30)
    made += [partial(cluster_sizes, p, k) for p in sizes for k in ("uneven", "informative")]
    some = ((6,) * 3,) if quick else ((3,) * 3, (6,) * 3, (12,) * 3, (30,) * 3, (12,) * 6, (3, 30, 30))
    areas, ways = ((0.8,), ("disjoint",)) if quick else ((0.7, 0.9), ("disjoint", "same"))
    found = [Findings(p, 60, a, w) for p in some for a in areas for w in ways]
    found += [Findings((12,) * 3, 60, 0.8, "same", 0.8)]
    made += [partial(facets, one, "value") for one in found]
    tested = [one for one in found if one.area != 0.9 and one.with_any >= 10]
    made += [partial(facets, one, "difference") for one in tested]
    made += [partial(facets, one, "three seeds") for one in tested[:: 1 if quick else 3]]
    strengths, areas, counts = ("none", "equal", "dominating"), (0.8,) if quick else (0.7, 0.9), (12, 30)
    several = [Trainings(s, p, 60, a, k, "single") for s in (1, 3, 5) for p in counts for a in areas for k in strengths]
    several = [one for one in several if not quick or (one.positives == 12 and one.n_seeds != 5)]
    several += [Trainings(3, 12, 60, 0.8, k, "clustered") for k in (() if quick else strengths)]
    made += [partial(pooled_curves, one, "AUROC") for one in several]
    made += [partial(pooled_curves, one, "AUROC difference") for one in several if one.n_seeds > 1]
    few = [one for one in several if one.area in (0.7, 0.8) and one.clusters == "single"]
    made += [partial(pooled_curves, one, "AP") for one in few if not quick or one.n_seeds > 1]
    made += [partial(pooled_curves, one, "AP difference") for one in few if one.n_seeds == 3 and one.positives == 12]
    studies = [(r, n, k) for r in (3, 5, 8) for n in (50, 100, 150) for k in ("like readers", "unlike readers")]
    made += [partial(readers, *one) for one in (studies[1:2] if quick else studies)]
    return made


def group_of(cell) -> str:
    groups = {"proportions": "0/1 scores", "cluster_sizes": "cluster sizes", "pooled_curves": "pooled curves"}
    groups |= {"ece_difference": "ece", "sensitivities": "sensitivity"}
    return groups.get(cell.func.__name__, cell.func.__name__)


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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mode", choices=list(MODES), default="quick")
    parser.add_argument(
        "--only", nargs="*", default=[], choices=GROUPS, metavar="GROUP", help="groups: " + ", ".join(GROUPS)
    )
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--out", type=Path, help="write the table here as JSON; other groups stay")
    options = parser.parse_args()
    if options.out:
        check(options.out, options.mode)
    started = time.perf_counter()
    print("| group | method | cell | rate | error | bound | withheld | |\n|---|---|---|---|---|---|---|---|")
    rows: list[Row] = []
    for group in [group for group in GROUPS if not options.only or group in options.only]:
        used = processor_seconds()
        found = table(options.mode, (group,), options.processes, print_row)
        rows += found
        if options.out:
            store(options.out, options.mode, found, processor_seconds() - used, GROUPS)
    judged_rows = [one for one in rows if one.holds is not None]
    out = [one for one in judged_rows if not one.holds]
    print(
        f"{len(out)} of {len(judged_rows)} judged cells are out of bounds; {processor_seconds():.0f} s of processor "
        f"time, {time.perf_counter() - started:.0f} s"
    )


def processor_seconds() -> float:
    """Return what this process and its children have used."""
    return sum(os.times()[:4])


if __name__ == "__main__":
    main()
