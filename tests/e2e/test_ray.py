"""Steps on a Ray cluster of several nodes on this machine: scores, failures, lost nodes, and the keys Ctrl and C."""

import contextlib
import csv
import importlib.util
import os
import random
import signal
import subprocess
import sys
import threading
import time

import psutil
import pytest

import radbench

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="needs ray: pip install 'radbench[ray]'"),
]

# What depends on the clock, and on who commits while the tests run.
VOLATILE = ["fit_seconds", "task_fit_seconds", "enhance_ms_per_case", "peak_memory_mb", "created_utc", "git_commit"]
COMMAND = [sys.executable, "-P", "-c", "from radbench.cli import main; main()"]


def table(frame):
    """Return a leaderboard's text without what depends on the clock."""
    return frame.drop(columns=VOLATILE).to_csv(index=False)


class Unhurried:
    """A clock by which a machine that is busy with other things starts Ray's nodes in time."""

    def __getattr__(self, name):
        return getattr(time, name)

    def monotonic(self):
        return time.monotonic() / 16


@pytest.fixture(scope="module")
def cluster():
    """Two nodes with two processors each, as Ray has it; ``second`` is the one that is not the head."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        from ray.cluster_utils import Cluster

        patch.setattr("ray._private.node.time", Unhurried())
        # Whoever watches a cluster for people would take the processors that its nodes start on.
        for watcher in ("start_api_server", "start_monitor", "start_log_monitor"):
            patch.setattr(f"ray._private.node.Node.{watcher}", lambda *words, **more: None)
        # A node that died is missed after 5 s, not after 15.
        head = {"num_cpus": 2, "include_dashboard": False, "_system_config": {"health_check_period_ms": 1000}}
        made = Cluster(initialize_head=True, head_node_args=head)
        try:
            made.second = made.add_node(num_cpus=2, wait=False)
            yield made
        finally:
            made.shutdown()


def workers_of(cache):
    """Return the worker processes that use a cache."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            ours = process.environ().get("RADBENCH_CACHE") == str(cache)
            if ours and "radbench.engine.work.worker" in process.cmdline():
                found.append(process)
    return found


def left(cache):
    """Return the workers that are there still; one that was about to start takes a moment to see that it is alone."""
    deadline = time.monotonic() + 30
    while workers_of(cache) and time.monotonic() < deadline:
        time.sleep(0.1)
    return workers_of(cache)


@pytest.fixture
def go(tmp_path, monkeypatch, toy_plugin):
    """Return a function that runs the toy plugin with a cache of its own."""

    def run(name, enhancers, tasks, dataset, **more):
        monkeypatch.setenv("RADBENCH_CACHE", str(tmp_path / name / "cache"))
        (tmp_path / name).mkdir()
        monkeypatch.chdir(tmp_path / name)
        return radbench.run(enhancers, tasks, dataset, plugins=[toy_plugin], out="out", **{"device": "cpu", **more})

    return run


def test_a_training_asks_for_the_processors_that_its_worker_does_not_hold(cluster, tmp_path):
    from radbench.engine.run.executors.ray import RayExecutor
    from radbench.engine.run.executors.ray_cluster import connected
    from radbench.engine.work.worker import WorkerSetup

    class Fit:
        number, kind, chunk = 0, "fit", 0

    with connected(cluster.address, 0):
        import ray

        setup = WorkerSetup((), str(tmp_path / "cache"), "cpu", 2)
        executor = RayExecutor(setup, False, 1, 60.0, 0, tmp_path)
        try:
            while not executor.idle():
                assert list(executor.events()) == []
            executor.submit(0, Fit())
            assert executor.idle() == []
            slot = executor.slots[0]
            assert slot.waits
            deadline = time.monotonic() + 60
            held = 0.0
            while held != 2.0 and time.monotonic() < deadline:
                held = ray.cluster_resources()["CPU"] - ray.available_resources().get("CPU", 0.0)
                time.sleep(0.2)
            assert held == 2.0
        finally:
            executor.close()


def test_a_node_that_does_not_see_the_cache_folder_stops_the_run_in_a_sentence(go, cluster, monkeypatch):
    from radbench.contracts.errors import RadbenchError
    from radbench.engine.run.executors import ray as of_ray

    # The node is told of a sign that is nowhere, as one is whose file system is another.
    monkeypatch.setattr(of_ray, "HostSetup", elsewhere(of_ray.HostSetup))
    with pytest.raises(RadbenchError, match=r"node '.+' of the Ray cluster does not see the cache folder '/nowhere'"):
        go("spread", "toy-brighten", "toy-mean", "toy[cases=1]", jobs=1, executor="ray", address=cluster.address)


def elsewhere(setup):
    def made(worker, timeout, memory_mb, jobs, sign, *rest):
        return setup(worker, timeout, memory_mb, jobs, "/nowhere/.seen", *rest)

    return made


def test_an_address_where_no_cluster_is_and_a_card_that_no_node_has_are_wrong_usage(go, cluster):
    from radbench.contracts.errors import UsageError

    words = "original", "toy-mean", "toy"
    with pytest.raises(UsageError, match="is a Ray Client's"):
        go("client", *words, executor="ray", address="ray://localhost:10001")
    with pytest.raises(UsageError, match="no node of the Ray cluster has a GPU"):
        go("card", *words, executor="ray", address=cluster.address, device="cuda")
    with pytest.raises(UsageError, match="under executor 'ray', which picks the card"):
        go("this", *words, executor="ray", address=cluster.address, device="cuda:1")


SOUND = "toy-noisy,toy-flaky[marker=marker],toy-learner"
FAULTY = "toy-raises,toy-exits,toy-nan,toy-learner[fail=true]"


def test_scores_and_failures_are_the_local_executors_to_the_byte(go, cluster, tmp_path):
    words = f"{SOUND},{FAULTY}", "toy-mean", "toy[cases=1]"
    local = go("local", *words, jobs=2)
    spread = go("spread", *words, jobs=2, executor="ray", address=cluster.address)
    assert set(local["status"]) == {"ok", "error", "crashed", "invalid-output"}
    assert table(spread) == table(local)
    for case in (tmp_path / "local" / "out" / "cases").glob("*.csv"):
        assert scores(tmp_path / "spread" / "out" / "cases" / case.name) == scores(case)
    # The one that dies once was tried again, where its relative path leads to the same file.
    assert (tmp_path / "spread" / "marker").exists()
    assert left(tmp_path / "spread" / "cache") == []


def scores(path):
    """Return a run's scores of each case, without what depends on the clock."""
    with path.open(newline="") as file:
        return [{k: v for k, v in r.items() if k not in ("enhance_ms", "peak_memory_mb")} for r in csv.DictReader(file)]


def test_a_plugin_that_hangs_is_ended_on_its_node_after_the_time_that_is_given(go, cluster):
    found = go(
        "hangs", "toy-sleeps", "toy-mean", "toy[cases=1]", jobs=1, timeout=8.0, executor="ray", address=cluster.address
    )
    row = found[(found["enhancer"] == "toy-sleeps") & (found["group"] == "all")].iloc[0]
    assert row["status"] == "timeout"
    assert "no sign of life for 8 s (--timeout)" in row["error"]


STUDY = "toy-noisy,toy-learner", "toy-mean,toy-whole", "toy[cases=8,delay=0.1]"


@pytest.fixture(scope="module")
def calm(tmp_path_factory, toy_plugin):
    """The table of a local run that nobody disturbs."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("calm")
        patch.setenv("RADBENCH_CACHE", str(folder / "cache"))
        return table(radbench.run(*STUDY, plugins=[toy_plugin], device="cpu", out=folder / "out", jobs=2))


def test_ctrl_c_leaves_no_task_behind_and_the_same_command_goes_on(calm, cluster, tmp_path, toy_plugin):
    folder, cache = tmp_path / "struck", tmp_path / "struck" / "cache"
    folder.mkdir()
    words = ["run", "--plugin", toy_plugin, "-e", STUDY[0], "-t", STUDY[1], "-d", STUDY[2], "--device", "cpu"]
    words += ["--executor", "ray", "--jobs", "2", "--out", "out"]
    environment = {**os.environ, "RADBENCH_CACHE": str(cache), "RAY_ADDRESS": cluster.address}

    def start():
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        return subprocess.Popen([*COMMAND, *map(str, words)], cwd=folder, env=environment, **pipes)

    process = start()
    while process.poll() is None and len(list(cache.rglob("*.image"))) < 3:
        time.sleep(0.02)
    assert len(workers_of(cache)) > 0
    process.send_signal(signal.SIGINT)
    _, err = process.communicate()
    assert process.returncode == 130, err
    assert "interrupted; what is done is kept" in err
    assert left(cache) == []
    assert not list(cache.glob(".seen-*"))
    process = start()
    out, err = process.communicate()
    assert process.returncode == 0, err
    assert " 0 reused" not in out
    assert table(radbench.read_leaderboard(folder / "out")) == calm


NODE_KILLS = int(os.environ.get("RADBENCH_NODE_KILLS", "1"))


# last: the cluster has one node less afterwards
@pytest.mark.parametrize("seed", [pytest.param(seed, id=f"node-{seed}") for seed in range(NODE_KILLS)])
def test_a_node_that_is_killed_at_a_random_moment_loses_nothing(calm, go, cluster, tmp_path, seed):
    cache, draws, over = tmp_path / "struck" / "cache", random.Random(19 + seed), threading.Event()
    moment, more = draws.randint(1, 20), draws.uniform(0.0, 0.3)
    if cluster.second is None:
        cluster.second = cluster.add_node(num_cpus=2, wait=False)

    def strike():
        while not over.is_set() and len(list(cache.rglob("*.image"))) < moment:
            time.sleep(0.02)
        time.sleep(more)
        cluster.remove_node(cluster.second, allow_graceful=False)
        cluster.second = None

    striking = threading.Thread(target=strike)
    striking.start()
    try:
        struck = go("struck", *STUDY, jobs=4, executor="ray", address=cluster.address)
    finally:
        over.set()
        striking.join()
    assert table(struck) == calm
    assert set(struck["status"]) == {"ok"}
    assert '"failure"' not in (tmp_path / "struck" / "out" / "journal.jsonl").read_text()
