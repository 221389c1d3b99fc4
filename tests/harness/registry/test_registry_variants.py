"""Variants: reading ``name[field=value,...]`` and printing it back."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from radbench.contracts import UsageError
from radbench.contracts.variants import Variant, parse_value, parse_variant, split_list

fields = st.dictionaries(st.from_regex(r"[a-z_]{1,8}", fullmatch=True), st.text(max_size=12), max_size=3)


@given(st.from_regex(r"[a-z0-9][a-z0-9_.-]{0,8}", fullmatch=True), fields)
def test_a_label_reads_back_as_the_variant(name, values):
    typed = f"{name}[{','.join(f'{k}={v}' for k, v in values.items())}]"
    try:
        variant = parse_variant(typed)
    except UsageError:
        assume(False)
    assert parse_variant(variant.label) == variant


@given(fields)
def test_a_value_without_quotes_can_always_be_typed(values):
    values = {k: v for k, v in values.items() if '"' not in v and "'" not in v}
    variant = Variant("name", tuple(values.items()))
    assert parse_variant(variant.label) == variant


@pytest.mark.parametrize(
    ("typed", "name", "expected"),
    [
        ("clahe", "clahe", {}),
        (" clahe ", "clahe", {}),
        ("clahe[]", "clahe", {}),
        ("clahe[clip=0.01, size=40]", "clahe", {"clip": "0.01", "size": "40"}),
        ("folder[root=a=b]", "folder", {"root": "a=b"}),
        ("folder[root='a,b']", "folder", {"root": "a,b"}),
        ('folder[root="a]b"]', "folder", {"root": "a]b"}),
        ("net[trained_on=toy[cases=3,size=8],loss=l1]", "net", {"trained_on": "toy[cases=3,size=8]", "loss": "l1"}),
        ("wls[scales=[1,2]]", "wls", {"scales": "[1,2]"}),
    ],
)
def test_what_was_typed_is_understood(typed, name, expected):
    variant = parse_variant(typed)
    assert (variant.name, dict(variant.fields)) == (name, expected)


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("", "must read name"),
        ("[a=1]", "must read name"),
        ("clahe[clip=1", "must read name"),
        ("clahe[clip=1]x", "must read name"),
        ("clahe[clip]", "must read field=value"),
        ("clahe[=1]", "must read field=value"),
        ("clahe[a=1,a=2]", "sets field 'a' twice"),
        ("clahe[a=(1]", "bracket is left open"),
        ("clahe[a='1]", "quote is left open"),
        ("clahe[a=1]]", "closes nothing"),
    ],
)
def test_what_cannot_be_understood_is_refused(typed, words):
    with pytest.raises(UsageError, match=words):
        parse_variant(typed)


def test_a_list_is_split_outside_brackets_and_quotes_only():
    assert split_list("a[x=1,y=2], b ,,'c,d'") == ["a[x=1,y=2]", "b", "'c,d'"]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("none", None),
        ("Null", None),
        ("[1, 2]", [1, 2]),
        ('{"a": 1}', {"a": 1}),
        ("[broken", "[broken"),
        ("0.5", "0.5"),
    ],
)
def test_a_value_becomes_what_it_stands_for(text, value):
    assert parse_value(text) == value
