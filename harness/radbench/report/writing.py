"""Writing: a report from runs and leaderboards, one page that needs nothing beside it."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import radbench
from radbench.contracts.atomic import replace_file
from radbench.contracts.errors import RadbenchError, UsageError
from radbench.contracts.folders import cache_folder
from radbench.engine.keep.journal import RunFolder
from radbench.engine.keep.private import privately
from radbench.engine.keep.store import Store
from radbench.engine.keep.texts import counted, visible
from radbench.engine.plan.pairs import Pair
from radbench.engine.plan.parts import Part
from radbench.engine.plan.resolver import Resolver
from radbench.leaderboard.aggregate import Margin
from radbench.leaderboard.privacy import without_paths
from radbench.leaderboard.schema import FILE_NAME
from radbench.leaderboard.sources import ComparedSet, compared_sets
from radbench.registry.registry import load_registry
from radbench.report.chapters import COMPARED_BY, Chapter, Plate, chapter
from radbench.report.citations import Source, bibtex
from radbench.report.encoding import BUDGET, Album, encoded
from radbench.report.entries import MEANING, USUAL_CONTROLS
from radbench.report.figures.curves import training as training_figure
from radbench.report.figures.style import drawing, inline, write_files
from radbench.report.gallery import Pictures, viewers
from radbench.report.ledger import PartLedger, ledger
from radbench.report.lines import HEADINGS
from radbench.report.page import filled
from radbench.report.picking import picked
from radbench.report.pictures import Studio, studio
from radbench.report.replanning import Replanned, pair_key, replanned
from radbench.report.series import metric_named
from radbench.report.trainings import Learnt, learnt

MARK = 'content="radbench report '
"""In the head of every page, by which one is known again."""


@dataclass(frozen=True)
class Wanted:
    """What a report is to be.

    Attributes:
        controls: harmful controls, by name or label.
        images: whether pictures of cases are shown.
        figures: folder for the figures as SVG and PDF; None for none.
        reference: enhancer that differences are taken to, by its label; "" for each task's own.
        margin: what is asked of non-inferiority.
        title: of the page, "" for one made of the tasks.
        back: address of the page that leads here, "" for none.
    """

    controls: Collection[str] = USUAL_CONTROLS
    images: bool = True
    figures: Path | None = None
    reference: str = ""
    margin: Margin | None = None
    title: str = ""
    back: str = ""


@dataclass
class Run:
    """A run among what a report is made of."""

    folder: RunFolder
    plan: Replanned


@dataclass
class Material:
    """What is known beside the rows.

    Attributes:
        runs: that the rows come from.
        resolvers: by profile, what finds parts as they are installed here.
    """

    runs: list[Run] = field(default_factory=list)
    resolvers: dict[str, Resolver] = field(default_factory=dict)

    def installed(self, kind: str, label: str, profile: str) -> Part | None:
        """Return a part as it is installed here, None where it is not."""
        try:
            if profile not in self.resolvers:
                self.resolvers[profile] = Resolver(load_registry(), profile)
            return self.resolvers[profile].part(kind, label)
        except (RadbenchError, OSError):
            return None

    def pair(self, facts: dict[str, Any], short_digest: str) -> tuple[Run, Pair] | None:
        """Return the pair that a row is of, where it is still what was scored."""
        for run in self.runs:
            found = run.plan.pairs.get(pair_key(facts))
            if found is not None and found.enhancer.identity.startswith(short_digest):
                return run, found
        return None


def report(paths: Sequence[Path], wanted: Wanted, told: Callable[[str], None] = lambda text: None) -> str:
    """Return a page on runs and leaderboards.

    What several of them hold of one table is compared anew. Cases go by digest, patients by number, and messages are as
    they may be published; pictures of cases are shown of runs whose data lie here.

    Args:
        paths: run folders, leaderboards, or folders of these.
        wanted: what it is to be.
        told: of what is being done.

    Raises:
        UsageError: there is nothing at a path, no such reference, or figures cannot be written.
        SchemaError: a leaderboard is none.
    """
    told("reading")
    sets = [one for one in compared_sets(paths, False, wanted.reference, wanted.margin) if len(one.rows)]
    if not sets:
        raise UsageError(f"there is no row in {', '.join(map(str, paths))}: nothing was run there yet")
    return page_of(sets, _material(paths), wanted, told)


def _material(paths: Iterable[Path]) -> Material:
    material = Material()
    for path in paths:
        folder = RunFolder(path if path.is_dir() else path.parent)
        if folder.journal.is_file() and (path.is_dir() or path.name == FILE_NAME):
            material.runs.append(Run(folder, replanned(folder)))
    return material


def page_of(
    sets: Sequence[ComparedSet],
    material: Material,
    wanted: Wanted,
    told: Callable[[str], None] = lambda text: None,
    reports: Mapping[str, Sequence[tuple[str, str]]] | None = None,
) -> str:
    """Return a page on sets that were read already.

    Args:
        sets: each with its rows and pairs.
        material: what is known beside the rows.
        wanted: what the page is to be.
        told: of what is being done.
        reports: by key of a set, (address, title) of pages that show its images.
    """
    chapters = [chapter(one, k, wanted.controls, wanted.figures, told) for k, one in enumerate(sets, start=1)]
    for one in chapters:
        one.reports = (reports or {}).get(one.key, ())
    pictures = Pictures()
    with ExitStack() as stack:
        studios: dict[int, Studio] = {}
        for one, found in zip(chapters, sets, strict=True):
            _show(one, found, material, wanted, pictures, stack, studios, told)
    told("encoding pictures")
    album = encoded(pictures.large, pictures.small, BUDGET) if pictures.large else None
    parts = _parts(sets, material)
    trainings = _trainings(material, wanted)
    told("writing the page")
    return filled(
        "report.html.j2",
        title=visible(wanted.title) or _title(chapters),
        back=wanted.back,
        version=radbench.__version__,
        made=_made(sets),
        sets=" ".join(one.key for one in chapters),
        notes=[visible(note) for note in _notes(material)],
        filters=_filters(chapters),
        chapters=chapters,
        headings=HEADINGS,
        meanings=MEANING,
        trainings=trainings,
        ledgers=_ledgers(parts),
        bibtex=visible(bibtex(_cited(sets, parts))),
        album=album,
        pictures=_defined(album),
    )


def _filters(chapters: Sequence[Chapter]) -> list[tuple[str, str, list[str]]]:
    """Return what tells sets of one page apart, as (attribute, heading, values)."""
    found = []
    for name, heading in COMPARED_BY.items():
        values = list(dict.fromkeys(one.facts[name] for one in chapters))
        if len(values) > 1:
            found.append((name, heading, values))
    return found


def _defined(album: Album | None) -> dict[str, Any]:
    if album is None:
        return {}
    return {
        name: {"uri": one.uri, "width": one.width, "height": one.height, "box": f"0 0 {one.width} {one.height}"}
        for name, one in album.pictures.items()
    }


def _title(chapters: Sequence[Chapter]) -> str:
    tasks = list(dict.fromkeys(one.facts["task"] for one in chapters))
    return f"radbench: {', '.join(tasks[:4])}{' and more' if len(tasks) > 4 else ''}"


def _made(sets: Sequence[ComparedSet]) -> str:
    """Return when the rows were scored, and by what."""
    dates = sorted({str(date) for one in sets for date in one.rows["created_utc"] if date})
    versions = sorted({str(version) for one in sets for version in one.rows["radbench_version"] if version})
    when = (
        f"scored {dates[0][:10]}" + (f" to {dates[-1][:10]}" if dates[0][:10] != dates[-1][:10] else "")
        if dates
        else ""
    )
    by = f"by radbench {' and '.join(versions)}" if versions else ""
    rows = counted(sum(len(one.rows) for one in sets), "row")
    return visible(f"{rows} {when} {by}; page by radbench {radbench.__version__}.".replace("  ", " "))


def _notes(material: Material) -> list[str]:
    return [
        "Neither settings nor images of a run are told: its plan cannot be made again here "
        f"({without_paths(run.plan.problem)})."
        for run in material.runs
        if run.plan.problem
    ]


# pictures --------------------------------------------------------------------------------------------------


def _show(
    one: Chapter,
    found: ComparedSet,
    material: Material,
    wanted: Wanted,
    pictures: Pictures,
    stack: ExitStack,
    studios: dict[int, Studio],
    told: Callable[[str], None],
) -> None:
    """Fill the gallery of a chapter, or say why there is none."""
    spec = metric_named(found.pairs, one.leading)
    if not wanted.images:
        one.no_pictures = "Pictures were left out (--no-images)."
    elif not material.runs:
        one.no_pictures = "A leaderboard has no pictures: 'bench report' of the run's folder shows them."
    elif spec is None:
        one.no_pictures = "No case has scores here, so that none can be picked."
    if one.no_pictures or spec is None:
        return
    references = {*found.rows["reference"]} - {""}
    picks = picked(found.pairs, spec, next(iter(references)) if len(references) == 1 else "")
    one.picked_by, one.by_metric = picks.by, f"in {spec.name}" in picks.by or picks.by.endswith(spec.name)
    lacking = []
    for place, entry in enumerate(one.entries):
        rows = found.rows[(found.rows["enhancer"] == entry.enhancer) & (found.rows["n_seeds"] < 2)]
        facts = rows.iloc[0].to_dict() if len(rows) else {}
        known = material.pair(facts, str(facts["enhancer_digest"])) if facts else None
        if known is None:
            if picks.of.get(entry.enhancer):
                lacking.append(entry.name)
            continue
        run, pair = known
        plan = run.plan.plan
        if id(run) not in studios and plan is not None:
            studios[id(run)] = stack.enter_context(studio(plan.request.plugin_files))
        shown = viewers(one.ident, place, entry, pair, picks, studios[id(run)], pictures, told)
        if len({*rows["seed"].dropna()}) > 1:
            # A case's number is the mean over seeds; an image is of one.
            shown = [replace(each, remark=f"The image of seed {pair.seed}. {each.remark}".strip()) for each in shown]
        one.gallery.append((entry, shown))
    if lacking:
        one.no_pictures = f"No pictures of {', '.join(lacking)}{_why_lacking(material)}."


def _why_lacking(material: Material) -> str:
    """Return why pairs that were scored cannot be shown, as the end of a sentence."""
    changed = {what for run in material.runs for what in run.plan.changed.values()}
    gone = {without_paths(why).rstrip(".") for run in material.runs for why in run.plan.gone.values()}
    told = [f"{' and '.join(sorted(changed))} changed since they were scored"] if changed else []
    return visible("".join(f"{': ' if k == 0 else '; '}{why}" for k, why in enumerate([*told, *sorted(gone)])))


# what the rows stand on ------------------------------------------------------------------------------------


def _parts(sets: Sequence[ComparedSet], material: Material) -> list[Part]:
    """Return the parts behind the rows, as the runs have them or, of leaderboards, as they are installed here."""
    found: dict[tuple[str, str], Part] = {}
    for run in material.runs:
        for pair in run.plan.pairs.values():
            for part in (pair.enhancer, pair.task, pair.dataset):
                found.setdefault((part.kind, part.identity), part)
    if material.runs:
        return list(found.values())
    for one in sets:
        digests = {"enhancer": "enhancer_digest", "task": "task_digest"}
        for kind, column in digests.items():
            for label, digest, profile in {*zip(one.rows[kind], one.rows[column], one.rows["profile"], strict=True)}:
                here = material.installed(kind, label, profile)
                if here is not None and digest and here.identity.startswith(digest):
                    found.setdefault((kind, here.identity), here)
    return sorted(found.values(), key=lambda part: (part.kind, part.label, part.identity))


def _ledgers(parts: Iterable[Part]) -> list[list[PartLedger]]:
    return [[*ledger(part)] for part in parts]


def _cited(sets: Sequence[ComparedSet], parts: Iterable[Part]) -> list[Source]:
    """Return what is to be cited: what parts and those below them name, and the sources of data that rows name."""
    found: list[Source] = []

    def add(part: Part) -> None:
        text = getattr(part.spec, "citation", "") or part.spec.reference
        found.append(Source(part.name, part.kind, text, getattr(part.spec, "licence", "")))
        for _, below in part.named(sources=True):
            add(below)

    for part in parts:
        add(part)
    known = {(source.kind, source.part) for source in found}
    registry = load_registry()
    for one in sets:
        for name, kind in (("enhancer", "enhancer"), ("task", "task")):
            for label in dict.fromkeys(one.rows[name]):
                # A control is made of another: each name in a label is one that was used.
                for word in re.findall(r"[a-z0-9][a-z0-9_.-]*", str(label)):
                    entry = registry.entries[kind].get(word)
                    if entry is not None and (kind, word) not in known:
                        known.add((kind, word))
                        found.append(Source(word, kind, entry.spec.reference))
        for label, text, licence in {*zip(one.rows["dataset"], one.rows["citation"], one.rows["licence"], strict=True)}:
            if ("dataset", str(label).partition("[")[0]) not in known:
                found.append(Source(str(label), "dataset", str(text), str(licence)))
    return sorted({*found}, key=lambda s: (s.kind, s.part, s.text))


def _trainings(material: Material, wanted: Wanted) -> list[tuple[Learnt, list[Plate]]]:
    store = Store(cache_folder())
    pairs = [pair for run in material.runs for pair in run.plan.pairs.values()]
    out = []
    for number, one in enumerate(learnt((training for pair in pairs for training in pair.trainings), store)):
        plates = []
        for k, (name, curve) in enumerate(one.curves):
            caption = f"{name}: loss in training and, where there is one, the validation score; the dot is what stayed."
            with drawing():
                svg = inline(training_figure(curve), f"training-{number}-{k}", visible(caption))
            file = f"training-{number + 1}-{re.sub(r'[^A-Za-z0-9]+', '-', name).strip('-').lower()[:60]}"
            plates.append(Plate(file, svg, visible(caption), True))
            if wanted.figures is not None:
                with drawing(for_page=False):
                    write_files(training_figure(curve), wanted.figures, file)
        out.append((one, plates))
    return out


# the file --------------------------------------------------------------------------------------------------


def write_page(text: str, file: Path, private: bool = True) -> None:
    """Write a page; one that is there is replaced in one step.

    Args:
        text: of the page.
        file: to write.
        private: readable by its user alone, as the run that it tells of.

    Raises:
        UsageError: it cannot be written, or what is there is no report.
    """
    refuse_others(file)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with privately() if private else ExitStack():
            replace_file(file, text.encode("utf-8", "backslashreplace"))
    except OSError as e:
        raise UsageError(f"cannot write '{file}': {e.strerror or e}") from e


def refuse_others(file: Path) -> None:
    """Refuse to replace what is there and is no report.

    Raises:
        UsageError: so it is.
    """
    if not os.path.lexists(file):
        return
    try:
        with file.open("rb") as there:
            known = MARK.encode() in there.read(4096)
    except OSError as e:
        raise UsageError(f"cannot write '{file}': {e.strerror or e}") from e
    if not known:
        raise UsageError(f"'{file}' is there and is no report of radbench: name another file with --out")
