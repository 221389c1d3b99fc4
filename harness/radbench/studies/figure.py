"""Figure: what a study says of a figure of its paper - what is drawn, of which enhancers, compared with which."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from radbench.studies.selecting import Name, Place, Strict

CASE = "case"
"""The layer of an entry that is the case's own image, as it came."""


class Panel(Place):
    """A part of a figure: of boxes one pair of axes, of images so many lines.

    Attributes:
        heading: above it.
        scale: what the leaderboard's numbers are multiplied by to stand on the paper's scale.
    """

    heading: str
    scale: float = 1.0


class Entry(Strict):
    """What a figure shows in each of its panels.

    Attributes:
        name: as printed.
        enhancer: as the runs of the panels name it.
        layer: of images, the layer of the enhancement that is shown, or several with ``|`` between them, of which a
            profile has one; ``case`` for the case's own image, "" for the enhanced image.
    """

    name: str
    enhancer: str
    layer: str = ""


class Figure(Strict):
    """A figure as the paper prints it, of what is here.

    Attributes:
        name: in the study, and of its files: "figure-6".
        place: in the paper: "Figure 6".
        caption: what it shows, in our words.
        kind: boxes, with marks of what differs; images of cases.
        panels: its parts.
        entries: what each of them shows.
        against: of boxes, the name of the entry that the others are compared with; "" for every two.
        across: how many panels of boxes stand side by side; 0 for all.
        cases: of images, how many of each panel.
        notes: what is to be known: what the paper leaves open.
    """

    name: Name
    place: str
    caption: str
    kind: Literal["boxes", "images"] = "boxes"
    panels: tuple[Panel, ...] = Field(min_length=1)
    entries: tuple[Entry, ...] = Field(min_length=1)
    against: str = ""
    across: int = Field(0, ge=0)
    cases: int = Field(3, ge=1, le=12)
    notes: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _fits(self) -> Figure:
        names = [entry.name for entry in self.entries]
        if len({*names}) < len(names):
            raise ValueError(f"two entries of '{self.name}' have one name")
        if self.against and self.against not in names:
            raise ValueError(
                f"'{self.name}' compares with '{self.against}', which it does not show ({', '.join(names)})"
            )
        for panel in self.panels:
            if self.kind == "boxes" and not panel.metric:
                raise ValueError(f"panel '{panel.heading}' of '{self.name}' names no metric")
        if self.kind == "boxes" and any(entry.layer for entry in self.entries):
            raise ValueError(f"'{self.name}' draws boxes, which have no layer")
        return self
