"""``bench data``: list, check, add, remove and make data sets."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from radbench.cli.listing import print_rows
from radbench.cli.options import Jobs, Plugins, Profile, names_of, open_registry
from radbench.cli.say import say
from radbench.contracts.errors import UsageError, did_you_mean
from radbench.engine.keep.texts import counted

if TYPE_CHECKING:
    from radbench.contracts.case import Case
    from radbench.contracts.dataset import CaseEntry
    from radbench.engine.plan.parts import Part
    from radbench.registry.registry import Registry

app = typer.Typer(help="List, check, add, remove and make data sets.", no_args_is_help=True, rich_markup_mode=None)

Name = Annotated[str, typer.Argument(help="A data set or variant.", autocompletion=names_of("dataset"))]


@app.command("list", epilog="Example:  bench data list")
def list_(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    plugin: Plugins = [],  # noqa: B006
) -> None:
    """List data sets and where they lie."""
    from radbench.engine.keep.locations import locations

    registry, known = open_registry(plugin), locations()
    strange = sorted(known.keys() - registry.entries["dataset"].keys())
    if as_json:
        facts = [
            {
                "name": name,
                "modality": entry.spec.modality,
                "summary": entry.spec.summary,
                **{what: getattr(entry.spec, what) for what in ("targets", "licence", "citation")},
                "place": str(known[name]) if name in known else None,
                "there": known[name].exists() if name in known else None,
            }
            for name, entry in sorted(registry.entries["dataset"].items())
        ]
        say(json.dumps(facts, indent=1))
        return
    print_rows(
        [
            {
                "name": name,
                "modality": entry.spec.modality,
                "summary": entry.spec.summary + (f"  at {_place(known[name])}" if name in known else ""),
            }
            for name, entry in sorted(registry.entries["dataset"].items())
        ]
    )
    for name in strange:
        say(f"a place is kept of '{name}', which no plugin here offers: {_place(known[name])}")


def _place(path: Path) -> str:
    return f"{path}" if path.exists() else f"{path}, where nothing lies now ('bench data add' names another place)"


@app.command("remove", epilog="Example:  bench data add folder my-radiographs && bench data remove folder")
def remove(
    name: Annotated[str, typer.Argument(help="A data set that 'bench data list' shows a place of.")],
) -> None:
    """Forget where a data set lies. What lies there stays."""
    from radbench.engine.keep.locations import locations_file, remove_location

    place = remove_location(name)
    say(f"{name} is no longer remembered to lie at {place} (in {locations_file()}); what lies there stays")


@app.command("add", epilog="Example:  bench data add folder my-radiographs && bench data check folder")
def add(
    name: Annotated[
        str, typer.Argument(help="folder, lidc, or another that has a root.", autocompletion=names_of("dataset"))
    ],
    path: Annotated[Path, typer.Argument(help="Where it lies.")],
    plugin: Plugins = [],  # noqa: B006
) -> None:
    """Remember where a data set lies, so that its name alone is enough.

    NAME is one of those that 'bench data list' shows, each with one place: a second one takes the first one's. Any
    other folder of images is named where it is used, --dataset 'folder[root=PATH]'.
    """
    from radbench.contracts.config import config_of
    from radbench.engine.keep.locations import add_location, location_of, locations_file
    from radbench.registry.registry import load_factory

    registry = open_registry(plugin)
    if name not in registry.entries["dataset"]:
        near = did_you_mean(name, registry.entries["dataset"])
        if "did you mean" in near:
            raise UsageError(f"there is no data set '{name}'{near}")
        raise UsageError(
            f"there is no data set '{name}': 'bench data add' keeps where one of 'bench data list' lies; your own "
            f"images are 'bench data add folder {path}', or folder[root={path}] where you use them"
        )
    entry = registry.entry("dataset", name)
    root = config_of(load_factory(entry)).model_fields.get("root")
    if root is None:
        raise UsageError(f"data set '{name}' needs no folder: it is made on the fly")
    before = location_of(name)
    place = add_location(name, path, folder=(root.description or "").startswith("Folder"))
    instead = f", no longer at {before}" if before not in (None, place) else ""
    say(f"{name} lies at {place}{instead} (kept in {locations_file()})")
    say(f"'bench data check {name}' says what is there")


@app.command(
    "check",
    short_help="Load every case and print what was found.",
    epilog="Example:  bench data check 'folder[root=my-radiographs]'",
)
def check(
    name: Name,
    profile: Profile = "quick",
    limit: Annotated[int, typer.Option(min=0, help="Load at most so many cases; 0 for all.")] = 0,
    faults: Annotated[int, typer.Option(min=1, help="Print at most so many faults, and as many things noticed.")] = 10,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    jobs: Jobs = 0,
    plugin: Plugins = [],  # noqa: B006
) -> None:
    """Load every case of a data set and print what was found; exit status 1 when anything is wrong.

    Cases that have to be made first (phantoms, lidc) are made side by side and kept.
    """
    found = _checked(plugin, name, profile, limit, jobs)
    if as_json:
        say(json.dumps(found, indent=1))
    else:
        _print_check(found, faults)
    if found["faults"]:
        raise typer.Exit(1)


def _checked(plugin: list[Path], name: str, profile: str, limit: int, jobs: int) -> dict[str, Any]:
    from radbench.cli.progress import tracked
    from radbench.contracts.case import MASK_TARGETS
    from radbench.engine.plan.pairs import fingerprint_in_tables, open_dataset
    from radbench.engine.run.making import Cases

    registry = open_registry(plugin)
    part = open_dataset(registry, name, profile)
    opened = part.opened
    entries = [e for split in opened.by_split.values() for e in split]
    chosen = entries[:limit] if limit else entries
    unmade = _prepared(part, chosen, profile, plugin, jobs)
    cases = Cases(registry, part)
    sizes: Counter[str] = Counter()
    targets: Counter[str] = Counter()
    marked: Counter[str] = Counter()
    sources: Counter[str] = Counter()
    present: Counter[str] = Counter()
    stated: Counter[str] = Counter()
    faults: list[dict[str, str]] = []
    noticed = [{"case": "", "noticed": text} for text in _of_the_whole(opened.dataset)]
    for entry in tracked(chosen, len(chosen), "cases", f"checking {name}"):
        if entry.case_id in unmade:
            faults.append({"case": entry.case_id, "fault": unmade[entry.case_id]})
            continue
        try:
            case = cases.load(entry)
        except Exception as e:
            if type(e) is UsageError:  # of the call, not of a case
                raise
            faults.append({"case": entry.case_id, "fault": _fault(registry, part, entry, e)})
            continue
        sizes[" x ".join(str(n) for n in case.image.shape[1:])] += 1
        targets.update(case.targets.keys())
        marked.update(t for t in case.targets if t in MASK_TARGETS and bool(case.targets[t].any()))
        sources[_how_read(case.provenance)] += 1
        if case.provenance.get("noticed"):
            noticed.append({"case": entry.case_id, "noticed": str(case.provenance["noticed"])})
        findings = case.targets.get("findings", {})
        stated.update(n for n, label in findings.items() if label == label)
        present.update({n: int(label) for n, label in findings.items() if label == label})
    if len(chosen) > len(faults):
        absent = sorted(t for t in opened.dataset.targets if t not in targets)
        faults += [{"case": "", "fault": f"target '{t}' is declared, and no case has it"} for t in absent]
    per_split = {s: _counts(es) for s, es in opened.by_split.items()}
    return {
        "dataset": part.label,
        "modality": opened.dataset.modality,
        "collection": ", ".join(sorted(part.collections)),
        "fingerprint": opened.fingerprint,
        "dataset_fingerprint": fingerprint_in_tables(part) if opened.split("test") else "",
        "splits": per_split,
        "loaded": sum(sizes.values()),
        "sizes": dict(sizes.most_common()),
        "read_as": dict(sources.most_common()),
        "targets": {t: {"cases": n, "not_empty": marked[t]} if t in MASK_TARGETS else n for t, n in targets.items()},
        "prevalence": {n: {"present": present[n], "stated": count} for n, count in stated.items()},
        "noticed": noticed,
        "faults": faults,
    }


def _of_the_whole(dataset: Any) -> Sequence[str]:
    """Return what a data set tells of its collection as a whole, if it does."""
    tell = getattr(dataset, "noticed", None)
    return tell() if callable(tell) else ()


def _fault(registry: Registry, part: Part, entry: CaseEntry, error: Exception) -> str:
    """Return what is wrong with a case; a plugin's error names the line of its code."""
    from radbench.engine.work.failures import message_of
    from radbench.registry.whereabouts import code_places

    own = code_places(registry.plugins, [part.spec.factory])
    return message_of(error, own, getattr(part.factory, "load", None)).removeprefix(f"case '{entry.case_id}': ")


def _prepared(part: Part, entries: Sequence[CaseEntry], profile: str, plugin: list[Path], jobs: int) -> dict[str, str]:
    """Make the cases that have to be made; return what is wrong with those that cannot be, by case id."""
    from radbench.cli.options import make_request
    from radbench.cli.progress import Progress
    from radbench.engine.run.making import make_cases

    progress = Progress()
    try:
        return make_cases(part, entries, make_request([], [], "", profile, "0", [], 0, plugin), jobs, progress)
    finally:
        progress.close()


def _how_read(source: Any) -> str:
    kept = ("format", "generator", "bits", "polarity", "window", "window_hu")
    return ", ".join(f"{k} {_in_words(source[k])}" for k in kept if source.get(k) not in (None, "")) or "not said"


def _in_words(value: Any) -> str:
    if isinstance(value, Mapping):
        return f"({', '.join(f'{k} {_in_words(v)}' for k, v in value.items())})"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _counts(entries: Any) -> dict[str, Any]:
    groups = Counter(f"{name}={value}" for e in entries for name, value in e.groups.items())
    return {
        "cases": len(entries),
        "patients": len({e.patient_id for e in entries}),
        "groups": dict(sorted(groups.items())),
    }


def _print_check(found: dict[str, Any], most: int) -> None:
    say(f"{found['dataset']} ({found['modality']})")
    say(f"  whole manifest: {found['fingerprint'][:16]}")
    if found["dataset_fingerprint"]:
        # What a task learns from, a --limit and twins choose other cases.
        shown = found["dataset_fingerprint"]
        say(f"  dataset_fingerprint of a run over the whole test split: {shown[:16]} (tables print {shown[:8]})")
    for split, counts in found["splits"].items():
        groups = ", ".join(f"{g} {n}" for g, n in counts["groups"].items())
        of = f"{counted(counts['cases'], 'case')} of {counted(counts['patients'], 'patient')}"
        say(f"  {split}: {of}{': ' + groups if groups else ''}")
    say(f"  loaded: {found['loaded']}")
    for title in ("sizes", "read_as"):
        shown = list(found[title].items())
        rest = f"; {counted(len(shown) - 5, 'more kind')}" if len(shown) > 5 else ""
        if shown:
            say(f"  {title.replace('_', ' ')}: {'; '.join(f'{k} ({n})' for k, n in shown[:5])}{rest}")
    for target, n in found["targets"].items():
        text = (
            f"{n['not_empty']} of {counted(n['cases'], 'case')} not empty"
            if isinstance(n, dict)
            else counted(n, "case")
        )
        say(f"  {target}: {text}")
    if found["prevalence"] and found["loaded"]:
        shares = ", ".join(f"{name} {n['present'] / n['stated']:.0%}" for name, n in found["prevalence"].items())
        say(f"  prevalence: {shares}")
    for one in found["noticed"][:most]:
        say(f"  noticed: {': '.join(filter(None, (one['case'], one['noticed'])))}", err=True)
    if len(found["noticed"]) > most:
        say(
            f"  … and {counted(len(found['noticed']) - most, 'thing')} more that were noticed (--faults)",
            err=True,
        )
    for fault in found["faults"][:most]:
        say(f"  fault: {': '.join(filter(None, (fault['case'], fault['fault'])))}", err=True)
    if len(found["faults"]) > most:
        say(f"  … and {counted(len(found['faults']) - most, 'fault')} more (--faults)", err=True)
    say(f"  {counted(len(found['faults']), 'fault')}" if found["faults"] else "  no faults")


@app.command(
    "make",
    short_help="Write cases as files that any program opens.",
    epilog="Example:  bench data make phantom-lesions out/ --cases 8 --format dicom",
)
def make(
    name: Name,
    out: Annotated[Path, typer.Argument(help="A folder that does not exist yet or is empty.")],
    cases: Annotated[int, typer.Option(min=1, help="How many cases.")] = 8,
    split: Annotated[str, typer.Option(help="Which split.")] = "test",
    format_: Annotated[str, typer.Option("--format", help="png, dicom or nifti.")] = "png",
    profile: Profile = "quick",
    jobs: Jobs = 0,
    plugin: Plugins = [],  # noqa: B006
) -> None:
    """Write cases of a data set as files that any program opens: images, masks and a table."""
    from radbench.cli.progress import tracked
    from radbench.engine.keep.sealed import StoreError
    from radbench.engine.plan.pairs import open_dataset
    from radbench.engine.run.making import Cases
    from radbench.engine.work.failures import RunAbortedError
    from radbench.imaging.export import FORMATS, export_cases

    if format_ not in FORMATS:
        raise UsageError(f"--format '{format_}' must be one of {', '.join(FORMATS)}")
    registry = open_registry(plugin)
    part = open_dataset(registry, name, profile)
    entries = part.opened.split(split)[:cases]
    if not entries:
        splits = ", ".join(part.opened.by_split)
        raise UsageError(f"data set '{name}' has no cases in split '{split}': it has {splits}")
    unmade = _prepared(part, entries, profile, plugin, jobs)
    from_store, faults = Cases(registry, part), dict[str, str]()

    def loaded() -> Iterator[Case]:
        for entry in tracked(entries, len(entries), "cases", f"writing {name}"):
            if entry.case_id in unmade:
                faults[entry.case_id] = unmade[entry.case_id]
                continue
            try:
                case = from_store.load(entry)
            except (StoreError, RunAbortedError):
                raise
            except Exception as e:
                faults[entry.case_id] = _fault(registry, part, entry, e)
                continue
            yield case

    written = export_cases(loaded(), out, format_, getattr(part.opened.dataset, "label_map", None))
    for case_id, fault in faults.items():
        say(f"failed: {case_id}: {fault}", err=True)
    say(f"{written} of {counted(len(entries), 'case')} written as {format_}: {out}")
    if faults:
        raise typer.Exit(1)
