"""Store: finished work by key in the cache folder; every file appears whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from radbench.contracts.atomic import replace_file
from radbench.contracts.enhancement import Enhancement
from radbench.contracts.errors import RadbenchError

if TYPE_CHECKING:
    from torch import Tensor


class StoreError(RadbenchError):
    """The cache or output folder cannot be written: full, read-only or gone."""


class UnreadableError(StoreError):
    """Something in the cache is gone or damaged; it can be made again."""


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file so that it is there whole or not at all.

    Raises:
        StoreError: the folder cannot be written (disk full, read-only, ...); what was there before stays.
    """
    try:
        replace_file(path, data)
    except OSError as e:
        raise StoreError(f"cannot write '{path}': {e.strerror or e}") from e


class Store:
    """Enhancements, scores and weights under one folder, addressed by key.

    Two processes may use one store at once: files are replaced whole, score lines are appended whole.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def probe(self) -> None:
        """Find out before any work is done whether work can be kept.

        Raises:
            StoreError: the cache folder cannot be made or written to.
        """
        write_atomically(self.root / ".writable", b"")

    def _enhancement(self, key: str, entry: str) -> Path:
        return self.root / "enhancements" / key[:32] / f"{entry[:32]}.safetensors"

    def has_enhancement(self, key: str, entry: str) -> bool:
        """Tell whether the enhancement of a case is there."""
        return self._enhancement(key, entry).is_file()

    def save_enhancement(self, key: str, entry: str, enhancement: Enhancement, measures: Mapping[str, Any]) -> None:
        """Keep the enhancement of one case (``[1,1,H,W]``) and what making it took.

        Raises:
            StoreError: it cannot be written.
        """
        from safetensors.torch import save

        tensors = {"image": enhancement.image, **{f"layer.{k}": v for k, v in enhancement.layers.items()}}
        data = save(
            {k: v.cpu().contiguous() for k, v in tensors.items()}, {k: json.dumps(v) for k, v in measures.items()}
        )
        write_atomically(self._enhancement(key, entry), data)

    def load_enhancement(self, key: str, entry: str, tensors: bool = True) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Return the tensors (``image``, ``layer.NAME``; none where they are not wanted) and measures of one case.

        Raises:
            UnreadableError: it is not there, or a power cut or a full disk left it damaged.
        """
        from safetensors import SafetensorError, safe_open

        path = self._enhancement(key, entry)
        try:
            with safe_open(path, framework="pt") as file:
                found = {name: file.get_tensor(name) for name in file.keys() if tensors}  # noqa: SIM118
                return found, {k: json.loads(v) for k, v in (file.metadata() or {}).items()}
        except (OSError, SafetensorError, ValueError) as e:
            raise UnreadableError(f"stored enhancement '{path}' cannot be read: {e}") from e

    def discard_enhancement(self, key: str, entry: str) -> None:
        """Take away an enhancement that cannot be read, so that it is made anew."""
        with contextlib.suppress(OSError):
            self._enhancement(key, entry).unlink()

    def _scores(self, key: str) -> Path:
        return self.root / "scores" / f"{key[:32]}.jsonl"

    def append_score(self, key: str, record: Mapping[str, Any]) -> None:
        """Add one line; a single write to a file opened for appending is never interleaved with another's.

        Raises:
            StoreError: it cannot be written.
        """
        append_line(self._scores(key), json.dumps(record))

    def read_scores(self, key: str) -> dict[str, dict[str, Any]]:
        """Return the records by entry key; a line torn by a kill or a full disk is passed over."""
        return {r["entry"]: r for r in read_json_lines(self._scores(key)) if "entry" in r and "scores" in r}

    def append_result(self, key: str, result: Mapping[str, Any]) -> None:
        """Add what a task over whole splits gave: the digest of its cases (``of``), ``records``, ``failed`` entries.

        Raises:
            StoreError: it cannot be written.
        """
        append_line(self._scores(key), json.dumps(result))

    def read_result(self, key: str, of: str) -> dict[str, Any] | None:
        """Return the newest result over just these cases, None where there is none."""
        return next((r for r in reversed([*read_json_lines(self._scores(key))]) if r.get("of") == of), None)

    def weights_folder(self, key: str) -> Path:
        """Return the folder of a trained enhancer's weights and checkpoints."""
        return self.root / "weights" / key[:32]

    @contextlib.contextmanager
    def training_alone(self, key: str, waiting: Callable[[], None]) -> Iterator[None]:
        """Keep other processes from training the same weights; ``waiting`` is called each second until it is our turn.

        A process that dies, however, gives its turn free.

        Raises:
            StoreError: the cache folder cannot be written to.
        """
        import filelock

        try:
            self.weights_folder(key).mkdir(parents=True, exist_ok=True)
            lock = filelock.FileLock(self.weights_folder(key) / ".lock")
            while True:
                try:
                    lock.acquire(timeout=1.0)
                    break
                except filelock.Timeout:
                    waiting()
        except OSError as e:
            raise StoreError(f"cannot write to '{self.weights_folder(key)}': {e.strerror or e}") from e
        try:
            yield
        finally:
            lock.release()

    def has_weights(self, key: str) -> bool:
        """Tell whether an enhancer was trained to the end and its weights are whole."""
        from safetensors import SafetensorError, safe_open

        try:
            self.weights_facts(key)
            with safe_open(self.weights_folder(key) / "weights.safetensors", framework="np"):
                return True
        except (OSError, SafetensorError, StoreError):
            return False

    def weights_facts(self, key: str) -> dict[str, Any]:
        """Return the facts about a training.

        Raises:
            UnreadableError: they are not there or not readable.
        """
        file = self.weights_folder(key) / "facts.json"
        try:
            return dict(json.loads(file.read_text()))
        except (OSError, ValueError, TypeError) as e:
            raise UnreadableError(f"'{file}' cannot be read: {e}") from e

    def save_weights(self, key: str, state: Mapping[str, Tensor], facts: Mapping[str, Any]) -> None:
        """Keep weights, and the facts about their training beside them.

        Raises:
            StoreError: they cannot be written.
        """
        from safetensors.torch import save
        from torch import contiguous_format

        folder = self.weights_folder(key)
        write_atomically(folder / "facts.json", json.dumps(dict(facts), indent=1).encode())
        # Clones: safetensors refuses weights that two layers share.
        data = save({k: v.detach().cpu().clone(memory_format=contiguous_format) for k, v in state.items()})
        write_atomically(folder / "weights.safetensors", data)

    def load_weights(self, key: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Return weights and facts.

        Raises:
            UnreadableError: they are not there or not readable.
        """
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        folder = self.weights_folder(key)
        try:
            return load_file(folder / "weights.safetensors"), self.weights_facts(key)
        except (OSError, SafetensorError) as e:
            raise UnreadableError(f"stored weights in '{folder}' cannot be read: {e}") from e


def append_line(path: Path, text: str) -> None:
    """Append a line in a single write, so that lines of several processes are never interleaved.

    A line that a kill or a full disk tore is left as it is; the next one begins on a line of its own.

    Raises:
        StoreError: it cannot be written whole.
    """
    data = text.encode() + b"\n"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o666)
        try:
            size = os.fstat(handle).st_size
            if size:
                os.lseek(handle, size - 1, os.SEEK_SET)
                data = data if os.read(handle, 1) == b"\n" else b"\n" + data
            written = os.write(handle, data)
        finally:
            os.close(handle)
    except OSError as e:
        raise StoreError(f"cannot write '{path}': {e.strerror or e}") from e
    if written != len(data):
        raise StoreError(f"cannot write '{path}': {os.strerror(errno.ENOSPC)}")


def read_json_lines(path: Path) -> Iterable[dict[str, Any]]:
    """Yield the whole lines of a JSON-lines file; nothing where there is no file."""
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        return
    except OSError as e:
        raise StoreError(f"cannot read '{path}': {e.strerror or e}") from e
    for line in text.split(b"\n"):
        try:
            record = json.loads(line)
        except ValueError:
            continue
        if isinstance(record, dict):
            yield record
