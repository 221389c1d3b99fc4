"""Cells: a case's evidence as columns of the per-case file, and read back equal whatever its names are.

An observation is a column of its name, with a facet ``NAME/FACET``; a prediction two, ``:label`` and ``:score``. In
names and facets ``%``, ``/`` and ``:`` are written as percent signs with two hexadecimal digits, and so is the first
letter of an observation that is named as another column is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import unquote

from radbench.contracts.evidence import Features, Prediction
from radbench.engine.keep.evidence import decoded

MEASURES = ("enhance_ms", "peak_memory_mb", "parameters", "device")
"""What making an enhancement took, beside the scores in the per-case files."""

GROUP = "group"
"""A stratum is a column ``group:NAME``."""

_TAKEN = frozenset({"case_id", "patient_id", "case_digest", "status", "message", GROUP, *MEASURES})


def cells_of(evidence: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return a case's evidence, as JSON has it, as columns of the per-case file, and what does not fit into them."""
    cells: dict[str, Any] = {}
    vectors: dict[str, Any] = {}
    for name, observed in decoded(evidence).items():
        by_facet = observed if isinstance(observed, Mapping) else {None: observed}
        for facet, value in by_facet.items():
            column = _name(name) if facet is None else f"{_name(name)}/{_escaped(facet)}"
            if isinstance(value, Prediction):
                cells |= {f"{column}:label": _cell(value.label), f"{column}:score": _cell(value.score)}
            elif isinstance(value, Features):
                vectors[name] = evidence[name]
            else:
                cells[column] = value
    return cells, vectors


def evidence_of(row: Mapping[str, str], observations: set[str], features: Mapping[str, Any]) -> dict[str, Any]:
    """Return a case's evidence from its line of the per-case file, and the features that were kept beside it.

    Args:
        row: the line, by column.
        observations: the names that are wanted.
        features: what did not fit into columns.
    """
    found: dict[str, Any] = dict(features)
    for name, facet, value in _read(row):
        if name not in observations:
            continue
        if facet is None:
            found[name] = value
        else:
            found.setdefault(name, {})[facet] = value
    return found


def groups_of(row: Mapping[str, str]) -> dict[str, str]:
    """Return a case's strata by name from its line of the per-case file; "" is in none."""
    groups = ((name.partition(":"), value) for name, value in row.items())
    return {name: value for (kind, colon, name), value in groups if kind == GROUP and colon and value}


def _read(row: Mapping[str, str]) -> Iterator[tuple[str, str | None, Any]]:
    """Yield the observation, the facet (None without one) and the value of each column that holds evidence."""
    for column, text in row.items():
        plain, _, kind = column.partition(":")
        name, has_facet, facet = plain.partition("/")
        if name in _TAKEN or kind == "score" or not text:
            continue
        value = Prediction(_numbers(text), _numbers(row[f"{plain}:score"])) if kind else float(text)
        yield unquote(name), unquote(facet) if has_facet else None, value


def _escaped(text: str) -> str:
    return re.sub("[%/:]", lambda found: f"%{ord(found[0]):02X}", text)


def _name(observation: str) -> str:
    return f"%{ord(observation[0]):02X}{observation[1:]}" if observation in _TAKEN else _escaped(observation)


def _cell(value: Any) -> Any:
    return json.dumps(list(value)) if isinstance(value, Sequence) else value


def _numbers(text: str) -> Any:
    return json.loads(text) if text.startswith("[") else float(text)
