"""Keys: they change exactly with what can change a result."""

import itertools
import sys

import pytest

from radbench.contracts import UsageError
from radbench.engine.plan.keys import entry_key, forget
from radbench.engine.plan.learning import training_of
from radbench.engine.plan.pairs import make_plan, plan_enhancer
from radbench.engine.plan.request import Request
from radbench.engine.plan.resolver import Resolver, SourceChangedError, rebuilt
from radbench.registry.registry import load_registry

COUNT = itertools.count()

SHARPEN = """
from radbench import EnhancerSpec, hookimpl

@hookimpl
def radbench_enhancers():
    return [EnhancerSpec(name="sharpen", factory="{module}:sharpen", summary="")]

def sharpen(images, amount: float = 1.0):
    return images
"""


@pytest.fixture
def sharpen(tmp_path):
    path = tmp_path / f"sharpen_plugin_{next(COUNT)}.py"
    path.write_text(SHARPEN.replace("{module}", path.stem))
    yield path
    del sys.modules[path.stem]


def pairs(files, enhancers="toy-brighten,toy-learner", tasks="toy-mean,toy-auroc", **more):
    plan = make_plan(load_registry(files), Request((enhancers,), (tasks,), plugin_files=tuple(map(str, files)), **more))
    return {(p.enhancer.name, p.task.name): p for p in plan.pairs}


def keys(found):
    return {k: (p.enhance_key, p.score_key, [entry_key(e) for e in p.entries]) for k, p in found.items()}


def changed(before, after):
    """Return what became different: enhancements, scores or cases of which pairs."""
    return {(k, what) for k in before for what, a, b in zip("esc", before[k], after[k], strict=True) if a != b}


def test_the_same_request_gives_the_same_keys(toy_plugin):
    assert keys(pairs([toy_plugin])) == keys(pairs([toy_plugin]))


def test_order_changes_no_key(toy_plugin):
    other = pairs([toy_plugin], "toy-learner,original,toy-brighten", "toy-auroc,toy-mean")
    assert keys(other) == keys(pairs([toy_plugin]))


def test_company_changes_no_key(toy_plugin):
    alone = keys(pairs([toy_plugin], "toy-brighten", "toy-mean"))
    assert alone.items() <= keys(pairs([toy_plugin])).items()


def test_an_enhancer_field_changes_that_enhancer_alone(toy_plugin):
    before = keys(pairs([toy_plugin]))
    after = keys(pairs([toy_plugin], "toy-brighten[amount=0.2],toy-learner"))
    assert {pair[0] for pair, _ in changed(before, after)} == {"toy-brighten"}


def test_writing_a_default_out_changes_no_key(toy_plugin):
    after = keys(pairs([toy_plugin], "toy-brighten[amount=0.1],toy-learner"))
    assert after == keys(pairs([toy_plugin]))


@pytest.mark.parametrize("text", ["0.2", "0.20", "2e-1"])
def test_a_label_and_an_identity_follow_from_the_values_alone(toy_plugin, text):
    by_override = pairs([toy_plugin], "toy-brighten", overrides={"enhancer": {"amount": text}})
    in_variant = pairs([toy_plugin], "toy-brighten[amount=0.2]")
    assert keys(by_override) == keys(in_variant)
    for found in (by_override, in_variant):
        assert found["toy-brighten", "toy-mean"].enhancer.label == "toy-brighten[amount=0.2]"


def test_a_variant_that_is_the_default_is_the_plain_name_and_planned_once(toy_plugin):
    registry = load_registry([toy_plugin])
    plan = make_plan(registry, Request(("toy-brighten,toy-brighten[amount=0.1]",), ("toy-mean",)))
    assert [p.enhancer.label for p in plan.pairs] == ["original", "toy-brighten"]


def test_a_task_field_changes_the_scores_of_that_task_alone(toy_plugin):
    before, after = keys(pairs([toy_plugin])), keys(pairs([toy_plugin], tasks="toy-mean[scale=2],toy-auroc"))
    assert changed(before, after) == {((e, "toy-mean"), "s") for e in ("original", "toy-brighten", "toy-learner")}


def test_the_seed_changes_what_learns_or_draws_and_nothing_else(toy_plugin):
    enhancers = "toy-brighten,toy-noisy,toy-learner"
    before, after = (keys(pairs([toy_plugin], enhancers, seeds=(s,))) for s in (0, 1))
    assert {pair[0] for pair, _ in changed(before, after)} == {"toy-noisy", "toy-learner"}


def test_precision_changes_what_learns_and_nothing_else(toy_plugin):
    before, after = (keys(pairs([toy_plugin], precision=p)) for p in ("float32", "mixed"))
    assert {pair[0] for pair, _ in changed(before, after)} == {"toy-learner"}


def test_what_neither_learns_nor_draws_is_one_pair_under_all_seeds(toy_plugin):
    request = Request(("toy-brighten,toy-noisy",), ("toy-mean",), seeds=(0, 1))
    plan = make_plan(load_registry([toy_plugin]), request)
    assert [(p.enhancer.label, p.seed) for p in plan.pairs] == [
        ("original", None),
        ("toy-brighten", None),
        ("toy-noisy", 0),
        ("toy-noisy", 1),
    ]


def test_the_data_change_the_cases_and_what_learns_from_them(toy_plugin):
    before, after = (keys(pairs([toy_plugin], dataset=d, leakage=True)) for d in ("toy", "toy[size=9]"))
    enhancements = {pair[0] for pair, what in changed(before, after) if what == "e"}
    assert {what for _, what in changed(before, after)} >= {"c"}
    assert enhancements == set()  # the learner is trained on its own `toy`, which stayed as it was
    after = keys(pairs([toy_plugin], "toy-brighten,toy-learner[trained_on=toy[size=9]]", leakage=True))
    assert {pair[0] for pair, _ in changed(before, after)} == {"toy-learner"}


def test_a_limit_changes_no_key(toy_plugin):
    before, after = pairs([toy_plugin]), pairs([toy_plugin], limit=3)
    assert all(
        (after[k].enhance_key, after[k].score_key) == (before[k].enhance_key, before[k].score_key) for k in before
    )
    assert all(after[k].entries == before[k].entries[:3] for k in before)


def test_editing_an_enhancer_s_source_changes_its_keys_in_the_same_session(toy_plugin, sharpen):
    files = [toy_plugin, sharpen]
    before = keys(pairs(files, "toy-brighten,sharpen"))
    sharpen.write_text(sharpen.read_text().replace("return images", "return images * 0.5"))
    after = keys(pairs(files, "toy-brighten,sharpen"))
    assert {pair[0] for pair, _ in changed(before, after)} == {"sharpen"}


def test_editing_what_loads_the_cases_changes_every_enhancement_and_training(toy_plugin, tmp_path):
    copy = tmp_path / f"toy_copy_{next(COUNT)}.py"
    copy.write_text(toy_plugin.read_text().replace("toy_plugin", copy.stem))
    before = pairs([copy])
    copy.write_text(copy.read_text().replace("(i + 1) / 20", "(i + 1) / 30"))
    after = pairs([copy])
    assert all(before[k].enhance_key != after[k].enhance_key for k in before)  # `original` among them
    assert before["original", "toy-mean"].enhancer.identity == after["original", "toy-mean"].enhancer.identity
    del sys.modules[copy.stem]


def test_a_comment_changes_no_key(toy_plugin, sharpen):
    files = [toy_plugin, sharpen]
    before = keys(pairs(files, "sharpen"))
    sharpen.write_text("# sharper\n" + sharpen.read_text().replace("return images", "return  images  # as it is"))
    assert keys(pairs(files, "sharpen")) == before


def test_a_source_edited_between_plan_and_work_is_not_run_under_the_plan_s_keys(toy_plugin, sharpen):
    files = [toy_plugin, sharpen]
    asked = pairs(files, "sharpen")["sharpen", "toy-mean"].enhancer.asked
    sharpen.write_text(sharpen.read_text().replace("1.0", "2.0"))
    forget()  # as in a worker that starts now
    with pytest.raises(SourceChangedError, match="source of enhancer 'sharpen' was changed during the run"):
        rebuilt(load_registry(files), asked)


def test_the_baseline_is_always_there_and_first(toy_plugin):
    plan = make_plan(load_registry([toy_plugin]), Request(("toy-noisy",), ("toy-mean",)))
    assert [p.enhancer.label for p in plan.pairs] == ["original", "toy-noisy"]


def test_a_pair_that_does_not_apply_is_listed_with_its_reason(toy_plugin):
    found = pairs([toy_plugin], "toy-brighten", "toy-mean,toy-lung", dataset="toy")
    assert found["original", "toy-lung"].reason == "data set 'toy' has no lung_mask"
    assert found["original", "toy-mean"].reason == ""


def test_a_data_set_named_twice_is_paired_once(toy_plugin):
    plan = make_plan(load_registry([toy_plugin]), Request(("original",), ("toy-mean",), dataset="toy,toy"))
    assert len(plan.pairs) == 1


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        ({"enhancers": ("toy-brihten",)}, "unknown enhancer 'toy-brihten': did you mean 'toy-brighten'"),
        ({"enhancers": ("",)}, "name at least one enhancer"),
        ({"tasks": ("toy-meen",)}, "unknown task 'toy-meen': did you mean 'toy-mean'"),
        ({"dataset": "all"}, "unknown dataset 'all'"),
        ({"dataset": "toi"}, "unknown dataset 'toi': did you mean 'toy'"),
        ({"tasks": ("toy-lung",)}, "task 'toy-lung' has no data set of its own"),
        ({"overrides": {"enhencer": {"a": "1"}}}, "the owner must be enhancer, task or dataset"),
        ({"overrides": {"enhancer": {"amont": "1"}}}, "no enhancer of this run .* has a field 'amont': did you mean"),
        ({"overrides": {"dataset": {"sise": "1"}}}, "no dataset of this run .* has a field 'sise': did you mean"),
        ({"dataset": "toy[cases=many]"}, "dataset 'toy': field 'cases'"),
        ({"dataset": "toy[cases=0]"}, "data set 'toy.cases=0.' has no cases"),
    ],
)
def test_a_wrong_request_is_refused_before_anything_runs(toy_plugin, request_, words):
    asked = {"enhancers": ("toy-brighten",), "tasks": ("toy-mean",)} | request_
    with pytest.raises(UsageError, match=words):
        make_plan(load_registry([toy_plugin]), Request(**asked))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"seeds": ()}, "seeds must be one or several whole numbers"),
        ({"seeds": (0.5,)}, "seeds must be"),
        ({"limit": -1}, "limit must be a whole number from 0"),
        ({"limit": "3"}, "limit must be"),
        ({"precision": "double"}, "precision 'double' must be float32 or mixed"),
        ({"enhancers": (3,)}, "enhancers must be given by name"),
        ({"dataset": 3}, "data set must be given by name"),
    ],
)
def test_a_request_with_a_wrong_value_cannot_be_made(change, words):
    with pytest.raises(UsageError, match=words):
        Request(**{"enhancers": ("a",), "tasks": ("b",)} | change)


def test_one_enhancer_is_planned_by_itself_and_several_are_refused(toy_plugin):
    registry = load_registry([toy_plugin])
    assert training_of(plan_enhancer(registry, Request(("toy-learner",), ())), 0, "float32").key
    with pytest.raises(UsageError, match="name one enhancer, not 2"):
        plan_enhancer(registry, Request(("toy-learner,original",), ()))


SETS = """
from radbench import Config, EnhancerSpec, hookimpl, param

@hookimpl
def radbench_enhancers():
    return [EnhancerSpec(name="sets", factory="{module}:Sets", summary="")]

class Sets:
    class Config(Config):
        numbers: frozenset[int] = param(frozenset(), "", source="assumed")
        names: frozenset[str] = param(frozenset(), "", source="assumed")

    def __init__(self, config):
        pass

    def enhance(self, images):
        return images
"""


def test_a_set_is_the_same_whatever_the_order_of_its_values(sharpen):
    sharpen.write_text(SETS.replace("{module}", sharpen.stem))
    parts = [
        Resolver(load_registry([sharpen]), "quick").part("enhancer", f'sets[numbers={n},names=["d","b","c","a","e"]]')
        for n in ("[0,8]", "[8,0]")
    ]
    assert [p.plain() for p in parts] == [{"numbers": [0, 8], "names": ["a", "b", "c", "d", "e"]}] * 2
    assert parts[0].identity == parts[1].identity
    assert [p.asked.values for p in parts] == [p.plain() for p in parts]
