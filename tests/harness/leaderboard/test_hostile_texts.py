"""Names, labels and messages that would do something: none does, in any format, and the rows read back equal."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal
from rich.console import Console

from radbench.contracts import MetricSpec, UsageError
from radbench.leaderboard import FORMATS, PairResult, leaderboard_rows, read_leaderboard, render, renderable, write_csv
from radbench.leaderboard.answers import lacking_answers, not_offered
from radbench.leaderboard.privacy import publishable
from radbench.leaderboard.publish import publish
from radbench.leaderboard.schema import leaderboards_in

HOSTILE = ["=HYPERLINK(1)", "+1+1", "-x", "@SUM(1)", "\t=1", "a|b", "a\nb", "`x`", "<script>alert(1)</script>", "50 %"]
HOSTILE += ["\x1b[2J\x1b]0;owned\x07", "\rover", "\u202egnp", "\u2066x\u2069", "a\x00b", "$(x)", "'=1", "\\u{1b}"]
HOSTILE += ["![x](http://a)", "&lt;b&gt;", '"a,b"', "~x^y_z#", "\x9b2J", "a\\", "{a}", "**x**", "x\n\n# y"]
HOSTILE += ["[b]x[/b]", "\\input{x}", "é\u2028"]
MARKS = "=+-@|`<>%\\{}[]&$#_^~'\"\n\r\t\x00\x1b\x9b\u202e\u2069 ab"
TEXTS = (st.sampled_from(HOSTILE) | st.text(alphabet=MARKS, min_size=1, max_size=9)).filter(str.strip)

COMMANDS = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def board(*texts: str) -> pd.DataFrame:
    """Return rows whose enhancers, task, data set, group, metric, facet and messages are these."""
    task, dataset, group, metric, facet, message, *enhancers = texts
    spec = MetricSpec("dice", "higher", over_facets="mean", data_range=1.0)
    found = []
    for shift, enhancer in enumerate(dict.fromkeys(("original", *enhancers))):
        evidence: dict[str, Any] = {f"c{k}": {"dice": {facet: 0.1 * k + 0.01 * shift}} for k in range(4)}
        found.append(
            PairResult(task=task, dataset=dataset, split="test", enhancer=enhancer, profile="quick", seed=None,
                metrics=(spec,), evidence=evidence, failures={f"bad {message}": message} if shift else {},
                groups={c: {"g": group} for c in evidence}, expected_cases=5)
        )  # fmt: skip
    frame = leaderboard_rows(found, replicates=20)
    return frame.assign(metric=metric)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(TEXTS, min_size=8, max_size=8))
def test_no_text_does_anything_in_any_format_and_rows_are_read_back(tmp_path: Path, texts: list[str]) -> None:
    frame = board(*texts)
    shown = {format: render(frame, format, clear=True) for format in FORMATS}
    for format, text in shown.items():
        plain = text.replace("\t", "") if format == "csv" else text
        assert not COMMANDS.search(plain), format
    # CSV and JSON give every text again.
    write_csv(frame, tmp_path / "a.csv")
    assert_frame_equal(read_leaderboard(tmp_path / "a.csv"), frame, check_exact=True)
    assert (tmp_path / "a.csv").read_text(encoding="utf-8") == shown["csv"]
    rows = json.loads(shown["json"])["rows"]
    assert [row["enhancer"] for row in rows] == list(frame["enhancer"])
    assert [row["error"] for row in rows] == list(frame["error"])
    cells = pd.read_csv(io.StringIO(shown["csv"]), dtype=str, keep_default_na=False)
    for name in ("task", "dataset", "enhancer", "group", "metric", "facet", "error"):
        assert not any(re.match(r"=|@|\t|\r|[+-](?!\d)", cell) for cell in cells[name])
    # Markdown's rows have as many cells as their heading, and no mark that is not escaped.
    for table in re.findall(r"(?:^\|.*\n)+", shown["markdown"], re.MULTILINE):
        assert len({len(re.findall(r"(?<!\\)(?:\\\\)*\|", line)) for line in table.splitlines()}) == 1
    without_ours = re.sub(r"<br>|</?ins>|\*\*|\[-?[\d.]+, -?[\d.]+\]", "", shown["markdown"])
    assert not re.search(r"(?<!\\)(?:\\\\)*[<>`\[\]]", without_ours)
    # LaTeX: what is no command of the table's own is escaped.
    commands = set(re.findall(r"\\([A-Za-z]+)", shown["latex"]))
    assert commands <= OWN_COMMANDS
    assert not re.search(r"(?<!\\)%(?! \\usepackage)", shown["latex"])
    # On a terminal, too.
    console = Console(file=io.StringIO(), force_terminal=True, width=100, color_system="standard")
    console.print(renderable(frame))
    drawn = re.sub(r"\x1b\[[\d;]*m", "", console.file.getvalue())  # type: ignore[attr-defined]
    assert not COMMANDS.search(drawn)


OWN_COMMANDS = {"usepackage", "begin", "end", "centering", "footnotesize", "setlength", "tabcolsep", "caption", "label"}
OWN_COMMANDS |= {"par", "smallskip", "medskip", "toprule", "midrule", "bottomrule", "addlinespace", "multicolumn"}
OWN_COMMANDS |= {"textbf", "underline", "scriptsize", "Delta", "pm", "dagger", "uparrow", "downarrow", "times", "mu"}
OWN_COMMANDS |= {"textbackslash", "textasciitilde", "textasciicircum", "dots"}


def test_published_leaderboards_are_what_they_were_when_they_are_written_again(tmp_path: Path) -> None:
    files = leaderboards_in(Path(__file__).parents[3] / "leaderboards")
    assert files
    for file in files:
        write_csv(read_leaderboard(file), tmp_path / file.name)
        assert (tmp_path / file.name).read_bytes() == file.read_bytes()
    together = read_leaderboard(files[0].parent)
    assert len(together) == sum(len(read_leaderboard(file)) for file in files)
    assert_frame_equal(publishable(together), together)


# folders ---------------------------------------------------------------------------------------------------


def test_other_tables_in_a_folder_of_leaderboards_are_passed_over_and_a_broken_one_is_named(tmp_path: Path) -> None:
    write_csv(board("t", "d", "g", "dice", "f", "m", "a", "b"), tmp_path / "t.csv")
    (tmp_path / "notes.csv").write_text("name,age\nx,3\n")
    assert set(read_leaderboard(tmp_path)["task"]) == {"t"}
    (tmp_path / "u.csv").write_text("schema_version,task\n2,x\n")
    with pytest.raises(Exception, match=r"u\.csv"):
        read_leaderboard(tmp_path)
    (tmp_path / "none").mkdir()
    with pytest.raises(UsageError, match=r"no leaderboard in .*none, neither leaderboard\.csv of a run nor published"):
        read_leaderboard(tmp_path / "none")


@pytest.mark.parametrize("place", ["t.csv", ".publish.lock"])
def test_nothing_is_published_through_a_link(tmp_path: Path, place: str) -> None:
    precious = tmp_path / "precious"
    precious.write_text("mine")
    (tmp_path / "boards").mkdir()
    (tmp_path / "boards" / place).symlink_to(precious)
    with pytest.raises(UsageError, match=r"is a link to '.*precious', and nothing is written through it; take it away"):
        publish(board("t", "d", "g", "dice", "f", "m", "a", "b"), tmp_path / "boards")
    assert precious.read_text() == "mine"
    assert sorted(file.name for file in (tmp_path / "boards").iterdir()) == sorted({place, ".publish.lock"})


# what is missing -------------------------------------------------------------------------------------------


def scores(enhancer: str, *values: float | None, **changes: Any) -> PairResult:
    spec = MetricSpec("dice", "higher", data_range=1.0)
    evidence: dict[str, Any] = {f"c{k}": {"dice": v} for k, v in enumerate(values) if v is not None}
    facts: dict[str, Any] = {"metrics": (spec,), "evidence": evidence, "expected_cases": len(values), **changes}
    return PairResult(task="t", dataset="d", split="test", enhancer=enhancer, profile="quick", seed=None, **facts)


def test_who_lacks_answers_that_others_have_is_told_and_what_nobody_has_is_not() -> None:
    nan = float("nan")
    full, less, none = scores("original", 0.1, 0.2, nan), scores("a", 0.1, nan, nan), scores("b", nan, nan, nan)
    assert lacking_answers(leaderboard_rows([full, less, none])) == {
        "t--d--a": ["dice on 1 of 2 cases"],
        "t--d--b": ["no metric has an answer"],
    }
    assert lacking_answers(leaderboard_rows([full, scores("a", 0.3, 0.1, nan)])) == {}
    assert lacking_answers(leaderboard_rows([])) == {}


def test_a_metric_beside_the_deciding_one_that_an_enhancer_never_answers_is_what_it_does_not_offer() -> None:
    nan = float("nan")
    dice, bone, never = (
        MetricSpec(name, "higher", data_range=1.0, primary=name == "dice") for name in ("dice", "bone", "never")
    )
    whole = {"dice": 0.5, "bone": 0.4, "never": nan}
    pairs = [
        scores(name, metrics=(dice, bone, never), evidence={"c0": first, "c1": {**whole, **second}}, expected_cases=2)
        for name, first, second in (
            ("original", {**whole, "bone": nan}, {"bone": nan}),
            ("a", whole, {}),
            ("b", {**whole, "bone": nan}, {}),
            ("c", {**whole, "dice": nan}, {"dice": nan}),
        )
    ]
    frame = leaderboard_rows(pairs)
    assert not_offered(frame) == {"t--d--original": ["bone"]}
    assert lacking_answers(frame) == {"t--d--b": ["bone on 1 of 2 cases"], "t--d--c": ["dice on 0 of 2 cases"]}


def test_what_failed_and_what_has_no_answer_add_up_with_what_was_scored() -> None:
    nan = float("nan")
    lame = scores("a", 0.1, nan, None, 0.4, failures={"c2": "too dark"})
    frame = leaderboard_rows([scores("original", 0.1, 0.2, 0.3, 0.4), lame]).set_index("enhancer")
    assert frame.loc["a", "n_cases"] == 2
    assert frame.loc["a", "error"] == "1 of 4 cases failed ('c2'): too dark; 1 of 4 cases has no dice ('c1')"
