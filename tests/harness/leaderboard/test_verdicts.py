"""Verdicts: better and worse by the adjusted p, not inferior by the margin, and otherwise undecided."""

from __future__ import annotations

import math

import pytest

from radbench.leaderboard.verdicts import verdict

NAN = math.nan


@pytest.mark.parametrize(
    ("delta", "direction", "p_adjusted", "p_margin", "word"),
    [
        (0.1, "higher", 0.01, NAN, "better"),
        (-0.1, "lower", 0.01, NAN, "better"),
        (-0.1, "higher", 0.01, NAN, "worse"),
        (0.1, "lower", 0.01, 0.4, "worse"),
        (-0.01, "higher", 0.01, 0.02, "worse, within the margin"),
        (0.1, "higher", 0.05, NAN, "better"),
        (0.1, "higher", 0.051, NAN, "undecided"),
        (0.0, "higher", 1.0, NAN, "undecided"),
        (-0.01, "higher", 0.4, 0.025, "not inferior"),
        (-0.01, "higher", 0.4, 0.026, "undecided"),
        (0.1, "higher", NAN, 0.001, ""),
        (NAN, "higher", NAN, NAN, ""),
    ],
)
def test_a_word_for_what_is_shown(delta: float, direction: str, p_adjusted: float, p_margin: float, word: str) -> None:
    row = {"delta": delta, "direction": direction, "p_value": 0.01, "p_adjusted": p_adjusted, "p_margin": p_margin}
    assert verdict({**row, "schema_version": 2}) == word
    assert verdict({**row, "schema_version": 1}) == ""
    untested = "" if math.isnan(delta) else "not tested"
    assert verdict({**row, "schema_version": 2, "p_value": NAN, "p_adjusted": NAN}) == untested
