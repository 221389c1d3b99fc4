"""The reference of every command, from the command line's own help; part of ``python docs/make_reference.py``."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from typing import Any

COMPLETION = {"install_completion", "show_completion"}
"""Options that typer adds by itself."""


def commands_of(path: str) -> str:
    """Return a section for every command, and for each of its own commands.

    Args:
        path: the module with ``VERBS`` and ``make_app``.
    """
    import importlib

    import typer.main

    home = importlib.import_module(path)
    app = typer.main.get_command(home.make_app(None))
    sections = []
    for name in home.VERBS:
        command = app.commands[name]
        below = getattr(command, "commands", {})
        sections.append(_section(f"bench {name}", command, 2))
        sections += [_section(f"bench {name} {other}", below[other], 3) for other in sorted(below)]
    return "\n" + "\n".join(sections) + "\n"


def options_of(path: str) -> str:
    """Return a table of what a file of ``bench run --config`` can hold: a key, a value's form, what it does.

    Args:
        path: the command, as "package.module:command".
    """
    import typer.main

    from radbench.cli.app import make_app

    command = typer.main.get_command(make_app(None)).commands[path.rpartition(".")[2]]
    rows = []
    for one in command.params:
        if one.name == "config":
            continue
        key = one.opts[0].removeprefix("--")
        kind = "list of texts" if one.multiple else "true or false" if one.is_flag else _kind(one)
        rows.append(f"| `{key}` | {kind} | {_plain(one.help)} |\n")
    return "".join(["| key | value | what it is |\n|---|---|---|\n", *rows])


def _section(title: str, command: Any, level: int) -> str:
    """Return what a command does, how it is called, its arguments and options, and its example."""
    lines = [f"{'#' * level} {title}", "", *_paragraphs(command.help or "")]
    rows = [row for one in command.params if one.name not in COMPLETION for row in _row(one)]
    if rows:
        given = [_shown(one) for one in command.params if one.param_type_name == "argument"]
        lines += [
            f"`{' '.join([title, *given, '[OPTIONS]'])}`",
            "",
            "| argument, option | what it is |",
            "|---|---|",
            *rows,
            "",
        ]
    if getattr(command, "commands", None):
        lines += ["Its commands are " + ", ".join(f"`{name}`" for name in sorted(command.commands)) + ".", ""]
    example = re.search(r"Example:\s+(.*)", command.epilog or "", re.DOTALL)
    if example:
        lines += [f"Example: `{' '.join(example[1].split())}`", ""]
    return "\n".join(lines)


def _paragraphs(text: str) -> Iterator[str]:
    for paragraph in re.split(r"\n\s*\n", inspect.cleandoc(text)):
        yield from (_plain(paragraph), "")


def _row(one: Any) -> Iterator[str]:
    if getattr(one, "hidden", False):
        return
    name = _shown(one)
    if one.param_type_name == "option":
        names = " / ".join([", ".join(one.opts), *one.secondary_opts])
        name = names if one.is_flag else f"{names} {_metavar(one)}"
    told = [_plain(one.help or ""), *_bounds(one)]
    yield f"| `{name}` | {' '.join(filter(None, told))} |".replace(f"`{name}`", f"`{name.replace('|', chr(92) + '|')}`")


def _bounds(one: Any) -> Iterator[str]:
    default = one.default
    if default not in (None, "", False, [], ()) and not callable(default) and not one.required:
        shown = default if not (one.is_flag if hasattr(one, "is_flag") else False) else one.opts[0]
        yield f"Default: `{shown}`."
    low, high = getattr(one.type, "min", None), getattr(one.type, "max", None)
    if low is not None and high is not None:
        yield f"From {low} to {high}."
    elif low is not None:
        yield f"At least {low}."


def _shown(one: Any) -> str:
    name = _metavar(one)
    return name if one.required or name.startswith("[") else f"[{name}]"


def _metavar(one: Any) -> str:
    kinds = {"INT": "N", "FLOAT": "X"}
    plain = type(one.type).__name__.upper()
    kind = next((short for long, short in kinds.items() if plain.startswith(long)), "")
    if one.param_type_name == "argument":
        return str(one.metavar or one.name.upper())
    return str(one.metavar or kind or ("PATH" if "PATH" in plain else "TEXT"))


def _kind(one: Any) -> str:
    plain = type(one.type).__name__.upper()
    return "whole number" if plain.startswith("INT") else "number" if plain.startswith("FLOAT") else "text"


def _plain(text: str) -> str:
    """Return a text as one line of Markdown, in which nothing is a tag or the end of a cell."""
    return " ".join(text.replace("\b", "").split()).replace("<", "&lt;").replace("|", r"\|")
