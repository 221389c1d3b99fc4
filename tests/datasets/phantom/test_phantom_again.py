"""phantom-ct and phantom-cxr made again: in another process, in another order, from what is in memory."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from radbench.contracts.folders import cache_folder
from radbench_phantom.ct import PhantomCt
from radbench_phantom.cxr import film
from radbench_phantom.cxr.dataset import PhantomCxr
from radbench_phantom.thorax import render

KINDS = {
    "phantom-ct": (PhantomCt, {"size": (24, 24, 24), "patients": 20}),
    "phantom-cxr": (PhantomCxr, {"size": 24, "grid": (24, 24, 24), "patients": 20}),
    "films": (PhantomCxr, {"size": 24, "grid": (24, 24, 24), "patients": 20, "look": "mixed"}),
}
IDS = ["p0004", "p0001", "p0002"]
ELSEWHERE = """
import importlib.util, sys
import torch
torch.set_num_threads(1)
spec = importlib.util.spec_from_file_location("again", sys.argv[1])
again = importlib.util.module_from_spec(spec)
spec.loader.exec_module(again)
for kind in again.KINDS:
    data = again.data_of(kind)
    for case_id in reversed(again.IDS):
        print(kind, case_id, again.digest(data.load(case_id)))
"""


def data_of(kind):
    factory, options = KINDS[kind]
    return factory(factory.Config(**options))


def digest(case):
    found = hashlib.sha256(case.image.numpy().tobytes())
    for name in sorted(case.targets):
        value = case.targets[name]
        found.update(value.contiguous().numpy().tobytes() if torch.is_tensor(value) else repr(value).encode())
    return found.hexdigest()


@pytest.fixture(scope="module")
def elsewhere():
    """Return the digests of every kind's cases, by kind and case, as another process has them in another order."""
    command = [sys.executable, "-c", ELSEWHERE, str(Path(__file__))]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    return {(kind, case_id): found for kind, case_id, found in map(str.split, lines)}


@pytest.fixture
def renderings(monkeypatch):
    """Record who is rendered."""
    seen = []
    real = render.render

    def record(thorax, *given, **named):
        seen.append(thorax.index)
        return real(thorax, *given, **named)

    for module in (render, film):
        monkeypatch.setattr(module, "render", record)
    return seen


@pytest.mark.parametrize("kind", KINDS)
def test_a_case_has_the_same_bits_in_another_process_and_order(kind, elsewhere):
    data = data_of(kind)
    here = {case_id: digest(data.load(case_id)) for case_id in IDS}
    assert {case_id: found for (of, case_id), found in elsewhere.items() if of == kind} == here


@pytest.mark.parametrize("kind", KINDS)
def test_all_that_is_looked_up_of_a_case_is_rendered_once(kind, renderings):
    data = data_of(kind)
    case = data.load("p0004")
    for name in case.targets:
        case.targets[name]
    if hasattr(data, "label_map"):
        data.label_map("p0004")
    data.load("p0004")
    assert renderings == [4]
    data.load("p0002")
    assert torch.is_tensor(case.targets["volume_hu"])
    assert renderings == [4, 2, 4]


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_given_away_is_nobody_elses(kind):
    data = data_of(kind)
    case = data.load("p0004")
    kept = digest(case)
    case.image.zero_()
    for name in set(case.targets) - {"findings", "view_pose"}:
        case.targets[name].zero_()
    if hasattr(data, "label_map"):
        data.label_map("p0004").labels[:] = 0
    assert digest(data.load("p0004")) == kept


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_kept_on_disk(kind):
    data_of(kind).load("p0001")
    assert not cache_folder().exists()
