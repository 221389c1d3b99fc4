"""Predictions: the probabilities behind a run's rows, and how they agree with what was the case, as tables to keep."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from radbench.contracts.evidence import Prediction
from radbench.contracts.printable import to_cell
from radbench.engine.keep.journal import RunFolder
from radbench.engine.keep.sealed import write_atomically
from radbench.leaderboard.pairs import PairResult
from radbench.leaderboard.view import pair_results

_OF_PAIR = ("task", "dataset", "split", "enhancer", "profile", "seed")
PREDICTIONS = (*_OF_PAIR, "case", "patient", "finding", "label", "probability")
RELIABILITY = (*_OF_PAIR, "finding", "low", "high", "n", "mean_probability", "share_of_positives")
_PROBABLE = frozenset({"brier", "ece"})
"""Aggregations that take a score for a probability; of other scores nothing is said here."""


def write_predictions(folder: RunFolder) -> None:
    """Write ``predictions.csv``, a line for each case and finding, and ``reliability.csv``, a line for each bin of
    probabilities that holds a case, of a run whose tasks give probabilities; of any other, nothing.

    Probabilities fall into bins of equal width that hold their upper ends, as those of the expected calibration error;
    as many as the task's metric ``ece`` has.

    Raises:
        StoreError: they cannot be written.
    """
    # Reading what was observed takes long: first, whether any task gives probabilities at all.
    if not any(_observations(one) for one in pair_results(folder, evidence=False)):
        return
    pairs = [one for one in pair_results(folder) if _observations(one)]
    _write(folder, "predictions.csv", PREDICTIONS, (row for pair in pairs for row in _predictions(pair)))
    _write(folder, "reliability.csv", RELIABILITY, (row for pair in pairs for row in _reliability(pair)))


def reliability(predictions: Iterable[tuple[float, float]], bins: int) -> list[tuple[float, float, int, float, float]]:
    """Return (low, high, count, mean probability, share of positives) of each bin that holds a case, in order.

    Args:
        predictions: (label, probability); a label that is not stated is left out, and so is what is no probability.
        bins: of equal width over [0,1].
    """
    from radbench.stats.calibration import bin_of

    stated = [(label, score) for label, score in predictions if not math.isnan(label) and 0 <= score <= 1]
    held: dict[int, list[tuple[float, float]]] = {}
    for number, one in zip(bin_of([score for _, score in stated], bins).tolist(), stated, strict=True):
        held.setdefault(number, []).append(one)
    out = []
    for number, members in sorted(held.items()):
        labels, probabilities = zip(*members, strict=True)
        n = len(members)
        out.append((number / bins, (number + 1) / bins, n, math.fsum(probabilities) / n, math.fsum(labels) / n))
    return out


def _observations(pair: PairResult) -> dict[str, int]:
    """Return what a task gives as probabilities, and into how many bins it puts them."""
    from radbench.stats.aggregations.definitions import definition

    usual = definition("ece")
    found: dict[str, int] = {}
    for metric in pair.metrics:
        if metric.aggregation == usual.name:
            found[metric.observation] = int(usual.checked(metric.parameters)["bins"])
        elif metric.aggregation in _PROBABLE:
            found.setdefault(metric.observation, int(usual.checked()["bins"]))
    return found


def _each(pair: PairResult) -> Iterator[tuple[str, str, str, Prediction]]:
    """Yield case, observation, facet and prediction of whatever is a probability."""
    for case, evidence in pair.evidence.items():
        for name in _observations(pair):
            given: Any = evidence.get(name, {})
            for facet, one in (given if isinstance(given, Mapping) else {"": given}).items():
                if isinstance(one, Prediction):
                    yield case, name, facet, one


def _predictions(pair: PairResult) -> Iterator[list[Any]]:
    for case, name, facet, one in _each(pair):
        for label, score in _places(one):
            yield [*_told(pair), case, pair.patients.get(case, case), facet or name, label, score]


def reliability_of(pair: PairResult) -> Iterator[tuple[str, list[tuple[float, float, int, float, float]]]]:
    """Yield each finding of a pair whose task gives probabilities, and its bins as :func:`reliability` gives them."""
    bins = _observations(pair)
    by_finding: dict[tuple[str, str], list[tuple[float, float]]] = {}
    for _, name, facet, one in _each(pair):
        by_finding.setdefault((name, facet), []).extend(_places(one))
    for (name, facet), given in by_finding.items():
        yield facet or name, reliability(given, bins[name])


def _reliability(pair: PairResult) -> Iterator[list[Any]]:
    for finding, found in reliability_of(pair):
        for row in found:
            yield [*_told(pair), finding, *row]


def _places(one: Prediction) -> list[tuple[float, float]]:
    if isinstance(one.label, Sequence) and isinstance(one.score, Sequence):
        return list(zip(one.label, one.score, strict=True))
    return [(float(one.label), float(one.score))]  # type: ignore[arg-type]


def _told(pair: PairResult) -> list[Any]:
    return ["" if (value := getattr(pair, name)) is None else value for name in _OF_PAIR]


def _write(folder: RunFolder, name: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([_cell(value) for value in row] for row in rows)
    write_atomically(folder.root / name, text.getvalue().encode())


def _cell(value: Any) -> Any:
    if isinstance(value, float):
        return "" if math.isnan(value) else repr(value)
    return to_cell(value) if isinstance(value, str) else value
