"""The authors' reference: made from the code as it is, and naming everything that there is."""

import dataclasses
import inspect
import re
from pathlib import Path

import pytest
import typer.main

import radbench
from radbench import learn
from radbench.cli import main
from radbench.cli.app import VERBS, make_app
from radbench.contracts import errors
from radbench.contracts.case import TARGETS
from radbench.contracts.enhancement import LAYERS
from radbench.contracts.events import Event
from radbench.leaderboard.columns import COLUMNS
from radbench.registry import hookspecs
from radbench.registry.registry import HOOKS

DOCS = Path(__file__).resolve().parents[3] / "docs"
MAKER = "make_reference"
PAGE = (DOCS / "reference.md").read_text()


COMMANDS = (DOCS / "commands.md").read_text()
FILES = (DOCS / "files.md").read_text()


def table_below(page, mark):
    return page.partition(f"<!-- {mark} -->")[2].partition("<!-- end -->")[0]


@pytest.mark.parametrize("name", ["reference.md", "commands.md", "files.md"])
def test_the_tables_are_those_of_the_code(maker, name):
    page = (DOCS / name).read_text()
    assert name in [path.name for path in maker.PAGES]
    assert maker.filled(page) == page, "run: python docs/make_reference.py"


@pytest.mark.parametrize(("page", "least"), [(PAGE, 400), (COMMANDS, 150), (FILES, 100)])
def test_no_table_has_an_empty_cell(page, least):
    rows = [line for line in page.splitlines() if line.startswith("| `")]
    assert len(rows) > least
    assert not [row for row in rows if row.endswith("|  |")]


def test_every_command_has_a_section_with_all_of_its_options():
    def leaves(name, command):
        below = getattr(command, "commands", None) or {}
        yield name, command
        for other, one in below.items():
            yield from leaves(f"{name} {other}", one)

    app = typer.main.get_command(make_app(None))
    found = [pair for name in VERBS for pair in leaves(f"bench {name}", app.commands[name])]
    assert len(found) > len(VERBS) > 15
    for name, command in found:
        section = re.split(r"^##", COMMANDS.partition(f"# {name}\n")[2], flags=re.MULTILINE)[0]
        assert section, name
        for option in (text for one in command.params for text in one.opts if text.startswith("--")):
            assert f"`{option}" in section, (name, option)


def test_every_column_of_a_leaderboard_is_there_in_order():
    rows = [
        line.split("`")[1]
        for line in table_below(FILES, "schema radbench.leaderboard.columns.COLUMNS").splitlines()
        if "`" in line
    ]
    assert rows == list(COLUMNS)


def test_every_event_and_error_is_there():
    told = table_below(PAGE, "types radbench.contracts.events")
    assert [kind.__name__ for kind in Event.__args__ if f"| `{kind.__name__}` |" not in told] == []
    errors_told = table_below(PAGE, "types radbench.contracts.errors")
    kinds = [name for name, one in vars(errors).items() if isinstance(one, type) and issubclass(one, Exception)]
    assert len(kinds) > 10
    assert [name for name in kinds if f"| `{name}` |" not in errors_told] == []


def test_a_study_file_takes_every_key_that_the_page_names(tmp_path, monkeypatch, capsys):
    rows = table_below(FILES, "options radbench.cli.run").splitlines()
    keys = [line.split("`")[1] for line in rows if line.startswith("| `")]
    assert len(keys) > 15
    study = tmp_path / "study.toml"
    monkeypatch.setattr("sys.argv", ["bench", "run", "--config", str(study)])
    for key in [*keys, "colour"]:
        given = {"enhancer": '"original"', "task": '"grabcut"', key: "{}"}
        study.write_text("".join(f"{name} = {value}\n" for name, value in given.items()))
        with pytest.raises(SystemExit) as left:
            main()
        said = capsys.readouterr().err
        # No key takes a table; but only what is no key is unknown.
        assert (left.value.code, "unknown option" in said) == (2, key == "colour"), (key, said)


def test_every_hook_is_there_with_what_it_is_called_with():
    assert len(HOOKS) >= 5
    for name in HOOKS:
        parameters = inspect.signature(getattr(hookspecs, name)).parameters
        assert f"`{name}({', '.join(parameters)})`" in PAGE


@pytest.mark.parametrize("name", ["EnhancerSpec", "TaskSpec", "DatasetSpec", "MetricSpec"])
def test_every_field_of_a_spec_is_there(name):
    table = PAGE.partition(f"<!-- fields radbench.{name} -->")[2].partition("<!-- end -->")[0]
    for field in dataclasses.fields(getattr(radbench, name)):
        assert f"`{field.name}`" in table


IN_A_LINE = {"VGGFeatures", "Estimate", "L1", "Perceptual", "WeightedBCE"}
"""What a function gives, or what is told with its function."""


@pytest.mark.parametrize(
    "name", sorted(n for n in learn.__all__ if dataclasses.is_dataclass(getattr(learn, n)) and n not in IN_A_LINE)
)
def test_every_field_of_what_a_learner_sets_is_there(name):
    table = PAGE.partition(f"<!-- fields radbench.learn.{name} -->")[2].partition("<!-- end -->")[0]
    for field in dataclasses.fields(getattr(learn, name)):
        assert f"`{field.name}`" in table


def test_every_public_name_of_learn_is_there():
    table = PAGE.partition("<!-- names radbench.learn -->")[2].partition("<!-- end -->")[0]
    rows = {line.split("`")[1].partition("(")[0] for line in table.splitlines() if line.startswith("| `")}
    assert rows == set(learn.__all__)


def test_every_public_name_that_an_author_writes_is_there():
    for_callers = {"__version__", "enhance", "read_leaderboard", "run", "train", "RadbenchError", "Status"}
    for name in set(radbench.__all__) - for_callers:
        assert f"`{name}" in PAGE, name


@pytest.mark.parametrize("name", sorted(TARGETS | LAYERS))
def test_every_target_and_layer_is_there(name):
    assert f"`{name}`" in PAGE


def test_every_method_that_the_harness_calls_is_there():
    from radbench.engine.plan.duties import _RETURNS

    for call in _RETURNS.values():
        name = call.partition("(")[0]
        assert f"`{name}(" in PAGE, call
