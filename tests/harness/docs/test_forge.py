"""What a public forge reads: workflows, issue templates, the notes of a release."""

import configparser
import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]
MAKER = "make_release_notes"
CHANGELOG = """# Changelog

## [0.3.0] - unreleased

## [0.2.0] - 2026-12-01

In a word.

### Added

- A thing.

### How a plugin moves over

- Rename it.

## [0.1.0] - 2026-11-21

### Added

- All of it.
"""


def test_a_workflow_runs_environments_that_there_are():
    tox = configparser.ConfigParser()
    tox.read(ROOT / "tox.ini")
    known = {name.removeprefix("testenv:") for name in tox.sections()}
    used = set()
    for file in (ROOT / ".github" / "workflows").glob("*.yml"):
        jobs = yaml.safe_load(file.read_text())["jobs"]
        words = [step.get("run", "") for job in jobs.values() for step in job["steps"]]
        used |= {name for line in words for name in re.findall(r"tox -e (\S+)", line)}
    assert used == {"lint", "tests", "docs"}
    assert used <= known
    # The site is not built by tox without a name, what it runs otherwise is.
    assert tox["tox"]["env_list"] == "lint, tests"


@pytest.mark.parametrize("file", sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.md")), ids=lambda path: path.name)
def test_an_issue_template_says_what_it_is_for(file):
    _, head, body = file.read_text().split("---\n", 2)
    assert set(yaml.safe_load(head)) == {"name", "about", "labels"}
    assert body.count("**") >= 4


def test_notes_are_a_section_with_what_authors_must_change_first(maker):
    assert maker.notes(CHANGELOG, "0.2.0") == (
        "In a word.\n\n### How a plugin moves over\n\n- Rename it.\n\n### Added\n\n- A thing.\n"
    )


@pytest.mark.parametrize(("version", "says"), [("0.3.0", "has no date yet"), ("0.4.0", "there is 0.3.0, 0.2.0, 0.1.0")])
def test_a_version_without_notes_is_said(maker, version, says):
    with pytest.raises(ValueError, match=says):
        maker.notes(CHANGELOG, version)


def test_the_changelog_has_a_section_for_the_version_that_this_is():
    version = re.search(r'^version = "(.*)"$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)[1]
    assert f"\n## [{version}] - " in (ROOT / "CHANGELOG.md").read_text()
