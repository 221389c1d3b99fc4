"""Aside: checks are tried in a process of their own, so that a plugin which crashes or hangs is a finding, too."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from radbench.conformance.findings import Finding, Outcome
from radbench.contracts.errors import UsageError
from radbench.engine.run.executors.import_path import without_current_folder
from radbench.engine.work import frames

_TO_END = 10.0
"""Seconds that a process may take to end, once it tells no more (assumed; one that crashes needs far less)."""


@dataclass(frozen=True)
class Wanted:
    """What is to be tried.

    Attributes:
        plugin: a file, or an installed plugin, package or distribution.
        variants: of what it offers; none for everything.
        files: plugin files beyond it.
        profile: whose values apply.
        cases: at most so many cases of a split.
        device: "cpu" or "cuda:N".
        checks: names of the checks to try; none for all.
    """

    plugin: str
    variants: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    profile: str = "quick"
    cases: int = 4
    device: str = "cpu"
    checks: tuple[str, ...] = ()


def findings_aside(wanted: Wanted, timeout: float) -> Iterator[Finding]:
    """Yield what is found out, as it is found out.

    Args:
        wanted: what is to be tried.
        timeout: seconds after which a check counts as hanging.

    Raises:
        UsageError: there is no such plugin, or no such part of it.
    """
    after: tuple[str, str] | None = None
    while True:
        lost = yield from _until_lost(wanted, after, timeout)
        if lost is None:
            return
        # What comes after the check that took the process along is tried by another.
        after = lost.subject, lost.check
        yield lost


def _until_lost(
    wanted: Wanted, after: tuple[str, str] | None, timeout: float
) -> Generator[Finding, None, Finding | None]:
    """Yield findings until all is tried; return the finding of a process that was lost, None where none was.

    Args:
        wanted: what is to be tried.
        after: (subject, check) of the check that took the last process along, None for none.
        timeout: seconds.
    """
    told: queue.Queue[Any] = queue.Queue()
    with tempfile.TemporaryDirectory() as scratch, (Path(scratch) / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "radbench.conformance.aside"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            env=without_current_folder(os.environ),
            start_new_session=True,
        )
        assert process.stdin is not None
        frames.send(process.stdin, (wanted, after, scratch))  # type: ignore[arg-type]
        threading.Thread(target=_read, args=(process.stdout, told), daemon=True).start()
        at: tuple[str, str] | None = None
        try:
            while True:
                try:
                    message = told.get(timeout=timeout)
                except queue.Empty:
                    if at is None:
                        raise UsageError(f"plugin '{wanted.plugin}' does not load within {timeout:g} s") from None
                    return Finding(*at, Outcome.BROKEN, f"it hangs: no end within {timeout:g} s (--timeout)")
                if message is None:
                    if at is None:
                        raise UsageError(f"plugin '{wanted.plugin}' cannot be loaded: {_last(Path(scratch) / 'log')}")
                    return Finding(*at, Outcome.BROKEN, _ending(process))
                kind, what = message
                if kind == "begun":
                    at = what
                elif kind == "found":
                    yield what
                elif kind == "usage":
                    raise UsageError(what)
                else:
                    return None
        finally:
            _end(process)


def _read(stream: Any, told: queue.Queue[Any]) -> None:
    while True:
        try:
            told.put(frames.receive(stream))
        except (EOFError, OSError, ValueError):
            told.put(None)
            return


def _ending(process: subprocess.Popen[bytes]) -> str:
    try:
        status = process.wait(_TO_END)
    except subprocess.TimeoutExpired:
        return f"it closes files that it did not open, and its process has not ended {_TO_END:g} s later"
    how = f"signal {signal.Signals(-status).name}" if status < 0 else f"exit status {status}"
    return f"it ends the process ({how})"


def _last(log: Path) -> str:
    lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
    return lines[-1] if lines else "its process says nothing"


def _end(process: subprocess.Popen[bytes]) -> None:
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        process.kill()
    process.wait()


def main() -> None:
    """Try what the parent asks for on standard input, telling of it on standard output."""
    from radbench.conformance.subject import Subject
    from radbench.conformance.suite import checks_of, files_of, finding, offered, plugin_of, refuse_what_is_wrong
    from radbench.conformance.workshop import Workshop
    from radbench.contracts.errors import RadbenchError
    from radbench.engine.work.worker import die_with

    threading.Thread(target=die_with, args=(os.getppid(),), daemon=True).start()
    stream = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what plugins print goes to the log
    wanted, after, scratch = frames.receive(os.fdopen(os.dup(0), "rb"))

    def tell(kind: str, what: Any = None) -> None:
        frames.send(stream, (kind, what))

    try:
        files = (*files_of(wanted.plugin), *wanted.files)
        workshop = Workshop(files, Path(scratch), wanted.profile, wanted.cases, wanted.device)
        registry = workshop.registry
        subjects = [
            Subject(kind, variant, workshop)
            for kind, variant in offered(registry, plugin_of(registry, wanted.plugin), wanted.variants)
        ]
        refuse_what_is_wrong(subjects)
    except RadbenchError as e:
        tell("usage", str(e))
        return
    for subject in subjects:
        for check in checks_of(registry, subject.kind, subject.variant):
            if wanted.checks and check.name not in wanted.checks:
                continue
            at = subject.name, check.name
            if after is not None:
                after = None if at == after else after
                continue
            tell("begun", at)
            tell("found", finding(subject, check))
    tell("done")


if __name__ == "__main__":
    main()
