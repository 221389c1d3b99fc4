"""The published leaderboards are what this version gives: one row for each task whose rows need no training."""

from pathlib import Path

import pytest

from radbench.leaderboard.schema import read_leaderboard
from radbench.verification.choosing import Choice, chosen
from radbench.verification.verify import verify

BOARDS = Path(__file__).resolve().parents[2] / "leaderboards"
UNTRAINED = {
    "bone-suppression": "phantom-cxr",
    "grabcut": "phantom-lesions",
    "image-quality": "phantom-lesions",
    "view-synthesis": "ct2xray",
}
"""Tasks of which rows on data that everybody has need no training, and the data set of the row that is verified."""


def test_every_task_that_can_be_verified_without_training_is():
    boards = [file for file in sorted(BOARDS.glob("*.csv")) if not file.name.endswith(".cases.csv")]
    found = set()
    for board in boards:
        frame = read_leaderboard(board)
        frame = frame[frame["value"].notna()]
        untrained = frame["fit_seconds"].isna() & frame["task_fit_seconds"].isna()
        if (untrained & ~frame["dataset"].str.contains("@")).any():
            found |= {task.partition("[")[0] for task in frame["task"]}
    assert found == {*UNTRAINED}


@pytest.mark.parametrize("task", sorted(UNTRAINED))
def test_a_published_row_is_equal_here(task):
    board = BOARDS / f"{task}.csv"
    pairs = chosen(read_leaderboard(board), Choice(task=task, dataset=UNTRAINED[task], enhancer="original"))
    (pair,) = verify(board, Choice(rows=(min(pairs[0].judged),)))
    assert pair.verdict != "cannot be run", pair.reason
    same = {"version", "device"}.isdisjoint(pair.differs or {})
    # Another processor or another library may round otherwise; nothing else may differ.
    assert set(pair.differs or {}) <= {"version", "device"}
    assert pair.verdict == "equal" if same else pair.verdict in ("equal", "within")
    assert pair.same_scores or not same
