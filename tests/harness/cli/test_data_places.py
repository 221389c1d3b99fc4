"""``bench data add``, ``list``, ``remove``: where a data set lies is remembered, shown and forgotten; the data stay."""

import json
import sys

import pytest

from radbench.cli import main
from radbench.contracts.config import config_of
from radbench.registry.registry import load_factory, load_registry


@pytest.fixture
def bench(monkeypatch, capsys):
    def call(*words):
        monkeypatch.setattr(sys, "argv", ["bench", "data", *words])
        capsys.readouterr()
        status = 0
        try:
            main()
        except SystemExit as left:
            status = left.code or 0
        said = capsys.readouterr()
        return status, said.out + said.err

    return call


def listed(bench, name):
    return next(one for one in json.loads(bench("list", "--json")[1]) if one["name"] == name)


def test_a_place_is_remembered_shown_and_forgotten(bench, tmp_path):
    place = tmp_path / "mine"
    place.mkdir()
    (place / "1.png").write_bytes(b"kept")
    status, said = bench("add", "folder", str(place))
    assert (status, "'bench data check folder' says what is there" in said) == (0, True)
    assert (listed(bench, "folder")["place"], listed(bench, "folder")["there"]) == (str(place), True)
    status, said = bench("remove", "folder")
    assert (status, f"no longer remembered to lie at {place}" in said) == (0, True)
    assert listed(bench, "folder")["place"] is None
    assert (place / "1.png").read_bytes() == b"kept"


def test_how_images_were_read_is_told_in_words(bench, tmp_path):
    from PIL import Image

    Image.new("L", (8, 8), 100).save(tmp_path / "1.png")
    status, said = bench("check", f"folder[root={tmp_path}]")
    (told,) = [line for line in said.splitlines() if "read as:" in line]
    assert (status, "window (from whole stored range, function LINEAR_EXACT, centre 127.5, width 255" in told) == (
        0,
        True,
    )
    assert "{" not in told


def test_a_place_that_is_gone_is_said_to_be(bench, tmp_path):
    place = tmp_path / "mine"
    place.mkdir()
    bench("add", "folder", str(place))
    place.rmdir()
    assert "where nothing lies now" in bench("list")[1]
    assert listed(bench, "folder")["there"] is False
    assert bench("remove", "folder")[0] == 0


ROOTED = sorted(
    name
    for name, entry in load_registry().entries["dataset"].items()
    if "root" in config_of(load_factory(entry)).model_fields
)


@pytest.mark.parametrize("name", ROOTED)
def test_a_file_is_no_place_of_a_data_set_that_lies_in_a_folder(bench, tmp_path, name):
    (tmp_path / "notes.txt").write_text("mine")
    status, said = bench("add", name, str(tmp_path / "notes.txt"))
    assert status == 2
    assert f"data set '{name}': '{tmp_path / 'notes.txt'}' is a file; give the folder that it lies in" in said
    status, said = bench("add", name, str(tmp_path / "nowhere"))
    assert status == 2
    assert f"'{tmp_path / 'nowhere'}' does not exist; give the folder that it lies in" in said
    assert listed(bench, name)["place"] is None


def test_settings_whose_folder_is_a_file_are_refused_in_a_sentence(bench, tmp_path, monkeypatch):
    (tmp_path / "notes.txt").write_text("mine")
    monkeypatch.setenv("RADBENCH_CONFIG", str(tmp_path / "notes.txt" / "below"))
    for words in (("list",), ("add", "folder", str(tmp_path)), ("remove", "folder")):
        status, said = bench(*words)
        assert status == 2
        assert f"for '{tmp_path / 'notes.txt'}' is a file: set RADBENCH_CONFIG to a folder" in said
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_what_is_not_remembered_cannot_be_forgotten(bench, tmp_path):
    bench("add", "folder", str(tmp_path))
    status, said = bench("remove", "foldr")
    assert (status, "no place is kept of data set 'foldr': did you mean 'folder'?" in said) == (2, True)
    assert listed(bench, "folder")["place"] == str(tmp_path)


def test_a_place_of_a_plugin_that_is_gone_is_shown_and_can_be_forgotten(bench, tmp_path):
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "datasets.json").write_text(json.dumps({"of-yesterday": str(tmp_path)}))
    assert "a place is kept of 'of-yesterday', which no plugin here offers" in bench("list")[1]
    assert bench("remove", "of-yesterday")[0] == 0


def test_the_list_tells_what_a_program_wants_to_know(bench):
    found = listed(bench, "phantom-lesions")
    assert (found["modality"], "lesion_mask" in found["targets"], found["licence"]) == ("ct", True, "Apache-2.0")
