"""Again: published pairs are planned from their labels and run, in a cache where nothing of theirs lies."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from radbench.contracts.errors import PluginError, UsageError
from radbench.contracts.variants import quoted
from radbench.engine.plan.pairs import Pair, Plan, make_plan
from radbench.engine.plan.request import Request
from radbench.engine.run.reporting import Reporter
from radbench.engine.run.running import Options
from radbench.leaderboard.pairs import PairResult
from radbench.leaderboard.running import run_plan
from radbench.leaderboard.view import pair_results
from radbench.registry.registry import Registry
from radbench.verification.choosing import Published

_FOLDER = re.compile(r"@([0-9a-f]{8})\b")
"""A folder of another machine, as labels name it."""


@dataclass(frozen=True)
class Again:
    """A published pair on this machine.

    Attributes:
        published: it.
        pair: as it is planned here; None where it cannot be.
        result: what came of running it; None where it was not run.
        reason: why it cannot be run, a sentence; "" where it was.
    """

    published: Published
    pair: Pair | None = None
    result: PairResult | None = None
    reason: str = ""


@contextmanager
def cache_at(folder: Path | None) -> Iterator[Path]:
    """Let everything be kept elsewhere for a while.

    Args:
        folder: where; None for one that is empty, and goes afterwards.

    Yields:
        The cache's folder.
    """
    before = os.environ.get("RADBENCH_CACHE")
    with tempfile.TemporaryDirectory(prefix="radbench-verify-", ignore_cleanup_errors=True) as own:
        os.environ["RADBENCH_CACHE"] = str(folder or Path(own) / "cache")
        try:
            yield Path(os.environ["RADBENCH_CACHE"])
        finally:
            if before is None:
                del os.environ["RADBENCH_CACHE"]
            else:
                os.environ["RADBENCH_CACHE"] = before


def planned(
    registry: Registry, published: Sequence[Published], plugins: Sequence[str], folders: Mapping[str, Path]
) -> list[Again]:
    """Return how published pairs are planned on this machine; what cannot be keeps its reason.

    Args:
        registry: of the plugins that there are.
        published: the pairs.
        plugins: files of plugins beyond the installed ones.
        folders: by the first eight digits of its digest, where a folder that labels name lies here.
    """
    return [_planned(registry, one, tuple(plugins), folders) for one in published]


def _planned(registry: Registry, published: Published, plugins: tuple[str, ...], folders: Mapping[str, Path]) -> Again:
    first = published.rows.iloc[0]
    try:
        enhancer, task, dataset = (
            _here(label, folders) for label in (published.enhancer, published.task, published.dataset)
        )
        request = Request(
            (enhancer,),
            (task,),
            dataset,
            str(first["profile"]),
            (published.seed or 0,),
            0 if str(first["limit"]) == "<NA>" else int(first["limit"]),
            plugin_files=plugins,
            precision=str(first["precision"]) or "float32",
            # What a method knew of its patients its row says: it is compared, not refused.
            leakage=True,
        )
        # The one that was asked for comes behind the reference.
        pair = make_plan(registry, request).pairs[-1]
    except (UsageError, PluginError) as error:
        return Again(published, reason=str(error))
    if pair.reason:
        return Again(published, pair, reason=pair.reason)
    if pair.split != first["split"]:
        return Again(published, pair, reason=f"this version scores the split '{pair.split}', not '{first['split']}'")
    if (pair.seed is None) != (published.seed is None):
        moves = "nothing in it depends" if pair.seed is None else "it depends"
        return Again(published, pair, reason=f"as it is planned here, {moves} on the seed: it is another pair")
    return Again(published, pair)


def _here(label: str, folders: Mapping[str, Path]) -> str:
    def place(found: re.Match[str]) -> str:
        if found[1] not in folders:
            raise UsageError(
                f"'{label}' names a folder by its digest: say where it lies here with '--data @{found[1]}=FOLDER'"
            )
        return quoted(str(folders[found[1]]))

    return _FOLDER.sub(place, label)


def run_again(
    registry: Registry, asked: Sequence[Again], plugins: Sequence[str], options: Options, reporter: Reporter
) -> list[Again]:
    """Run what is planned, all that shares a profile, a precision and a limit together.

    Args:
        registry: of the plugins that there are.
        asked: the pairs as they are planned; what has a reason is left as it is.
        plugins: files of plugins beyond the installed ones.
        options: how to run; ``out`` is the folder that the runs' folders are made in, or None for none that stay.
        reporter: told of progress.

    Raises:
        RunAbortedError: the machine stopped it.
    """
    together: dict[tuple[str, str, int], list[int]] = {}
    for place, one in enumerate(asked):
        if one.pair is not None and not one.reason:
            first = one.published.rows.iloc[0]
            together.setdefault((str(first["profile"]), one.pair.precision, one.pair.limit), []).append(place)
    found = [*asked]
    with tempfile.TemporaryDirectory(prefix="radbench-verify-", ignore_cleanup_errors=True) as own:
        root = options.out or Path(own)
        for number, ((profile, precision, limit), places) in enumerate(together.items(), 1):
            pairs = {pair.name: pair for place in places if (pair := asked[place].pair) is not None}
            request = Request(
                tuple(dict.fromkeys(pair.enhancer.label for pair in pairs.values())),
                tuple(dict.fromkeys(pair.task.label for pair in pairs.values())),
                profile=profile,
                seeds=tuple(dict.fromkeys(pair.seed or 0 for pair in pairs.values())),
                limit=limit,
                precision=precision,
                plugin_files=tuple(plugins),
                leakage=True,
            )
            folder = root / f"{number}-{profile}"
            ended = run_plan(registry, Plan(request, tuple(pairs.values())), replace(options, out=folder), reporter)
            results = {(r.task, r.dataset, r.enhancer, r.seed): r for r in pair_results(ended.folder)}
            for place in places:
                found[place] = _with_result(asked[place], results)
    return found


def _with_result(asked: Again, results: Mapping[tuple[str, str, str, int | None], PairResult]) -> Again:
    pair = asked.pair
    assert pair is not None
    result = results.get((pair.task.label, pair.dataset.label, pair.enhancer.label, pair.seed))
    if result is None:
        return replace(asked, reason="the run ended before it was scored")
    if not result.scored:
        why = result.error or next((text for text in result.failures.values() if text), "no case was scored")
        return replace(asked, reason=f"it ended as '{result.status}': {why}")
    return replace(asked, result=result)
