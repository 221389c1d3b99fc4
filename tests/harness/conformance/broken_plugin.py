"""A plugin each of whose parts breaks one rule, and few that hold to all."""

import hashlib
import os
import random
from dataclasses import replace
from typing import Annotated

import torch

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

ENHANCERS = (
    *("sound", "shy", "undescribed", "growing", "picky", "writing", "counting", "drawing", "leaky", "swallows_nan"),
    *("unmoved", "promising", "batched", "from_another_place", "hashing", "first_seen", "one_only", "dies_elsewhere"),
)


@hookimpl
def radbench_enhancers():
    more = {"promising": {"layers": ("base",)}, "batched": {"batch_size": 4}}
    plain = [
        EnhancerSpec(name.replace("_", "-"), f"broken_plugin:{name}", name, **more.get(name, {})) for name in ENHANCERS
    ]
    learners = [
        EnhancerSpec(name, f"broken_plugin:{cls}", name, learns=True)
        for name, cls in (
            ("learner", "Learner"),
            ("forgetful", "Forgetful"),
            ("moody-lessons", "MoodyLessons"),
            ("restless", "Restless"),
            ("starts-midway", "StartsMidway"),
            ("catches-all", "CatchesAll"),
            ("hashed-lessons", "HashedLessons"),
            ("hashed-weights", "HashedWeights"),
            ("silent", "Silent"),
            ("lazy", "Lazy"),
            ("inherited", "Inherited"),
            ("unbuildable", "Unbuildable"),
            ("astray", "Lerner"),
            ("mute", "Mute"),
        )
    ]
    return plain + learners


@hookimpl
def radbench_tasks():
    def task(name, cls, **more):
        metric = MetricSpec("share", "higher", empty="0")
        return TaskSpec(name, f"broken_plugin:{cls}", name, metrics=(metric,), needs_targets=("lesion_mask",), **more)

    found = [task("share", "Share"), task("divides", "Divides"), task("moody", "Moody"), task("wordy", "Wordy")]
    return [*found, task("blind", "Blind"), task("hashed", "Hashed")]


@hookimpl
def radbench_datasets():
    def data(name, cls, **more):
        return DatasetSpec(name, f"broken_plugin:{cls}", name, **more)

    return [
        data("ramps", "Ramps", licence="CC0-1.0", citation="made up"),
        data("noisy-ramps", "NoisyRamps"),
        data("hashed-ramps", "HashedRamps"),
        data("bold-ramps", "BoldRamps"),
        data("empty-handed-ramps", "EmptyHandedRamps"),
        data("short-digests", "ShortDigests"),
        data("two-splits", "TwoSplits"),
        data("unordered-ramps", "UnorderedRamps"),
        data("hashed-pixels", "HashedPixels"),
        data("flat-spacing", "FlatSpacing"),
        data("two-groups", "TwoGroups"),
        data("one-digest", "OneDigest"),
    ]


Amount = Annotated[float, param(description="how much", source="assumed", ge=0)]


def sound(images, amount: Amount = 0.5):
    return (images * amount).clamp(0, 1)


def shy(images):
    from radbench.contracts import CaseError

    if min(images.shape[2:]) < 8:
        raise CaseError(f"an image of {images.shape[2]} x {images.shape[3]} is too small for it: 8 at least")
    return images


def undescribed(images, amount=0.5):
    return images * amount


def growing(images):
    return images * 2


def picky(images):
    return torch.nn.functional.pad(images, (2, 2, 2, 2), mode="reflect")[..., 2:-2, 2:-2]


def writing(images):
    images *= 0.5
    return images.clone()


CALLS = [0]


def counting(images):
    CALLS[0] += 1
    return (images * 0.5 + 0.001 * CALLS[0]).clamp(0, 1)


def drawing(images):
    return (images * 0.9 + 0.1 * random.random()).clamp(0, 1)


SEEN = []


def leaky(images):
    SEEN.append(bool(images.isnan().any()))
    return images * (0.5 if any(SEEN) else 1.0)


def swallows_nan(images):
    return images.nan_to_num()


class unmoved:  # noqa: N801
    def __init__(self, config):
        self.kernel = torch.ones(3)

    def to(self, device):
        return self

    def enhance(self, images):
        return images


def promising(images):
    return images


def batched(images):
    return (images / images.max().clamp_min(1e-6)).clamp(0, 1)


def from_another_place(images):
    import importlib

    importlib.import_module("radbench" + "_classical.blur")
    return images


def hashing(images):
    return images * (0.5 + (hash("a salt") % 997) / 2000)


FIRST = []


def first_seen(images):
    FIRST.append(float(images.mean()))
    return (images - images.mean() + FIRST[0]).clamp(0, 1)


def dies_elsewhere(images):
    if os.environ.get("PYTHONHASHSEED") == "1":
        os._exit(3)
    return images


def one_only(images):
    (image,) = images
    return image[None]


class Learner:
    class Config(Config):
        trained_on: PartName = learns_from("ramps[count=8]")
        rate: float = param(0.5, "how fast", source="assumed", affects="weights")

    def __init__(self, config):
        self.config, self.scale = config, torch.ones(1)

    def lesson(self, sample):
        return {"mean": sample.image.mean().reshape(1)}

    def fit(self, lessons, context):
        for step in range(4):
            self.scale = self.scale * (1 - 0.1 * self.config.rate)
            context.progress(step + 1, 4, "learning")

    def enhance(self, images):
        return (images * self.scale.to(images.device)).clamp(0, 1)

    def state_dict(self):
        return {"scale": self.scale}

    def load_state_dict(self, state):
        self.scale = state["scale"]


class Forgetful(Learner):
    def fit(self, lessons, context):
        super().fit(lessons, context)
        self.offset = 0.1

    def enhance(self, images):
        return (images * self.scale + getattr(self, "offset", 0.0)).clamp(0, 1)


class MoodyLessons(Learner):
    def lesson(self, sample):
        self.seen = getattr(self, "seen", 0) + 1
        return {"mean": torch.tensor([float(self.seen)])}


class Restless(Learner):
    def fit(self, lessons, context):
        self.scale = torch.tensor([random.SystemRandom().random()])


class StartsMidway(Learner):
    """Keeps its weights, but not how far it had come."""

    def fit(self, lessons, context):
        kept = context.workdir / "scale.pt"
        if kept.exists():
            self.scale = torch.load(kept)
        for step in range(4):
            self.scale = self.scale * 0.9
            torch.save(self.scale, kept)
            context.progress(step + 1, 4, "learning")


class CatchesAll(Learner):
    def fit(self, lessons, context):
        try:
            super().fit(lessons, context)
        except BaseException:
            self.scale = torch.zeros(1)


class HashedLessons(Learner):
    def lesson(self, sample):
        return {"mean": torch.tensor([float(hash(sample.case.case_id) % 997)])}


class HashedWeights(Learner):
    def fit(self, lessons, context):
        super().fit(lessons, context)
        self.scale = self.scale + (hash("a salt") % 997) / 1e4


class Silent(Learner):
    def fit(self, lessons, context):
        self.scale = self.scale * 0.9


class Lazy(Learner):
    def fit(self, lessons, context):
        context.progress(1, 1, "nothing")


class Inherited(torch.nn.Module):
    """Has its state_dict from PyTorch, which knows nothing of the offset."""

    Config = Learner.Config

    def __init__(self, config):
        super().__init__()
        self.scale = torch.nn.Parameter(torch.ones(1))
        self.offset = 0.0

    def lesson(self, sample):
        return {"mean": sample.image.mean().reshape(1)}

    def fit(self, lessons, context):
        self.scale.data *= 0.5
        self.offset = 0.1

    def enhance(self, images):
        return (images * self.scale + self.offset).clamp(0, 1)


class Unbuildable(Learner):
    def __init__(self):
        pass


class Mute(Learner):
    enhance = None


class Share:
    def __init__(self, config):
        pass

    def score(self, sample, context):
        return {"share": float((sample.image * sample.case.targets["lesion_mask"]).mean())}


class Blind(Share):
    def score(self, sample, context):
        return {"share": float((sample.case.image * sample.case.targets["lesion_mask"]).mean())}


class Hashed(Share):
    def score(self, sample, context):
        return {"share": float(sample.image.mean()) * (hash(sample.case.case_id) % 997)}


class Divides(Share):
    def score(self, sample, context):
        mask = sample.case.targets["lesion_mask"]
        return {"share": 1 / int(mask.sum())}


class Moody(Share):
    def score(self, sample, context):
        self.seen = getattr(self, "seen", 0) + 1
        return {"share": float(self.seen)}


class Wordy(Share):
    def score(self, sample, context):
        return {"share": "a lot"}


class Ramps:
    class Config(Config):
        count: int = param(6, "how many", source="assumed", ge=1)

    modality, targets = "any", frozenset()

    def __init__(self, config):
        self.config = config

    def digest(self, case_id):
        return hashlib.sha256(case_id.encode()).hexdigest()

    def manifest(self):
        splits = ("train", "test")
        return [
            CaseEntry(f"ramp-{i}", f"patient-{i}", splits[i % 2], self.digest(f"ramp-{i}"))
            for i in range(self.config.count)
        ]

    def load(self, case_id):
        number = int(case_id.removeprefix("ramp-"))
        image = torch.linspace(0, 1, 64).expand(1, 48, 64).pow(1 + number).contiguous()
        return Case(case_id, f"patient-{number}", image)


class NoisyRamps(Ramps):
    def load(self, case_id):
        case = super().load(case_id)
        noise = torch.rand(case.image.shape, generator=torch.Generator().manual_seed(id(self) + len(SEEN)))
        SEEN.append(False)
        return Case(case.case_id, case.patient_id, noise)


class HashedRamps(Ramps):
    def digest(self, case_id):
        return hashlib.sha256(str(hash(case_id)).encode()).hexdigest()


class BoldRamps(Ramps):
    def load(self, case_id):
        case = super().load(case_id)
        return Case(case.case_id, case.patient_id, case.image, targets={"hu": case.image * 1000})


class EmptyHandedRamps(Ramps):
    targets = frozenset({"lesion_mask"})


class ShortDigests(Ramps):
    def digest(self, case_id):
        return case_id


class TwoSplits(Ramps):
    def manifest(self):
        return [*super().manifest(), CaseEntry("ramp-9", "patient-0", "test", self.digest("ramp-9"))]


class UnorderedRamps(Ramps):
    def manifest(self):
        by_id = {e.case_id: e for e in super().manifest()}
        return [by_id[case_id] for case_id in set(by_id)]  # as its author did not mean it


class HashedPixels(Ramps):
    def load(self, case_id):
        case = super().load(case_id)
        return Case(case.case_id, case.patient_id, case.image * (0.5 + (hash(case_id) % 997) / 2000))


class FlatSpacing(Ramps):
    def load(self, case_id):
        return replace(super().load(case_id), spacing_mm=(0.5, 0.0))


class TwoGroups(Ramps):
    def load(self, case_id):
        return replace(super().load(case_id), groups={"size": "large"})


class OneDigest(Ramps):
    def digest(self, case_id):
        return hashlib.sha256(b"all of them").hexdigest()
