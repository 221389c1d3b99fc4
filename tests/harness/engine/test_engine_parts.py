"""Parts: compositions, rounds, sources, twins and views, from the plan to the scores."""

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from radbench.contracts import ConfigurationError, UsageError
from radbench.engine.keep.journal import RunFolder
from radbench.engine.keep.store import Store
from radbench.engine.plan.pairs import make_plan
from radbench.engine.plan.request import Request
from radbench.engine.plan.resolver import Resolver
from radbench.engine.run.reporting import Nobody
from radbench.engine.run.session import Session
from radbench.leaderboard.view import journal_run, write_leaderboard
from radbench.registry.registry import load_factory, load_registry

from .session_runs import Inline, Notes

PLUGIN = Path(__file__).with_name("part_plugin.py")


@pytest.fixture
def go(tmp_path):
    """Return a function that runs a request of the plugin in this process."""

    def run(enhancers, task="grey", **more):
        plan = make_plan(load_registry([PLUGIN]), Request((enhancers,), (task,), plugin_files=(str(PLUGIN),), **more))
        folder, store, notes = RunFolder(tmp_path / "run"), Store(tmp_path / "cache"), Notes()
        folder.open()
        try:
            journal_run(folder, plan, lambda pair: "")
            session = Session(plan.pairs, (), folder, store, notes, Nobody())
            steps = session.prepare(2)
            session.run(Inline([PLUGIN], store))
            frame = write_leaderboard(folder)
        finally:
            folder.close()
        rows = frame[(frame["group"] == "all") & (frame["facet"] == "")].set_index("enhancer")
        return SimpleNamespace(plan=plan, steps=steps, frame=frame, value=rows["value"].to_dict(), notes=notes)

    return run


def part(text, kind="enhancer"):
    return Resolver(load_registry([PLUGIN]), "quick").part(kind, text)


def make_pairs(enhancer, dataset):
    return make_plan(load_registry([PLUGIN]), Request((enhancer,), ("grey",), dataset=dataset)).pairs


# the plan ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "label"),
    [
        ("plus[amount=0.10]", "plus"),
        ("both[of=[plus,plus[amount=0.20]]]", "both[of=[plus,plus[amount=0.2]]]"),
        ("both[of=[both[of=[plus]],original]]", "both[of=[both[of=[plus]],original]]"),
        ("rounds[rounds=2]", "rounds[rounds=2]"),
        ("rounds[trained_on=greys[n=4]]", "rounds"),
        ("rounds[rounds=2,earlier=none]", "rounds[rounds=2,earlier=none]"),
    ],
)
def test_a_label_is_the_fewest_fields_and_gives_the_part_again(typed, label):
    assert part(typed).label == label
    assert part(label).identity == part(typed).identity


def test_an_earlier_round_is_a_part_of_the_later_one_and_the_same_as_by_itself():
    later = part("rounds[rounds=3,shown=0.5]")
    assert later.parts["earlier"].identity == part("rounds[rounds=2]").identity
    assert [p.config.rounds for p in later.all_enhancers()] == [3, 2, 1]


def test_parts_that_name_each_other_without_end_are_told_in_a_sentence():
    with pytest.raises(ConfigurationError, match="name each other without end: … snake -> snake"):
        part("snake")


def test_what_a_part_lacks_is_said_by_the_plan(go):
    plan = go("cutter[of=plus],cutter[of=masked]").plan
    reasons = {p.enhancer.label: p.reason for p in plan.pairs}
    assert reasons["cutter[of=plus]"] == "enhancer 'cutter[of=plus]' is made of 'plus', which has no lung_mask"
    assert reasons["cutter[of=masked]"] == ""


def test_a_wrong_name_in_a_part_is_named_with_the_nearest():
    with pytest.raises(UsageError, match="unknown enhancer 'pluss': did you mean 'plus'"):
        part("both[of=[plus,pluss]]")


def test_a_path_enters_no_label_and_what_lies_there_counts(tmp_path):
    one, two = tmp_path / "one", tmp_path / "two"
    for folder in (one, two):
        folder.mkdir()
        (folder / "file").write_text("the same")
    first, second = part(f"filed[root={one}]"), part(f"filed[root={two}]")
    assert first.label == second.label
    assert first.label.startswith("filed[root=@")
    assert str(tmp_path) not in first.label
    assert first.identity == second.identity
    (two / "file").write_text("another")
    assert part(f"filed[root={two}]").identity != first.identity


def test_set_does_not_reach_into_parts():
    resolver = Resolver(load_registry([PLUGIN]), "quick", {"enhancer": {"amount": "0.3"}})
    assert resolver.part("enhancer", "plus").label == "plus[amount=0.3]"
    assert resolver.part("enhancer", "both[of=[plus]]").label == "both[of=[plus]]"


@pytest.mark.parametrize("enhancer", ["rounds", "rounds[rounds=2]", "both[of=[plus,rounds]]", "pair"])
def test_an_enhancer_is_not_scored_on_patients_that_it_learnt_from_unless_told(go, enhancer):
    # The same people in other splits: "train-p0" is one that it learnt from.
    refused = [p.reason for p in make_pairs(enhancer, "greys[shuffled=true]") if p.reason]
    assert len(refused) == 1
    assert "--allow-leakage" in refused[0]
    assert "learnt from" in refused[0]
    assert not [p.reason for p in make_pairs(enhancer, "greys") if p.reason]
    frame = go(enhancer, dataset="greys[shuffled=true]", leakage=True).frame
    rows = frame[(frame["enhancer"] == enhancer)]
    assert (rows["status"] == "ok").all()
    assert rows["given"].str.contains("learnt from").all()


def test_where_a_plugin_has_no_fingerprint_to_give_what_lies_there_counts(tmp_path):
    digests = []
    for text in ("one", "two"):
        (tmp_path / "file.bin").write_text(text)
        digests.append(part(f"shy[root={tmp_path}]").local_digest())
        assert part(f"shy[root={tmp_path}]").label == f"shy[root=@{digests[-1][:8]}]"
        assert digests[-1] == part(f"filed[root={tmp_path}]").local_digest()
    assert digests[0] != digests[1]
    assert "None" not in digests


def test_a_made_data_set_brings_its_learners_patients(go):
    # "through" shows the cases as "rounds" does, which learnt from other people than those that are scored.
    assert not [p.reason for p in make_pairs("original", "through") if p.reason]
    turned = [p.reason for p in make_pairs("original", "through[of=greys[shuffled=true]]")]
    assert all("learnt from" in reason for reason in turned)


# the scores ----------------------------------------------------------------------------------------------------


def test_a_composition_is_what_its_parts_come_to(go):
    value = go("plus,both[of=[original,plus[amount=0.4]]],chain[of=[plus,plus]]").value
    base = value["original"]
    assert value["both[of=[original,plus[amount=0.4]]]"] == pytest.approx(base + 0.2, abs=1e-6)
    assert value["chain[of=[plus,plus]]"] == pytest.approx(base + 0.2, abs=1e-6)


def test_a_later_round_learns_from_what_the_earlier_one_shows(go):
    first = go("rounds[rounds=2]")
    # Greys of 0.05 to 0.2 have the mean 0.125; shown once it is 0.25, and so on.
    assert first.value["rounds[rounds=2]"] == pytest.approx(first.value["original"] + 0.125 + 0.25, abs=1e-6)
    assert [s.kind for s in first.steps].count("fit") == 2
    again = go("rounds,rounds[rounds=2,shown=0.5]")
    assert "fit" not in {s.kind for s in again.steps}


def test_a_learner_with_two_sources_is_told_which_and_one_without_any_gets_none(go):
    value = go("pair,self-taught").value
    assert value["pair"] == pytest.approx(value["original"] + 0.02 + 0.006, abs=1e-6)
    assert value["self-taught"] == pytest.approx(value["original"] + 0.5, abs=1e-6)


def test_twins_are_scored_together_count_once_and_draw_alike(go):
    run = go("plus,dither", "gap")
    rows = run.frame.set_index("enhancer")
    assert set(rows["n_cases"]) == {4}
    # Whatever is drawn is drawn alike for both, so that the gap stays what it was.
    assert {round(v, 6) for v in run.value.values()} == {0.25}


def test_views_are_rendered_at_the_poses_that_the_task_asks_for(go):
    run = go("turner,plus", "turned")
    facets = run.frame[run.frame["enhancer"] == "turner"].set_index("facet")["value"].to_dict()
    assert facets == pytest.approx({"": 0.05 / 3, "0": 0.0, "1": 0.01, "4": 0.04}, abs=1e-6)
    assert run.value["original"] == 0.0
    (reason,) = {p.reason for p in run.plan.pairs if p.enhancer.label == "plus"}
    assert reason == "enhancer 'plus' renders no views"


def test_a_data_set_may_be_made_by_a_part_that_learns(go):
    run = go("original", dataset="through")
    assert next(s.kind for s in run.steps if s.kind in ("fit", "make")) == "fit"
    assert run.value["original"] == pytest.approx(0.125 + 0.125, abs=1e-6)


def test_a_task_whose_poses_nobody_can_tell_apart_does_not_apply(monkeypatch):
    registry = load_registry([PLUGIN])
    factory = load_factory(registry.entry("task", "turned"))

    def keys(poses):
        monkeypatch.setattr(factory, "views", staticmethod(lambda config: poses))
        return {p.enhancer.name: p for p in make_plan(registry, Request(("turner",), ("turned",))).pairs}["turner"]

    one, other = (keys((torch.tensor([0.1234561 + more]),)).views_key for more in (0.0, 1e-7))
    assert one != other
    reason = keys((object(),)).reason
    assert reason.startswith("task 'turned': a pose holds a value of the type builtins.object")
