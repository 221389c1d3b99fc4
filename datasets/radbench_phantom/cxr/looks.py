"""Looks of hospital radiographs, drawn per patient: how a film was taken, processed and marked."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np

from radbench_phantom.cxr.config import PhantomCxrConfig
from radbench_phantom.cxr.marks import Blade, Mark, drawn_blades, drawn_marks

_LOOK = 63
_VIEW, _GEOMETRY, _BEAM, _PROCESSING, _BLADES, _MARKS, _BREATH = range(7)

BEDSIDE_SHARE = 0.5
"""Share of ``look=hospital`` taken at the bedside; 20 of the 36 radiographs of covid-cxr-lungs are."""

STYLES = {"stand": (("flat", 0.45), ("film", 0.4), ("detailed", 0.15)), "bedside": (("detailed", 0.9), ("film", 0.1))}
"""Ways of processing with their shares. flat: faint, as stored for further windowing. film: black air, white abdomen.
detailed: coarse contrast flattened and detail raised, so that bones and lines show through the mediastinum."""


@dataclass(frozen=True)
class Look:
    """How one patient's film came about. Greys are in [0,1]; lengths in mm, at the isocentre where there is a choice.

    Attributes:
        view: "PA" at the stand or "AP" at the bedside.
        style: one of flat, film, detailed.
        source_detector_mm, source_isocentre_mm: distances.
        tilt_deg: how far the tube stands above the patient's middle (below: lordotic); the detector stays level.
        turn_deg: how far the detector is turned in its plane, clockwise.
        shallow_mm: how much higher the diaphragm stands than at full breath.
        margins_mm: what is shown beyond the lungs (above, below, at the patient's right, at the left).
        aspect: width over height of what a square image shows.
        scatter: scattered over primary radiation behind the body; scatter_mm: its spread.
        photons: that a pixel counts in free air.
        blur_mm: detector's point spread.
        flattening: share of the coarse contrast (beyond coarse_mm) that is taken away.
        coarse_mm: see there.
        gains: factors on detail up to about 2, 6 and 20 mm; knee: contrast from which they fade to 1.
        curve: "linear", "sigmoid", "power", or "film" where film_gamma or film_exposure were set.
        gamma: exponent of the power.
        lung_grey, heart_grey: greys that the lungs' and the heart's medians get.
        bits: of grey.
        blades: collimator edges and shutters.
        marks: side markers and text.
    """

    view: str
    style: str
    source_detector_mm: float
    source_isocentre_mm: float
    tilt_deg: float
    turn_deg: float
    shallow_mm: float
    margins_mm: tuple[float, float, float, float]
    aspect: float
    scatter: float
    scatter_mm: float
    photons: float
    blur_mm: float
    flattening: float
    coarse_mm: float
    gains: tuple[float, float, float]
    knee: float
    curve: str
    gamma: float
    lung_grey: float
    heart_grey: float
    bits: int
    blades: tuple[Blade, ...]
    marks: tuple[Mark, ...]

    @property
    def facts(self) -> dict[str, Any]:
        """What was drawn, fit for JSON."""
        return {k: _rounded(v) for k, v in dataclasses.asdict(self).items()}


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.5g}")
    if isinstance(value, dict):
        return {k: _rounded(v) for k, v in value.items()}
    return [_rounded(v) for v in value] if isinstance(value, (tuple, list)) else value


def look_of(config: PhantomCxrConfig, index: int) -> Look:
    """Draw a patient's look; a field of the configuration that is not at its default stays as it is set.

    Each part is drawn from a stream of its own, so that none of them depends on the patient or on another part.

    Args:
        config: with ``look`` other than "plain".
        index: number of the patient.
    """

    def rng(part: int) -> np.random.Generator:
        return np.random.default_rng((_LOOK, config.seed, index, part))

    draw = rng(_VIEW)
    at_bedside, way = draw.random() < BEDSIDE_SHARE, draw.random()
    bedside = bool(at_bedside) if config.look == "hospital" else config.look == "bedside"
    styles = STYLES["bedside" if bedside else "stand"]
    style = styles[int(np.searchsorted(np.cumsum([share for _, share in styles]), way, side="right"))][0]
    drawn: dict[str, Any] = {"view": "AP" if bedside else "PA", "style": style, "bits": 8}
    drawn |= _geometry(rng(_GEOMETRY), bedside) | _beam(rng(_BEAM), bedside) | _processing(rng(_PROCESSING), style)
    # Who lies or sits in bed breathes in less deeply.
    drawn["shallow_mm"] = float(rng(_BREATH).uniform(8, 26)) if bedside else 0.0
    drawn["blades"] = drawn_blades(rng(_BLADES), bedside, style)
    drawn["marks"] = drawn_marks(rng(_MARKS), bedside, style)
    return Look(**(drawn | _set(config)))


def _between(draw: np.random.Generator, low: float, high: float) -> float:
    return float(np.exp(draw.uniform(np.log(low), np.log(high))))


def _normal(draw: np.random.Generator, mean: float, sd: float, reach: float = 2.5) -> float:
    return mean + sd * float(np.clip(draw.standard_normal(), -reach, reach))


def _geometry(draw: np.random.Generator, bedside: bool) -> dict[str, Any]:
    distance = draw.uniform(1000, 1200) if bedside else draw.uniform(1780, 1850)
    behind = draw.uniform(130, 190)
    tight = draw.uniform(0, 1) ** 1.5
    above, below, right, left = draw.normal(0, (9, 14, 11, 11)) + np.array((14, 2, 4, 4)) + 44 * tight
    return {
        "source_detector_mm": float(distance),
        "source_isocentre_mm": float(distance - behind),
        "tilt_deg": _normal(draw, -3.0, 3.5, 1.4) if bedside else 0.0,
        "turn_deg": _normal(draw, 0.0, 1.6 if bedside else 0.8, 1.9),
        "margins_mm": (max(float(above), -4.0), max(float(below), -20.0), float(right), float(left)),
        "aspect": float(np.exp(_normal(draw, 0.03, 0.05))),
    }


def _beam(draw: np.random.Generator, bedside: bool) -> dict[str, Any]:
    return {
        "scatter": _between(draw, 0.4, 1.6) if bedside else _between(draw, 0.15, 0.6),
        "scatter_mm": float(draw.uniform(25, 60)),
        "photons": _between(draw, 8e4, 2e6) if bedside else _between(draw, 3e5, 6e6),
        "blur_mm": float(draw.uniform(0.15, 0.7)),
    }


def _processing(draw: np.random.Generator, style: str) -> dict[str, Any]:
    flattening, gain, lung, heart = {
        "flat": ((0.4, 0.7), (1.4, 3.2), (0.32, 0.02), (0.13, 0.025)),
        "film": ((0.0, 0.3), (0.8, 1.9), (0.25, 0.05), (0.40, 0.10)),
        "detailed": ((0.35, 0.7), (2.4, 5.0), (0.44, 0.05), (0.19, 0.035)),
    }[style]
    whole = _between(draw, *gain)
    fine, middle, broad = np.exp(draw.normal((0.3, 0, 0), (0.25, 0.15, 0.15)))
    lung_grey = _normal(draw, *lung)
    curve = ("linear", "sigmoid", "power")[
        int(draw.choice(3, p=(0.1, 0.8, 0.1) if style == "film" else (0.5, 0.3, 0.2)))
    ]
    return {
        "flattening": float(draw.uniform(*flattening)),
        "coarse_mm": float(draw.uniform(25, 50)),
        "gains": (float(whole * fine), float(whole * middle), float(1 + (whole - 1) * 0.7 * broad)),
        "knee": _between(draw, 0.3, 1.2),
        "curve": curve,
        "gamma": _between(draw, 0.7, 1.5),
        "lung_grey": lung_grey,
        "heart_grey": min(lung_grey + _normal(draw, *heart), 0.93),
    }


def _set(config: PhantomCxrConfig) -> dict[str, Any]:
    """Return what the configuration fixes."""
    default = {name: field.default for name, field in type(config).model_fields.items()}
    same = ("source_detector_mm", "source_isocentre_mm", "photons", "scatter", "blur_mm")
    fixed = {name: getattr(config, name) for name in same if getattr(config, name) != default[name]}
    if config.pose[1]:
        fixed["tilt_deg"] = config.pose[1]
    if config.display == "log":
        fixed["curve"] = "linear"
    if any(getattr(config, name) != default[name] for name in ("film_gamma", "film_exposure")):
        fixed["curve"] = "film"
    return fixed
