"""The table of aggregations says what the code says."""

from pathlib import Path

import pytest

from radbench.stats.aggregations import AGGREGATIONS

DOCS = Path(__file__).resolve().parents[3] / "docs"
SECTION = (DOCS / "leaderboard.md").read_text().partition("## Aggregations\n")[2].partition("\n## ")[0]
ROWS = {line.split("`")[1]: line for line in SECTION.splitlines() if line.startswith("| `")}


def test_every_aggregation_has_a_row_and_every_row_an_aggregation():
    assert list(ROWS) == list(AGGREGATIONS)


@pytest.mark.parametrize("name", AGGREGATIONS)
def test_a_row_has_the_definition_the_parameters_and_the_source(name):
    one = AGGREGATIONS[name]
    words = [one.takes, one.definition, one.citation]
    words += [f"`{n}` = {p.default:g}, {p.meaning}: {p.allowed}" for n, p in one.parameters.items()]
    assert [word for word in words if word not in ROWS[name]] == []


def test_the_authors_guide_names_them_all():
    guide = (DOCS / "plugins.md").read_text()
    assert [name for name in AGGREGATIONS if f"`{name}`" not in guide] == []
