"""Card: what a paper attaches of a leaderboard: what was compared, on what, with which result, under a digest."""

from __future__ import annotations

import base64
import hashlib
import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from radbench.contracts import Status
from radbench.contracts.atomic import replace_file
from radbench.contracts.errors import UsageError
from radbench.engine.keep.texts import counted, visible
from radbench.leaderboard.columns import ALL, NULL
from radbench.leaderboard.comparing import entry_names, tables_of
from radbench.leaderboard.ranking import rankable
from radbench.leaderboard.schema import to_csv
from radbench.leaderboard.sources import read_together
from radbench.leaderboard.table import ARROWS
from radbench.leaderboard.tabulate import decimals
from radbench.leaderboard.verdicts import verdict

if TYPE_CHECKING:
    from pandas import DataFrame

FORMAT = 1
"""Of the JSON; a card of another one is not read."""

JSON_NAME, HTML_NAME = "card.json", "card.html"

_OF_TABLE = (
    *("task", "dataset", "split", "profile", "truth", "given", "dataset_fingerprint", "task_digest", "cases_digest"),
    *("licence", "citation", "task_plugin"),
)
_OF_ENTRY = (
    *("enhancer", "enhancer_digest", "enhancer_plugin", "precision", "pretrained", "seeds", "status", "error"),
    *("scores_digest", "reference", "p_test", "family"),
)
_NUMBERS = (
    *("value", "ci_low", "ci_high", "delta", "delta_ci_low", "delta_ci_high", "p_value", "p_adjusted"),
    *("rank", "rank_low", "rank_high", "effect_size", "detectable", "fit_seconds"),
)
_MADE_WITH = ("radbench_version", "git_commit", "numerics", "device")


@dataclass(frozen=True)
class Card:
    """A card.

    Attributes:
        content: all that the JSON says but its digest.
    """

    content: Mapping[str, Any]

    @property
    def digest(self) -> str:
        """SHA-256 over the content in canonical form: keys in order, no blanks, ASCII."""
        text = json.dumps(self.content, sort_keys=True, separators=(",", ":"), allow_nan=False)
        return hashlib.sha256(text.encode("ascii")).hexdigest()

    def as_json(self) -> str:
        """Return the JSON with the digest of its own content."""
        return json.dumps({**self.content, "digest": self.digest}, indent=1) + "\n"


def card_of(paths: Sequence[Path], task: str = "", title: str = "") -> Card:
    """Return the card of leaderboards, by the metric that decides in each table.

    Args:
        paths: runs or leaderboards.
        task: this task alone: a label, or a name with all its variants; "" for all.
        title: what it is of, in the author's words.

    Raises:
        UsageError, SchemaError: as :func:`radbench.leaderboard.sources.read_together`.
    """
    from radbench.leaderboard.exports import select

    rows, _ = read_together(paths)
    rows = select(rows, task=task or None)
    tables = [_table(table) for table in tables_of(rows)]
    made = {name: sorted({part for text in rows[name] for part in _parts(text)}) for name in _MADE_WITH}
    return Card(
        {
            "radbench_card": FORMAT,
            "title": title,
            "tables": tables,
            "made_with": made,
            "scored": {"first_utc": min(rows["created_utc"]), "last_utc": max(rows["created_utc"])},
            "leaderboard_digest": hashlib.sha256(to_csv(rows).encode()).hexdigest(),
            "leaderboard_rows": len(rows),
        }
    )


def _parts(text: str) -> Iterator[str]:
    yield from filter(None, (part.strip() for part in re.split("[;,]", str(text))))


def _table(table: DataFrame) -> dict[str, Any]:
    whole = table[(table["group"] == ALL) & (table["facet"] == "")]
    if whole.empty:
        whole = table[table["group"] == ALL]
    deciding = [m for m in dict.fromkeys(whole.loc[whole["primary"] == "true", "metric"]) if m]
    metric = (deciding or [m for m in dict.fromkeys(whole["metric"]) if m] or [""])[0]
    own = whole[whole["metric"].isin([metric, ""])].drop_duplicates(["enhancer", "seed", "n_seeds"])
    own = own.assign(entry=entry_names(own), ranked=rankable(own))
    pooled = set(own.loc[own["n_seeds"] > 1, "enhancer"])
    own = own[(own["n_seeds"] > 1) | ~own["enhancer"].isin(pooled) | (own["status"] != Status.OK)]
    first = whole.iloc[0]
    direction = next((str(d) for d in own["direction"] if d), "")
    entries = [_entry(row) for row in own.to_dict("records")]
    entries.sort(key=lambda e: (e["rank"] is None, e["rank"] or 0, e["name"]))
    return {
        **{name: str(first[name]) for name in _OF_TABLE},
        "limit": _plain(first["limit"]),
        "metric": metric,
        "direction": direction,
        "aggregation": str(own["aggregation"].iloc[0]),
        "cases": int(own["n_cases"].max()),
        "patients": int(own["n_patients"].max()),
        "enhancers": entries,
    }


def _entry(row: Mapping[str, Any]) -> dict[str, Any]:
    told: dict[str, Any] = {"name": str(row["entry"])} | {name: str(row[name]) for name in _OF_ENTRY}
    told |= {name: _plain(row[name]) for name in ("seed", "n_seeds", "n_cases", "n_patients", *_NUMBERS)}
    return told | {"verdict": verdict(row), "control": str(row["enhancer"]).startswith(f"{NULL}[")}


def _plain(value: Any) -> int | float | str | None:
    """Return a number as JSON has it: None for none, a text where it is infinite."""
    if value is None or str(value) in ("<NA>", "nan"):
        return None
    number = float(value)
    if math.isinf(number):
        return str(number)
    return int(number) if number.is_integer() and abs(number) < 2**53 else number


def read_card(path: Path) -> Card:
    """Read a card's JSON, and see that it is whole.

    Raises:
        UsageError: it cannot be read, is no card, or its content is not what its digest stands for.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"cannot read '{path}': {error.strerror or error}") from error
    except ValueError as error:
        raise UsageError(f"'{path}' is no card: it is no JSON ({error})") from error
    if not isinstance(content, dict) or content.get("radbench_card") != FORMAT:
        raise UsageError(f"'{path}' is no card that this version reads (radbench_card: {FORMAT})")
    told = content.pop("digest", None)
    card = Card(content)
    try:
        found = card.digest
    except ValueError as error:
        raise UsageError(f"'{path}' is no card: {error}") from error
    if told != found:
        raise UsageError(
            f"'{path}' was changed after it was made: its content has the digest {found[:16]}, and it says "
            f"{str(told)[:16] or 'none'}"
        )
    if lacking := [*_lacking(content)]:
        raise UsageError(f"'{path}' is no card that this version reads: it lacks {', '.join(lacking)}")
    return card


def _lacking(content: Mapping[str, Any]) -> Iterator[str]:
    """Yield what a card's content has not, or has in another form."""
    for name, kind in _FORM.items():
        if not isinstance(content.get(name), kind):
            yield f"'{name}'"
    tables = content.get("tables")
    for k, table in enumerate(tables if isinstance(tables, list) else ()):
        names = (*_OF_TABLE, "limit", "metric", "direction", "enhancers")
        if not isinstance(table, dict) or not all(name in table for name in names):
            yield f"what makes 'tables[{k}]' a table"
        elif not isinstance(table["enhancers"], list) or not all(
            isinstance(entry, dict) and all(name in entry for name in ("name", *_OF_ENTRY, *_NUMBERS))
            for entry in table["enhancers"]
        ):
            yield f"what makes 'tables[{k}].enhancers' its enhancers"


_FORM = {"title": str, "tables": list, "made_with": dict, "scored": dict, "leaderboard_digest": str}
"""What every card holds, by the type that JSON gives it."""


def differences(card: Card, other: Card) -> list[str]:
    """Say in what two cards differ, table by table; nothing where they are of the same rows to the last number.

    A card's tables hold the metric that decides; where they are the same and the digest of the rows is not, what
    differs is another metric, a stratum, a time or a version.
    """
    mine, theirs = (_by_name(one.content["tables"]) for one in (card, other))
    told = [f"{name} stands in one of them alone" for name in [*mine, *theirs] if (name in mine) != (name in theirs)]
    for name in mine.keys() & theirs.keys():
        one, two = mine[name], theirs[name]
        told += [f"{name}: {field} differs" for field in one if field != "enhancers" and one[field] != two.get(field)]
        ours, others = ({e["name"]: e for e in table["enhancers"]} for table in (one, two))
        for enhancer in {**ours, **others}:
            a, b = ours.get(enhancer), others.get(enhancer)
            if a is None or b is None:
                told.append(f"{name}: {enhancer} stands in one of them alone")
            elif fields := [field for field in a if a[field] != b.get(field)]:
                told.append(f"{name}: {enhancer} differs in {', '.join(fields)}")
    digests = [str(one.content["leaderboard_digest"]) for one in (card, other)]
    if not told and digests[0] != digests[1]:
        told.append(
            "its tables are the same, but other numbers, times or versions of the leaderboard differ (leaderboard "
            f"digest {digests[0][:16]} there, {digests[1][:16]} here)"
        )
    return told


def _by_name(tables: Sequence[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    """Return tables by a name that no two of them share."""
    labels = [f"{t['task']} on {t['dataset']}, {t['split']} ({t['profile']})" for t in tables]
    found: dict[str, Mapping[str, Any]] = {}
    for label, table in zip(labels, tables, strict=True):
        name = label
        if labels.count(label) > 1:
            # Of the same labels, on other data or by another task.
            parts = (*(str(table[name])[:8] for name in _DIGESTS), table["given"], table["truth"], table["limit"])
            name = f"{label}, {'/'.join(map(str, parts))}"
        while name in found:
            name += "'"
        found[name] = table
    return found


_DIGESTS = ("dataset_fingerprint", "task_digest", "cases_digest")


def write_card(card: Card, folder: Path) -> tuple[Path, Path]:
    """Write ``card.json`` and ``card.html`` into a folder, and return where they lie.

    Raises:
        UsageError: they cannot be written.
    """
    found = folder / JSON_NAME, folder / HTML_NAME
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for file, text in zip(found, (card.as_json(), as_html(card)), strict=True):
            replace_file(file, text.encode(), durable=True)
    except OSError as error:
        raise UsageError(f"cannot write the card into '{folder}': {error.strerror or error}") from error
    return found


def as_html(card: Card) -> str:
    """Return the page: all of it in one file, that no script runs in and that asks for nothing."""
    import jinja2

    room = files("radbench.verification") / "templates"
    style = (room / "card.css").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"seen": lambda text: visible(str(text)), "counted": counted}
    page = environment.from_string((room / "card.html.jinja").read_text(encoding="utf-8"))
    tables = [_printed(table) for table in card.content["tables"]]
    return page.render(card=card.content, tables=tables, digest=card.digest, style=style, style_digest=digest)


def _printed(table: Mapping[str, Any]) -> dict[str, Any]:
    digits = decimals([float(entry["value"]) for entry in table["enhancers"] if entry["value"] is not None])
    rows = [_shown(entry, digits) for entry in table["enhancers"]]
    return {**table, "arrow": ARROWS[table["direction"]], "rows": rows}


def _shown(entry: Mapping[str, Any], digits: int) -> dict[str, Any]:
    return {
        **entry,
        "value": _number(entry["value"], digits),
        "interval": _interval(entry["ci_low"], entry["ci_high"], digits),
        "delta": _number(entry["delta"], digits, "+"),
        "delta_interval": _interval(entry["delta_ci_low"], entry["delta_ci_high"], digits),
        "p": "" if entry["p_adjusted"] is None else f"{float(entry['p_adjusted']):.2g}",
        "rank": _rank(entry),
    }


def _number(value: Any, digits: int, sign: str = "-") -> str:
    if value is None:
        return ""
    number = float(value)
    text = f"{number:{sign}.{digits}f}".replace("inf", "\u221e")
    return text.replace("-", "\u2212")


def _interval(low: Any, high: Any, digits: int) -> str:
    return f"[{_number(low, digits)}, {_number(high, digits)}]" if low is not None and high is not None else ""


def _rank(entry: Mapping[str, Any]) -> str:
    if entry["rank"] is None:
        return "\u2013"
    ends = f" [{entry['rank_low']:.0f}\u2013{entry['rank_high']:.0f}]" if entry["rank_low"] is not None else ""
    return f"{entry['rank']:.0f}{ends}"
