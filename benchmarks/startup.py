"""How long `bench --help` and `bench list` take beside a bare interpreter and typer's own start.

    python benchmarks/startup.py [--runs 15]

Processes are started in turn, so that a busy machine is busy for all of them. typer's own part is measured twice:
its import, and a one-command application with the same kinds of parameters (newer typer versions build their
validators only when a command is called).
"""

import argparse
import json
import shutil
import statistics
import subprocess
import sys
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
    results = Path(__file__).parent / "results" / "startup.json"
    results.parent.mkdir(exist_ok=True)
    record = {
        "machine": describe_machine(),
        "median_seconds": median,
        "help_ratio": help_ratio,
        "list_ratio": list_ratio,
    }
    results.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
