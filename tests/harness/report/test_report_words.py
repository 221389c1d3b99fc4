"""Words: what the summary says is decided, is what the rows show."""

from __future__ import annotations

import dataclasses
from typing import Any

from radbench.contracts import Status
from radbench.leaderboard.aggregate import Margin, leaderboard_rows
from radbench.report.entries import entries_of, one_row_each
from radbench.report.words import Summary, summary

from .made_boards import METRICS, cad, pair


def told(*pairs: Any, margin: Margin | None = None) -> Summary:
    rows = one_row_each(leaderboard_rows(pairs, 300, margin=margin))
    return summary(rows, entries_of(rows))


def test_what_is_better_worse_and_undecided_is_said_with_its_numbers() -> None:
    found = told(pair("original"), pair("wls", 0.05), pair("gamma", -0.05), pair("he", 0.0))
    assert "40 cases of 20 patients" in found.lead
    assert "dice decides; higher is better" in found.lead
    assert [s.split(":")[0] for s in found.decided if " than original" in s] == [
        "wls is better than original",
        "gamma is worse than original",
    ]
    assert any("Δ = +0.05" in s and "adjusted p < 0.001" in s for s in found.decided)
    undecided = next(s for s in found.undecided if s.startswith("he against original is undecided"))
    assert "would have been found with a probability of 80 %" in undecided
    assert "Of the methods, wls is best: the intervals of all others' ranks begin behind its own." in found.decided


def test_nobody_is_best_where_rank_intervals_overlap() -> None:
    found = told(pair("original"), pair("wls", 0.001), pair("he", 0.0))
    assert any(s.startswith("Which method is best is not decided") for s in found.undecided)
    assert not any("is best" in s for s in found.decided)


def test_controls_are_no_methods_and_say_what_the_task_can_tell() -> None:
    found = told(
        pair("original"),
        pair("blur", -0.05),
        pair("oracle[of=lesions]", 0.0),
        pair("wls", 0.05),
        pair("null[of=wls]", 0.04),
        pair("clahe", 0.05),
        pair("null[of=clahe]", 0.0),
    )
    text = " ".join(found.controls)
    assert "blur is worse, as it must be" in text
    assert "oracle[of=lesions], which shows the truth, is undecided by dice: this task could not tell" in text
    assert "wls is better, and so is its control null[of=wls]" in text
    assert "clahe is better and its control null[of=clahe], which has its tone alone, is undecided" in text
    assert not any(s.startswith(("blur", "null", "oracle")) for s in (*found.decided, *found.undecided))


def test_a_harmful_control_that_is_not_worse_weakens_what_is_undecided() -> None:
    found = told(pair("original"), pair("blur", 0.0), pair("wls", 0.0))
    assert found.controls == ("blur, which should be worse, is undecided by dice: what is undecided here says little.",)


def test_a_margin_makes_not_inferior() -> None:
    found = told(pair("original"), pair("he", 0.0), margin=Margin(0.05))
    assert any(s.startswith("he is not worse than original by more than 0.05, the margin") for s in found.decided)


def test_what_failed_and_what_lacks_cases_is_said_with_the_reason() -> None:
    lost = pair("he", status=Status.CRASHED, error="the worker died", evidence={})
    whole = pair("wls", 0.05)
    part = dataclasses.replace(
        whole,
        evidence=dict(list(whole.evidence.items())[:-1]),
        failures={"c0039": "it is too dark"},
    )
    found = told(pair("original"), part, lost)
    assert any(s.startswith("he ended as crashed: the worker died") for s in found.undecided)
    assert any(s.startswith("wls against original was not tested: 1 of 40 cases failed") for s in found.undecided)


def test_what_does_not_decide_is_told_apart() -> None:
    # rmse falls as dice rises.
    found = told(pair("original"), pair("wls", 0.05))
    assert "By metrics that do not decide, wls is better by rmse." in found.decided


def test_few_patients_one_training_and_what_the_task_is_told_are_cautions() -> None:
    few = [pair(name, n=14, seed=seed, given="recist") for name, seed in (("original", None), ("unet", 0))]
    text = " ".join(told(*few).cautions)
    assert "few patients (fewer than 12)" in text
    assert "Trained once: unet" in text
    assert "the task is given: recist" in text


def test_a_score_of_the_whole_set_is_told_like_any_other() -> None:
    found = told(cad("original", 0.2), cad("wls", 0.9))
    assert "auroc decides" in found.lead
    assert any(s.startswith("wls is better than original") for s in found.decided)


def test_seeds_are_told_as_one() -> None:
    seeds = [pair("unet", 0.05, seed=k) for k in range(4)]
    found = told(pair("original"), *seeds)
    assert [s.split(" is ")[0] for s in found.decided if "than original" in s] == ["unet (4 seeds)"]


def test_the_metrics_of_the_board_are_what_the_tests_say() -> None:
    assert [m.direction for m in METRICS] == ["higher", "lower"]
