"""The schema refuses what is no leaderboard, and its CSV reads back equal."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from radbench.contracts import SchemaError, UsageError
from radbench.leaderboard import schema
from radbench.leaderboard.schema import COLUMNS, SCHEMA_VERSION, read_leaderboard, validate, write_csv

VERSION_1 = (
    ("schema_version", "task", "dataset", "split", "enhancer", "profile", "seed", "group", "metric", "direction"),
    ("value", "std", "ci_low", "ci_high", "n_cases", "n_patients"),
    ("delta", "delta_ci_low", "delta_ci_high", "p_value", "p_adjusted", "rank", "rank_low", "rank_high"),
    ("status", "error"),
    ("fit_seconds", "enhance_ms_per_case", "peak_memory_mb", "parameters", "device", "precision", "pretrained"),
    (
        *("dataset_fingerprint", "enhancer_digest", "task_digest", "enhancer_plugin", "task_plugin"),
        *("radbench_version", "git_commit", "created_utc"),
    ),
)
NEW_IN_2 = (
    ("facet", "aggregation", "primary", "observation"),
    (
        *("n_positive", "n_seeds", "seeds", "n_positive_patients", "effective_patients"),
        *("variance_patients", "variance_seeds", "variance_interaction"),
    ),
    (
        *("reference", "effect_size", "p_wilcoxon", "p_test", "family", "detectable"),
        *("effect_size_ci_low", "effect_size_ci_high", "p_sign_flip"),
        *("delta_variance_patients", "delta_variance_seeds", "delta_variance_interaction", "margin", "p_margin"),
    ),
    (),
    ("task_fit_seconds", "task_pretrained"),
    ("limit", "truth", "given", "cases_digest", "numerics", "licence", "citation", "scores_digest"),
)

NAN = math.nan


def row(**changes: Any) -> dict[str, Any]:
    base: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "task": "grabcut",
        "dataset": "phantom-lesions",
        "split": "test",
        "enhancer": "clahe",
        "profile": "quick",
        "seed": 0,
        "group": "all",
        "metric": "dice",
        "direction": "higher",
        "facet": "",
        "aggregation": "mean",
        "primary": "true",
        "observation": "dice",
        "value": 0.8123456789012345,
        "std": 0.1,
        "ci_low": 0.79,
        "ci_high": 0.83,
        "n_cases": 200,
        "n_patients": 150,
        "n_positive": None,
        "n_seeds": 1,
        "seeds": "",
        "delta": 0.01,
        "delta_ci_low": -0.01,
        "delta_ci_high": 0.03,
        "p_value": 0.01,
        "p_adjusted": 0.04,
        "rank": 1.0,
        "rank_low": 1.0,
        "rank_high": 2.0,
        "reference": "original",
        "effect_size": NAN,
        "p_wilcoxon": 0.01,
        "p_test": "wilcoxon",
        "family": "3 comparisons of the primary metric",
        "detectable": NAN,
        "status": "ok",
        "error": "",
        "fit_seconds": NAN,
        "enhance_ms_per_case": 1.5,
        "peak_memory_mb": 812.0,
        "parameters": NAN,
        "device": "cpu",
        "precision": "float32",
        "pretrained": "",
        "task_fit_seconds": NAN,
        "task_pretrained": "",
        "dataset_fingerprint": "ab" * 32,
        "enhancer_digest": "cd" * 32,
        "task_digest": "ef" * 32,
        "enhancer_plugin": "radbench 0.1.0",
        "task_plugin": "radbench 0.1.0",
        "radbench_version": "0.1.0",
        "git_commit": "",
        "created_utc": "2025-11-21T08:00:00Z",
        "limit": 0,
        "truth": "lesion_mask",
        "given": "recist",
        "cases_digest": "0123456789abcdef",
        "numerics": "numpy 2.1.0",
        "licence": "",
        "citation": "",
        "scores_digest": "",
    }
    return {**base, **changes}


FAILED = dict.fromkeys(schema.STATISTICS, NAN) | {
    "status": "crashed",
    "error": "the worker died (signal 9)",
    "n_cases": 0,
    "n_patients": 0,
    "reference": "",
    "p_test": "",
    "family": "",
}
NO_METRIC = {"metric": "", "direction": "", "primary": "", "aggregation": "", "observation": ""}


def frame(*rows: dict[str, Any]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=list(COLUMNS))


def test_the_columns_are_those_of_the_design_in_its_order() -> None:
    blocks = [old + new for old, new in zip(VERSION_1, NEW_IN_2, strict=True)]
    assert list(COLUMNS) == [name for block in blocks for name in block]
    assert [c.name for c in COLUMNS.values() if c.since == 2] == [name for block in NEW_IN_2 for name in block]


def test_a_valid_row_and_a_failed_row_pass() -> None:
    good = frame(row(), row(enhancer="wls", **FAILED), row(enhancer="he", **NO_METRIC, **FAILED))
    assert len(validate(good)) == 3


@pytest.mark.parametrize(
    ("changes", "column", "says"),
    [
        ({"direction": "up"}, "direction", "'up' is not one of"),
        ({"status": "fine"}, "status", "'fine' is not one of"),
        ({"p_value": 1.5, "p_adjusted": 1.5}, "p_value", "1.5 is above 1"),
        ({"p_value": -0.5}, "p_value", "is below 0"),
        ({"p_adjusted": 0.001}, "p_adjusted", "is below p_value"),
        ({"std": -1.0}, "std", "is below 0"),
        ({"rank": 0.0, "rank_low": 0.0}, "rank", "is below 1"),
        ({"rank": 3.0}, "rank_high", "is below rank"),
        ({"ci_low": 0.9}, "ci_low", "is above value"),
        ({"ci_high": 0.5}, "ci_high", "is below value"),
        ({"ci_high": NAN}, "ci_low", "needs both"),
        ({"delta_ci_low": 0.02}, "delta_ci_low", "is above delta"),
        ({"n_patients": 300}, "n_patients", "more patients than cases"),
        ({"task": ""}, "task", "must not be empty"),
        (NO_METRIC, "metric", "only a failed row"),
        ({"direction": ""}, "direction", "where a metric is named"),
        ({**FAILED, "error": ""}, "error", "must say why"),
        ({**FAILED, "value": 0.5}, "value", "a failed row has no value"),
        ({"value": NAN, "ci_low": NAN, "ci_high": NAN}, "error", "must say why"),
        ({"delta": math.inf}, "delta", "not a finite number"),
        ({"n_cases": 1.5}, "n_cases", "not a whole number"),
        ({"seed": "one"}, "seed", "not a whole number or empty"),
        ({"n_cases": ""}, "n_cases", "not a whole number"),
        ({"seed": None}, "n_seeds", "a row has a seed where n_seeds is 1"),
        ({"n_seeds": 0}, "n_seeds", "and none elsewhere"),
        ({"n_positive": 201}, "n_positive", "more positive cases than cases"),
        ({"n_positive": -1}, "n_positive", "is below 0"),
        ({"primary": ""}, "primary", "where a metric is named"),
        ({"primary": "yes"}, "primary", "'yes' is not one of"),
        ({"group": "liver"}, "group", "must be 'all' or name=value"),
        ({"reference": ""}, "reference", "must name what delta is taken to"),
        ({"limit": -3}, "limit", "is below 0"),
        ({"task": None}, "task", "not text"),
        ({"error": "bad \udcff name"}, "error", "UTF-8"),
        ({"created_utc": "yesterday"}, "created_utc", "ISO 8601"),
        ({"created_utc": "2025-11-21T08:00:00+02:00"}, "created_utc", "UTC"),
        ({"schema_version": 7}, "schema_version", "must be 1 or 2"),
    ],
)
def test_a_fault_is_named_by_file_row_and_column(changes: dict[str, Any], column: str, says: str) -> None:
    with pytest.raises(SchemaError) as caught:
        validate(frame(row(enhancer="original"), row(**changes)), "runs/a.csv")
    message = str(caught.value)
    assert message.startswith("runs/a.csv, row 2 (")
    assert f"column '{column}'" in message
    assert says in message


def test_a_repeated_row_key_is_refused() -> None:
    with pytest.raises(SchemaError, match=r"row 2 .*occurs twice"):
        validate(frame(row(), row(value=0.8)))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda f: f.drop(columns="value"), "missing columns: value"),
        (lambda f: f.assign(extra=1), "unknown columns: extra"),
        (lambda f: f[["task", "schema_version", *list(COLUMNS)[2:]]], "column 1 is 'task', expected 'schema_version'"),
    ],
)
def test_other_columns_are_refused(change: Any, says: str) -> None:
    with pytest.raises(SchemaError, match=says):
        validate(change(frame(row())))


def test_no_rows_are_valid_and_read_back(tmp_path: Path) -> None:
    write_csv(frame(), tmp_path / "none.csv")
    assert_frame_equal(read_leaderboard(tmp_path / "none.csv"), validate(frame()), check_dtype=False)


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
finite = st.floats(allow_nan=False, allow_infinity=False)


@given(
    error=texts.filter(bool) | st.sampled_from(['a "b", c', "l1\nl2\r\nl3\rl4", "nan", "NA", " x ", "\ufeff", "\x00"]),
    enhancer=texts.filter(bool),
    device=texts,
    value=finite,
    std=st.none() | finite.map(abs),
    seed=st.none() | st.integers(-(2**63), 2**63 - 1),
    n_positive=st.none() | st.integers(0, 200),
    parameters=st.none() | st.integers(0, 2**53),
)
@settings(max_examples=50, deadline=None)
def test_what_is_written_reads_back_equal(
    tmp_path_factory: pytest.TempPathFactory,
    error: str,
    enhancer: str,
    device: str,
    value: float,
    std: float | None,
    seed: int | None,
    n_positive: int | None,
    parameters: int | None,
) -> None:
    written = validate(
        frame(
            row(
                error=error,
                enhancer=enhancer,
                device=device,
                value=value,
                std=std,
                seed=seed,
                n_seeds=0 if seed is None else 1,
                n_positive=n_positive,
                ci_low=NAN,
                ci_high=NAN,
                parameters=parameters,
            )
        )
    )
    path = tmp_path_factory.getbasetemp() / "round.csv"
    write_csv(written, path)
    assert_frame_equal(read_leaderboard(path), written, check_exact=True)


def test_a_file_that_a_spreadsheet_rewrote_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("\ufeff" + schema.to_csv(frame(row())).replace("\n", "\r\n"), encoding="utf-8", newline="")
    assert read_leaderboard(path)["value"].tolist() == [0.8123456789012345]


def test_a_run_folder_stands_for_its_leaderboard(tmp_path: Path) -> None:
    write_csv(frame(row()), tmp_path / "leaderboard.csv")
    assert len(read_leaderboard(tmp_path)) == 1


def test_an_error_text_beyond_the_csv_limit_is_read(tmp_path: Path) -> None:
    write_csv(frame(row(**FAILED | {"error": "x" * 200_000})), tmp_path / "a.csv")
    assert len(read_leaderboard(tmp_path / "a.csv")["error"][0]) == 200_000


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is empty"),
        (b"\xff\xfe\x00", "not UTF-8"),
        (b'a,b\n"x,1\n', "not a CSV file"),
        (b"a,b\n1\n", "row 1: 1 fields where the header has 2"),
        (b"a,b\n1,2\n", "no column 'schema_version'"),
        (b"schema_version,b\n3,2\n", "schema version 3, this radbench knows up to 2: upgrade"),
        (b"schema_version,b\n1,2\n", "missing columns: task"),
        (b"schema_version,b\n2,2\n", "missing columns: task"),
        (b"schema_version,b\n0,2\n", "schema version 0, which this radbench cannot bring up to date"),
        (b"schema_version,b\n1,2\n2,2\n", "one whole number expected"),
        (b"schema_version,b\nx,2\n", "a whole number expected"),
    ],
)
def test_a_file_that_is_no_leaderboard_is_refused_by_name(tmp_path: Path, content: bytes, says: str) -> None:
    path = tmp_path / "bad.csv"
    path.write_bytes(content)
    with pytest.raises(SchemaError) as caught:
        read_leaderboard(path)
    assert "bad.csv" in str(caught.value)
    assert says in str(caught.value)


def test_a_missing_file_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="bench run"):
        read_leaderboard(tmp_path / "none.csv")


def version_1(*rows: dict[str, Any]) -> str:
    """A file as radbench 0.1 wrote it."""
    columns = [name for block in VERSION_1 for name in block]
    cells = [["" if r[c] is None or r[c] != r[c] else str(r[c]) for c in columns] for r in rows]
    return "\n".join(",".join(line) for line in (columns, *cells)) + "\n"


def test_a_file_of_version_1_reads_with_what_it_said_and_nothing_else(tmp_path: Path) -> None:
    old = {"schema_version": 1, "group": "all"}
    alone = dict.fromkeys(("delta", "delta_ci_low", "delta_ci_high", "p_value", "p_adjusted"), NAN)
    text = version_1(
        row(**old, enhancer="original", **alone),
        row(**old),
        row(**old, metric="jaccard"),
        row(**old | {"group": "liver"}),
        row(**old | {"group": "all (group)"}),
        row(**old, enhancer="he", **NO_METRIC, **FAILED),
    )
    (tmp_path / "old.csv").write_text(text, encoding="utf-8")
    read = read_leaderboard(tmp_path / "old.csv")
    assert read["schema_version"].tolist() == [1] * 6
    assert read["value"].tolist()[:5] == [0.8123456789012345] * 5
    assert read["group"].tolist() == ["all", "all", "all", "group=liver", "group=all", "all"]
    assert read["primary"].tolist() == ["true", "true", "false", "true", "true", ""]
    assert read["reference"].tolist() == ["", "original", "original", "original", "original", ""]
    assert set(read["family"]) == {"", "enhancers and metrics of the group"}
    assert read["seed"].tolist() == [0] * 6
    assert read["n_seeds"].tolist() == [1] * 6
    assert read[["limit", "n_positive", "p_wilcoxon", "effect_size"]].isna().all(axis=None)
    assert (read[["facet", "aggregation", "p_test", "truth", "given", "cases_digest"]] == "").all(axis=None)


def test_rows_of_version_1_keep_it_when_they_are_written_again(tmp_path: Path) -> None:
    (tmp_path / "old.csv").write_text(version_1(row(schema_version=1)), encoding="utf-8")
    both = pd.concat([read_leaderboard(tmp_path / "old.csv"), validate(frame(row(enhancer="he")))], ignore_index=True)
    write_csv(both, tmp_path / "both.csv")
    assert_frame_equal(read_leaderboard(tmp_path / "both.csv"), both, check_exact=True)
    assert both["schema_version"].tolist() == [1, 2]


def test_what_is_no_layout_of_its_version_is_named_by_its_column(tmp_path: Path) -> None:
    (tmp_path / "old.csv").write_text(version_1(row(schema_version=1)).replace(",delta,", ",change,"), encoding="utf-8")
    with pytest.raises(SchemaError, match="missing columns: delta"):
        read_leaderboard(tmp_path / "old.csv")


def test_an_invalid_frame_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    write_csv(frame(row()), path)
    before = path.read_bytes()
    with pytest.raises(SchemaError, match=r"a\.csv"):
        write_csv(frame(row(p_value=2.0)), path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["a.csv"]


FULL_DISK = """
import resource, sys
sys.path.insert(0, sys.argv[2])
from test_leaderboard_schema import frame, row
from radbench.contracts import UsageError
from radbench.leaderboard.schema import write_csv
rows = frame(*(row(seed=s) for s in range(400)))
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
try:
    write_csv(rows, sys.argv[1])
except UsageError as error:
    print(error)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs a file-size limit")
def test_a_write_cut_short_by_the_system_loses_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    write_csv(frame(row()), path)
    before = path.read_bytes()
    command = [sys.executable, "-c", FULL_DISK, str(path), str(Path(__file__).parent)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "cannot write" in done.stdout
    assert "untouched" in done.stdout
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["a.csv"]


def test_a_folder_that_cannot_be_written_is_a_usage_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match=r"cannot write .*; nothing was written"):
        write_csv(frame(row()), tmp_path / "file" / "a.csv")


def test_a_missing_folder_is_made(tmp_path: Path) -> None:
    write_csv(frame(row()), tmp_path / "missing" / "a.csv")
    assert len(read_leaderboard(tmp_path / "missing" / "a.csv")) == 1


def test_a_link_and_the_mode_of_the_file_survive(tmp_path: Path) -> None:
    path, link = tmp_path / "a.csv", tmp_path / "link.csv"
    write_csv(frame(row()), path)
    path.chmod(0o640)
    link.symlink_to(path)
    write_csv(frame(row(), row(seed=1)), link)
    assert link.is_symlink()
    assert len(read_leaderboard(path)) == 2
    assert path.stat().st_mode & 0o777 == 0o640


def test_the_package_offers_what_it_lists() -> None:
    import radbench.leaderboard

    for name in radbench.leaderboard.__all__:
        assert getattr(radbench.leaderboard, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'rendr'"):
        radbench.leaderboard.rendr  # noqa: B018


def test_importing_the_leaderboard_loads_nothing_heavy() -> None:
    code = (
        "import sys, radbench.leaderboard.schema, radbench.leaderboard.aggregate, radbench.leaderboard.publish, "
        "radbench.leaderboard.exports; print({'pandas', 'numpy', 'scipy', 'torch', 'rich'} & set(sys.modules))"
    )
    env = {**os.environ, "PYTHONWARNINGS": "ignore"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=env)
    assert done.stdout.strip() == "set()"
