"""Layout of ``bench info`` and ``bench list``: readable at every width, nothing cut off, no word broken."""

import json
import re

import pytest

from radbench.cli import info, layout, listing
from radbench.cli.layout import ledger, wrapped

LONG = "phantom-cxr[look=mixed,grid=[128,128,128]]"
FIELDS = [
    {
        "field": "segmentation_augmentation",
        "quick": "broad",
        "paper": "paper",
        "source": "paper lung U-Net §2.2; broad: assumed",
        "description": "broad adds gamma, contrast, blur, noise, cropping, occlusion and collimation",
    },
    {"field": "trained_on", "quick": LONG, "paper": "phantom-cxr", "source": "assumed", "description": "to learn from"},
    {"field": "depth", "quick": "4", "paper": "4", "source": "assumed", "description": ""},
]
WIDTHS = (40, 60, 80, 100, 120, 200, None)


def words(lines):
    return re.findall(r"\S+", " ".join(lines))


@pytest.mark.parametrize("width", WIDTHS)
def test_every_word_of_the_ledger_is_there_whole(width):
    text = " ".join(ledger(FIELDS, width))
    for field in FIELDS:
        for word in words([field["field"], field["quick"], field["paper"], field["source"], field["description"]]):
            assert word in text, word


@pytest.mark.parametrize("width", WIDTHS[:-1])
def test_no_line_of_the_ledger_is_wider_than_the_terminal_but_for_one_word(width):
    for line in ledger(FIELDS, width):
        assert len(line) <= width or len(line.split()) == 1


def test_a_wide_terminal_has_a_table_and_a_narrow_one_a_field_below_the_other():
    assert words(ledger(FIELDS, 200)[:1]) == ["field", "quick", "paper", "source", "description"]
    assert words(ledger(FIELDS, 80)[:1])[:2] == ["segmentation_augmentation", "="]


def test_into_a_pipe_goes_one_line_per_field_and_one_per_description():
    assert ledger(FIELDS, None) == [
        "  segmentation_augmentation = broad in quick, paper in paper  (paper lung U-Net §2.2; broad: assumed)",
        "      broad adds gamma, contrast, blur, noise, cropping, occlusion and collimation",
        f"  trained_on = {LONG} in quick, phantom-cxr in paper  (assumed)",
        "      to learn from",
        "  depth = 4  (assumed)",
    ]


def test_the_value_of_a_variant_stands_before_those_of_the_profiles():
    assert ledger([{**FIELDS[2], "value": "6"}], None) == ["  depth = 6, 4 in quick, 4 in paper  (assumed)"]


def test_one_value_needs_no_column_for_each_profile():
    assert words(ledger([FIELDS[2]], 120)[:1]) == ["field", "value", "source", "description"]


def test_a_word_that_is_wider_than_the_terminal_has_a_line_of_its_own():
    assert wrapped(f"from {LONG} on", 20, "", "  ") == ["from", f"  {LONG}", "  on"]


@pytest.mark.parametrize("width", [60, 80, 120, 200])
@pytest.mark.parametrize("name", ["clahe", "lung-unet", "phantom-cxr", "grabcut", "image-quality"])
def test_info_of_what_is_built_in_fits_every_terminal(width, name, monkeypatch, capsys):
    monkeypatch.setattr(info, "terminal_width", lambda: width)
    info.info(name)
    told = capsys.readouterr().out
    assert all(len(line) <= width or len(line.split()) == 1 for line in told.splitlines())
    info.info(name, as_json=True)
    for field in json.loads(capsys.readouterr().out)["configuration"]:
        assert field["field"] in words([told])


@pytest.mark.parametrize("width", [40, 60, 80, 200, None])
def test_a_list_fits_every_terminal(width, monkeypatch, capsys):
    monkeypatch.setattr(listing, "terminal_width", lambda: width)
    listing.list_(listing.What.tasks)
    told = capsys.readouterr().out
    assert {"grabcut", "image-quality", "nodule-visibility", "GrabCut", "segmentation"} <= set(words([told]))
    assert width is None or all(len(line) <= width for line in told.splitlines())


def test_a_pipe_has_no_width(capsys):
    assert layout.terminal_width() is None
