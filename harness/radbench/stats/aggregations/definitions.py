"""Definitions: the built-in aggregations, what each says in words, its source and its parameters."""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from radbench.contracts.errors import PluginError, did_you_mean

if TYPE_CHECKING:
    from radbench.stats.aggregations.protocol import Aggregation


@dataclass(frozen=True)
class Parameter:
    """A number that an aggregation takes.

    Attributes:
        default: what it is where a metric says nothing.
        low, high: between which it must lie.
        whole: whether it must be a whole number, which may equal the ends; else it must lie strictly between them.
        meaning: what it is, in words.
    """

    default: float
    low: float
    high: float
    whole: bool
    meaning: str

    @property
    def allowed(self) -> str:
        """What it may be, in words."""
        if self.whole:
            return f"a whole number from {self.low:g} to {self.high:g}"
        return f"a number between {self.low:g} and {self.high:g}, both left out"

    def checked(self, value: Any) -> float:
        """Return a value as an int, where it must be whole, or a float.

        Raises:
            ValueError: it is not allowed.
        """
        try:
            number = float(value)
        except (TypeError, ValueError):
            number = math.nan
        if self.whole:
            if number.is_integer() and self.low <= number <= self.high:
                return int(number)
        elif self.low < number < self.high:
            return number
        raise ValueError(f"must be {self.allowed}, got {value!r}")


@dataclass(frozen=True)
class Definition:
    """A built-in aggregation.

    Attributes:
        name: what a metric names.
        make: builds it from its parameters.
        takes: the kind of evidence: numbers, predictions or features.
        definition: what it is, in a sentence or two.
        citation: where it is defined.
        parameters: by name.
    """

    name: str
    make: Callable[..., Aggregation]
    takes: Literal["numbers", "predictions", "features"]
    definition: str
    citation: str
    parameters: Mapping[str, Parameter] = field(default_factory=dict)

    def built(self, parameters: Iterable[tuple[str, float]] = ()) -> Aggregation:
        """Return it with these parameters and the defaults of the others.

        Raises:
            PluginError: as :meth:`checked`.
        """
        return self.make(**self.checked(parameters))

    def checked(self, parameters: Iterable[tuple[str, float]] = ()) -> dict[str, float]:
        """Return the value of every parameter by name, those that are not given by default.

        Raises:
            PluginError: it takes no such parameter, takes it twice, or refuses its value.
        """
        values: dict[str, float] = {}
        for name, value in parameters:
            if name not in self.parameters:
                near = did_you_mean(name, self.parameters) if self.parameters else ""
                raise PluginError(f"aggregation '{self.name}' takes no parameter '{name}'{near}")
            if name in values:
                raise PluginError(f"aggregation '{self.name}' is given '{name}' twice")
            try:
                values[name] = self.parameters[name].checked(value)
            except ValueError as e:
                raise PluginError(f"aggregation '{self.name}': '{name}' {e}") from e
        return {name: one.default for name, one in self.parameters.items()} | values


def _late(room: str, attribute: str, *given: Any) -> Callable[..., Any]:
    """Return a factory whose module is imported when it is called: definitions are read wherever plans are made."""

    def make(**parameters: Any) -> Any:
        module = importlib.import_module(f"radbench.stats.aggregations.{room}")
        return partial(getattr(module, attribute), *given)(**parameters)

    return make


AGGREGATIONS: Mapping[str, Definition] = {
    one.name: one
    for one in (
        Definition(
            "mean",
            _late("built_in", "Mean"),
            "numbers",
            "The mean over cases of one number per case.",
            "Interval and test: Bell & McCaffrey 2002, Survey Methodology 28:169-181; Hall 1988, Ann. Statist. 16:927",
        ),
        Definition(
            "rate",
            _late("rates", "rate"),
            "numbers",
            "Events per case, such as false positives per image: all events counted over the number of cases.",
            "Garwood 1936, Biometrika 28:437-442; Korn & Graubard 1998, Survey Methodology 24:193-201",
        ),
        Definition(
            "ap",
            _late("built_in", "Curve", 0),
            "predictions",
            "Average precision: the precision at each positive's score, averaged over the positives.",
            "Boyd, Eng & Page 2013, ECML PKDD",
        ),
        Definition(
            "auroc",
            _late("built_in", "Curve", 1),
            "predictions",
            "Area under the ROC curve: how often a positive has a higher score than a negative; a tie counts one half.",
            "Hanley & McNeil 1982, Radiology 143:29-36; DeLong et al. 1988, Biometrics 44:837-845",
        ),
        Definition(
            "sensitivity",
            _late("operating", "Sensitivity"),
            "predictions",
            "The share of positives found at the lowest threshold that leaves at least the given share of negatives "
            "unmarked. Equal scores are called alike; nothing is interpolated.",
            "Platt, Hanley & Yang 2000, Statist. Med. 19:313-322; Korn & Graubard 1998, Survey Methodology 24:193-201",
            {"specificity": Parameter(0.9, 0.0, 1.0, False, "share of negatives that must stay unmarked")},
        ),
        Definition(
            "brier",
            _late("calibrated", "brier"),
            "predictions",
            "Brier score: the mean squared distance between a predicted probability and what was the case (0 or 1).",
            "Brier 1950, Monthly Weather Review 78:1-3",
        ),
        Definition(
            "ece",
            _late("calibrated", "CalibrationError"),
            "predictions",
            "Expected calibration error: predictions are put into bins of equal width by their probability; it is the "
            "distance between mean probability and share of positives, averaged over the bins by their numbers.",
            "Naeini, Cooper & Hauskrecht 2015, AAAI 29:2901-2907; Guo et al. 2017, ICML, PMLR 70:1321-1330",
            {"bins": Parameter(15, 1, 1000, True, "number of bins between 0 and 1")},
        ),
        Definition(
            "frechet",
            _late("frechet", "Frechet"),
            "features",
            "Squared Fréchet distance between two normal distributions, one fitted to the features of what is judged, "
            "one to those of what it is compared with.",
            "Dowson & Landau 1982, J. Multivar. Anal. 12:450-455; Heusel et al. 2017, NeurIPS 30:6626-6637",
        ),
    )
}
"""What a metric may name without an import string."""


def definition(name: str) -> Definition:
    """Return the built-in aggregation of a name.

    Raises:
        PluginError: there is none.
    """
    if name not in AGGREGATIONS:
        raise PluginError(
            f"unknown aggregation '{name}'{did_you_mean(name, AGGREGATIONS)}; "
            "a task's own reads 'package.module:attribute'"
        )
    return AGGREGATIONS[name]
