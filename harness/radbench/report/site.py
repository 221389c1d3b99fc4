"""Site: all published leaderboards as static pages, one for each task and data set, and one that leads to them."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import radbench
from radbench.contracts.atomic import replace_file
from radbench.contracts.errors import UsageError
from radbench.engine.keep.digests import digest
from radbench.engine.keep.texts import counted, visible
from radbench.leaderboard.clashes import label_of
from radbench.leaderboard.schema import leaderboards_in
from radbench.leaderboard.scores import files_beside
from radbench.leaderboard.sources import ComparedSet, compared_sets
from radbench.leaderboard.verdicts import verdict
from radbench.report.chapters import set_key
from radbench.report.entries import USUAL_CONTROLS, deciding, entries_of, main_rows, one_row_each
from radbench.report.material import Material
from radbench.report.page import filled
from radbench.report.writing import MARK, Wanted, page_of

_LISTED = ".radbench-site.json"
"""Names the files of a site, so that another site takes its place and nothing else goes."""

_SETS = re.compile(r'<meta name="radbench-sets" content="([0-9a-f ]*)">')
_TITLE = re.compile(r"<title>([^<]*)</title>")


@dataclass(frozen=True)
class Reported:
    """A report that pages lead to.

    Attributes:
        file: of it.
        title: of the page.
        sets: keys of the comparable sets that it is on.
    """

    file: Path
    title: str
    sets: frozenset[str]


def site(
    leaderboards: Path,
    out: Path,
    reports: Sequence[Path] = (),
    controls: Collection[str] = USUAL_CONTROLS,
    title: str = "",
    told: Callable[[str], None] = lambda text: None,
) -> list[str]:
    """Write a site.

    Args:
        leaderboards: a folder of published leaderboards, or one of them.
        out: folder of the site; what an earlier site left there is replaced, anything else stays.
        reports: pages of ``bench report`` to be led to, or folders of them.
        controls: harmful controls, by name or label.
        title: of the first page, "" for "Leaderboards".
        told: of what is being done.

    Returns:
        The files that were written, relative to ``out``.

    Raises:
        UsageError: there is no leaderboard, a report is none, or the folder holds what is no site.
        SchemaError: a leaderboard is none.
    """
    files = leaderboards_in(leaderboards) if leaderboards.is_dir() else [leaderboards]
    known = [one for path in reports for one in _reports_at(path)]
    before = _listed(out)
    told("reading")
    sets = [one for one in compared_sets([leaderboards]) if len(one.rows)]
    pages: dict[str, list[ComparedSet]] = {}
    for one in sets:
        pages.setdefault(_address(one.rows.iloc[0]), []).append(one)
    material = Material()
    texts: dict[str, bytes] = {}
    for address, of_page in pages.items():
        first = of_page[0].rows.iloc[0]
        told(f"{first['task']} on {first['dataset']}")
        wanted = Wanted(controls, images=False, title=f"{first['task']} on {first['dataset']}", back="index.html")
        links = {set_key(one.rows.iloc[0]): _links(one, known) for one in of_page}
        texts[address] = page_of(of_page, material, wanted, reports=links).encode()
    copies = {f"data/{path.name}": path for file in files for path in (file, *files_beside(file)) if path.is_file()}
    copies |= {f"reports/{one.file.name}": one.file for one in known}
    rows = [_line(one, _address(one.rows.iloc[0]), files, known, controls) for one in sets]
    texts["index.html"] = _index(rows, title).encode()
    _write(out, texts, copies, before)
    return [*texts, *copies]


def _address(row: Any) -> str:
    """Return the file of a task and data set: a name that tells which, and that no two share."""
    name = f"{row['task']} {row['dataset']}"
    return f"{_slug(str(row['task']))}--{_slug(str(row['dataset']))}-{digest(name)[:6]}.html"


def _slug(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9]+", "-", text).strip("-").lower()[:48] or "x"


def _reports_at(path: Path) -> list[Reported]:
    files = sorted(path.glob("*.html")) if path.is_dir() else [path]
    found = []
    for file in files:
        try:
            with file.open(encoding="utf-8", errors="replace") as there:
                head = there.read(8192)
        except OSError as e:
            raise UsageError(f"cannot read '{file}': {e.strerror or e}") from e
        sets, title = _SETS.search(head), _TITLE.search(head)
        if MARK not in head or sets is None:
            if path.is_dir():
                continue
            raise UsageError(f"'{file}' is no report of 'bench report'")
        found.append(Reported(file, title[1] if title else file.stem, frozenset(sets[1].split())))
    names = [one.file.name for one in found]
    if len({*names}) < len(names):
        raise UsageError(f"two reports have the name '{max(names, key=names.count)}': rename one")
    return found


def _links(one: ComparedSet, known: Iterable[Reported]) -> list[tuple[str, str]]:
    key = set_key(one.rows.iloc[0])
    return [(f"reports/{report.file.name}", report.title) for report in known if key in report.sets]


def _line(
    one: ComparedSet, address: str, files: Sequence[Path], known: Sequence[Reported], controls: Collection[str]
) -> dict[str, Any]:
    """Return what the first page tells of a set."""
    rows = one_row_each(one.rows)
    first, metric = rows.iloc[0], deciding(rows)
    main = main_rows(rows, metric)
    methods = {entry.name for entry in entries_of(rows, controls) if not entry.control}
    words: dict[str, list[str]] = {}
    for row in main.to_dict("records"):
        if row["entry"] in methods and (word := verdict(row)):
            words.setdefault(word.partition(",")[0], []).append(row["entry"])
    task = str(first["task"])
    csv = next((file for file in files if file.stem == task.partition("[")[0]), None)
    links = [(f"data/{csv.name}", "CSV")] if csv else []
    given = [f"told {first['given']}"] if first["given"] else []
    given += [f"at most {first['limit']} cases"] if str(first["limit"]) not in ("0", "<NA>") else []
    given += [f"schema {first['schema_version']}"] if int(first["schema_version"]) < 2 else []
    return {
        "task": visible(task),
        "dataset": visible(str(first["dataset"])),
        "profile": str(first["profile"]),
        "told": visible("; ".join(given)),
        "metric": metric,
        "cases": int(main["n_cases"].max()) if len(main) else 0,
        "patients": int(main["n_patients"].max()) if len(main) else 0,
        "better": ", ".join(words.get("better", [])),
        "undecided": ", ".join([*words.get("undecided", []), *words.get("not tested", [])]),
        "worse": ", ".join(words.get("worse", [])),
        "date": max(map(str, rows["created_utc"]))[:10],
        "address": address,
        "files": [*links, *((a, "report") for a, _ in _links(one, known))],
        "label": label_of(one.rows),
    }


_HEADINGS = (
    ("task", "text"),
    ("data set", "text"),
    ("better", "text"),
    ("undecided", "text"),
    ("worse", "text"),
    ("by", "text"),
    ("cases", "number"),
    ("patients", "number"),
    ("profile", "text"),
    ("differs by", "text"),
    ("scored", "text"),
    ("files", "text"),
)


def _index(rows: Sequence[Mapping[str, Any]], title: str) -> str:
    columns = {0: "task", 1: "dataset", 8: "profile", 9: "told"}
    choices = {k: list(dict.fromkeys(row[name] for row in rows)) for k, name in columns.items()}
    return filled(
        "site.html.j2",
        title=visible(title) or "Leaderboards",
        version=radbench.__version__,
        rows=rows,
        counted=counted(len(rows), "comparable set"),
        headings=_HEADINGS,
        choices=choices,
        choosing=[(k, _HEADINGS[k][0]) for k, texts in choices.items() if len(texts) > 1],
    )


def _listed(out: Path) -> list[str]:
    """Return the files that an earlier site left in a folder.

    Raises:
        UsageError: the folder holds something, and is no site.
    """
    if not out.exists():
        return []
    try:
        if not any(out.iterdir()):
            return []
        names = json.loads((out / _LISTED).read_text())
    except FileNotFoundError:
        raise UsageError(f"'{out}' holds something that is no site of radbench: name a folder of its own") from None
    except (OSError, ValueError) as e:
        why = e.strerror if isinstance(e, OSError) else None
        raise UsageError(f"cannot read what lies in '{out}': {why or e}") from e
    inside = re.compile(r"(?:data/|reports/)?[^/\\]+")
    return [name for name in names if isinstance(name, str) and inside.fullmatch(name) and name not in (".", "..")]


def _write(out: Path, texts: Mapping[str, bytes], copies: Mapping[str, Path], before: Iterable[str]) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
        # Named first: whoever is interrupted leaves nothing that no later site knows as its own.
        names = sorted({*texts, *copies, *before})
        replace_file(out / _LISTED, json.dumps(names, indent=0).encode())
        for name, text in texts.items():
            replace_file(out / name, text)
        for name, path in copies.items():
            (out / name).parent.mkdir(exist_ok=True)
            shutil.copyfile(path, out / name)
            (out / name).chmod((out / _LISTED).stat().st_mode & 0o777)
        for name in {*before} - {*texts, *copies}:
            (out / name).unlink(missing_ok=True)
        replace_file(out / _LISTED, json.dumps(sorted({*texts, *copies}), indent=0).encode())
    except OSError as e:
        raise UsageError(f"cannot write the site into '{out}': {e.strerror or e}") from e
