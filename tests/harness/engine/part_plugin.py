"""A plugin whose parts name other parts: compositions, rounds, a circle, sources, twins, views, a made data set."""

import hashlib
from dataclasses import replace

import torch

from radbench import (
    Case,
    CaseEntry,
    Config,
    DatasetSpec,
    Enhancement,
    EnhancerSpec,
    MetricSpec,
    PartName,
    PartNames,
    TaskSpec,
    hookimpl,
    learns_from,
    local,
    param,
    part,
    parts,
)


@hookimpl
def radbench_enhancers():
    return [
        EnhancerSpec(name="plus", factory="part_plugin:plus", summary="adds"),
        EnhancerSpec(name="dither", factory="part_plugin:dither", summary="draws", draws=True),
        EnhancerSpec(name="masked", factory="part_plugin:masked", summary="gives a mask", layers=("lung_mask",)),
        EnhancerSpec(name="both", factory="part_plugin:both", summary="the mean of several"),
        EnhancerSpec(name="cutter", factory="part_plugin:cutter", summary="needs a mask"),
        EnhancerSpec(name="rounds", factory="part_plugin:Rounds", summary="learns in rounds", learns=True),
        EnhancerSpec(name="pair", factory="part_plugin:TwoSources", summary="two sources", learns=True),
        EnhancerSpec(name="self-taught", factory="part_plugin:SelfTaught", summary="no source", learns=True),
        EnhancerSpec(name="snake", factory="part_plugin:snake", summary="names itself"),
        EnhancerSpec(name="filed", factory="part_plugin:Filed", summary="reads a file"),
        EnhancerSpec(name="shy", factory="part_plugin:Shy", summary="has no fingerprint to give"),
        EnhancerSpec(name="turner", factory="part_plugin:Turner", summary="renders", renders=True),
    ]


@hookimpl
def radbench_tasks():
    mean = (MetricSpec("mean", "higher"),)
    twins = (MetricSpec("gap", "lower"),)
    views = (MetricSpec("shift", "lower", over_facets="mean"),)
    return [
        TaskSpec(name="grey", factory="part_plugin:Grey", summary="mean", metrics=mean, default_dataset="greys"),
        TaskSpec(
            name="gap",
            factory="part_plugin:Gap",
            summary="twins",
            metrics=twins,
            needs_twins=True,
            default_dataset="greys[twins=true]",
        ),
        TaskSpec(
            name="turned",
            factory="part_plugin:Turned",
            summary="views",
            metrics=views,
            needs_views=True,
            default_dataset="greys",
        ),
    ]


@hookimpl
def radbench_datasets():
    return [
        DatasetSpec(name="greys", factory="part_plugin:Greys", summary="even greys"),
        DatasetSpec(name="through", factory="part_plugin:Through", summary="as an enhancer shows them", slow=True),
    ]


class Greys:
    class Config(Config):
        n: int = param(4, "cases of each split", source="assumed")
        twins: bool = param(False, "with a darker twin each", source="assumed")
        shuffled: bool = param(False, "patients of train are those of test, and the other way", source="assumed")

    modality = "any"
    targets = frozenset()

    def __init__(self, config):
        self.config = config
        self.collection = "greys"

    def manifest(self):
        def entry(split, i, twin=""):
            case_id = f"{split}{i}{'-lit' if twin else ''}"
            digest = hashlib.sha256(f"{case_id}{twin}".encode()).hexdigest()
            return CaseEntry(case_id, self.patient(split, i), split, digest, twin=twin)

        for split in ("train", "validation", "test"):
            for i in range(self.config.n):
                yield entry(split, i)
                if self.config.twins:
                    yield entry(split, i, twin=f"{split}{i}")

    def load(self, case_id):
        bare = case_id.removesuffix("-lit")
        split, i = bare.rstrip("0123456789"), int(bare.lstrip("abcdefghijklmnopqrstuvwxyz"))
        image = torch.full((1, 8, 8), (i + 1) / 20 + (0.25 if bare != case_id else 0.0))
        return Case(case_id, self.patient(split, i), image)

    def patient(self, split, i):
        if self.config.shuffled:
            split = {"train": "test", "test": "train"}.get(split, split)
        return f"{split}-p{i}"


class Through:
    class Config(Config):
        of: PartName = part("dataset", "greys")
        by: PartName = part("enhancer", "rounds")

    def __init__(self, config, parts):
        self.of, self.by = parts.of, parts.by
        self.modality, self.targets = "any", frozenset()

    def manifest(self):
        return list(self.of.manifest())

    def load(self, case_id):
        case = self.of.load(case_id)
        return replace(case, image=self.by(case.image[None]).image[0])


def plus(images, amount: float = 0.1):
    return (images + amount).clamp(0, 1)


def dither(images):
    return (images + 0.1 * torch.rand_like(images)).clamp(0, 1)


def masked(images):
    return Enhancement(images, {"lung_mask": torch.ones_like(images)})


def both(images, of: PartNames = parts("enhancer")):  # noqa: B008
    return torch.stack([one(images).image for one in of]).mean(0)


def cutter(images, of: PartName = part("enhancer", needs=("lung_mask",))):  # noqa: B008
    found = of(images)
    return found.image * found.layers["lung_mask"]


def snake(images, tail: PartName = part("enhancer", "snake")):  # noqa: B008
    return images


class Learning:
    """What the learners share: a number that is learnt and added."""

    def __init__(self, config, parts=None):
        self.config, self.parts, self.value = config, parts, torch.zeros(1)

    def state_dict(self):
        return {"value": self.value}

    def load_state_dict(self, state):
        self.value = state["value"]

    def enhance(self, images):
        return (images + self.value).clamp(0, 1)


class Rounds(Learning):
    class Config(Config):
        rounds: int = param(1, "how often", source="assumed")
        shown: float = param(1.0, "of what was learnt", source="assumed", affects="use")
        earlier: PartName = part("enhancer", lambda c: c.with_(rounds=c.rounds - 1) if c.rounds > 1 else None)
        trained_on: PartName = learns_from("greys", through="earlier")

    def __init__(self, config, parts):
        super().__init__(config, parts)

    def lesson(self, sample):
        return {"mean": sample.image.mean()}

    def fit(self, lessons, context):
        means = [lessons.train[i]["mean"] for i in range(len(lessons.train))]
        self.value = torch.stack(means).mean().reshape(1)

    def enhance(self, images):
        before = self.parts.earlier(images).image if self.parts.earlier else images
        return (before + self.config.shown * self.value).clamp(0, 1)


class TwoSources(Learning):
    class Config(Config):
        dark: PartName = learns_from("greys[n=2]")
        light: PartName = learns_from("greys[n=6]")

    def lesson(self, sample, field):
        return {field: sample.image.mean()}

    def fit(self, lessons, context):
        counts = [len(lessons[field].train) for field in ("dark", "light")]
        self.value = torch.tensor([counts[0] / 100 + counts[1] / 1000])


class SelfTaught(Learning):
    def fit(self, lessons, context):
        assert len(lessons.train) == 0
        self.value = torch.tensor([0.5])


class Filed:
    class Config(Config):
        root: str = local(description="a folder")

    def __init__(self, config):
        self.config = config

    def enhance(self, images):
        return images


class Shy(Filed):
    def fingerprint(self):
        return None


class Turner:
    def __init__(self, config):
        pass

    def enhance(self, images):
        return images

    def views(self, images, poses):
        return Enhancement(torch.stack([images + 0.01 * pose for pose in poses], dim=1))


class Grey:
    def __init__(self, config):
        pass

    def score(self, sample, context):
        return {"mean": float(sample.image.mean())}


class Gap:
    def __init__(self, config):
        pass

    def score(self, sample, context):
        return {"gap": float((sample.image - sample.twin.image).mean())}


class Turned:
    def __init__(self, config):
        pass

    @staticmethod
    def views(config):
        return (0.0, 1.0, 4.0)

    def score(self, sample, context):
        shifts = (sample.views.image - sample.case.image).mean(dim=(1, 2, 3)).tolist()
        return {"shift": {f"{p:g}": s for p, s in zip((0.0, 1.0, 4.0), shifts, strict=True)}}
