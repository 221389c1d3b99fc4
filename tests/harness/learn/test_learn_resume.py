"""Resuming: a training killed anywhere ends as if nothing had happened, to the bit; damage is always noticed."""

import os
import random
import signal
import subprocess
import sys
import warnings
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from radbench.contracts.learning import FitContext
from radbench.learn import Augmentation, FitOptions, GeometryOptions, Turn, UNet, UNetConfig, fit
from radbench.learn.checkpoint import Standing, load_checkpoint, save_checkpoint
from radbench.learn.turns import Player

from .small_lessons import discs, equal, state_of

OPTIONS = FitOptions(
    epochs=3,
    batch_size=4,
    learning_rate=1e-2,
    schedule="cosine",
    optimiser="adamw",
    weight_decay=1e-2,
    clip_norm=1.0,
    checkpoint_seconds=0,
)


class Killed(BaseException):
    """Ends a training where it stands; nothing in the loop catches it."""


class Critic(nn.Module):
    """Draws from every global source of randomness, all of which a checkpoint must carry."""

    def __init__(self):
        super().__init__()
        self.look = nn.Sequential(nn.Conv2d(1, 4, 3, 2, 1), nn.BatchNorm2d(4), nn.LeakyReLU(0.2))
        self.judge = nn.Conv2d(4, 1, 8)
        for parameter in self.parameters():
            nn.init.normal_(parameter, 0, 0.1, generator=torch.Generator().manual_seed(parameter.numel()))

    def forward(self, images):
        shaken = images * (1 + 0.1 * np.random.random()) + 0.1 * random.random()
        return self.judge(functional.dropout(self.look(shaken), 0.2, self.training)).flatten(1)


class Game:
    """A GAN with a validation, each of whose losses may be its last."""

    def __init__(self, dies_at=None):
        self.calls, self.dies_at = 0, dies_at
        self.networks = {"D": Critic(), "G": UNet(UNetConfig(depth=1, first_filters=4))}

    def call(self):
        self.calls += 1
        if self.calls == self.dies_at:
            raise Killed

    def __repr__(self):
        return "a game"

    def play(self, context, **changes):
        turns = [Turn(_Loss(self, "d"), learns="D"), Turn(_Loss(self, "g"), learns="G", learning_rate=2e-2)]
        augment = Augmentation(GeometryOptions(flip=0.5, rotation_deg=5))
        settings = {"validation": discs(3, seed=1), "score": _Loss(self, "score"), "augment": augment, **changes}
        return fit(self.networks, turns, discs(7), OPTIONS, context, **settings)


class _Loss:
    def __init__(self, game, kind):
        self.game, self.kind = game, kind

    def __repr__(self):
        return self.kind

    def __call__(self, networks, batch):
        self.game.call()
        made = networks["G"](batch["image"])
        if self.kind == "d":
            return functional.softplus(-networks["D"](batch["disc"]) + networks["D"](made.detach()))[:, 0]
        distance = (made - batch["disc"]).abs().flatten(1).mean(1)
        return distance if self.kind == "score" else distance + functional.softplus(-networks["D"](made))[:, 0]


def seeded(seed=1):
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


def outcome(game, result):
    # What is not a number equals nothing.
    rows = [{k: v for k, v in row.items() if k not in ("seconds", "validation_loss")} for row in result.curve]
    after = (random.random(), np.random.random(), torch.rand(1).item())
    return rows, result.best_epoch, result.best, after, {n: state_of(network) for n, network in game.networks.items()}


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    """Return what the game comes to when nothing happens, by what is kept."""
    found, threads = {}, torch.get_num_threads()
    torch.set_num_threads(1)
    for keep in ("best", "last"):
        folder = tmp_path_factory.mktemp(keep)
        game = Game()
        seeded()
        result = game.play(FitContext("cpu", 0, folder, folder, lambda done, total, text: None), keep=keep)
        found[keep] = outcome(game, result)
        assert game.calls == 15
    torch.set_num_threads(threads)
    return found


# Each epoch has two steps of two turns, and one score.
@pytest.mark.parametrize(("keep", "dies_at"), [*(("best", i) for i in range(1, 16)), ("last", 8), ("last", 14)])
def test_two_turns_killed_anywhere_end_as_uninterrupted_ones(context, tmp_path, uninterrupted, keep, dies_at):
    wanted = uninterrupted[keep]
    elsewhere = replace(context, workdir=tmp_path / "killed")
    killed, again = Game(dies_at), Game()
    seeded()
    with pytest.raises(Killed):
        killed.play(elsewhere, keep=keep)
    begun = (dies_at - 1) // 5
    # A process that goes on begins with other random states than the one that was killed.
    seeded(99 if begun else 1)
    result = again.play(elsewhere, keep=keep)
    got = outcome(again, result)
    assert result.resumed_at == (begun + 1 if begun else 0)
    assert again.calls == 15 - 5 * begun
    assert got[:4] == wanted[:4]
    assert all(equal(got[4][name], wanted[4][name]) for name in ("D", "G"))


@pytest.mark.parametrize("finished", [False, True])
def test_damage_anywhere_is_noticed_and_training_begins_anew(context, finished):
    game = Game(None if finished else 8)
    if finished:
        game.play(context)
    else:
        with pytest.raises(Killed):
            game.play(context)
    (path,) = context.workdir.iterdir()
    whole = path.read_bytes()
    places = {*range(64), *range(64, len(whole), len(whole) // 80), len(whole) - 1}
    damaged = [whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :] for place in sorted(places)]
    damaged += [b"", whole[:10], whole[:-1], whole + b"\0", whole[: len(whole) // 2]]
    for content in damaged:
        path.write_bytes(content)
        words = "checkpoint '.*' is damaged: training begins anew"
        with pytest.warns(UserWarning, match=words) as told, pytest.raises(Killed):
            Game(1).play(context)
        assert len(told) == 1
    path.write_bytes(whole)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        game = Game()
        assert game.play(context).epochs == 3
    assert game.calls == (0 if finished else 10)


def test_a_checkpoint_carries_the_scale_of_every_turns_gradients(tmp_path):
    def players():
        networks = Game().networks
        own = (Player(Turn(len, learns=n), n, networks, OPTIONS, True, torch.device("cpu")) for n in "DG")
        return networks, list(own)

    (networks, before), (others, after) = players(), players()
    for player, scale in zip(before, (512.0, 64.0), strict=True):
        player.scaler.load_state_dict({**player.scaler.state_dict(), "scale": scale, "_growth_tracker": 7})
    file = tmp_path / "checkpoint"
    save_checkpoint(file, "this", Standing(1, 0.5, 1, 4, 1.0, []), networks, before, {})
    assert load_checkpoint(file, "this", others, after) == (Standing(1, 0.5, 1, 4, 1.0, []), {})
    assert [player.scaler.state_dict() for player in after] == [player.scaler.state_dict() for player in before]
    assert [player.scaler.get_scale() for player in after] == [512.0, 64.0]


def test_a_folder_in_the_checkpoints_place_is_a_warning(context):
    (context.workdir / "network.checkpoint").mkdir(parents=True)
    with pytest.warns(UserWarning, match="cannot be read"), pytest.raises(Killed):
        Game(1).play(context)


SCRIPT = """
import sys, time, torch
from pathlib import Path
from radbench.contracts.learning import FitContext
from radbench.learn import *

class WithDropout(UNet):
    "Draws from torch's own random state, which a checkpoint must carry."
    def logits(self, images):
        return super().logits(torch.nn.functional.dropout(images, 0.2, self.training))

folder, pause = Path(sys.argv[1]), float(sys.argv[2])
torch.set_num_threads(1)
torch.manual_seed(0)
images = torch.rand(8, 1, 16, 16, generator=torch.Generator().manual_seed(1))
lessons = ListLessons([{"image": image, "negative": 1 - image} for image in images])

def progress(done, total, text):
    print(text, flush=True)
    time.sleep(pause)

network = WithDropout(UNetConfig(depth=2, first_filters=4, norm="batch"))
options = FitOptions(epochs=6, batch_size=4, learning_rate=1e-2, schedule="cosine", checkpoint_seconds=0)
augment = Augmentation(GeometryOptions(flip=0.5, rotation_deg=5), AppearanceOptions(noise=(0.0, 0.1)))
result = fit(network, [Turn(L1("negative"))], lessons, options, FitContext("cpu", 0, folder, folder, progress),
             validation=lessons, augment=augment)
rows = [{k: v for k, v in row.items() if k != "seconds"} for row in result.curve]
torch.save({"state": network.state_dict(), "curve": rows, "resumed_at": result.resumed_at,
            "random": torch.get_rng_state()}, folder / "result.pt")
"""


@pytest.fixture
def in_this_process(monkeypatch):
    """Run the script here, where torch is imported already."""
    state = torch.get_rng_state()

    def run(folder):
        monkeypatch.setattr(sys, "argv", ["script", str(folder), "0"])
        exec(compile(SCRIPT, "script", "exec"), {"__name__": "script"})
        return torch.load(folder / "result.pt", weights_only=True)

    yield run
    torch.set_rng_state(state)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_a_training_killed_without_warning_ends_as_an_uninterrupted_one(tmp_path, in_this_process):
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
