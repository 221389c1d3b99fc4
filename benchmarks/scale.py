"""What a run costs as it grows: in cases, in pairs, and spread by Ray.

    python benchmarks/scale.py [--cases 100,1000,10000,100000]
    python benchmarks/scale.py --pairs 100,1000,10000
    python benchmarks/scale.py --ray 4 [--steps 48]

**Cases** are 8x8 pixels, the enhancer and the task do nothing to speak of: what is left is the engine's own. Each
size is run twice. The first run computes all, under two enhancers; the second finds everything there, and plans,
compares and writes the leaderboard alone. Memory is the most that the command's own process held, without workers.

**Pairs** of one such case each are planned, scheduled, settled and aggregated, while nobody does their steps: an
executor ends each at once, with a score. What it takes is the harness's own, in one process; the last column says what
part of a run it would be whose pairs take a second on one worker.

**Ray** against the local executor, both with so many workers, on steps that sleep for a second: the throughput of both,
from the first step's beginning to the last one's end, and their ratio. A sleeping step leaves the processors to whoever
hands it out, so that more workers than processors tell what handing out costs.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from machine import describe_machine

PLUGIN = """
import hashlib
import time

from radbench import Case, CaseEntry, Config, DatasetSpec, EnhancerSpec, MetricSpec, TaskSpec, hookimpl, param


@hookimpl
def radbench_datasets():
    return [DatasetSpec(name="many", factory="many_plugin:Many", summary="empty cases")]


@hookimpl
def radbench_enhancers():
    return [EnhancerSpec(name="same", factory="many_plugin:same", summary="nothing", batch_size=32)]


@hookimpl
def radbench_tasks():
    metrics = (MetricSpec("mean", "higher"),)
    return [TaskSpec(name="mean", factory="many_plugin:Mean", summary="mean", metrics=metrics, default_dataset="many")]


def same(images, number=0, seconds=0.0):
    time.sleep(seconds)
    return images * 1.0


class Many:
    class Config(Config):
        cases: int = param(100, "how many", source="assumed")

    modality, targets = "any", ()

    def __init__(self, config):
        self.config = config

    def manifest(self):
        digests = (hashlib.sha256(b"%d" % i).hexdigest() for i in range(self.config.cases))
        return [CaseEntry(f"c{i}", f"p{i}", "test", digest) for i, digest in enumerate(digests)]

    def load(self, case_id):
        import torch

        return Case(case_id, "p" + case_id[1:], torch.full((1, 8, 8), int(case_id[1:]) % 100 / 100))


class Mean:
    Config = Config

    def __init__(self, config):
        pass

    def score(self, sample, context):
        return {"mean": float(sample.image.mean())}
"""
MEASURED = """
import json, resource, sys, time
from radbench.cli import main
started = time.perf_counter()
try:
    main()
except SystemExit as e:
    if e.code:
        raise
own, workers = (resource.getrusage(w) for w in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
print(json.dumps({
    "seconds": time.perf_counter() - started,
    "processor_seconds": own.ru_utime + own.ru_stime,
    "workers_processor_seconds": workers.ru_utime + workers.ru_stime,
    "peak_mib": own.ru_maxrss / 1024,
}), file=sys.stderr)
"""


def measured(folder: Path, cases: int) -> dict[str, float]:
    words = ["run", "--plugin", "many_plugin.py", "-e", "original,same", "-t", "mean", "--out", "out"]
    command = [sys.executable, "-c", MEASURED, *words, "--dataset", f"many[cases={cases}]", "--device", "cpu"]
    environment = {**os.environ, "RADBENCH_CACHE": str(folder / "cache"), "OMP_WAIT_POLICY": "passive"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stdout + done.stderr)
    return json.loads(done.stderr.strip().splitlines()[-1])


class Nobody:
    """An executor that does nothing: every step ends at once, those that score with a score."""

    def __init__(self, store):
        self.store, self.step = store, None

    def idle(self):
        return [(0, None)] if self.step is None else []

    def submit(self, worker, step):
        self.step = step

    def events(self):
        from radbench.engine.plan.keys import entry_key
        from radbench.engine.run.executors.executor import Event

        step, self.step = self.step, None
        if step is None:
            return
        for entry in step.entries:
            record = {"entry": entry_key(entry), "evidence": {"mean": step.number % 7 / 7}}
            if step.kind == "score":
                self.store.append_score(step.key, record)
            yield Event(step.number, "scored" if step.kind == "score" else "enhanced", {"entry": record["entry"]})
        yield Event(step.number, "done")

    def close(self):
        pass


def simulated(pairs: int) -> dict[str, float]:
    """Plan, schedule, settle and aggregate so many pairs of one case in this process."""
    from radbench.api import Options, run_plan
    from radbench.contracts.folders import cache_folder
    from radbench.engine.keep.store import Store
    from radbench.engine.plan.pairs import make_plan
    from radbench.engine.plan.request import Request
    from radbench.engine.run import running
    from radbench.engine.run.reporting import Silent
    from radbench.registry.registry import load_registry

    running.executor_of = lambda *words, **more: Nobody(Store(cache_folder()))
    files = (str(Path("many_plugin.py").absolute()),)
    names = tuple(f"same[number={i}]" for i in range(1, pairs))
    started, processor = time.perf_counter(), time.process_time()
    registry = load_registry(files)
    plan = make_plan(registry, Request(names, ("mean",), dataset="many[cases=1]", plugin_files=files))
    planned = time.process_time()
    finished = run_plan(registry, plan, Options("cpu", jobs=1, out=Path("out")), Silent())
    done = time.process_time()
    assert set(finished.outcome.statuses.values()) == {"ok"}
    assert len(finished.outcome.statuses) == pairs
    return {
        "seconds": time.perf_counter() - started,
        "plan_processor_seconds": planned - processor,
        "run_processor_seconds": done - planned,
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def in_a_process(*words: str) -> dict[str, float]:
    """Run this script with these words in a folder and a cache of its own."""
    with tempfile.TemporaryDirectory(prefix="scale_") as name:
        (Path(name) / "many_plugin.py").write_text(PLUGIN)
        environment = {**os.environ, "RADBENCH_CACHE": f"{name}/cache", "OMP_WAIT_POLICY": "passive"}
        command = [sys.executable, str(Path(__file__).absolute()), *words]
        done = subprocess.run(command, cwd=name, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stdout + done.stderr)
    return json.loads(done.stdout.strip().splitlines()[-1])


def of_pairs(sizes: list[int]) -> list[dict[str, float]]:
    rows = []
    print("| pairs | plan | run | for each pair | memory | of a run of a second for each pair |")
    print("|---|---|---|---|---|---|")
    for pairs in sizes:
        row = {"pairs": pairs, **in_a_process("--simulate", str(pairs))}
        own = row["plan_processor_seconds"] + row["run_processor_seconds"]
        print(
            f"| {pairs:,} | {row['plan_processor_seconds']:.1f} s | {row['run_processor_seconds']:.1f} s | "
            f"{1000 * own / pairs:.1f} ms | {row['peak_mib']:.0f} MiB | {own / (own + pairs):.1%} |",
            flush=True,
        )
        rows.append(row)
    return rows


class Timed:
    """An executor that notes when the first step began and the last one ended."""

    def __init__(self, executor):
        self.executor, self.began, self.ended, self.steps = executor, None, None, 0

    def idle(self):
        # All begin together: how long workers take to start is not asked for here.
        found = self.executor.idle()
        return found if self.began is not None or len(found) == self.workers else []

    def submit(self, worker, step):
        self.began = self.began or time.perf_counter()
        self.executor.submit(worker, step)

    def events(self):
        for event in self.executor.events():
            if event.name == "done":
                self.ended, self.steps = time.perf_counter(), self.steps + 1
            yield event

    def close(self):
        self.executor.close()


def spread(executor: str, workers: int, steps: int) -> dict[str, float]:
    """Return how many steps of a second an executor does in a second."""
    from radbench.api import Options, run_plan
    from radbench.engine.plan.pairs import make_plan
    from radbench.engine.plan.request import Request
    from radbench.engine.run import running
    from radbench.engine.run.reporting import Silent
    from radbench.registry.registry import load_registry

    made, usual = [], running.executor_of

    def timed(*words, **more):
        made.append(Timed(usual(*words, **more)))
        made[-1].workers = workers
        return made[-1]

    running.executor_of = timed
    files = (str(Path("many_plugin.py").absolute()),)
    registry = load_registry(files)
    names = tuple(f"same[number={i},seconds=1]" for i in range(steps))
    plan = make_plan(registry, Request(names, ("mean",), dataset="many[cases=1]", plugin_files=files))
    run_plan(registry, plan, Options("cpu", jobs=workers, out=Path("out"), executor=executor), Silent())
    seconds = made[0].ended - made[0].began
    return {"steps": steps, "seconds": seconds, "steps_per_second": steps / seconds}


def of_ray(workers: int, steps: int) -> dict[str, dict[str, float]]:
    found = {
        name: in_a_process("--spread", name, "--ray", str(workers), "--steps", str(steps)) for name in ("local", "ray")
    }
    for name, row in found.items():
        print(f"{name}: {steps} steps of a second, {workers} workers: {row['steps_per_second']:.2f} a second")
    print(f"ray / local: {found['ray']['steps_per_second'] / found['local']['steps_per_second']:.2f}")
    return found


def of_cases(sizes: list[int]) -> list[dict[str, object]]:
    rows = []
    print("| cases | first run | own processor | workers' | memory | again | own processor | memory |")
    print("|---|---|---|---|---|---|---|---|")
    for cases in sizes:
        with tempfile.TemporaryDirectory(prefix="scale_") as name:
            folder = Path(name)
            (folder / "many_plugin.py").write_text(PLUGIN)
            first, again = measured(folder, cases), measured(folder, cases)
        rows.append({"cases": cases, "first": first, "again": again})
        print(
            f"| {cases:,} | {first['seconds']:.1f} s | {first['processor_seconds']:.1f} s | "
            f"{first['workers_processor_seconds']:.1f} s | {first['peak_mib']:.0f} MiB | {again['seconds']:.1f} s | "
            f"{again['processor_seconds']:.1f} s | {again['peak_mib']:.0f} MiB |",
            flush=True,
        )
    return rows


def keep(what: str, rows: object) -> None:
    """Write what was measured beside what was measured before of other things."""
    file = Path(__file__).parent / "results" / "scale.json"
    record = json.loads(file.read_text()) if file.is_file() else {}
    told = {"machine": describe_machine(), "load_average": os.getloadavg(), "rows": rows}
    record = {**record, **told} if what == "cases" else {**record, what: told}
    file.write_text(json.dumps(record, indent=1) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", help="numbers of cases")
    parser.add_argument("--pairs", help="numbers of pairs")
    parser.add_argument("--ray", type=int, help="workers of both executors")
    parser.add_argument("--steps", type=int, default=48, help="of a second, under each executor")
    parser.add_argument("--simulate", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--spread", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.simulate:
        print(json.dumps(simulated(given.simulate)))
    elif given.spread:
        print(json.dumps(spread(given.spread, given.ray, given.steps)))
    elif given.pairs:
        keep("pairs", of_pairs([*map(int, given.pairs.split(","))]))
    elif given.ray:
        keep("ray", of_ray(given.ray, given.steps))
    else:
        keep("cases", of_cases([*map(int, (given.cases or "100,1000,10000,100000").split(","))]))


if __name__ == "__main__":
    main()
