"""Publishing merges without losing, refuses what does not compare, and survives company and kill -9."""

from __future__ import annotations

import dataclasses
import math
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import filelock
import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from radbench.contracts import MetricSpec, NotComparableError, SchemaError, Status, UsageError
from radbench.leaderboard.aggregate import PairResult, leaderboard_rows
from radbench.leaderboard.privacy import anonymous, publishable
from radbench.leaderboard.publish import LOCK, publish
from radbench.leaderboard.schema import read_leaderboard, write_csv
from radbench.leaderboard.sources import Source

METRICS = (MetricSpec("dice", "higher"), MetricSpec("brisque", "lower"))


def pair(enhancer: str, shift: float = 0.0, **changes: Any) -> PairResult:
    noise = np.random.default_rng(sum(map(ord, enhancer))).normal(0, 0.02, 12)
    base = np.linspace(0.4, 0.8, 12) + (0 if enhancer == "original" else noise + shift)
    facts: dict[str, Any] = {
        "task": "grabcut",
        "dataset": "phantom-lesions",
        "profile": "quick",
        "seed": 0,
        "metrics": METRICS,
        "evidence": {f"c{k:02}": {"dice": float(b), "brisque": float(40 - b)} for k, b in enumerate(base)},
        "groups": {f"c{k:02}": {"lesion": "bone" if k % 2 else "liver"} for k in range(12)},
        "digests": {f"c{k:02}": f"{k:02}{'5d' * 7}" for k in range(12)},
        "expected_cases": 12,
        "dataset_fingerprint": "a1b2c3d4" * 8,
        "task_digest": "9f8e7d6c5b4a3928",
        "cases_digest": "5a5a5a5a5a5a5a5a",
        "created_utc": "2025-11-21T08:00:00Z",
    }
    return PairResult(split="test", enhancer=enhancer, **{**facts, **changes})


def board(*pairs: PairResult) -> pd.DataFrame:
    return leaderboard_rows(pairs, 50)


def one(frame: pd.DataFrame, enhancer: str, metric: str = "dice", group: str = "all") -> pd.Series:
    found = frame[(frame.enhancer == enhancer) & (frame.metric == metric) & (frame.group == group)]
    assert len(found) == 1
    return found.iloc[0]


def source(*pairs: PairResult) -> Source:
    """A run as it is read: its rows, and the per-case scores behind them."""
    return Source(publishable(leaderboard_rows(pairs)), [anonymous(one) for one in pairs])


def without_digests(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(scores_digest="")


RUN = board(pair("original"), pair("clahe", 0.05), pair("wls", 0.02))


def test_a_first_run_is_published_as_it_is(tmp_path: Path) -> None:
    report = publish(RUN, tmp_path / "boards")
    assert_frame_equal(read_leaderboard(tmp_path / "boards" / "grabcut.csv"), RUN, check_exact=True)
    assert [(f.path.name, f.added, f.replaced, f.unchanged) for f in report.files] == [("grabcut.csv", len(RUN), 0, 0)]


def test_publishing_again_changes_no_byte(tmp_path: Path) -> None:
    publish(RUN, tmp_path)
    before = (tmp_path / "grabcut.csv").read_bytes()
    report = publish(RUN, tmp_path)
    assert (tmp_path / "grabcut.csv").read_bytes() == before
    assert report.files[0].unchanged == len(RUN)


def test_a_run_folder_and_a_file_can_be_published(tmp_path: Path) -> None:
    write_csv(RUN, tmp_path / "leaderboard.csv")
    publish(tmp_path, tmp_path / "a")
    publish(tmp_path / "leaderboard.csv", tmp_path / "b")
    assert (tmp_path / "a" / "grabcut.csv").read_bytes() == (tmp_path / "b" / "grabcut.csv").read_bytes()


def test_the_same_row_is_replaced_and_others_stay(tmp_path: Path) -> None:
    publish(RUN, tmp_path)
    report = publish(board(pair("original"), pair("clahe", 0.2)), tmp_path)
    merged = read_leaderboard(tmp_path / "grabcut.csv")
    assert one(merged, "clahe")["value"] == pytest.approx(one(RUN, "clahe")["value"] + 0.15)
    assert one(merged, "wls")["value"] == one(RUN, "wls")["value"]
    assert len(merged) == len(RUN)
    assert report.files[0].added == 0


def test_another_identity_under_a_published_label_is_refused_by_both_digests(tmp_path: Path) -> None:
    publish(board(pair("original"), pair("clahe", 0.05, enhancer_digest="0ld0ld0ld"), pair("wls")), tmp_path)
    before = (tmp_path / "grabcut.csv").read_bytes()
    run = board(pair("original"), pair("clahe", 0.2, enhancer_digest="newnew"), pair("he", 0.1))
    with pytest.raises(NotComparableError, match=r"'clahe' .*digest 0ld0ld0ld there, newnew in the run.*--replace"):
        publish(run, tmp_path)
    assert (tmp_path / "grabcut.csv").read_bytes() == before


def test_replacing_an_identity_drops_all_rows_of_its_label_in_the_table_and_no_others(tmp_path: Path) -> None:
    old = [pair("clahe", 0.05, seed=seed, enhancer_digest="0ld") for seed in (0, 1)]
    elsewhere = pair("clahe", 0.05, dataset="folder", enhancer_digest="0ld")
    publish(board(pair("original", seed=None), *old, pair("wls", seed=None), elsewhere), tmp_path)
    run = board(pair("original", seed=None), pair("clahe", 0.2, seed=0, enhancer_digest="newnew"))
    report = publish(run, tmp_path, replace=True)
    merged = read_leaderboard(tmp_path / "grabcut.csv")
    here = merged[(merged["enhancer"] == "clahe") & (merged["dataset"] == "phantom-lesions")]
    assert set(here["seed"]) == {0}
    assert set(here["enhancer_digest"]) == {"newnew"}
    assert set(merged.loc[merged["dataset"] == "folder", "enhancer_digest"]) == {"0ld"}
    assert "wls" in set(merged["enhancer"])
    assert any("all rows of 'clahe' were replaced: digest 0ld gave way to newnew" in note for note in report.notes)


def test_what_was_learnt_in_two_precisions_is_never_mixed_under_one_label(tmp_path: Path) -> None:
    original = pair("original", seed=None, precision="float32")
    publish(board(original, *(pair("unet", 0.05, seed=s, precision="float32") for s in (0, 1))), tmp_path)
    before = (tmp_path / "grabcut.csv").read_bytes()
    run = board(original, pair("unet", 0.2, seed=0, precision="mixed"))
    with pytest.raises(NotComparableError, match=r"'unet' .*precision float32 there, mixed in the run.*--replace"):
        publish(run, tmp_path)
    assert (tmp_path / "grabcut.csv").read_bytes() == before
    report = publish(run, tmp_path, replace=True)
    merged = read_leaderboard(tmp_path / "grabcut.csv")
    assert_frame_equal(merged, run, check_exact=True)
    assert any("all rows of 'unet' were replaced: precision float32 gave way to mixed" in n for n in report.notes)


def test_a_run_that_mixes_precisions_under_one_label_is_refused(tmp_path: Path) -> None:
    pairs = [pair("unet", 0.05, seed=seed, precision=p) for seed, p in enumerate(("float32", "mixed"))]
    with pytest.raises(NotComparableError, match="was scored twice with another precision"):
        board(*pairs)
    rows = pd.concat([board(one) for one in pairs], ignore_index=True)
    with pytest.raises(NotComparableError, match="rows of 'unet' differ in precision"):
        publish(rows, tmp_path)
    assert not list(tmp_path.glob("*.csv"))


@pytest.mark.parametrize("change", [{"task_digest": "00ff"}, {"cases_digest": "77"}, {"limit": 4}, {"truth": "other"}])
def test_replacing_what_does_not_compare_leaves_one_comparable_table(tmp_path: Path, change: dict[str, Any]) -> None:
    publish(RUN, tmp_path)
    publish(board(pair("original", profile="paper")), tmp_path)
    run = board(pair("original", **change), pair("he", **change))
    with pytest.raises(NotComparableError, match="nothing was published"):
        publish(run, tmp_path)
    report = publish(run, tmp_path, replace=True)
    merged = read_leaderboard(tmp_path / "grabcut.csv")
    assert_frame_equal(merged[merged["profile"] == "quick"].reset_index(drop=True), run, check_exact=True)
    assert (merged["profile"] == "paper").any()
    assert any(f"{len(RUN)} rows of clahe, original, wls were dropped" in note for note in report.notes)


def test_a_method_that_was_told_more_is_published_beside_and_ranked_apart(tmp_path: Path) -> None:
    publish(RUN, tmp_path)
    publish(board(pair("lung-unet", 0.4, given="patients it learnt from")), tmp_path)
    merged = read_leaderboard(tmp_path / "grabcut.csv")
    assert one(merged, "lung-unet")["rank"] == 1
    assert_frame_equal(merged[merged["given"] == ""].reset_index(drop=True), RUN, check_exact=True)


def test_to_replace_and_to_keep_apart_at_once_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"--separate.*--replace"):
        publish(RUN, tmp_path, separate=True, replace=True)


def old(dataset: str = "phantom-lesions", **changes: Any) -> pd.DataFrame:
    """Rows as version 1 published them."""
    rows = board(*(pair(e, dataset=dataset, **changes) for e in ("original", "clahe")))
    return rows.assign(schema_version=1, cases_digest="")


def test_a_table_of_version_1_gives_way_to_the_run_s_and_no_other_does(tmp_path: Path) -> None:
    others = [old("folder[root=../a]"), old(profile="paper"), old(task="grabcut[input=stacked]")]
    write_csv(pd.concat([old(), old(seed=1), *others], ignore_index=True), tmp_path / "grabcut.csv")
    before = (tmp_path / "grabcut.csv").read_bytes()
    with pytest.raises(NotComparableError, match="holds rows of schema version 1 of 'grabcut/phantom-lesions/"):
        publish(RUN, tmp_path)
    assert (tmp_path / "grabcut.csv").read_bytes() == before
    report = publish(RUN, tmp_path, replace=True)
    merged = read_leaderboard(tmp_path / "grabcut.csv")
    assert_frame_equal(merged[merged["schema_version"] == 2].reset_index(drop=True), RUN, check_exact=True)
    stayed = merged[merged["schema_version"] == 1]
    for rows in others:
        labels = rows[["task", "dataset", "profile"]].iloc[0]
        same = stayed[(stayed[labels.index] == labels).all(axis=1)]
        assert_frame_equal(same.reset_index(drop=True), rows, check_exact=True)
    assert len(stayed) == sum(map(len, others))
    assert any(f"{2 * len(old())} rows of clahe, original were dropped" in note for note in report.notes)


def test_new_rows_stand_beside_tables_of_version_1_and_the_other_way_round(tmp_path: Path) -> None:
    publish(old("folder"), tmp_path / "new last")
    report = publish(RUN, tmp_path / "new last")
    assert (report.files[0].added, report.files[0].unchanged) == (len(RUN), len(old()))
    publish(RUN, tmp_path / "old last")
    publish(old("folder"), tmp_path / "old last")
    files = [tmp_path / name / "grabcut.csv" for name in ("new last", "old last")]
    assert files[0].read_bytes() == files[1].read_bytes()
    with pytest.raises(NotComparableError, match="older radbench"):
        publish(old(), tmp_path / "old last", replace=True)


def test_a_table_that_version_1_labelled_otherwise_goes_when_it_is_named(tmp_path: Path) -> None:
    named = ["lidc[root=lidcroot,split=[0,0,1]]", "lidc[root=other]"]
    kept = [old(named[0], profile="paper"), old("folder")]
    write_csv(pd.concat([*map(old, named), *kept], ignore_index=True), tmp_path / "grabcut.csv")
    run = board(pair("original", dataset="lidc[root=@3fa2c1d0,split=[0,0,1]]"))
    report = publish(run, tmp_path / "copy")
    assert not report.notes
    with pytest.raises(
        UsageError, match=r"nothing to supersede under data set 'lidc'.*there is folder, lidc\[root=lidc"
    ):
        publish(run, tmp_path, supersede=[named[0], "lidc"])
    assert len(read_leaderboard(tmp_path / "grabcut.csv")) == 4 * len(old())
    report = publish(run, tmp_path, supersede=[named[0]])
    merged = read_leaderboard(tmp_path / "grabcut.csv")
    assert_frame_equal(merged[merged["schema_version"] == 2].reset_index(drop=True), run, check_exact=True)
    stayed = merged[merged["schema_version"] == 1]
    assert {*zip(stayed["dataset"], stayed["profile"], strict=True)} == {
        *((named[0], "paper"), ("folder", "quick"), (named[1], "quick")),
    }
    dropped, left = report.notes
    assert dropped.endswith(f"{len(old())} rows of an older schema version of {named[0]} were dropped")
    assert f"keeps rows of an older schema version of {named[1]}: " in left
    with pytest.raises(UsageError, match=r"--separate.*--replace"):
        publish(run, tmp_path, separate=True, supersede=[named[1]])


def test_rows_of_two_runs_are_what_one_run_of_all_would_have_given(tmp_path: Path) -> None:
    """Differences, tests, corrections and ranks come from the per-case scores, to the last bit."""
    first = [pair("original"), pair("clahe", 0.05), pair("wls", 0.02)]
    second = [pair("original", created_utc="2026-01-01T00:00:00Z"), pair("unsharp", 0.03)]
    report = publish(source(*first), tmp_path)
    publish(source(*second), tmp_path)
    merged = read_leaderboard(tmp_path / "grabcut.csv")
    together = publishable(leaderboard_rows([*first[1:], *second]))
    assert_frame_equal(without_digests(merged), together, check_exact=True)
    assert merged["rank_low"].notna().all()
    assert report.notes == ()


def test_a_reference_that_is_scored_again_moves_the_differences_of_all(tmp_path: Path) -> None:
    publish(source(pair("original"), pair("clahe", 0.05)), tmp_path)
    shifted = pair("original")
    shifted = dataclasses.replace(
        shifted, evidence={k: {m: s + 0.01 for m, s in v.items()} for k, v in shifted.evidence.items()}
    )
    publish(source(shifted), tmp_path)
    merged = read_leaderboard(tmp_path / "grabcut.csv")
    row = one(merged, "clahe")
    assert row["delta"] == pytest.approx(row["value"] - one(merged, "original")["value"])
    assert_frame_equal(
        without_digests(merged), publishable(leaderboard_rows([shifted, pair("clahe", 0.05)])), check_exact=True
    )


def test_nobody_is_ranked_beside_rows_whose_scores_are_not_there(tmp_path: Path) -> None:
    publish(RUN, tmp_path)
    new = source(pair("original"), pair("unsharp", 0.03))
    report = publish(new, tmp_path)
    merged = read_leaderboard(tmp_path / "grabcut.csv")
    assert merged[["rank", "rank_low", "rank_high", "p_adjusted"]].isna().all(axis=None)
    assert (merged["family"] == "").all()
    for column in ("value", "ci_low", "delta", "p_value", "std"):
        assert one(merged, "unsharp")[column] == one(new.rows, "unsharp")[column]
        assert one(merged, "clahe")[column] == one(RUN, "clahe")[column]
    assert any("of clahe, wls are those of another run" in note for note in report.notes)


def test_scores_that_are_not_the_rows_own_count_as_none(tmp_path: Path) -> None:
    publish(source(pair("original"), pair("clahe", 0.05)), tmp_path)
    cases = tmp_path / "grabcut.cases.csv"
    cases.write_text(cases.read_text().replace("clahe,0,005d", "clahe,0,995d"))
    report = publish(source(pair("original"), pair("wls", 0.03)), tmp_path)
    assert any("clahe" in note for note in report.notes)
    assert math.isnan(one(read_leaderboard(tmp_path / "grabcut.csv"), "wls")["rank"])


def test_published_scores_name_no_case_and_no_patient(tmp_path: Path) -> None:
    named = pair(
        "original", patients={f"c{k:02}": f"doe{k // 2}" for k in range(12)}, failures={"c03": "'doe1' is odd"}
    )
    del named.evidence["c03"]  # type: ignore[attr-defined]
    publish(source(named), tmp_path)
    lines = (tmp_path / "grabcut.cases.csv").read_text().splitlines()
    assert len(lines) == 1 + 11 * 2 + 1
    assert not any("doe" in line or "c0" in line for line in lines)
    assert {line.split(",")[7] for line in lines[1:]} == {"1", "2", "3", "4", "5", "6"}
    assert lines[1].startswith(
        "grabcut,phantom-lesions,test,quick,original,0,005d5d5d5d5d5d5d,1,lesion=liver,ok,dice,,,,0.4,"
    )


def test_a_table_scored_whole_in_one_run_keeps_its_rank_intervals(tmp_path: Path) -> None:
    publish(board(pair("original"), pair("clahe", 0.1)), tmp_path)
    publish(RUN, tmp_path)
    assert_frame_equal(read_leaderboard(tmp_path / "grabcut.csv"), RUN, check_exact=True)


def test_another_seed_of_an_enhancer_joins_its_table_and_its_pooled_row(tmp_path: Path) -> None:
    original = pair("original", seed=None)
    for seed, shift in enumerate((0.02, 0.05, 0.04)):
        publish(source(original, pair("unet", shift, seed=seed)), tmp_path)
        merged = read_leaderboard(tmp_path / "grabcut.csv")
        table = merged[(merged["group"] == "all") & (merged["metric"] == "dice")]
        assert [str(s) for s in table["seed"]] == ["<NA>", *(["<NA>"] if seed else []), *map(str, range(seed + 1))]
        assert table["n_seeds"].max() == seed + 1
        assert sorted(table["rank"].dropna()) == [1, 2]
    assert (table["seeds"] == "0-2").sum() == 1


def test_other_profiles_and_variants_stand_beside_untouched(tmp_path: Path) -> None:
    publish(RUN, tmp_path)
    publish(board(pair("original", profile="paper")), tmp_path)
    publish(board(pair("original", task="grabcut[input=stacked]", task_digest="other")), tmp_path)
    assert [p.name for p in tmp_path.glob("*.csv")] == ["grabcut.csv"]
    merged = read_leaderboard(tmp_path / "grabcut.csv")
    kept = merged[(merged.task == "grabcut") & (merged.seed == 0) & (merged.profile == "quick")]
    assert_frame_equal(kept.reset_index(drop=True), RUN, check_exact=True)


def test_an_incomplete_row_stays_unranked_after_a_merge(tmp_path: Path) -> None:
    skipping = pair("skipper", 0.3)
    skipping = dataclasses.replace(skipping, evidence={k: v for k, v in skipping.evidence.items() if k != "c00"})
    publish(source(pair("original"), pair("clahe", 0.05), pair("wls", 0.02)), tmp_path)
    publish(source(pair("original"), skipping), tmp_path)
    merged = read_leaderboard(tmp_path / "grabcut.csv")
    assert math.isnan(one(merged, "skipper")["rank"])
    assert one(merged, "clahe")["rank"] == 1


@pytest.mark.parametrize(
    ("changes", "what"),
    [({"dataset_fingerprint": "ff" * 32}, "data set fingerprint"), ({"task_digest": "00ff"}, "task digest")],
)
def test_what_does_not_compare_is_refused_and_nothing_written(
    tmp_path: Path, changes: dict[str, str], what: str
) -> None:
    publish(RUN, tmp_path)
    before = (tmp_path / "grabcut.csv").read_bytes()
    other = board(pair("original", **changes), pair("original", task="another"))
    with pytest.raises(NotComparableError, match=f"another {what}"):
        publish(other, tmp_path)
    assert (tmp_path / "grabcut.csv").read_bytes() == before
    assert not (tmp_path / "another.csv").exists()


def test_what_does_not_compare_can_be_kept_apart(tmp_path: Path) -> None:
    publish(RUN, tmp_path)
    other = board(pair("original", dataset_fingerprint="ff" * 32), pair("clahe", dataset_fingerprint="ff" * 32))
    for _ in range(2):
        report = publish(other, tmp_path, separate=True)
        apart = tmp_path / "grabcut@ffffffff-9f8e7d6c-5a5a5a5a.csv"
        assert [f.path for f in report.files] == [apart]
        assert_frame_equal(read_leaderboard(apart), other, check_exact=True)
    assert_frame_equal(read_leaderboard(tmp_path / "grabcut.csv"), RUN, check_exact=True)


def test_failed_rows_are_published_only_when_asked_and_never_over_scores(tmp_path: Path) -> None:
    failed = board(pair("original"), pair("clahe", status=Status.TIMEOUT, error="600 s", evidence={}))
    report = publish(failed, tmp_path)
    assert report.skipped == 2
    assert set(read_leaderboard(tmp_path / "grabcut.csv")["enhancer"]) == {"original"}
    publish(failed, tmp_path, include_failed=True)
    assert one(read_leaderboard(tmp_path / "grabcut.csv"), "clahe")["status"] == "timeout"
    publish(RUN, tmp_path)
    assert_frame_equal(read_leaderboard(tmp_path / "grabcut.csv"), RUN, check_exact=True)
    publish(failed, tmp_path, include_failed=True)
    assert one(read_leaderboard(tmp_path / "grabcut.csv"), "clahe")["status"] == "ok"


def test_a_damaged_published_file_stops_publishing_and_stays(tmp_path: Path) -> None:
    (tmp_path / "grabcut.csv").write_text("schema_version,task\n1,x\n")
    with pytest.raises(SchemaError, match=r"grabcut\.csv"):
        publish(RUN, tmp_path)
    assert (tmp_path / "grabcut.csv").read_text() == "schema_version,task\n1,x\n"


def test_a_task_that_would_leave_the_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="names no file"):
        publish(board(pair("original", task="../evil")), tmp_path)


def test_an_unwritable_folder_is_a_usage_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot publish into"):
        publish(RUN, tmp_path / "file" / "boards")


def test_a_lock_held_too_long_is_a_usage_error(tmp_path: Path) -> None:
    with filelock.FileLock(tmp_path / LOCK), pytest.raises(UsageError, match="another 'bench publish'"):
        publish(RUN, tmp_path, timeout=0.1)


def test_an_empty_run_publishes_nothing(tmp_path: Path) -> None:
    assert str(publish(board(), tmp_path)) == "there was nothing to publish"


def _publish_many(folder: str, who: int, start: Any) -> None:
    runs = [source(pair("original"), pair(f"e{who}-{k}", 0.01 * k)) for k in range(3)]
    start.wait()
    for run in runs:
        publish(run, folder, timeout=200)  # other test processes share the cores


def test_publishers_at_the_same_time_lose_nothing(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork" if sys.platform == "linux" else "spawn")
    start = context.Barrier(3)
    workers = [context.Process(target=_publish_many, args=(str(tmp_path), who, start)) for who in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(200)
        assert worker.exitcode == 0
    merged = read_leaderboard(tmp_path / "grabcut.csv")
    assert set(merged["enhancer"]) == {"original", *(f"e{w}-{k}" for w in range(3) for k in range(3))}
    assert len(merged) == 10 * 3 * 2
    assert set(merged.loc[(merged.group == "all") & (merged.metric == "dice"), "rank"]) == set(range(1, 11))


ENDLESS = """
import sys
from radbench.leaderboard.publish import publish
from radbench.leaderboard.schema import read_leaderboard
a, b = read_leaderboard(sys.argv[1]), read_leaderboard(sys.argv[2])
print("ready", flush=True)
while True:
    publish(a, sys.argv[3]); publish(b, sys.argv[3])
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs kill -9")
def test_a_publisher_killed_midway_leaves_a_valid_file_and_no_lock(tmp_path: Path) -> None:
    other = board(pair("original"), pair("unsharp", 0.03))
    write_csv(RUN, tmp_path / "a.csv")
    write_csv(other, tmp_path / "b.csv")
    boards = tmp_path / "boards"
    publish(RUN, boards)
    moments = random.Random(3)
    env = {**os.environ, "OMP_NUM_THREADS": "1"}
    for _ in range(3):
        command = [sys.executable, "-c", ENDLESS, str(tmp_path / "a.csv"), str(tmp_path / "b.csv"), str(boards)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, env=env) as worker:
            assert worker.stdout is not None
            worker.stdout.readline()
            time.sleep(moments.uniform(0.02, 0.4))
            worker.send_signal(signal.SIGKILL)
        assert set(read_leaderboard(boards / "grabcut.csv")["enhancer"]) >= {"original", "clahe", "wls"}
    publish(other, boards, timeout=5)
    assert set(read_leaderboard(boards / "grabcut.csv")["enhancer"]) == {"original", "clahe", "wls", "unsharp"}
    assert not list(boards.glob(".*.tmp"))


def test_what_a_killed_writer_left_is_cleared(tmp_path: Path) -> None:
    publish(RUN, tmp_path)
    left = tmp_path / ".grabcut.csv.123-abcd.tmp"
    foreign = tmp_path / ".other.csv.123-abcd.tmp"
    left.write_text("half")
    foreign.write_text("half")
    publish(RUN, tmp_path)
    assert not left.exists()
    assert foreign.exists()
