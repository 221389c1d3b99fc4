"""Hooks: the enhancer command."""

from __future__ import annotations

from radbench.contracts.specs import EnhancerSpec
from radbench.registry.hookspecs import hookimpl


@hookimpl
def radbench_enhancers() -> list[EnhancerSpec]:
    """Offer the enhancer."""
    return [
        EnhancerSpec(
            "command",
            "radbench_command.command:Command",
            "A program of the command line, called for each image: command[run='program {in} {out}']",
        )
    ]
