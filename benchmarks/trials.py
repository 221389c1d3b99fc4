"""Trials by fire: kills at random moments, flipped bits in what was kept, inputs that change, a disk that is full, runs
beside each other: is a number ever wrong?

    python benchmarks/trials.py kills [--times 100]     a run with a training, killed again and again, then let through
    python benchmarks/trials.py bits [--times 300]      a bit of one kept file at random flipped between two runs
    python benchmarks/trials.py inputs [--times 20]     an image of a folder rewritten while a run reads it
    python benchmarks/trials.py disk [--times 20]       a disk that fills up (mounts a tmpfs: Linux, root)
    python benchmarks/trials.py two [--times 20]        two runs at once: of one cache, and of one folder

Each compares the leaderboard with an undisturbed run's, without what depends on the clock, and prints how many tables
were wrong and how many runs were blocked (did not end although nothing disturbed them any more). All from one seed. The
exit status is 1 where a table was wrong or a run was blocked.
"""

from __future__ import annotations

import argparse
import csv
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np
from machine import describe_machine
from PIL import Image

import radbench

PLUGIN = Path(__file__).resolve().parents[1] / "tests" / "harness" / "engine" / "toy_plugin.py"
VOLATILE = ["fit_seconds", "task_fit_seconds", "enhance_ms_per_case", "peak_memory_mb", "created_utc", "git_commit"]
WORDS = ["--plugin", str(PLUGIN), "-e", "toy-brighten,toy-noisy,toy-learner", "-t", "toy-mean,toy-auroc,toy-whole"]


def bench(folder: Path, *words: str, out: str = "out") -> subprocess.Popen[str]:
    command = [sys.executable, "-c", "from radbench.cli import main; main()", "run", "--device", "cpu", *words]
    environment = {**os.environ, "RADBENCH_CACHE": str(folder / "cache"), "OMP_WAIT_POLICY": "passive"}
    return subprocess.Popen(
        [*command, "--out", str(folder / out)],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def table(folder: Path, out: str = "out"):
    return radbench.read_leaderboard(folder / out).drop(columns=VOLATILE).reset_index(drop=True)


def undisturbed(folder: Path, *words: str) -> float:
    """Run to the end; return how many seconds it took."""
    folder.mkdir(parents=True)
    begun = time.monotonic()
    process = bench(folder, *words)
    said, _ = process.communicate()
    if process.returncode:
        raise SystemExit(said)
    return time.monotonic() - begun


def kills(root: Path, times: int, draw: random.Random, counts: Counter[str]) -> None:
    seconds = undisturbed(root / "whole", *WORDS)
    killed, n = 0, 0
    while killed < times:
        folder = root / f"killed{n}"
        folder.mkdir()
        # Several kills of one run before it may end.
        for _ in range(draw.randint(1, 5)):
            process = bench(folder, *WORDS)
            time.sleep(draw.uniform(0, seconds))
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                killed += 1
            process.communicate()
        last = bench(folder, *WORDS)
        last.communicate()
        counts["blocked"] += last.returncode != 0
        counts["wrong"] += last.returncode == 0 and not table(folder).equals(table(root / "whole"))
        counts["runs"] += 1
        shutil.rmtree(folder)
        n += 1
    counts["kills"] = killed


def bits(root: Path, times: int, draw: random.Random, counts: Counter[str]) -> None:
    whole = root / "whole"
    undisturbed(whole, *WORDS)
    expected = table(whole)
    kept = [p for p in sorted((whole / "cache").rglob("*")) if p.is_file() and p.stat().st_size and p.suffix != ".lock"]
    kept += [whole / "out" / "journal.jsonl"]
    for n in range(times):
        file = draw.choice(kept).relative_to(whole)
        folder = root / f"flipped{n}"
        shutil.copytree(whole, folder)
        data = bytearray((folder / file).read_bytes())
        data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
        (folder / file).write_bytes(bytes(data))
        if draw.random() < 0.5:
            # So that what was kept is read, not only its scores.
            shutil.rmtree(folder / "cache" / "scores")
        process = bench(folder, *WORDS, "--debug")
        process.communicate()
        counts["blocked"] += process.returncode != 0
        wrong = process.returncode == 0 and not table(folder).equals(expected)
        counts["wrong"] += wrong
        if wrong or process.returncode:
            counts[f"of {file.parts[1] if file.parts[0] == 'cache' else file.name}"] += 1
        counts["flips"] += 1
        shutil.rmtree(folder)


def inputs(root: Path, times: int, draw: random.Random, counts: Counter[str]) -> None:
    """A score must be of the image that its digest names: of the old file or of the new one, or fail by name."""
    rng = np.random.default_rng(0)
    names = [f"{i:02}.png" for i in range(12)]
    pictures = {name: rng.integers(0, 255, (2, 64, 64), np.uint8) for name in names}
    words = ["-e", "unsharp", "-t", "image-quality", "--jobs", "2", "--limit", "12"]

    def write(folder: Path, which: int = 0) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        for name in names:
            Image.fromarray(pictures[name][which]).save(folder / name)

    def values(folder: Path) -> dict[str, dict[str, str]]:
        # The data set's label holds its digest: what has changed is another pair, with a file of its own.
        files = [f for f in (folder / "out" / "cases").glob("*.csv") if "unsharp" in f.name]
        file = max(files, key=lambda f: f.stat().st_mtime_ns)
        with file.open(newline="") as stream:
            rows = [*csv.DictReader(stream)]
        return {r["case_id"]: {k: v for k, v in r.items() if k not in ("enhance_ms", "peak_memory_mb")} for r in rows}

    reference = {}
    for which in (0, 1):
        folder = root / f"reference{which}"
        write(folder / "images", which)
        process = bench(folder, *words, "--dataset", "folder[root=images]")
        process.communicate()
        reference[which] = values(folder)
    for n in range(times):
        folder, changed = root / f"changed{n}", draw.choice(names)
        write(folder / "images")
        process = bench(folder, *words, "--dataset", "folder[root=images]")
        time.sleep(draw.uniform(1.0, 8.0))
        # In one step, so that it is the old file or the new one.
        Image.fromarray(pictures[changed][1]).save(folder / "new.png")
        (folder / "new.png").replace(folder / "images" / changed)
        process.communicate()
        found = values(folder)
        for case, row in found.items():
            allowed = [reference[0][case]] + ([reference[1][case]] if case == Path(changed).stem else [])
            if row["status"] != "ok":
                counts["failed by name"] += 1
                counts["wrong"] += case != Path(changed).stem
            else:
                counts["wrong"] += row not in allowed
        counts["runs"] += 1
        # And the same command again is right about what lies there now.
        again = bench(folder, *words, "--dataset", "folder[root=images]")
        again.communicate()
        counts["blocked"] += again.returncode != 0
        now = values(folder)[Path(changed).stem]
        counts["wrong"] += again.returncode == 0 and now != reference[1][Path(changed).stem]
        shutil.rmtree(folder)


def disk(root: Path, times: int, draw: random.Random, counts: Counter[str]) -> None:
    """A run that runs out of disk must say so and keep what it has; with more room, the same command is right."""
    whole = root / "whole"
    undisturbed(whole, *WORDS)
    expected = table(whole)
    needed = sum(p.stat().st_size for p in whole.rglob("*") if p.is_file())
    for n in range(times):
        folder = root / f"small{n}"
        folder.mkdir()
        size = int(needed * draw.uniform(0.02, 0.98)) // 4096 * 4096 + 4096
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)], check=True)
        try:
            process = bench(folder, *WORDS)
            said, _ = process.communicate()
            counts["ran out"] += process.returncode != 0
            counts["ended with a traceback"] += "Traceback" in said
            counts["wrong"] += process.returncode == 0 and not table(folder).equals(expected)
            subprocess.run(["mount", "-o", f"remount,size={needed * 4 + 2**24}", str(folder)], check=True)
            again = bench(folder, *WORDS, "--retry-failed")
            again.communicate()
            counts["blocked"] += again.returncode != 0
            counts["wrong"] += again.returncode == 0 and not table(folder).equals(expected)
        finally:
            subprocess.run(["umount", str(folder)], check=True)
        counts["runs"] += 1


def two(root: Path, times: int, draw: random.Random, counts: Counter[str]) -> None:
    """Two runs of one cache give both the right table; of one folder, the second is right or says that it is in use."""
    seconds = undisturbed(root / "whole", *WORDS)
    expected = table(root / "whole")
    for n in range(times):
        folder = root / f"beside{n}"
        folder.mkdir()
        same = draw.random() < 0.5
        first = bench(folder, *WORDS)
        time.sleep(draw.uniform(0, seconds))
        second = bench(folder, *WORDS, out="out" if same else "other")
        said = [process.communicate()[0] for process in (first, second)]
        for process, text, out in zip((first, second), said, ("out", "out" if same else "other"), strict=True):
            if process.returncode == 0:
                counts["wrong"] += not table(folder, out).equals(expected)
            elif same and "another run is writing" in text:
                counts["said that it is in use"] += 1
            else:
                counts["blocked"] += 1
        counts["runs"] += 2
        shutil.rmtree(folder)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("trial", choices=["kills", "bits", "inputs", "disk", "two"])
    parser.add_argument("--times", type=int)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    trials = {"kills": (kills, 100), "bits": (bits, 300), "inputs": (inputs, 20), "disk": (disk, 20), "two": (two, 20)}
    trial, times = trials[given.trial]
    counts: Counter[str] = Counter({"wrong": 0, "blocked": 0})
    with tempfile.TemporaryDirectory(prefix="trials_") as folder:
        trial(Path(folder), given.times or times, random.Random(given.seed), counts)
    print(describe_machine())
    print(", ".join(f"{what} {n}" for what, n in counts.items()))
    raise SystemExit(1 if counts["wrong"] or counts["blocked"] else 0)


if __name__ == "__main__":
    main()
