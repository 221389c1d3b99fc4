"""Store: finished work by key in the cache folder; every file appears whole, sealed, or not at all."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from hashlib import file_digest, sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from radbench.contracts.case import ON_DEMAND, Case, LookedUp
from radbench.engine.keep.lines import append_line, read_lines
from radbench.engine.keep.private import make_private
from radbench.engine.keep.sealed import (
    GoneError,
    StoreError,
    UnreadableError,
    read_sealed,
    write_atomically,
    write_sealed,
)

if TYPE_CHECKING:
    from torch import Tensor

    from radbench.contracts.enhancement import Enhancement

_LAYER = "layer."
_NO_LAYERS = "image"


class Store:
    """Made cases, enhancements, lessons, weights and scores under one folder, addressed by key.

    Two processes may use one store at once: files are replaced whole, score lines are appended whole.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._written = 0

    def taken(self) -> int:
        """Return how many bytes of cases, images and lessons were written since it was last asked."""
        written, self._written = self._written, 0
        return written

    def wrote(self, path: Path) -> None:
        """Count a file that was written."""
        self._written += path.stat().st_size

    def used(self, path: Path) -> None:
        """Mark a file as used now: those that were not used for the longest time go first."""
        with contextlib.suppress(OSError):
            os.utime(path)

    def probe(self) -> None:
        """Find out before any work is done whether work can be kept.

        Raises:
            StoreError: the cache folder cannot be made or written to.
        """
        make_private(self.root)
        write_atomically(self.root / ".writable", b"")

    # made cases --------------------------------------------------------------------------------------------

    def _case(self, key: str, entry: str) -> Path:
        return self.root / "cases" / key[:32] / f"{entry[:32]}.case"

    def has_case(self, key: str, entry: str) -> bool:
        """Tell whether a made case is there."""
        return self._case(key, entry).is_file()

    def cases_under(self, key: str) -> Listing:
        """Return which made cases are there now."""
        return Listing(self._case(key, "").parent)

    def save_case(self, key: str, entry: str, case: Case) -> None:
        """Keep a case but for what is looked up on demand.

        Raises:
            StoreError: it cannot be written.
        """
        tensors: dict[str, Tensor] = {"image": case.image}
        plain: dict[str, Any] = {}
        for name in (n for n in case.targets if n not in ON_DEMAND):
            value = case.targets[name]
            if name == "boxes":
                tensors |= {f"box.{finding}": boxes for finding, boxes in value.items()}
                plain["boxes"] = list(value)
            elif name == "findings":
                plain["findings"] = {k: None if v != v else float(v) for k, v in value.items()}
            elif name == "view_pose":
                plain["view_pose"] = _pose_facts(value)
            else:
                tensors[f"target.{name}"] = value
        facts = {
            "case_id": case.case_id,
            "patient_id": case.patient_id,
            "spacing_mm": case.spacing_mm,
            "groups": dict(case.groups),
            "provenance": dict(case.provenance),
            "plain": plain,
            "on_demand": [n for n in case.targets if n in ON_DEMAND],
            "order": list(case.targets),
        }
        write_sealed(self._case(key, entry), tensors, facts)
        self.wrote(self._case(key, entry))

    def load_case(self, key: str, entry: str, again: Callable[[], Case]) -> Case:
        """Return a made case; what is looked up on demand is looked up in the case that ``again`` gives.

        Raises:
            UnreadableError: it is not there, or damaged.
        """
        tensors, facts = read_sealed(self._case(key, entry))
        self.used(self._case(key, entry))
        ready: dict[str, Any] = {}
        for name in (n for n in facts["order"] if n not in ON_DEMAND):
            if name == "boxes":
                ready[name] = {finding: tensors[f"box.{finding}"] for finding in facts["plain"]["boxes"]}
            elif name == "findings":
                stated = facts["plain"]["findings"].items()
                ready[name] = {k: float("nan") if v is None else float(v) for k, v in stated}
            elif name == "view_pose":
                ready[name] = _pose_of(facts["plain"]["view_pose"])
            else:
                ready[name] = tensors[f"target.{name}"]
        looked_up = {n: (lambda name=n: again().targets[name]) for n in facts["on_demand"]}
        spacing = facts["spacing_mm"]
        return Case(
            case_id=facts["case_id"],
            patient_id=facts["patient_id"],
            image=tensors["image"],
            spacing_mm=None if spacing is None else (spacing[0], spacing[1]),
            groups=facts["groups"],
            provenance=facts["provenance"],
            targets=LookedUp(ready, looked_up) if looked_up else ready,
        )

    def discard_case(self, key: str, entry: str) -> None:
        """Take away a case that cannot be read, so that it is made anew."""
        _discard(self._case(key, entry))

    # enhancements ------------------------------------------------------------------------------------------

    def _enhancements(self, key: str) -> Path:
        return self.root / "enhancements" / key[:32]

    def _enhancement(self, key: str, entry: str, layers: Iterable[str]) -> Path:
        return self._enhancements(key) / ("+".join(sorted(layers)) or _NO_LAYERS) / f"{entry[:32]}.image"

    def _with_layers(self, key: str, layers: Collection[str] = ()) -> Iterator[tuple[frozenset[str], Path]]:
        """Yield the folders that keep at least these layers, by what they keep."""
        try:
            names = sorted(os.listdir(self._enhancements(key)))  # noqa: PTH208
        except OSError:
            return
        for name in names:
            kept = frozenset(name.split("+")) - {_NO_LAYERS}
            if kept >= {*layers}:
                yield kept, self._enhancements(key) / name

    def has_enhancement(self, key: str, entry: str, layers: Collection[str] = ()) -> bool:
        """Tell whether the enhancement of a case is there, with these layers."""
        return any((folder / f"{entry[:32]}.image").is_file() for _, folder in self._with_layers(key, layers))

    def enhancements_under(self, key: str, layers: Collection[str] = ()) -> Listing:
        """Return the enhancements of which cases are there now, with these layers."""
        return Listing(*(folder for _, folder in self._with_layers(key, layers)))

    def save_enhancement(
        self,
        key: str,
        entry: str,
        enhancement: Enhancement,
        measures: Mapping[str, Any],
        layers: Collection[str] | None = None,
    ) -> None:
        """Keep the enhancement of one case (every tensor without its batch) and what making it took.

        Args:
            key, entry: which.
            enhancement: its layers beyond those that are asked for are left out.
            measures: what making it took.
            layers: that were asked for, where the enhancer has them; all where None.

        Raises:
            StoreError: it cannot be written.
        """
        asked = frozenset(enhancement.layers if layers is None else layers)
        found = {f"{_LAYER}{k}": v for k, v in enhancement.layers.items() if k in asked}
        write_sealed(self._enhancement(key, entry, asked), {"image": enhancement.image, **found}, measures)
        self.wrote(self._enhancement(key, entry, asked))
        for kept, folder in self._with_layers(key):
            if kept < asked:
                _discard(folder / f"{entry[:32]}.image")

    def load_enhancement(
        self, key: str, entry: str, layers: Collection[str] = ()
    ) -> tuple[Enhancement, dict[str, Any]]:
        """Return the enhancement of one case with at least these layers, and what making it took.

        Raises:
            GoneError: it is not there.
            UnreadableError: it is damaged.
        """
        from radbench.contracts.enhancement import Enhancement

        for _, folder in self._with_layers(key, layers):
            if (file := folder / f"{entry[:32]}.image").is_file():
                tensors, measures = read_sealed(file)
                self.used(file)
                found = {name.removeprefix(_LAYER): t for name, t in tensors.items() if name != "image"}
                return Enhancement(tensors["image"], found), measures
        raise GoneError(f"'{self._enhancement(key, entry, layers)}' is not there")

    def discard_enhancement(self, key: str, entry: str) -> None:
        """Take away an enhancement that cannot be read, so that it is made anew."""
        for _, folder in self._with_layers(key):
            _discard(folder / f"{entry[:32]}.image")

    def discard_enhancements(self, key: str) -> None:
        """Take away all enhancements under a key."""
        shutil.rmtree(self._enhancements(key), ignore_errors=True)

    # lessons -----------------------------------------------------------------------------------------------

    def piece(self, key: str) -> Path:
        """Return where a piece of lessons lies."""
        return self.root / "lessons" / key[:2] / f"{key[:32]}.lessons"

    def has_piece(self, key: str) -> bool:
        """Tell whether a piece of lessons is there."""
        return self.piece(key).is_file()

    def discard_piece(self, key: str) -> None:
        """Take away a piece that cannot be read, or whose failures are to be tried again."""
        _discard(self.piece(key))

    # scores ------------------------------------------------------------------------------------------------

    def _scores(self, key: str) -> Path:
        return self.root / "scores" / f"{key[:32]}.jsonl"

    def append_score(self, key: str, record: Mapping[str, Any]) -> None:
        """Add the record of one case.

        Raises:
            StoreError: it cannot be written.
        """
        append_line(self._scores(key), record)

    def read_scores(self, key: str, torn: Callable[[], None] = lambda: None) -> Iterator[dict[str, Any]]:
        """Yield the records, oldest first; a line that is torn or damaged is passed over, once ``torn`` is called."""
        self.used(self._scores(key))
        return (r for r in read_lines(self._scores(key), torn) if "entry" in r and "evidence" in r)

    def discard_scores(self, key: str) -> None:
        """Take away all scores under a key."""
        _discard(self._scores(key))

    # weights -----------------------------------------------------------------------------------------------

    def weights_folder(self, key: str) -> Path:
        """Return the folder of a learner's weights and checkpoints."""
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
            lock = filelock.FileLock(self.weights_folder(key) / ".lock", mode=0o600)
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
        """Tell whether something was trained to the end and its weights are whole."""
        try:
            facts = self.weights_facts(key)
            with (self.weights_folder(key) / "weights.safetensors").open("rb") as file:
                return file_digest(file, "sha256").hexdigest() == facts["sha256"]
        except (OSError, KeyError, StoreError):
            return False

    def has_damaged_weights(self, key: str) -> bool:
        """Tell whether something was trained to the end and its weights are no longer whole."""
        there = all((self.weights_folder(key) / name).exists() for name in ("facts.json", "weights.safetensors"))
        return there and not self.has_weights(key)

    def weights_facts(self, key: str) -> dict[str, Any]:
        """Return the facts about a training.

        Raises:
            UnreadableError: they are not there or not readable.
        """
        file = self.weights_folder(key) / "facts.json"
        try:
            kept = json.loads(file.read_text())
            facts, seal = dict(kept["facts"]), kept["seal"]
        except (OSError, ValueError, TypeError, KeyError) as e:
            raise UnreadableError(f"'{file}' cannot be read: {e}") from e
        if seal != _facts_seal(facts):
            raise UnreadableError(f"'{file}' is damaged: its checksum does not match")
        return facts

    def save_weights(self, key: str, state: Mapping[str, Tensor], facts: Mapping[str, Any]) -> None:
        """Keep weights as plain safetensors, and beside them the facts about their training with the file's SHA-256.

        Raises:
            StoreError: they cannot be written.
        """
        from safetensors.torch import save
        from torch import contiguous_format

        folder = self.weights_folder(key)
        # Clones: safetensors refuses weights that two layers share.
        data = save({k: v.detach().cpu().clone(memory_format=contiguous_format) for k, v in state.items()})
        facts = {**facts, "sha256": sha256(data).hexdigest()}
        write_atomically(folder / "weights.safetensors", data)
        kept = {"facts": facts, "seal": _facts_seal(facts)}
        write_atomically(folder / "facts.json", json.dumps(kept, indent=1).encode())

    def load_weights(self, key: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Return weights and facts.

        Raises:
            UnreadableError: they are not there, or damaged.
        """
        from safetensors.torch import load

        file, facts = self.weights_folder(key) / "weights.safetensors", self.weights_facts(key)
        try:
            data = file.read_bytes()
        except OSError as e:
            raise UnreadableError(f"stored weights '{file}' cannot be read: {e.strerror or e}") from e
        if sha256(data).hexdigest() != facts.get("sha256"):
            raise UnreadableError(f"stored weights '{file}' are damaged: their checksum does not match")
        self.used(file)
        return load(data), facts

    def note_dependents(self, key: str, dependents: Iterable[tuple[str, str]]) -> None:
        """Remember what is built on weights: (kind of step, key) pairs, before any of it is.

        Raises:
            StoreError: it cannot be written.
        """
        known = set(self._dependents(key))
        for kind, other in dict.fromkeys(dependents):
            if (kind, other) not in known:
                append_line(self._dependents_file(key), {"kind": kind, "key": other})

    def _dependents_file(self, key: str) -> Path:
        return self.weights_folder(key) / "dependents.jsonl"

    def _dependents(self, key: str) -> list[tuple[str, str]]:
        return [(line["kind"], line["key"]) for line in read_lines(self._dependents_file(key))]

    def discard_weights(self, key: str) -> None:
        """Forget weights, so that they are learnt anew, and whatever any run has built on them."""
        discard: dict[str, Callable[[str], None]] = {
            "make": lambda key: shutil.rmtree(self._case(key, "").parent, ignore_errors=True),
            "enhance": self.discard_enhancements,
            "lesson": self.discard_piece,
            "fit": self.discard_weights,
            "score": self.discard_scores,
        }
        for kind, other in self._dependents(key):
            discard[kind](other)
        # Last: whoever is interrupted here begins again.
        _discard(self.weights_folder(key) / "facts.json")
        _discard(self._dependents_file(key))


class Listing:
    """What some folders of the store held when they were read: one question to the disk for any number of cases."""

    def __init__(self, *folders: Path) -> None:
        self._names: set[str] = set()
        for folder in folders:
            with contextlib.suppress(OSError):
                self._names |= {name.partition(".")[0] for name in os.listdir(folder)}  # noqa: PTH208

    def __contains__(self, entry: str) -> bool:
        return entry[:32] in self._names


def _discard(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink()


def _facts_seal(facts: Mapping[str, Any]) -> str:
    return sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def _pose_facts(pose: Any) -> dict[str, Any]:
    if not is_dataclass(pose):
        raise StoreError(f"view_pose must be a radbench.xray.Pose, got {type(pose).__name__}")
    return {f.name: getattr(pose, f.name) for f in fields(pose)}


def _pose_of(facts: Mapping[str, Any]) -> Any:
    from radbench.xray import Pose

    return Pose(**{name: float(value) for name, value in facts.items()})
