"""Session: what is computed and what is not, what failures come to, and that nothing but the request decides a score.

The steps run in this process: an executor that needs no workers stands in for the local one.
"""

import random
from types import SimpleNamespace

import pytest

from radbench.engine import worker
from radbench.engine.execute import Workbench
from radbench.engine.executors.local import Event
from radbench.engine.journal import RunFolder
from radbench.engine.plan import make_plan
from radbench.engine.reporting import Silent
from radbench.engine.request import Request
from radbench.engine.session import RunAbortedError, Session
from radbench.engine.store import Store
from radbench.leaderboard.view import journal_run, write_leaderboard
from radbench.registry.registry import load_registry


class WorkerDied(BaseException):
    """Stands for a worker that was lost."""


class Inline:
    """Does steps at once, in this process; ``dies(step, case)`` says where a worker would be lost."""

    def __init__(self, files, store, dies=lambda step, case: False):
        self.files, self.store, self.dies = files, store, dies
        self.pending, self.step, self.losses = [], None, 0
        self._start()

    def _start(self):
        self.bench = Workbench(load_registry(self.files), self.store, "cpu", 1, self.tell)

    def idle(self):
        return [(0, None)] if self.step is None else []

    def tell(self, event, **facts):
        if event == "case" and self.dies(self.step, facts["case"]):
            raise WorkerDied(facts)
        self.pending.append(Event(self.step.number, event, facts))

    def submit(self, _, step):
        self.step = step
        try:
            self.bench.do(step)
        except WorkerDied as death:
            self.losses += 1
            self._start()
            lost = {"status": "crashed", "message": "the worker process ended with exit status 7", **death.args[0]}
            self.pending.append(Event(step.number, "lost", lost))
        except BaseException as e:
            worker._tell_of(e, self)
        else:
            self.tell("done")

    def events(self):
        pending, self.pending, self.step = self.pending, [], None
        return pending


class Notes(Silent):
    def __init__(self):
        self.notes, self.total, self.done = [], 0, 0

    def begin(self, total, unit):
        self.total = total

    def advance(self, cases, text):
        self.done += cases

    def note(self, text):
        self.notes.append(text)


class Deaf:
    def started(self, pair):
        pass

    def ended(self, pairs):
        pass


@pytest.fixture
def go(tmp_path, toy_plugin):
    """Return a function that runs a request and tells everything about the run."""

    def run(enhancers, tasks, out="run", cache="cache", jobs=2, retry_failed=False, dies=None, shuffled=None, **more):
        registry = load_registry([toy_plugin])
        plan = make_plan(registry, Request((enhancers,), (tasks,), plugin_files=(str(toy_plugin),), **more))
        if shuffled is not None:
            plan = type(plan)(plan.request, tuple(random.Random(shuffled).sample(plan.pairs, len(plan.pairs))))
        folder, store, notes = RunFolder(tmp_path / out), Store(tmp_path / cache), Notes()
        folder.open()
        try:
            journal_run(folder, plan, "")
            session = Session(plan, folder, store, notes, Deaf(), retry_failed)
            steps = session.prepare(jobs)
            executor = Inline([toy_plugin], store, dies or (lambda step, case: False))
            outcome = session.run(executor)
        finally:
            folder.close()
        rows = {p.name: folder.read_cases(p.name) for p in plan.pairs}
        return SimpleNamespace(
            outcome=outcome,
            steps=steps,
            folder=folder,
            store=store,
            notes=notes,
            losses=executor.losses,
            statuses={_short(n): str(s) for n, s in outcome.statuses.items()},
            incomplete={_short(n) for n in outcome.incomplete},
            rows={_short(n): r for n, r in rows.items()},
            scores={_short(n): _scores(r) for n, r in rows.items()},
        )

    return run


def _short(name):
    task, _, enhancer, _ = name.split("--")
    return f"{enhancer} {task}"


MEASURED = ("enhance_ms", "peak_memory_mb", "parameters", "device")


def _scores(rows):
    return {r["case_id"]: tuple(v for k, v in r.items() if k not in MEASURED) for r in rows}


ALL = "toy-brighten,toy-noisy,toy-learner", "toy-mean,toy-odd,toy-auroc,toy-whole"


# what is done and what is not --------------------------------------------------------------------------------


def test_a_second_identical_run_recomputes_nothing_and_says_so(go):
    first, second = go(*ALL), go(*ALL)
    assert first.outcome.reused == 0
    assert first.outcome.computed == sum(s.size for s in first.steps)
    assert (second.outcome.computed, second.outcome.reused, second.steps) == (0, first.outcome.computed, [])
    assert second.rows == first.rows


def test_another_folder_recomputes_nothing_either(go):
    first, second = go(*ALL), go(*ALL, out="elsewhere")
    assert second.outcome.computed == 0
    assert second.rows == first.rows


def test_progress_ends_exactly_at_its_total(go):
    for run in (go(*ALL), go(*ALL), go("toy-raises,toy-picky,toy-learner[fail=true]", ALL[1], out="bad")):
        assert run.notes.done == run.notes.total


def test_changing_one_field_recomputes_only_that_enhancer(go):
    tasks = "toy-mean,toy-auroc"
    first = go("toy-brighten,toy-noisy", tasks)
    second = go("toy-brighten[amount=0.3],toy-noisy", tasks)
    assert {s.label for s in second.steps} == {
        f"{what} toy-brighten[amount=0.3]" for what in ("enhance with", "toy-mean of", "toy-auroc of")
    }
    assert second.outcome.computed == 6 + 6 + 6
    assert second.outcome.computed + second.outcome.reused == first.outcome.computed


def test_changing_a_task_field_reuses_the_enhancements(go):
    go("toy-brighten", "toy-mean")
    second = go("toy-brighten", "toy-mean[scale=2]")
    assert {s.kind for s in second.steps} == {"score"}


def test_adding_an_enhancer_recomputes_no_other(go):
    go("toy-brighten", "toy-mean")
    second = go("toy-brighten,toy-noisy", "toy-mean")
    assert all("toy-noisy" in s.label for s in second.steps)


def test_a_limit_is_grown_without_doing_the_first_cases_again(go):
    go("toy-brighten", "toy-mean", limit=4)
    whole = go("toy-brighten", "toy-mean")
    assert {e.case_id for s in whole.steps for es in s.entries.values() for e in es} == {"test4", "test5"}
    assert len(whole.scores["toy-brighten toy-mean"]) == 6


def test_weights_are_fitted_once_and_reused(go):
    first = go("toy-learner", "toy-mean")
    second = go("toy-learner", "toy-mean", limit=3, out="elsewhere")
    third = go("toy-learner", "toy-mean[scale=2]", dataset="toy[size=9]", out="third")
    assert [s.kind for s in first.steps].count("fit") == 1
    assert second.outcome.computed == 0
    assert "fit" not in {s.kind for s in third.steps}


# nothing but the request decides a score ---------------------------------------------------------------------


@pytest.mark.parametrize("change", [{"jobs": 1}, {"jobs": 7}, {"shuffled": 1}, {"shuffled": 2, "jobs": 3}])
def test_neither_order_nor_jobs_change_a_bit_of_a_score(go, change):
    assert go(*ALL, out="other", cache="other", **change).scores == go(*ALL).scores


def test_neither_company_nor_a_limit_changes_a_bit_of_a_score(go):
    alone = go("toy-noisy", "toy-odd", limit=2, cache="other", out="other").scores["toy-noisy toy-odd"]
    assert alone.items() <= go(*ALL).scores["toy-noisy toy-odd"].items()


def test_a_lost_worker_changes_no_bit_of_a_score(go):
    struck = set()

    def once(step, case):
        key = step.score_key or step.enhance_key
        if case != "test3" or key in struck:
            return False
        return not struck.add(key)

    run = go(*ALL, out="other", cache="other", dies=once)
    assert run.losses == len(struck) > 8
    assert run.scores == go(*ALL).scores


def test_a_batch_changes_no_bit_of_a_score(go):
    run = go("toy-batched[fails_at=9],toy-picky[fails_at=9]", "toy-mean,toy-odd")
    assert run.scores["toy-batched[fails_at=9] toy-mean"] == run.scores["toy-picky[fails_at=9] toy-mean"]


def test_seeds_are_independent_draws(go):
    run = go("toy-noisy", "toy-mean", seeds=(0, 1))
    zero = go("toy-noisy", "toy-mean", out="zero", cache="zero").scores["toy-noisy toy-mean"]
    one = go("toy-noisy", "toy-mean", seeds=(1,), out="one", cache="one").scores["toy-noisy toy-mean"]
    assert not set(zero.values()) & set(one.values())
    assert run.scores["toy-noisy toy-mean"] == one  # the last of the two; both have a file of their own
    assert len(list((run.folder.root / "cases").iterdir())) == 4


def test_a_task_that_writes_into_its_case_spoils_no_other(go):
    mutating = "toy-odd[how=mutate]"
    both = go("toy-brighten,toy-noisy", f"{mutating},toy-mean")
    assert both.scores["original toy-odd[how=mutate]"] == both.scores["toy-noisy toy-odd[how=mutate]"]
    apart = go("toy-brighten,toy-noisy", "toy-mean", out="apart", cache="apart")
    assert both.scores["toy-brighten toy-mean"] == apart.scores["toy-brighten toy-mean"]


# what failures come to ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("enhancer", "status", "words"),
    [
        ("toy-raises", "error", "ValueError: I never work"),
        ("toy-leaves", "error", "SystemExit: done here"),
        ("toy-nan", "invalid-output", "has 64 NaN or infinite pixels"),
        ("toy-wrong-shape", "invalid-output", r"must have the input's shape [1, 1, 8, 8], got [1, 1, 4, 8]"),
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
    assert "test2" in rows.loc["toy-picky", "error"]
    assert rows["rank"].isna().to_dict() == {"original": False, "toy-brighten": False, "toy-picky": True}


def test_a_batch_with_one_bad_image_loses_that_image_alone(go):
    run = go("toy-batched", "toy-mean")
    assert [r["case_id"] for r in run.rows["toy-batched toy-mean"] if r["status"] != "ok"] == ["test2"]


def test_a_case_that_cannot_be_loaded_is_no_part_of_any_pair_and_all_stay_ranked(go):
    run = go("toy-brighten", "toy-mean,toy-auroc", dataset="toy[bad=test1]")
    assert set(run.statuses.values()) == {"ok"}
    assert run.incomplete == set()
    frame = write_leaderboard(run.folder)
    rows = frame[frame["group"] == "all"]
    assert set(rows["n_cases"]) == {5}
    assert all("test1" in error and "cut short" in error for error in rows["error"])
    assert rows["rank"].notna().all()
    assert len([n for n in run.notes.notes if "test1" in n]) == 1  # told once, not once for every enhancer


def test_a_case_with_nan_pixels_is_a_case_that_cannot_be_loaded(go):
    run = go("toy-brighten", "toy-mean", dataset="toy[bad=test1,how=nan]")
    bad = [r for r in run.rows["toy-brighten toy-mean"] if r["status"] != "ok"]
    assert [(r["case_id"], r["message"]) for r in bad] == [
        ("test1", "case 'test1': image has 1 NaN or infinite pixels")
    ]


def test_a_training_case_that_cannot_be_loaded_breaks_that_training_alone(go):
    run = go("toy-learner[trained_on=toy[bad=train1]],toy-brighten", "toy-mean")
    assert run.statuses["toy-learner[trained_on=toy[bad=train1]] toy-mean"] == "error"
    assert run.statuses["toy-brighten toy-mean"] == "ok"


@pytest.mark.parametrize(
    ("task", "status", "words"),
    [
        ("toy-odd[how=names]", "invalid-output", "must score ['mean'], got ['average']"),
        ("toy-whole[how=stranger]", "invalid-output", "scored unknown case 'nobody'"),
        ("toy-whole[how=undeclared]", "invalid-output", "did not declare split 'validation'"),
    ],
)
def test_a_task_that_breaks_its_contract_fails_and_the_other_tasks_are_scored(go, task, status, words):
    run = go("toy-brighten", f"{task},toy-mean")
    assert run.statuses[f"original {task}"] == run.statuses[f"toy-brighten {task}"] == status
    assert run.statuses["toy-brighten toy-mean"] == "ok"
    assert any(words in note for note in run.notes.notes)


@pytest.mark.parametrize(("how", "words"), [("omit", "neither a score nor a failure"), ("fail", "no lesion found")])
def test_a_case_that_a_task_leaves_out_is_reported_and_the_pair_not_ranked(go, how, words):
    first = go("toy-brighten", f"toy-whole[how={how}]")
    (bad,) = [r for r in first.rows[f"toy-brighten toy-whole[how={how}]"] if r["status"] != "ok"]
    assert (bad["case_id"], words in bad["message"]) == ("test5", True)
    assert first.incomplete == {f"{e} toy-whole[how={how}]" for e in ("original", "toy-brighten")}
    second = go("toy-brighten", f"toy-whole[how={how}]")
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
        assert {e.case_id for s in again.steps if s.label == "enhance with toy-picky" for e in s.entries["test"]} <= {
            "test2"
        }


def test_what_was_forgiven_once_is_remembered_when_it_fails_again(go):
    go(*BAD)
    go(*BAD, retry_failed=True)
    assert go(*BAD).steps == []


def test_a_task_over_whole_splits_is_done_again_when_a_failed_case_comes_back(go):
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
    assert run.incomplete == set()


def test_a_task_that_kills_every_worker_fails_and_its_enhancements_serve_the_others(go):
    run = go("toy-brighten", "toy-mean,toy-odd", dies=lambda step, case: step.label.startswith("toy-odd"))
    assert run.statuses["toy-brighten toy-odd"] == "crashed"
    assert run.statuses["toy-brighten toy-mean"] == "ok"


# damage ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("damage", ["truncate", "vanish"])
@pytest.mark.parametrize("task", ["toy-mean[scale=2]", "toy-auroc[scale=2]"])
def test_a_damaged_enhancement_is_made_again(go, damage, task):
    go("toy-noisy", "toy-mean")
    undamaged = go("toy-noisy", task, out="undamaged", cache="undamaged")
    run = go("toy-noisy", "toy-mean")
    files = list(run.store.root.rglob("*.safetensors"))
    for file in files:
        file.write_bytes(file.read_bytes()[:-10]) if damage == "truncate" else file.unlink()
    again = go("toy-noisy", task)
    assert set(again.statuses.values()) == {"ok"}
    assert again.scores == undamaged.scores


def test_an_enhancement_that_vanishes_between_plan_and_score_is_made_again(go):
    go("toy-brighten", "toy-mean")

    def clear(step, case):
        for file in store.root.rglob("*.safetensors"):
            file.unlink()
        return False

    store = go("toy-brighten", "toy-mean").store
    assert set(go("toy-brighten", "toy-mean[scale=2]", dies=clear).statuses.values()) == {"ok"}


@pytest.mark.parametrize("name", ["weights.safetensors", "facts.json"])
def test_damaged_weights_are_fitted_again(go, name):
    first = go("toy-learner", "toy-mean")
    (file,) = first.store.root.rglob(name)
    file.write_bytes(b"")
    again = go("toy-learner", "toy-mean[scale=1.0],toy-auroc", dataset="toy[size=9]", out="again")
    assert "fit" in {s.kind for s in again.steps}
    assert set(again.statuses.values()) == {"ok"}


def test_a_torn_score_line_costs_that_case_alone(go):
    first = go("toy-brighten", "toy-mean")
    for file in first.store.root.rglob("*.jsonl"):
        file.write_bytes(file.read_bytes()[:-20])
    again = go("toy-brighten", "toy-mean")
    assert again.outcome.computed == 2
    assert again.rows == first.rows


def test_a_full_disk_stops_the_run_with_a_sentence_and_the_same_command_goes_on(go, monkeypatch):
    whole = go("toy-brighten", "toy-mean", out="other", cache="other").scores
    saved, room = Store.save_enhancement, iter(range(4))

    def full(self, *args):
        from radbench.engine.store import StoreError

        if next(room, None) is None:
            raise StoreError("cannot write 'x': No space left on device")
        saved(self, *args)

    with monkeypatch.context() as context:
        context.setattr(Store, "save_enhancement", full)
        with pytest.raises(RunAbortedError, match=r"No space left on device. What is done is kept: mend it"):
            go("toy-brighten", "toy-mean")
    again = go("toy-brighten", "toy-mean")
    assert again.outcome.reused >= 4
    assert again.scores == whole
