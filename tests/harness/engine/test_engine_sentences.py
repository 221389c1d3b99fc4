"""What a plugin's author is told of a first error: what was expected, what came, and the line of the own code."""

from pathlib import Path

import pytest

from radbench.contracts import PluginError
from radbench.contracts.errors import InvalidOutputError
from radbench.engine.plan.pairs import make_plan
from radbench.engine.plan.request import Request
from radbench.engine.work.failures import message_of
from radbench.registry.registry import load_registry
from radbench.registry.whereabouts import code_places, definition_of, where

from .session_runs import go_fixture  # noqa: F401

CLUMSY = Path(__file__).with_name("clumsy_plugin.py")


def line(mark):
    """Return the place in the plugin that a comment marks."""
    (number,) = [n for n, text in enumerate(CLUMSY.read_text().splitlines(), 1) if text.endswith(f"  # {mark}")]
    return f"(clumsy_plugin.py:{number})"


def messages(run, pair):
    return {r["message"] for r in run.rows[pair] if r["status"] != "ok"}


@pytest.mark.parametrize(
    ("enhancer", "words", "mark"),
    [
        ("raises", "ValueError: kernel must be odd", "raises"),
        ("deep", "to have 2 channels, but got 1 channels instead", "deep"),
        ("half-size", "must have the shape [1, 1, 8, 8], got [1, 1, 4, 8]", "half_size"),
        ("takes-nothing", "takes 0 positional arguments but 1 was given", "takes_nothing"),
        ("wrapped", "must be float32, got torch.float64", "wrapped"),
        ("mute", "must be a tensor, got NoneType", "mute"),
        ("calls-half-size", "enhancer 'clumsy-half-size': image must have the shape", "half_size"),
    ],
)
def test_an_enhancer_s_error_names_what_came_and_the_line_of_its_own_code(go, enhancer, words, mark):
    run = go(f"clumsy-{enhancer}", "toy-mean", plugins=[CLUMSY])
    (message,) = messages(run, f"clumsy-{enhancer} toy-mean")
    assert words in message
    assert message.endswith(line(mark))


@pytest.mark.parametrize(
    ("task", "words", "mark"),
    [
        ("strange", "task 'clumsy-strange' must observe ['bright'] of a case, got ['dark']", "Strange"),
        ("hasty", "score() takes 2 positional arguments but 3 were given", "Hasty"),
    ],
)
def test_a_task_s_error_names_the_line_of_its_own_code(go, task, words, mark):
    run = go("original", f"clumsy-{task}", plugins=[CLUMSY])
    (message,) = messages(run, f"original clumsy-{task}")
    assert words in message
    assert message.endswith(line(mark))


@pytest.mark.parametrize(
    ("dataset", "words", "mark"),
    [("flat", "gave Tensor, not a Case", "Flat"), ("lost", "KeyError: 'a'", "Lost")],
)
def test_a_data_set_s_error_names_the_line_of_its_own_code(go, dataset, words, mark):
    run = go("original", "toy-mean", dataset=f"clumsy-{dataset}", plugins=[CLUMSY])
    (message,) = messages(run, "original toy-mean")
    assert words in message
    assert message.endswith(line(mark))


def test_a_layer_that_is_offered_and_not_given_is_the_enhancer_s_fault_not_the_task_s(go):
    run = go("clumsy-layer", "clumsy-needs", plugins=[CLUMSY])
    (message,) = messages(run, "clumsy-layer clumsy-needs")
    assert run.statuses["clumsy-layer clumsy-needs"] == "invalid-output"
    assert "gave no layer 'lung_mask', which its spec offers: it gave base" in message
    assert message.endswith(line("keeps_back"))


def test_a_layer_that_nobody_looks_at_need_not_be_given(go):
    assert go("clumsy-layer", "toy-mean", plugins=[CLUMSY]).statuses["clumsy-layer toy-mean"] == "ok"


def planned(enhancer, task, dataset=""):
    registry = load_registry([CLUMSY.with_name("toy_plugin.py"), CLUMSY])
    plan = make_plan(registry, Request((enhancer,), (task,), dataset))
    return {p.enhancer.label: p.reason for p in plan.pairs}


def test_a_layer_that_nobody_knows_is_told_by_the_plan_with_the_nearest():
    reason = planned("clumsy-typo", "toy-mean")["clumsy-typo"]
    assert "is made of 'original', which has no lung_masks (unknown; did you mean 'lung_mask'" in reason


def test_lungs_by_another_definition_are_told_of():
    aerated, other = "lung-segmentation[truth=aerated]", "lung_mask: the lungs by another definition"
    (reason,) = planned("original", aerated, "phantom-ct").values()
    assert reason == f"data set 'phantom-ct' has no aerated_lung_mask, but {other}"
    (reason,) = planned("lung-unet[lung=projected]", aerated, "phantom-cxr").values()
    assert reason.endswith(f"offers no aerated_lung_mask, but {other}")
    (reason,) = planned("original", aerated, "phantom-cxr").values()
    assert reason == "enhancer 'original' offers no aerated_lung_mask"


def test_a_target_that_nobody_knows_is_told_by_the_plan_with_the_nearest():
    reason = planned("original", "grabcut", "clumsy-unheard")["original"]
    assert "it says that it has lesion_masks (unknown; did you mean 'lesion_mask'" in reason


@pytest.mark.parametrize(
    ("enhancer", "task", "words", "mark"),
    [
        ("clumsy-class", "toy-mean", r"offers no enhance\(self, images\): did you mean 'enhanced'\?", "Misnamed"),
        ("original", "clumsy-blind", r"task 'clumsy-blind' offers no score\(self, sample, context\)", "Blind"),
    ],
)
def test_a_class_without_its_method_is_refused_before_anything_runs(enhancer, task, words, mark):
    with pytest.raises(PluginError, match=words) as told:
        planned(enhancer, task, "toy")
    assert str(told.value).endswith(line(mark))


def test_tracebacks_are_written_for_a_person_each_once(go):
    run = go("clumsy-raises", "toy-mean", plugins=[CLUMSY])
    text = run.folder.tracebacks.read_text()
    assert len(messages(run, "clumsy-raises toy-mean")) == 1
    assert text.count("ValueError: kernel must be odd\n\n") == 1
    assert text.startswith("error, enhance of case 'test")
    assert f"line {line('raises').split(':')[1][:-1]}, in raises" in text
    assert run.folder.details == run.folder.tracebacks


def test_nothing_is_written_where_nothing_failed(go):
    run = go("original", "toy-mean")
    assert not run.folder.tracebacks.exists()
    assert run.folder.details == run.folder.journal


def test_an_unreadable_image_is_no_fault_of_the_code(tmp_path):
    from radbench.contracts.errors import ImageReadError

    assert message_of(ImageReadError("file 'a.png' is empty"), [str(CLUMSY)], line) == "file 'a.png' is empty"
    assert message_of(InvalidOutputError("wrong"), [str(CLUMSY)], line).startswith("wrong (test_engine_sentences.py:")


def test_what_a_plugin_s_own_line_raises_speaks_for_itself():
    program = "def refuse(e):\n    raise e('size 3, the case has 4')\n"
    own: dict = {}
    exec(compile(program, str(CLUMSY), "exec"), own)
    with pytest.raises(InvalidOutputError) as told:
        own["refuse"](InvalidOutputError)
    assert message_of(told.value, [str(CLUMSY)], line) == "size 3, the case has 4"


def test_a_plugin_in_a_package_is_told_from_the_libraries_that_it_calls(tmp_path, monkeypatch):
    package = tmp_path / "site-packages" / "sharp_package"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "filters.py").write_text("import json\n\n\ndef apply(images):\n    return json.loads('{')\n")
    monkeypatch.syspath_prepend(str(package.parent))
    import sharp_package.filters

    with pytest.raises(ValueError, match="Expecting") as raised:
        sharp_package.filters.apply(None)
    assert where(raised.value, code_places([], ["sharp_package.filters:apply"])) == "filters.py:5"
    assert definition_of(sharp_package.filters.apply) == "filters.py:4"
