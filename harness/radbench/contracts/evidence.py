"""Evidence: what a task says of one case, by observation and facet; the harness makes scores of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

Numbers = float | Sequence[float]


@dataclass(frozen=True)
class Prediction:
    """What a task predicted where the truth is known.

    Attributes:
        label: 0 or 1, NaN where it is not stated; ``[n]`` for several places of one case.
        score: higher is more likely 1; as many.
    """

    label: Numbers
    score: Numbers


@dataclass(frozen=True)
class Features:
    """Feature vectors of one case, for scores that compare distributions.

    Attributes:
        value: float32 ``[n,D]`` of what is judged.
        reference: float32 ``[m,D]`` of what it is compared with.
    """

    value: Tensor
    reference: Tensor


Observed = float | Prediction | Features
"""What was observed of a case; a NaN says that there is no answer."""

Evidence = Mapping[str, Observed | Mapping[str, Observed]]
"""By observation: what was observed, alone or by facet (a finding, an angle, a layer). The facet "" is the whole."""
