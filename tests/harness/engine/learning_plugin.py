"""A plugin with an enhancer that really learns: a tiny U-Net on 16 x 16 ramps, with the faults of such enhancers."""

import hashlib
import time
import warnings

import torch
from torch import nn

from radbench import Case, CaseEntry, Config, DatasetSpec, EnhancerSpec, hookimpl, param


@hookimpl
def radbench_enhancers():
    pupil = EnhancerSpec(name="pupil", factory="learning_plugin:Pupil", summary="learns to darken", trainable=True)
    return [pupil, EnhancerSpec(name="dunce", factory="learning_plugin:dunce", summary="never learns")]


@hookimpl
def radbench_datasets():
    return [DatasetSpec(name="ramps", factory="learning_plugin:Ramps", summary="ramps", modality="any")]


def dunce(images):
    return images


class Ramps:
    class Config(Config):
        train: int = param(4, "training cases", source="assumed")

    modality = "any"
    targets = frozenset({"lung_image"})

    def __init__(self, config):
        self.sizes = {"train": config.train, "validation": 2, "test": 2}

    def manifest(self):
        return [
            CaseEntry(f"{split}{i}", f"{split}-p{i}", split, "", hashlib.sha256(f"{split}{i}".encode()).hexdigest())
            for split, n in self.sizes.items()
            for i in range(n)
        ]

    def load(self, case_id):
        split, i = case_id[:-1], int(case_id[-1])
        image = torch.linspace(0, 1, 16).expand(1, 16, 16).roll(i, dims=2).contiguous()
        return Case(case_id, f"{split}-p{i}", image, targets={"lung_image": image / 2})


class Pupil(nn.Module):
    class Config(Config):
        trained_on: str = param("ramps", "data set", source="assumed")
        epochs: int = param(2, "of training", source="assumed")
        delay: float = param(0.0, "seconds to augment a batch", source="assumed")
        weight: float = param(1.0, "of what was learnt", source="assumed", trains=False)
        estimating: str = param("draws", "draws, raises or none", source="assumed")
        fails: str = param("", "raises: in fit; warns: twice; facts: says something else than facts", source="assumed")

    def __init__(self, config):
        super().__init__()
        self.config = config
        self.network = self._network(0)

    def _network(self, seed):
        from radbench.learn import UNet, UNetConfig

        return UNet(UNetConfig(depth=1, first_filters=2, head="sigmoid"), seed=seed)

    def estimate(self, cases, context):
        if self.config.estimating == "raises":
            raise RuntimeError("no clock")
        (context.workdir / "pupil.checkpoint.safetensors").write_text("of no training")
        return 90.0 + 0.0 * (float(torch.rand(1)) + float(cases[0].image.mean()))

    def fit(self, cases, context):
        from radbench.learn import L1, FitOptions, fit, samples_from_cases

        if self.config.fails == "raises":
            raise RuntimeError("no convergence")
        for _ in range(2 if self.config.fails == "warns" else 0):
            warnings.warn("these features are random", stacklevel=2)
        self.network = self._network(int(torch.randint(0, 1000, ())))
        train, validation = (
            samples_from_cases(c, targets=["lung_image"], size=(16, 16)) for c in (cases, context.validation)
        )
        options = FitOptions(epochs=self.config.epochs, batch_size=2, learning_rate=1e-2, checkpoint_seconds=0.0)
        fit(
            self.network,
            train,
            L1("lung_image"),
            options,
            context,
            validation=validation,
            augment=self._slowly if self.config.delay else None,
            name="pupil",
        )

    def _slowly(self, batch, seed, epoch):
        time.sleep(self.config.delay)
        return batch

    def facts(self):
        return ["pretrained"] if self.config.fails == "facts" else {"pretrained": "a good school"}

    @torch.no_grad()
    def enhance(self, images):
        return (self.config.weight * self.network(images)).clamp(0, 1)
