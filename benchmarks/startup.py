"""How long `bench --help` and `bench list` take beside a bare interpreter and typer's own start, and what a run costs
that finds everything there already: its processor time, for six images under two enhancers.

    python benchmarks/startup.py [--runs 15]

Processes are started in turn, so that a busy machine is busy for all of them. typer's own part is measured twice:
its import, and a one-command application with the same kinds of parameters (newer typer versions build their
validators only when a command is called).
"""

import argparse
import json
import os
import resource
import shlex
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from machine import describe_machine

TYPER_APP = """
import typer
from enum import Enum
from pathlib import Path
from typing import Annotated
class What(str, Enum):
    a = "a"
app = typer.Typer(rich_markup_mode=None)
@app.command()
def first(what: Annotated[What, typer.Argument()] = What.a, json: bool = False,
          plugins: Annotated[list[Path], typer.Option()] = []): pass
@app.command()
def second(): pass
app(["first"])
"""


def reusing(bench: str, runs: int) -> float:
    """Return the median processor seconds of a run that computes nothing."""
    with tempfile.TemporaryDirectory() as folder:
        words = [bench, *shlex.split("run -e original,clahe -t grabcut --limit 6 --device cpu --out run")]
        environment = {**os.environ, "RADBENCH_CACHE": str(Path(folder) / "cache")}
        found = []
        for _ in range(runs + 1):
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            subprocess.run(words, check=True, capture_output=True, cwd=folder, env=environment)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            found.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
        return statistics.median(found[1:])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=15)
    runs = parser.parse_args().runs
    bench = shutil.which("bench", path=str(Path(sys.executable).parent)) or shutil.which("bench")
    if bench is None:
        sys.exit("the command 'bench' is not installed beside this Python")
    commands = {
        "python -c pass": [sys.executable, "-c", "pass"],
        "import typer": [sys.executable, "-c", "import typer"],
        "typer application": [sys.executable, "-c", TYPER_APP],
        "bench --help": [bench, "--help"],
        "bench list": [bench, "list"],
    }
    seconds: dict[str, list[float]] = {name: [] for name in commands}
    for turn in range(runs + 1):
        for name, command in commands.items():
            started = time.perf_counter()
            subprocess.run(command, check=True, capture_output=True)
            if turn:
                seconds[name].append(time.perf_counter() - started)
    median = {name: statistics.median(s) for name, s in seconds.items()}
    bare, imported, application = median["python -c pass"], median["import typer"], median["typer application"]
    own_import, own_call = imported - bare, application - bare
    print(describe_machine())
    for name, s in median.items():
        print(f"{name:18} {s * 1000:6.0f} ms")
    help_ratio = (median["bench --help"] - own_import) / bare
    list_ratio = (median["bench list"] - own_call) / bare
    print(f"bench --help without typer's import:      {help_ratio:.1f} x bare Python")
    print(f"bench list without typer's own machinery: {list_ratio:.1f} x bare Python")
    print(f"bench list without typer's import alone:  {(median['bench list'] - own_import) / bare:.1f} x bare Python")
    again = reusing(bench, min(runs, 5))
    print(f"a run that finds everything there:        {again:.2f} s of processor time")
    results = Path(__file__).parent / "results" / "startup.json"
    results.parent.mkdir(exist_ok=True)
    record = {
        "machine": describe_machine(),
        "median_seconds": median,
        "help_ratio": help_ratio,
        "list_ratio": list_ratio,
        "reusing_run_processor_seconds": again,
    }
    results.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
