"""What is typed becomes a request, or a sentence on what is wrong with it."""

from __future__ import annotations

import pytest

from radbench.cli.options import make_request
from radbench.contracts.errors import UsageError


def seeds(text: str) -> tuple[int, ...]:
    return make_request(["original"], ["grabcut"], "", "quick", text, [], 0, []).seeds


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0", (0,)),
        ("0,1,7", (0, 1, 7)),
        ("0-4", (0, 1, 2, 3, 4)),
        ("3 - 4, 9", (3, 4, 9)),
        ("5-5", (5,)),
    ],
)
def test_seeds_are_numbers_lists_and_ranges(text: str, expected: tuple[int, ...]) -> None:
    assert seeds(text) == expected


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("one", "must be a whole number"),
        ("", "must be a whole number"),
        ("0-", "must be a whole number"),
        ("-1", "from 0 to 4294967295"),
        ("4294967296", "from 0 to 4294967295"),
        ("0-x", r"a range \(0-4\)"),
        ("4-0", "'4-0' is no range of 1 to 1000 seeds"),
        ("0-1000000000", "no range of 1 to 1000"),
    ],
)
def test_what_is_no_seed_is_said(text: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        seeds(text)


@pytest.mark.parametrize("null", [True, False])
def test_controls_are_asked_for_by_name_alone(null: bool) -> None:
    request = make_request(["original"], ["grabcut"], "", "quick", "0", [], 0, [], null=null)
    assert request.null is null
