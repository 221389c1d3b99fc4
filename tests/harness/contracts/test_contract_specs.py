"""Specs: what they refuse."""

import pytest

from radbench.contracts.specs import MetricSpec


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"name": "a b", "direction": "higher"}, "metric 'a b' must be lower-case letters"),
        (
            {"name": "entropy", "direction": "neutral"},
            "direction 'neutral' of metric 'entropy' must be higher or lower",
        ),
        ({"name": "auroc", "direction": "higher", "over_facets": "median"}, "over_facets 'median' of metric 'auroc'"),
    ],
)
def test_a_metric_that_could_not_be_ranked_is_refused(given, words):
    with pytest.raises(ValueError, match=words):
        MetricSpec(**given)
