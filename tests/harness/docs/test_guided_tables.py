"""Tables II to V in docs/image-quality.md are those of the published leaderboard, beside what the paper prints."""

from pathlib import Path

import pandas as pd
import pytest

ROOT = Path(__file__).resolve().parents[3]
MAKER = "make_guided_tables"
PAGE = (ROOT / "docs" / "image-quality.md").read_text()
PLACE = ("region[of=phantom-cxr,around=spine]", "quick")


@pytest.fixture
def frame():
    return pd.DataFrame(
        [
            {
                "dataset": PLACE[0],
                "profile": "quick",
                "enhancer": "fattal",
                "metric": metric,
                "value": value,
                "std": std,
            }
            for metric, value, std in (("brisque", 24.09, 4.61), ("lpc_si", 0.9104, 0.0371))
        ]
    )


def test_the_tables_are_those_of_the_leaderboard(maker):
    assert maker.filled(PAGE, maker.MAKERS) == PAGE, "run: python docs/make_guided_tables.py"


def test_what_is_printed_of_ours_on_the_nih_is_the_same_in_tables_3_4_and_5(maker):
    expected = maker.TABLE_3["guided-unet"][1][0]
    for table in (maker.TABLE_4, maker.TABLE_5):
        # 6.675 and 6.674 are both printed.
        assert table["guided-unet"][1][0] == pytest.approx(expected, abs=0.0011)
    assert maker.TABLE_5["original"][1][0] == maker.TABLE_3["original"][1][0]


def test_a_row_tells_both_scores_or_that_they_lack(maker, frame):
    table = maker.beside(maker.TABLE_3, maker.COLLECTIONS, frame).splitlines()
    assert table[0].startswith("| | | `phantom-cxr` | NIH, printed | JSRT, printed | CheXpert, printed |")
    assert "| Fattal | `fattal` | 24.1 ± 4.6; 0.910 ± 0.037 | 24.1 ± 4.6; 0.910 ± 0.037 | 24.3 ± 4.9" in table[3]
    assert table[4].startswith("| Madmad | `madmad` | – | 28.9 ± 6.1; 0.893 ± 0.037 |")


def test_two_rows_of_one_enhancer_are_an_error(maker, frame):
    with pytest.raises(ValueError, match="2 rows of fattal, brisque"):
        maker.one(pd.concat([frame, frame]), PLACE, "fattal", "brisque")


def test_a_column_is_called_by_what_is_cut_and_by_its_profile(maker):
    assert maker.named(PLACE) == "`phantom-cxr`"
    assert maker.named((PLACE[0], "paper")) == "`phantom-cxr`, paper"
