"""Loggers: what each is told comes out of it again, read by the real libraries; none harms a run."""

import csv
import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

import radbench
from radbench.contracts import UnknownNameError, UsageError
from radbench.contracts.errors import ConfigurationError
from radbench.contracts.events import Curve, PairEnded, PairStarted, RunEnded, RunStarted, StepEnded, StepStarted

WORDS = {"enhancers": "original,clahe", "tasks": "grabcut", "limit": 14, "debug": True}


def needs(library, how):
    return pytest.mark.skipif(importlib.util.find_spec(library) is None, reason=f"{library} is not installed: {how}")


def table(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    """What the first run computes, the others find."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def own_cache(cache, own_folders, monkeypatch):
    monkeypatch.setenv("RADBENCH_CACHE", str(cache))


def value_of(frame, enhancer, metric="dice"):
    rows = frame[(frame["enhancer"] == enhancer) & (frame["metric"] == metric) & (frame["group"] == "all")]
    return rows.iloc[0]


def test_csv_has_steps_pairs_and_the_run_and_numbers_read_back_equal(tmp_path):
    frame = radbench.run(**WORDS, log="csv", out=tmp_path / "run")
    log = tmp_path / "run" / "log"
    assert [row["status"] for row in table(log / "runs.csv")] == ["started", "ok"]
    steps = table(log / "steps.csv")
    assert {(row["kind"], row["status"]) for row in steps} == {("enhance", "ok"), ("score", "ok")}
    assert sum(int(row["cases"]) for row in steps if row["kind"] == "score") == 28
    pairs = table(log / "pairs.csv")
    found = {r["column"]: float(r["value"]) for r in pairs if (r["enhancer"], r["metric"]) == ("clahe", "dice")}
    row = value_of(frame, "clahe")
    assert (found["value"], found["ci_low"]) == (row["value"], row["ci_low"])
    assert table(log / "curves.csv") == []


LEARNER = """
from radbench import Config, EnhancerSpec, hookimpl, param

@hookimpl
def radbench_enhancers():
    return [EnhancerSpec(name="bent", factory="curve_plugin:Bent", summary="leaves a curve", learns=True)]

HEARD = []

@hookimpl
def radbench_event(event):
    HEARD.append(event)

class Bent:
    class Config(Config):
        number: int = param(0, "tells trainings apart", source="assumed")

    def __init__(self, config):
        import torch
        self.weight = torch.ones(1)

    def fit(self, lessons, context):
        context.progress(1, 2, "half way")
        (context.beside / "bent.curve.csv").write_text("epoch,loss\\n1,0.5\\n2,0.25\\n")
        (context.beside / "odd.curve.csv").write_text("epoch,loss\\n1,much\\n")

    def enhance(self, images):
        return images

    def state_dict(self):
        return {"w": self.weight}

    def load_state_dict(self, state):
        self.weight = state["w"]
"""


@pytest.fixture
def bent(tmp_path):
    path = tmp_path / "curve_plugin.py"
    path.write_text(LEARNER)
    yield path
    sys.modules.pop("curve_plugin", None)


def test_curves_of_trainings_are_told_and_a_plugin_that_listens_hears_all_in_order(bent, tmp_path):
    radbench.run("bent[number=1]", "grabcut", limit=2, debug=True, plugins=[bent], log="csv", out=tmp_path / "run")
    curves = table(tmp_path / "run" / "log" / "curves.csv")
    assert [(r["name"], r["epoch"], r["column"], float(r["value"])) for r in curves] == [
        ("bent", "1", "loss", 0.5),
        ("bent", "2", "loss", 0.25),
    ]
    heard = sys.modules["curve_plugin"].HEARD
    assert (type(heard[0]), type(heard[-1])) == (RunStarted, RunEnded)
    assert len(heard[0].pairs) == 2
    ends = {e.step: place for place, e in enumerate(heard) if isinstance(e, StepEnded)}
    begins = {e.step: place for place, e in enumerate(heard) if isinstance(e, StepStarted)}
    assert ends.keys() == begins.keys()
    assert all(begins[step] < ends[step] for step in ends)
    (curve,) = [e for e in heard if isinstance(e, Curve)]
    assert curve.epochs == [{"epoch": 1.0, "loss": 0.5}, {"epoch": 2.0, "loss": 0.25}]
    started, ended = ({e.pair for e in heard if isinstance(e, kind)} for kind in (PairStarted, PairEnded))
    # The original was scored by an earlier run: nothing of it was handed to a worker.
    assert ended == set(heard[0].pairs)
    assert any("bent" in pair for pair in started)
    assert heard[-1].status == "ok"
    assert tmp_path / "run" / "leaderboard.csv" in heard[-1].files


@needs("tensorboard", "pip install tensorboard")
def test_a_tensorboard_event_file_has_scores_and_times(tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    frame = radbench.run(**WORDS, log="tensorboard", out=tmp_path / "run")
    found = EventAccumulator(str(tmp_path / "run" / "tensorboard")).Reload()
    row = value_of(frame, "clahe")
    (scalar,) = found.Scalars("grabcut/phantom-lesions/dice/clahe")
    assert scalar.value == pytest.approx(row["value"], rel=1e-6)  # float32 there
    assert found.Scalars("grabcut/phantom-lesions/dice/clahe/ci_low")[0].value == pytest.approx(row["ci_low"], rel=1e-6)


@needs("tensorboard", "pip install tensorboard")
def test_tensorboard_shows_curves_over_epochs(bent, tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    place = tmp_path / "elsewhere"
    logger = f"tensorboard[folder={place}]"
    radbench.run("bent[number=2]", "grabcut", limit=2, debug=True, plugins=[bent], log=logger, out=tmp_path / "run")
    found = EventAccumulator(str(place)).Reload()
    assert [(e.step, e.value) for e in found.Scalars("train/bent/loss")] == [(1, 0.5), (2, 0.25)]
    assert len(found.Scalars("seconds/fit")) == 1


@needs("mlflow", "pip install mlflow-skinny")
def test_mlflow_has_a_run_for_each_pair_below_one_for_the_whole(bent, tmp_path, monkeypatch):
    from mlflow import MlflowClient

    monkeypatch.delenv("MLFLOW_ALLOW_FILE_STORE", raising=False)
    store = f"file:{tmp_path / 'mlruns'}"
    logger = f"mlflow[uri={store},experiment=lesions,files=true]"
    frame = radbench.run(
        "original,clahe,bent", "grabcut", limit=14, debug=True, plugins=[bent], log=logger, out=tmp_path / "run"
    )
    client = MlflowClient(tracking_uri=store)
    runs = client.search_runs([client.get_experiment_by_name("lesions").experiment_id])
    (whole,) = [run for run in runs if "mlflow.parentRunId" not in run.data.tags]
    pairs = {run.data.params["enhancer"]: run for run in runs if run is not whole}
    assert {*pairs} == {"original", "clahe", "bent"}
    assert (whole.data.params["enhancers"], whole.data.params["tasks"]) == ("original,clahe,bent", "grabcut")
    assert {run.data.tags["mlflow.parentRunId"] for run in pairs.values()} == {whole.info.run_id}
    assert {run.info.status for run in runs} == {"FINISHED"}
    row = value_of(frame, "clahe")
    assert pairs["clahe"].data.metrics["dice"] == row["value"]
    assert pairs["clahe"].data.metrics["dice.delta"] == row["delta"]
    assert pairs["clahe"].data.params["enhancer_digest"] == row["enhancer_digest"]
    history = client.get_metric_history(whole.info.run_id, "train/bent/loss")
    assert [(one.step, one.value) for one in history] == [(1, 0.5), (2, 0.25)]
    assert "leaderboard.csv" in {file.path for file in client.list_artifacts(whole.info.run_id)}


@needs("mlflow", "pip install mlflow-skinny")
def test_a_store_that_cannot_be_used_stops_before_anything_runs(tmp_path):
    with pytest.raises(UsageError, match="logger 'mlflow' cannot use the store at"):
        radbench.run(**WORDS, log="mlflow[uri=gopher://nowhere]", out=tmp_path / "run")
    assert not (tmp_path / "run" / "cases").exists()


@needs("mlflow", "pip install mlflow-skinny")
def test_what_the_small_mlflow_lacks_for_a_store_is_said(tmp_path, monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "sqlalchemy" else find(name))
    with pytest.raises(UsageError, match=r"at 'gopher://nowhere'.*mlflow\[uri=file:mlruns\].*pip install mlflow$"):
        radbench.run(**WORDS, log="mlflow[uri=gopher://nowhere]", out=tmp_path / "run")


@pytest.mark.parametrize("library", ["tensorboard", "mlflow"])
def test_a_library_that_is_missing_is_named_before_anything_runs(tmp_path, monkeypatch, library):
    for name in [name for name in sys.modules if name.partition(".")[0] == library or "utils.tensorboard" in name]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(UsageError, match=f"needs the package {library}: pip install"):
        radbench.run(**WORDS, log=library, out=tmp_path / "run")
    assert not (tmp_path / "run" / "cases").exists()
    # It would count as the newest run.
    assert not (tmp_path / "run" / "leaderboard.csv").exists()


def test_a_logger_that_raises_is_one_warning_and_the_run_goes_on(tmp_path, capfd):
    path = tmp_path / "grumbling_plugin.py"
    path.write_text(
        "from radbench import hookimpl\n\n@hookimpl\ndef radbench_event(event):\n    raise RuntimeError('no ink')\n"
    )
    words = ["run", "-e", "original", "-t", "grabcut", "--limit", "2", "--debug", "--plugin", str(path)]
    program = f"import sys; sys.argv = ['bench', *{words!r}]; from radbench.cli import main; main()"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=dict(os.environ))
    assert done.returncode == 0, done.stderr
    said = "radbench_event of plugin 'grumbling_plugin' raised RuntimeError: no ink"
    assert (done.stdout + done.stderr).count(said) == 1


def test_what_is_no_logger_or_no_field_is_refused_before_anything_runs(tmp_path):
    with pytest.raises(UnknownNameError, match="unknown logger 'tensorbord': did you mean 'tensorboard'"):
        radbench.run(**WORDS, log="tensorbord", out=tmp_path / "run")
    with pytest.raises(ConfigurationError, match="logger 'csv' has no field 'foldr': did you mean 'folder'"):
        radbench.run(**WORDS, log="csv[foldr=x]", out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_scores_do_not_depend_on_who_listens(tmp_path):
    silent = radbench.run(**WORDS, out=tmp_path / "silent")
    told = radbench.run(**WORDS, log=["csv"], out=tmp_path / "told")
    assert silent["value"].equals(told["value"])


def test_nothing_is_imported_that_nobody_asked_for():
    program = (
        "import sys\nfrom radbench.registry.registry import load_registry\n"
        "assert {'csv', 'mlflow', 'tensorboard'} <= {*load_registry().loggers()}\n"
        "print(*{m.partition('.')[0] for m in sys.modules} & {'mlflow', 'tensorboard', 'torch', 'pandas'})"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_the_csv_is_its_users_alone(tmp_path):
    radbench.run(**WORDS, log="csv", out=tmp_path / "run")
    for path in [tmp_path / "run" / "log", *Path(tmp_path / "run" / "log").iterdir()]:
        assert path.stat().st_mode & 0o077 == 0


def test_only_a_store_in_a_database_is_said_to_need_all_of_mlflow(monkeypatch):
    from radbench_loggers.mlflow import _told

    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    error = OSError("connection\nrefused")
    for uri in ("http://127.0.0.1:9", "file:/nowhere", "databricks"):
        assert _told(error, uri) == "connection refused"
    for uri in ("", "sqlite:///a.db", "mysql+pymysql://a/b"):
        assert "pip install mlflow" in _told(error, uri)
