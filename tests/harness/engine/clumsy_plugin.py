"""A plugin of somebody's first day: each thing in it is wrong in one way. The lines that are meant carry a mark."""

import functools

import torch

from radbench import (
    CaseEntry,
    DatasetSpec,
    Enhancement,
    EnhancerSpec,
    MetricSpec,
    PartName,
    TaskSpec,
    hookimpl,
    part,
)

FUNCTIONS = ("raises", "deep", "half_size", "takes_nothing", "wrapped", "keeps_back", "calls_half_size", "mute", "typo")


@hookimpl
def radbench_enhancers():
    specs = [
        EnhancerSpec(name=f"clumsy-{f.replace('_', '-')}", factory=f"clumsy_plugin:{f}", summary=f) for f in FUNCTIONS
    ]
    keeps_back = EnhancerSpec(
        name="clumsy-layer", factory="clumsy_plugin:keeps_back", summary="", layers=("lung_mask", "base")
    )
    return [*specs, keeps_back, EnhancerSpec(name="clumsy-class", factory="clumsy_plugin:Misnamed", summary="")]


@hookimpl
def radbench_tasks():
    metrics = (MetricSpec("bright", "higher"),)
    tasks = [
        TaskSpec(
            name=f"clumsy-{name}",
            factory=f"clumsy_plugin:{name.title()}",
            summary=name,
            metrics=metrics,
            default_dataset="toy",
            needs_layers=("lung_mask",) if name == "needs" else (),
        )
        for name in ("needs", "strange", "hasty")
    ]
    return [*tasks, TaskSpec(name="clumsy-blind", factory="clumsy_plugin:Blind", summary="", metrics=metrics)]


@hookimpl
def radbench_datasets():
    return [
        DatasetSpec(name=f"clumsy-{name.lower()}", factory=f"clumsy_plugin:{name}", summary="", modality="any")
        for name in ("Flat", "Lost", "Unheard")
    ]


def raises(images):
    raise ValueError("kernel must be odd")  # raises


def deep(images):
    return torch.nn.functional.conv2d(images, torch.zeros(1, 2, 3, 3))  # deep


def half_size(images):  # half_size
    return images[:, :, ::2]


def takes_nothing():  # takes_nothing
    return None


def _plain(images, amount=1.0):  # wrapped
    return images.double()


wrapped = functools.wraps(_plain)(lambda *args, **named: _plain(*args, **named))


def keeps_back(images):  # keeps_back
    return Enhancement(images, {"base": images})


def calls_half_size(images, of: PartName = part("enhancer", "clumsy-half-size")):  # noqa: B008
    return of(images).image


def mute(images):  # mute
    pass


def typo(images, of: PartName = part("enhancer", "original", needs=("lung_masks",))):  # noqa: B008
    return of(images).image


class Misnamed:  # Misnamed
    def __init__(self, config):
        pass

    def enhanced(self, images):
        return images


class Needs:
    def __init__(self, config):
        pass

    def score(self, sample, context):
        return {"bright": float(sample.layers["lung_mask"].mean())}


class Strange(Needs):
    def score(self, sample, context):  # Strange
        return {"dark": 0.0}


class Hasty(Needs):
    def score(self, sample):  # Hasty
        return {"bright": 0.0}


class Blind:  # Blind
    def __init__(self, config):
        pass


class Flat:
    modality, targets = "any", frozenset()

    def __init__(self, config):
        pass

    def manifest(self):
        return [CaseEntry("a", "p", "test", "0" * 64)]

    def load(self, case_id):  # Flat
        return torch.zeros(8, 8)


class Lost(Flat):
    def load(self, case_id):
        return {}[case_id]  # Lost


class Unheard(Flat):
    targets = frozenset({"lesion_masks"})
