"""``bench cache``: what is kept to save time, how big it is, what of it goes, and whether it is whole."""

from __future__ import annotations

import datetime
import json
import operator
import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from radbench.cli.say import say
from radbench.contracts.errors import UsageError, did_you_mean
from radbench.engine.keep.texts import counted

if TYPE_CHECKING:
    from radbench.engine.keep.holdings import Choice, Holding

app = typer.Typer(help="What is kept to save time.", no_args_is_help=True, rich_markup_mode=None)

Kinds = Annotated[
    list[str],
    typer.Option(
        "--kind", metavar="KIND", help="cases, enhancements, lessons, weights, scores or remembered. Repeatable."
    ),
]
EnhancersOf = Annotated[
    list[str], typer.Option("--enhancer", "-e", metavar="E", help="What is of this enhancer or variant. Repeatable.")
]
DatasetsOf = Annotated[
    list[str], typer.Option("--dataset", "-d", metavar="D", help="What is of this data set. Repeatable.")
]
TasksOf = Annotated[list[str], typer.Option("--task", "-t", metavar="T", help="What is of this task. Repeatable.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command("info", short_help="What lies there, how big, of what, and unused since when.")
def info(as_json: Json = False) -> None:
    """Show what is kept: by kind, by enhancer, by data set and by task, how big it is and when it was last used."""
    from radbench.engine.keep.holdings import KINDS, abandoned, holdings
    from radbench.engine.keep.homes import cache_home
    from radbench.engine.keep.names import OWNERS
    from radbench.engine.keep.room import Room, budget

    root = cache_home()
    found = list(holdings(root))
    needed = Room(root, 0).needed_by_others()
    left = abandoned(root)
    tables = {"kind": _summed(found, lambda one: one.kind, KINDS)}
    for owner in OWNERS:
        tables[owner] = _summed([one for one in found if owner in one.labels], operator.methodcaller("label", owner))
    nameless = [one for one in found if not one.labels and one.kind != "remembered"]
    if as_json:
        facts = {"folder": str(root), "bytes": sum(h.size for h in found), "budget": budget(), "in_use": len(needed)}
        say(json.dumps({**facts, "left_behind": len(left), "by": tables}, indent=1))
        return
    size = sum(h.size for h in found)
    say(f"{root}: {_size(size)} in {counted(len(found), 'holding')}")
    within = sum(h.size for h in found if h.kind in ("cases", "enhancements", "lessons"))
    say(f"cases, images and lessons take {_size(within)} of the budget of {_size(budget())} (RADBENCH_CACHE_BUDGET)")
    for title, rows in tables.items():
        if rows:
            say("")
            _print(title if title == "kind" else f"by {title.replace('dataset', 'data set')}", rows)
    if nameless:
        told = _size(sum(one.size for one in nameless))
        say(f"\n{told} in {counted(len(nameless), 'holding')} were kept before anybody noted whose they are")
    if needed:
        say(f"\nin use by running processes: {counted(len(needed), 'key')}")
    if left:
        say(f"\n{counted(len(left), 'file')} left behind by processes that were killed: 'bench cache prune' takes them")


@app.command(
    "prune",
    short_help="Take away by age, size or name what no running process uses.",
    epilog="Example:  bench cache prune --older 30d --dry-run",
)
def prune(
    older: Annotated[str, typer.Option(metavar="AGE", help="Unused for at least so long: 12h, 30d, 8w.")] = "",
    to: Annotated[str, typer.Option(metavar="SIZE", help="Only until the rest takes so much: 20GB.")] = "",
    kind: Kinds = [],  # noqa: B006
    enhancer: EnhancersOf = [],  # noqa: B006
    dataset: DatasetsOf = [],  # noqa: B006
    task: TasksOf = [],  # noqa: B006
    everything: Annotated[
        bool, typer.Option("--all", help="All cases, images and lessons, whatever their age.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would go, and take nothing away.")] = False,
) -> None:
    """Take away what is kept, the least recently used first, and never what a running process uses.

    Options narrow it down together. Weights and scores, which took long to come by, go only where --kind names them;
    weights take along what was built on them. Whatever goes is made again when it is needed, to the same bits.
    """
    from radbench.engine.keep.holdings import Choice, abandoned, holdings, take_away, to_go
    from radbench.engine.keep.homes import cache_home
    from radbench.engine.keep.names import forget_names
    from radbench.engine.keep.room import Room

    _check_kinds(kind)
    if not (older or to or kind or enhancer or dataset or task or everything):
        raise UsageError("say what goes: --older 30d, --to 20GB, --enhancer NAME, --kind lessons, or --all; see -h")
    root = cache_home()
    found = list(holdings(root))
    choice = Choice(kind, enhancer, dataset, task, _seconds(older))
    _check_names(found, choice)
    needed = Room(root, 0).needed_by_others()
    gone = to_go(found, choice, _bytes(to) if to else None, needed)
    size = sum(one.size for one in gone)
    if dry_run:
        _print("kind", _summed(gone, lambda one: one.kind))
        say(f"{_size(size)} in {counted(len(gone), 'holding')} would go")
        return
    take_away(root, gone)
    left = abandoned(root)
    for path in left:
        path.unlink(missing_ok=True)
    still = {(one.kind, one.key) for one in holdings(root)}
    forget_names(root, {(one.kind, one.key) for one in gone} - still)
    kept = f"; {counted(len(needed), 'key')} of running processes left alone" if needed else ""
    say(f"{_size(size)} in {counted(len(gone), 'holding')} taken away{kept}")


@app.command(
    "verify",
    short_help="Hold everything that is kept against its checksum.",
    epilog="Example:  bench cache verify --kind weights",
)
def verify(
    kind: Kinds = [],  # noqa: B006
    remove: Annotated[
        bool, typer.Option("--remove", help="Take away what is damaged, so that it is made again.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Read everything that is kept and hold it against its checksums; exit status 1 where anything is damaged.

    A run notices damage by itself when it reads, and does the step again. Of scores, the lines that are whole count;
    --remove takes away what is damaged, and of a file of scores all, which are made again.
    """
    from radbench.cli.progress import tracked
    from radbench.engine.keep.damage import damage
    from radbench.engine.keep.holdings import holdings, take_away
    from radbench.engine.keep.homes import cache_home
    from radbench.engine.keep.room import Room
    from radbench.engine.keep.store import Store

    _check_kinds(kind)
    root = cache_home()
    found = [one for one in holdings(root) if not kind or one.kind in kind]
    store, checked = Store(root), tracked(found, len(found), "holdings", "checking")
    damaged = [(one, what) for one in checked if (what := damage(store, one))]
    gone = []
    if remove:
        needed = Room(root, 0).needed_by_others()
        gone = [one for one, _ in damaged if not {one.key, one.path.stem} & needed]
        take_away(root, gone)
    if as_json:
        told = [{"kind": h.kind, "path": str(h.path), **h.labels, "damage": what} for h, what in damaged]
        say(json.dumps({"checked": len(found), "damaged": told, "removed": len(gone)}, indent=1))
    else:
        for one, what in damaged:
            whose = ", ".join(one.labels.values()) or "nobody knows whose"
            say(f"damaged: {one.kind} of {whose}: {what}")
        taken = f", {counted(len(gone), 'holding')} taken away" if gone else ""
        say(f"{counted(len(found), 'holding')} checked, {len(damaged)} damaged{taken}")
        if len(damaged) > len(gone):
            say(
                "a process that runs uses what is left: --remove takes it away later"
                if remove
                else "'bench cache verify --remove' takes away what is damaged; a run makes again what it needs of it, "
                "and trains again where weights were lost"
            )
    if len(damaged) > len(gone):
        raise typer.Exit(1)


def _check_kinds(kinds: Iterable[str]) -> None:
    from radbench.engine.keep.holdings import KINDS

    for one in kinds:
        if one not in KINDS:
            raise UsageError(f"--kind '{one}'{did_you_mean(one, KINDS)}")


def _check_names(found: list[Holding], choice: Choice) -> None:
    """Refuse a name that nothing kept is of: a slip would take nothing away and say that all is well."""
    from radbench.contracts.variants import parse_variant

    given = (("enhancer", choice.enhancers), ("dataset", choice.datasets), ("task", choice.tasks))
    for owner, names in given:
        labels = {one.labels[owner] for one in found if owner in one.labels}
        known = labels | {parse_variant(label).name for label in labels}
        for name in names:
            if name not in known:
                what = owner.replace("dataset", "data set")
                raise UsageError(f"nothing is kept of {what} '{name}'{did_you_mean(name, known)}")


def _summed(
    found: Iterable[Holding], by: Callable[[Holding], str], order: tuple[str, ...] = ()
) -> list[dict[str, Any]]:
    sums: dict[str, dict[str, Any]] = {}
    for one in found:
        row = sums.setdefault(by(one), {"holdings": 0, "bytes": 0, "used": 0.0, "oldest": one.used})
        row["holdings"] += 1
        row["bytes"] += one.size
        row["used"], row["oldest"] = max(row["used"], one.used), min(row["oldest"], one.used)
    names = [n for n in order if n in sums] or sorted(sums, key=lambda n: -sums[n]["bytes"])
    return [{"name": n, **sums[n]} for n in names]


def _print(title: str, rows: list[dict[str, Any]]) -> None:
    lines = [(title, "holdings", "size", "last used", "oldest use")]
    lines += [(r["name"], f"{r['holdings']}", _size(r["bytes"]), _day(r["used"]), _day(r["oldest"])) for r in rows]
    widths = [max(len(line[i]) for line in lines) for i in range(5)]
    for line in lines:
        first, *others = (
            text.ljust(width) if i in (0, 3, 4) else text.rjust(width)
            for i, (text, width) in enumerate(zip(line, widths, strict=True))
        )
        say("  ".join([first, *others]).rstrip())


def _day(at: float) -> str:
    return datetime.datetime.fromtimestamp(at).strftime("%Y-%m-%d")


def _size(count: int) -> str:
    size = float(count)
    for unit in ("B", "KB", "MB", "GB", "TB"):
        if size < 1024 or unit == "TB":
            return f"{size:.0f} {unit}" if unit == "B" or size >= 100 else f"{size:.1f} {unit}"
        size /= 1024
    raise AssertionError


_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}


def _seconds(text: str) -> float:
    """Return the seconds of "12h" or "30d"."""
    if not text:
        return 0.0
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smhdw])", text.strip().lower())
    if not found:
        raise UsageError(f"--older '{text}' must be a number with h, d or w: 12h, 30d, 8w")
    return float(found[1]) * _UNITS[found[2]]


def _bytes(text: str) -> int:
    from radbench.engine.keep.room import size_of

    size = size_of(text)
    if size is None:
        raise UsageError(f"--to '{text}' must be a size such as 500MB, 20GB or 0")
    return size
