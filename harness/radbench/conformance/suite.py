"""Suite: which checks there are for what a plugin offers, and how each ends."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from radbench.conformance.findings import BrokenError, Finding, NotTriedError, Outcome, RemarkError
from radbench.conformance.subject import Check, Subject
from radbench.contracts.errors import PluginError, UsageError, did_you_mean
from radbench.contracts.variants import parse_variant
from radbench.engine.work.failures import message_of
from radbench.registry.discovery import Plugin
from radbench.registry.registry import KINDS, Registry


def all_checks() -> tuple[Check, ...]:
    """Return every check, in the order in which they are tried."""
    from radbench.conformance import every, of_datasets, of_enhancers, of_learners, of_runs, of_tasks

    rooms = (every, of_datasets, of_learners, of_enhancers, of_tasks, of_runs)
    return tuple(check for room in rooms for check in room.CHECKS)


def files_of(plugin: str) -> tuple[str, ...]:
    """Return the plugin files that a name stands for: itself where it is one, none where it is installed."""
    return (str(Path(plugin).expanduser().resolve()),) if plugin.endswith(".py") else ()


def plugin_of(registry: Registry, wanted: str) -> Plugin:
    """Return a plugin by its file, its entry point's name, or its package or distribution.

    Raises:
        UsageError: there is no such plugin, or it cannot be used.
    """

    def names(plugin: Plugin) -> set[str]:
        if plugin.path is not None:
            return {str(plugin.path), plugin.path.name}
        if plugin.module is None:  # it cannot be imported, which is said once it is found
            return {
                plugin.name,
                plugin.distribution,
                *(n.replace("-", "_") for n in (plugin.name, plugin.distribution)),
            }
        return {plugin.name, plugin.module.__name__.partition(".")[0], plugin.distribution} - {""}

    found = [p for p in registry.plugins if ({wanted, *files_of(wanted)} & names(p))]
    if not found:
        known = {name for p in registry.plugins if p.path is None for name in names(p)}
        near = did_you_mean(wanted, known) if wanted else ""
        # With its packages each is there twice: too many to read.
        near = near if "did you mean" in near else "; 'bench list plugins' has those there are"
        if wanted and Path(wanted).is_dir():
            near = ", which is a folder"
        raise UsageError(
            f"there is no plugin '{wanted}'{near}: name a file (my_plugin.py), or an installed package that registers "
            "an entry point in group 'radbench' (pip install -e .)"
        )
    if found[0].error:
        raise UsageError(f"plugin '{wanted}' cannot be used: {found[0].error}")
    if len(found) > 1 and wanted != found[0].name:
        listed = ", ".join(sorted(p.name for p in found))
        raise UsageError(f"'{wanted}' has several plugins, {listed}: name one of them")
    return found[0]


def offered(registry: Registry, plugin: Plugin, variants: Iterable[str] = ()) -> list[tuple[str, str]]:
    """Return (kind, variant) of what a plugin offers: everything, or what is named.

    Raises:
        UsageError: it offers nothing, or no such name.
    """
    own = [
        (kind, name)
        for kind in KINDS
        for name, entry in sorted(registry.entries[kind].items())
        if entry.plugin.module is plugin.module
    ]
    if not own:
        raise UsageError(f"plugin '{plugin.name}' offers no enhancer, no task and no data set")
    chosen = []
    for variant in variants:
        name = parse_variant(variant).name
        kinds = [kind for kind, one in own if one == name]
        if not kinds:
            raise UsageError(f"plugin '{plugin.name}' offers no '{name}'{did_you_mean(name, [n for _, n in own])}")
        chosen += [(kind, variant) for kind in kinds]
    return chosen or own


def refuse_what_is_wrong(subjects: Iterable[Subject]) -> None:
    """Refuse variants with a field that is unknown or has a wrong value: whoever typed it is told so once.

    Raises:
        UsageError: the first of them.
    """
    for subject in subjects:
        if parse_variant(subject.variant).fields:
            with contextlib.suppress(PluginError):
                subject.workshop.part(subject.kind, subject.variant)


def checks_of(registry: Registry, kind: str, variant: str) -> list[Check]:
    """Return the checks that apply to a part, by its spec alone."""
    spec = registry.entry(kind, parse_variant(variant).name).spec
    return [check for check in all_checks() if check.applies(kind, spec)]


def finding(subject: Subject, check: Check) -> Finding:
    """Try a check on a part, with this process set as a worker is."""

    def found(outcome: Outcome, sentence: object) -> Finding:
        return Finding(subject.name, check.name, outcome, " ".join(str(sentence).split()))

    try:
        with subject.workshop.at_work():
            return found(Outcome.HOLDS, check.attempt(subject))
    except NotTriedError as e:
        return found(Outcome.NOT_TRIED, e)
    except RemarkError as e:
        return found(Outcome.REMARK, e)
    except BrokenError as e:
        return found(Outcome.BROKEN, e)
    except (Exception, SystemExit) as e:
        # Whatever else stops a check was raised on the plugin's account.
        return found(Outcome.BROKEN, message_of(e, subject.own))


def findings(subjects: Sequence[Subject]) -> Iterator[tuple[Subject, Check, Finding | None]]:
    """Try all checks on some parts: each is yielded when it begins, without a finding, and when it has ended."""
    for subject in subjects:
        for check in checks_of(subject.workshop.registry, subject.kind, subject.variant):
            yield subject, check, None
            yield subject, check, finding(subject, check)
