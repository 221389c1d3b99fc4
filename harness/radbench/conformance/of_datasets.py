"""Data sets: the manifest, its fingerprint in another process, splits by patient, and the same case every time."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

from radbench.conformance.findings import BrokenError, NotTriedError, RemarkError
from radbench.conformance.subject import Check, Subject
from radbench.contracts.case import ON_DEMAND, Case
from radbench.contracts.dataset import SPLITS
from radbench.contracts.errors import RadbenchError
from radbench.engine.keep.texts import counted
from radbench.engine.run.executors.import_path import without_current_folder
from radbench.registry.whereabouts import definition_of

_DIGEST = re.compile(r"[0-9a-f]{64}")


def manifest(subject: Subject) -> str:
    """The manifest names each case once, each patient in one split, and everything that determines a case by digest."""
    opened = _opened(subject)
    for e in opened.manifest:
        if not _DIGEST.fullmatch(e.digest):
            raise BrokenError(
                f"case '{e.case_id}' has the digest '{e.digest}', which is no SHA-256 in 64 hexadecimal digits"
            )
        if not e.patient_id:
            raise BrokenError(f"case '{e.case_id}' is of no patient: patient_id is empty")
    counts = ", ".join(f"{split} {len(opened.split(split))}" for split in SPLITS if opened.split(split))
    patients = len({e.patient_id for e in opened.manifest})
    if not opened.split("test"):
        raise RemarkError(f"there is nothing to score: no case is in split 'test' ({counts})")
    return f"{counted(len(opened.manifest), 'case')} of {counted(patients, 'patient')}, none in two splits: {counts}"


_FINGERPRINT = """
import sys
from radbench.engine.plan.resolver import Resolver
from radbench.registry.registry import load_registry
print(Resolver(load_registry(sys.argv[3:]), sys.argv[2]).part("dataset", sys.argv[1]).opened.fingerprint)
"""


def fingerprint(subject: Subject) -> str:
    """The manifest is the same in another process, which hashes otherwise."""
    opened, workshop = _opened(subject), subject.workshop
    words = [sys.executable, "-P", "-c", _FINGERPRINT, subject.variant, workshop.profile, *workshop.files]
    # Sets and what else goes by hash() come in another order there.
    environment = without_current_folder(os.environ) | {"PYTHONHASHSEED": "1"}
    done = subprocess.run(words, capture_output=True, text=True, env=environment, check=False)
    if done.returncode:
        raise BrokenError(
            f"it cannot be opened in another process: {(done.stderr.strip() or 'silence').splitlines()[-1]}"
        )
    if done.stdout.split()[-1:] != [opened.fingerprint]:
        raise BrokenError(
            f"another process gets another fingerprint ({_where(subject, 'manifest')}): digests and splits must follow "
            "from the data and the configuration alone, not from the time, hash() or the order of a folder"
        )
    again = workshop.part(subject.kind, subject.variant).opened.manifest
    if [e.case_id for e in again] != [e.case_id for e in opened.manifest]:
        raise BrokenError(f"it lists its cases in another order the second time ({_where(subject, 'manifest')})")
    return f"fingerprint {opened.fingerprint[:16]}, in another process, too"


def cases(subject: Subject) -> str:
    """Cases keep the contract: image and truth in their shapes, types and ranges; what they carry is declared."""
    found = _loaded(subject)
    declared = frozenset(_opened(subject).dataset.targets)
    for case in found:
        undeclared = sorted({*case.targets} - declared)
        if undeclared:
            raise BrokenError(
                f"case '{case.case_id}' has the target '{undeclared[0]}', which the data set does not declare "
                f"({_where(subject, 'load')})"
            )
    absent = sorted(t for t in declared if not any(t in case.targets for case in found))
    if absent:
        raise RemarkError(f"target '{absent[0]}' is declared, and none of {len(found)} cases has it")
    unspecified = sorted(declared - {*subject.part.spec.targets})
    if unspecified:
        raise RemarkError(f"target '{unspecified[0]}' is not in the spec, DatasetSpec(targets=…), which lists show")
    sizes = sorted({f"{c.image.shape[1]} x {c.image.shape[2]}" for c in found})
    shown = ", ".join(sizes[:3]) + (", …" if len(sizes) > 3 else "")
    return f"{counted(len(found), 'case')} loaded ({shown}), with {', '.join(sorted(declared)) or 'no truth'}"


def reloaded(subject: Subject) -> str:
    """A case is the same bits when it is loaded again, in another order, by a new object."""
    first = _loaded(subject)
    bench = subject.workshop.bench()
    # What is slow to make was kept: asked for anew, it is made anew.
    live = bench.living.dataset(_live(subject))
    again = []
    for case in reversed(first):
        try:
            again.append(live.load(case.case_id))
        except Exception as e:
            raise subject.broken(f"case '{case.case_id}', loaded again", e) from e
    for one, other in zip(first, reversed(again), strict=True):
        if name := _difference(one, other):
            raise BrokenError(
                f"case '{one.case_id}' loaded again, in another order, has another {name} ({_where(subject, 'load')}): "
                "random numbers in load() must be seeded by the case's id"
            )
    return "a case is the same bits when it is loaded again, in another order and by a new object"


def rights(subject: Subject) -> str:
    """Licence and citation travel into the leaderboard's rows."""
    spec = subject.part.spec
    missing = [name for name in ("licence", "citation") if not getattr(spec, name)]
    if missing:
        raise RemarkError(
            f"the spec gives no {' and no '.join(missing)}, which rows would carry: DatasetSpec(licence=…)"
        )
    return f"licence and citation are given ({spec.licence})"


def _opened(subject: Subject) -> Any:
    part = subject.part
    try:
        return part.opened
    except RadbenchError as e:
        if "root" in type(part.config).model_fields:
            raise NotTriedError(f"it cannot be opened: {e}") from e
        raise BrokenError(f"{e}") from e


def _live(subject: Subject) -> Any:
    from radbench.engine.plan.steps import loading_of

    return loading_of(subject.part, "float32").dataset


def _loaded(subject: Subject) -> list[Case]:
    opened = _opened(subject)
    entries = [e for split in SPLITS for e in opened.split(split)[: subject.workshop.cases]]
    found = []
    for entry in entries:
        try:
            found.append(subject.workshop.case(subject.part, entry))
        except Exception as e:
            raise subject.broken(f"case '{entry.case_id}'", e) from e
    return found


def _difference(one: Case, other: Case) -> str:
    """Return the first thing in which two cases differ, "" where every bit is the same."""
    if not _equal(one.image, other.image):
        return "image"
    for what in ("patient_id", "spacing_mm", "groups"):
        if getattr(one, what) != getattr(other, what):
            return what
    if {*one.targets} != {*other.targets}:
        return "set of targets"
    return next((n for n in one.targets if n not in ON_DEMAND and not _equal(one.targets[n], other.targets[n])), "")


def _equal(one: Any, other: Any) -> bool:
    import torch

    if isinstance(one, torch.Tensor):
        return isinstance(other, torch.Tensor) and one.shape == other.shape and torch.equal(one, other)
    if isinstance(one, Mapping):
        return {*one} == {*other} and all(_equal(one[k], other[k]) for k in one)
    return bool(one == other or (one != one and other != other))


def _where(subject: Subject, method: str) -> str:
    return definition_of(getattr(subject.part.factory, method))


CHECKS = (
    Check("manifest", lambda kind, spec: kind == "dataset", manifest),
    Check("fingerprint", lambda kind, spec: kind == "dataset", fingerprint),
    Check("cases", lambda kind, spec: kind == "dataset", cases),
    Check("reload", lambda kind, spec: kind == "dataset", reloaded),
    Check("rights", lambda kind, spec: kind == "dataset", rights),
)
