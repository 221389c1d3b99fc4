"""The card: it says what the rows say, notices a change of itself, and runs nothing."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

from radbench.cli import main
from radbench.contracts.errors import UsageError
from radbench.leaderboard.schema import read_leaderboard, write_csv
from radbench.verification.card import Card, as_html, card_of, differences, read_card, write_card

BOARDS = Path(__file__).parents[3] / "leaderboards"
HOSTILE = "<script>alert(1)</script>"


@pytest.fixture(scope="module")
def card() -> Card:
    return card_of([BOARDS / "cad.csv"], title="Findings")


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def test_it_says_what_the_rows_say(card: Card) -> None:
    frame = read_leaderboard(BOARDS / "cad.csv")
    (table,) = card.content["tables"]
    decides = frame[(frame["primary"] == "true") & (frame["group"] == "all") & (frame["facet"] == "")]
    assert table["metric"] == decides["metric"].iloc[0]
    # Of several seeds, the row of all.
    several = decides["enhancer"].duplicated(keep=False)
    decides = decides[~several | decides["seed"].isna()]
    assert len(table["enhancers"]) == len(decides)
    for entry in table["enhancers"]:
        row = decides[decides["enhancer"] == entry["enhancer"]].iloc[0]
        assert entry["value"] == row["value"]
        assert [entry["ci_low"], entry["ci_high"]] == [row["ci_low"], row["ci_high"]]
        assert entry["scores_digest"] == row["scores_digest"]
    assert table["dataset_fingerprint"] == decides["dataset_fingerprint"].iloc[0]
    assert card.content["leaderboard_rows"] == len(frame)


def test_the_digest_is_that_of_its_own_content_by_another_hand(card: Card) -> None:
    record = json.loads(card.as_json())
    told = record.pop("digest")
    canonical = json.dumps(record, sort_keys=True, separators=(",", ":"))
    assert told == hashlib.sha256(canonical.encode()).hexdigest() == card.digest


def test_the_same_rows_give_the_same_card(card: Card) -> None:
    assert card_of([BOARDS / "cad.csv"], title="Findings").as_json() == card.as_json()


def test_a_card_that_was_changed_is_refused(card: Card, tmp_path: Path) -> None:
    file, _ = write_card(card, tmp_path)
    assert read_card(file) == card
    value = card.content["tables"][0]["enhancers"][0]["value"]
    text = file.read_text()
    file.write_text(text.replace(repr(value), repr(value + 0.01), 1))
    with pytest.raises(UsageError, match="was changed after it was made"):
        read_card(file)
    for wrong in ("{", "[]", '{"radbench_card": 7}'):
        file.write_text(wrong)
        with pytest.raises(UsageError, match="is no card"):
            read_card(file)


def test_a_card_of_other_rows_is_told_apart(card: Card, tmp_path: Path) -> None:
    frame = read_leaderboard(BOARDS / "cad.csv")
    first = (frame["enhancer"] == "clahe") & (frame["primary"] == "true") & (frame["facet"] == "")
    frame.loc[first, "value"] += 1e-6
    write_csv(frame, tmp_path / "cad.csv")
    (said,) = differences(card, card_of([tmp_path / "cad.csv"]))
    assert re.match(r".*clahe( \(\d+ seeds\))? differs in .*value", said)
    assert differences(card, card) == []


def test_rows_whose_other_metrics_differ_are_not_these_rows(
    card: Card, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    frame = read_leaderboard(BOARDS / "cad.csv")
    other = frame.index[(frame["primary"] == "false") & frame["value"].between(0.1, 0.9)][0]
    frame.loc[other, "value"] += 1e-6
    write_csv(frame, tmp_path / "cad.csv")
    (said,) = differences(card, card_of([tmp_path / "cad.csv"], title="Findings"))
    assert "its tables are the same, but other numbers" in said
    write_card(card, tmp_path)
    monkeypatch.setattr(
        sys, "argv", ["bench", "card", str(tmp_path / "cad.csv"), "--check", str(tmp_path / "card.json")]
    )
    with pytest.raises(SystemExit) as left:
        main()
    told = capsys.readouterr()
    assert left.value.code == 2
    assert "is whole, and not of these rows" in told.err
    assert "of these rows" not in told.out


def test_tables_of_the_same_labels_are_compared_each_with_its_own(card: Card) -> None:
    content = json.loads(json.dumps(card.content))
    second = json.loads(json.dumps(content["tables"][0]))
    second["dataset_fingerprint"] = "ab" * 32
    content["tables"].append(second)
    changed = json.loads(json.dumps(content))
    changed["tables"][0]["enhancers"][0]["value"] = 0.123
    (said,) = differences(Card(content), Card(changed))
    assert content["tables"][0]["dataset_fingerprint"][:8] in said
    assert said.endswith("differs in value")
    assert differences(Card(content), Card(json.loads(json.dumps(content)))) == []
    # Of another split it is another table.
    moved = json.loads(json.dumps(card.content))
    moved["tables"][0]["split"] = "val"
    assert len(differences(card, Card(moved))) == 2


@pytest.mark.parametrize("lacks", ["title", "tables", "leaderboard_digest"])
def test_a_card_with_a_right_digest_that_lacks_something_is_refused(card: Card, tmp_path: Path, lacks: str) -> None:
    file = tmp_path / "card.json"
    file.write_text(Card({name: told for name, told in card.content.items() if name != lacks}).as_json())
    with pytest.raises(UsageError, match=f"it lacks '{lacks}'"):
        read_card(file)


def test_a_card_whose_tables_are_none_is_refused(card: Card, tmp_path: Path) -> None:
    for tables, said in (([{}], r"tables\[0\]"), ([{**card.content["tables"][0], "enhancers": [{}]}], "enhancers")):
        (tmp_path / "card.json").write_text(Card({**card.content, "tables": tables}).as_json())
        with pytest.raises(UsageError, match=said):
            read_card(tmp_path / "card.json")


def test_an_infinite_value_is_printed_as_such(card: Card) -> None:
    content = json.loads(json.dumps(card.content))
    content["tables"][0]["enhancers"][0] |= {"value": "inf", "delta": "-inf"}
    page = as_html(Card(content))
    assert "<td>\u221e</td>" in page
    assert "<td>\u2212\u221e</td>" in page


def test_the_page_asks_for_nothing_and_runs_nothing(card: Card) -> None:
    page = as_html(card)
    tags = Tags()
    tags.feed(page)
    assert not {"script", "img", "link", "iframe", "object", "form"} & {tag for tag, _ in tags.found}
    assert not [
        at for _, attributes in tags.found for at in attributes if at in ("href", "src", "style") or at.startswith("on")
    ]
    policy = next(a["content"] for _, a in tags.found if a.get("http-equiv") == "Content-Security-Policy") or ""
    assert "default-src 'none'" in policy
    style = re.search(r"<style>(.*)</style>", page, re.DOTALL)
    assert style
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in policy
    assert card.digest in page
    # Every table has a caption, and every row its header.
    assert sum(tag == "caption" for tag, _ in tags.found) == sum(tag == "table" for tag, _ in tags.found)
    rows = sum(len(table["enhancers"]) for table in card.content["tables"])
    assert sum(tag == "th" and a.get("scope") == "row" for tag, a in tags.found) == rows


def test_hostile_names_are_shown_and_do_nothing(card: Card) -> None:
    content = json.loads(json.dumps(card.content))
    table = content["tables"][0]
    table["task"] = table["citation"] = table["enhancers"][0]["name"] = content["title"] = HOSTILE
    content["made_with"]["device"] = ['"><img src=x onerror=alert(1)>', "\u202eturned"]
    page = as_html(Card(content))
    assert "<script" not in page
    assert "<img" not in page
    assert "&lt;script&gt;" in page
    assert "\u202e" not in page
    assert "\\u202e" in page


def test_a_failed_enhancer_says_so(tmp_path: Path) -> None:
    frame = read_leaderboard(BOARDS / "cad.csv")
    failed = frame["enhancer"].str.startswith("blur")
    from radbench.leaderboard.columns import STATISTICS

    frame.loc[failed, list(STATISTICS)] = float("nan")
    frame.loc[failed, "status"], frame.loc[failed, "error"] = "timeout", "no sign of life for 600 s"
    write_csv(frame, tmp_path / "cad.csv")
    made = card_of([tmp_path / "cad.csv"])
    assert made.content["tables"][0]["enhancers"][-1]["status"] == "timeout"
    assert "timeout: no sign of life" in as_html(made)


def test_the_verb_writes_and_checks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def left(*words: str) -> int:
        monkeypatch.setattr(sys, "argv", ["bench", "card", *words])
        with pytest.raises(SystemExit) as done:
            main()
        return int(done.value.code or 0)

    board = str(BOARDS / "cad.csv")
    assert left(board, "--out", str(tmp_path)) == 0
    assert (tmp_path / "card.html").read_text().startswith("<!DOCTYPE html>")
    assert left("--check", str(tmp_path / "card.json")) == 0
    assert left(board, "--check", str(tmp_path / "card.json")) == 0
    assert "whole, and of these rows" in capsys.readouterr().out
    assert left(str(BOARDS / "hnn.csv"), "--check", str(tmp_path / "card.json")) == 2
    assert "not of these rows" in capsys.readouterr().err
