"""Errors: what was meant, and which exit status they come to."""

import pytest

from radbench.contracts import ConfigurationError, DuplicateNameError, UnknownNameError, UsageError, did_you_mean


@pytest.mark.parametrize(
    ("name", "known", "expected"),
    [
        ("clahee", ["clahe", "wls"], ": did you mean 'clahe'?"),
        ("gama", ["gamma", "gamut"], ": did you mean 'gamma' or 'gamut'?"),
        ("xyz", ["wls", "clahe"], ": there is clahe, wls"),
        ("xyz", [], ": there is none"),
    ],
)
def test_the_nearest_names_are_offered_or_all_there_are(name, known, expected):
    assert did_you_mean(name, known) == expected


def test_an_unknown_name_says_its_kind():
    assert str(UnknownNameError("task", "grabcat", ["grabcut"])) == "unknown task 'grabcat': did you mean 'grabcut'?"


@pytest.mark.parametrize("error", [UnknownNameError, ConfigurationError, DuplicateNameError])
def test_wrong_usage_is_one_family(error):
    assert issubclass(error, UsageError)
