"""A plugin whose rows are easy to foretell: even greys in files, an enhancer that adds, one that learns, some tasks."""

import hashlib
from pathlib import Path

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
from radbench.contracts import CaseError

BRIGHTNESS = 1.0
"""What the films' loader multiplies by."""


@hookimpl
def radbench_enhancers():
    return [
        EnhancerSpec(name="plus", factory="board_plugin:plus", summary="adds"),
        EnhancerSpec(name="learnt", factory="board_plugin:Learnt", summary="adds the mean", learns=True),
    ]


@hookimpl
def radbench_tasks():
    def task(name, **more):
        metrics = (MetricSpec("mean", "higher"),)
        more = {"factory": "board_plugin:Mean", "default_dataset": "films", **more}
        return TaskSpec(name=name, summary="mean", metrics=metrics, **more)

    return [
        task("grey"),
        task("to-plus", baseline="plus[amount=0.20]"),
        task("to-learnt", baseline="learnt"),
        task("picky", factory="board_plugin:Picky"),
        task("taught", factory="board_plugin:Taught", learns=True),
    ]


@hookimpl
def radbench_datasets():
    return [
        DatasetSpec(name="films", factory="board_plugin:Films", summary="even greys in files"),
        DatasetSpec(name="shown", factory="board_plugin:Shown", summary="films as an enhancer shows them"),
    ]


class Films:
    class Config(Config):
        root: str = local("", "folder of NAME.txt, which hold the grey; without one there are six cases")

    modality = "any"
    targets = frozenset()

    def __init__(self, config):
        self.files = {p.stem: p for p in sorted(Path(config.root).glob("*.txt"))} if config.root else {}

    def manifest(self):
        greys = {name: p.read_text() for name, p in self.files.items()} or {f"c{i}": str(i / 20) for i in range(6)}
        digests = {name: hashlib.sha256(grey.encode()).hexdigest() for name, grey in greys.items()}
        splits = {name: "train" if name.startswith("t") else "test" for name in greys}
        splits |= {} if self.files else {"c4": "train", "c5": "train"}
        return [CaseEntry(n, f"patient of {n}", splits[n], digest) for n, digest in digests.items()]

    def load(self, case_id):
        try:
            grey = float(self.files[case_id].read_text()) if self.files else int(case_id[1:]) / 20
        except ValueError:
            raise CaseError(f"case '{case_id}': cannot read {self.files[case_id]}: no number") from None
        return Case(case_id, f"patient of {case_id}", torch.full((1, 4, 4), grey * BRIGHTNESS))


class Shown:
    class Config(Config):
        by: PartName = part("enhancer", "plus")

    modality = "any"
    targets = frozenset()

    def __init__(self, config, parts):
        self.parts, self.films = parts, Films(Films.Config())

    def manifest(self):
        return self.films.manifest()

    def load(self, case_id):
        case = self.films.load(case_id)
        return Case(case_id, case.patient_id, self.parts.by(case.image[None]).image[0])


def plus(images, amount: float = 0.1):
    return (images + amount).clamp(0, 1)


class Learnt:
    class Config(Config):
        share: float = param(1.0, "of the mean that is added", source="assumed", affects="use")
        trained_on: PartName = learns_from("films")

    def __init__(self, config):
        self.share, self.mean = config.share, torch.zeros(1)

    def lesson(self, sample):
        return {"mean": sample.image.mean()}

    def fit(self, lessons, context):
        means = [lessons.train[i]["mean"] for i in range(len(lessons.train))]
        self.mean = torch.stack(means).mean().reshape(1) + torch.rand(1) * 1e-3

    def enhance(self, images):
        return (images + self.share * self.mean).clamp(0, 1)

    def state_dict(self):
        return {"mean": self.mean}

    def load_state_dict(self, state):
        self.mean = state["mean"]


class Mean:
    def __init__(self, config):
        pass

    def score(self, sample, context):
        return {"mean": float(sample.image.mean())}


class Taught(Mean):
    def lesson(self, sample):
        return {"mean": sample.image.mean()}

    def fit(self, lessons, context):
        pass

    def state_dict(self):
        return {"nothing": torch.zeros(1)}

    def load_state_dict(self, state):
        pass


class Picky(Mean):
    def score(self, sample, context):
        raise OSError(2, "No such file or directory", f"/home/anna m/{sample.case.case_id}/mask.png")
