"""A plugin whose parts lean on one another: learnt parts in tasks, in data sets, in lessons and beside each other.

A case of ``greys`` is one grey, (number + 1) / 20; what a learner gives is the mean grey of its lessons, a hundredth
per seed more, and a tenth more where it was trained in mixed precision: so every answer can be worked out by hand.
"""

import hashlib
from dataclasses import replace

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
    local,
    param,
    part,
)

METRIC = (MetricSpec("mean", "higher"),)


@hookimpl
def radbench_enhancers():
    def spec(name, attribute, **more):
        return EnhancerSpec(name=name, factory=f"linked_plugin:{attribute}", summary=name, **more)

    return [
        spec("plus", "plus"),
        spec("two-folders", "two_folders"),
        spec("follows", "follows"),
        *(
            spec(name, attribute, learns=True)
            for name, attribute in (
                ("mean", "Mean"),
                ("mean-of-made", "MeanOfMade"),
                ("mean-through", "MeanThrough"),
                ("mean-of-parts", "MeanOfParts"),
                ("mean-then", "MeanThen"),
                ("flaky-mean", "FlakyMean"),
                ("mean-of-flaky", "MeanOfFlaky"),
            )
        ),
        spec("banked", "Banked"),
    ]


@hookimpl
def radbench_tasks():
    def spec(name, attribute, **more):
        return TaskSpec(
            name=name,
            factory=f"linked_plugin:{attribute}",
            summary=name,
            metrics=METRIC,
            default_dataset="greys",
            **more,
        )

    return [
        spec("grey", "Grey"),
        spec("part-grey", "PartGrey"),
        spec("part-moves", "PartMoves", learns=True, training="method"),
    ]


@hookimpl
def radbench_datasets():
    def spec(name, attribute, **more):
        return DatasetSpec(name=name, factory=f"linked_plugin:{attribute}", summary=name, **more)

    return [
        spec("greys", "Greys"),
        spec("others", "Others"),
        spec("made", "Made", slow=True),
        spec("fragile", "Fragile"),
        spec("files", "Files"),
        spec("pairs-of", "PairsOf"),
    ]


class Greys:
    class Config(Config):
        fold: int = param(0, "which third is scored", source="assumed")

    modality, targets = "any", frozenset()

    def __init__(self, config):
        self.config = config

    def manifest(self):
        splits = ("test", "train", "validation")
        return [
            CaseEntry(f"c{i}", f"p{i}", splits[(i + self.config.fold) % 3], hashlib.sha256(b"%d" % i).hexdigest())
            for i in range(6)
        ]

    def load(self, case_id):
        i = int(case_id[1:])
        return Case(case_id, f"p{i}", torch.full((1, 8, 8), (i + 1) / 20))


class Others(Greys):
    collection = "others"


class Made:
    """Another data set's cases as an enhancer that learns shows them."""

    class Config(Config):
        of: PartName = part("dataset", "others")
        by: PartName = part("enhancer", "mean")

    collection = "made"

    def __init__(self, config, parts):
        self.of, self.by = parts.of, parts.by
        self.modality, self.targets = "any", frozenset()

    def manifest(self):
        return list(self.of.manifest())

    def load(self, case_id):
        case = self.of.load(case_id)
        return replace(case, image=self.by(case.image[None]).image[0])


class PairsOf:
    """A data set made of two others, which names no collection."""

    class Config(Config):
        one: PartName = part("dataset", "greys")
        other: PartName = part("dataset", "others")

    def __init__(self, config, parts):
        self.one = parts.one
        self.modality, self.targets = "any", frozenset()

    def manifest(self):
        return list(self.one.manifest())

    def load(self, case_id):
        return self.one.load(case_id)


class Fragile(Greys):
    """The same manifest, and a loader with a fault of its own."""

    def load(self, case_id):
        if case_id == "c0":
            raise RuntimeError("fragile's own fault")
        return super().load(case_id)


class Files(Greys):
    """Cases of a folder; which of them are scored is a field."""

    class Config(Config):
        root: str = local(description="where the cases lie")
        fold: int = param(0, "which third is scored", source="assumed")


def plus(images, amount: float = 0.1):
    return (images + amount).clamp(0, 1)


def two_folders(images, a=local("", "one"), b=local("", "other")):  # noqa: B008
    return images * (0.5 if a else 1.0)


def follows(images, amount: float = 0.1, of: PartName = part("enhancer", lambda c: f"plus[amount={c.amount}]")):  # noqa: B008
    return of(images).image


class Mean:
    class Config(Config):
        trained_on: PartName = learns_from("greys")

    def __init__(self, config, parts=None):
        self.mean = torch.zeros(1)

    def lesson(self, sample):
        return {"grey": sample.image.mean()[None]}

    def fit(self, lessons, context):
        greys = torch.stack([lessons.train[i]["grey"] for i in range(len(lessons.train))])
        self.mean = greys.mean(0) + 0.01 * context.seed + 0.1 * (context.precision == "mixed")

    def state_dict(self):
        return {"mean": self.mean}

    def load_state_dict(self, state):
        self.mean = state["mean"]

    def enhance(self, images):
        return (images * 0 + self.mean).clamp(0, 1)


class MeanOfMade(Mean):
    class Config(Config):
        trained_on: PartName = learns_from("made")


class MeanThrough(Mean):
    class Config(Config):
        trained_on: PartName = learns_from("greys", through="plus")


class MeanOfParts(Mean):
    """Its lessons are what another learner, a part of it, makes of the cases."""

    class Config(Config):
        trained_on: PartName = learns_from("greys")
        helper: PartName = part("enhancer", "mean")

    def __init__(self, config, parts):
        super().__init__(config)
        self.helper = parts.helper

    def lesson(self, sample):
        return {"grey": self.helper(sample.image[None]).image.mean()[None]}


class MeanThen(Mean):
    """Something follows it that has no part in its training."""

    class Config(Config):
        trained_on: PartName = learns_from("greys")
        then: PartName = part("enhancer", "plus", affects="use")

    def __init__(self, config, parts):
        super().__init__(config)
        self.then = parts.then

    def enhance(self, images):
        return self.then(super().enhance(images)).image


class FlakyMean(Mean):
    """One of its lessons fails as long as a file lies there."""

    class Config(Config):
        trained_on: PartName = learns_from("greys")
        obstacle: str = param("", "the file", source="assumed")
        every: bool = param(False, "whether all fail", source="assumed")

    def __init__(self, config):
        super().__init__(config)
        self.config = config

    def lesson(self, sample):
        from pathlib import Path

        if (self.config.every or sample.case.case_id == "c1") and Path(self.config.obstacle).exists():
            raise RuntimeError("an obstacle")
        return super().lesson(sample)


class MeanOfFlaky(Mean):
    """Its lessons have passed one that may lack some of its own."""

    class Config(Config):
        obstacle: str = param("", "the file", source="assumed")
        trained_on: PartName = learns_from("others", through="before")
        before: PartName = part("enhancer", lambda c: f"flaky-mean[obstacle='{c.obstacle}']")

    def __init__(self, config, parts):
        super().__init__(config)
        self.before = parts.before


class Banked:
    """What a learner beside it gives less what the same learner gives in its data set."""

    class Config(Config):
        bank: PartName = part("dataset", "made[of=greys]")
        by: PartName = part("enhancer", "mean")

    def __init__(self, config, parts):
        self.bank, self.by = parts.bank, parts.by

    def enhance(self, images):
        return (self.by(images).image - self.bank.load("c0").image[None]).clamp(0, 1)


class Grey:
    def __init__(self, config):
        pass

    def score(self, sample, context):
        return {"mean": float(sample.image.mean())}


class PartGrey:
    """What a learner, a part of the task, makes of the case."""

    class Config(Config):
        net: PartName = part("enhancer", "mean[trained_on=others]")

    def __init__(self, config, parts):
        self.net = parts.net

    def score(self, sample, context):
        return {"mean": float(self.net(sample.image[None]).image.mean())}


class PartMoves:
    """How far what a part of the task gives in scoring is from what it gave when the task learnt."""

    class Config(Config):
        net: PartName = part("enhancer", "mean[trained_on=others]")

    def __init__(self, config, parts):
        self.net, self.then = parts.net, torch.zeros(1)

    def lesson(self, sample):
        return {"image": sample.image}

    def fit(self, lessons, context):
        self.then = self.net(lessons.train[0]["image"][None]).image.mean()[None]

    def state_dict(self):
        return {"then": self.then}

    def load_state_dict(self, state):
        self.then = state["then"]

    def score(self, sample, context):
        return {"mean": float(self.net(sample.image[None]).image.mean() - self.then)}
