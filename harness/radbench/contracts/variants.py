"""Variants: ``name[field=value,...]`` as typed on the command line, split, parsed and printed back."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from radbench.contracts.errors import UsageError

_OPEN, _CLOSE, _QUOTES = "[{(", "]})", "\"'"


@dataclass(frozen=True)
class Variant:
    """A plugin's name with the fields that were set for it.

    Attributes:
        name: the plugin's name.
        fields: (field, value as typed), in the order typed.
    """

    name: str
    fields: tuple[tuple[str, str], ...] = ()

    @property
    def label(self) -> str:
        """How the leaderboard names it; parsing it gives the variant again."""
        if not self.fields:
            return self.name
        return f"{self.name}[{','.join(f'{k}={quoted(v)}' for k, v in self.fields)}]"


def split_list(text: str) -> list[str]:
    """Split at the commas that stand outside brackets and quotes.

    Raises:
        UsageError: a bracket or quote is left open, or closed without having been opened.
    """
    parts, depth, quote, start = [], 0, "", 0
    for i, c in enumerate(text):
        if quote:
            quote = "" if c == quote else quote
        elif c in _QUOTES:
            quote = c
        elif c in _OPEN:
            depth += 1
        elif c in _CLOSE:
            depth -= 1
            if depth < 0:
                raise UsageError(f"'{text}': '{c}' closes nothing")
        elif c == "," and depth == 0:
            parts.append(text[start:i])
            start = i + 1
    if depth or quote:
        raise UsageError(f"'{text}': a {'quote' if quote else 'bracket'} is left open")
    return [p.strip() for p in [*parts, text[start:]] if p.strip()]


def parse_variant(text: str) -> Variant:
    """Read ``name`` or ``name[field=value,...]``.

    Raises:
        UsageError: the text has another form, or a field is given twice.
    """
    text = text.strip()
    name, bracket, rest = text.partition("[")
    name = name.strip()
    if not name or (bracket and not rest.endswith("]")):
        raise UsageError(f"'{text}' must read name or name[field=value,...]")
    fields: dict[str, str] = {}
    for item in split_list(rest[:-1]) if bracket else ():
        field, equals, value = item.partition("=")
        field, value = field.strip(), value.strip()
        if not equals or not field:
            raise UsageError(f"'{item}' in '{text}' must read field=value")
        if field in fields:
            raise UsageError(f"'{text}' sets field '{field}' twice")
        if len(value) > 1 and value[0] == value[-1] and value[0] in _QUOTES:
            value = value[1:-1]
        fields[field] = value
    return Variant(name, tuple(fields.items()))


def quoted(value: str) -> str:
    """Return a text as it must be typed as a field's value to be read back."""
    special = {",", *_OPEN, *_CLOSE, *_QUOTES}
    if value == value.strip() and special.isdisjoint(value):
        return value
    for text in (value, *(f"{q}{value}{q}" for q in _QUOTES)):
        try:
            if parse_variant(f"name[field={text}]").fields == (("field", value),):
                return text
        except UsageError:
            continue
    return value


def parse_value(text: str) -> Any:
    """Turn a typed value into what pydantic validates: lists and mappings from JSON, ``none`` to None."""
    if text[:1] in ("[", "{"):
        try:
            return json.loads(text)
        except ValueError:
            return text
    return None if text.lower() in ("none", "null") else text
