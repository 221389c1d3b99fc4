"""Manifests: their rules, and a fingerprint that goes by content and not by order."""

import hashlib
import json
from dataclasses import asdict, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from radbench.contracts import CaseEntry, DatasetError, check_manifest, fingerprint
from radbench.engine.plan.keys import entry_key

ENTRY = CaseEntry("c1", "p1", "test", "00", {"type": "liver"})
entries = st.lists(
    st.builds(
        CaseEntry,
        st.text(),
        st.text(),
        st.sampled_from(["train", "test"]),
        st.text(),
        st.dictionaries(st.text(), st.text()),
    ),
    max_size=6,
)


def test_a_good_manifest_passes():
    check_manifest("d", [ENTRY, replace(ENTRY, case_id="c2"), CaseEntry("c3", "p2", "train", "01")])


@pytest.mark.parametrize(
    ("manifest", "words"),
    [
        ([], "has no cases"),
        ([ENTRY, ENTRY], "'c1' occurs twice"),
        ([replace(ENTRY, split="dev")], "in split 'dev'"),
        ([ENTRY, replace(ENTRY, case_id="c2", split="train")], "patient 'p1' is in both 'test' and 'train'"),
        ([("c1", "p1")], "must list CaseEntry, got tuple"),
        ([replace(ENTRY, twin="c9")], "'c1' names 'c9' as its twin, but there is no such case"),
        (
            [replace(ENTRY, twin="c2"), replace(ENTRY, case_id="c2", patient_id="p2", split="train")],
            "its twin, but it is in another split",
        ),
        ([replace(ENTRY, twin="c2"), replace(ENTRY, case_id="c2", twin="c1")], "its twin, but it names a twin itself"),
    ],
)
def test_a_broken_rule_is_named(manifest, words):
    with pytest.raises(DatasetError, match=f"data set 'd'.*{words}"):
        check_manifest("d", manifest)


@given(entries, st.randoms())
def test_the_fingerprint_does_not_depend_on_order(manifest, random):
    shuffled = list(manifest)
    random.shuffle(shuffled)
    assert fingerprint(shuffled) == fingerprint(manifest)


@pytest.mark.parametrize("field", ["case_id", "patient_id", "split", "groups", "digest", "twin"])
def test_the_fingerprint_depends_on_every_field(field):
    other = {"type": "other"} if field == "groups" else "other"
    assert fingerprint([replace(ENTRY, **{field: other})]) != fingerprint([ENTRY])


def test_the_fingerprint_tells_where_one_field_ends_and_the_next_begins():
    one, other = replace(ENTRY, case_id="ab", patient_id="c"), replace(ENTRY, case_id="a", patient_id="bc")
    assert fingerprint([one]) != fingerprint([other])


def test_the_fingerprint_is_of_the_lines_alone_whatever_was_done_with_them():
    entries = [CaseEntry(f"c{i}", f"p{i}", "test", "0" * 64, {"size": "small"}) for i in range(3)]
    before = fingerprint(entries)
    assert (
        before == hashlib.sha256("\n".join(json.dumps(asdict(e), sort_keys=True) for e in entries).encode()).hexdigest()
    )
    for entry in entries:
        entry_key(entry)  # which the engine remembers beside it
    assert fingerprint(entries) == before
