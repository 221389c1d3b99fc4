"""The page on statistics names every column, and its numbers are those of the published table and of the simulation."""

import re
from pathlib import Path

import pytest

from radbench.leaderboard import read_leaderboard
from radbench.leaderboard.columns import COLUMNS
from radbench.stats.seeds import ADVISED_SEEDS, FEWEST_SEEDS_FOR_P

ROOT = Path(__file__).resolve().parents[3]
MAKER = "make_statistics"
PAGE = (ROOT / "docs" / "statistics.md").read_text()
NAMES = list(COLUMNS)
EXPLAINED = NAMES[NAMES.index("value") : NAMES.index("status")]
EXAMPLE = [
    (found[1], found[2]) for found in re.finditer(r"^\| `(\w+)` \| (-?[\d.]+) \|", PAGE, re.MULTILINE) if found[1]
]


@pytest.fixture(scope="module")
def he():
    rows = read_leaderboard(ROOT / "leaderboards" / "grabcut.csv")
    chosen = rows[(rows["metric"] == "dice") & (rows["group"] == "all") & (rows["dataset"] == "phantom-lesions")]
    chosen = chosen[chosen["task"] == "grabcut"]
    return chosen.set_index("enhancer")


def test_the_tables_are_those_of_the_commands_and_of_the_simulation(maker):
    assert maker.filled(PAGE, maker.MAKERS) == PAGE, "run: python docs/make_statistics.py"


@pytest.mark.parametrize("name", EXPLAINED)
def test_every_column_of_score_and_comparison_is_explained(name):
    assert len(EXPLAINED) > 35
    assert f"`{name}`" in PAGE


@pytest.mark.parametrize(("name", "shown"), EXAMPLE)
def test_the_worked_example_has_the_rows_numbers(he, name, shown):
    decimals = len(shown.partition(".")[2])
    assert float(shown) == pytest.approx(round(float(he.loc["he", name]), decimals), abs=10.0**-decimals / 10)


def test_what_one_seed_leaves_open_is_what_the_simulation_found(maker):
    assert f"in only {maker.one_seed()} of simulations" in " ".join(PAGE.split())


def test_the_worked_example_is_there():
    assert len(EXAMPLE) >= 20


def test_what_the_text_says_of_the_others_is_so(he):
    gamma, clahe, wls, unsharp = (he.loc[name] for name in ("gamma", "clahe", "wls", "unsharp"))
    assert f"p is {gamma['p_value']:.3f}".replace("0.", ".") in PAGE
    assert f"{gamma['p_adjusted']:.3f} and no star".removeprefix("0") in PAGE
    loses = f"`gamma` loses between {-gamma['delta_ci_high']:.3f} and {-gamma['delta_ci_low']:.3f}"
    text = " ".join(PAGE.split())
    assert loses in text
    assert f"{clahe['delta']:.3f} with an interval from {clahe['delta_ci_low']:.3f} to" in text
    assert f"`wls` (at worst {wls['delta_ci_low']:.3f}) and `unsharp` ({unsharp['delta_ci_low']:.3f})" in text
    assert f"For `clahe` it is {clahe['detectable']:.3f}" in text
    assert (he["rank_low"].max(), he["rank_high"].min()) == (1, len(he))


def test_seeds_are_advised_as_the_code_advises_them():
    assert (ADVISED_SEEDS, FEWEST_SEEDS_FOR_P) == (5, 3)
    assert "At least five seeds are advised" in PAGE
    assert "fewer than three seeds" in PAGE
