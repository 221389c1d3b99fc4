"""The tables of docs/cad.md are those of the published leaderboard."""

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
MAKER = "make_cad_tables"
PAGE = (ROOT / "docs" / "cad.md").read_text()


def test_the_tables_are_those_of_the_leaderboard(maker):
    assert maker.filled(PAGE, maker.MAKERS) == PAGE, "run: python docs/make_cad_tables.py"


def test_the_original_comes_first_and_the_controls_last(maker):
    names = maker.enhancers(maker.board())
    assert names[0] == "original"
    assert {name.partition("[")[0] for name in names[-2:]} == {"blur", "oracle"}


def test_a_row_that_is_not_there_is_an_error(maker):
    with pytest.raises(ValueError, match="0 rows of nobody, ap, whole"):
        maker.one(maker.board(), "nobody", "ap")
