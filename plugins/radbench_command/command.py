"""command: a program that reads an image file and writes one, called for each image without a shell."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shlex
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Literal

from pydantic import field_validator

from radbench.contracts.config import Config as BaseConfig
from radbench.contracts.config import local, param
from radbench.contracts.errors import CaseError, InvalidOutputError, UsageError
from radbench.imaging import read_image, write_image
from radbench_command.guard import guarded

if TYPE_CHECKING:
    from torch import Tensor

IN, OUT = "{in}", "{out}"

_LAST = 10_000
"""Bytes at the end of what a program said, in which its last line is looked for."""


class Command:
    """Writes each image into a folder of its own, has a program make another file of it, and reads that.

    What counts for the key of a result is the program's file, every file that the command names (a script, a model)
    and the words between; what the program reads by itself is followed by nobody: say its version in ``name``.

    Raises:
        UsageError: there is no such program.
    """

    class Config(BaseConfig):
        """Which program, and how it is called."""

        run: str = local(description="the command, split at blanks as a shell does, with {in} and {out} for the files")
        name: str = param(
            "", "what rows call the program, with its version; another name is another result", source="assumed"
        )
        format: Literal["png", "tiff"] = param("png", "of both files", source="assumed")
        bits: Literal[8, 16] = param(
            16,
            "depth of the file that it is given; value v is written as the integer nearest to v * (2**bits - 1)",
            source="assumed",
        )
        timeout: float = param(60.0, "seconds after which it is ended", source="assumed", gt=0)

        @field_validator("run")
        @classmethod
        def _has_both_files(cls, run: str) -> str:
            try:
                words = shlex.split(run)
            except ValueError as e:
                raise ValueError(f"it cannot be split into words: {e}") from e
            if not words or not all(any(mark in word for word in words) for mark in (IN, OUT)):
                raise ValueError("it must name the files, as in 'program {in} {out}'")
            return run

    def __init__(self, config: Config) -> None:
        self.config = config
        first, *others = shlex.split(config.run)
        found = shutil.which(os.path.expanduser(first))  # noqa: PTH111
        if found is None:
            raise UsageError(f"enhancer 'command': there is no program '{first}' that can be run")
        # The program is called in a folder of its own: what is named from here stays what it is.
        self.words = [str(Path(found).absolute()), *map(_absolute, others)]

    def fingerprint(self) -> str:
        """Return the SHA-256 over the command, with the contents of the files that it names for their paths."""
        digest = hashlib.sha256()
        for word in self.words:
            path = Path(word)
            told = f"file {_content(path)}" if path.is_file() else f"word {word}"
            digest.update(f"{told}\0".encode())
        return digest.hexdigest()

    def enhance(self, images: Tensor) -> Tensor:
        """Return what the program makes of each image.

        Args:
            images: float32 ``[B,1,H,W]`` in [0,1].

        Returns:
            the same; the whole range of the file's depth is [0,1].

        Raises:
            CaseError: the program ends with another status than 0, or takes too long.
            InvalidOutputError: it writes no image, or one of another size.
        """
        import torch

        return torch.stack([self._called(image.cpu()) for image in images]).to(images.device)

    def _called(self, image: Tensor) -> Tensor:
        with tempfile.TemporaryDirectory(prefix="radbench-command-") as folder:
            given, made = (Path(folder) / f"{name}.{self.config.format}" for name in ("in", "out"))
            write_image(given, image, bits=self.config.bits)
            files = {IN: str(given), OUT: str(made)}
            self._run([_with(word, files) for word in self.words], folder)
            if not made.is_file():
                raise InvalidOutputError(f"program '{self._name}' ended well and wrote no '{made.name}'")
            try:
                found = read_image(made).image
            except CaseError as e:
                raise InvalidOutputError(f"program '{self._name}' wrote what is no image that can be read: {e}") from e
        if found.shape != image.shape:
            raise InvalidOutputError(
                f"program '{self._name}' made {found.shape[1]} x {found.shape[2]} (rows x columns) of "
                f"{image.shape[1]} x {image.shape[2]}; enhanced images must keep the size"
            )
        return found

    def _run(self, words: Sequence[str], folder: str) -> None:
        # Into files and not through pipes: the program has ended when it has, whoever else still holds its output.
        with tempfile.TemporaryFile() as printed, tempfile.TemporaryFile() as complained:
            # A session of its own, so that what it started ends with it.
            process = subprocess.Popen(
                words,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=printed,
                stderr=complained,
                start_new_session=True,
            )
            try:
                with guarded(process.pid):
                    process.wait(self.config.timeout)
            except subprocess.TimeoutExpired:
                raise CaseError(f"program '{self._name}' took longer than {self.config.timeout:g} s") from None
            finally:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
            if process.returncode:
                # What went to standard output may come late, for it is buffered there: complaints first.
                why = _last_line(complained) or _last_line(printed)
                why = f": {why}" if why else ""
                raise CaseError(f"program '{self._name}' ended with status {process.returncode}{why}")

    @property
    def _name(self) -> str:
        return self.config.name or Path(self.words[0]).name


def _last_line(said: IO[bytes]) -> str:
    said.seek(max(0, said.seek(0, os.SEEK_END) - _LAST))
    lines = said.read().decode(errors="replace").split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "")


def _with(word: str, files: dict[str, str]) -> str:
    for mark, path in files.items():
        word = word.replace(mark, path)
    return word


def _absolute(word: str) -> str:
    path = Path(word).expanduser()
    return str(path.absolute()) if IN not in word and OUT not in word and path.exists() else word


def _content(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
