"""A plugin with an enhancer and a task that really learn: a tiny U-Net on 16 x 16 ramps, with the faults of such."""

import hashlib
import os
import time
import warnings

import torch
from torch import nn

from radbench import (
    Case,
    CaseEntry,
    Config,
    DatasetSpec,
    EnhancerSpec,
    MetricSpec,
    PartName,
    TaskSpec,
    hookimpl,
    learns_from,
    param,
)


@hookimpl
def radbench_enhancers():
    pupil = EnhancerSpec(name="pupil", factory="learning_plugin:Pupil", summary="learns to darken", learns=True)
    return [pupil, EnhancerSpec(name="dunce", factory="learning_plugin:dunce", summary="never learns")]


@hookimpl
def radbench_tasks():
    return [
        TaskSpec(
            name="exam",
            factory="learning_plugin:Exam",
            summary="learns to darken, and says by how much",
            metrics=(MetricSpec("gap", "lower"),),
            needs_targets=("lung_image",),
            learns=True,
            default_dataset="ramps",
        )
    ]


@hookimpl
def radbench_datasets():
    return [DatasetSpec(name="ramps", factory="learning_plugin:Ramps", summary="ramps", modality="any")]


def dunce(images):
    return images


def _slowly(batch, draws):
    """Take a while for a batch where that is wanted: what is learnt is the same."""
    time.sleep(float(os.environ.get("LEARNING_PLUGIN_DELAY", "0")))
    return batch


class Ramps:
    class Config(Config):
        train: int = param(4, "training cases", source="assumed")

    modality = "any"
    targets = frozenset({"lung_image"})

    def __init__(self, config):
        self.sizes = {"train": config.train, "validation": 2, "test": 2}

    def manifest(self):
        return [
            CaseEntry(f"{split}{i}", f"{split}-p{i}", split, hashlib.sha256(f"{split}{i}".encode()).hexdigest())
            for split, n in self.sizes.items()
            for i in range(n)
        ]

    def load(self, case_id):
        split, i = case_id[:-1], int(case_id[-1])
        image = torch.linspace(0, 1, 16).expand(1, 16, 16).roll(i, dims=2).contiguous()
        return Case(case_id, f"{split}-p{i}", image, targets={"lung_image": image / 2})


class Pupil(nn.Module):
    class Config(Config):
        trained_on: PartName = learns_from("ramps", needs=("lung_image",))
        epochs: int = param(2, "of training", source="assumed", affects="weights")
        weight: float = param(1.0, "of what was learnt", source="assumed", affects="use")
        fails: str = param("", "raises: in fit; warns: twice; facts: says something else than facts", source="assumed")

    def __init__(self, config):
        super().__init__()
        self.config = config
        self.network = self._network(0)

    def _network(self, seed):
        from radbench.learn import UNet, UNetConfig

        return UNet(UNetConfig(depth=1, first_filters=2, head="sigmoid"), seed=seed)

    def lesson(self, sample):
        return {"image": sample.image, "lung_image": sample.case.targets["lung_image"]}

    def fit(self, lessons, context):
        from radbench.learn import L1, FitOptions, Turn, fit

        if self.config.fails == "raises":
            raise RuntimeError("no convergence")
        for _ in range(2 if self.config.fails == "warns" else 0):
            warnings.warn("these features are random", stacklevel=2)
        context.expect(90.0)
        self.network = self._network(int(torch.randint(0, 1000, ())))
        options = FitOptions(epochs=self.config.epochs, batch_size=2, learning_rate=1e-2, checkpoint_seconds=0.0)
        fit(
            self.network,
            [Turn(L1("lung_image"))],
            lessons.train,
            options,
            context,
            validation=lessons.validation,
            augment=_slowly,
            name="pupil",
        )

    def facts(self):
        return ["pretrained"] if self.config.fails == "facts" else {"pretrained": "a good school"}

    def enhance(self, images):
        return (self.config.weight * self.network(images)).clamp(0, 1)


class Exam(Pupil):
    class Config(Config):
        epochs: int = param(2, "of training", source="assumed", affects="weights")
        weight: float = param(1.0, "of what was learnt", source="assumed", affects="use")
        fails: str = param("", "as the pupil's", source="assumed")

    def score(self, sample, context):
        shown = self.enhance(sample.image[None])[0]
        return {"gap": float((shown - sample.case.targets["lung_image"]).abs().mean())}
