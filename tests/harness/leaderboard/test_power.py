"""What comparisons can show: by the rule of the printed interval, for rows with the scores behind them."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import math
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from radbench.cli import main
from radbench.contracts import MetricSpec, Prediction, SchemaError, Status, UsageError
from radbench.leaderboard import power as module
from radbench.leaderboard.aggregate import PairResult, estimates, leaderboard_rows
from radbench.leaderboard.power import Foreseen, Question, as_csv, as_json, foreseen
from radbench.leaderboard.power_tables import power_tables
from radbench.leaderboard.privacy import anonymous, publishable
from radbench.leaderboard.publish import publish
from radbench.leaderboard.schema import read_leaderboard, write_csv
from radbench.leaderboard.sources import Source

METRICS = (MetricSpec("hd", "lower"), MetricSpec("dice", "higher", primary=True))
N = 30


def pair(enhancer: str, seed: int | None = None, spread: float = 0.02, n: int = N, **changes: Any) -> PairResult:
    rng = np.random.default_rng([sum(map(ord, enhancer)), 0 if seed is None else seed + 1])
    base = np.linspace(0.4, 0.8, n) + (0 if enhancer == "original" else rng.normal(0.01, spread, n))
    facts: dict[str, Any] = {
        "metrics": METRICS,
        "evidence": {f"c{k:02}": {"dice": float(b), "hd": float(10 - 9 * b)} for k, b in enumerate(base)},
        "patients": {f"c{k:02}": f"p{k // 2:02}" if enhancer == "paired" else f"p{k:02}" for k in range(n)},
        "groups": {f"c{k:02}": {"lesion": "bone" if k % 2 else "liver"} for k in range(n)},
        "digests": {f"c{k:02}": f"{k:02}{'5d' * 7}" for k in range(n)},
        "expected_cases": n,
        "dataset_fingerprint": "a1b2c3d4" * 8,
        "task_digest": "9f8e7d6c5b4a3928",
        "cases_digest": "5a5a5a5a5a5a5a5a",
        "created_utc": "2025-11-21T08:00:00Z",
    }
    facts |= changes
    return PairResult(facts.pop("task", "grabcut"), "phantom", "test", enhancer, "quick", seed, **facts)


def published(folder: Path, *pairs: PairResult) -> Path:
    """A published leaderboard with the scores beside it."""
    publish(Source(publishable(leaderboard_rows(pairs)), [anonymous(one) for one in pairs]), folder)
    return folder / f"{pairs[0].task}.csv"


def ask(path: Path, **question: Any) -> list[Foreseen]:
    (only,) = foreseen([path], Question(**question))
    return only


def one(path: Path, enhancer: str, **question: Any) -> Foreseen:
    (found,) = (each for each in ask(path, **question) if each.enhancer == enhancer)
    return found


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return published(tmp_path_factory.mktemp("board"), pair("original"), pair("clahe"), pair("he", spread=0.05)).parent


@pytest.fixture
def board(written: Path, tmp_path: Path) -> Path:
    shutil.copytree(written, tmp_path / "board")
    return tmp_path / "board" / "grabcut.csv"


def test_what_is_told_is_what_the_row_has_to_the_bit(board: Path) -> None:
    rows = read_leaderboard(board).set_index(["enhancer", "group", "metric"])
    found = ask(board)
    assert [each.enhancer for each in found] == ["clahe", "he"]
    for each in found:
        row = rows.loc[each.enhancer, "all", "dice"]
        for name in ("delta", "delta_ci_low", "delta_ci_high", "detectable", "n_cases", "n_patients", "reference"):
            assert getattr(each, name) == row[name], name
        assert each.effective_patients == N
        assert each.note == ""


def test_normal_differences_have_the_textbooks_power(board: Path) -> None:
    # One case of each patient: the standard error is the textbook's, the t has n - 1 degrees of freedom, and only the
    # bootstrap-t can lie beyond it.
    found = one(board, "he")
    ours, theirs = (
        [v["dice"] for v in pair(name, **s).evidence.values()]
        for name, s in (("he", {"spread": 0.05}), ("original", {}))
    )
    error = np.std(np.subtract(ours, theirs), ddof=1) / math.sqrt(N)
    assert found.standard_error == pytest.approx(error)
    reach = max(found.delta - found.delta_ci_low, found.delta_ci_high - found.delta) / error
    assert stats.t.ppf(0.975, N - 1) <= reach <= 1.3 * stats.t.ppf(0.975, N - 1)
    shown = stats.nct.sf(reach, N - 1, found.detectable / error)
    assert shown == pytest.approx(0.8, abs=1e-6)
    assert one(board, "he", power=0.9).detectable > found.detectable


def test_the_patients_for_what_is_detectable_are_those_that_there_are(board: Path) -> None:
    detectable = one(board, "he").detectable
    assert one(board, "he", difference=detectable * (1 + 1e-9)).patients_needed == N
    half = one(board, "he", difference=detectable / 2)
    assert 3.5 * N < half.patients_needed < 4.1 * N
    assert one(board, "he", difference=detectable / 2, power=0.9).patients_needed > half.patients_needed
    assert one(board, "clahe", difference=1.0).patients_needed == 6


def test_several_cases_of_a_patient_count_as_the_clusters_that_they_are(tmp_path: Path) -> None:
    clusters = {f"c{k:02}": f"p{k // 3:02}" for k in range(N)}
    board = published(tmp_path, pair("original", patients=clusters), pair("clahe", patients=clusters))
    found = one(board, "clahe")
    assert (found.n_cases, found.n_patients) == (N, 10)
    assert found.note == "few patients: 10"


def test_seeds_stand_in_one_row_and_keep_what_they_add(tmp_path: Path) -> None:
    def shifted(seed: int) -> PairResult:
        made = pair("unet", seed)
        return dataclasses.replace(
            made, evidence={c: {**v, "dice": v["dice"] + 0.03 * seed} for c, v in made.evidence.items()}
        )

    board = published(tmp_path, pair("original"), *map(shifted, range(3)))
    (found,) = ask(board, difference=1.0)
    assert (found.n_seeds, found.seed, found.note) == (3, None, "")
    assert found.patients_needed == 6
    (never,) = ask(board, difference=0.01)
    assert never.patients_needed is None
    assert "with 3 seeds: they vary too much, and more of them are needed" in never.note
    text = " ".join(power_tables([[never]])[0].notes)
    assert "as many as here, each time trained anew" in text


def test_two_seeds_are_not_tested_and_it_is_said(tmp_path: Path) -> None:
    (found,) = ask(published(tmp_path, pair("original"), pair("unet", 0), pair("unet", 1)))
    assert found.note == "not tested: fewer than 3 seeds: 2"


def test_files_that_compare_are_joined_and_their_seeds_pooled(tmp_path: Path) -> None:
    first = published(tmp_path / "a", pair("original"), pair("unet", 0), pair("unet", 1))
    second = published(tmp_path / "b", pair("original"), pair("unet", 2), pair("clahe"))
    (found,) = foreseen([first, second], Question())
    assert {(each.enhancer, each.n_seeds) for each in found} == {("unet", 3), ("clahe", 0)}


def test_a_curve_has_its_power_too(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    labels = [k % 2 for k in range(60)]

    def reads(enhancer: str, sharper: float) -> PairResult:
        evidence = {
            f"c{k:02}": {"hit": Prediction(label, float(label * sharper + rng.normal()))}
            for k, label in enumerate(labels)
        }
        metrics = (MetricSpec("auroc", "higher", "hit", "auroc"),)
        digests = {f"c{k:02}": f"{k:02}{'5d' * 7}" for k in range(60)}
        patients = {case: case for case in evidence}
        return pair(enhancer, metrics=metrics, evidence=evidence, patients=patients, digests=digests, groups={})

    board = published(tmp_path, reads("original", 1.0), reads("clahe", 1.2))
    found = one(board, "clahe", difference=0.05)
    row = read_leaderboard(board).set_index("enhancer").loc["clahe"]
    assert found.detectable == row["detectable"] > 0
    assert found.patients_needed > 60


def test_few_patients_have_a_reason_in_place_of_a_number(tmp_path: Path) -> None:
    found = one(published(tmp_path, pair("original", n=5), pair("clahe", n=5)), "clahe", difference=0.1)
    assert found.note == "no interval, and so no power: fewer than 6 patients: 5"
    assert (found.detectable, found.patients_needed) == (None, None)
    assert found.delta is not None


def test_what_is_bootstrapped_alone_says_so(board: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "estimates", lambda pairs: ((row, None, bounds) for row, _, bounds in estimates(pairs)))
    found = one(board, "clahe", difference=0.1)
    assert found.note == module.NO_RULE
    assert found.detectable is None


def test_missing_cases_are_said(tmp_path: Path) -> None:
    whole = pair("clahe")
    fewer = dataclasses.replace(
        whole, evidence={c: v for c, v in whole.evidence.items() if c != "c03"}, failures={"c03": "it raised"}
    )
    found = one(published(tmp_path, pair("original"), fewer), "clahe")
    assert found.n_cases == N - 1
    assert found.note == "not tested: cases are missing, or weights lacked lessons"


def test_without_scores_the_row_alone_speaks(board: Path) -> None:
    board.with_name("grabcut.cases.csv").unlink()
    row = read_leaderboard(board).set_index(["enhancer", "group", "metric"]).loc["he", "all", "dice"]
    found = one(board, "he", difference=0.1)
    assert (found.detectable, found.delta) == (row["detectable"], row["delta"])
    assert (found.patients_needed, found.n_patients) == (None, None)
    assert found.note.startswith(module.NO_SCORES)
    assert one(board, "he", power=0.9).detectable is None
    against = one(board, "he", reference="clahe")
    assert (against.delta, against.detectable) == (None, None)
    (remark,) = power_tables([ask(board)])[0].remarks
    assert remark.startswith("clahe, he: no per-case scores")


def test_another_reference_is_compared_with(board: Path) -> None:
    found = ask(board, reference="clahe")
    assert {each.enhancer: each.reference for each in found} == {"original": "clahe", "he": "clahe"}
    assert one(board, "original", reference="clahe").delta == -one(board, "clahe").delta


def test_groups_and_metrics_are_chosen(board: Path) -> None:
    by_lesion = foreseen([board], Question(group="lesion", metric="hd"))
    assert [(own[0].group, own[0].metric, own[0].n_cases) for own in by_lesion] == [
        ("all", "hd", N),
        ("lesion=bone", "hd", N // 2),
        ("lesion=liver", "hd", N // 2),
    ]
    (bone,) = foreseen([board], Question(group="lesion=bone"))
    assert {each.group for each in bone} == {"lesion=bone"}


def test_facets_stand_for_the_whole_where_there_is_none(tmp_path: Path) -> None:
    def by_facet(enhancer: str) -> PairResult:
        made = pair(enhancer)
        return dataclasses.replace(
            made,
            evidence={
                c: {"dice": {"left": v["dice"], "right": v["hd"]}, "hd": v["hd"]} for c, v in made.evidence.items()
            },
        )

    board = published(tmp_path, by_facet("original"), by_facet("clahe"))
    assert [own[0].facet for own in foreseen([board], Question())] == ["left", "right"]
    assert [own[0].facet for own in foreseen([board], Question(facet="right"))] == ["right"]


def test_what_failed_is_named_with_its_status(tmp_path: Path) -> None:
    crashed = pair("wls", status=Status.CRASHED, error="died", evidence={})
    write_csv(leaderboard_rows([pair("original"), pair("clahe"), crashed]), tmp_path / "leaderboard.csv")
    assert one(tmp_path / "leaderboard.csv", "wls").note == "not scored: crashed"


@pytest.mark.parametrize(
    ("question", "told"),
    [
        ({"difference": -0.1}, "--difference must be a positive number, got -0.1"),
        ({"difference": 0.0}, "--difference must be a positive number, got 0"),
        ({"difference": math.nan}, "--difference must be a positive number, got nan"),
        ({"difference": math.inf}, "--difference must be a positive number"),
        ({"difference": 1.01}, "--difference 1.01: two scores of dice differ by 1 at most"),
        ({"power": 0.0}, "--power must lie between 0 and 1, got 0"),
        ({"power": 1.0}, "--power must lie between 0 and 1, got 1"),
        ({"power": math.nan}, "--power must lie between 0 and 1, got nan"),
        ({"metric": "dise"}, "unknown metric 'dise': did you mean 'dice'"),
        ({"task": "grabcat"}, "unknown task 'grabcat': did you mean 'grabcut'"),
        ({"group": "lesions"}, "unknown group 'lesions'"),
        ({"facet": "left"}, "unknown facet 'left'"),
        ({"reference": "clahee"}, "unknown enhancer 'clahee': did you mean 'clahe'"),
    ],
)
def test_wrong_questions_are_refused_in_a_sentence(board: Path, question: dict[str, Any], told: str) -> None:
    with pytest.raises(UsageError) as refused:
        foreseen([board], Question(**question))
    assert told in str(refused.value)


def test_a_difference_is_of_one_metric(tmp_path: Path) -> None:
    published(tmp_path, pair("original"), pair("clahe"))
    other = {"task": "quality", "metrics": (MetricSpec("hd", "lower"),), "task_digest": "77"}
    published(tmp_path, pair("original", **other), pair("clahe", **other))
    with pytest.raises(UsageError, match="in the unit of one metric, and these are dice, hd: choose one"):
        foreseen([tmp_path], Question(difference=0.1))
    assert len(foreseen([tmp_path], Question())) == 2
    assert ask(tmp_path, difference=0.1, task="quality")[0].metric == "hd"


def test_nothing_compared_nothing_there_and_no_leaderboard_are_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nothing is compared there"):
        foreseen([published(tmp_path, pair("original"))], Question())
    with pytest.raises(UsageError, match="nowhere"):
        foreseen([tmp_path / "nowhere.csv"], Question())
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    with pytest.raises(SchemaError, match=r"other\.csv"):
        foreseen([tmp_path / "other.csv"], Question())


def test_rows_of_version_1_have_no_power(tmp_path: Path) -> None:
    rows = leaderboard_rows([pair("original", 0), pair("clahe", 0)])
    old = rows.assign(schema_version=1, detectable=math.nan, n_seeds=1)
    write_csv(old, tmp_path / "leaderboard.csv")
    (found,) = ask(tmp_path / "leaderboard.csv")
    assert (found.note, found.detectable) == (module.OLD, None)


def test_csv_and_json_hold_the_same_and_no_formula(board: Path) -> None:
    found = foreseen([board], Question(difference=0.01))
    rows, told = list(csv.DictReader(io.StringIO(as_csv(found)))), json.loads(as_json(found))["rows"]
    assert [row["enhancer"] for row in rows] == [row["enhancer"] for row in told] == ["clahe", "he"]
    assert list(rows[0]) == list(told[0]) == [field.name for field in dataclasses.fields(Foreseen)]
    assert float(rows[1]["detectable"]) == told[1]["detectable"]
    assert (rows[0]["seed"], told[0]["seed"]) == ("", None)
    evil = dataclasses.replace(found[0][0], enhancer="=1+1\x1b[31m", note="")
    assert "'=1+1\\u{1b}" in as_csv([[evil]])
    assert "\x1b" not in as_json([[evil]])
    assert "\x1b" not in power_tables([[evil]])[0].rows[0][0]


def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[Any, str, str]:
    monkeypatch.setattr(sys, "argv", ["bench", "power", *words])
    with pytest.raises(SystemExit) as left:
        main()
    said = capsys.readouterr()
    return left.value.code or 0, said.out, said.err


def test_the_verb_prints_a_table_and_what_it_takes_for_granted(
    board: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = run(monkeypatch, capsys, str(board), "--difference", "0.01")
    assert code == 0
    text = " ".join(out.split())
    for words in (
        "power, dice: grabcut on phantom, test split",
        "at 80 %",
        "for 0.01",
        "leaves out zero (two-sided, 5 %)",
        "patients like these, each with as many cases as here",
        "not adjusted for others of its family",
    ):
        assert words in text
    code, out, _ = run(monkeypatch, capsys, str(board), "-f", "markdown", "--power", "0.9")
    assert (code, "| clahe | 30 | 30 | 30.0 |" in out, "at 90 %" in out) == (0, True, True)
    assert run(monkeypatch, capsys, str(board), "-f", "csv")[1].startswith("task,dataset,")
    assert json.loads(run(monkeypatch, capsys, str(board), "-f", "json")[1])["rows"]


def test_the_verb_ends_with_2_on_wrong_usage(
    board: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for words, told in (
        ((str(board), "-f", "latex"), "--format 'latex' must be one of table, csv, markdown, json"),
        ((str(board), "--power", "1.5"), "--power must lie between 0 and 1"),
        ((str(board.with_name("none.csv")),), "none.csv"),
    ):
        code, out, err = run(monkeypatch, capsys, *words)
        assert (code, out) == (2, "")
        assert told in err
