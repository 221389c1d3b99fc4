"""Reader studies (floor 5): blinded pages for readers made of a run's images, and what their answers say.

From Python: :func:`make`, :func:`analyse`, :func:`render` and :func:`joined_csv`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from radbench.on_demand import on_demand

_ROOMS = {
    **dict.fromkeys(("analyse", "make"), "face"),
    **dict.fromkeys(("Asked", "Made"), "making"),
    **dict.fromkeys(("Results", "joined_csv", "render"), "results"),
    "AnswersError": "answers",
}

__all__ = ["AnswersError", "Asked", "Made", "Results", "analyse", "joined_csv", "make", "render"]

if TYPE_CHECKING:
    from radbench.reader_study.answers import AnswersError
    from radbench.reader_study.face import analyse, make
    from radbench.reader_study.making import Asked, Made
    from radbench.reader_study.results import Results, joined_csv, render

__getattr__, __dir__ = on_demand(__name__, _ROOMS)
