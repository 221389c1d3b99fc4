"""The configuration of the data set ``natural``."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from pydantic import field_validator, model_validator

from radbench.contracts.config import Config, local, param
from radbench_natural.made import KINDS
from radbench_natural.photographs import PHOTOGRAPHS, told

Fractions = tuple[float, float, float]

MADE = 280
"""How many images are made where nothing else is said: 40 of each kind."""

_LEARNT = ("astronaut", "brick", "coffee", "grass")
_VALIDATED = ("gravel",)
_TESTED = ("camera", "chelsea", "coins")


class NaturalConfig(Config):
    """Which photographs, how many made images, and what is learnt from which."""

    root: Path | None = local(
        None,
        "Folder of photographs (PNG, JPEG, TIFF, BMP, GIF), folders below it too, in place of scikit-image's. Where it "
        "holds DIV2K_train_HR and DIV2K_valid_HR, those are train and validation, and nothing else counts.",
        source="paper: SGAN §2.1, DIV2K",
    )
    train: tuple[str, ...] = param(
        _LEARNT, f"scikit-image's photographs to learn from. By default {told(_LEARNT)}.", source="assumed"
    )
    validation: tuple[str, ...] = param(
        _VALIDATED, f"scikit-image's photographs to validate on. By default {told(_VALIDATED)}.", source="assumed"
    )
    test: tuple[str, ...] = param(
        _TESTED,
        f"scikit-image's photographs to test on, uncut. By default {told(_TESTED)}.",
        source="assumed: pictures that denoisers are commonly shown on stay out of training",
    )
    made: int | None = param(
        None,
        f"How many images are made, {', '.join(KINDS)} in turn; none: {MADE}, with root 0.",
        source="assumed",
        ge=0,
    )
    made_size: int = param(256, "Their side in pixels.", source="assumed", ge=32, le=2048)
    split: Fractions = param(
        (0.8, 0.1, 0.1),
        "Shares of train, validation and test: of root's photographs, and of the made images of each kind.",
        source="assumed",
    )
    seed: int = param(
        0, "Of the made images, and of which photographs of root are in which split.", source="assumed", ge=0
    )
    tile: int = param(
        256,
        "Photographs of train and validation that are longer on a side are cut into equal cases of at most this many "
        "pixels a side; those of test stay whole.",
        source="assumed",
        ge=64,
    )
    least: int = param(
        128,
        "Photographs that are shorter on a side are failed cases, by name.",
        source="paper: SGAN §2.1, patches of 128 x 128",
        ge=1,
    )

    @property
    def made_number(self) -> int:
        """How many images are made."""
        if self.made is not None:
            return self.made
        return MADE if self.root is None else 0

    @property
    def shipped(self) -> dict[str, str]:
        """The split of each of scikit-image's photographs, by name; none with root."""
        if self.root is not None:
            return {}
        named = {"train": self.train, "validation": self.validation, "test": self.test}
        return {name: split for split, names in named.items() for name in names}

    @field_validator("train", "validation", "test")
    @classmethod
    def _known(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        unknown = [name for name in value if name not in PHOTOGRAPHS]
        if unknown:
            raise ValueError(f"there is no photograph '{unknown[0]}'; there is {', '.join(PHOTOGRAPHS)}")
        return value

    @field_validator("split")
    @classmethod
    def _shares(cls, value: Fractions) -> Fractions:
        if min(value) < 0 or abs(sum(value) - 1) > 1e-6:
            raise ValueError(f"split must be three shares that sum to 1; got {list(value)}")
        return value

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        names = [*self.train, *self.validation, *self.test]
        twice = [name for name in names if names.count(name) > 1]
        if twice:
            raise ValueError(f"photograph '{twice[0]}' is named twice in train, validation and test; name it once")
        if self.root is not None and (self.train, self.validation, self.test) != (_LEARNT, _VALIDATED, _TESTED):
            raise ValueError(
                "train, validation and test name scikit-image's photographs, which root takes the place of: "
                "give split for shares of those"
            )
        if self.root is None and not names and not self.made_number:
            raise ValueError("made=0 without photographs leaves no case: name some in train, or give root")
        if self.tile < 2 * self.least:
            # Half of a photograph that is a pixel too long must not be too short.
            raise ValueError(f"tile={self.tile} must be at least twice least={self.least}")
        if self.made_number and self.made_size < self.least:
            raise ValueError(f"made_size={self.made_size} must be at least least={self.least}")
        return self
