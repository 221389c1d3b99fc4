"""One seed, one patient: the public face of the thorax phantom.

    thorax = thorax_patient(seed, index, ThoraxConfig())
    volume = render(thorax, (128, 128, 128))                    # spacing from the patient's field of view
    volume = render(thorax, (133, 512, 512), (2.5, 0.7, 0.7))   # or as told

A patient is drawn here, rendered by :mod:`radbench_phantom.thorax.render`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

import numpy as np

from radbench_phantom.thorax.breath import drawn_breath
from radbench_phantom.thorax.build import drawn_build
from radbench_phantom.thorax.findings import Finding, drawn_devices, drawn_findings
from radbench_phantom.thorax.labels import FINDINGS
from radbench_phantom.thorax.stance import drawn_stance
from radbench_phantom.thorax.traits import Traits, drawn_traits

# Streams of random numbers: what one of them draws never moves another, so findings cannot depend on build or dose.
_TRAITS, _FINDINGS, _DEVICES, _ANATOMY, _SCAN = 31, 32, 33, 34, 35

PREVALENCE: Mapping[str, float] = MappingProxyType(
    {
        "nodule": 0.30,
        "mass": 0.08,
        "consolidation": 0.15,
        "effusion": 0.15,
        "pneumothorax": 0.08,
        "cardiomegaly": 0.12,
        "atelectasis": 0.12,
        "emphysema": 0.12,
        "fracture": 0.08,
        "granuloma": 0.12,
    }
)
"""Share of the patients with each finding, each drawn on its own."""


@dataclass(frozen=True)
class ThoraxConfig:
    """What may vary between data sets of thoraces.

    Attributes:
        prevalence: share of the patients by finding; what is left out is absent.
        contrast: share of the patients with enhanced vessels.
        devices: share of the patients with each device.
        kernel: reconstruction kernel, one of ``kernels.KERNELS``.
        noise: factor on the scan's noise.
        upright: whether the patient stands, as for a radiograph: arms hang, pleural fluid and air part.
        at_stand: upright: whether at a chest stand, which nearly all push their shoulders against; None draws it.
    """

    prevalence: Mapping[str, float] = field(default_factory=lambda: PREVALENCE)
    contrast: float = 0.4
    devices: float = 0.08
    kernel: str = "standard"
    noise: float = 1.0
    upright: bool = False
    at_stand: bool | None = None

    def __post_init__(self) -> None:
        unknown = set(self.prevalence) - set(FINDINGS)
        if unknown:
            raise ValueError(f"unknown finding '{min(unknown)}'; findings are {', '.join(FINDINGS)}")


@dataclass(frozen=True)
class Thorax:
    """One patient: build, findings and devices, from which any grid can be rendered.

    Attributes:
        seed, index: what it follows from.
        config: what was allowed.
        traits: the patient's build.
        findings: what there is to find.
        devices: names of devices.
    """

    seed: int
    index: int
    config: ThoraxConfig
    traits: Traits
    findings: tuple[Finding, ...]
    devices: tuple[str, ...]

    def rng(self, stream: int) -> np.random.Generator:
        """Return a fresh generator of one of the patient's streams."""
        return np.random.default_rng((stream, self.seed, self.index))

    def anatomy_rng(self, part: int) -> np.random.Generator:
        """Return a fresh generator for a part of the anatomy."""
        return np.random.default_rng((_ANATOMY, self.seed, self.index, part))

    def scan_seed(self, part: int) -> tuple[int, ...]:
        """Return the seed of a part of the scan's noise."""
        return (_SCAN, self.seed, self.index, part)

    @property
    def present(self) -> dict[str, bool]:
        """Whether each finding is there, by name in the order of ``FINDINGS``."""
        names = {f.name for f in self.findings}
        return {name: name in names for name in FINDINGS}

    @property
    def facts(self) -> dict[str, Any]:
        """What was drawn: build, findings and devices, fit for JSON."""
        t = self.traits
        return {
            "sex": t.sex,
            "age": round(t.age),
            "bmi": round(t.bmi, 1),
            "contrast": t.contrast,
            "kernel": self.config.kernel,
            "devices": list(self.devices),
            "findings": [{"name": f.name, **f.facts} for f in self.findings],
        }


def thorax_patient(seed: int, index: int, config: ThoraxConfig | None = None) -> Thorax:
    """Return one patient; whom depends on ``(seed, index)`` and on nothing that is drawn for others.

    Args:
        seed: seed of the data set.
        index: number of the patient.
        config: prevalences and scan.
    """
    config = config or ThoraxConfig()

    def rng(stream: int) -> np.random.Generator:
        return np.random.default_rng((stream, seed, index))

    traits = drawn_traits(rng(_TRAITS), config.contrast)
    own = np.random.default_rng((_ANATOMY, seed, index, 40))
    male = traits.sex == "male"
    stance = drawn_stance(own, male, traits.age, traits.bmi, config.upright, config.at_stand)
    traits = replace(traits, stance=stance)
    shape, scale, fov = drawn_build(np.random.default_rng((_ANATOMY, seed, index, 50)), traits)
    traits = replace(traits, shape=shape, scale=scale, fov_mm=fov)
    breath = drawn_breath(np.random.default_rng((_ANATOMY, seed, index, 61)), traits.age)
    traits = replace(traits, breath=breath, lung_hu=traits.lung_hu - 16.0 * breath.flat)
    if config.upright:
        # Standing, at full breath, the diaphragm is lower.
        traits = replace(traits, breath_mm=traits.breath_mm + 21.0)
    findings = drawn_findings(rng(_FINDINGS), config.prevalence)
    for f in findings:
        if f.name == "cardiomegaly":
            traits = replace(traits, heart=traits.heart * f.size)
    return Thorax(seed, index, config, traits, findings, drawn_devices(rng(_DEVICES), config.devices))
