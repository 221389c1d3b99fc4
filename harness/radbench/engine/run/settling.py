"""Settling: how a pair ended: its per-case file, and its line in the journal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from radbench.contracts.dataset import CaseEntry
from radbench.contracts.results import Status
from radbench.engine.keep.cells import GROUP, MEASURES, cells_of
from radbench.engine.keep.digests import short
from radbench.engine.keep.journal import RunFolder
from radbench.engine.keep.store import Store, StoreError
from radbench.engine.keep.texts import counted, listed
from radbench.engine.plan.keys import entry_key
from radbench.engine.plan.learning import Training
from radbench.engine.plan.pairs import Pair
from radbench.engine.plan.parts import Part
from radbench.engine.run.ledger import Ledger

_UNSCORED = "the task gave neither a score nor a failure"
_LOST = "its score was kept and is gone or damaged: give the same command again"


def settle(pair: Pair, ledger: Ledger, store: Store, folder: RunFolder) -> tuple[Status, int]:
    """Write how a pair ended: its per-case file, then its line in the journal.

    Returns:
        How it ended, and how many of its cases were scored.

    Raises:
        StoreError: it cannot be written.
    """
    breakage = ledger.breakage(pair)
    scored = _scored(pair, store, folder)
    failed: dict[int, dict[str, Any]] = {}
    for place, entry in enumerate(pair.entries):
        if scored[place] is None:
            key = entry_key(entry)
            why = ledger.failure(pair, key) or (None if breakage else _unscored(pair, ledger, key))
            if why is not None:
                failed[place] = why | {"case_id": entry.case_id}

    def rows() -> Iterator[dict[str, Any]]:
        for place, (entry, found) in enumerate(zip(pair.entries, scored, strict=True)):
            row = {"case_id": entry.case_id, "patient_id": entry.patient_id, "case_digest": short(entry_key(entry))}
            row |= {f"{GROUP}:{name}": value for name, value in sorted(entry.groups.items())}
            if found is not None:
                yield row | {"status": "ok", "message": "", **dict(zip(*found, strict=True))}
            elif (failure := failed.get(place)) is not None:
                yield row | {"status": f"{failure['status']}", "message": failure["message"]}

    failures, good = [*failed.values()], sum(one is not None for one in scored)
    status, error = _verdict(pair, good, failures, breakage)
    folder.write_cases(pair.name, rows)
    unloadable = sum(f["stage"] == "load" for f in failures)
    weights = _of_weights(pair, store)
    folder.record(
        "pair",
        pair=pair.name,
        status=str(status),
        error=error,
        broken=breakage is not None,
        names=_named(pair, {error, weights["lacking"], *(f["message"] for f in failures)} - {""}),
        expected_cases=len(pair.entries) - unloadable,
        **weights,
    )
    return status, good if status == Status.OK else 0


_Cells = tuple[tuple[str, ...], tuple[Any, ...]]
"""The names of a case's columns, and what stands in them."""


def _scored(pair: Pair, store: Store, folder: RunFolder) -> list[_Cells | None]:
    """Return the columns of each case that was scored, None for the others, and write the features that fit into none.

    Of many cases it is all that is held at once: a dictionary for each would take three times the room.
    """
    wanted = {entry_key(e): place for place, e in enumerate(pair.entries)}
    found: list[_Cells | None] = [None] * len(pair.entries)
    alike: dict[Any, Any] = {}
    with folder.writing_features(pair.name) as keep:
        for record in store.read_scores(pair.score_key):
            place = wanted.get(record["entry"])
            if place is not None:
                cells, vectors = cells_of(record["evidence"])
                columns = cells | {k: record[k] for k in MEASURES if record.get(k) is not None}
                names = alike.setdefault(tuple(columns), tuple(columns))
                told = (alike.setdefault(one, one) if isinstance(one, str) else one for one in columns.values())
                found[place] = names, tuple(told)
                if vectors:
                    keep(pair.entries[place].case_id, vectors)
    return found


def _unscored(pair: Pair, ledger: Ledger, entry: str) -> dict[str, Any]:
    lost = entry in ledger.scored.get(pair.score_key, ())
    return {"status": str(Status.ERROR), "stage": "score", "message": _LOST if lost else _UNSCORED}


def _of_weights(pair: Pair, store: Store) -> dict[str, Any]:
    own = [t for t in pair.trainings if t.learner is pair.enhancer]
    facts = _facts(store, own[0]) if own else {}
    task = _facts(store, pair.training) if pair.training is not None else {}
    lacked = [one | {"learner": t.learner.label} for t in pair.trainings for one in _facts(store, t).get("lacked", ())]
    return {
        "fit_seconds": facts.get("fit_seconds"),
        "pretrained": facts.get("facts", {}).get("pretrained"),
        "task_fit_seconds": task.get("fit_seconds"),
        "task_pretrained": task.get("facts", {}).get("pretrained"),
        "lacking": _lacking(lacked),
        "lacks": {"cases": len(lacked), **{n: lacked[0][n] for n in ("learner", "message")}} if lacked else None,
    }


def _facts(store: Store, training: Training) -> dict[str, Any]:
    try:
        return store.weights_facts(training.key)
    except StoreError:
        return {}


def _lacking(lacked: Sequence[Mapping[str, Any]]) -> str:
    if not lacked:
        return ""
    first, named = lacked[0], listed({one["case_id"] for one in lacked})
    return f"{counted(len(lacked), 'case')} that {first['learner']} learns from failed{named}: {first['message']}"


def _named(pair: Pair, texts: Collection[str]) -> list[str]:
    """Return the ids of cases and patients that messages name: none of them is published."""
    if not texts:
        return []
    entries = [e for part in (pair.enhancer, pair.task, pair.dataset) for e in _below(part)]
    ids = {name for e in entries for name in (e.case_id, e.patient_id) if name}
    return sorted(name for name in ids if any(name in text for text in texts))


def _below(part: Part) -> Iterator[CaseEntry]:
    if part.kind == "dataset":
        yield from part.opened.manifest
    for _, one in part.named(sources=True):
        yield from _below(one)


def _verdict(
    pair: Pair, scored: int, failures: Sequence[dict[str, Any]], breakage: dict[str, Any] | None
) -> tuple[Status, str]:
    if breakage is not None:
        return Status(breakage["status"]), breakage["message"]
    if not failures:
        return Status.OK, ""
    kinds, named = Counter(f["status"] for f in failures), listed(f["case_id"] for f in failures)
    text = f"{len(failures)} of {counted(len(pair.entries), 'case')} failed{named}: {failures[0]['message']}"
    return (Status.OK if scored else Status(kinds.most_common(1)[0][0])), text
