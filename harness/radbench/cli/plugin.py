"""``bench plugin``: begin a plugin, and find out whether it holds to its contracts."""

from __future__ import annotations

import json
import shlex
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from radbench.cli.layout import terminal_width, wrapped
from radbench.cli.options import Plugins, Profile
from radbench.cli.say import say
from radbench.contracts.errors import UsageError

if TYPE_CHECKING:
    from radbench.conformance.findings import Finding

app = typer.Typer(help="Begin a plugin, and check one.", no_args_is_help=True, rich_markup_mode=None)


@app.command(
    "new",
    short_help="Write a package with one plugin that passes its own tests.",
    epilog="Example:  bench plugin new my-task --kind task",
)
def new(
    name: Annotated[str, typer.Argument(help="Of the package, and of what it offers: letters, digits and hyphens.")],
    kind: Annotated[str, typer.Option(help="enhancer, learner, task or dataset.")] = "enhancer",
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="The folder to write; default: one of the name, here.")
    ] = None,
) -> None:
    """Write a package with one plugin: hooks, code, tests, README, and what a forge needs to run the tests.

    It passes its tests as it stands; what it does is yours to change.
    """
    from radbench.cli.options import open_registry
    from radbench.scaffold.package import write_package

    folder = write_package(name, kind, out, open_registry([]))
    module = name.replace("-", "_")
    say(f"{folder}: a package that offers the {kind} '{name}'")
    there = shlex.quote(str(folder))
    say(f"  cd {there} && pip install -e '.[test]' && python -m pytest && bench plugin check {module}")


@app.command(
    "check",
    short_help="Try a plugin on its contracts, and say what holds and what does not.",
    epilog="Example:  bench plugin check classical clahe --check sizes",
)
def check(
    what: Annotated[str, typer.Argument(metavar="FILE|PACKAGE", help="A plugin file, or an installed package.")],
    variants: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME…]", help="Of what it offers: names or variants.")
    ] = None,
    only: Annotated[list[str], typer.Option("--check", metavar="CHECK", help="Only this check. Repeatable.")] = [],  # noqa: B006
    profile: Profile = "quick",
    cases: Annotated[int, typer.Option(min=1, help="Load, and learn from, at most so many cases of a split.")] = 4,
    device: Annotated[str, typer.Option(metavar="cpu|cuda[:N]", help="Where to compute.")] = "cpu",
    timeout: Annotated[
        float, typer.Option(min=1, metavar="S", help="Seconds after which a check counts as hanging.")
    ] = 600.0,
    strict: Annotated[bool, typer.Option("--strict", help="Remarks count as faults.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    plugin: Plugins = [],  # noqa: B006
) -> None:
    """Try everything that a plugin offers on the contracts of its kind.

    Each check ends in a sentence: it holds; there is a remark; it does not hold, where, and what to do; or it could not
    be tried, and why. Checks run in a process of their own: one that crashes or hangs is a finding like any other.

    Exit status 1 where something does not hold.
    """
    from radbench.api import pick_devices
    from radbench.conformance.aside import Wanted, findings_aside
    from radbench.conformance.suite import all_checks
    from radbench.contracts.errors import did_you_mean
    from radbench.registry.discovery import plugin_paths

    names = [c.name for c in all_checks()]
    for name in only:
        if name not in names:
            raise UsageError(f"there is no check '{name}'{did_you_mean(name, names)}")
    wanted = Wanted(
        what, tuple(variants or ()), plugin_paths(plugin), profile, cases, pick_devices(device)[0], tuple(only)
    )
    found, subject = [], ""
    for one in findings_aside(wanted, timeout):
        found.append(one)
        if not as_json:
            if one.subject != subject:
                say(one.subject)
            subject = one.subject
            _print(one)
    counts = Counter(one.outcome for one in found)
    if as_json:
        say(json.dumps([{**vars(one), "outcome": str(one.outcome)} for one in found], indent=1))
    else:
        say(_summary(counts))
    from radbench.conformance.findings import Outcome

    if counts[Outcome.BROKEN] or (strict and counts[Outcome.REMARK]):
        raise typer.Exit(1)


def _print(found: Finding) -> None:
    head = f"  {found.outcome!s:<14} {found.check:<14} "
    say("\n".join(wrapped(found.sentence, terminal_width(), head, " " * len(head))))


def _summary(counts: Counter[Any]) -> str:
    from radbench.conformance.findings import Outcome
    from radbench.engine.keep.texts import counted

    held, broken = counts[Outcome.HOLDS], counts[Outcome.BROKEN]
    told = [f"{counted(held, 'check')} hold{'s' * (held == 1)}"]
    told += [f"{broken} {'does' if broken == 1 else 'do'} not"] if broken else []
    told += [counted(counts[Outcome.REMARK], "remark")] if counts[Outcome.REMARK] else []
    told += [f"{counts[Outcome.NOT_TRIED]} not tried"] if counts[Outcome.NOT_TRIED] else []
    return ", ".join(told)
