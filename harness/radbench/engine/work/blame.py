"""Blame: which plugin's code was called when something failed, so that a sentence can name its line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from radbench.registry.whereabouts import code_places

if TYPE_CHECKING:
    from radbench.engine.plan.steps import Step
    from radbench.engine.work.living import Living
    from radbench.registry.registry import Registry


def own_code(registry: Registry) -> tuple[str, ...]:
    """Return the files and folders that hold the code of all plugins."""
    entries = [e for of_kind in registry.entries.values() for e in of_kind.values()]
    return code_places(registry.plugins, [e.spec.factory for e in entries])


def called(living: Living, step: Step, stage: str = "", error: BaseException | None = None) -> Any:
    """Return the function or class of a plugin that a step called; None where it cannot be imported.

    Args:
        living: where parts come to life.
        step: under way.
        stage: of a case, "load", "enhance", "lesson" or "score"; "" for what a step calls as a whole: the learner's
            ``fit``, or what is built.
        error: that was raised; where it names an enhancer that is a part, that is meant.
    """
    try:
        live = {"load": step.loading.dataset if step.loading else None, "enhance": step.enhancer}.get(
            stage, step.learner or step.enhancer or (step.loading.dataset if step.loading else None)
        )
        if live is None:
            return None
        part = living.part(live.asked)
        if named := [p for p in living.below(live.asked) if p is not part and f"enhancer '{p.label}'" in str(error)]:
            part, stage = named[0], "enhance"
        views = stage == "enhance" and step.poses is not None
        method = "views" if views else stage or ("fit" if step.kind == "fit" else "")
        return getattr(part.factory, method, part.factory) if method else part.factory
    except (Exception, SystemExit):
        return None  # It is what failed, and its own error says why.
