"""Hanging: the gallery of a chapter filled with the picked cases of its runs, or the reason why there is none."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace

from radbench.engine.keep.texts import visible
from radbench.leaderboard.privacy import without_paths
from radbench.leaderboard.sources import ComparedSet
from radbench.report.chapters import Chapter
from radbench.report.gallery import Pictures, viewers
from radbench.report.material import Material
from radbench.report.picking import picked
from radbench.report.pictures import Studio, studio
from radbench.report.series import metric_named


def hang(
    one: Chapter,
    found: ComparedSet,
    material: Material,
    images: bool,
    pictures: Pictures,
    stack: ExitStack,
    studios: dict[int, Studio],
    told: Callable[[str], None],
) -> None:
    """Fill the gallery of a chapter, or say why there is none.

    Args:
        one: the chapter, which is filled.
        found: the set that it is on.
        material: the runs whose images are shown.
        images: whether pictures are wanted.
        pictures: of the page, which are added to.
        stack: closes the studios.
        studios: by run, where its pictures are made.
        told: of what is being done.
    """
    spec = metric_named(found.pairs, one.leading)
    if not images:
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
        one.no_pictures = f"No pictures of {', '.join(lacking)}{why_lacking(material)}."


def why_lacking(material: Material) -> str:
    """Return why pairs that were scored cannot be shown, as the end of a sentence."""
    changed = {what for run in material.runs for what in run.plan.changed.values()}
    gone = {without_paths(why).rstrip(".") for run in material.runs for why in run.plan.gone.values()}
    told = [f"{' and '.join(sorted(changed))} changed since they were scored"] if changed else []
    return visible("".join(f"{': ' if k == 0 else '; '}{why}" for k, why in enumerate([*told, *sorted(gone)])))
