"""One line about the machine that a benchmark ran on."""

import os
import platform
from importlib import metadata
from pathlib import Path


def describe_machine() -> str:
    """Return processor, cores, Python and the versions of the numeric libraries."""
    cpuinfo = Path("/proc/cpuinfo")
    model = platform.processor() or platform.machine()
    if cpuinfo.exists():
        names = [line.partition(":")[2].strip() for line in cpuinfo.read_text().splitlines() if "model name" in line]
        model = names[0] if names else model
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in ("torch", "numpy", "typer"))
    return f"{model}, {os.cpu_count()} cores, Python {platform.python_version()}, {versions}"
