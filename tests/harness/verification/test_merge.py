"""Merging: runs of several machines are what one run would have been, and what does not compare is named."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest
from pandas.testing import assert_frame_equal

from radbench.cli import main
from radbench.contracts import MetricSpec, UsageError
from radbench.contracts.evidence import Features
from radbench.engine.keep.journal import RunFolder
from radbench.leaderboard.aggregate import PairResult, leaderboard_rows
from radbench.leaderboard.privacy import anonymous, publishable
from radbench.leaderboard.publish import publish
from radbench.leaderboard.schema import read_leaderboard
from radbench.leaderboard.sources import Source, read_source, read_together
from radbench.verification.merge import merge

N = 24
PROFILES = ("quick", "paper")


def pair(enhancer: str, shift: float = 0.0, **changes: object) -> PairResult:
    evidence = {f"c{k:02}": {"dice": 0.5 + shift + ((7 * k + 3 * len(enhancer)) % N) / 60} for k in range(N)}
    facts: dict[str, object] = {
        "metrics": (MetricSpec("dice", "higher"),),
        "evidence": evidence,
        "patients": {case: f"p{int(case[1:]) // 2}" for case in evidence},
        "digests": {case: f"{(7 * int(case[1:])) % N:02}{'ab' * 7}" for case in evidence},
        "expected_cases": N,
        "cases_digest": "5a" * 8,
        "created_utc": "2025-11-21T08:00:00Z",
    }
    return PairResult("grabcut", "lesions", "test", enhancer, "quick", None, **{**facts, **changes})  # type: ignore[arg-type]


def board(folder: Path, *pairs: PairResult) -> Path:
    publish(Source(publishable(leaderboard_rows(pairs)), [anonymous(one) for one in pairs]), folder)
    return folder / "grabcut.csv"


def test_two_machines_give_what_one_would_have_given(tmp_path: Path) -> None:
    first, second = [pair("original"), pair("he", 0.02)], [pair("original"), pair("wls", 0.03), pair("clahe", -0.01)]
    found = merge([board(tmp_path / "a", *first), board(tmp_path / "b", *second)], tmp_path / "out")
    together = publishable(leaderboard_rows([*first, *second[1:]]))
    rows = read_leaderboard(tmp_path / "out")
    assert_frame_equal(rows.assign(scores_digest=""), together, check_exact=True)
    assert found.files == (tmp_path / "out" / "leaderboard.csv",)
    assert found.notes == ("'grabcut/lesions/test/quick': 2 places, compared anew",)


def shard(folder: Path, which: str, *pairs: PairResult, **changes: object) -> Path:
    """Return the leaderboard of one shard of a run, beside the journal that says so."""
    request = {"enhancers": ["original", "he[bins=8]"], "tasks": ["grabcut"], "profile": "quick", "seeds": [0]}
    run = RunFolder(folder)
    run.open()
    where = {"dataset": f"folder[root={folder}]", "limit": 0, "shard": which}
    run.record("run", request={**request, **where, **changes})
    run.close()
    return board(folder, *pairs)


def test_a_shard_that_is_missing_is_named(tmp_path: Path) -> None:
    parts = {1: "original", 2: "he", 3: "wls"}
    runs = {i: shard(tmp_path / f"s{i}", f"{i}/3", pair(name)) for i, name in parts.items()}
    notes = {
        name: merge([runs[i] for i in of], tmp_path / name).notes
        for name, of in {"all": (1, 2, 3), "two": (1, 3)}.items()
    }
    said = "shard 2/3 is not among these runs: rows are missing, unless there was nothing to do"
    assert [note for note in notes["all"] if "shard" in note] == []
    assert [note for note in notes["two"] if "shard" in note] == [said]
    # Another plan's shards do not stand in for it.
    other = shard(tmp_path / "other", "2/3", pair("clahe"), seeds=[1])
    found = merge([runs[1], runs[3], other], tmp_path / "others").notes
    assert [note.partition(" not ")[0] for note in found if "shard" in note] == [
        "shard 2/3 is",
        "shards 1/3, 3/3 are",
    ]


def test_what_was_merged_can_be_merged_published_and_compared_again(tmp_path: Path) -> None:
    merge(
        [board(tmp_path / "a", pair("original"), pair("he", 0.02)), board(tmp_path / "b", pair("wls", 0.03))],
        tmp_path / "x",
    )
    assert {one.enhancer for one in read_source(tmp_path / "x").pairs} == {"original", "he", "wls"}
    merge([tmp_path / "x", board(tmp_path / "c", pair("clahe", 0.01))], tmp_path / "y")
    everything = [pair("original"), pair("he", 0.02), pair("wls", 0.03), pair("clahe", 0.01)]
    rows, notes = read_together([tmp_path / "y"])
    assert notes == []
    assert_frame_equal(
        rows.assign(scores_digest="").sort_values("enhancer", ignore_index=True),
        publishable(leaderboard_rows(everything)).sort_values("enhancer", ignore_index=True),
        check_exact=True,
    )
    report = publish(tmp_path / "y" / "leaderboard.csv", tmp_path / "boards")
    assert report.files[0].added == 4


def test_what_does_not_compare_is_named_and_stands_apart(tmp_path: Path) -> None:
    ours = board(tmp_path / "a", pair("original"), pair("he", 0.02))
    other = board(tmp_path / "b", pair("wls", 0.03, task_digest="cd" * 8, dataset_fingerprint="ef" * 32))
    found = merge([ours, other], tmp_path / "out")
    main_file, apart = found.files
    assert set(read_leaderboard(main_file)["enhancer"]) == {"original", "he"}
    assert set(read_leaderboard(apart)["enhancer"]) == {"wls"}
    (note,) = found.notes
    assert "of wls does not compare" in note
    assert "data set fingerprint efefefefefef and none" in note
    assert "task digest cdcdcdcdcdcd and none" in note
    assert apart.name in note
    assert [one.enhancer for one in read_source(apart).pairs] == ["wls"]


def test_sets_apart_that_differ_in_the_profile_alone_stand_in_files_of_their_own(tmp_path: Path) -> None:
    ours = board(tmp_path / "a", *(replace(pair(name), profile=p) for name in ("original", "he") for p in PROFILES))
    other = board(tmp_path / "b", *(replace(pair("wls", 0.03, task_digest="cd" * 8), profile=p) for p in PROFILES))
    found = merge([ours, other], tmp_path / "out")
    assert len(set(found.files)) == 3
    kept = [read_leaderboard(file) for file in found.files]
    assert {(e, p) for rows in kept for e, p in zip(rows["enhancer"], rows["profile"], strict=True)} == {
        (enhancer, profile) for enhancer in ("original", "he", "wls") for profile in PROFILES
    }
    # Each note names the file that its rows stand in.
    for note, file in zip(found.notes, found.files[1:], strict=True):
        assert file.name in note
        assert read_leaderboard(file)["profile"].iloc[0] in note


def test_leaderboards_that_lie_there_are_not_overwritten_unasked(tmp_path: Path) -> None:
    ours = board(tmp_path / "a", pair("original"), pair("he", 0.02))
    other = board(tmp_path / "b", pair("wls", 0.03, task_digest="cd" * 8))
    first = merge([ours, other], tmp_path / "out")
    before = {file.name: file.read_bytes() for file in (tmp_path / "out").iterdir()}
    alike = board(tmp_path / "c", pair("clahe", 0.01))
    with pytest.raises(UsageError, match=r"holds leaderboards already .*'--replace'"):
        merge([ours, alike], tmp_path / "out")
    for inside in (tmp_path / "out", first.files[1]):
        with pytest.raises(UsageError, match="which is merged into"):
            merge([alike, inside], tmp_path / "out", replace=True)
    with pytest.raises(UsageError, match=r"holds leaderboards already \(grabcut.csv\): name another folder"):
        merge([ours, other], tmp_path / "c", replace=True)
    assert {file.name: file.read_bytes() for file in (tmp_path / "out").iterdir()} == before
    # What the earlier merge set apart goes with it, its scores, too.
    merge([ours, alike], tmp_path / "out", replace=True)
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == ["leaderboard.cases.csv", "leaderboard.csv"]
    assert set(read_leaderboard(tmp_path / "out")["enhancer"]) == {"original", "he", "clahe"}


def test_another_identity_of_an_enhancer_is_named(tmp_path: Path) -> None:
    old = pair("he", 0.01, enhancer_digest="01" * 8)
    new = pair("he", 0.02, enhancer_digest="02" * 8, created_utc="2025-11-22T08:00:00Z")
    found = merge([board(tmp_path / "a", pair("original"), old), board(tmp_path / "b", new)], tmp_path / "out")
    assert set(found.rows.loc[found.rows["enhancer"] == "he", "enhancer_digest"]) == {"02" * 8}
    assert any("another identity" in note for note in found.notes)


def test_features_stay_in_their_run_so_that_nobody_is_ranked_by_them(tmp_path: Path) -> None:
    fid = MetricSpec("fid", "lower", of="features", aggregation="frechet")
    features = {f"c{k:02}": {"features": Features([[k % 5, k % 7]], [[k % 3, k % 11]])} for k in range(N)}
    boards = [board(tmp_path / name, pair(name, metrics=(fid,), evidence=features)) for name in ("original", "he")]
    rows = merge(boards, tmp_path / "out").rows
    assert rows["value"].notna().all()
    assert rows["rank"].isna().all()


def test_wrong_usage_is_said_before_anything_is_written(tmp_path: Path) -> None:
    one = board(tmp_path / "a", pair("original"))
    with pytest.raises(UsageError, match="at least two"):
        merge([one, one], tmp_path / "out")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "journal.jsonl").write_text("")
    with pytest.raises(UsageError, match="holds a run"):
        merge([one, board(tmp_path / "b", pair("he"))], tmp_path / "run")
    assert not (tmp_path / "out").exists()


def test_the_verb_prints_the_table_and_where_it_lies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    files = [board(tmp_path / "a", pair("original")), board(tmp_path / "b", pair("he", 0.02))]
    monkeypatch.setattr(sys, "argv", ["bench", "merge", *map(str, files), "--out", str(tmp_path / "out")])
    with pytest.raises(SystemExit) as left:
        main()
    said = capsys.readouterr()
    assert not left.value.code
    assert "he" in said.out
    assert str(tmp_path / "out" / "leaderboard.csv") in said.out
    assert "compared anew" in said.err
