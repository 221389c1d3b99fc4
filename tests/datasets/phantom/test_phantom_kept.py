"""What phantom-ct and phantom-cxr keep: what is missing, and two processes that fill one cache folder at once."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from radbench_phantom.ct import PhantomCt
from radbench_phantom.cxr import PhantomCxr

KINDS = {
    "phantom-ct": (PhantomCt, {"size": (24, 24, 24), "patients": 20}),
    "phantom-cxr": (PhantomCxr, {"size": 24, "grid": (24, 24, 24), "patients": 20}),
}
IDS = ["p0004", "p0001", "p0002"]
FILL = """
import sys
import torch
torch.set_num_threads(1)
from radbench_phantom.ct import PhantomCt
from radbench_phantom.cxr import PhantomCxr
kinds = {"phantom-ct": PhantomCt, "phantom-cxr": PhantomCxr}
kind, options, ids = sys.argv[1], eval(sys.argv[2]), sys.argv[3:]
data = kinds[kind](kinds[kind].Config(**options))
print("ready", flush=True)
sys.stdin.readline()
for case_id in ids:
    data.load(case_id)
"""


def same(one, other):
    assert torch.equal(one.image, other.image)
    for name in set(one.targets) - {"view_pose"}:
        assert torch.equal(one.targets[name], other.targets[name])


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_not_kept_is_named_in_the_order_asked(kind):
    factory, options = KINDS[kind]
    data = factory(factory.Config(**options))
    assert data.unprepared(IDS) == IDS
    data.load("p0001")
    assert data.unprepared(IDS) == ["p0004", "p0002"]
    assert factory(factory.Config(seed=1, **options)).unprepared(IDS) == IDS
    assert factory(factory.Config(cache=False, **options)).unprepared(IDS) == []


@pytest.mark.parametrize("kind", KINDS)
def test_two_processes_may_fill_the_cache_at_once(kind, tmp_path):
    factory, options = KINDS[kind]
    command = [sys.executable, "-c", FILL, kind, repr(options), *IDS]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    both = [subprocess.Popen(command, **pipes) for _ in range(2)]
    for process in both:
        assert process.stdout.readline() == "ready\n"
    for process in both:
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in both:
        assert process.communicate()[1] == ""
        assert process.returncode == 0
    data, fresh = factory(factory.Config(**options)), factory(factory.Config(cache=False, **options))
    assert data.unprepared(IDS) == []
    assert len(list((tmp_path / "cache" / kind).iterdir())) == len(IDS)  # and no temporary file
    for case_id in IDS:
        same(data.load(case_id), fresh.load(case_id))
