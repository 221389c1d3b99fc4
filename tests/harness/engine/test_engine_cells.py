"""Per-case files: whatever an observation, a facet or a group is called, what was written reads back."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from radbench.contracts.evidence import Features, Prediction
from radbench.engine.keep.cells import MEASURES, cells_of, evidence_of, groups_of
from radbench.engine.keep.evidence import decoded, encoded
from radbench.engine.keep.journal import RunFolder
from radbench.engine.run import settling

OTHERS = ("case_id", "patient_id", "status", "message", "group", *MEASURES)
NAMES = st.one_of(st.text("a%/:2F", min_size=1, max_size=6), st.sampled_from([*OTHERS, "label", "a:label", "%64evice"]))
ANSWERS = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False),
    st.builds(Prediction, st.sampled_from([0.0, 1.0]), st.floats(0, 1)),
    st.just(Prediction([0.0, 1.0], [0.25, 0.5])),
)
EVIDENCE = st.dictionaries(
    NAMES, ANSWERS | st.dictionaries(NAMES | st.just(""), ANSWERS, min_size=1, max_size=3), min_size=1, max_size=4
)


def written(cells):
    """The cells as the file gives them back."""
    return {name: repr(value) if isinstance(value, float) else str(value) for name, value in cells.items()}


@given(EVIDENCE)
def test_evidence_reads_back_whatever_its_names(evidence):
    cells, vectors = cells_of(encoded(evidence))
    others = dict.fromkeys(OTHERS, "1") | {"group:label": "x", "group:score": "y"}
    assert not set(cells) & set(others)
    assert not vectors
    row = written(cells) | others
    assert evidence_of(row, set(evidence), {}) == evidence
    assert groups_of(row) == {"label": "x", "score": "y"}


def test_plain_names_are_written_as_they_are():
    cells, _ = cells_of(encoded({"dice": 0.5, "auc": {"mass": Prediction(1.0, 0.25)}}))
    assert cells == {"dice": 0.5, "auc/mass:label": 1.0, "auc/mass:score": 0.25}
    assert set(cells_of({"a/b": {"facets": {"x:score": 1.0}}, "device": 2.0})[0]) == {"a%2Fb/x%3Ascore", "%64evice"}


def test_features_lie_beside_the_columns_under_their_own_name():
    evidence = {"deep/features": Features(torch.ones(2, 3), torch.zeros(1, 3)), "parameters": math.nan}
    cells, vectors = cells_of(encoded(evidence))
    found = evidence_of(written(cells), set(evidence), decoded(vectors))
    assert torch.equal(found["deep/features"].value, torch.ones(2, 3))
    assert math.isnan(found["parameters"])


class Store:
    """A store that knows one case's scores."""

    def __init__(self, record):
        self.record = record

    def read_scores(self, key):
        return [self.record]


def test_an_observation_named_like_a_measure_stands_beside_it(tmp_path, monkeypatch):
    class Entry:
        case_id, patient_id, groups, digest, twin = "c0", "p0", {"device": "film"}, "d", ""

    class Pair:
        name, score_key, entries, trainings, training = "p", "k", [Entry], [], None

    class Ledger:
        scored, breakage, failure = {}, staticmethod(lambda pair: None), staticmethod(lambda pair, key: None)

    monkeypatch.setattr(settling, "entry_key", lambda entry: "e")
    evidence = {name: float(place) for place, name in enumerate(OTHERS)}
    record = {"entry": "e", "evidence": encoded(evidence), "device": "cpu", "enhance_ms": 7.5, "parameters": 3}
    folder = RunFolder(tmp_path / "run")
    folder.open()
    settling.settle(Pair, Ledger, Store(record), folder)
    folder.close()
    (row,) = folder.read_cases("p")
    assert (row["case_id"], row["status"], row["device"], row["enhance_ms"], row["parameters"]) == (
        *("c0", "ok", "cpu", "7.5", "3"),
    )
    assert evidence_of(row, set(evidence), {}) == evidence
    assert groups_of(row) == {"device": "film"}


@pytest.mark.parametrize("text", ["", "50%", "%zz"])
def test_a_name_that_only_looks_encoded_stays(text):
    cells, _ = cells_of({"m": {"facets": {text: 1.0}}})
    assert evidence_of(written(cells), {"m"}, {}) == {"m": {text: 1.0}}
