"""Store: finished work by key in the cache folder; every file appears whole or not at all."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from radbench.contracts.enhancement import Enhancement
from radbench.contracts.errors import RadbenchError

if TYPE_CHECKING:
    from torch import Tensor


class StoreError(RadbenchError):
    """The cache or output folder cannot be written: full, read-only or gone."""


def cache_folder() -> Path:
    """Return where caches lie: ``RADBENCH_CACHE``, or the user's cache folder."""
    given = os.environ.get("RADBENCH_CACHE")
    if given:
        return Path(given).expanduser()
    import platformdirs

    return Path(platformdirs.user_cache_dir("radbench"))


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file so that it is there whole or not at all.

    Raises:
        StoreError: the folder cannot be written (disk full, read-only, ...); what was there before stays.
    """
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".writing-")
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        Path(temporary).replace(path)
    except OSError as e:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)
        raise StoreError(f"cannot write '{path}': {e.strerror or e}") from e


class Store:
    """Enhancements, scores and weights under one folder, addressed by key.

    Two processes may use one store at once: files are replaced whole, score lines are appended whole.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

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

    def load_enhancement(self, key: str, entry: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Return the tensors (``image``, ``layer.NAME``) and measures of one case.

        Raises:
            StoreError: it is not there or not readable.
        """
        from safetensors import SafetensorError, safe_open

        path = self._enhancement(key, entry)
        try:
            with safe_open(path, framework="pt") as file:
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
                return tensors, {k: json.loads(v) for k, v in (file.metadata() or {}).items()}
        except (OSError, SafetensorError) as e:
            raise StoreError(f"stored enhancement '{path}' cannot be read: {e}") from e

    def _scores(self, key: str) -> Path:
        return self.root / "scores" / f"{key[:32]}.jsonl"

    def append_score(self, key: str, record: Mapping[str, Any]) -> None:
        """Add one line; a single write to a file opened for appending is never interleaved with another's.

        Raises:
            StoreError: it cannot be written.
        """
        path = self._scores(key)
        line = (json.dumps(record) + "\n").encode()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
            try:
                written = os.write(handle, line)
            finally:
                os.close(handle)
        except OSError as e:
            raise StoreError(f"cannot write '{path}': {e.strerror or e}") from e
        if written != len(line):
            raise StoreError(f"cannot write '{path}': the disk is full")

    def read_scores(self, key: str) -> dict[str, dict[str, Any]]:
        """Return the records by entry key; a line torn by a kill or a full disk is passed over."""
        return {r["entry"]: r for r in read_json_lines(self._scores(key)) if "entry" in r}

    def weights_folder(self, key: str) -> Path:
        """Return the folder of a trained enhancer's weights and checkpoints."""
        return self.root / "weights" / key[:32]

    def has_weights(self, key: str) -> bool:
        """Tell whether an enhancer was trained to the end."""
        return (self.weights_folder(key) / "weights.safetensors").is_file()

    def save_weights(self, key: str, state: Mapping[str, Tensor], facts: Mapping[str, Any]) -> None:
        """Keep weights, and the facts about their training beside them.

        Raises:
            StoreError: they cannot be written.
        """
        from safetensors.torch import save

        folder = self.weights_folder(key)
        write_atomically(folder / "facts.json", json.dumps(dict(facts), indent=1).encode())
        data = save({k: v.detach().cpu().contiguous() for k, v in state.items()})
        write_atomically(folder / "weights.safetensors", data)

    def load_weights(self, key: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Return weights and facts.

        Raises:
            StoreError: they are not there or not readable.
        """
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        folder = self.weights_folder(key)
        try:
            return load_file(folder / "weights.safetensors"), json.loads((folder / "facts.json").read_text())
        except (OSError, SafetensorError, ValueError) as e:
            raise StoreError(f"stored weights in '{folder}' cannot be read: {e}") from e


def read_json_lines(path: Path) -> Iterable[dict[str, Any]]:
    """Yield the whole lines of a JSON-lines file; nothing where there is no file."""
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        return
    for line in text.split(b"\n"):
        try:
            record = json.loads(line)
        except ValueError:
            continue
        if isinstance(record, dict):
            yield record
