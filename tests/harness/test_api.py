"""The same from Python: run, read_leaderboard and enhance, with real worker processes."""

import subprocess
import sys
import textwrap

import numpy as np
import pytest
import torch

import radbench
from radbench import api
from radbench.contracts import InvalidOutputError, SchemaError, UsageError
from radbench.engine.plan.pairs import make_plan
from radbench.engine.plan.request import Request
from radbench.engine.run.reporting import Silent
from radbench.registry.registry import load_registry


@pytest.fixture(scope="module")
def finished(tmp_path_factory, toy_plugin):
    """One run of everything that behaves, seen by a listener, by three workers."""
    folder = tmp_path_factory.mktemp("api")
    listener = folder / "listener_that_raises.py"
    listener.write_text(
        "from radbench import hookimpl\n"
        "@hookimpl\n"
        "def radbench_pair_started(pair):\n"
        "    raise ValueError('I do not listen')\n"
        "@hookimpl\n"
        "def radbench_pair_finished(rows):\n"
        "    raise SystemExit('nor do I')\n"
    )
    files = [str(toy_plugin), str(listener)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RADBENCH_CACHE", str(folder / "cache"))
        registry = load_registry(files)
        request = Request(
            ("toy-noisy,toy-learner",), ("toy-mean,toy-auroc,toy-lung",), "toy", plugin_files=tuple(files)
        )
        sys.modules["toy_plugin"].HEARD.clear()
        notes = []
        reporter = type("Notes", (Silent,), {"note": lambda self, text: notes.append(text)})()
        done = api.run_plan(registry, make_plan(registry, request), api.Options("cpu", 3, out=folder / "run"), reporter)
    return done, list(sys.modules["toy_plugin"].HEARD), notes


def test_a_run_scores_every_pair(finished):
    done, _, _ = finished
    assert {str(s) for s in done.outcome.statuses.values()} == {"ok"}
    rows = done.frame[(done.frame["group"] == "all") & (done.frame["status"] == "ok")]
    assert len(rows) == 6
    assert rows["value"].notna().all()


def test_a_pair_that_does_not_apply_keeps_a_row_with_its_reason(finished):
    done, _, _ = finished
    rows = done.frame[done.frame["task"] == "toy-lung"]
    assert set(rows["status"]) == {"not-applicable"}
    assert set(rows["error"]) == {"data set 'toy' has no lung_mask"}


def test_a_run_records_what_it_took(finished):
    done, _, _ = finished
    rows = done.frame[(done.frame["status"] == "ok") & (done.frame["group"] == "all")].set_index("enhancer")
    assert (rows["enhance_ms_per_case"] > 0).all()
    assert (rows["peak_memory_mb"] > 10).all()
    assert (rows.loc["toy-learner", "parameters"] == 2).all()
    assert (rows.loc["toy-learner", "fit_seconds"] > 0).all()
    assert rows.loc["original", "fit_seconds"].isna().all()


def test_the_file_reads_back_as_the_frame_that_was_returned(finished):
    done, _, _ = finished
    for path in (done.folder.root, done.folder.leaderboard, str(done.folder.root)):
        read = radbench.read_leaderboard(path)
        assert read.astype(str).equals(done.frame.reset_index(drop=True).astype(str))


def test_listeners_hear_of_each_pair_once_when_it_starts_and_once_when_it_ends(finished):
    done, heard, _ = finished
    for event in ("started", "finished"):
        assert sorted(name for what, name, _ in heard if what == event) == sorted(done.outcome.statuses)
    order = {}
    for what, name, _ in heard:
        order.setdefault(name, []).append(what)
    assert set(map(tuple, order.values())) == {("started", "finished")}


def test_listeners_get_the_rows_of_the_pair_that_ended(finished):
    _, heard, _ = finished
    for what, name, rows in heard:
        if what == "finished":
            assert rows
            assert all(f"{r['task']}--{r['dataset']}--{r['enhancer']}" == name.partition("--seed")[0] for r in rows)


def test_a_listener_that_raises_is_one_note_and_the_others_still_hear(finished):
    _, heard, notes = finished
    assert heard
    about = [n for n in notes if "listener_that_raises" in n]
    assert len(about) == 2  # one for each of its two hooks, however many pairs
    assert "ValueError: I do not listen" in about[0]
    assert "SystemExit: nor do I" in about[1]


def test_one_worker_gives_the_same_bits_as_three(finished, tmp_path, toy_plugin):
    done, _, _ = finished
    alone = radbench.run(
        ["toy-learner", "toy-noisy"], "toy-auroc,toy-mean", "toy", plugins=[toy_plugin], device="cpu", jobs=1
    )
    columns = ["task", "enhancer", "group", "value", "ci_low", "ci_high", "p_value", "rank"]
    three = done.frame[done.frame["status"] == "ok"]
    assert alone[columns].reset_index(drop=True).equals(three[columns].reset_index(drop=True))


def test_a_script_without_a_main_guard_may_run(tmp_path, toy_plugin):
    script = tmp_path / "study.py"
    script.write_text(
        textwrap.dedent(f"""
        import numpy, radbench
        fields = {{"enhancer": {{"amount": 0.25}}, "dataset": {{"cases": 2}}}}
        frame = radbench.run("toy-brighten", "toy-mean", overrides=fields, seeds=numpy.int64(3),
                             plugins=[{str(toy_plugin)!r}], device="cpu", jobs=1, out="out")
        rows = frame[frame["group"] == "all"].set_index("enhancer")["value"]
        print(rows["toy-brighten[amount=0.25]"] - rows["original"], set(frame["n_seeds"]))
        """)
    )
    done = subprocess.run([sys.executable, script], cwd=tmp_path, capture_output=True, text=True, check=True)
    difference, seeds = done.stdout.split(" ", 1)
    assert float(difference) == pytest.approx(0.25, abs=1e-6)
    assert seeds.strip() == "{0}"  # nothing in it depends on the seed
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"enhancers": "toy-brihten"}, "did you mean 'toy-brighten'"),
        ({"enhancers": []}, "name at least one enhancer"),
        ({"enhancers": [3]}, "enhancers must be given by name"),
        ({"tasks": "toy-mean[scale=x]"}, "field 'scale'"),
        ({"dataset": "nowhere"}, "unknown dataset 'nowhere'"),
        ({"profile": "slow"}, "profile 'slow' must be quick or paper"),
        ({"seeds": []}, "seeds must be"),
        ({"seeds": 0.5}, "seeds must be"),
        ({"seeds": "0"}, "seeds must be"),
        ({"limit": -1}, "limit must be"),
        ({"overrides": {"enhancer": {"amount": [1]}}}, "field 'amount'"),
        ({"overrides": {"enhancers": {"amount": 1}}}, "the owner must be enhancer, task or dataset"),
        ({"plugins": ["nowhere.py"]}, "plugin file '.*nowhere.py' does not exist"),
        ({"device": "tpu"}, "device 'tpu' must be auto, cpu, cuda or cuda:N"),
        ({"device": "cuda:99"}, "device 'cuda:99'"),
        ({"device": None}, "device must be"),
        ({"jobs": -1}, "jobs must be"),
        ({"jobs": 1.5}, "jobs must be"),
        ({"timeout": 0}, "timeout must be"),
        ({"timeout": float("nan")}, "timeout must be"),
        ({"memory_mb": -5}, "memory_mb must be"),
    ],
)
def test_a_wrong_argument_is_refused_before_anything_runs(toy_plugin, tmp_path, change, words):
    wanted = {"enhancers": "toy-brighten", "tasks": "toy-mean", "plugins": [toy_plugin], "out": tmp_path / "out"}
    with pytest.raises(UsageError, match=words):
        radbench.run(**wanted | change)
    assert not (tmp_path / "out").exists()


def test_reading_what_is_no_leaderboard_says_so(tmp_path):
    with pytest.raises(UsageError, match="there is no leaderboard"):
        radbench.read_leaderboard(tmp_path)
    (tmp_path / "leaderboard.csv").write_text("a,b\n1,2\n")
    with pytest.raises(SchemaError, match="no radbench leaderboard"):
        radbench.read_leaderboard(tmp_path)


# enhance ---------------------------------------------------------------------------------------------------


def images(n=3):
    return torch.rand(n, 1, 8, 8, generator=torch.Generator().manual_seed(1)) * 0.5


def test_enhance_applies_one_enhancer(toy_plugin):
    result = radbench.enhance("toy-brighten[amount=0.2]", images(), plugins=[toy_plugin])
    assert torch.equal(result.image, images() + 0.2)
    assert result.layers == {}


def test_enhance_takes_numpy_arrays_and_gives_layers(toy_plugin):
    result = radbench.enhance("toy-layered", images().numpy(), plugins=[toy_plugin])
    assert torch.equal(result.layers["denoised"], images() * 0.5)


def test_enhance_leaves_its_input_as_it_was(toy_plugin):
    given = images()
    result = radbench.enhance("toy-mutates", given, plugins=[toy_plugin])
    assert torch.equal(given, images())
    assert torch.equal(result.image, images() * 0.5)


def test_enhance_gives_an_image_the_same_bits_alone_and_in_a_batch(toy_plugin):
    cases = [radbench.CaseInfo(name, "p") for name in "abc"]
    together = radbench.enhance("toy-noisy", images(), cases=cases, plugins=[toy_plugin]).image
    alone = radbench.enhance("toy-noisy", images()[2:], cases=cases[2:], plugins=[toy_plugin]).image
    assert torch.equal(together[2:], alone)


def test_enhance_uses_the_weights_that_a_run_trained(finished, toy_plugin, monkeypatch):
    done, _, _ = finished
    monkeypatch.setenv("RADBENCH_CACHE", str(done.folder.root.parent / "cache"))
    monkeypatch.setattr(api, "run_trainings", lambda *_: pytest.fail("trained again"))
    result = radbench.enhance("toy-learner", images(), plugins=[toy_plugin])
    added = result.image - images()
    assert float(added.std()) < 1e-6
    assert 0.17 < float(added.mean()) < 0.18  # the mean of the training cases is 0.175


def test_enhance_uses_the_weights_of_the_precision_that_is_asked_for(tmp_path, toy_plugin, monkeypatch):
    monkeypatch.setenv("RADBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("RADBENCH_RUNS", str(tmp_path / "runs"))
    files = [toy_plugin]
    radbench.train("toy-learner", precision="mixed", device="cpu", plugins=files, out=tmp_path / "run")

    def trained():
        return len(list((tmp_path / "cache" / "weights").iterdir()))

    assert trained() == 1
    for precision, count in (("mixed", 1), ("float32", 2)):
        radbench.enhance("toy-learner", torch.rand(1, 1, 4, 4), precision=precision, plugins=files)
        assert trained() == count


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (torch.zeros(1, 8, 8), r"float32 \[B,1,H,W\], got torch.float32 \[1, 8, 8\]"),
        (torch.zeros(1, 3, 8, 8), r"float32 \[B,1,H,W\]"),
        (np.zeros((1, 1, 8, 8)), "got torch.float64"),
        (torch.zeros(0, 1, 8, 8), r"float32 \[B,1,H,W\]"),
        (torch.full((1, 1, 8, 8), 2.0), r"lie in \[0,1\]"),
        (torch.full((1, 1, 8, 8), float("nan")), "finite"),
    ],
)
def test_enhance_refuses_images_outside_the_contract(toy_plugin, given, words):
    with pytest.raises(UsageError, match=words):
        radbench.enhance("toy-brighten", given, plugins=[toy_plugin])


def test_enhance_refuses_a_device_and_cases_that_are_not_there(toy_plugin):
    with pytest.raises(UsageError, match="3 images but 1 cases"):
        radbench.enhance("toy-brighten", images(), cases=[radbench.CaseInfo("a", "p")], plugins=[toy_plugin])
    with pytest.raises(UsageError, match="device 'tpu'"):
        radbench.enhance("toy-brighten", images(), device="tpu", plugins=[toy_plugin])


def test_enhance_lets_a_broken_enhancer_be_known(toy_plugin):
    with pytest.raises(InvalidOutputError, match="enhancer 'toy-nan': image has 64 NaN"):
        radbench.enhance("toy-nan", images(), plugins=[toy_plugin])
    with pytest.raises(ValueError, match="I never work"):
        radbench.enhance("toy-raises", images(), plugins=[toy_plugin])


def test_what_is_public_is_there_and_nothing_else():
    assert all(getattr(radbench, name) is not None for name in radbench.__all__)
    assert set(radbench.__all__) <= set(dir(radbench))
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = radbench.nonsense


def test_all_leaves_out_what_cannot_be_imported_and_says_so(tmp_path):
    plugin = tmp_path / "half_broken.py"
    plugin.write_text(
        "from radbench import EnhancerSpec, hookimpl\n\n\n"
        "@hookimpl\ndef radbench_enhancers():\n"
        "    return [EnhancerSpec(name='needs-more', factory='half_broken:missing', summary='gone')]\n"
    )
    registry = load_registry([plugin])
    plan = make_plan(registry, Request(enhancers=("all",), tasks=("image-quality",), plugin_files=(str(plugin),)))
    assert "needs-more" not in {p.enhancer.label for p in plan.pairs}
    assert any("left out of 'all'" in w and "needs-more" in w for w in registry.warnings)
