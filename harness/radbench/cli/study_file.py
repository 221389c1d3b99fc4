"""A study file: options of ``bench run`` and ``bench plan``, written down as TOML; the command line wins."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Any

import typer

from radbench.contracts.errors import UsageError, did_you_mean

Config = Annotated[
    Path | None,
    typer.Option("--config", metavar="FILE", help="A study.toml with these options; the command line wins."),
]

_TEXTS = ("dataset", "profile", "device", "precision", "executor", "address", "out", "keep", "shard")
_SWITCHES = ("retry_failed", "debug", "allow_leakage", "null")
_LISTS = ("enhancer", "task", "set", "plugin", "log")
_LEAST = {"limit": 0, "jobs": 0, "memory_mb": 0, "timeout": 0.1}

OPTIONS = (*_TEXTS, *_SWITCHES, *_LISTS, *_LEAST, "seed")
"""What a file may say: the options of ``bench run``, of which ``bench plan`` looks at those that change a plan."""


def with_file(given: dict[str, Any], config: Path | None, context: typer.Context) -> dict[str, Any]:
    """Return options with a file's values for those that were not given on the command line.

    Args:
        given: a command's options by name.
        config: the file, None for none. What it says of options that the command lacks is checked, and left out.
        context: of the command, which knows what was typed.

    Raises:
        UsageError: the file is missing, is no TOML, or has an unknown option or a value of the wrong kind; or neither
            file nor command line names an enhancer and a task.
    """
    if config is not None:
        typed = {n for n in given if (s := context.get_parameter_source(n)) is not None and s.name == "COMMANDLINE"}
        typed |= {"set"} if given["set"] else set()
        given = given | {n: v for n, v in _read(config).items() if n in given and n not in typed}
    if not given["enhancer"] or not given["task"]:
        raise UsageError("name at least one --enhancer and one --task; 'bench list' shows what there is")
    return given


def _read(path: Path) -> dict[str, Any]:
    try:
        found = tomllib.loads(path.read_text())
    except OSError as e:
        raise UsageError(f"--config '{path}': {e.strerror}") from e
    except ValueError as e:  # no TOML, or no UTF-8
        raise UsageError(f"--config '{path}' is no TOML: {e}") from e
    found = {name.replace("-", "_"): value for name, value in found.items()}
    for name, value in found.items():
        if name not in OPTIONS:
            raise UsageError(f"--config '{path}' has unknown option '{name}'{did_you_mean(name, OPTIONS)}")
        if wanted := _wanted(name, value):
            raise UsageError(f"--config '{path}': '{name}' must be {wanted}, not {value!r}")
    return {name: _as_given(name, value, path) for name, value in found.items()}


def _wanted(name: str, value: Any) -> str:
    """Return what an option's value must be, "" where it is."""
    if name in _TEXTS:
        return "" if isinstance(value, str) else "a text"
    if name in _SWITCHES:
        return "" if isinstance(value, bool) else "true or false"
    if name in _LISTS:
        return "" if isinstance(value, str) or _all_are(str, value) else "a text or a list of texts"
    if name == "seed":
        one = _is((int, str), value) or _all_are((int, str), value)
        return "" if one else "a whole number, a text as in '0-4', or a list of these"
    least = _LEAST[name]
    kind: tuple[type, ...] = (int, float) if isinstance(least, float) else (int,)
    number = "a number" if isinstance(least, float) else "a whole number"
    return "" if _is(kind, value) and value >= least else f"{number} of at least {least}"


def _is(kind: type | tuple[type, ...], value: Any) -> bool:
    # To Python true is a number.
    return isinstance(value, kind) and not isinstance(value, bool)


def _all_are(kind: type | tuple[type, ...], value: Any) -> bool:
    return isinstance(value, list) and all(_is(kind, one) for one in value)


def _as_given(name: str, value: Any, path: Path) -> Any:
    """Return a value as the command line gives it; paths of plugins are seen from the file."""
    if name in _LISTS:
        texts = [value] if isinstance(value, str) else value
        return [path.parent / text for text in texts] if name == "plugin" else texts
    if name == "seed":
        return ",".join(map(str, value)) if isinstance(value, list) else str(value)
    return Path(value) if name == "out" else value
