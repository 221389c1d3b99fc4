"""Selecting: what the parts of a study have in common: names, and which rows of a leaderboard they mean."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$")]
"""Of what becomes a folder or an address: lower-case letters, digits and hyphens."""


class Strict(BaseModel):
    """What takes no key that it does not know, and does not change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Place(Strict):
    """Where in a leaderboard numbers stand, whatever the enhancer.

    Attributes:
        run: the run's name in the study.
        task: as the run names it.
        metric: of the task, or several with ``|`` between them, of which a profile has one; group and facet: as the
            leaderboard names them.
    """

    run: str = ""
    task: str = ""
    metric: str = ""
    group: str = ""
    facet: str = ""


class Selector(Place):
    """Which row of a leaderboard a cell shows; a column's and a row's together name it.

    Attributes:
        enhancer: as the run names it.
    """

    enhancer: str = ""
