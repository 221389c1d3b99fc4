"""Package: templates become a plugin's package, under the name that its author gave it."""

from __future__ import annotations

import ast
import importlib.util
import keyword
import re
import sys
from pathlib import Path

from radbench.contracts.errors import UsageError, did_you_mean
from radbench.registry.registry import Registry
from radbench.version import __version__

KINDS = ("enhancer", "learner", "task", "dataset")
"""What a package can begin with; a learner is an enhancer that learns."""

_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_TEMPLATES = Path(__file__).with_name("templates")
_SUFFIX = ".template"
"""Of files that would otherwise count as code, or as this project's own settings."""


def write_package(name: str, kind: str, folder: Path | None, registry: Registry) -> Path:
    """Write a package with one plugin; return its folder.

    Args:
        name: of the distribution, and of the enhancer, task or data set: lower-case words with hyphens.
        kind: one of :data:`KINDS`.
        folder: where it goes; None for a folder of the name in the current one. It must not exist yet, or be empty.
        registry: whose names are taken.

    Raises:
        UsageError: the name, the kind or the folder cannot be used.
    """
    if kind not in KINDS:
        raise UsageError(f"--kind '{kind}'{did_you_mean(kind, KINDS)}")
    _check_name(name, kind, registry)
    folder = folder or Path(name)
    words = {
        "name": name,
        "module": _module(name),
        "class": _class(name),
        "title": name.replace("-", " ").capitalize(),
        "version": __version__,
    }
    try:
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise UsageError(f"'{folder}' is there already: choose another --out, or take it away")
        for template in sorted(p for part in ("every", kind) for p in (_TEMPLATES / part).rglob("*") if p.is_file()):
            below = template.relative_to(_TEMPLATES).parts[1:]
            path = folder.joinpath(*(_filled(part, words) for part in below))
            path = path.with_name(path.name.removesuffix(_SUFFIX))
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(_filled(template.read_text(encoding="utf-8"), words), encoding="utf-8")
    except OSError as e:
        raise UsageError(f"cannot write '{folder}': {e.strerror or e}; choose another --out") from e
    return folder


def _check_name(name: str, kind: str, registry: Registry) -> None:
    if not _NAME.fullmatch(name):
        raise UsageError(f"name '{name}' must be lower-case words with hyphens between, as in my-method")
    registered = "enhancer" if kind == "learner" else kind
    if name in registry.entries[registered]:
        other = registry.entries[registered][name].plugin
        article = "an" if registered == "enhancer" else "a"
        raise UsageError(
            f"there is {article} {registered} '{name}' already, of {other.distribution}: choose another name"
        )
    module = _module(name)
    if keyword.iskeyword(module) or keyword.iskeyword(_class(name)):
        raise UsageError(
            f"'{name}' is a word of the Python language, and no module can be called so: choose another name"
        )
    if _class(name) in _names_used(kind):
        raise UsageError(
            f"its class would be '{_class(name)}', which a {kind}'s code uses already: choose another name"
        )
    if module in sys.stdlib_module_names or importlib.util.find_spec(module) is not None:
        raise UsageError(f"'{module}' is the name of another package: choose another name")


def _module(name: str) -> str:
    return name.replace("-", "_")


def _class(name: str) -> str:
    return "".join(word.title() for word in name.split("-"))


def _names_used(kind: str) -> set[str]:
    # Of what the templates import or call: a class of the same name would shadow it.
    used = set()
    for template in sorted((_TEMPLATES / kind).rglob(f"*.py{_SUFFIX}")):
        for node in ast.walk(ast.parse(template.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Name):
                used.add(node.id)
            elif isinstance(node, ast.alias):
                used.add(node.asname or node.name)
    return used


def _filled(text: str, words: dict[str, str]) -> str:
    for word, value in words.items():
        text = text.replace(f"__{word}__", value)
    return text
