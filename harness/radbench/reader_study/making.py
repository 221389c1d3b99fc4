"""Making: a study's folder, with a page for each reader and, apart from them, the key."""

from __future__ import annotations

import math
import secrets
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import radbench
from radbench.contracts.case import MASK_TARGETS
from radbench.contracts.errors import UnknownNameError, UsageError
from radbench.contracts.variants import split_list
from radbench.engine.keep.digests import short
from radbench.engine.keep.private import make_private
from radbench.engine.keep.sealed import write_atomically
from radbench.engine.keep.texts import counted
from radbench.engine.plan.keys import entry_key
from radbench.engine.plan.pairs import BASELINE
from radbench.reader_study.designs import make_design
from radbench.reader_study.key import Key, ReadCase, write_key
from radbench.reader_study.page import page_of
from radbench.reader_study.pixels import Packed, grey_levels, pack, within
from radbench.reader_study.run_images import RunImages, images_of
from radbench.reader_study.schedule import Trial, choose_cases, drawing, token, trials_of, usual_repeats

if TYPE_CHECKING:
    from radbench.contracts.case import Case
    from radbench.contracts.dataset import CaseEntry

READERS, ANSWERS = "readers", "answers"

LARGEST_PAGE = 480 * 10**6
"""Bytes: browsers hold no longer text than 512 MiB (Chromium's longest string)."""

NO_REFERENCE = "none"


@dataclass(frozen=True)
class Asked:
    """What a study is to be; see ``bench reader-study make --help``.

    Attributes:
        enhancers: labels of the run's, comma lists among them; the reference may be one.
        cases, readers, repeats: how many; repeats below 0 for a tenth of the trials.
        design, grades, ties, question, finding: see :func:`radbench.reader_study.designs.make_design`.
        reference: label of what is shown by name beside a ranking; "" for the original where it is among the
            enhancers of a ranking, "none" for nothing.
        reference_name: as readers see it.
        title: as readers see it.
        seed: of everything that is drawn; "" draws one.
        bits, size: of the images in a page; size 0 keeps theirs.
        task: of the run, where it has several.
        plugin_files: that the run used and that may be loaded.
    """

    enhancers: tuple[str, ...]
    cases: int
    readers: int
    design: str = "ranking"
    repeats: int = -1
    grades: int = 0
    ties: bool = True
    question: str = ""
    finding: str = ""
    reference: str = ""
    reference_name: str = "Original"
    title: str = "Reader study"
    seed: str = ""
    bits: int = 16
    size: int = 0
    task: str = ""
    plugin_files: tuple[str, ...] = ()


@dataclass(frozen=True)
class Made:
    """A study that was made.

    Attributes:
        key: of it.
        folder: where it lies.
        pages: of the readers.
        largest: bytes of the largest page.
        notes: sentences about what of the run is not in it.
    """

    key: Key
    folder: Path
    pages: tuple[Path, ...]
    largest: int
    notes: tuple[str, ...] = ()


def make_study(run: Path, asked: Asked, out: Path, tell: Callable[[int, int], None] = lambda done, total: None) -> Made:
    """Make a study of a run's images.

    Args:
        run: the run's folder.
        asked: what it is to be.
        out: a folder that does not exist yet or is empty.
        tell: called with how many cases are packed, and of how many.

    Raises:
        UsageError: what was asked for cannot be, or the folder is in use; nothing was written.
        CaseError: an image is kept no more and cannot be made again.
        StoreError: the folder cannot be written.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError(
            f"'{out}' holds something already: a study is never overwritten; name another folder with --out"
        )
    if asked.readers < 1:
        raise UsageError(f"--readers must be 1 or more, got {asked.readers}")
    if asked.size and asked.size < 64:
        raise UsageError(f"--size must be 64 or more, or 0 for the images' own, got {asked.size}")
    labels = tuple(dict.fromkeys(name for text in asked.enhancers for name in split_list(text)))
    reference = _reference(asked, labels)
    judged = tuple(name for name in labels if name != reference)
    seed = asked.seed or secrets.token_hex(16)
    with images_of(run, [*labels, *([reference] if reference else [])], asked.task, asked.plugin_files) as images:
        # Not before: of a name that the run does not have, the name is wrong and not how many there are.
        design = make_design(asked.design, len(judged), asked.grades, asked.ties, asked.question, asked.finding)
        chosen, untold = _chosen(images, asked, seed)
        cases, packed = _packed(images, chosen, judged, reference, asked, seed, tell)
        readers = _readers(cases, asked, design.name, seed)
        key = Key(
            design=design,
            title=asked.title,
            seed=seed,
            enhancers=judged,
            identities={name: short(pair.enhancer.identity) for name, pair in images.pairs.items()},
            reference=reference,
            reference_name=asked.reference_name if reference else "",
            dataset=images.dataset,
            fingerprint=images.fingerprint,
            plan=images.plan,
            radbench=radbench.__version__,
            cases=cases,
            readers=readers,
            salt=f"{drawing(seed, 'salt').getrandbits(128):032x}",
        )
    pages = {number: page_of(key, number, packed).encode() for number in readers}
    largest = max(map(len, pages.values()))
    if largest > LARGEST_PAGE:
        raise UsageError(
            f"a reader's page would have {largest / 1e6:.0f} MB, and browsers hold {LARGEST_PAGE / 1e6:.0f}: ask for "
            "fewer --cases, for smaller images (--size 1024) or fewer greys (--bits 12)"
        )
    notes = (f"the data set does not state {asked.finding} of {counted(untold, 'case')}",) if untold else ()
    return _written(key, pages, out, largest, (*images.notes, *notes))


def _reference(asked: Asked, labels: Sequence[str]) -> str:
    if asked.reference == NO_REFERENCE:
        return ""
    if asked.reference:
        if asked.design != "ranking":
            raise UsageError(f"--reference is shown beside a ranking; a {asked.design} shows what is judged alone")
        return asked.reference
    return BASELINE if asked.design == "ranking" and BASELINE in labels else ""


def _chosen(images: RunImages, asked: Asked, seed: str) -> tuple[list[tuple[CaseEntry, bool | None]], int]:
    """Return the cases that are read and whether each has the finding, and of how many of the run it is not stated."""
    by_id = {entry.case_id: entry for entry in images.entries}
    patients = {name: entry.patient_id for name, entry in by_id.items()}
    positive: dict[str, bool] | None = None
    if asked.finding:
        positive = _truth(((name, images.case(entry)) for name, entry in by_id.items()), asked.finding)
        patients = {name: patients[name] for name in positive}
    ids = choose_cases(patients, asked.cases, seed, positive)
    chosen = [(by_id[name], positive[name] if positive is not None else None) for name in ids]
    return chosen, len(by_id) - len(patients)


def _truth(cases: Iterable[tuple[str, Case]], finding: str) -> dict[str, bool]:
    """Tell by case id whether each has a finding, without the cases of which that is not stated.

    Raises:
        UnknownNameError: no case states such a finding.
    """
    found: dict[str, bool] = {}
    known: set[str] = set()
    for name, case in cases:
        known |= {*(MASK_TARGETS & case.targets.keys()), *case.targets.get("findings", {})}
        # What the data set does not state is no truth.
        if (has := _has(case, finding)) is not None:
            found[name] = has
    if finding not in known:
        raise UnknownNameError("finding of this data set", finding, known)
    return found


def _has(case: Case, finding: str) -> bool | None:
    """Tell whether a case has a finding, None where it is not stated."""
    if finding in MASK_TARGETS and finding in case.targets:
        return bool(case.targets[finding].any())
    value = float(case.targets.get("findings", {}).get(finding, math.nan))
    return None if value != value else value > 0


def _packed(
    images: RunImages,
    chosen: Sequence[tuple[CaseEntry, bool | None]],
    judged: Sequence[str],
    reference: str,
    asked: Asked,
    seed: str,
    tell: Callable[[int, int], None],
) -> tuple[dict[str, ReadCase], dict[str, Packed]]:
    draws = drawing(seed, "names")
    cases: dict[str, ReadCase] = {}
    packed: dict[str, Packed] = {}
    for done, (entry, positive) in enumerate(chosen, 1):
        names = {name: token(draws, "i") for name in (*judged, *([reference] if reference else []))}
        for enhancer, name in names.items():
            packed[name] = pack(grey_levels(within(images.image(enhancer, entry), asked.size), asked.bits), asked.bits)
        cases[token(draws, "c")] = ReadCase(
            case_id=entry.case_id,
            patient_id=entry.patient_id,
            digest=short(entry_key(entry)),
            images={name: names[name] for name in judged},
            reference=names.get(reference, ""),
            positive=positive,
        )
        tell(done, len(chosen))
    return cases, packed


def _readers(cases: dict[str, ReadCase], asked: Asked, design: str, seed: str) -> dict[int, tuple[Trial, ...]]:
    shown = {name: [*case.images.values()] for name, case in cases.items()}
    found: dict[int, tuple[Trial, ...]] = {}
    for number in range(1, asked.readers + 1):
        repeats = asked.repeats
        if repeats < 0:
            repeats = usual_repeats(len(trials_of(design, shown, 0, seed, number)))
        found[number] = tuple(trials_of(design, shown, repeats, seed, number))
    return found


def _written(key: Key, pages: dict[int, bytes], out: Path, largest: int, notes: tuple[str, ...] = ()) -> Made:
    # The key first: pages without one would be worth nothing.
    write_key(out, key)
    digits = len(str(len(pages)))
    files: list[Any] = []
    for number, page in pages.items():
        file = out / READERS / f"reader-{number:0{digits}}.html"
        write_atomically(file, page)
        files.append(file)
    make_private(out / ANSWERS)
    return Made(key, out, tuple(files), largest, notes)
