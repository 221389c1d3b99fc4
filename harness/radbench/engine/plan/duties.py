"""Duties: what a factory must offer for what its spec says, held against it before anything runs."""

from __future__ import annotations

import inspect

from radbench.contracts.errors import PluginError, did_you_mean
from radbench.engine.plan.parts import Part
from radbench.registry.whereabouts import definition_of
from radbench.stats.aggregations.definitions import definition

_OF_CLASS = {"enhancer": ("enhance",), "task": ("score",), "dataset": ("manifest", "load")}
_RETURNS = {
    "enhance": "enhance(self, images)",
    "score": "score(self, sample, context)",
    "views": "views(self, images, poses)",
    "manifest": "manifest(self)",
    "load": "load(self, case_id)",
    "fit": "fit(self, lessons, context)",
    "lesson": "lesson(self, sample)",
    "state_dict": "state_dict(self)",
    "load_state_dict": "load_state_dict(self, state)",
}


def check_duties(part: Part) -> None:
    """Refuse a part whose factory lacks what the harness would call.

    Raises:
        PluginError: it cannot be called, or lacks a method; or a metric names an aggregation that there is not, or that
            refuses its parameters.
    """
    kind = "data set" if part.kind == "dataset" else part.kind
    who, factory = f"{kind} '{part.name}'", part.factory
    if inspect.isclass(factory):
        _check_constructor(part, who)
        _check_methods(part, who, _OF_CLASS[part.kind])
    elif not callable(factory):
        right = "a function or a class" if part.kind == "enhancer" else "a class"
        raise PluginError(f"{who}: factory '{part.spec.factory}' is a {type(factory).__name__}, not {right}")
    if part.kind == "dataset":
        return
    if part.kind == "task":
        _check_aggregations(part, who)
    fits = inspect.isclass(factory) and hasattr(factory, "fit")
    if part.learns and not fits:
        raise PluginError(f"{who} says learns=True, but its factory is no class with fit(){_at(part)}")
    if fits and not part.learns:
        raise PluginError(f"{who} has fit(), but its spec does not say learns=True{_at(part)}")
    if part.learns:
        wanted = ["fit", "state_dict", "load_state_dict"]
        wanted += ["lesson"] if part.kind == "task" or part.sources else []
        _check_methods(part, who, wanted, "learns but ")
    if part.kind == "enhancer" and part.spec.renders and not hasattr(factory, "views"):
        raise PluginError(f"{who} says renders=True, but offers no {_RETURNS['views']}{_at(part)}")


def _check_constructor(part: Part, who: str) -> None:
    try:
        taken = inspect.signature(part.factory).parameters.values()
    except (TypeError, ValueError):
        return  # one of C, which nobody can ask
    plain = [p for p in taken if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD, p.VAR_POSITIONAL)]
    if not plain:
        raise PluginError(
            f"{who} is built with its configuration, which its class does not take: def __init__(self, config)"
            f"{_at(part)}"
        )
    needed = [p.name for p in plain[2:] if p.default is p.empty and p.kind is not p.VAR_POSITIONAL]
    if needed:
        raise PluginError(
            f"{who} is built with its configuration, and where it asks for them its parts; its class needs "
            f"'{needed[0]}', too: what it needs is a field of its Config{_at(part)}"
        )


def _check_methods(part: Part, who: str, wanted: tuple[str, ...] | list[str], so: str = "") -> None:
    for name in wanted:
        if not callable(getattr(part.factory, name, None)):
            own = [n for n, v in vars(part.factory).items() if callable(v) and not n.startswith("_")]
            near = did_you_mean(name, own)
            near = near if "did you mean" in near else ""
            raise PluginError(f"{who} {so}offers no {_RETURNS[name]}{near}{_at(part)}")


def _check_aggregations(part: Part, who: str) -> None:
    for metric in part.spec.metrics:
        try:
            if ":" in metric.aggregation:
                from radbench.stats.aggregations import aggregation  # imports NumPy, which listing must not

                aggregation(metric.aggregation, metric.parameters)
            else:
                definition(metric.aggregation).checked(metric.parameters)
        except PluginError as e:
            raise PluginError(f"{who}, metric '{metric.name}': {e}") from e


def _at(part: Part) -> str:
    at = definition_of(part.factory)
    return f" ({at})" if at else ""
