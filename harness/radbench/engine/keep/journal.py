"""Journal: a run's folder, with its append-only record of what happened and its per-case scores."""

from __future__ import annotations

import codecs
import csv
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import filelock

from radbench.contracts.atomic import replacing
from radbench.contracts.errors import UsageError
from radbench.contracts.printable import from_cell, to_cell
from radbench.engine.keep.digests import digest
from radbench.engine.keep.evidence import decoded
from radbench.engine.keep.lines import append_line, append_text, read_lines
from radbench.engine.keep.private import make_private, privately, refuse_links
from radbench.engine.keep.sealed import StoreError


class RunFolder:
    """``journal.jsonl``, ``cases/*.csv``, ``leaderboard.csv`` and ``logs/`` of one run.

    The journal is only ever appended to, one event a line; ``leaderboard.csv`` is a view of journal and cases, and
    ``tracebacks.txt`` has for a person to read what the journal says of errors.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.journal = root / "journal.jsonl"
        self.leaderboard = root / "leaderboard.csv"
        self.logs = root / "logs"
        self.tracebacks = root / "tracebacks.txt"
        self._traced: set[str] = set()
        self._lock = filelock.FileLock(root / ".lock", mode=0o600)
        self._opened: tuple[int, int] | None = None

    @property
    def details(self) -> Path:
        """Where a person reads on about an error: the tracebacks, or the journal where nothing was raised."""
        return self.tracebacks if self.tracebacks.exists() else self.journal

    def open(self) -> None:
        """Make the folder, readable by its user alone, and take it for this process.

        Raises:
            UsageError: it cannot be made, what lies in it leads out of it, or another run is writing to it.
        """
        make_private(self.root)
        self._refuse_links()
        try:
            with privately():
                self.logs.mkdir(parents=True, exist_ok=True)
            self._lock.acquire(timeout=0)
            self._opened = _identity(self.root)
        except filelock.Timeout:
            raise UsageError(f"another run is writing to '{self.root}': wait for it, or choose another --out") from None
        except OSError as e:
            raise UsageError(f"cannot write to '{self.root}': {e.strerror or e}; choose another --out") from e

    def _refuse_links(self) -> None:
        cases, advice = self.root / "cases", "take it away, or choose another --out"
        folders = [self.logs, cases]
        refuse_links([self.journal, self.leaderboard, self.tracebacks, self.root / ".lock"], folders, advice)
        try:
            refuse_links([file for folder in folders if folder.is_dir() for file in folder.iterdir()], [], advice)
        except OSError as e:
            raise UsageError(f"cannot read '{self.root}': {e.strerror or e}; choose another --out") from e

    def _still_there(self) -> None:
        """Find out whether the folder is the one that was opened: made anew, it would lack what was written before.

        Raises:
            StoreError: it was removed, or another lies in its place.
        """
        if self._opened is None:
            return
        try:
            there = _identity(self.root) == self._opened and self.logs.is_dir()
        except OSError:
            there = False
        if not there:
            raise StoreError(f"the run's folder '{self.root}' was taken away while the run was writing to it")

    def other_run(self, plan: str) -> str:
        """Return when another plan was last run here, "" where none was."""
        last = {e["plan"]: e.get("created_utc", "") for e in self.events("run")}
        return max((at for other, at in last.items() if other != plan), default="")

    def close(self) -> None:
        """Give the folder free."""
        self._opened = None
        self._lock.release()

    def record(self, event: str, **facts: Any) -> None:
        """Append an event.

        Raises:
            StoreError: it cannot be written.
        """
        self._still_there()
        append_line(self.journal, {"event": event, **facts})
        if trace := str(facts.get("traceback", "")):
            self._trace(trace, facts)

    def _trace(self, trace: str, facts: Mapping[str, Any]) -> None:
        """Append a traceback, each but once: many cases mostly fail at one line."""
        if trace in self._traced:
            return
        self._traced.add(trace)
        where = f"{facts['stage']} of case '{facts['case_id']}'" if "case_id" in facts else facts.get("step", "")
        append_text(self.tracebacks, f"{facts.get('status', 'error')}, {where}: {facts.get('message', '')}\n{trace}\n")

    def events(self, *names: str) -> Iterable[dict[str, Any]]:
        """Yield the events of these names, oldest first."""
        return (e for e in read_lines(self.journal) if e.get("event") in names)

    def cases_file(self, pair: str) -> Path:
        """Return the per-case CSV of a pair."""
        return self.root / "cases" / f"{safe_name(pair)}.csv"

    def features_file(self, pair: str) -> Path:
        """Return where the features of a pair's cases lie, which fit into no table."""
        return self.root / "cases" / f"{safe_name(pair)}.features.jsonl"

    def write_cases(self, pair: str, rows: Callable[[], Iterable[Mapping[str, Any]]]) -> None:
        """Replace the per-case CSV of a pair; floats and texts read back equal, and no text is a formula to anybody.

        Args:
            pair: its name.
            rows: called twice, for the columns and for what stands in them: all of them may be many.

        Raises:
            StoreError: it cannot be written.
        """
        self._still_there()
        file, columns = self.cases_file(pair), list(dict.fromkeys(name for row in rows() for name in row))
        try:
            with privately(), replacing(file) as stream:
                writer = csv.writer(codecs.getwriter("utf-8")(stream), lineterminator="\n")
                writer.writerow(map(to_cell, columns))
                writer.writerows([_cell(row.get(name, "")) for name in columns] for row in rows())
        except OSError as e:
            raise StoreError(f"cannot write '{file}': {e.strerror or e}") from e

    @contextmanager
    def writing_features(self, pair: str) -> Iterator[Callable[[str, Mapping[str, Any]], None]]:
        """Replace the features of a pair's cases, one at a time: they may exceed the memory. Without any, nothing is
        written.

        Yields:
            what takes a case's id and its evidence, as JSON has it.

        Raises:
            StoreError: they cannot be written.
        """
        file = self.features_file(pair)
        streams: list[BinaryIO] = []

        def keep(case_id: str, evidence: Mapping[str, Any]) -> None:
            if not streams:
                self._still_there()
                with privately():
                    streams.append(stack.enter_context(replacing(file)))
            streams[0].write(json.dumps({"case_id": case_id, "evidence": evidence}).encode() + b"\n")

        # What is buffered meets a full disk only in the end.
        try:
            with ExitStack() as stack:
                yield keep
        except OSError as e:
            raise StoreError(f"cannot write '{file}': {e.strerror or e}") from e

    def read_features(self, pair: str) -> dict[str, dict[str, Any]]:
        """Return by case id the features that were kept as evidence; none where there is no file."""
        found = {}
        try:
            with self.features_file(pair).open() as file:
                for record in map(json.loads, file):
                    found[record["case_id"]] = decoded(record["evidence"])
        except FileNotFoundError:
            return {}
        return found

    def read_cases(self, pair: str) -> list[dict[str, str]]:
        """Return the per-case rows of a pair; none where there is no file."""
        return [*self.each_case(pair)]

    def each_case(self, pair: str) -> Iterator[dict[str, str]]:
        """Yield the per-case rows of a pair, one at a time: all of them may be many."""
        try:
            with self.cases_file(pair).open(encoding="utf-8", newline="") as file:
                rows = csv.reader(file)
                names = [from_cell(name) for name in next(rows, [])]
                for row in rows:
                    yield dict(zip(names, map(from_cell, row), strict=True))
        except FileNotFoundError:
            return


def _identity(folder: Path) -> tuple[int, int]:
    told = folder.stat()
    return told.st_dev, told.st_ino


def _cell(value: Any) -> Any:
    return repr(value) if isinstance(value, float) else to_cell(value) if isinstance(value, str) else value


def safe_name(text: str) -> str:
    """Return a file name that tells what it is about and that no two texts share."""
    # ASCII alone: what folders take is counted in bytes, and some fold letters that differ.
    kept = "".join(c if (c.isascii() and c.isalnum()) or c in "._-" else "_" for c in text)
    return f"{kept[:100]}-{digest(text)[:8]}" if kept != text or len(kept) > 100 else kept


def default_folder(plan_digest: str, name: str) -> Path:
    """Return where a run writes when it is not told: the same command finds the same folder again."""
    return Path(os.environ.get("RADBENCH_RUNS", "runs")) / f"{safe_name(name)[:60]}-{plan_digest[:8]}"


def newest_run(root: Path | None = None) -> Path:
    """Return the run folder that was written to last.

    Raises:
        UsageError: there is none.
    """
    root = root or Path(os.environ.get("RADBENCH_RUNS", "runs"))
    found = sorted(root.glob("*/leaderboard.csv"), key=lambda p: p.stat().st_mtime)
    if not found:
        raise UsageError(f"no run under '{root}' yet: name a folder or CSV, or start one with 'bench run'")
    return found[-1].parent
