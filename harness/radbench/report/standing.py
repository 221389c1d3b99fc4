"""Standing: what the rows of a page stand on: the parts behind them, what is to be cited, and how they were trained."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from radbench.engine.keep.homes import cache_home
from radbench.engine.keep.store import Store
from radbench.engine.keep.texts import visible
from radbench.engine.plan.parts import Part
from radbench.leaderboard.sources import ComparedSet
from radbench.registry.registry import load_registry
from radbench.report.chapters import Plate
from radbench.report.citations import Source
from radbench.report.figures.curves import training as training_figure
from radbench.report.figures.style import drawing, inline, write_files
from radbench.report.material import Material
from radbench.report.trainings import Learnt, learnt


def parts_behind(sets: Sequence[ComparedSet], material: Material) -> list[Part]:
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


def cited(sets: Sequence[ComparedSet], parts: Iterable[Part]) -> list[Source]:
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


def trained(material: Material, figures: Path | None) -> list[tuple[Learnt, list[Plate]]]:
    """Return the trainings behind the runs, each with the figures of its curves.

    Args:
        material: the runs.
        figures: folder that the figures are written to as SVG and PDF, too; None for none.
    """
    store = Store(cache_home())
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
            if figures is not None:
                with drawing(for_page=False):
                    write_files(training_figure(curve), figures, file)
        out.append((one, plates))
    return out
