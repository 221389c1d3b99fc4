"""Places: what scores of predictions ask of labels and scores before they are worked out."""

from __future__ import annotations

import numpy as np

from radbench.contracts.errors import PluginError
from radbench.stats.aggregations.evidence import Predictions
from radbench.stats.aggregations.protocol import Array


def stated_labels(*evidence: Predictions) -> Array:
    """Return the labels of places that any of these answered, float64 ``[M]``; elsewhere 0, which counts for nothing.

    Args:
        evidence: of the same places, at least one.
    """
    labels = np.zeros(len(evidence[0].case))
    for one in evidence:
        labels[one.answered] = one.label[one.answered]
    return labels


def check_probabilities(evidence: Predictions, what: str) -> None:
    """Refuse scores that are no probabilities.

    Args:
        evidence: whose scores.
        what: takes probabilities, in words.

    Raises:
        PluginError: one lies outside [0, 1].
    """
    outside = evidence.answered & ~((evidence.score >= 0) & (evidence.score <= 1))
    if outside.any():
        worst = f"{evidence.score[outside][0]:g}"
        raise PluginError(f"{what} needs probabilities, scores in [0, 1], and a score is {worst}")
