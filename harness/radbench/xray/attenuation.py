"""Mass attenuation coefficients of bone, soft tissue and water, and the spectra that CT2Xray sums over.

Units: energies in keV, coefficients mu/rho in cm^2/g. The figures lie in ``data/`` with their source: NIST's tables
(J. H. Hubbell and S. M. Seltzer, NISTIR 5632).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources

MATERIALS = ("bone", "tissue", "water")
"""Cortical bone (ICRU-44), soft tissue (ICRU-44), liquid water."""

TABLES: Mapping[str, str] = {"nist": "mass_attenuation_nist.csv", "ct2xray": "mass_attenuation_ct2xray.csv"}
"""Tables by name: NIST's energies from 10 to 150 keV, and the ten energies of XraySyn's CT2Xray."""


@dataclass(frozen=True)
class AttenuationTable:
    """Mass attenuation coefficients at some energies.

    Attributes:
        source: where the figures come from, in words.
        energies_kev: the energies, ascending.
        coefficients: per name of :data:`MATERIALS`, one coefficient per energy in cm^2/g.
    """

    source: str
    energies_kev: tuple[float, ...]
    coefficients: Mapping[str, tuple[float, ...]]


@dataclass(frozen=True)
class Spectrum:
    """The energies that a simulation sums over, with the coefficients of its two materials.

    Attributes:
        energies_kev: the energies.
        weights: photons at each energy, in any unit.
        bone: mass attenuation coefficient of bone at each energy, in cm^2/g.
        tissue: that of soft tissue.

    Raises:
        ValueError: no energies, unequal lengths, or a value that is not positive and finite.
    """

    energies_kev: tuple[float, ...]
    weights: tuple[float, ...]
    bone: tuple[float, ...]
    tissue: tuple[float, ...]

    def __post_init__(self) -> None:
        columns = (self.energies_kev, self.weights, self.bone, self.tissue)
        if not self.energies_kev or len({len(c) for c in columns}) > 1:
            raise ValueError(f"a spectrum needs one weight and two coefficients per energy; got {self}")
        if not all(math.isfinite(v) and v > 0 for c in columns for v in c):
            raise ValueError(f"a spectrum's figures must be positive; got {self}")

    @property
    def total(self) -> float:
        """The sum of the weights: what reaches the detector where nothing is in the way."""
        return math.fsum(self.weights)


@cache
def attenuation_table(name: str = "nist") -> AttenuationTable:
    """Read a table of mass attenuation coefficients.

    Args:
        name: "nist": ten energies of NIST's table from 10 to 150 keV, four digits; no absorption edge of these
            materials lies between them. "ct2xray": E = 15, 23, ..., 87 keV, for bone and tissue the rounded figures
            of XraySyn's released code (PAPERS.md section 4).

    Raises:
        ValueError: no such table.
    """
    if name not in TABLES:
        raise ValueError(f"there is no attenuation table '{name}'; there is {', '.join(TABLES)}")
    text = (resources.files("radbench.xray") / "data" / TABLES[name]).read_text(encoding="utf-8")
    source, head, *lines = text.splitlines()
    rows = [[float(v) for v in line.split(",")] for line in lines]
    energies, *columns = zip(*rows, strict=True)
    return AttenuationTable(
        source=source.removeprefix("# "),
        energies_kev=energies,
        coefficients=dict(zip(head.split(",")[1:], columns, strict=True)),
    )


def mass_attenuation(material: str, energies_kev: Sequence[float]) -> tuple[float, ...]:
    """Return mass attenuation coefficients at any energies, in cm^2/g.

    NIST's table, interpolated linearly in log(mu/rho) over log(E). XraySyn's ten figures follow from this to their
    three decimals.

    Args:
        material: one of :data:`MATERIALS`.
        energies_kev: from 10 to 150.

    Raises:
        ValueError: an unknown material, or an energy outside the table.
    """
    table = attenuation_table("nist")
    if material not in table.coefficients:
        raise ValueError(f"there is no material '{material}'; there is {', '.join(MATERIALS)}")
    nodes, values = table.energies_kev, table.coefficients[material]
    return tuple(_log_log(float(e), nodes, values) for e in energies_kev)


@cache
def ten_energies() -> Spectrum:
    """Return CT2Xray's spectrum: ten unweighted energies, 15 to 87 keV (XraySyn's released code)."""
    table = attenuation_table("ct2xray")
    energies = table.energies_kev
    return Spectrum(energies, (1.0,) * len(energies), table.coefficients["bone"], table.coefficients["tissue"])


def spectrum(energies_kev: Sequence[float], weights: Sequence[float] | None = None) -> Spectrum:
    """Return a spectrum of one's own, its coefficients interpolated in NIST's table.

    Args:
        energies_kev: from 10 to 150; one energy gives a monochromatic beam.
        weights: photons at each energy; None: one each.

    Raises:
        ValueError: as :class:`Spectrum` and :func:`mass_attenuation` do.
    """
    energies = tuple(float(e) for e in energies_kev)
    photons = (1.0,) * len(energies) if weights is None else tuple(float(w) for w in weights)
    return Spectrum(energies, photons, mass_attenuation("bone", energies), mass_attenuation("tissue", energies))


def _log_log(energy: float, nodes: tuple[float, ...], values: tuple[float, ...]) -> float:
    if not nodes[0] <= energy <= nodes[-1]:
        raise ValueError(f"the attenuation table runs from {nodes[0]:g} to {nodes[-1]:g} keV; got {energy:g}")
    above = next(i for i in range(1, len(nodes)) if energy <= nodes[i])
    low, high = nodes[above - 1], nodes[above]
    part = math.log(energy / low) / math.log(high / low)
    return values[above - 1] * (values[above] / values[above - 1]) ** part
