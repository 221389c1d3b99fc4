"""A plugin with a tiny data set and enhancers that misbehave in every way the harness must survive."""

import hashlib
import os
import time
import warnings

from radbench import (
    Case,
    CaseEntry,
    Config,
    DatasetSpec,
    Enhancement,
    EnhancerSpec,
    MetricSpec,
    PartName,
    Prediction,
    TaskSpec,
    hookimpl,
    learns_from,
    param,
)
from radbench.contracts import CaseError

KINDS = (
    "brighten",
    "raises",
    "nan",
    "wrong_shape",
    "wrong_dtype",
    "mutates",
    "exits",
    "sleeps",
    "eats",
    "picky",
    "noisy",
    "leaves",
    "wary",
    "flaky",
    "layered",
)
HEARD = []


@hookimpl
def radbench_enhancers():
    specs = [
        EnhancerSpec(
            name=f"toy-{k.replace('_', '-')}",
            factory=f"toy_plugin:{k}",
            summary=k,
            draws=k == "noisy",
            layers=("denoised",) if k == "layered" else (),
        )
        for k in KINDS
    ]
    batched = EnhancerSpec(name="toy-batched", factory="toy_plugin:picky", summary="four at once", batch_size=4)
    learner = EnhancerSpec(name="toy-learner", factory="toy_plugin:Learner", summary="learns", learns=True)
    return [*specs, batched, learner]


@hookimpl
def radbench_tasks():
    mean = MetricSpec("mean", "higher", data_range=1.0)
    auroc = MetricSpec("auroc", "higher", aggregation="auroc")
    return [
        TaskSpec(name="toy-mean", factory="toy_plugin:Mean", summary="mean", metrics=(mean,), default_dataset="toy"),
        TaskSpec(
            name="toy-auroc", factory="toy_plugin:Auroc", summary="AUROC", metrics=(auroc,), default_dataset="toy"
        ),
        TaskSpec(name="toy-odd", factory="toy_plugin:Odd", summary="odd", metrics=(mean,), default_dataset="toy"),
        TaskSpec(
            name="toy-whole",
            factory="toy_plugin:Whole",
            summary="learns",
            metrics=(mean,),
            learns=True,
            default_dataset="toy",
        ),
        TaskSpec(
            name="toy-steady",
            factory="toy_plugin:Whole",
            summary="learns as a measurement does",
            metrics=(mean,),
            learns=True,
            training="measurement",
            default_dataset="toy",
        ),
        TaskSpec(
            name="toy-denoised",
            factory="toy_plugin:Denoised",
            summary="looks at a layer",
            metrics=(mean,),
            needs_layers=("denoised",),
            default_dataset="toy",
        ),
        TaskSpec(
            name="toy-lung", factory="toy_plugin:Mean", summary="needs", metrics=(mean,), needs_targets=("lung_mask",)
        ),
    ]


@hookimpl
def radbench_pair_started(pair):
    HEARD.append(("started", pair.name, None))


@hookimpl
def radbench_pair_finished(pair, rows):
    HEARD.append(("finished", pair.name, rows))


@hookimpl
def radbench_datasets():
    return [DatasetSpec(name="toy", factory="toy_plugin:Toy", summary="squares", modality="any")]


class Toy:
    class Config(Config):
        cases: int = param(6, "how many", source="assumed")
        size: int = param(8, "pixels", source="assumed")
        bad: str = param("", "case that cannot be loaded", source="assumed")
        how: str = param("raise", "what the bad case does: raise, nan or exit", source="assumed")
        delay: float = param(0.0, "seconds to load", source="assumed")

    modality = "any"
    targets = frozenset({"findings"})

    def __init__(self, config):
        self.config = config

    def manifest(self):
        def entry(split, i):
            fault = self.config.how if f"{split}{i}" == self.config.bad else ""
            digest = hashlib.sha256(f"{split}{i}{self.config.size}{fault}".encode()).hexdigest()
            return CaseEntry(
                f"{split}{i}", f"{split}-p{i // 2}", split, digest, {"parity": "even" if i % 2 == 0 else "odd"}
            )

        return [entry(s, i) for s in ("train", "validation", "test") for i in range(self.config.cases)]

    def load(self, case_id):
        if case_id == self.config.bad and self.config.how == "raise":
            raise CaseError(f"case '{case_id}': its file is cut short")
        if case_id == self.config.bad and self.config.how == "exit":
            os._exit(4)
        import torch

        time.sleep(self.config.delay)
        split, i = case_id.rstrip("0123456789"), int(case_id.lstrip("abcdefghijklmnopqrstuvwxyz"))
        image = torch.full((1, self.config.size, self.config.size), (i + 1) / 20)
        group = "even" if i % 2 == 0 else "odd"
        if case_id == self.config.bad:
            image[0, 0, 0] = float("nan")
        findings = {"odd": float(i % 2)}
        return Case(case_id, f"{split}-p{i // 2}", image, groups={"parity": group}, targets={"findings": findings})


class Mean:
    class Config(Config):
        scale: float = param(1.0, "factor", source="assumed")

    def __init__(self, config):
        self.config = config

    def score(self, sample, context):
        return {"mean": float(sample.image.mean()) * self.config.scale}


class Denoised(Mean):
    def score(self, sample, context):
        return {"mean": float(sample.layers["denoised"].mean()) * self.config.scale}


class Auroc(Mean):
    def score(self, sample, context):
        return {"auroc": Prediction(sample.case.targets["findings"]["odd"], float(sample.image.mean()))}


class Odd(Mean):
    """Scores case by case, and does what a task must not, or draws random numbers."""

    class Config(Config):
        how: str = param("random", "random, mutate, names, nan or exit", source="assumed")

    def __init__(self, config):
        import torch

        self.config = config
        self.offset = torch.rand(1).item()

    def score(self, sample, context):
        import torch

        if self.config.how == "mutate":
            sample.case.image.mul_(0.5)
            sample.image.mul_(0.5)
            return {"mean": float(sample.case.image.mean())}
        if self.config.how == "names":
            return {"average": 0.0}
        if self.config.how == "nan":
            return {"mean": float("nan")}
        if self.config.how == "exit":
            os._exit(5)
        return {"mean": torch.rand(1).item() + self.offset}


class Whole:
    """Learns from the train split, with the faults of such tasks."""

    class Config(Config):
        how: str = param("", "fail, strange or stubborn", source="assumed")
        scale: float = param(1.0, "of the scores", source="assumed", affects="use")

    def __init__(self, config):
        self.config = config
        self.learnt = None

    def lesson(self, sample):
        return "nothing" if self.config.how == "strange" else {"mean": sample.image.mean()}

    def fit(self, lessons, context):
        import torch

        if self.config.how == "stubborn":
            raise RuntimeError("no convergence")
        train = lessons.train
        self.learnt = torch.stack([train[i]["mean"] for i in range(len(train))]).sum() + torch.rand(1)[0]

    def state_dict(self):
        return {"learnt": self.learnt}

    def load_state_dict(self, state):
        self.learnt = state["learnt"]

    def score(self, sample, context):
        if self.config.how == "fail" and sample.case.case_id == "test5":
            raise CaseError("no lesion found")
        return {"mean": self.config.scale * (float(self.learnt) + float(sample.image.mean()))}


class Learner:
    class Config(Config):
        trained_on: PartName = learns_from("toy")
        fail: bool = param(False, "raise in fit", source="assumed", affects="weights")
        strength: float = param(1.0, "how much of what was learnt is added", source="assumed", affects="weights")

    def __init__(self, config):
        import torch

        self.config = config
        self.weight = torch.rand(1) * 1e-3

    def lesson(self, sample):
        return {"mean": sample.image.mean()}

    def fit(self, lessons, context):
        import torch

        if self.config.fail:
            raise RuntimeError("no convergence")
        train = lessons.train
        mean = torch.stack([train[i]["mean"] for i in range(len(train))]).mean().reshape(1)
        self.weight = self.weight + mean * self.config.strength + torch.rand(1) * 1e-3
        context.progress(1, 1, "epoch")

    def enhance(self, images):
        return (images + self.weight).clamp(0, 1)

    def state_dict(self):
        return {"weight": self.weight, "tied": self.weight}

    def load_state_dict(self, state):
        self.weight = state["weight"]


def brighten(images, amount: float = 0.1):
    return (images + amount).clamp(0, 1)


def raises(images):
    raise ValueError("I never work")


def nan(images):
    return images * float("nan")


def wrong_shape(images):
    return images[:, :, :4]


def wrong_dtype(images):
    return images.double()


def mutates(images):
    return images.mul_(0.5)


def exits(images):
    os._exit(7)


def sleeps(images):
    time.sleep(60)
    return images


def eats(images):
    hoard = []
    while True:
        hoard.append(bytearray(os.urandom(1024)) * 20_000)


def picky(images, fails_at: float = 0.15, how: str = "raise"):
    if bool(((images.mean(dim=(1, 2, 3)) - fails_at).abs() < 1e-3).any()):
        if how == "exit":
            os._exit(3)
        raise ValueError("not this one")
    return images


def leaves(images):
    raise SystemExit("done here")


def wary(images):
    for _ in images:
        warnings.warn("a remark on 1 image", stacklevel=1)
    return images


def flaky(images, marker: str = ""):
    """Die the first time only."""
    if not os.path.exists(marker):  # noqa: PTH110
        open(marker, "w").close()  # noqa: PTH123
        os._exit(9)
    return images


def layered(images, layer: str = "denoised"):
    return Enhancement(images, {layer: images * 0.5})


def noisy(images):
    import torch

    return (images + torch.rand_like(images) * 0.1).clamp(0, 1)
