"""Saying: what a verb prints, with escapes for whatever in a name or a message would drive the terminal."""

from __future__ import annotations

import typer

from radbench.engine.keep.texts import visible


def say(text: str, err: bool = False) -> None:
    """Print a line.

    Args:
        text: of it.
        err: on standard error.
    """
    typer.echo(visible(text), err=err)
