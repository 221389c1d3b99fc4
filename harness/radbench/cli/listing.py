"""``bench list``: what there is."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from radbench.cli.layout import terminal_width, wrapped
from radbench.cli.options import open_registry
from radbench.cli.say import say

LEAST_SUMMARY = 30
"""Columns; a summary that has fewer goes below its name."""


class What(StrEnum):
    """What can be listed."""

    all = "all"
    enhancers = "enhancers"
    tasks = "tasks"
    datasets = "datasets"
    loggers = "loggers"
    plugins = "plugins"


def list_(
    what: Annotated[What, typer.Argument(help="What to list.")] = What.all,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    plugins: Annotated[list[Path], typer.Option("--plugin", help="A plugin file beyond the installed ones.")] = [],  # noqa: B006
) -> None:
    """List enhancers, tasks, data sets, loggers and plugins."""
    registry = open_registry(plugins)
    tables: dict[str, list[dict[str, Any]]] = {}
    for kind in ("enhancer", "task", "dataset"):
        tables[f"{kind}s"] = [
            {
                "name": name,
                "modality": entry.spec.modality,
                **({"plugin": entry.plugin.name, "distribution": entry.plugin.distribution} if as_json else {}),
                **({"learns": _learns(entry.spec)} if as_json and kind != "dataset" else {}),
                "summary": entry.spec.summary + (" (learns)" if not as_json and _learns(entry.spec) else ""),
            }
            for name, entry in sorted(registry.entries[kind].items())
        ]
    tables["plugins"] = [
        {
            "name": p.name,
            **({"distribution": f"{p.distribution} {p.version}".strip()} if what is What.plugins else {}),
            "status": "broken" if p.error else "ok",
            "summary": p.error or _offers(registry, p),
        }
        for p in registry.plugins
    ]
    if what is What.loggers:
        tables["loggers"] = [
            {"name": name, "plugin": plugin.name, "summary": spec.summary}
            for name, (spec, plugin) in sorted(registry.loggers().items())
        ]
    wanted = ["enhancers", "tasks", "datasets"] if what is What.all else [what.value]
    if as_json:
        chosen = {name: tables[name] for name in wanted}
        say(json.dumps(chosen if what is What.all else chosen[what.value], indent=1))
        return
    for name in wanted:
        if what is What.all:
            say(f"{'' if name == wanted[0] else chr(10)}{name}")
        print_rows(tables[name], indent="  " if what is What.all else "")


def _learns(spec: Any) -> bool:
    return bool(getattr(spec, "learns", False))


def _offers(registry: Any, plugin: Any) -> str:
    names = [n for entries in registry.entries.values() for n, e in entries.items() if e.plugin is plugin]
    return ", ".join(sorted(names))


def print_rows(rows: list[dict[str, Any]], indent: str = "") -> None:
    """Print rows, their columns aligned and the summary last, fitted to the terminal."""
    # Aligned by hand: drawing a table would take longer than finding what is in it.
    if not rows:
        say(f"{indent}none")
        return
    columns = [c for c in rows[0] if c != "summary"]
    widths = {c: max(len(r[c]) for r in rows) for c in columns}
    width = terminal_width()
    beside = len(indent) + sum(w + 2 for w in widths.values())
    for row in rows:
        told = indent + "  ".join(row[c].ljust(widths[c]) for c in columns)
        if width is not None and width - beside < LEAST_SUMMARY:
            say("\n".join([told.rstrip(), *wrapped(row["summary"], width, f"{indent}    ", f"{indent}    ")]))
        else:
            say("\n".join(wrapped(row["summary"], width, f"{told}  ", " " * beside)).rstrip())
