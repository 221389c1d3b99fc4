"""The tables of docs/studies.md are what the shipped studies print from the published leaderboards."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
MAKER = "make_study_tables"
PAGE = (ROOT / "docs" / "studies.md").read_text()


def test_the_tables_are_those_of_the_leaderboards(maker):
    assert maker.filled(PAGE, maker.MAKERS) == PAGE, "run: python docs/make_study_tables.py"


def test_every_shipped_study_is_shown():
    from radbench.studies.study import shipped

    assert all(f"\n## {name}\n" in PAGE for name in shipped())
