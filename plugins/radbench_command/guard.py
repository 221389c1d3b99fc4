"""The guard: a small process that ends programs once the process that called them is gone, however it ended."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import threading
from collections.abc import Iterator

# It knows of an end, even by SIGKILL, because its standard input closes then.
_GUARD = """
import os, signal, sys
groups = set()
for line in sys.stdin:
    begun, group = line.split()
    (groups.add if begun == "+" else groups.discard)(int(group))
for group in groups:
    try:
        os.killpg(group, signal.SIGKILL)
    except OSError:
        pass
"""

_lock = threading.Lock()
_process: subprocess.Popen[str] | None = None


@contextlib.contextmanager
def guarded(group: int) -> Iterator[None]:
    """Have a process group killed if this process ends meanwhile."""
    _tell(f"+ {group}")
    try:
        yield
    finally:
        _tell(f"- {group}")


def _tell(line: str) -> None:
    global _process
    with _lock:
        if _process is None or _process.poll() is not None:
            _process = subprocess.Popen(
                [sys.executable, "-I", "-S", "-c", _GUARD], stdin=subprocess.PIPE, text=True, start_new_session=True
            )
        assert _process.stdin is not None
        _process.stdin.write(line + "\n")
        _process.stdin.flush()
