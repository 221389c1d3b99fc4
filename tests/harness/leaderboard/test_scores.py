"""Per-case scores beside a leaderboard: what is written reads back equal, and what is damaged is named."""

from __future__ import annotations

import dataclasses
import gzip
import math
from pathlib import Path
from typing import Any

import pytest

from radbench.contracts import MetricSpec, SchemaError
from radbench.contracts.evidence import Prediction
from radbench.leaderboard import scores
from radbench.leaderboard.aggregate import PairResult
from radbench.leaderboard.privacy import anonymous
from radbench.leaderboard.scores import HEADER, files_beside, key_of, read_scores, scores_of, write_scores

EVIDENCE: dict[str, Any] = {
    "a": {"dice": 0.1 + 0.2, "angle": {"": 2.0, "10": 1e-300, "-5": -3.5}, "seen": Prediction(1.0, 0.25)},
    "b": {
        "dice": math.inf,
        "marks": Prediction([0.0, 1.0], [0.5, math.nan]),
        "findings": {"=x;y%": Prediction(0.0, 1.0)},
    },
    "c": {},
}


def pair(**changes: Any) -> PairResult:
    facts: dict[str, Any] = {
        "metrics": (MetricSpec("dice", "higher"),),
        "evidence": EVIDENCE,
        "failures": {"d": "=SUM(1) failed"},
        "patients": {"a": "p1", "b": "p2", "c": "p1", "d": "p2"},
        "groups": {"a": {"le;sion": "li=ver"}, "b": {"sex": "f", "le;sion": "100%"}},
        "digests": {case: f"{case}{'0' * 15}" for case in "abcd"},
        "lacking": "2 cases gave no lesson",
    }
    return PairResult("t", "d[x=1]", "test", "unet", "quick", 3, **{**facts, **changes})


def written(tmp_path: Path, one: PairResult) -> PairResult:
    bare = dataclasses.replace(one, evidence={}, failures={}, patients={}, groups={}, lacking="")
    write_scores(tmp_path / "t.csv", {key_of(vars(one)): scores_of(one)})
    return read_scores(tmp_path / "t.csv")[key_of(vars(one))].put_into(bare)


def told(one: PairResult) -> dict[str, list[str]]:
    """A pair's evidence by case, as text: a NaN equals no other."""
    return {case: sorted(f"{name}: {value!r}" for name, value in found.items()) for case, found in one.evidence.items()}


def test_evidence_of_every_kind_reads_back_equal(tmp_path: Path) -> None:
    one = anonymous(pair())
    read = written(tmp_path, one)
    assert told(read) == told(one)
    for name in ("failures", "patients", "lacking"):
        assert getattr(read, name) == getattr(one, name)
    assert {case: strata for case, strata in read.groups.items() if strata} == one.groups
    assert read.scores_digest == scores_of(one).digest
    assert told(written(tmp_path, read)) == told(read)


def test_a_spreadsheet_finds_no_formula(tmp_path: Path) -> None:
    written(tmp_path, anonymous(pair()))
    assert ",'=SUM(1) failed" in (tmp_path / "t.cases.csv").read_text()


def test_large_scores_are_compressed_and_small_ones_again_are_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain, packed = files_beside(tmp_path / "t.csv")
    one = anonymous(pair())
    monkeypatch.setattr(scores, "LARGE", 100)
    large = written(tmp_path, one)
    assert (plain.exists(), packed.exists()) == (False, True)
    first = packed.read_bytes()
    written(tmp_path, one)
    assert packed.read_bytes() == first
    monkeypatch.setattr(scores, "LARGE", 1 << 20)
    assert told(written(tmp_path, one)) == told(large)
    assert (plain.exists(), packed.exists()) == (True, False)
    write_scores(tmp_path / "t.csv", {})
    assert not plain.exists()
    assert read_scores(tmp_path / "t.csv") == {}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"case,score\n1,2\n", "its columns must be task"),
        (b"", "is no table of scores"),
        (",".join(HEADER).encode() + b"\nt,d\n", "row 1: 2 fields where the header has 16"),
        (
            ",".join(HEADER).encode() + b"\nt,d,test,quick,x,,c,1,,ok,dice,,,,much,\n",
            "column 'score': 'much' is no number",
        ),
        (b"\xff\xfe", "is no table of scores"),
    ],
)
def test_what_is_damaged_is_named_by_file_and_row(tmp_path: Path, text: bytes, words: str) -> None:
    plain, packed = files_beside(tmp_path / "t.csv")
    plain.write_bytes(text)
    with pytest.raises(SchemaError, match=words) as caught:
        read_scores(tmp_path / "t.csv")
    assert str(plain) in str(caught.value)
    plain.unlink()
    packed.write_bytes(gzip.compress(text))
    with pytest.raises(SchemaError, match=words):
        read_scores(tmp_path / "t.csv")


def test_half_a_compressed_file_is_named(tmp_path: Path) -> None:
    _, packed = files_beside(tmp_path / "t.csv")
    packed.write_bytes(gzip.compress(b"x" * 1000)[:20])
    with pytest.raises(SchemaError, match=r"t\.cases\.csv\.gz is no table of scores"):
        read_scores(tmp_path / "t.csv")


def test_what_unpacks_to_more_than_the_limit_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, packed = files_beside(tmp_path / "t.csv")
    packed.write_bytes(gzip.compress(bytes(1 << 20)))
    monkeypatch.setenv("RADBENCH_MAX_BYTES", "100000")
    with pytest.raises(SchemaError, match="more than 100,000 bytes: set RADBENCH_MAX_BYTES higher"):
        read_scores(tmp_path / "t.csv")


def test_a_case_without_a_digest_is_never_left_out_in_silence() -> None:
    with pytest.raises(ValueError, match="digest"):
        anonymous(pair(digests={"a": "a" * 16}))
