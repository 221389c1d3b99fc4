"""Key: what the tokens of a study stand for; kept apart from the readers' pages, under a seal that these carry."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from radbench.contracts.errors import UsageError
from radbench.engine.keep.digests import digest
from radbench.engine.keep.sealed import write_atomically
from radbench.reader_study.designs import Design
from radbench.reader_study.schedule import Trial

FORMAT = 1

KEY = Path("key") / "key.json"
"""Within a study's folder."""


@dataclass(frozen=True)
class ReadCase:
    """A case of the study.

    Attributes:
        case_id, patient_id: as the data set has them.
        digest: of the case.
        images: token of the judged image by each enhancer.
        reference: token of the image that is shown beside and named, "" for none.
        positive: whether it has what is to be detected; None where nothing is.
    """

    case_id: str
    patient_id: str
    digest: str
    images: Mapping[str, str]
    reference: str = ""
    positive: bool | None = None


@dataclass(frozen=True)
class Key:
    """Everything about a study that its readers must not know.

    Attributes:
        design: what is asked.
        title: as readers see it.
        seed: everything that was drawn follows from it.
        enhancers: labels of the judged ones.
        identities: digest of each enhancer, the reference's included.
        reference: label of the one that is shown by name, "" for none.
        reference_name: as readers see it.
        dataset, fingerprint, plan: of the run.
        radbench: version that made the study.
        cases: by token.
        readers: by number, each reader's trials in order.
        salt: drawn, so that nobody finds the key by trying what it may hold.
    """

    design: Design
    title: str
    seed: str
    enhancers: tuple[str, ...]
    identities: Mapping[str, str]
    reference: str
    reference_name: str
    dataset: str
    fingerprint: str
    plan: str
    radbench: str
    cases: Mapping[str, ReadCase]
    readers: Mapping[int, tuple[Trial, ...]]
    salt: str
    format: int = field(default=FORMAT)

    @cached_property
    def study(self) -> str:
        """The study's name, on every page and in every line of answers: it is the seal of this key."""
        return f"s{digest(_plain(self))[:24]}"

    @cached_property
    def image_of(self) -> dict[str, tuple[str, str]]:
        """The token of the case, and the enhancer, of every judged image."""
        return {t: (c, e) for c, case in self.cases.items() for e, t in case.images.items()}


def write_key(folder: Path, key: Key) -> Path:
    """Write the key into a study's folder, for its user alone.

    Raises:
        StoreError: it cannot be written.
    """
    file = folder / KEY
    write_atomically(file, json.dumps({"study": key.study, "key": _plain(key)}, indent=1).encode())
    return file


def read_key(folder: Path) -> Key:
    """Read the key of a study.

    Raises:
        UsageError: there is none, it cannot be read, or it is no longer as it was made.
    """
    file = folder / KEY
    try:
        kept = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UsageError(
            f"'{folder}' has no {KEY.as_posix()}: name the folder that 'bench reader-study make' wrote"
        ) from None
    except (OSError, ValueError) as e:
        raise UsageError(f"'{file}' cannot be read ({e}): without the key nobody can tell what was judged") from e
    try:
        if kept["key"]["format"] != FORMAT:
            raise UsageError(f"'{file}' has format {kept['key']['format']}, and this version reads format {FORMAT}")
        key = _key_of(kept["key"])
        name = kept["study"]
    except (KeyError, TypeError, AttributeError) as e:
        raise UsageError(f"'{file}' is damaged: {type(e).__name__} {e}; take it from a copy") from e
    if key.study != name:
        raise UsageError(
            f"'{file}' is no longer the key that the pages were made with: its seal says {name}, its content "
            f"{key.study}; take it from a copy"
        )
    return key


def _plain(key: Key) -> dict[str, Any]:
    plain: dict[str, Any] = json.loads(json.dumps(asdict(key)))
    return plain


def _key_of(plain: Mapping[str, Any]) -> Key:
    given = dict(plain)
    given["design"] = Design(**given["design"])
    given["enhancers"] = tuple(given["enhancers"])
    given["cases"] = {token: ReadCase(**case) for token, case in given["cases"].items()}
    given["readers"] = {
        int(number): tuple(Trial(**{**trial, "images": tuple(trial["images"])}) for trial in trials)
        for number, trials in given["readers"].items()
    }
    return Key(**given)
