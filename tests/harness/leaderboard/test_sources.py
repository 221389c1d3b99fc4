"""Leaderboards read together: what compares is compared anew, by whichever verb and from whichever place."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from radbench.contracts import MetricSpec, Status, UsageError
from radbench.leaderboard.aggregate import Margin, PairResult, leaderboard_rows
from radbench.leaderboard.privacy import anonymous, publishable
from radbench.leaderboard.publish import publish
from radbench.leaderboard.schema import read_leaderboard, write_csv
from radbench.leaderboard.sources import Source, read_source, read_together
from radbench.stats import margin_p, paired_difference

METRICS = (MetricSpec("dice", "higher"), MetricSpec("rmse", "lower"))
N = 30


def pair(enhancer: str, shift: float = 0.0, seed: int | None = None, **changes: Any) -> PairResult:
    noise = np.random.default_rng([*map(ord, enhancer), seed or 0]).normal(shift, 0.03, N)
    base = np.linspace(0.4, 0.8, N) + noise
    facts: dict[str, Any] = {
        "metrics": METRICS,
        "evidence": {f"c{k:02}": {"dice": float(b), "rmse": float(1 - b)} for k, b in enumerate(base)},
        "patients": {f"c{k:02}": f"p{k // 2}" for k in range(N)},
        "digests": {f"c{k:02}": f"{(7 * k) % N:02}{'ab' * 7}" for k in range(N)},
        "expected_cases": N,
        "cases_digest": "5a" * 8,
        "created_utc": "2025-11-21T08:00:00Z",
    }
    return PairResult("grabcut", "lesions", "test", enhancer, "quick", seed, **{**facts, **changes})


def published(folder: Path, *pairs: PairResult) -> Path:
    publish(Source(publishable(leaderboard_rows(pairs)), [anonymous(one) for one in pairs]), folder)
    return folder / "grabcut.csv"


def plain(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(scores_digest="").reset_index(drop=True)


def test_two_files_are_one_table(tmp_path: Path) -> None:
    first, second = [pair("original"), pair("he", 0.01)], [pair("original"), pair("wls", 0.03), pair("clahe", 0.02)]
    files = [published(tmp_path / "a", *first), published(tmp_path / "b", *second)]
    rows, notes = read_together(files)
    assert notes == []
    assert_frame_equal(plain(rows), publishable(leaderboard_rows([*first, *second[1:]])), check_exact=True)
    again, _ = read_together(reversed(files))
    assert_frame_equal(plain(again), plain(rows), check_exact=True)
    assert sorted(rows.loc[rows["metric"] == "dice", "rank"]) == [1, 2, 3, 4]


def test_seeds_of_two_files_are_pooled(tmp_path: Path) -> None:
    seeds = [pair("unet", 0.05, seed=k) for k in range(4)]
    files = [published(tmp_path / str(k), pair("original"), *seeds[2 * k : 2 * k + 2]) for k in range(2)]
    rows, _ = read_together(files)
    pooled = rows[rows["n_seeds"] > 1]
    assert set(pooled["seeds"]) == {"0-3"}
    assert pooled["p_adjusted"].notna().all()


def test_a_file_by_itself_stays_as_it_is(tmp_path: Path) -> None:
    file = published(tmp_path, pair("original"), pair("he", 0.01))
    rows, _ = read_together([file])
    assert_frame_equal(rows, read_leaderboard(file), check_exact=True)


def test_the_newest_of_an_entry_stands_and_two_identities_are_never_mixed(tmp_path: Path) -> None:
    old = [pair("original"), pair("unet", 0.1, seed=0, enhancer_digest="old")]
    new = [pair("original"), pair("unet", 0.0, seed=1, enhancer_digest="new", created_utc="2026-01-01T00:00:00Z")]
    rows, _ = read_together([published(tmp_path / "a", *old), published(tmp_path / "b", *new)])
    assert set(rows.loc[rows["enhancer"] == "unet", "enhancer_digest"]) == {"new"}
    assert len(rows) == 4
    better = pair("original", 0.2, created_utc="2026-02-01T00:00:00Z")
    rows, _ = read_together([published(tmp_path / "c", better), published(tmp_path / "d", *old)])
    original = rows[(rows["enhancer"] == "original") & (rows["metric"] == "dice")].iloc[0]
    assert original["value"] == pytest.approx(np.mean([e["dice"] for e in better.evidence.values()]))


def test_rows_without_scores_keep_their_values_and_nobody_is_ranked(tmp_path: Path) -> None:
    alone = leaderboard_rows([pair("original"), pair("he", 0.01)])
    write_csv(alone, tmp_path / "alone.csv")
    rows, notes = read_together(
        [tmp_path / "alone.csv", published(tmp_path / "a", pair("original"), pair("wls", 0.02))]
    )
    assert notes == [
        "'grabcut/lesions/test/quick': the per-case scores of he are not known, so that nobody is ranked there"
    ]
    assert rows[["rank", "p_adjusted"]].isna().all(axis=None)
    he = rows["enhancer"] == "he"
    assert rows.loc[he, "value"].tolist() == alone.loc[alone["enhancer"] == "he", "value"].tolist()


def test_differences_are_taken_to_whom_one_asks_for(tmp_path: Path) -> None:
    given = [pair("original"), pair("he", 0.01), pair("wls", 0.03)]
    file = published(tmp_path, *given)
    rows, _ = read_together([file], reference="he")
    asked = leaderboard_rows([dataclasses.replace(p, baseline="he") for p in given])
    assert_frame_equal(plain(rows), publishable(asked), check_exact=True)
    assert set(rows["reference"]) == {"", "he"}
    with pytest.raises(UsageError, match="did you mean 'he'"):
        read_together([file], reference="hee")


def test_a_margin_gives_a_one_sided_p_to_the_metric_that_decides_or_is_named(tmp_path: Path) -> None:
    given = [pair("original"), pair("he", -0.002)]
    file = published(tmp_path, *given)
    rows, _ = read_together([file], margin=Margin(0.05))
    asked = rows[rows["margin"].notna()]
    assert [(r["enhancer"], r["metric"], r["margin"]) for r in asked.to_dict("records")] == [("he", "dice", 0.05)]
    scores = [[p.evidence[c]["dice"] for c in sorted(p.evidence, key=p.digests.__getitem__)] for p in given]
    digests = sorted(given[0].digests, key=given[0].digests.__getitem__)
    order: dict[str, int] = {}
    who = [f"{order.setdefault(given[0].patients[c], len(order)):02}" for c in digests]
    estimate = paired_difference(scores[1], scores[0], who)
    assert asked["p_margin"].iloc[0] == pytest.approx(margin_p(estimate, 0.05), rel=1e-12)
    named, _ = read_together([file], margin=Margin(0.05, "rmse"))
    assert set(named.loc[named["margin"].notna(), "metric"]) == {"rmse"}


def test_a_folder_of_leaderboards_is_read_with_the_scores_beside_each(tmp_path: Path) -> None:
    published(tmp_path, pair("original"), pair("he", 0.01))
    rows, _ = read_together([tmp_path], margin=Margin(0.1))
    assert math.isfinite(rows.loc[rows["enhancer"] == "he", "p_margin"].iloc[0])
    assert len(read_source(tmp_path / "grabcut.csv").pairs) == 2


def test_rows_that_are_published_alone_bring_no_scores(tmp_path: Path) -> None:
    pairs = [pair("original"), pair("he", 0.01)]
    source = Source(publishable(leaderboard_rows(pairs)), [anonymous(one) for one in pairs])
    publish(source, tmp_path, without_cases=True)
    assert [file.name for file in tmp_path.glob("*.csv*")] == ["grabcut.csv"]
    assert read_leaderboard(tmp_path / "grabcut.csv")["rank"].notna().all()


def test_another_identity_and_other_values_are_said(tmp_path: Path) -> None:
    old = [pair("original"), pair("unet", 0.1, seed=0, enhancer_digest="old")]
    new = [pair("original"), pair("unet", 0.0, seed=0, enhancer_digest="new", created_utc="2026-01-01T00:00:00Z")]
    _, notes = read_together([published(tmp_path / "a", *old), published(tmp_path / "b", *new)])
    assert notes == [
        "'grabcut/lesions/test/quick': 'unet' was scored with another identity or precision: its newest rows stand"
    ]


def test_a_part_of_the_seeds_is_never_pooled(tmp_path: Path) -> None:
    """Two seeds without their scores, three with: a mean of the three would pass for the mean of all."""
    pairs = [pair("original"), *(pair("unet", 0.05, seed=k) for k in range(5))]
    some = Source(publishable(leaderboard_rows(pairs[:3])), [])
    publish(some, tmp_path)
    report = publish(Source(publishable(leaderboard_rows(pairs[3:])), [anonymous(p) for p in pairs[3:]]), tmp_path)
    rows = read_leaderboard(tmp_path / "grabcut.csv")
    assert (rows["n_seeds"] < 2).all()
    assert sorted(rows.loc[rows["metric"] == "dice", "seed"].dropna()) == [0, 1, 2, 3, 4]
    assert any("unet" in note for note in report.notes)


def test_a_seed_that_failed_leaves_no_pooled_row_wherever_it_is_read(tmp_path: Path) -> None:
    """In a run, beside a margin, after publishing without --failed and after another enhancer joined the table."""
    crashed = pair("unet", 0.1, seed=2, evidence={}, status=Status.CRASHED, error="died")
    pairs = [pair("original"), *(pair("unet", 0.1, seed=k) for k in range(2)), crashed]
    source = Source(publishable(leaderboard_rows(pairs)), [anonymous(p) for p in pairs if p.scored])
    report = publish(source, tmp_path)
    file = tmp_path / "grabcut.csv"
    boards = [source.rows, read_leaderboard(file), read_together([file], margin=Margin(0.05))[0]]
    publish(Source(publishable(leaderboard_rows([pair("he")])), [anonymous(pair("he"))]), tmp_path)
    boards.append(read_leaderboard(file))
    for rows in boards:
        pooled = rows[rows["n_seeds"] > 1]
        assert len(pooled) == 2
        assert pooled[["value", "delta", "rank", "p_value"]].isna().all(axis=None)
        assert pooled["error"].str.contains("seeds are not pooled: seed 2 failed").all()
        assert set(rows.loc[rows["status"] == "crashed", "error"]) == {"died"}
    assert report.skipped == 0
    # The seed is scored after all.
    again = [pair("unet", 0.1, seed=2)]
    publish(Source(publishable(leaderboard_rows(again)), [anonymous(p) for p in again]), tmp_path)
    rows = read_leaderboard(file)
    assert (rows["status"] == "ok").all()
    assert rows.loc[rows["n_seeds"] == 3, "value"].notna().all()
