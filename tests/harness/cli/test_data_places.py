"""``bench data add``, ``list``, ``remove``: where a data set lies is remembered, shown and forgotten; the data stay."""

import json
import sys

import pytest

from radbench.cli import main


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
    assert bench("add", "folder", str(place))[0] == 0
    assert (listed(bench, "folder")["place"], listed(bench, "folder")["there"]) == (str(place), True)
    status, said = bench("remove", "folder")
    assert (status, f"no longer remembered to lie at {place}" in said) == (0, True)
    assert listed(bench, "folder")["place"] is None
    assert (place / "1.png").read_bytes() == b"kept"


def test_a_place_that_is_gone_is_said_to_be(bench, tmp_path):
    place = tmp_path / "mine"
    place.mkdir()
    bench("add", "folder", str(place))
    place.rmdir()
    assert "where nothing lies now" in bench("list")[1]
    assert listed(bench, "folder")["there"] is False
    assert bench("remove", "folder")[0] == 0


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
