"""``bench info``: what a plugin does, and the ledger of its configuration: every field, its value and its source."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from radbench.cli.layout import ledger, terminal_width, wrapped
from radbench.cli.options import names_of, open_registry
from radbench.cli.say import say
from radbench.contracts.errors import UnknownNameError

if TYPE_CHECKING:
    from radbench.contracts.variants import Variant
    from radbench.engine.plan.parts import Part
    from radbench.registry.registry import Registry


def _complete(incomplete: str) -> list[str]:
    return [n for kind in ("enhancer", "task", "dataset") for n in names_of(kind)(incomplete) if n != "all"]


def info(
    name: Annotated[str, typer.Argument(help="An enhancer, task or data set, or a variant.", autocompletion=_complete)],
    profile: Annotated[
        str, typer.Option(metavar="quick|paper", help="The profile that a variant's values are of.")
    ] = "quick",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    plugins: Annotated[list[Path], typer.Option("--plugin", help="A plugin file beyond the installed ones.")] = [],  # noqa: B006
) -> None:
    """Show what something does and where each of its settings comes from, with the parts that it is made of."""
    from radbench.contracts.variants import parse_variant

    registry = open_registry(plugins)
    variant = parse_variant(name)
    kinds = [k for k in registry.entries if variant.name in registry.entries[k]]
    if not kinds:
        raise UnknownNameError("name", variant.name, {n for entries in registry.entries.values() for n in entries})
    found = [_describe(registry, kind, variant, profile) for kind in kinds]
    if as_json:
        say(json.dumps(found[0] if len(found) == 1 else found, indent=1, default=str))
        return
    for facts in found:
        _print(facts, terminal_width())


def _describe(registry: Registry, kind: str, variant: Variant, profile: str) -> dict[str, Any]:
    from radbench.engine.plan.resolver import Resolver, model_of
    from radbench.registry.registry import load_factory

    entry = registry.entry(kind, variant.name)
    model = model_of(entry, load_factory(entry))
    if variant.fields or not any(f.is_required() for f in model.model_fields.values()):
        return _of_part(Resolver(registry, profile).part(kind, variant))
    # What must be given is not there yet: the fields and their defaults are all that can be told.
    return {
        **_of_spec(kind, variant.name, entry.spec, entry.plugin),
        "configuration": [_field(model, name, None) for name in model.model_fields],
        "parts": [],
    }


def _of_part(part: Part) -> dict[str, Any]:
    model = type(part.config)
    return {
        **_of_spec(part.kind, part.label, part.spec, part.plugin),
        "configuration": [_field(model, name, part) for name in model.model_fields],
        "parts": [{"field": name, **_of_part(one)} for name, one in part.named(sources=True)],
    }


def _of_spec(kind: str, name: str, spec: Any, plugin: Any) -> dict[str, Any]:
    left_out = ("name", "summary", "metrics", "factory", "spec_for", "code")
    told = {k: v for k, v in vars(spec).items() if k not in left_out and v not in ("", (), False)}
    return {
        "kind": kind,
        "name": name,
        "summary": spec.summary,
        "plugin": f"{plugin.name} of {plugin.distribution} {plugin.version}".strip(),
        **told,
        "metrics": [vars(m) for m in getattr(spec, "metrics", ())],
    }


def _field(model: Any, name: str, part: Part | None) -> dict[str, Any]:
    from radbench.contracts.config import affects, is_local, part_of, source_of

    field = model.model_fields[name]
    default = "(must be given)" if field.is_required() else field.default
    values = {p: model.profiles.get(p, {}).get(name, default) for p in ("quick", "paper")}
    told = {"field": name, **{p: _shown(v) for p, v in values.items()}}
    if part is not None:
        found = part.parts.get(name)
        below = found if isinstance(found, tuple) else () if found is None else (found,)
        labels = [one.label for one in below]
        text = f"[{','.join(labels)}]" if isinstance(found, tuple) else (labels or ["none"])[0]
        told["value"] = text if part_of(field) is not None else _shown(getattr(part.config, name))
    return {
        **told,
        "source": source_of(field),
        "affects": affects(model, name),
        "local": is_local(field),
        "description": field.description or "",
    }


def _shown(value: Any) -> str:
    return str(value)


def _print(facts: dict[str, Any], width: int | None, indent: str = "") -> None:
    field = f"{facts['field']}: " if "field" in facts else ""
    below = f"{indent}  "
    lines = [f"{field}{facts['kind']} {facts['name']}: {facts['summary']}"]
    told = wrapped(lines[0], width, indent, below)
    for key, value in facts.items():
        if key not in ("field", "kind", "name", "summary", "metrics", "configuration", "parts"):
            text = ", ".join(map(str, value)) if isinstance(value, tuple) else "yes" if value is True else value
            told += wrapped(f"{key.replace('_', ' ')}: {text}", width, below, f"{below}  ")
    for m in facts["metrics"]:
        told += wrapped(f"metric {_metric(m)}", width, below, f"{below}  ")
    fields = facts["configuration"]
    told += ["", *ledger(fields, width, indent), ""] if fields else [f"{below}no configuration"]
    say("\n".join(told))
    for one in facts["parts"]:
        _print(one, width, below)


def _metric(m: dict[str, Any]) -> str:
    parts = [f"{m['direction']} is better"]
    parts += [f"data range {m['data_range']:g}"] if m["data_range"] is not None else []
    parts += [m["aggregation"] + "".join(f", {k} {v:g}" for k, v in m["parameters"])]
    parts += [f"of {m['of']}"] if m["of"] else []
    parts += ["mean over facets"] if m["over_facets"] else []
    parts += ["primary"] if m["primary"] else []
    return f"{m['name']}: {', '.join(parts)}{'; ' + m['empty'] if m['empty'] else ''}"
