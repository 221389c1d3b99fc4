"""Privacy: messages as they may be published, without paths, names of files, and ids of cases and patients.

What is known to be private goes by its name. What is not known goes by its look: paths, file names, DICOM's unique
identifiers and, in what a reader or a plugin says of a case, whatever stands in quotes and is not known to be public.
The full messages stay in the run's journal and per-case files.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import replace

from radbench.contracts import Status
from radbench.contracts.case import TARGETS
from radbench.contracts.enhancement import LAYERS
from radbench.leaderboard.pairs import PairResult

HIDDEN = "…"
"""What stands for what is left out."""

_EXTENSION = (
    "png|jpe?g|tiff?|bmp|gif|webp|dcm|dicom|ima|img|hdr|nii|gz|mha|mhd|raw|nrrd|np[yz]|csv|tsv|txt|json|xml|xlsx?|zip|"
    "h5|hdf5|mat|pkl|pth?|safetensors"
)
_WORD = r"[^\s'\"`,;:()\[\]{}<>]"
_PATH = re.compile(
    rf"""
    (?!https?://)\w+://{_WORD}+ | (?P<web>https?://{_WORD}+)
    # Absolute, of the home folder or relative by dots; with blanks, as far as it looks like a path.
    | (?<![\w/])(?:~\w*|\.\.?|[A-Za-z]:|\\)?[/\\]{_WORD}+ (?:[^'":;)\n]*(?:[/\\]{_WORD}+|\.(?:{_EXTENSION})\b))?
    | (?:[\w.-]+[/\\]){{2,}}[\w.-]*
    | (?:{_WORD}*[/\\])?[\w.+@\#-]*\w\.(?:{_EXTENSION})(?!\w)
    # A unique identifier: of a study, a series, an image.
    | \b[0-2](?:\.\d+){{5,}}\b
    """,
    re.VERBOSE | re.IGNORECASE,
)
_QUOTED = re.compile(r"(?<!\w)(['\"`])(.*?)\1(?!\w)")
_REPEATED = re.compile(rf"{HIDDEN}(?:[\s,]*{HIDDEN})+")
_NOTHING_LEFT = re.compile(rf"\s+\({HIDDEN}\)")
_LONGEST_COUNT = 3


def published(pair: PairResult) -> PairResult:
    """Return a pair whose messages name nobody and nothing of this machine."""
    known: dict[str, str] = {}
    private = {*pair.private, *pair.evidence, *pair.failures, *pair.patients, *pair.patients.values()}
    labels = {pair.task, pair.dataset, pair.enhancer, pair.baseline}
    public = {*labels, *(label.partition("[")[0] for label in labels), *TARGETS, *LAYERS}
    public |= {name for metric in pair.metrics for name in (metric.name, metric.observation)}

    def said(text: str) -> str:
        if text not in known:
            known[text] = without_names(text, private, public)
        return known[text]

    # Why a pair does not apply is said by the plan, which knows labels alone.
    planned = pair.status == Status.NOT_APPLICABLE
    return replace(
        pair,
        error=without_paths(pair.error) if planned else said(pair.error),
        lacking=said(pair.lacking),
        failures={case: said(why) for case, why in pair.failures.items()},
        pretrained=without_paths(pair.pretrained),
        task_pretrained=without_paths(pair.task_pretrained),
    )


def without_names(text: str, private: Iterable[str], public: Collection[str] = ()) -> str:
    """Return a message without private names, without what is in quotes and not public, and without paths.

    A number of up to three digits is private in quotes alone: it may count something.
    """
    if not text:
        return text
    lower = text.lower()
    known = (name for name in private if name.lower() in lower and any(map(str.isalnum, name)))
    found = sorted(known, key=len, reverse=True)
    public = {*public} - {*found}
    for name in found:
        if not (name.isdecimal() and len(name) <= _LONGEST_COUNT):
            text = re.sub(rf"(?<![^\W_]){re.escape(name)}(?![^\W_])", HIDDEN, text, flags=re.IGNORECASE)
    text = _QUOTED.sub(lambda quoted: quoted[0] if quoted[2] in public else f"{quoted[1]}{HIDDEN}{quoted[1]}", text)
    return without_paths(text)


def without_paths(text: str) -> str:
    """Return a message without what looks like a path, a file's name or a unique identifier."""
    text = _QUOTED.sub(lambda q: f"{q[1]}{HIDDEN}{q[1]}" if {*q[2]} & {*"/\\"} or _PATH.search(q[2]) else q[0], text)
    text = _PATH.sub(lambda path: path["web"] or HIDDEN, text)
    return _NOTHING_LEFT.sub("", _REPEATED.sub(HIDDEN, text))
