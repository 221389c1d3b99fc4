"""Ledger: every setting of the parts behind a row, with its value, its source and what it is for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from radbench.contracts.config import is_local, part_of, source_of
from radbench.engine.keep.digests import short
from radbench.engine.plan.parts import Part


@dataclass(frozen=True)
class Setting:
    """One field of a configuration.

    Attributes:
        field: its name.
        value: as text; of a path of this machine, only that there is one.
        source: where the value comes from: the paper's section, the authors' code, an assumption.
        description: what it is.
    """

    field: str
    value: str
    source: str
    description: str


@dataclass(frozen=True)
class PartLedger:
    """A part with its settings.

    Attributes:
        kind, label, summary, reference, plugin: as ``bench info`` tells them.
        digest: the identity: of name, configuration, parts and code.
        role: the field of the part above that names it, "" for one that was asked for.
        depth: how many parts stand above it.
        settings: one for each field.
    """

    kind: str
    label: str
    summary: str
    reference: str
    plugin: str
    digest: str
    role: str
    depth: int
    settings: tuple[Setting, ...]


def ledger(part: Part, role: str = "", depth: int = 0) -> Iterator[PartLedger]:
    """Yield a part and, behind it, every part that it names."""
    model = type(part.config)
    yield PartLedger(
        part.kind,
        part.label,
        part.spec.summary,
        part.spec.reference,
        f"{part.plugin.distribution} {part.plugin.version}".strip(),
        short(part.identity),
        role,
        depth,
        tuple(
            Setting(name, _value(part, name, field), source_of(field), field.description or "")
            for name, field in model.model_fields.items()
        ),
    )
    for name, one in part.named(sources=True):
        yield from ledger(one, name, depth + 1)


def _value(part: Part, name: str, field: Any) -> str:
    if is_local(field):
        # The label has the digest of what lies there; where it lies is nobody's business.
        return "(a path of the machine that it ran on)" if str(getattr(part.config, name)) else "(none)"
    if part_of(field) is None:
        return str(getattr(part.config, name))
    found = part.parts.get(name)
    if isinstance(found, tuple):
        return f"[{', '.join(one.label for one in found)}]"
    return found.label if found is not None else "none"
