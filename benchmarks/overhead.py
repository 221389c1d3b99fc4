"""What the harness costs: `bench run` beside the same work in a plain loop, both single-threaded, in turn.

    python benchmarks/overhead.py [--cases 200] [--repeats 1]

The loop makes each case once, applies every enhancer and scores every task, and keeps nothing. `bench run` works in
one process (`--jobs 1`) with an empty cache, and besides journals, stores and resumes, and computes the statistics.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from machine import describe_machine

ENHANCERS = ("original", "clahe", "wls", "unsharp")
TASKS = ("grabcut", "image-quality")
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")


def plain_loop(cases: int) -> None:
    """The same work as the harness does, written as a loop."""
    import cv2
    import torch

    from radbench.contracts import Sample, TaskContext
    from radbench.engine.keep.store import Store
    from radbench.engine.plan.resolver import Resolver
    from radbench.engine.plan.steps import Live
    from radbench.engine.work.living import Living
    from radbench.registry.registry import load_registry

    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    registry = load_registry()
    resolver, living = Resolver(registry, "quick"), Living(registry, Store(Path("unused")), "cpu")
    dataset = resolver.part("dataset", "phantom-lesions[patients=400]").opened.dataset
    enhancers = [living.enhancer(Live(resolver.part("enhancer", name).asked, {}, 0)) for name in ENHANCERS]
    tasks = [resolver.part("task", name).built for name in TASKS]
    context = TaskContext("cpu", 0)
    entries = [e for e in dataset.manifest() if e.split == "test"][:cases]
    scores = []
    for entry in entries:
        case = dataset.load(entry.case_id)
        for enhancer in enhancers:
            image = enhancer(case.image[None], [case.info]).image[0]
            scores += [task.score(Sample(case, image), context) for task in tasks]
    print(f"{len(entries)} cases, {len(scores)} scores")


def harness(cases: int, folder: str) -> list[str]:
    """Return the command that does it with the harness."""
    words = [sys.executable, "-c", "from radbench.cli import main; main()", "run", "--jobs", "1", "--device", "cpu"]
    words += ["--enhancer", ",".join(ENHANCERS), "--task", ",".join(TASKS), "--limit", str(cases)]
    return [*words, "--dataset", "phantom-lesions[patients=400]", "--out", str(Path(folder) / "run")]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=200)
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--loop", action="store_true", help="run the plain loop and nothing else")
    given = parser.parse_args()
    if given.loop:
        plain_loop(given.cases)
        return
    measured: dict[str, list[tuple[float, float]]] = {"plain loop": [], "bench run": []}
    for _ in range(given.repeats):
        with tempfile.TemporaryDirectory() as folder:
            environment = {**os.environ, **ONE_THREAD, "RADBENCH_CACHE": folder}
            for name, command in (
                ("plain loop", [sys.executable, __file__, "--loop", "--cases", str(given.cases)]),
                ("bench run", harness(given.cases, folder)),
            ):
                measured[name].append(seconds_of(command, environment))
    print(describe_machine())
    print(f"{given.cases} cases x {len(ENHANCERS)} enhancers x {len(TASKS)} tasks, {given.repeats} times in turn")
    record: dict[str, object] = {"machine": describe_machine(), "cases": given.cases, "repeats": given.repeats}
    for i, what in enumerate(("wall", "processor")):
        loop, ours = (statistics.median(m[i] for m in measured[name]) for name in measured)
        print(f"{what} time: plain loop {loop:.1f} s, bench run {ours:.1f} s, ratio {ours / loop:.3f}")
        record[what] = {"loop_s": loop, "harness_s": ours, "ratio": ours / loop}
    results = Path(__file__).parent / "results" / "overhead.json"
    results.parent.mkdir(exist_ok=True)
    results.write_text(json.dumps(record, indent=1) + "\n")


def seconds_of(command: list[str], environment: dict[str, str]) -> tuple[float, float]:
    """Run a command; return its wall time, and the processor time of all its processes, which a busy machine spares."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return time.perf_counter() - started, cpu


if __name__ == "__main__":
    main()
