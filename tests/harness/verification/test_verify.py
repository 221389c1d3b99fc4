"""Verification: what was published is found again to the last bit, and what was not is named."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import radbench
from radbench.cli import main
from radbench.contracts.errors import UnknownNameError, UsageError
from radbench.engine.run.running import Options
from radbench.leaderboard.publish import publish
from radbench.leaderboard.schema import read_leaderboard, write_csv
from radbench.verification.again import cache_at
from radbench.verification.choosing import Choice, chosen
from radbench.verification.judging import PairVerdict
from radbench.verification.telling import as_json, as_markdown, as_text, summary
from radbench.verification.verify import verify

PLUGIN = Path(__file__).parents[1] / "leaderboard" / "board_plugin.py"
HERE = Options("cpu", 1, debug=True)


def films(folder: Path, greys: Any = range(9)) -> Path:
    folder.mkdir(exist_ok=True)
    for number, grey in enumerate(greys):
        (folder / f"c{number}.txt").write_text(str((int(grey) ** 2 % 13) / 20))
    (folder / "t0.txt").write_text("0.3")
    return folder


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A published leaderboard: two enhancers beside the original, one that learnt with two seeds."""
    folder = tmp_path_factory.mktemp("made")
    root = films(folder / "films")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RADBENCH_CACHE", str(folder / "cache"))
        patch.setenv("RADBENCH_CONFIG", str(folder / "config"))
        learnt = f"learnt[trained_on='films[root={root}]']"
        radbench.run(
            f"plus,plus[amount=0.2],{learnt}",
            "grey",
            f"films[root={root}]",
            seeds=(0, 1),
            plugins=[PLUGIN],
            out=folder / "run",
            debug=True,
            jobs=1,
            device="cpu",
        )
    publish(folder / "run", folder / "boards")
    return folder


@pytest.fixture
def published(made: Path, tmp_path: Path) -> Path:
    """The same, for a test to change."""
    for part in ("films", "boards"):
        shutil.copytree(made / part, tmp_path / part)
    return tmp_path / "boards" / "grey.csv"


def verified(board: Path, choice: Choice = Choice(), **more: Any) -> list[PairVerdict]:  # noqa: B008
    frame = read_leaderboard(board)
    told = {part for label in (*frame["dataset"], *frame["enhancer"]) for part in label.split("@")[1:]}
    folders = {part[:8]: board.parents[1] / "films" for part in told}
    return verify(board, choice, plugins=(str(PLUGIN),), **{"folders": folders, "options": HERE, **more})


def one(board: Path, enhancer: str = "plus[amount=0.2]", **more: Any) -> PairVerdict:
    (found,) = (
        pair for pair in verified(board, Choice(enhancer="plus"), **more) if pair.name.endswith(f": {enhancer}")
    )
    return found


def changed(board: Path, **columns: Any) -> None:
    """Write other things into the rows of ``plus[amount=0.2]``."""
    frame = read_leaderboard(board)
    mine = frame["enhancer"] == "plus[amount=0.2]"
    for name, value in columns.items():
        frame.loc[mine, name] = value(frame.loc[mine, name]) if callable(value) else value
    write_csv(frame, board)


def test_what_was_published_is_equal_to_the_last_bit(published: Path) -> None:
    found = verified(published)
    assert {pair.verdict for pair in found} == {"equal"}
    assert [pair.same_scores for pair in found] == [True] * 5
    assert all(pair.compared and not pair.differs for pair in found)
    # Rows of several seeds are judged with their seeds.
    frame = read_leaderboard(published)
    judged = {row.number for pair in found for row in pair.rows}
    assert judged == set(range(1, len(frame) + 1))
    assert (frame["n_seeds"] > 1).any()


def test_a_value_within_its_interval_is_no_equal_one(published: Path) -> None:
    changed(published, value=lambda v: v + 1e-9)
    pair = one(published)
    assert pair.verdict == "within"
    assert {row.columns for row in pair.rows} == {("value",)}
    assert "was published, 0.538889 is here (-1e-09)" in as_text([pair])


def test_a_value_beyond_its_interval_is_different(published: Path) -> None:
    changed(published, value=lambda v: v + 0.4, ci_low=lambda v: v + 0.4, ci_high=lambda v: v + 0.4)
    pair = one(published)
    assert pair.verdict == "different"
    assert "(-0.4)" in as_text([pair])


def test_a_p_value_that_was_embellished_is_found(published: Path) -> None:
    changed(published, p_adjusted=lambda v: v * 0 + 1e-6, p_value=lambda v: v * 0 + 1e-6)
    pair = one(published)
    assert pair.verdict == "within"
    assert all({"p_value", "p_adjusted"} <= set(row.columns) for row in pair.rows)
    assert "the value is the same" in as_text([pair])


def test_without_per_case_scores_the_comparisons_are_not_judged_and_that_is_said(published: Path) -> None:
    published.with_name("grey.cases.csv").unlink()
    pair = one(published, "plus")
    assert (pair.verdict, pair.compared, pair.same_scores) == ("equal", False, None)
    assert "were not compared" in as_text([pair])


def test_a_row_of_several_seeds_is_not_judged_where_the_others_are_not_known(published: Path) -> None:
    published.with_name("grey.cases.csv").unlink()
    frame = read_leaderboard(published)
    pooled = int(frame.index[frame["n_seeds"] > 1][0]) + 1
    (pair,) = verified(published, Choice(rows=(pooled,), sample=1))
    assert (pair.verdict, pair.rows, pair.unjudged) == ("not judged", (), (pooled,))
    text = as_text([pair])
    assert "1 row of several seeds not judged: the per-case scores of the other seeds are not known" in text
    assert "0 rows of 1 pair, 1 row not judged" in text
    assert json.loads(as_json([pair]))["pairs"][0]["rows_not_judged"] == [pooled]
    # Beside rows of its own seed it is said as well, and theirs count.
    (own,) = verified(published, Choice(enhancer="learnt", sample=1))
    assert own.verdict == "equal"
    assert pooled in own.unjudged
    assert "not judged" in as_text([own])


def _dataset(board: Path) -> str:
    return str(read_leaderboard(board)["dataset"].iloc[0])


def test_other_data_are_named(published: Path) -> None:
    films(published.parents[1] / "films", range(3, 12))
    pair = one(published)
    assert pair.verdict in ("different", "within")
    assert set(pair.differs or {}) == {"data"}
    assert "data differs" in as_text([pair])


def test_another_identity_of_the_enhancer_and_another_version_are_named(published: Path) -> None:
    changed(published, enhancer_digest="0123456789abcdef", radbench_version="0.0.1", device="abacus")
    pair = one(published)
    # Its numbers are the same all the same.
    assert pair.verdict == "equal"
    assert set(pair.differs or {}) == {"enhancer", "version", "device"}
    assert (pair.differs or {})["device"][0] == "abacus"


def test_what_cannot_be_run_says_why_and_the_others_are_run(published: Path) -> None:
    changed(published, enhancer="plus[gone=1]")
    found = verified(published, Choice(enhancer="plus"))
    gone = next(pair for pair in found if "gone" in pair.name)
    assert gone.verdict == "cannot be run"
    assert "gone" in gone.reason
    assert {pair.verdict for pair in found if pair is not gone} == {"equal"}
    assert summary([gone]) == "0 rows of 1 pair, 1 pair cannot be run"


def test_a_folder_that_labels_name_by_digest_must_be_told(published: Path) -> None:
    pair = one(published, folders={})
    assert pair.verdict == "cannot be run"
    assert "--data @" in pair.reason


def test_nothing_is_taken_from_the_users_cache(published: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = os.environ["RADBENCH_CACHE"]
    with cache_at(None) as folder:
        assert os.environ["RADBENCH_CACHE"] == str(folder) != before
        (folder / "something").mkdir(parents=True)
    assert not folder.exists()
    assert os.environ["RADBENCH_CACHE"] == before
    monkeypatch.delenv("RADBENCH_CACHE")
    with cache_at(published.parent / "kept") as folder:
        assert os.environ["RADBENCH_CACHE"] == str(published.parent / "kept")
    assert "RADBENCH_CACHE" not in os.environ


def test_a_sample_takes_first_what_needs_no_training(published: Path) -> None:
    frame = read_leaderboard(published)
    assert {pair.training_seconds for pair in chosen(frame, Choice(sample=3))} == {0.0}
    assert len(chosen(frame, Choice(sample=4))) == 4
    assert len(chosen(frame, Choice(sample=99))) == 5
    assert len(chosen(frame, Choice(trained=False))) == 3
    draws = {tuple(pair.name for pair in chosen(frame, Choice(sample=1, seed=seed))) for seed in range(20)}
    assert len(draws) == 3


def test_a_row_is_chosen_by_its_number(published: Path) -> None:
    frame = read_leaderboard(published)
    last = len(frame)
    (pair,) = chosen(frame, Choice(rows=(last,)))
    assert pair.judged == {last}
    assert pair.enhancer == frame["enhancer"].iloc[-1] == "plus[amount=0.2]"
    several = int(frame.index[frame["n_seeds"] > 1][0]) + 1
    assert [p.seed for p in chosen(frame, Choice(rows=(several,)))] == [0, 1]


@pytest.mark.parametrize(
    ("choice", "said"),
    [
        (Choice(rows=(99,)), "there is no row 99"),
        (Choice(task="gray"), "did you mean 'grey'"),
        (Choice(enhancer="plus", rows=(1,)), "no row that was scored is left"),
    ],
)
def test_what_is_not_there_is_said(published: Path, choice: Choice, said: str) -> None:
    with pytest.raises((UsageError, UnknownNameError), match=said):
        chosen(read_leaderboard(published), choice)


def test_the_reports_say_the_same(published: Path) -> None:
    changed(published, value=lambda v: v + 1e-9)
    found = verified(published, Choice(enhancer="plus"))
    record = json.loads(as_json(found))
    assert [pair["verdict"] for pair in record["pairs"]] == [pair.verdict for pair in found]
    assert record["summary"] == summary(found)
    assert "1 equal" in record["summary"]
    assert as_markdown(found).count("\n| ") == len(found) + 1


def test_the_verb_leaves_by_what_it_found(
    published: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    digest = _dataset(published).partition("@")[2][:8]
    words = ["verify", str(published), "--enhancer", "plus", "--plugin", str(PLUGIN), "--debug"]
    words += ["--data", f"@{digest}={published.parents[1] / 'films'}"]

    def left(*more: str) -> int:
        monkeypatch.setattr(sys, "argv", ["bench", *words, *more])
        with pytest.raises(SystemExit) as done:
            main()
        return int(done.value.code or 0)

    assert left() == 0
    assert "2 rows of 2 pairs, 2 equal" in capsys.readouterr().out
    changed(published, value=lambda v: v + 0.4, ci_low=lambda v: v + 0.4, ci_high=lambda v: v + 0.4)
    assert left("--format", "json") == 1
    assert json.loads(capsys.readouterr().out)["pairs"][1]["verdict"] == "different"
    assert left("--row", "3-1") == 2
    assert left("--data", "films=here") == 2


def test_old_rows_are_judged_by_their_own_numbers(published: Path) -> None:
    frame = read_leaderboard(published)
    plus = frame[frame["enhancer"] == "plus[amount=0.2]"]
    assert isinstance(plus, pd.DataFrame)
    write_csv(plus.assign(schema_version=1), published)
    pair = one(published)
    assert (pair.verdict, pair.compared) == ("equal", False)
