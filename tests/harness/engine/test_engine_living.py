"""Living: a part on a card serves data sets and lessons, which work on the processor; a pretended card will do."""

import sys

import pytest
import torch

from radbench.contracts.case import Case
from radbench.contracts.results import Sample
from radbench.engine.keep.store import Store
from radbench.engine.plan.resolver import Resolver
from radbench.engine.plan.steps import Live
from radbench.engine.work.living import Living
from radbench.registry.registry import load_registry

PLUGIN = """
import torch
from radbench import (Case, CaseEntry, Config, DatasetSpec, Enhancement, EnhancerSpec, PartName, hookimpl, learns_from,
                      param, part)

@hookimpl
def radbench_enhancers():
    return [
        EnhancerSpec(name="net", factory="card_plugin:Net", summary="", layers=("denoised",), renders=True),
        EnhancerSpec(name="pupil", factory="card_plugin:Pupil", summary="", learns=True),
    ]

@hookimpl
def radbench_datasets():
    return [DatasetSpec(name="shown", factory="card_plugin:Shown", summary="")]

class Net:
    class Config(Config):
        pass

    def __init__(self, config):
        self.where = "cpu"

    def to(self, device):
        self.where = device

    def enhance(self, images):
        if str(images.device) != self.where:
            raise RuntimeError(f"Expected all tensors on {self.where}, got {images.device}")
        return Enhancement(images * 0.5, {"denoised": images * 0.25})

    def views(self, images, poses):
        found = self.enhance(images)
        return Enhancement(found.image[:, None], {})

class Shown:
    class Config(Config):
        by: PartName = part("enhancer", "net")

    modality, targets = "any", frozenset()

    def __init__(self, config, parts):
        self.by = parts.by

    def manifest(self):
        return [CaseEntry("a", "p", split, "0" * 64) for split in ("train",)]

    def load(self, case_id):
        return Case("a", "p", self.by(torch.ones(1, 1, 4, 4)).image[0])

class Pupil:
    class Config(Config):
        teacher: PartName = part("enhancer", "net")
        trained_on: PartName = learns_from("shown")

    def __init__(self, config, parts):
        self.teacher = parts.teacher

    def lesson(self, sample):
        found = self.teacher(sample.image[None])
        views = self.teacher.views(sample.image[None], [0])
        return {"mean": found.image + found.layers["denoised"], "view": views.image}

    def fit(self, lessons, context): ...
    def enhance(self, images): return self.teacher(images)
    def state_dict(self): return {}
    def load_state_dict(self, state): ...
"""


class OnCard(torch.Tensor):
    """A tensor that says that it lies on a card; what is worked out of it lies there, too."""

    device = "card"


@pytest.fixture
def living(tmp_path, monkeypatch):
    """Return what lives on the card, and a function that gives parts."""

    def to(tensor, device):
        return tensor.as_subclass(OnCard if str(device) == "card" else torch.Tensor)

    monkeypatch.setattr(torch.Tensor, "to", to)
    (tmp_path / "card_plugin.py").write_text(PLUGIN)
    registry = load_registry([tmp_path / "card_plugin.py"])
    resolver = Resolver(registry, "quick")
    found = Living(registry, Store(tmp_path / "cache"), "card")
    yield found, lambda kind, name: Live(resolver.part(kind, name).asked, {}, 0)
    del sys.modules["card_plugin"]


def test_a_data_set_calls_a_part_with_tensors_of_the_processor(living):
    found, part = living
    image = found.dataset(part("dataset", "shown")).load("a").image
    assert type(image) is torch.Tensor
    assert image.unique().tolist() == [0.5]


def test_a_lesson_calls_a_part_with_tensors_of_the_processor(living):
    found, part = living
    sample = Sample(Case("a", "p", torch.ones(1, 4, 4)), torch.ones(1, 4, 4), {}, None, None)
    lesson = found.learner(part("enhancer", "pupil"), ready=False).lesson(sample)
    assert {k: (type(v), v.unique().item()) for k, v in lesson.items()} == {
        "mean": (torch.Tensor, 0.75),
        "view": (torch.Tensor, 0.5),
    }


def test_an_enhancer_calls_a_part_where_it_works_itself(living):
    found, part = living
    result = found.enhancer(part("enhancer", "pupil"))(torch.ones(1, 1, 4, 4).to("card"))
    assert type(result.image) is OnCard
    assert result.image.unique().tolist() == [0.5]
