"""The published leaderboards are what this version gives: one row for each task whose rows need no training."""

from pathlib import Path

import pytest

from radbench.leaderboard.schema import leaderboards_in, read_leaderboard
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

NOT_VERIFIED = {
    "bone-extraction": "only what gives a bone image is scored, and that learns",
    "cad": "the network that tells findings is trained, for five minutes a row",
    "fidelity": "the rows that need no training are of collections that are not shipped",
    "hnn": "the network that finds lesions is trained, for five minutes a row",
    "lung-extraction": "only what gives a lung image is scored, and that learns",
    "lung-segmentation": "only what gives a lung mask is scored, and that learns",
    "nodule-visibility": "its observer learns from radiographs that take twenty minutes to make",
    "view-realism": "only what renders other views is scored, and that learns",
}
"""Of the other published tables why no row of them is run again here."""


def test_every_table_is_verified_or_it_is_said_why_not():
    assert {*UNTRAINED}.isdisjoint(NOT_VERIFIED)
    assert {*UNTRAINED, *NOT_VERIFIED} == {board.stem for board in leaderboards_in(BOARDS)}


def test_every_task_that_can_be_verified_without_training_is():
    found = set()
    for board in leaderboards_in(BOARDS):
        frame = read_leaderboard(board)
        frame = frame[frame["value"].notna()]
        untrained = frame["fit_seconds"].isna() & frame["task_fit_seconds"].isna()
        if (untrained & ~frame["dataset"].str.contains("@")).any():
            found |= {task.partition("[")[0] for task in frame["task"]}
    assert found == {*UNTRAINED}


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    """An empty cache: what two tasks look at is made once."""
    return tmp_path_factory.mktemp("cache")


@pytest.mark.parametrize("task", sorted(UNTRAINED))
def test_a_published_row_is_equal_here(task, cache):
    board = BOARDS / f"{task}.csv"
    pairs = chosen(read_leaderboard(board), Choice(task=task, dataset=UNTRAINED[task], enhancer="original"))
    (pair,) = verify(board, Choice(rows=(min(pairs[0].judged),)), cache=cache)
    assert pair.verdict != "cannot be run", pair.reason
    same = {"version", "device"}.isdisjoint(pair.differs or {})
    # Another processor or another library may round otherwise; nothing else may differ.
    assert set(pair.differs or {}) <= {"version", "device"}
    assert pair.verdict == "equal" if same else pair.verdict in ("equal", "within")
    assert pair.same_scores or not same
