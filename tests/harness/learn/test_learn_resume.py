"""Resuming: a training killed without warning ends as if nothing had happened, to the bit."""

import os
import signal
import subprocess
import sys

import pytest
import torch

SCRIPT = """
import sys, torch
from pathlib import Path
from radbench.contracts import FitContext
from radbench.learn import *

class WithDropout(UNet):
    "Draws from torch's own random state, which a checkpoint must carry."
    def logits(self, images):
        return super().logits(torch.nn.functional.dropout(images, 0.2, self.training))

folder, pause = Path(sys.argv[1]), float(sys.argv[2])
torch.set_num_threads(1)
torch.manual_seed(0)
images = torch.rand(8, 1, 16, 16, generator=torch.Generator().manual_seed(1))
samples = TensorSamples(images, {"negative": 1 - images})

def progress(done, total, text):
    print(text, flush=True)
    import time
    time.sleep(pause)

network = WithDropout(UNetConfig(depth=2, first_filters=4, norm="batch"))
options = FitOptions(epochs=6, batch_size=4, learning_rate=1e-2, schedule="cosine", optimiser="adamw",
                     weight_decay=1e-2, checkpoint_seconds=0)
augment = Augmentation(GeometryOptions(flip=0.5, rotation_deg=5), AppearanceOptions(noise=(0.0, 0.1)))
result = fit(network, samples, L1("negative"), options, FitContext("cpu", 0, folder, progress),
             validation=samples, augment=augment)
rows = [{k: v for k, v in row.items() if k != "seconds"} for row in result.curve]
torch.save({"state": network.state_dict(), "curve": rows, "resumed_at": result.resumed_at,
            "random": torch.get_rng_state()}, folder / "result.pt")
"""


@pytest.fixture
def in_this_process(monkeypatch):
    """Run the script here, where torch is imported already."""
    threads, state = torch.get_num_threads(), torch.get_rng_state()

    def run(folder):
        monkeypatch.setattr(sys, "argv", ["script", str(folder), "0"])
        exec(compile(SCRIPT, "script", "exec"), {"__name__": "script"})
        return torch.load(folder / "result.pt", weights_only=True)

    yield run
    torch.set_num_threads(threads)
    torch.set_rng_state(state)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_a_killed_training_ends_as_an_uninterrupted_one(tmp_path, in_this_process):
    killed = tmp_path / "killed"
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(killed), "0.2"],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        text=True,
    )
    for line in process.stdout:
        if "epoch 4/6" in line:
            break
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    assert not (killed / "result.pt").exists()

    one, two = in_this_process(tmp_path / "whole"), in_this_process(killed)
    assert one["resumed_at"] == 0
    assert two["resumed_at"] in (4, 5)
    assert one["curve"] == two["curve"]
    assert one["state"].keys() == two["state"].keys()
    assert all(torch.equal(one["state"][name], two["state"][name]) for name in one["state"])
    assert torch.equal(one["random"], two["random"])
