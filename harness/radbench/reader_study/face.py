"""Face: reader studies from Python, as ``bench reader-study`` has them on the command line."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from radbench.reader_study.making import Asked, Made, make_study
from radbench.reader_study.results import Results, analyse_study
from radbench.registry.discovery import plugin_paths


def make(
    run: str | Path,
    enhancers: str | Sequence[str],
    out: str | Path,
    *,
    cases: int = 71,
    readers: int = 2,
    plugins: Sequence[str | Path] = (),
    tell: Callable[[int, int], None] = lambda done, total: None,
    **asked: Any,
) -> Made:
    """Make a blinded page for each reader of a run's images, and apart from them the key.

    Args:
        run: the run's folder.
        enhancers: of the run, by their labels; a text may hold several with commas between them.
        out: a folder that does not exist yet or is empty.
        cases: drawn from the run's.
        readers: each has a page and an order.
        plugins: plugin files that the run used.
        tell: called with how many cases are packed, and of how many.
        asked: whatever else :class:`radbench.reader_study.Asked` has: ``design``, ``repeats``, ``grades``, ``ties``,
            ``question``, ``finding``, ``reference``, ``reference_name``, ``title``, ``seed``, ``bits``, ``size``,
            ``task``.

    Raises:
        UsageError: what was asked for cannot be, or the folder is in use; nothing was written.
        CaseError: an image is kept no more and cannot be made again.
        StoreError: the folder cannot be written.
        TypeError: ``asked`` names something else.
    """
    shown = (enhancers,) if isinstance(enhancers, str) else tuple(enhancers)
    wanted = Asked(shown, cases, readers, plugin_files=plugin_paths(plugins), **asked)
    return make_study(Path(run), wanted, Path(out), tell)


def analyse(
    study: str | Path, answers: str | Path | Sequence[str | Path] = (), *, leave_out_damaged: bool = False
) -> Results:
    """Join the readers' answers with the key, and analyse them.

    Args:
        study: the folder that :func:`make` wrote, with its key.
        answers: files of answers, or folders of them, beside those in the study's ``answers/``.
        leave_out_damaged: go on without lines that were changed or damaged.

    Returns:
        What the study says: ``summary`` in sentences, ``sheets`` as tables, ``analysis`` as numbers;
        :func:`radbench.reader_study.render` makes a text of it.

    Raises:
        UsageError: there is no key, or there are no answers.
        AnswersError: a file of answers is damaged or belongs to another study.
    """
    files = [answers] if isinstance(answers, str | Path) else [*answers]
    return analyse_study(Path(study), [Path(file) for file in files], leave_out_damaged)
