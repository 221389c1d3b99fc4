"""What a benchmark says of the machine that it ran on."""

import os
import platform
from importlib import metadata
from pathlib import Path


def cpu_model() -> str:
    """Return the processor's name."""
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def describe_machine() -> str:
    """Return processor, cores, Python and the versions of the numeric libraries, in one line."""
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in ("torch", "numpy", "typer"))
    return f"{cpu_model()}, {os.cpu_count()} cores, Python {platform.python_version()}, {versions}"
