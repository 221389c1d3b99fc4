"""``bench info``: what a plugin does, and the ledger of its configuration: every field, its value and its source."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from radbench.cli.options import names_of, open_registry
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
        typer.echo(json.dumps(found[0] if len(found) == 1 else found, indent=1, default=str))
        return
    for facts in found:
        _print(facts)


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


def _print(facts: dict[str, Any], indent: str = "") -> None:
    field = f"{facts['field']}: " if "field" in facts else ""
    typer.echo(f"{indent}{field}{facts['kind']} {facts['name']}: {facts['summary']}")
    for key, value in facts.items():
        if key not in ("field", "kind", "name", "summary", "metrics", "configuration", "parts"):
            text = ", ".join(map(str, value)) if isinstance(value, tuple) else "yes" if value is True else value
            typer.echo(f"{indent}  {key.replace('_', ' ')}: {text}")
    for m in facts["metrics"]:
        typer.echo(f"{indent}  metric {_metric(m)}")
    _print_fields(facts["configuration"], indent)
    for one in facts["parts"]:
        _print(one, indent + "  ")


def _metric(m: dict[str, Any]) -> str:
    parts = [f"{m['direction']} is better"]
    parts += [f"data range {m['data_range']:g}"] if m["data_range"] is not None else []
    parts += [m["aggregation"] + "".join(f", {k} {v:g}" for k, v in m["parameters"])]
    parts += [f"of {m['of']}"] if m["of"] else []
    parts += ["mean over facets"] if m["over_facets"] else []
    parts += ["primary"] if m["primary"] else []
    return f"{m['name']}: {', '.join(parts)}{'; ' + m['empty'] if m['empty'] else ''}"


def _print_fields(fields: list[dict[str, Any]], indent: str) -> None:
    if not fields:
        typer.echo(f"{indent}  no configuration")
        return
    import shutil

    from rich import box
    from rich.console import Console
    from rich.padding import Padding
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    same = all(f["quick"] == f["paper"] for f in fields)
    changed = any("value" in f and f["value"] not in (f["quick"], f["paper"]) for f in fields)
    columns = ["value"] if same and not changed else ["quick", "paper"]
    columns = ["value", *columns] if changed and columns != ["value"] else columns
    for column in ("field", *columns):
        table.add_column(column, overflow="fold")
    table.add_column("source", overflow="fold")
    table.add_column("description", overflow="fold", min_width=20)
    for f in fields:
        values = [f.get(c, f["quick"]) if c == "value" else f[c] for c in columns]
        table.add_row(*(v.replace("[", r"\[") for v in (f["field"], *values, f["source"], f["description"])))
    # Into a file or a pipe all of it goes, however wide.
    width = shutil.get_terminal_size((100, 24)).columns
    Console(width=max(width, 100)).print(Padding(table, (0, 0, 0, len(indent))))
