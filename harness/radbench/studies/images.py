"""Images: the cases that a study's figures show, as the enhancers of its runs made them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from radbench.contracts import Case
from radbench.contracts.enhancement import Enhancement
from radbench.engine.keep.digests import short
from radbench.engine.keep.journal import RunFolder
from radbench.engine.plan.keys import entry_key
from radbench.engine.plan.pairs import Pair
from radbench.leaderboard.privacy import without_paths
from radbench.report.pictures import Studio, studio
from radbench.report.replanning import Replanned, replanned
from radbench.studies.figure import CASE, Entry, Figure, Panel
from radbench.studies.results import Results

Seen = tuple[Case, Enhancement]


@dataclass(frozen=True)
class ImageLine:
    """A case of a figure.

    Attributes:
        heading: of its panel.
        case: its digest.
        images: of each entry, float32 ``[H,W]`` in [0,1]; None where there is none.
    """

    heading: str
    case: str
    images: Sequence[Any]


def image_lines(figure: Figure, results: Results) -> tuple[list[ImageLine], list[str]]:
    """Return the cases of a figure of images, and sentences on what lacks.

    Cases are the first by their digests of those that all entries have an image of: by chance, and not by their look.
    What the run kept no more is made again from its weights.

    Args:
        figure: of images.
        results: of the study's runs in their folders; leaderboards have no images.
    """
    lines: list[ImageLine] = []
    lacking: dict[str, None] = {}
    with ExitStack() as stack:
        plans: dict[str, tuple[Replanned, Studio]] = {}
        for panel in figure.panels:
            if panel.run not in results.folders:
                lacking[f"{panel.heading}: {_why_no_folder(panel, results)}"] = None
                continue
            if panel.run not in plans:
                plan = replanned(RunFolder(results.folders[panel.run]))
                files = plan.plan.request.plugin_files if plan.plan is not None else ()
                plans[panel.run] = plan, stack.enter_context(studio(files))
            own, why = _of_panel(panel, figure, results, *plans[panel.run])
            lines += own
            lacking |= dict.fromkeys(f"{panel.heading}: {one}" for one in why)
    return lines, [*lacking]


def _why_no_folder(panel: Panel, results: Results) -> str:
    if panel.run in results.frames:
        return "a leaderboard has no images: 'bench study run' makes them"
    return results.reasons.get(panel.run, "it was not run yet")


def _of_panel(
    panel: Panel, figure: Figure, results: Results, plan: Replanned, at: Studio
) -> tuple[list[ImageLine], list[str]]:
    if plan.problem:
        return [], [f"its plan cannot be made again here ({without_paths(plan.problem)})"]
    pairs: dict[str, Pair] = {}
    why = []
    for entry in figure.entries:
        found = _pair_of(panel, entry, results, plan)
        if isinstance(found, str):
            why.append(f"{entry.name}: {found}")
        else:
            pairs[entry.name] = found
    shared = [{short(entry_key(entry)) for entry in pair.shown} for pair in pairs.values()]
    cases = sorted(set.intersection(*shared))[: figure.cases] if shared else []
    columns: dict[str, dict[str, Any]] = {}
    for entry in figure.entries:
        columns[entry.name] = {}
        if entry.name in pairs:
            for case, seen in at.made(pairs[entry.name], cases):
                image = seen if isinstance(seen, str) else _image(seen, entry)
                if isinstance(image, str):
                    why.append(f"{entry.name}: {image}")
                else:
                    columns[entry.name][case] = image
    lines = [ImageLine(panel.heading, case, [columns[e.name].get(case) for e in figure.entries]) for case in cases]
    return lines, [*dict.fromkeys(why)]


def _pair_of(panel: Panel, entry: Entry, results: Results, plan: Replanned) -> Pair | str:
    """Return the pair of a run that an entry shows, of several seeds the first, or why there is none."""
    run = results.runs[panel.run]
    for name, parts in ((entry.enhancer, run.enhancers), (panel.task, run.tasks)):
        if name not in parts:
            return run.missing.get(name, f"'{name}' is not there")
    task, enhancer = run.tasks[panel.task].label, run.enhancers[entry.enhancer].label

    def mine(found: Mapping[tuple[str, ...], Any]) -> Iterator[Any]:
        for key in sorted(found):
            if (key[0], key[2]) == (task, enhancer):
                yield found[key]

    for pair in mine(plan.pairs):
        return pair
    for changed in mine(plan.changed):
        return f"{changed} changed since it was scored"
    return next(mine(plan.gone), "it was not scored there")


def _image(seen: Seen, entry: Entry) -> Any:
    """Return what an entry shows of a case, or why there is none."""
    case, made = seen
    if entry.layer == CASE:
        return case.image[0].numpy()
    if not entry.layer:
        return made.image[0].numpy()
    for name in entry.layer.split("|"):
        if name in made.layers:
            return made.layers[name][0].float().numpy()
    there = ", ".join(sorted(made.layers)) or "none"
    return f"its run kept no layer '{entry.layer}' (there is {there})"
