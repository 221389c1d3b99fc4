"""Executors: whoever does the steps, in whatever order, no bit of a score changes."""

import os
import random
import subprocess
import sys
from contextlib import ExitStack

import pytest
import torch

from radbench.engine.run.executors.executor import Event
from radbench.engine.run.executors.here import HereExecutor
from radbench.engine.run.executors.local import LocalExecutor
from radbench.engine.work.failures import RunAbortedError
from radbench.engine.work.worker import WorkerSetup, settings_restored, told_of, workbench

from .session_runs import ALL, go_fixture  # noqa: F401


class _Seat:
    """One worker of this process: its bench, the step that it was given, and the chunk that it did last."""

    def __init__(self, setup):
        self.step, self.chunk, self.told = None, None, []
        self.bench = workbench(setup, self.tell)

    def tell(self, event, **facts):
        self.told.append(Event(self.step.number, event, facts))

    def do(self):
        try:
            self.bench.do(self.step)
        except (Exception, SystemExit) as e:
            name, facts = told_of(e, self.bench.sentence(self.step, e))
            self.tell(name, **facts)
        else:
            self.tell("done")
        told, self.told, self.step = self.told, [], None
        return told


class ShuffledExecutor:
    """Does steps in this process, one after another: of the workers that have one, a drawn one goes on.

    Args:
        setup: of each worker.
        workers: how many; each has parts and cases of its own.
        seed: of the order in which workers are asked for and go on.
    """

    def __init__(self, setup, workers, seed):
        self.draws, self.order, self._settings = random.Random(seed), [], ExitStack()
        self._settings.enter_context(settings_restored())
        self.seats = [_Seat(setup) for _ in range(workers)]

    def idle(self):
        seats = [(i, seat.chunk) for i, seat in enumerate(self.seats) if seat.step is None]
        return self.draws.sample(seats, len(seats))

    def submit(self, worker, step):
        self.seats[worker].step, self.seats[worker].chunk = step, step.chunk

    def events(self):
        busy = [seat for seat in self.seats if seat.step is not None]
        if not busy:
            return []
        seat = self.draws.choice(busy)
        self.order.append(seat.step.number)
        return seat.do()

    def close(self):
        self._settings.close()


def setup_of(files, store):
    return WorkerSetup(tuple(map(str, files)), str(store.root), "cpu", 2)


def test_every_executor_gives_the_same_scores_to_the_last_bit(go, tmp_path):
    made = []

    def shuffled(seed, workers):
        def make(files, store):
            made.append(ShuffledExecutor(setup_of(files, store), workers, seed))
            return made[-1]

        return make

    def local(files, store):
        (tmp_path / "logs").mkdir()
        return LocalExecutor(setup_of(files, store), ["cpu"], 2, 60.0, 2**33, tmp_path / "logs")

    executors = {
        "here": lambda files, store: HereExecutor(setup_of(files, store)),
        "local": local,
        "shuffled": shuffled(0, 3),
        "otherwise": shuffled(1, 3),
        "alone": shuffled(0, 1),
    }
    expected = go(*ALL)
    assert set(expected.statuses.values()) == {"ok"}
    for name, executor in executors.items():
        run = go(*ALL, out=name, cache=name, executor=executor)
        assert run.outcome.computed == expected.outcome.computed, name
        assert run.scores == expected.scores, name
    orders = [executor.order for executor in made]
    assert len({*map(tuple, orders)}) == 3
    assert all(sorted(order) == sorted(orders[0]) for order in orders)


class Stillborn(LocalExecutor):
    """Local workers of which some die before they have started: ``dies`` tells by their number, from 1 on."""

    def __init__(self, setup, jobs, logs, dies):
        logs.mkdir()
        self.begun, self.dies = 0, dies
        super().__init__(setup, ["cpu"], jobs, 60.0, 2**33, logs)

    def _start(self, name):
        worker = super()._start(name)
        self.begun += 1
        if self.dies(self.begun):
            worker.process.kill()
        return worker


def test_workers_that_die_while_they_start_have_successors_until_three_in_a_row(go, tmp_path):
    made = []

    def some(dying):
        def make(files, store):
            made.append(Stillborn(setup_of(files, store), 1, tmp_path / f"logs-{len(made)}", dying.__contains__))
            return made[-1]

        return make

    # The third is ready, and lost on a case; so is the sixth on the case's second trial, and the seventh goes on.
    words = "toy-picky[how=exit],toy-brighten", "toy-mean"
    expected = go(*words, executor=some(()))
    found = go(*words, out="struck", cache="struck", executor=some({1, 2, 4, 5}))
    assert [one.begun for one in made] == [3, 7]
    assert found.scores == expected.scores
    assert found.statuses == expected.statuses


def test_a_worker_that_can_never_start_ends_the_run_in_a_sentence(go, tmp_path):
    made = []

    def make(files, store):
        made.append(Stillborn(setup_of(files, store), 2, tmp_path / "logs", lambda number: True))
        return made[-1]

    with pytest.raises(
        RunAbortedError, match=r"a worker died while starting, 3 times in a row: .* SIGKILL.*; see .*logs"
    ):
        go("toy-brighten", "toy-mean", executor=make)
    assert made[0].begun <= 6


def test_a_shuffled_run_leaves_this_process_as_it_was(go):
    before = torch.get_num_threads(), torch.get_deterministic_debug_mode(), {**os.environ}
    go("toy-brighten", "toy-mean", executor=lambda files, store: ShuffledExecutor(setup_of(files, store), 2, 0))
    assert (torch.get_num_threads(), torch.get_deterministic_debug_mode(), {**os.environ}) == before


SETTING = """
import sys
import torch
from radbench.engine.work.worker import be_deterministic, settings_restored

def told():
    return torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()

with settings_restored():
    be_deterministic()
    print(*told(), "torch._inductor" in sys.modules)
    import torch._inductor.config as compiler
    print(compiler.deterministic)
print(*told(), compiler.deterministic)
with settings_restored():
    be_deterministic()
    print(*told(), compiler.deterministic)
print(*told(), compiler.deterministic)
"""


def test_algorithms_are_deterministic_and_so_is_what_is_compiled_though_no_compiler_is_loaded_for_it():
    said = subprocess.run([sys.executable, "-c", SETTING], capture_output=True, text=True, check=True).stdout
    assert said.splitlines() == ["True True False", "True", "False False False", "True True True", "False False False"]


def test_two_steps_at_once_in_one_process_are_refused(go, toy_plugin):
    """Threads that share random states would give wrong scores and keep them."""

    class Nested(ShuffledExecutor):
        def events(self):
            told = []
            first, second = self.seats
            if first.step is not None and second.step is not None:
                real = first.bench.tell

                def meanwhile(event, **facts):
                    nonlocal told
                    real(event, **facts)
                    if event == "case" and second.step is not None:
                        told += second.do()

                first.bench.tell = meanwhile
                told += first.do()
                first.bench.tell = real
                return told
            return super().events()

    run = go("toy-brighten", "toy-mean", executor=lambda files, store: Nested(setup_of(files, store), 2, 0))
    assert "another step is under way in this process" in "\n".join(run.notes.notes)
