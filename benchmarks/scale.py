"""What a run costs as its data set grows: processor time, time and memory of 100 to 100,000 empty cases.

    python benchmarks/scale.py [--cases 100,1000,10000,100000]

The cases are 8x8 pixels, the enhancer and the task do nothing to speak of: what is left is the engine's own. Each
size is run twice. The first run computes all, under two enhancers; the second finds everything there, and plans,
compares and writes the leaderboard alone. Memory is the most that the command's own process held, without workers.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from machine import describe_machine

PLUGIN = """
import hashlib

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


def same(images):
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", default="100,1000,10000,100000")
    rows = []
    print("| cases | first run | own processor | workers' | memory | again | own processor | memory |")
    print("|---|---|---|---|---|---|---|---|")
    for cases in map(int, parser.parse_args().cases.split(",")):
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
    record = {"machine": describe_machine(), "load_average": os.getloadavg(), "rows": rows}
    (Path(__file__).parent / "results" / "scale.json").write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
