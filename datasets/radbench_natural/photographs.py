"""The photographs that scikit-image ships and that may be used: whose they are, and how to know them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from radbench.contracts.errors import CaseError


@dataclass(frozen=True)
class Photograph:
    """A photograph of scikit-image's.

    Attributes:
        file: its name in ``skimage/data``.
        sha256: of the file that the licence was stated for.
        size: (rows, columns) in pixels.
        licence: as scikit-image states it.
        source: who took it, or where it is from.
    """

    file: str
    sha256: str
    size: tuple[int, int]
    licence: str
    source: str


PHOTOGRAPHS = {
    "astronaut": Photograph(
        "astronaut.png",
        "88431cd9653ccd539741b555fb0a46b61558b301d4110412b5bc28b5e3ea6cb5",
        (512, 512),
        "public domain",
        "NASA Great Images",
    ),
    "brick": Photograph(
        "brick.png",
        "7966caf324f6ba843118d98f7a07746d22f6a343430add0233eca5f6eaaa8fcf",
        (512, 512),
        "CC0",
        "CC0Textures, Bricks25",
    ),
    "camera": Photograph(
        "camera.png",
        "b0793d2adda0fa6ae899c03989482bff9a42d3d5690fc7e3648f2795d730c23a",
        (512, 512),
        "CC0",
        "Lav Varshney",
    ),
    "chelsea": Photograph(
        "chelsea.png",
        "596aa1e7cb875eb79f437e310381d26b338a81c2da23439704a73c4651e8c4bb",
        (300, 451),
        "CC0",
        "Stéfan van der Walt",
    ),
    "coffee": Photograph(
        "coffee.png",
        "cc02f8ca188b167c775a7101b5d767d1e71792cf762c33d6fa15a4599b5a8de7",
        (400, 600),
        "CC0",
        "Rachel Michetti, Pikolo Espresso Bar",
    ),
    "coins": Photograph(
        "coins.png",
        "f8d773fc9cfa6f4d8e5942dc34d0a0788fcaed2a4fefbbed0aef5398d7ef4cba",
        (303, 384),
        "no known copyright restrictions",
        "Brooklyn Museum Collection",
    ),
    "grass": Photograph(
        "grass.png",
        "b6b6022426b38936c43a4ac09635cd78af074e90f42ffa8227ac8b7452d39f89",
        (512, 512),
        "CC0",
        "linolafett, Grass 01",
    ),
    "gravel": Photograph(
        "gravel.png",
        "c48615b451bf1e606fbd72c0aa9f8cc0f068ab7111ef7d93bb9b0f2586440c12",
        (512, 512),
        "CC0",
        "CC0Textures, Gravel04",
    ),
}
"""By name. Left out of what scikit-image ships: microscopy and fundus photographs, the sky of Hubble, drawings, scans
and faces of 25 pixels (no natural scenes), ``clock_motion`` (blurred by motion), ``moon`` and ``motorcycle`` (no
licence stated) and ``rocket`` (the page that it is from says non-commercial)."""


def told(names: Iterable[str]) -> str:
    """Return photographs with their licences and sources, on part of a line."""
    return ", ".join(f"{name} ({PHOTOGRAPHS[name].licence}: {PHOTOGRAPHS[name].source})" for name in names)


def shipped_folder() -> Path:
    """Return where scikit-image keeps the images that it ships, without importing it."""
    spec = find_spec("skimage")
    places = list(spec.submodule_search_locations or ()) if spec is not None else []
    return Path(places[0] if places else "skimage") / "data"


def check_shipped(name: str, digest: str) -> None:
    """Refuse a file that is not the photograph whose licence and split are known.

    Raises:
        CaseError: scikit-image ships none of this name, or another.
    """
    photograph = PHOTOGRAPHS[name]
    path = shipped_folder() / photograph.file
    if not path.is_file():
        raise CaseError(
            f"photograph '{name}' is not there: this scikit-image does not ship '{photograph.file}'; install one that "
            "does (0.23 to 0.26), or name a folder of photographs with root"
        )
    if digest != photograph.sha256:
        raise CaseError(
            f"photograph '{name}': '{path}' is another file than the one whose licence is known "
            f"({photograph.licence}: {photograph.source}); install scikit-image 0.23 to 0.26 anew"
        )
