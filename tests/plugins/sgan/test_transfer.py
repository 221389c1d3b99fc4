"""Transfer: slices that improve are chosen by a stated score, learnt from, and the evidence is kept."""

import csv
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch

from radbench.learn import ListLessons
from radbench.metrics import brisque, lpc_si
from radbench_sgan.config import SganConfig
from radbench_sgan.gan import Gan
from radbench_sgan.sgan import Sgan
from radbench_sgan.transfer import Judge, chosen_slices


def slices(n=3, size=40):
    generator = torch.Generator().manual_seed(0)
    lessons = [{"clean": (torch.rand(1, size, size, generator=generator) * 255).to(torch.uint8)} for _ in range(n)]
    return ListLessons(lessons, [f"s{i}" for i in range(n)])


@pytest.mark.parametrize(("by", "metric"), [("brisque", brisque), ("lpc_si", lpc_si)])
def test_a_score_is_the_metrics_and_a_gain_is_an_improvement(by, metric):
    image = torch.rand(1, 48, 48, generator=torch.Generator().manual_seed(1))
    judge = Judge(by, 0.0, 5)
    assert judge.score(image) == float(metric(image[None])[0])
    worse, better = (50.0, 20.0) if by == "brisque" else (0.1, 0.9)
    assert judge.gain(worse, better) > 0 > judge.gain(better, worse)


def test_the_most_improved_are_chosen_and_no_more_than_may_be():
    judge = Judge("brisque", 0.5, 2)
    assert judge.chosen([0.4, 3.0, 0.5, 1.0, 2.0, float("nan"), -1.0]) == [1, 4]
    assert judge.chosen([0.4, 0.5, float("nan")]) == []


def test_what_is_chosen_are_the_enhanced_slices_and_the_scores_are_kept(context, monkeypatch):
    monkeypatch.setattr(Judge, "score", lambda self, image: float(image.mean()))
    found = slices()
    means = [float(found[i]["clean"].float().mean()) / 255 for i in range(3)]
    most = sorted(range(3), key=lambda i: -means[i])[:2]
    chosen = chosen_slices(Judge("brisque", 0.0, 2), lambda x: x / 2, found, context, "GAN 1 round 1")
    assert chosen.case_ids == [f"s{i}" for i in most]
    assert torch.equal(chosen[0]["clean"], (found[most[0]]["clean"].float() / 2 / 255 * 255).round().to(torch.uint8))
    with (context.beside / "GAN-1-round-1.slices.csv").open() as stream:
        rows = [*csv.DictReader(stream)]
    assert [row["case_id"] for row in rows] == ["s0", "s1", "s2"]
    assert [float(row["brisque_before"]) for row in rows] == pytest.approx(means)
    assert [float(row["gain"]) for row in rows] == pytest.approx([m / 2 for m in means])
    assert {i for i, row in enumerate(rows) if row["chosen"] == "1"} == set(most)
    assert (context.beside / "GAN-1-round-1.slices.png").is_file()


CONFIG = SganConfig(
    stages=1,
    rounds=3,
    filters=4,
    discriminator_filters=2,
    discriminator_dense=4,
    skip=True,
    vgg_weight=0.0,
    denoising_blocks=1,
    denoising_patch=32,
    denoising_batch=4,
    denoising_epochs=1,
    steps_per_epoch=3,
    tuning_epochs=1,
    tuning_slices=2,
    validation_patches=2,
)


def tuned(photographs, context, config=CONFIG):
    gan = Sgan(config, SimpleNamespace(gan1=None))
    given = {"trained_on": photographs(gan), "tuned_on": SimpleNamespace(train=slices(), validation=slices(0))}
    gan.fit(given, context)
    return gan


def test_rounds_go_on_until_no_slice_improves(photographs, context, monkeypatch):
    number, learnt = [0], []
    learn = Gan.learn

    def rounds(self, nets, images, *rest):
        learnt.append(sorted(set(images.case_ids)))
        return learn(self, nets, images, *rest)

    def gain(self, before, after):
        number[0] += 1
        return 1.0 if number[0] <= 3 else -1.0

    monkeypatch.setattr(Gan, "learn", rounds)
    monkeypatch.setattr(Judge, "gain", gain)
    gan = tuned(photographs, context)
    assert gan.facts()["rounds"] == "1: 2 of 3 slices; 2: 0 of 3 slices"
    assert [len(ids) for ids in learnt] == [6, 8]
    assert {"s0", "s1"} <= set(learnt[1])
    names = {f.name for f in context.beside.iterdir()}
    assert {"GAN-1-round-1.curve.csv", "GAN-1-round-1.slices.csv", "GAN-1-round-2.slices.csv"} <= names
    assert "GAN-1-round-2.curve.csv" not in names


def test_what_earlier_rounds_chose_is_learnt_from_in_later_ones(photographs, context, monkeypatch):
    gains, learnt = iter([1.0, -1.0, -1.0, -1.0, 1.0, -1.0, *3 * [-1.0]]), []
    learn = Gan.learn

    def rounds(self, nets, images, *rest):
        learnt.append([name for name in images.case_ids if name.startswith("s")])
        return learn(self, nets, images, *rest)

    monkeypatch.setattr(Gan, "learn", rounds)
    monkeypatch.setattr(Judge, "gain", lambda self, before, after: next(gains))
    tuned(photographs, context)
    assert learnt == [[], ["s0"], ["s0", "s1"]]


def test_a_kill_in_a_round_changes_nothing(photographs, context, tmp_path, monkeypatch):
    monkeypatch.setattr(Judge, "score", lambda self, image: -float(image.square().mean()))
    monkeypatch.setattr(Judge, "gain", lambda self, before, after: 1.0 + before)
    options = Gan.options
    monkeypatch.setattr(Gan, "options", lambda self, epochs: replace(options(self, epochs), checkpoint_seconds=0.0))
    config = CONFIG.model_copy(update={"tuning_epochs": 2, "rounds": 2})
    whole = tuned(photographs, replace(context, workdir=tmp_path / "whole"), config).state_dict()

    def kill(done, total, text):
        if text.startswith("GAN 1 round 2: epoch 2/2"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        tuned(photographs, replace(context, progress=kill), config)
    again = tuned(photographs, context, config).state_dict()
    assert all(torch.equal(value, again[name]) for name, value in whole.items())
