"""Session: what failures and lost workers come to."""

import re

import pytest

from radbench.leaderboard.view import write_leaderboard

from .session_runs import ALL, go_fixture  # noqa: F401

# what failures come to ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("enhancer", "status", "words"),
    [
        ("toy-raises", "error", "ValueError: I never work"),
        ("toy-leaves", "error", "SystemExit: done here"),
        ("toy-nan", "invalid-output", "has 64 NaN or infinite pixels"),
        ("toy-wrong-shape", "invalid-output", r"must have the shape [1, 1, 8, 8], got [1, 1, 4, 8]"),
        ("toy-wrong-dtype", "invalid-output", "must be float32, got torch.float64"),
        ("toy-layered[layer=aura]", "invalid-output", "unknown layer 'aura'"),
        ("toy-learner[fail=true]", "error", "RuntimeError: no convergence"),
    ],
)
def test_a_failing_enhancer_has_its_status_and_sentence_and_the_others_are_scored(go, enhancer, status, words):
    run = go(f"{enhancer},toy-brighten", "toy-mean,toy-auroc")
    for task in ("toy-mean", "toy-auroc"):
        assert run.statuses[f"{enhancer} {task}"] == status
        assert run.statuses[f"toy-brighten {task}"] == run.statuses[f"original {task}"] == "ok"
    frame = write_leaderboard(run.folder)
    bad = frame[frame["enhancer"] == enhancer]
    assert set(bad["status"]) == {status}
    assert all(words in error for error in bad["error"])
    assert bad["rank"].isna().all()


def test_an_enhancer_that_writes_into_its_input_spoils_nothing(go):
    with_it = go("toy-mutates,toy-brighten", "toy-mean")
    without = go("toy-brighten", "toy-mean", out="other", cache="other")
    assert with_it.scores["toy-brighten toy-mean"] == without.scores["toy-brighten toy-mean"]
    assert with_it.scores["original toy-mean"] == without.scores["original toy-mean"]


def test_one_bad_case_is_reported_by_id_the_rest_scored_and_the_pair_not_ranked(go):
    run = go("toy-picky,toy-brighten", "toy-mean")
    bad = [r for r in run.rows["toy-picky toy-mean"] if r["status"] != "ok"]
    assert [(r["case_id"], r["status"]) for r in bad] == [("test2", "error")]
    assert len(run.rows["toy-picky toy-mean"]) == 6
    assert run.incomplete == {"toy-picky toy-mean"}
    frame = write_leaderboard(run.folder)
    rows = frame[frame["group"] == "all"].set_index("enhancer")
    assert rows.loc["toy-picky", "status"] == "ok"
    assert rows.loc["toy-picky", "n_cases"] == 5
    assert rows.loc["toy-picky", "error"].startswith("1 of 6 cases failed ('test2'): ValueError: not this one (")
    assert rows["rank"].isna().to_dict() == {"original": False, "toy-brighten": False, "toy-picky": True}


def test_a_batch_with_one_bad_image_loses_that_image_alone(go):
    run = go("toy-batched", "toy-mean")
    assert [r["case_id"] for r in run.rows["toy-batched toy-mean"] if r["status"] != "ok"] == ["test2"]


def test_a_case_that_cannot_be_loaded_is_no_part_of_any_pair_and_all_stay_ranked(go):
    run = go("toy-brighten", "toy-mean,toy-auroc", dataset="toy[bad=test1]")
    assert set(run.statuses.values()) == {"ok"}
    assert run.incomplete == {*run.statuses}
    assert set(run.outcome.scored.values()) == {(5, 6)}
    frame = write_leaderboard(run.folder)
    rows = frame[frame["group"] == "all"]
    assert set(rows["n_cases"]) == {5}
    assert set(rows["error"]) == {"1 of 6 cases failed ('test1'): case 'test1': its file is cut short"}
    assert rows["rank"].notna().all()
    assert len([n for n in run.notes.notes if "test1" in n]) == 1  # told once, not once for every enhancer


def test_a_case_with_nan_pixels_is_a_case_that_cannot_be_loaded(go):
    run = go("toy-brighten", "toy-mean", dataset="toy[bad=test1,how=nan]")
    bad = [r for r in run.rows["toy-brighten toy-mean"] if r["status"] != "ok"]
    ((case, message),) = [(r["case_id"], r["message"]) for r in bad]
    assert case == "test1"
    assert re.fullmatch(r"case 'test1': image has 1 NaN or infinite pixels \(toy_plugin.py:\d+\)", message)


def test_a_training_case_that_cannot_be_loaded_leaves_a_gap_that_the_row_tells_of(go):
    learner = "toy-learner[trained_on=toy[bad=train1]]"
    run = go(f"{learner},toy-brighten", "toy-mean")
    assert set(run.statuses.values()) == {"ok"}
    frame = write_leaderboard(run.folder)
    row = frame[(frame["group"] == "all")].set_index("enhancer").loc[learner]
    assert row["value"] == row["value"]
    assert row[["p_value", "rank"]].isna().all()
    assert row["error"].startswith("1 case that toy-learner")
    assert row["error"].endswith("learns from failed ('train1'): case 'train1': its file is cut short")
    assert "train1" in next(e for e in run.folder.events("pair") if "learner" in e["pair"])["lacking"]


def test_a_task_s_lesson_that_fails_leaves_such_a_gap_too(go):
    run = go("toy-brighten", "toy-whole", dataset="toy[bad=train1]")
    assert set(run.statuses.values()) == {"ok"}
    frame = write_leaderboard(run.folder)
    assert set(frame["error"]) == {
        "1 case that toy-whole learns from failed ('train1'): case 'train1': its file is cut short"
    }
    assert frame["rank"].isna().all()


@pytest.mark.parametrize(
    ("task", "status", "words"),
    [
        ("toy-odd[how=names]", "invalid-output", "must observe ['mean'] of a case, got ['average']"),
        (
            "toy-whole[how=strange]",
            "invalid-output",
            "lesson() must give None, tensors by name, or several such, got str",
        ),
        ("toy-whole[how=stubborn]", "error", "RuntimeError: no convergence"),
    ],
)
def test_a_task_that_breaks_its_contract_fails_and_the_other_tasks_are_scored(go, task, status, words):
    run = go("toy-brighten", f"{task},toy-mean")
    assert run.statuses[f"original {task}"] == run.statuses[f"toy-brighten {task}"] == status
    assert run.statuses["toy-brighten toy-mean"] == "ok"
    assert any(words in note for note in run.notes.notes)


def test_a_case_that_a_task_cannot_score_is_reported_and_the_pair_incomplete(go):
    first = go("toy-brighten", "toy-whole[how=fail]")
    (bad,) = [r for r in first.rows["toy-brighten toy-whole[how=fail]"] if r["status"] != "ok"]
    assert (bad["case_id"], "no lesion found" in bad["message"]) == ("test5", True)
    assert first.incomplete == {f"{e} toy-whole[how=fail]" for e in ("original", "toy-brighten")}
    second = go("toy-brighten", "toy-whole[how=fail]")
    assert second.outcome.computed == 0
    assert second.rows == first.rows


def test_a_metric_without_an_answer_is_no_failure(go):
    run = go("toy-brighten", "toy-odd[how=nan]")
    assert set(run.statuses.values()) == {"ok"}
    assert run.incomplete == set()


def test_auroc_comes_from_the_task_s_predictions(go):
    frame = write_leaderboard(go("toy-brighten", "toy-auroc").folder)
    rows = frame[frame["group"] == "all"].set_index("enhancer")
    # Labels 0,1,0,1,0,1 under rising scores: 6 of 9 pairs are in order.
    assert rows.loc["original", "value"] == pytest.approx(6 / 9, abs=1e-12)


# failures are a folder's memory ------------------------------------------------------------------------------

BAD = "toy-raises,toy-picky,toy-learner[fail=true]", "toy-mean,toy-auroc"


def test_failures_are_not_tried_again_in_the_same_folder(go):
    first, second = go(*BAD), go(*BAD)
    assert second.outcome.computed == 0
    assert second.steps == []
    assert (second.rows, second.statuses) == (first.rows, first.statuses)


def test_failures_are_tried_again_when_asked_or_in_a_fresh_folder(go):
    go(*BAD)
    for again in (go(*BAD, retry_failed=True), go(*BAD, out="fresh")):
        assert {s.kind for s in again.steps} >= {"fit", "enhance"}
        assert {e.case_id for s in again.steps if s.label == "enhance with toy-picky" for e in s.entries} <= {"test2"}


def test_what_was_forgiven_once_is_remembered_when_it_fails_again(go):
    go(*BAD)
    go(*BAD, retry_failed=True)
    assert go(*BAD).steps == []


def test_a_task_learns_again_when_a_failed_case_comes_back(go):
    whole = go("toy-noisy", "toy-whole", out="undisturbed", cache="other").scores
    first = go("toy-noisy", "toy-whole", dies=lambda step, case: "noisy" in step.label and case == "train1")
    second = go("toy-noisy", "toy-whole", retry_failed=True)
    assert first.scores["toy-noisy toy-whole"] != whole["toy-noisy toy-whole"]
    assert second.scores == whole


# lost workers ------------------------------------------------------------------------------------------------


def test_a_case_on_which_a_worker_dies_fails_alone_after_one_retry(go):
    run = go("toy-brighten", "toy-mean", dies=lambda step, case: "brighten" in step.label and case == "test2")
    bad = [r for r in run.rows["toy-brighten toy-mean"] if r["status"] != "ok"]
    assert [(r["case_id"], r["status"]) for r in bad] == [("test2", "crashed")]
    assert run.losses == 2
    assert run.statuses["original toy-mean"] == "ok"


def test_a_worker_lost_on_a_batch_costs_only_the_image_at_fault(go):
    enhancer = "toy-batched[fails_at=9]"

    def dies(step, case):
        # Told of the first of a batch: alone when it is tried again.
        in_batch = not step.singly and case in ("test0", "test1", "test2", "test3")
        return step.kind == "enhance" and enhancer in step.label and (in_batch or (step.singly and case == "test2"))

    run = go(enhancer, "toy-mean", dies=dies, jobs=1)
    assert [r["case_id"] for r in run.rows[f"{enhancer} toy-mean"] if r["status"] != "ok"] == ["test2"]


@pytest.mark.parametrize("cases", [6, 100])
def test_an_enhancer_that_kills_every_worker_is_soon_given_up(go, cases):
    run = go("toy-brighten", "toy-mean", dataset=f"toy[cases={cases}]", dies=lambda s, c: "with toy-b" in s.label)
    assert run.statuses == {"toy-brighten toy-mean": "crashed", "original toy-mean": "ok"}
    assert run.losses <= 5


def test_a_loader_that_kills_its_worker_costs_that_case_once_and_not_once_for_every_enhancer(go):
    run = go("toy-brighten,toy-noisy,toy-mutates", "toy-mean", dies=lambda step, case: case == "test2")
    assert run.losses == 2
    bad = {name: [r["case_id"] for r in rows if r["status"] != "ok"] for name, rows in run.rows.items()}
    assert list(bad.values()) == [["test2"]] * 4
    assert set(run.outcome.scored.values()) == {(5, 6)}


def test_a_task_that_kills_every_worker_fails_and_its_enhancements_serve_the_others(go):
    run = go("toy-brighten", "toy-mean,toy-odd", dies=lambda step, case: step.label.startswith("toy-odd"))
    assert run.statuses["toy-brighten toy-odd"] == "crashed"
    assert run.statuses["toy-brighten toy-mean"] == "ok"
