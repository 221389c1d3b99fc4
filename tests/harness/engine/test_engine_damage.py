"""Session: what damage to the cache and a full disk come to."""

import pytest

from radbench.engine.keep.store import Store
from radbench.engine.work.failures import RunAbortedError

from .session_runs import ALL, go_fixture  # noqa: F401

# damage ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("damage", ["truncate", "flip", "vanish"])
@pytest.mark.parametrize("task", ["toy-mean[scale=2]", "toy-auroc[scale=2]"])
def test_a_damaged_enhancement_is_made_again(go, damage, task):
    go("toy-noisy", "toy-mean")
    undamaged = go("toy-noisy", task, out="undamaged", cache="undamaged")
    run = go("toy-noisy", "toy-mean")
    files = list(run.store.root.rglob("*.image"))
    for file in files:
        data = bytearray(file.read_bytes())
        data[len(data) // 2] ^= 4
        if damage == "vanish":
            file.unlink()
        else:
            file.write_bytes(bytes(data) if damage == "flip" else bytes(data[:-10]))
    again = go("toy-noisy", task)
    assert set(again.statuses.values()) == {"ok"}
    assert again.scores == undamaged.scores


def test_an_enhancement_that_vanishes_between_plan_and_score_is_made_again(go):
    go("toy-brighten", "toy-mean")

    def clear(step, case):
        for file in store.root.rglob("*.image"):
            file.unlink()
        return False

    store = go("toy-brighten", "toy-mean").store
    assert set(go("toy-brighten", "toy-mean[scale=2]", dies=clear).statuses.values()) == {"ok"}


@pytest.mark.parametrize("name", ["weights.safetensors", "facts.json"])
def test_damaged_weights_are_fitted_again(go, name):
    first = go("toy-learner", "toy-mean")
    (file,) = first.store.root.rglob(name)
    file.write_bytes(b"")
    again = go("toy-learner", "toy-mean[scale=1.0],toy-auroc", dataset="toy[size=9]", out="again", leakage=True)
    assert "fit" in {s.kind for s in again.steps}
    assert set(again.statuses.values()) == {"ok"}
    assert ["weights of" in event["what"] for event in again.folder.events("damaged")] == [True]


def test_a_torn_score_line_costs_that_case_alone(go):
    first = go("toy-brighten", "toy-mean")
    for file in first.store.root.rglob("*.jsonl"):
        file.write_bytes(file.read_bytes()[:-20])
    again = go("toy-brighten", "toy-mean")
    assert again.outcome.computed == 2  # the last of each of two files
    assert ["1 of the kept scores" in event["what"] for event in again.folder.events("damaged")] == [True, True]
    assert again.rows == first.rows


def test_a_full_disk_stops_the_run_with_a_sentence_and_the_same_command_goes_on(go, monkeypatch):
    whole = go("toy-brighten", "toy-mean", out="other", cache="other").scores
    saved, room = Store.save_enhancement, iter(range(4))

    def full(self, *args):
        from radbench.engine.keep.store import StoreError

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
