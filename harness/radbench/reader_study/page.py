"""Page: one file that a reader opens: images, questions and script in it, and nothing that says what is what."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any

from radbench.reader_study.designs import Design
from radbench.reader_study.key import Key
from radbench.reader_study.pixels import Packed
from radbench.reader_study.schedule import Trial

REST = (
    "The same cases come again, in other images. Rest before you go on; where the study's protocol names a time "
    "between the parts, close the page now: your answers are kept."
)


def page_of(key: Key, reader: int, images: Mapping[str, Packed]) -> str:
    """Return a reader's page.

    It asks nothing of a network, and its Content-Security-Policy would allow nothing: its own style and script, by
    their digests, and the answers that leave it as a file.

    Args:
        key: of the study; what is in it of cases and enhancers stays out of the page.
        reader: number of the reader.
        images: by token.
    """
    style, script, frame = (_part(name) for name in ("page.css", "page.js", "page.html"))
    trials = key.readers[reader]
    tokens = dict.fromkeys(
        token for trial in trials for token in (*trial.images, key.cases[trial.case].reference) if token
    )
    parts = {
        "@CSP@": (
            f"default-src 'none'; script-src '{_hash(script)}'; style-src '{_hash(style)}'; img-src data: blob:; "
            "base-uri 'none'; form-action 'none'"
        ),
        "@TITLE@": html.escape(key.title),
        "@STYLE@": style,
        "@STUDY@": _json(_study(key, reader, trials, images)),
        # In the order of their names, which were drawn.
        "@IMAGES@": "\n".join(_image(token, images[token]) for token in sorted(tokens)),
        "@SCRIPT@": script,
    }
    # In one go: what people wrote may look like a mark.
    return re.sub(r"@[A-Z]+@", lambda mark: parts[mark[0]], frame)


def _study(key: Key, reader: int, trials: Sequence[Trial], images: Mapping[str, Packed]) -> dict[str, Any]:
    """Return what the script is told."""
    return {
        "study": key.study,
        "reader": reader,
        "design": key.design.name,
        "title": key.title,
        "question": key.design.question,
        "labels": list(key.design.labels),
        "ties": key.design.ties,
        "reference": key.reference_name,
        "instructions": instructions(key.design, key.reference_name),
        "rest": REST,
        "again": any(trial.repeats for trial in trials),
        "trials": [
            {
                "id": trial.token,
                "part": trial.part,
                "images": list(trial.images),
                "reference": key.cases[trial.case].reference,
                "shape": [images[trial.images[0]].height, images[trial.images[0]].width],
            }
            for trial in trials
        ],
    }


def instructions(design: Design, reference: str) -> list[str]:
    """Return what a reader is told before the first trial."""
    beside = f" The image that is named {reference} is for comparison, and is not judged." if reference else ""
    said = {
        "ranking": (
            "You see images of one patient side by side, processed in different ways; their order is drawn anew for "
            f"every case. Give each a rank from 1 (best) to {design.grades} (worst)."
        )
        + (" Images that you find equally good may have the same rank." if design.ties else " Give each rank once."),
        "rating": "You see one image at a time. Grade each by itself, on the scale below it.",
        "preference": "You see two images of one patient, processed in different ways. Choose the one you prefer."
        + (" Where you see no difference that matters, say so." if design.ties else ""),
        "detection": (
            "You see one image at a time, with or without the finding. Say how sure you are that it is there; use the "
            "whole scale."
        ),
    }[design.name]
    return [
        said + beside,
        "Change window and zoom as you would at your workstation: they are the same for all images that you see "
        "together. Take the time that you need.",
    ]


def _part(name: str) -> str:
    return (files("radbench.reader_study") / "page" / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _json(value: Any) -> str:
    # Nothing in it may end the element that it stands in.
    return json.dumps(value, ensure_ascii=True).replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _image(token: str, packed: Packed) -> str:
    palette = f' data-palette="{",".join(map(str, packed.palette))}"' if packed.palette else ""
    return (
        f'<script type="text/plain" id="{token}" data-width="{packed.width}" data-height="{packed.height}" '
        f'data-white="{packed.white}"{palette}>{packed.data}</script>'
    )
