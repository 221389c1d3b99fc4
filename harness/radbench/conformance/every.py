"""Every part: its configuration, its listing, and that a worker can build it again."""

from __future__ import annotations

import io
import subprocess
import sys
from typing import Any

from radbench.conformance.findings import BrokenError, RemarkError
from radbench.conformance.subject import Check, Subject
from radbench.contracts.config import SOURCES, affects, is_local, part_of, source_of
from radbench.contracts.errors import RadbenchError
from radbench.engine.keep.texts import counted
from radbench.engine.plan.parts import Part
from radbench.engine.plan.resolver import rebuilt
from radbench.engine.run.executors.import_path import without_current_folder
from radbench.engine.work.frames import receive, send
from radbench.registry.whereabouts import definition_of

HEAVY = (
    *("torch", "torchvision", "timm", "monai", "onnxruntime", "tensorflow", "jax"),
    *("pandas", "scipy", "sklearn", "skimage", "cv2", "SimpleITK", "matplotlib", "nibabel", "piq"),
)
"""Libraries that take long to import."""


def configuration(subject: Subject) -> str:
    """Every field says what it does and where its default comes from; both profiles can be built."""
    part = subject.part
    model = type(part.config)
    for profile in ("quick", "paper"):
        try:
            other = subject.workshop.part(subject.kind, subject.variant, profile)
        except RadbenchError as e:
            raise BrokenError(f"profile {profile} cannot be built: {e}") from e
        # A label leaves out where files lie on this machine: nothing can be made of it again.
        if not _local(other) and subject.workshop.part(subject.kind, other.label, profile).identity != other.identity:
            raise BrokenError(f"its label '{other.label}' does not give the same part again under profile {profile}")
    silent = [n for n, f in model.model_fields.items() if not (f.description or "").strip()]
    if silent:
        raise RemarkError(
            f"field '{silent[0]}' has no description, which 'bench info {part.name}' would print: "
            f'param({_default(model.model_fields[silent[0]])}, "what it does", source="assumed") '
            f"({definition_of(part.factory)})"
        )
    given = [source_of(f) for f in model.model_fields.values()]
    sources = {word for word in SOURCES for source in given if source.startswith(word)}
    levels = {affects(model, n) for n in model.model_fields}
    named = sum(part_of(f) is not None for f in model.model_fields.values())
    if not model.model_fields:
        return "it has no configuration"
    told = f"{counted(len(model.model_fields), 'field')} with description and source ({', '.join(sorted(sources))})"
    return told + (f", {counted(named, 'part')}" if named else "") + (f"; affects {', '.join(sorted(levels))}")


def _local(part: Part) -> bool:
    return any(is_local(f) for f in type(part.config).model_fields.values()) or any(
        _local(one) for _, one in part.named(sources=True)
    )


def _default(field: Any) -> str:
    return "..." if field.is_required() else repr(field.default)


_LIST = """
import sys
from radbench.registry.discovery import installed_plugins, plugin_from_file
from pathlib import Path
before = {*sys.modules}
kind, name = sys.argv[1:3]
if kind == "file":
    plugin = plugin_from_file(Path(name))
else:
    from importlib import metadata
    point = next(p for p in metadata.entry_points(group="radbench") if p.name == name)
    point.load()
print(*sorted({m.partition(".")[0] for m in sys.modules.keys() - before}))
"""


def listing(subject: Subject) -> str:
    """Listing imports the module with the hooks; nothing heavy comes with it."""
    plugin = subject.entry.plugin
    words = ["file", str(plugin.path)] if plugin.path is not None else ["installed", plugin.name]
    done = subprocess.run(
        [sys.executable, "-P", "-c", _LIST, *words],
        capture_output=True,
        text=True,
        env=without_current_folder({**_environment()}),
        check=False,
    )
    if done.returncode:
        raise BrokenError(f"its module cannot be imported by itself: {done.stderr.strip().splitlines()[-1]}")
    heavy = [m for m in HEAVY if m in done.stdout.split()]
    if not heavy:
        return "listing imports nothing heavy"
    told = (
        f"listing imports {', '.join(heavy)}: put the hooks into a module of their own, and what computes into another "
        "that the factory names, or import inside functions"
    )
    # A file is read only where somebody names it.
    raise (RemarkError if plugin.path is not None else BrokenError)(told)


def _environment() -> dict[str, str]:
    import os

    return dict(os.environ)


def in_a_worker(subject: Subject) -> str:
    """A worker builds the part again from what the plan tells it."""
    part = subject.part
    try:
        stream = io.BytesIO()
        send(stream, part.asked)
        stream.seek(0)
        told = receive(stream)
        again = rebuilt(subject.workshop.registry, told)
    except Exception as e:
        raise subject.broken("a worker cannot build it from what the plan tells it", e) from e
    # The identity is told, not worked out again: the digest behind it is.
    if again.digest_of() != part.identity:
        raise BrokenError("a worker that builds it from what the plan tells it gets another configuration")
    return "a worker builds the same part from what the plan tells it"


CHECKS = (
    Check("configuration", lambda kind, spec: True, configuration),
    Check("listing", lambda kind, spec: True, listing),
    Check("worker", lambda kind, spec: True, in_a_worker),
)
