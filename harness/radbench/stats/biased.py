"""Biased scores, which chance alone makes larger: t intervals around several estimates of the same, and their hull."""

from __future__ import annotations

from collections.abc import Sequence

from radbench.stats.studentised import Studentised


def hull(
    centres: Sequence[float], error: float, freedom: float, level: float = 0.95
) -> tuple[tuple[float, float], float, Studentised]:
    """Return the hull of t intervals around several centres, and the largest of their p-values.

    They agree: p is at most ``1 - level`` exactly when the hull leaves out zero.

    Args:
        centres: estimates of the same, the first the one that is printed.
        error: their standard error, positive.
        freedom: degrees of freedom.
        level: nominal coverage.

    Returns:
        The ends, the two-sided p-value of zero, and the rule of the first.
    """
    rules = [Studentised(centre, error, freedom) for centre in centres]
    ends = [rule.interval(level) for rule in rules]
    p = 2.0 * min(max(rule.p_above() for rule in rules), max(rule.p_below() for rule in rules))
    return (min(low for low, _ in ends), max(high for _, high in ends)), min(1.0, p), rules[0]
