"""Elsewhere: another process, which hashes otherwise, stands in another folder and was asked other things, is asked for
the same; what a part gives there must not differ."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from radbench.conformance.findings import BrokenError, NotTriedError
from radbench.engine.run.executors.import_path import without_current_folder
from radbench.engine.work import frames

if TYPE_CHECKING:
    from radbench.conformance.subject import Subject
    from radbench.conformance.workshop import Workshop

Answer = TypeVar("Answer")

NOT_BY = "neither the time, hash(), the current folder nor what was called before may change a result"
"""What differs between this process and the other one."""


class Elsewhere:
    """Another process that has the same plugins, and finds what was trained for this one; it starts when it is asked.

    Args:
        workshop: the one to be like.
    """

    def __init__(self, workshop: Workshop) -> None:
        self.folder = workshop.folder / "elsewhere"
        self._setting = (workshop.files, str(workshop.folder), workshop.profile, workshop.cases, workshop.device)
        self._process: subprocess.Popen[bytes] | None = None

    def ask(self, question: Callable[[Subject], Answer], subject: Subject) -> Answer:
        """Return what a function of a module, called there, says of a part.

        Raises:
            BrokenError: it raises there, or the process ends.
            NotTriedError: it cannot be tried there, either.
        """
        process = self._process or self._started()
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            if process is not self._process:
                self._process = process
                frames.send(process.stdin, self._setting)  # type: ignore[arg-type]
            frames.send(process.stdin, (question, subject.kind, subject.variant))  # type: ignore[arg-type]
            outcome, answer = frames.receive(process.stdout)  # type: ignore[arg-type]
        except (EOFError, OSError, ValueError):
            self._process = None
            process.kill()
            raise BrokenError(f"another process that is asked for the same ends (status {process.wait()})") from None
        if outcome == "not tried":
            raise NotTriedError(answer)
        if outcome == "raised":
            raise BrokenError(f"another process that is asked for the same raises: {answer}")
        return answer  # type: ignore[no-any-return]

    def _started(self) -> subprocess.Popen[bytes]:
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", "radbench.conformance.elsewhere"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                cwd=self.folder,
                # Sets and what else goes by hash() come in another order there.
                env=without_current_folder(os.environ) | {"PYTHONHASHSEED": _other_seed()},
            )
        weakref.finalize(self, _end, process)
        return process


def _other_seed() -> str:
    return "2" if os.environ.get("PYTHONHASHSEED") == "1" else "1"


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()


def main() -> None:
    """Answer what is asked on standard input, until it ends; what plugins print goes to standard error."""
    from radbench.conformance.subject import Subject
    from radbench.conformance.workshop import Workshop
    from radbench.engine.keep.store import Store
    from radbench.engine.work.worker import die_with

    threading.Thread(target=die_with, args=(os.getppid(),), daemon=True).start()
    told = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    asked = os.fdopen(os.dup(0), "rb")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    files, folder, profile, cases, device = frames.receive(asked)
    workshop = Workshop(files, Path(folder) / "elsewhere", profile, cases, device)
    workshop.store = Store(Path(folder) / "cache")  # what was trained is there
    while True:
        try:
            question, kind, variant = frames.receive(asked)
        except EOFError:
            return
        frames.send(told, _answered(question, Subject(kind, variant, workshop)))


def _answered(question: Callable[[Subject], Any], subject: Subject) -> tuple[str, Any]:
    try:
        with subject.workshop.at_work():
            return "found", question(subject)
    except NotTriedError as e:
        return "not tried", str(e)
    except (Exception, SystemExit) as e:
        return "raised", subject.told(e)


if __name__ == "__main__":
    main()
