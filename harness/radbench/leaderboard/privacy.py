"""Privacy: messages as they may be published, without paths, names of files, and ids of cases and patients.

What is known to be private goes by its name. What is not known goes by its look: paths, file names, DICOM's unique
identifiers and, in what a reader or a plugin says of a case, whatever stands in quotes and is not known to be public.
The full messages stay in the run's folder, and on the terminal of who started it.
"""

from __future__ import annotations

import contextlib
import getpass
import re
import socket
from collections.abc import Collection, Iterable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from radbench.contracts import Status
from radbench.contracts.case import TARGETS
from radbench.contracts.enhancement import LAYERS
from radbench.contracts.printable import escaped, printable
from radbench.engine.keep.texts import names_listed, relisted, without_reasons
from radbench.leaderboard.columns import seed_of
from radbench.leaderboard.pairs import PairResult, numbered

if TYPE_CHECKING:
    from pandas import DataFrame

_MESSAGES = ("error", "pretrained", "task_pretrained")
"""The columns of messages and of what plugins tell."""

_MARK = "\ue000"
"""Stands before a digest while names go: of no script, so that no name holds it."""

_EVERYDAY = frozenset(
    {"root", "user", "users", "home", "data", "admin", "test", "work", "runner", "localhost", "case", "image"}
)
"""Names of users and machines that tell nobody from another, and are words of messages."""

HIDDEN = "…"
"""What stands for what is left out."""

_EXTENSION = (
    "png|jpe?g|jp2|j2k|jpx|jls|jxl|tiff?|bmp|gif|webp|heic|avif|exr|psd|p[bgnp]m|svs|ndpi|dcm|dicom|ima|img|hdr|nii|gz|mha|"
    "mhd|raw|nrrd|nhdr|mnc|vtk|stl|avi|mp4|mov|np[yz]|csv|tsv|txt|log|json|xml|ya?ml|toml|ini|html?|pdf|docx?|xlsx?|pptx?|"
    "zip|tar|tgz|bz2|xz|zst|7z|rar|h5|hdf5|mat|parquet|sqlite|db|pkl|pickle|pth?|ckpt|onnx|safetensors"
)
_WORD = r"[^\s'\"`,;:()\[\]{}<>“”‘’«»„]"
_PART = rf"(?:{_WORD}|\([^()/\\\n]*\)(?=[/\\\w])|\[[^\[\]/\\\n]*\](?=[/\\\w]))"
_PATH = re.compile(
    rf"""
    (?!https?://)\w+://{_WORD}+ | (?P<web>https?://[^\s'\"`<>\])}}“”‘’«»„]+)
    # Absolute, of the home folder or relative by dots; with blanks, as far as it looks like a path.
    | (?<![\w/])(?:~\w*|\.\.?|[A-Za-z]:|\\)?[/\\]{_PART}+ (?:[^'":;)\n]*(?:[/\\]{_PART}+|\.(?:{_EXTENSION})\b))?
    | (?:[\w.-]+[/\\]){{2,}}[\w.-]*
    # A file's name; before it, what is written with a capital or a number belongs to it.
    | (?:\b(?-i:[A-ZÀ-ÖØ-Þ0-9])[\w.^+-]*[ ,]+){{0,4}}(?:{_WORD}*[/\\])?[\w.+@\#^-]*\w\.(?:{_EXTENSION})(?!\w)
    # A unique identifier: of a study, a series, an image; an address of a person or a machine.
    | \b[0-2](?:\.\d+){{5,}}\b
    | \b[\w.+%-]+@[\w-]+(?:\.[\w-]+)+\b
    | \b\d{{1,3}}(?:\.\d{{1,3}}){{3}}\b(?::\d+)?
    """,
    re.VERBOSE | re.IGNORECASE,
)
_QUOTED = re.compile(
    r"""
    (?<!\w)(['"`])(.*?)\1(?!\w)
    | (“)([^”\n]*)” | (‘)([^’\n]*(?:’\w[^’\n]*)*)’(?!\w) | («)([^»\n]*)» | („)([^“”\n]*)[“”]
    """,
    re.VERBOSE,
)
_CLOSING = {"“": "”", "‘": "’", "«": "»", "„": "“"}
_REPEATED = re.compile(rf"{HIDDEN}(?:[\s,]*{HIDDEN})+")
_NOTHING_LEFT = re.compile(rf"\s+\({HIDDEN}\)")
_JOINTS = re.compile(r"[\s_.-]+")
_LONGEST_COUNT = 3
_SHORTEST = 3
"""A shorter name is a word or a letter of any message; it goes where it is in quotes."""
_LONGEST_MESSAGE = 1000
"""Characters of a message that are published; what looks like a path in longer ones takes long to tell."""


def publishable(frame: DataFrame, results: Iterable[PairResult] = ()) -> DataFrame:
    """Return rows whose messages name nobody and nothing of this machine; cases are named by digest, or not at all.

    Args:
        frame: rows in the schema's columns.
        results: of the run that they come from, which know what is private. Without them the looks decide, and of
            cases that failed no reason is told.
    """
    known = {_entry(vars(result)): result for result in results}
    by_task: dict[str, set[str]] = {}
    for task, *names in zip(*(frame[name] for name in ("task", "metric", "facet", "group")), strict=True):
        by_task.setdefault(task, set()).update(names)
    # Rows of one pair say mostly the same.
    told: dict[tuple[Any, ...], str] = {}

    def said(row: Any, column: str) -> str:
        text, entry = str(row[column]), _entry(row)
        found = (text, column == "error", row["status"], row["reference"], *entry)
        if text and found not in told:
            told[found] = _said(row, text, known.get(entry), by_task[row["task"]]) if found[1] else without_paths(text)
        return told[found] if text else text

    rows = frame.to_dict("records")
    return frame.assign(**{name: [said(row, name) for row in rows] for name in _MESSAGES})


def _entry(facts: Any) -> tuple[str, ...]:
    seed = seed_of(facts)
    names = ("task", "dataset", "split", "enhancer", "profile")
    return (*(str(facts[name]) for name in names), "" if seed is None else str(seed))


def _said(row: Any, text: str, result: PairResult | None, names: set[str]) -> str:
    # Why a pair does not apply is said by the plan, which knows labels alone.
    if row["status"] == Status.NOT_APPLICABLE:
        return without_paths(text)
    private, digests = {*names_listed(text), *_of_this_machine()}, dict[str, str]()
    if result is None:
        text = without_reasons(text)
    labels = {str(row[name]) for name in ("task", "dataset", "enhancer", "reference")}
    public = {*labels, *(label.partition("[")[0] for label in labels), *names, *TARGETS, *LAYERS}
    if result is not None:
        own = {*result.private, *result.evidence, *result.failures, *result.patients, *result.patients.values()}
        private |= {form for name in own for form in _forms(name)} - (public - own)
        public |= {name for metric in result.metrics for name in (metric.name, metric.observation)}
        digests = dict(result.digests)
    # Digests are put in last: none of what goes by its looks looks like them.
    marks = {name: f"{_MARK}{digest[:8]}" for name, digest in digests.items()}
    return without_names(relisted(text, marks), private, public).replace(_MARK, "")


def anonymous(result: PairResult) -> PairResult:
    """Return a pair that knows its cases by digest and its patients by number, and whose messages name nobody.

    What a plugin says of strata stays as it is.

    Raises:
        ValueError: a case has no digest.
    """
    digests, patients = dict(result.digests), numbered(result)
    told: dict[str, str] = {}

    def said(text: str) -> str:
        if text not in told:
            told[text] = _said(_row_of(result), text, result, set())
        return told[text]

    known = sorted({*result.evidence, *result.failures, *patients})
    if not digests.keys() >= {*known}:
        raise ValueError("each case needs a digest")
    return replace(
        result,
        error=said(result.error),
        lacking=said(result.lacking),
        evidence={digests[case]: result.evidence[case] for case in known if case in result.evidence},
        failures={digests[case]: said(result.failures[case]) for case in known if case in result.failures},
        patients={digests[case]: patients[case] for case in known if case in patients},
        groups={digests[case]: result.groups[case] for case in known if case in result.groups},
        digests={digests[case]: digests[case] for case in known},
        private=(),
    )


def _row_of(result: PairResult) -> dict[str, str]:
    return {
        "status": str(Status.OK),
        "task": result.task,
        "dataset": result.dataset,
        "enhancer": result.enhancer,
        "reference": "",
    }


def _forms(name: str) -> set[str]:
    """Return how a private name may stand in a message: as it is, as errors print it, and its parts between slashes."""
    parts = {part for part in name.split("/") if len(part) > _LONGEST_COUNT and part.lower() not in _EVERYDAY}
    return {form for one in (name, *parts) for form in (one, escaped(one), printable(one))}


@cache
def _of_this_machine() -> frozenset[str]:
    """Return the names of user and machine, where they are no everyday words."""
    found = {Path.home().name, socket.gethostname(), socket.gethostname().partition(".")[0]}
    with contextlib.suppress(Exception):  # whatever a system without users raises
        found.add(getpass.getuser())
    return frozenset(name for name in found if len(name) > 2 and name.lower() not in _EVERYDAY)


def without_names(text: str, private: Iterable[str], public: Collection[str] = ()) -> str:
    """Return a message without private names, without what is in quotes and not public, and without paths.

    A number of up to three digits is private in quotes alone: it may count something.
    """
    if not text:
        return text
    text = _cut(text)
    plain = _joined(text)
    known = (name for name in private if any(map(str.isalnum, name)) and _joined(name) in plain)
    found = sorted(known, key=len, reverse=True)
    public = {*public} - {*found}
    for name in found:
        if not (name.isdecimal() and len(name) <= _LONGEST_COUNT) and len(name) >= _SHORTEST:
            text = re.sub(rf"(?<![^\W_]){_spelt(name)}(?![^\W_])", HIDDEN, text, flags=re.IGNORECASE)
    text = _QUOTED.sub(lambda quoted: quoted[0] if _within(quoted) in public else _hidden(quoted), text)
    return without_paths(text)


def _joined(text: str) -> str:
    """Return a text as a name is looked for in it: whatever joins words is a blank."""
    return _JOINTS.sub(" ", text.lower()).strip()


def _spelt(name: str) -> str:
    """Return a pattern of a name, however its words are joined."""
    return _JOINTS.pattern.join(re.escape(word) for word in _JOINTS.split(name) if word) or re.escape(name)


def without_paths(text: str) -> str:
    """Return a message without what looks like a path, a file's name or a unique identifier."""
    text = _cut(text)
    text = _QUOTED.sub(lambda q: _hidden(q) if {*_within(q)} & {*"/\\"} or _PATH.search(_within(q)) else q[0], text)
    text = _PATH.sub(lambda path: _public_address(path["web"]) if path["web"] else HIDDEN, text)
    return _NOTHING_LEFT.sub("", _REPEATED.sub(HIDDEN, text))


def _public_address(address: str) -> str:
    """Return a web address without who calls it and what is asked of it."""
    scheme, _, rest = re.split(r"[?#]", address, maxsplit=1)[0].partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme}://{host.rpartition('@')[2]}{slash}{path}"


def _cut(text: str) -> str:
    if len(text) <= _LONGEST_MESSAGE:
        return text
    # Not within a word: half a name is one, too.
    return text[: text.rfind(" ", 0, _LONGEST_MESSAGE) + 1] + HIDDEN


def _within(quoted: re.Match[str]) -> str:
    return next(text for text in quoted.groups()[1::2] if text is not None)


def _hidden(quoted: re.Match[str]) -> str:
    mark = next(mark for mark in quoted.groups()[::2] if mark is not None)
    return f"{mark}{HIDDEN}{_CLOSING.get(mark, mark)}"
