"""Entries: controls are known by their names, and stand in the order of what decides."""

from __future__ import annotations

import pytest

from radbench.contracts import Status
from radbench.leaderboard.aggregate import leaderboard_rows
from radbench.report.entries import control_of, entries_of, null_of, one_row_each

from .made_boards import pair


@pytest.mark.parametrize(
    ("label", "kind"),
    [
        ("null[of=clahe]", "null"),
        ("oracle[of=phantom-cxr]", "oracle"),
        ("blur", "harmful"),
        ("blur[sigma=3]", "harmful"),
        ("clahe", ""),
        ("original", ""),
        ("nullify", ""),
        ("chain[of=[blur,clahe]]", ""),
    ],
)
def test_controls_are_known_by_name(label: str, kind: str) -> None:
    assert control_of(label) == kind


def test_controls_can_be_named_by_label_alone() -> None:
    assert control_of("gamma[gamma=3.0]", ("gamma[gamma=3.0]",)) == "harmful"
    assert control_of("gamma", ("gamma[gamma=3.0]",)) == ""
    assert control_of("blur", ("gamma",)) == ""


def test_a_null_control_knows_whose_it_is() -> None:
    assert null_of("null[of=chain[of=[wls,clahe]]]") == "chain[of=[wls,clahe]]"
    assert null_of("clahe") == ""


def test_the_reference_comes_first_then_the_best_and_what_failed_last() -> None:
    lost = pair("aaa", status=Status.CRASHED, error="the worker died", evidence={})
    rows = one_row_each(leaderboard_rows([pair("he", -0.05), pair("wls", 0.05), pair("original"), lost], 300))
    found = entries_of(rows)
    assert [one.name for one in found] == ["original", "wls", "he", "aaa"]
    assert [one.reference for one in found] == [True, False, False, False]


def test_pooled_seeds_are_one_entry() -> None:
    rows = one_row_each(leaderboard_rows([pair("original"), *(pair("unet", 0.05, seed=k) for k in range(3))], 300))
    assert [one.name for one in entries_of(rows)] == ["original", "unet (3 seeds)"]
    assert set(rows["n_seeds"]) == {0, 3}
