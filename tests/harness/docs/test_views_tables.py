"""The tables in docs/xraysyn.md are those of the published leaderboards, beside what the paper prints."""

from pathlib import Path

import pandas as pd
import pytest

ROOT = Path(__file__).resolve().parents[3]
MAKER = "make_views_tables"
PAGE = (ROOT / "docs" / "xraysyn.md").read_text()


def rows(*found):
    """Return rows of a leaderboard: enhancer, metric, facet, value."""
    names = ("enhancer", "metric", "facet", "value")
    fixed = {"dataset": "ct2xray", "task": "view-synthesis", "ci_low": 0.1, "ci_high": 0.2}
    return pd.DataFrame([{**fixed, **dict(zip(names, each, strict=True))} for each in found])


def test_the_tables_are_those_of_the_leaderboards(maker):
    assert maker.filled(PAGE, maker.MAKERS) == PAGE, "run: python docs/make_views_tables.py"


def test_a_line_has_ours_and_what_is_printed_of_each_method(maker, monkeypatch):
    asked = []

    def board(task, dataset=""):
        asked.append((task, dataset))
        return rows(("x2ct", "psnr_input", "", 21.046), ("2d-refiner", "psnr_input", "", float("nan")))

    monkeypatch.setattr(maker, "board", board)
    lines = maker.beside("table-1-simulated").splitlines()
    assert asked == [("view-synthesis", "ct2xray")]
    assert lines[0] == "| | 2D Refiner | printed | X2CT | printed | 3DPN-DRR | printed | 3DPN | printed |"
    assert lines[2] == "| I(T), PSNR | – | – | 21.05 | 20.44 | – | 21.05 | – | 29.49 |"


def test_table_4_asks_for_the_angle(maker, monkeypatch):
    found = rows(("xraysyn[stage=1]", "psnr", "-9 deg", 25.0), ("xraysyn[stage=1]", "psnr", "", 27.0))
    monkeypatch.setattr(maker, "board", lambda task, dataset: found)
    assert maker.beside("table-4").splitlines()[2].endswith("| 25.00 | 25.37 |")


def test_two_rows_of_one_enhancer_are_an_error(maker):
    with pytest.raises(ValueError, match="2 rows of x2ct, psnr, whole"):
        maker.one(rows(("x2ct", "psnr", "", 1.0), ("x2ct", "psnr", "", 2.0)), "x2ct", "psnr")


def test_bones_are_told_for_each_set_of_images_with_the_lungs_beside(maker, monkeypatch):
    frame = rows(
        ("original", "bone_suppression_ratio", "", 0.0),
        ("xraysyn", "bone_suppression_ratio", "", 0.15),
        ("xraysyn", "bone_suppression_ratio", "lungs", 0.25),
    )
    monkeypatch.setattr(maker, "board", lambda task: frame)
    assert maker.bones().splitlines()[2:] == [
        "| `ct2xray` | `original` | 0.000 [0.100, 0.200] | – | – | – | – |",
        "|  | `xraysyn` | 0.150 [0.100, 0.200] | 0.250 | – | – | – |",
    ]
