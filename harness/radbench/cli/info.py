"""``bench info``: what a plugin does, and the ledger of its configuration: every field, its value and its source."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from radbench.cli.options import names_of, open_registry
from radbench.contracts.errors import UnknownNameError


def _complete(incomplete: str) -> list[str]:
    return [n for kind in ("enhancer", "task", "dataset") for n in names_of(kind)(incomplete) if n != "all"]


def info(
    name: Annotated[str, typer.Argument(help="An enhancer, task or data set.", autocompletion=_complete)],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    plugins: Annotated[list[Path], typer.Option("--plugin", help="A plugin file beyond the installed ones.")] = [],  # noqa: B006
) -> None:
    """Show what something does and where each of its settings comes from."""
    registry = open_registry(plugins)
    kinds = [k for k in registry.entries if name in registry.entries[k]]
    if not kinds:
        raise UnknownNameError("name", name, {n for entries in registry.entries.values() for n in entries})
    found = [_describe(registry, kind, name) for kind in kinds]
    if as_json:
        typer.echo(json.dumps(found[0] if len(found) == 1 else found, indent=1, default=str))
        return
    for facts in found:
        _print(facts)


def _describe(registry: Any, kind: str, name: str) -> dict[str, Any]:
    from radbench.contracts.config import config_of, source_of
    from radbench.registry.registry import load_factory

    entry = registry.entry(kind, name)
    model = config_of(load_factory(entry))
    fields = []
    for field_name, field in model.model_fields.items():
        default = "(must be given)" if field.is_required() else field.default
        fields.append(
            {
                "field": field_name,
                "quick": model.presets.get("quick", {}).get(field_name, default),
                "paper": model.presets.get("paper", {}).get(field_name, default),
                "source": source_of(field),
                "description": field.description or "",
            }
        )
    spec = {k: v for k, v in vars(entry.spec).items() if k not in ("name", "summary", "metrics") and v not in ("", ())}
    if spec.get("trainable"):
        on = {f["quick"] for f in fields if f["field"] == "trained_on"} | {
            f["paper"] for f in fields if f["field"] == "trained_on"
        }
        spec["learns_from"] = tuple(sorted(map(str, on)))
    return {
        "kind": kind,
        "name": name,
        "summary": entry.spec.summary,
        "plugin": f"{entry.plugin.name} of {entry.plugin.distribution} {entry.plugin.version}".strip(),
        **spec,
        "metrics": [vars(m) for m in getattr(entry.spec, "metrics", ())],
        "configuration": fields,
    }


def _print(facts: dict[str, Any]) -> None:
    typer.echo(f"{facts['kind']} {facts['name']}: {facts['summary']}")
    for key, value in facts.items():
        if key not in ("kind", "name", "summary", "metrics", "configuration"):
            typer.echo(f"  {key.replace('_', ' ')}: {', '.join(value) if isinstance(value, tuple) else value}")
    for m in facts["metrics"]:
        scale = f", data range {m['data_range']:g}" if m["data_range"] is not None else ""
        empty = f"; {m['empty']}" if m["empty"] else ""
        typer.echo(f"  metric {m['name']}: {m['direction']} is better{scale}, {m['aggregation']}{empty}")
    if not facts["configuration"]:
        typer.echo("  no configuration")
        return
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    same = all(f["quick"] == f["paper"] for f in facts["configuration"])
    for column in ("field", "value") if same else ("field", "quick", "paper"):
        table.add_column(column, no_wrap=True)
    table.add_column("source", overflow="fold")
    table.add_column("description", overflow="fold")
    for f in facts["configuration"]:
        values = [str(f["quick"])] if same else [str(f["quick"]), str(f["paper"])]
        table.add_row(*(v.replace("[", r"\[") for v in (f["field"], *values, f["source"], f["description"])))
    Console().print(table)
