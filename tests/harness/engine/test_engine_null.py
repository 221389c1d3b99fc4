"""--null: beside every enhancer its control, with its configuration, weights and folder; none of a control."""

from pathlib import Path

import pytest

import radbench
import radbench.leaderboard.exports
from radbench.engine.plan.pairs import make_plan
from radbench.engine.plan.request import Request
from radbench.engine.plan.resolver import Resolver, rebuilt
from radbench.registry.registry import load_registry

PLUGIN = Path(__file__).with_name("part_plugin.py")


def plan(enhancers, task="grey", **more):
    more.setdefault("null", True)
    request = Request((enhancers,), (task,), plugin_files=(str(PLUGIN),), **more)
    return make_plan(load_registry([PLUGIN]), request)


def labels(enhancers, **more):
    return [p.enhancer.label for p in plan(enhancers, **more).pairs]


def test_a_control_stands_behind_each_enhancer_but_the_original_and_controls():
    assert labels("original,plus,null[of=plus],both[of=[plus]]") == [
        "original",
        "plus",
        "null[of=plus]",
        "both[of=[plus]]",
        "null[of=both[of=[plus]]]",
    ]
    assert labels("original") == ["original"]
    assert labels("plus", null=False) == ["original", "plus"]


def test_what_was_typed_and_what_was_added_are_one_part():
    typed = Resolver(load_registry([PLUGIN]), "quick").part("enhancer", "null[of=plus]")
    added = next(p.enhancer for p in plan("plus").pairs if p.enhancer.name == "null")
    assert (typed.label, typed.identity) == (added.label, added.identity)


def test_a_value_that_was_set_for_all_enhancers_is_the_controls_too():
    controls = [p.enhancer for p in plan("plus", overrides={"enhancer": {"amount": "0.3"}}).pairs if p.enhancer.parts]
    (control,) = (one for one in controls if one.name == "null")
    assert control.label == "null[of=plus[amount=0.3]]"
    assert control.parts["of"].config.amount == 0.3


def test_a_folder_of_this_machine_is_the_controls_too_and_stays_out_of_its_label(tmp_path):
    (tmp_path / "file").write_text("what counts")
    first, control = [p.enhancer for p in plan(f"filed[root={tmp_path}]").pairs if p.enhancer.name != "original"]
    assert control.label == f"null[of={first.label}]"
    assert str(tmp_path) not in control.label
    assert control.parts["of"].identity == first.identity


def test_a_worker_builds_the_control_that_was_planned():
    control = next(p.enhancer for p in plan("plus[amount=0.2]").pairs if p.enhancer.name == "null")
    again = rebuilt(load_registry([PLUGIN]), control.asked)
    assert (again.identity, again.parts["of"].config.amount) == (control.identity, 0.2)


def test_the_control_of_what_learns_shares_its_training_and_its_seeds():
    found = plan("rounds", seeds=(0, 1))
    by_label = {(p.enhancer.label, p.seed): p for p in found.pairs}
    for seed in (0, 1):
        own, control = by_label["rounds", seed], by_label["null[of=rounds]", seed]
        assert [t.key for t in own.trainings] == [t.key for t in control.trainings] != []
    assert len(found.trainings) == 2


def test_a_control_has_no_layer_to_offer_and_says_so():
    reasons = {
        p.enhancer.label: p.reason for p in make_plan(load_registry(), _layered()).pairs if p.enhancer.name == "null"
    }
    assert reasons == {"null[of=lung-unet]": "enhancer 'null[of=lung-unet]' offers no lung_field_mask"}


def _layered():
    data = "phantom-cxr[patients=10,grid=[32,32,32],size=64]"
    return Request(("lung-unet",), ("lung-segmentation",), data, null=True)


def test_the_control_of_a_tone_curve_scores_as_the_curve(tmp_path, monkeypatch):
    monkeypatch.setenv("RADBENCH_CACHE", str(tmp_path / "cache"))
    frame = radbench.run("plus,dither", "grey", plugins=[PLUGIN], null=True, debug=True, out=tmp_path / "run")
    value = frame[frame["group"] == "all"].set_index("enhancer")["value"]
    assert set(value.index) == {"original", "plus", "null[of=plus]", "dither", "null[of=dither]"}
    assert value["null[of=plus]"] == pytest.approx(value["plus"], abs=1e-6)
    assert value["plus"] != pytest.approx(value["original"], abs=1e-3)
    table = radbench.leaderboard.exports.render(frame)
    assert "null[of=X] is X's control" in table
    assert "is X's control" not in radbench.leaderboard.exports.render(frame[~frame["enhancer"].str.startswith("null")])
