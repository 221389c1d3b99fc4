"""Deviations: in what a run here differs from what the paper describes - data, sizes, epochs, weights."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from radbench.contracts.config import part_of
from radbench.contracts.variants import Variant, parse_variant
from radbench.engine.plan.labels import typed
from radbench.engine.plan.parts import Part
from radbench.engine.plan.resolver import Resolver
from radbench.registry.registry import Registry

FIRST = ("size", "side", "patch", "epochs", "steps", "layers", "blocks", "filters", "backbone", "pictures", "rounds")
"""Fields that are told first, by a word of their names."""

LAST = frozenset({"batch", "validation", "watched", "warmup", "tuning", "patience"})
"""Fields that are told last, likewise."""

SHOWN = 6
"""At most so many settings of one part are told."""

WEIGHTS = ("pretrained",)


def settings_that_differ(
    registry: Registry, kind: str, label: str, profile: str, paper: str
) -> list[tuple[str, str, str]]:
    """Return the settings of a part in which a profile differs from the paper's.

    Args:
        registry: of the plugins that there are.
        kind: "enhancer" or "task".
        label: the part, as it is typed.
        profile: that it is run in.
        paper: what stands for it in the paper's profile.

    Returns:
        name, what it is here, and what the paper's profile has; what tells most comes first. Data sets that are learnt
        from are none of it.

    Raises:
        UsageError, PluginError: one of the two is no part here.
    """
    if profile == "paper":
        return []
    here = Resolver(registry, profile).part(kind, label)
    # What the paper learnt from is not here, mostly; its label must not stand in the way.
    there = Resolver(registry, "paper").part(kind, _without_data(here, paper))
    return sorted(_differing(here, there), key=_weight)


def _without_data(here: Part, label: str) -> str:
    """Return a variant without the data sets that it learns from."""
    variant = parse_variant(label)
    kept = ((name, text) for name, text in variant.fields if not (name in here.fields and here.fields[name].learns))
    return Variant(variant.name, tuple(kept)).label


def _differing(here: Part, there: Part) -> Iterator[tuple[str, str, str]]:
    fields = type(here.config).model_fields
    for name, about in fields.items():
        if part_of(about) is None:
            mine, theirs = getattr(here.config, name), getattr(there.config, name)
            if mine != theirs:
                yield name, _typed(mine), _typed(theirs)


def _typed(value: Any) -> str:
    return typed(list(value) if isinstance(value, tuple) else value)


def _weight(setting: tuple[str, str, str]) -> tuple[int, str]:
    words = setting[0].split("_")
    if LAST.intersection(words):
        return len(FIRST) + 1, setting[0]
    return min((FIRST.index(word) for word in words if word in FIRST), default=len(FIRST)), setting[0]


def told(settings: Sequence[tuple[str, str, str]]) -> str:
    """Return settings as text: "size 128 (512), epochs 40 (200) and 3 more"; weights are told apart, and not here."""
    others = [one for one in settings if one[0] not in WEIGHTS]
    texts = [f"{name} {here} ({there})" for name, here, there in others[:SHOWN]]
    rest = f" and {len(others) - SHOWN} more" if len(others) > SHOWN else ""
    return f"{', '.join(texts)}{rest}"


def weights_told(settings: Sequence[tuple[str, str, str]]) -> str:
    """Return how pretrained weights differ, "" where they do not."""
    for name, here, there in settings:
        if name in WEIGHTS:
            have, had = ("ImageNet's" if one == "true" else "none" for one in (here, there))
            return f"pretrained weights: {have} ({had})"
    return ""


def learnt_from(part: Part) -> list[str]:
    """Return the labels of the data sets that a part, or a part of it, learns from."""
    found: dict[str, None] = {}
    for name, one in part.named(sources=True):
        if one.kind == "dataset" and part.fields[name].learns:
            found[one.label] = None
        elif one.kind == "enhancer":
            found |= dict.fromkeys(learnt_from(one))
    return [*found]
