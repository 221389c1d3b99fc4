"""From a run to its rows: what differences are taken to, what stays private, what tells two runs' data apart."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from radbench.contracts import NotComparableError
from radbench.engine.plan.pairs import Plan, make_plan
from radbench.engine.plan.request import Request
from radbench.engine.run.reporting import Silent
from radbench.engine.run.running import Options
from radbench.leaderboard.exports import FORMATS, render
from radbench.leaderboard.publish import publish
from radbench.leaderboard.running import run_plan
from radbench.leaderboard.sources import read_source
from radbench.registry.registry import Registry, load_registry

PLUGIN = Path(__file__).with_name("board_plugin.py")
LINE = next(n for n, line in enumerate(PLUGIN.read_text().splitlines(), 1) if "raise OSError" in line)


def planned(enhancers: str, task: str, file: Path = PLUGIN, **more: Any) -> tuple[Registry, Plan]:
    registry = load_registry([file])
    return registry, make_plan(registry, Request((enhancers,), (task,), plugin_files=(str(file),), **more))


def run(enhancers: str, task: str, out: Path, **more: Any) -> pd.DataFrame:
    registry, plan = planned(enhancers, task, **more)
    return run_plan(registry, plan, Options("cpu", 1, out=out, debug=True), Silent()).frame


def references(plan: Plan) -> set[str]:
    return {pair.baseline for pair in plan.pairs}


@pytest.mark.parametrize(
    ("task", "enhancers", "expected"),
    [
        ("grey", "plus", "original"),
        # However the task spells it.
        ("to-plus", "original", "plus[amount=0.2]"),
        ("to-plus", "plus", "plus[amount=0.2]"),
        # A baseline that learns is there when it is asked for: itself, else its only variant.
        ("to-learnt", "plus", "learnt"),
        ("to-learnt", "learnt[share=0.5],learnt", "learnt"),
        ("to-learnt", "learnt,learnt[share=0.5]", "learnt"),
        ("to-learnt", "original,learnt[share=0.5]", "learnt[share=0.5]"),
        ("to-learnt", "learnt[share=0.5],learnt[share=0.2]", "learnt"),
    ],
)
def test_differences_are_taken_to_the_exact_baseline_or_its_only_variant(
    task: str, enhancers: str, expected: str
) -> None:
    assert references(planned(enhancers, task)[1]) == {expected}


def test_a_baseline_that_is_spelt_otherwise_is_the_reference_of_the_rows(tmp_path: Path) -> None:
    rows = run("original", "to-plus", tmp_path / "run").set_index("enhancer")
    assert rows.loc["original", "reference"] == "plus[amount=0.2]"
    assert rows.loc["original", "delta"] == pytest.approx(-0.2, abs=1e-6)


@pytest.fixture
def edited(tmp_path: Path) -> Iterator[Path]:
    """A copy of the plugin that may be edited."""
    file = tmp_path / "edited_board_plugin.py"
    file.write_text(PLUGIN.read_text().replace("board_plugin:", f"{file.stem}:"))
    yield file
    sys.modules.pop(file.stem, None)


def fingerprint(file: Path, dataset: str = "films", **more: Any) -> str:
    (found,) = {pair.fingerprint for pair in planned("plus", "grey", file, dataset=dataset, **more)[1].pairs}
    return found


def test_the_fingerprint_tells_how_the_cases_are_loaded_too(edited: Path) -> None:
    before, through = fingerprint(edited), fingerprint(edited, "shown")
    assert before != through
    assert len(before) == 64
    source = edited.read_text()
    edited.write_text(f"# A remark.\n{source}")
    assert fingerprint(edited) == before
    edited.write_text(source.replace("BRIGHTNESS = 1.0", "BRIGHTNESS = 0.5"))
    assert fingerprint(edited) != before
    assert fingerprint(edited, limit=2) != fingerprint(edited)


def test_rows_of_a_changed_loader_are_no_table_with_those_before(edited: Path, tmp_path: Path) -> None:
    publish(run("plus", "grey", tmp_path / "one", file=edited), tmp_path / "boards")
    edited.write_text(edited.read_text().replace("BRIGHTNESS = 1.0", "BRIGHTNESS = 0.5"))
    with pytest.raises(NotComparableError, match=r"'grey/films/test/quick' .* has another data set fingerprint"):
        publish(run("plus[amount=0.3]", "grey", tmp_path / "two", file=edited), tmp_path / "boards")


def test_a_data_set_whose_parts_learn_is_another_under_another_precision() -> None:
    shown = "shown[by=learnt]"
    assert fingerprint(PLUGIN, shown) != fingerprint(PLUGIN, shown, precision="mixed")
    assert fingerprint(PLUGIN) == fingerprint(PLUGIN, precision="mixed")


def test_precision_is_said_of_what_learns_and_keeps_nothing_else_apart(tmp_path: Path) -> None:
    boards = tmp_path / "boards"
    for task, others in (("grey", "plus"), ("taught", "original")):
        rows = run("learnt", task, tmp_path / task, precision="mixed")
        expected = {"original": "float32" if task == "grey" else "mixed", "learnt": "mixed"}
        assert rows.set_index("enhancer")["precision"].to_dict() == expected
        publish(rows, boards)
        again = run(others, task, tmp_path / f"{task} again")
        assert set(again["precision"]) == {"float32"}
        if task == "grey":
            publish(again, boards)
        else:
            with pytest.raises(NotComparableError, match="precision mixed there, float32 in the run"):
                publish(again, boards)


def test_rows_keep_private_what_the_journal_says(tmp_path: Path) -> None:
    def of(name: str, case: str) -> str:
        (file,) = (tmp_path / name / "cases").glob("*original*.csv")
        with file.open(newline="") as lines:
            return next(row["case_digest"] for row in csv.DictReader(lines) if row["case_id"] == case)[:8]

    films = tmp_path / "Doe Jane"
    films.mkdir()
    for name, grey in {"doe1": "0.2", "doe2": "none", "1": "0.4", "tdoe3": "0.4", "tdoe4": "none"}.items():
        (films / f"{name}.txt").write_text(grey)
    dataset = f"films[root={films}]"
    clear = run(f"learnt[trained_on={dataset}]", "grey", tmp_path / "one", dataset=dataset)
    assert f"1 of 3 cases failed ('doe2'): case 'doe2': cannot read {films}/doe2.txt: no number" in set(clear["error"])
    run("plus", "picky", tmp_path / "two", dataset=dataset)
    rows, failed = (read_source(tmp_path / name).rows for name in ("one", "two"))
    errors = {e.partition("[")[0]: error for e, error in zip(rows["enhancer"], rows["error"], strict=True)}
    unreadable = "case '…': cannot read …: no number"
    assert errors["original"] == f"1 of 3 cases failed ({of('one', 'doe2')}): {unreadable}"
    learner = rows.set_index("metric")["enhancer"].iloc[-1]
    assert errors["learnt"] == f"1 case that {learner} learns from failed: {unreadable}; {errors['original']}"
    assert set(failed["status"]) == {"error"}
    three = ", ".join(of("two", name) for name in ("1", "doe1", "doe2"))
    assert set(failed["error"]) == {
        f"3 of 3 cases failed ({three}): FileNotFoundError: [Errno 2] No such file or directory: '…' "
        f"(board_plugin.py:{LINE}); other reasons too"
    }
    publish(tmp_path / "two", tmp_path / "boards", include_failed=True)
    publish(tmp_path / "one" / "leaderboard.csv", tmp_path / "boards")
    # What is no longer beside its journal says less.
    (tmp_path / "alone.csv").write_bytes((tmp_path / "two" / "leaderboard.csv").read_bytes())
    publish(tmp_path / "alone.csv", tmp_path / "alone", include_failed=True)
    written = [file.read_text() for file in tmp_path.glob("*/*.csv") if file.parent.name in ("boards", "alone")]
    written += [render(clear, form) for form in FORMATS if form != "table"]
    assert len(written) == 4 + len(FORMATS) - 1
    for text in written:
        assert not any(name in text for name in ("doe", "Doe", "patient of", "anna", ".txt", str(tmp_path)))
    kept = [(tmp_path / run / "journal.jsonl").read_text() for run in ("one", "two")]
    assert f"cannot read {films}/tdoe4.txt" in kept[0]
    assert "/home/anna m/1/mask.png" in kept[1]
