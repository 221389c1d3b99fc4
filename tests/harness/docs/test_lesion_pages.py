"""The tables of docs/lesion-enhancement.md are those of the published leaderboards."""

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
MAKER = "make_lesion_tables"
PAGE = (ROOT / "docs" / "lesion-enhancement.md").read_text()


def test_the_tables_are_those_of_the_leaderboards(maker):
    assert maker.filled(PAGE, maker.MAKERS) == PAGE, "run: python docs/make_lesion_tables.py"


def test_seeds_without_a_row_for_all_are_an_error(maker):
    rows = maker.board("grabcut[input=stacked]")
    with pytest.raises(ValueError, match="0 rows of sgan, dice, all"):
        maker.one(rows[rows["seed"].notna()], "sgan", "dice")
    assert maker.one(rows, "nobody", "dice") is None
