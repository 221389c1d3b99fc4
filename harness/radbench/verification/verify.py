"""Verify: a published leaderboard's rows are chosen, run again and judged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from radbench.contracts.errors import UsageError
from radbench.engine.run.reporting import Reporter, Silent
from radbench.engine.run.running import Options
from radbench.leaderboard.schema import FILE_NAME, read_leaderboard
from radbench.leaderboard.scores import read_scores
from radbench.registry.registry import Registry, load_registry
from radbench.verification.again import cache_at, planned, run_again
from radbench.verification.choosing import Choice, chosen
from radbench.verification.judging import PairVerdict, judged


def verify(
    leaderboard: Path,
    choice: Choice = Choice(),  # noqa: B008
    *,
    registry: Registry | None = None,
    plugins: Sequence[str] = (),
    folders: Mapping[str, Path] | None = None,
    cache: Path | None = None,
    options: Options | None = None,
    reporter: Reporter | None = None,
) -> list[PairVerdict]:
    """Run published rows again and judge them.

    Args:
        leaderboard: a CSV, with the per-case scores that lie beside it.
        choice: which rows.
        registry: of the plugins that there are; None loads them.
        plugins: files of plugins beyond the installed ones.
        folders: by the first eight digits of its digest, where a folder that labels name lies here.
        cache: where everything is kept; None for an empty one that goes afterwards.
        options: how to run; ``out`` is the folder that the runs' folders are made in, or None for none that stay.
        reporter: told of progress.

    Returns:
        a verdict for each pair, in the file's order.

    Raises:
        UsageError: there is no such file, or nothing in it is what was chosen.
        SchemaError: it is not valid.
        RunAbortedError: the machine stopped the runs.
    """
    if leaderboard.is_dir():
        if not (leaderboard / FILE_NAME).exists():
            raise UsageError(f"'{leaderboard}' is a folder of leaderboards: name one of them")
        leaderboard = leaderboard / FILE_NAME
    frame, scores = read_leaderboard(leaderboard), read_scores(leaderboard)
    published = chosen(frame, choice)
    registry = registry or load_registry(tuple(plugins))
    with cache_at(cache):
        again = planned(registry, published, plugins, folders or {})
        again = run_again(registry, again, plugins, options or Options(), reporter or Silent())
    return judged(frame, scores, again)
