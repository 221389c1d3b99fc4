"""The hooks a plugin may implement: when each is called, with what, and what it returns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pluggy

if TYPE_CHECKING:
    from radbench.contracts.events import Event, LoggerSpec
    from radbench.contracts.specs import DatasetSpec, EnhancerSpec, TaskSpec

PROJECT = "radbench"

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)
"""Marks a plugin's function as the implementation of the hook of its name."""


@hookspec
def radbench_enhancers() -> Sequence[EnhancerSpec]:  # type: ignore[empty-body]
    """Return the enhancers that the plugin offers. Called once, when the registry is filled.

    .. versionadded:: 0.1
    """


@hookspec
def radbench_tasks() -> Sequence[TaskSpec]:  # type: ignore[empty-body]
    """Return the tasks that the plugin offers. Called once, when the registry is filled.

    .. versionadded:: 0.1
    """


@hookspec
def radbench_datasets() -> Sequence[DatasetSpec]:  # type: ignore[empty-body]
    """Return the data sets that the plugin offers. Called once, when the registry is filled.

    .. versionadded:: 0.1
    """


@hookspec
def radbench_loggers() -> Sequence[LoggerSpec]:  # type: ignore[empty-body]
    """Return the loggers that the plugin offers to ``bench run --log``. Called when a run names one.

    .. versionadded:: 0.2
    """


@hookspec
def radbench_event(event: Event) -> None:
    """Listen: something happened in a run. Return values are ignored; an exception is one warning.

    Args:
        event: one of :mod:`radbench.contracts.events`: the run, a pair or a step began or ended, a training came on or
            left a curve.

    .. versionadded:: 0.2
    """


@hookspec
def radbench_pair_started(pair: Any) -> None:
    """Listen: the first step of a pair was handed to a worker. Return values are ignored.

    Args:
        pair: the :class:`radbench.engine.plan.pairs.Pair`.

    .. versionadded:: 0.1
    """


@hookspec
def radbench_pair_finished(pair: Any, rows: Sequence[dict[str, Any]]) -> None:
    """Listen: a pair ended, well or badly. Return values are ignored; an exception is one warning.

    Args:
        pair: the :class:`radbench.engine.plan.pairs.Pair`.
        rows: its leaderboard rows as they now stand (see ``radbench.leaderboard.schema``).

    .. versionadded:: 0.1
    """
