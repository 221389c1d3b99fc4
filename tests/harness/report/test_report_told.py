"""What a page tells: no path or case in a message, no control as best, each number where it belongs."""

from __future__ import annotations

from types import SimpleNamespace

import matplotlib.colors
import pandas as pd
import pytest

from radbench.contracts.errors import UnknownNameError
from radbench.engine.keep.journal import RunFolder
from radbench.leaderboard.aggregate import leaderboard_rows
from radbench.leaderboard.comparing import facet_number, facet_order
from radbench.report import replanning
from radbench.report.chapters import printed_tables
from radbench.report.entries import Entry
from radbench.report.figures.curves import over_facet
from radbench.report.figures.scores import best_method, ranking
from radbench.report.figures.style import BEST
from radbench.report.hanging import why_lacking
from radbench.report.lines import _by
from radbench.report.material import Material, Run, notes_on
from radbench.report.pictures import told_of
from radbench.report.replanning import Replanned, replanned
from radbench.report.trainings import learnt
from radbench.report.words import _best
from radbench.report.writing import Wanted, report

from .made_boards import pair

SECRET = "/home/somebody/project/enhancer.py"


def a_run(tmp_path, **facts) -> Material:
    plan = Replanned({}, facts.pop("changed", {}), None, None, **facts)
    return Material([Run(RunFolder(tmp_path), plan)])


def test_why_a_plan_cannot_be_made_names_no_path(tmp_path):
    (note,) = notes_on(a_run(tmp_path, problem=f"plugin file '{SECRET}' does not exist"))
    assert "plugin file '…' does not exist" in note
    assert "somebody" not in note


def test_why_a_case_cannot_be_shown_names_neither_path_nor_case():
    part = {kind: SimpleNamespace(name=kind, label=f"{kind}[a=1]") for kind in ("enhancer", "task", "dataset")}
    entry = SimpleNamespace(case_id="doe_jane_07", patient_id="doe-jane", twin="doe_jane_08")
    message = f"task[a=1] shows nothing: FileNotFoundError: doe_jane_07 and doe_jane_08 are not in {SECRET}"
    found = told_of(message, SimpleNamespace(**part), entry)
    assert found.startswith("task[a=1] shows nothing: FileNotFoundError: ")
    assert "doe" not in found
    assert "somebody" not in found


def test_what_a_learner_says_of_its_weights_names_no_path(tmp_path):
    facts = {"facts": {"read from": f"{SECRET}", "pretrained": "/home/somebody/w.pth", "epochs": 3}}
    store = SimpleNamespace(weights_facts=lambda key: facts, weights_folder=lambda key: tmp_path)
    training = SimpleNamespace(sources=(), key="k", name="unet", described="phantoms")
    (one,) = learnt([training], store)
    assert one.facts == (("read from", "…"), ("epochs", "3"))
    assert one.pretrained == "…"


def test_pictures_that_lack_say_why_without_a_path(tmp_path):
    material = a_run(tmp_path, gone={("a",): f"'{SECRET}' is not there"}, changed={("b",): "the enhancer"})
    assert why_lacking(material) == ": the enhancer changed since they were scored; '…' is not there"
    assert why_lacking(a_run(tmp_path)) == ""


def test_a_pair_whose_data_have_gone_keeps_the_reason(monkeypatch):
    labels = {"task": "t", "dataset": "d", "enhancer": "e", "seed": None}
    events = [
        {"event": "run", "request": {}},
        {"event": "planned", **labels, "reason": ""},
        {"event": "planned", **labels, "enhancer": "never", "reason": "it never could"},
    ]
    part = {name: SimpleNamespace(label=labels[name]) for name in ("task", "dataset", "enhancer")}
    lost = SimpleNamespace(**part, seed=None, reason="its data\nhave gone")
    never = SimpleNamespace(**part | {"enhancer": SimpleNamespace(label="never")}, seed=None, reason="it never could")
    monkeypatch.setattr(replanning, "_request", lambda kept: SimpleNamespace(plugin_files=()))
    monkeypatch.setattr(replanning, "load_registry", lambda files: None)
    monkeypatch.setattr(replanning, "make_plan", lambda *a: SimpleNamespace(pairs=[lost, never]))
    found = replanned(SimpleNamespace(events=lambda *names: events))
    assert (dict(found.pairs), dict(found.changed)) == ({}, {})
    assert [*found.gone.values()] == ["its data have gone"]


def test_best_and_second_best_are_methods():
    pairs = [pair("original"), pair("wls", 0.05), pair("blur", 0.2), pair("oracle[of=lesions]", 0.3)]
    table = printed_tables(leaderboard_rows(pairs, 300), ("blur",))[0]
    places = {name.removesuffix(" ‡"): cells[0].place for name, cells in table.rows}
    assert places == {"wls": 1, "original": 2, "blur": 0, "oracle[of=lesions]": 0}


def ranked(*intervals):
    """Return entries and rows of (name, control, low, high), best first."""
    entries = [Entry(name, name, control, "", False) for name, control, _, _ in intervals]
    rows = {
        name: {"entry": name, "rank": k, "rank_low": float(low), "rank_high": float(high)}
        for k, (name, _, low, high) in enumerate(intervals, start=1)
    }
    return entries, rows


def test_no_control_has_the_colour_of_the_best():
    entries, rows = ranked(("oracle", "oracle", 1, 1), ("wls", "", 2, 2), ("original", "", 3, 3))
    assert best_method(entries, rows) == "wls"
    (axes,) = ranking(entries, rows, "dice").axes
    dots = [line.get_color() for line in axes.get_lines() if line.get_marker() == "o"]
    assert [matplotlib.colors.same_color(colour, BEST) for colour in dots] == [False, True, False]


def test_one_candidate_is_no_choice():
    entries, rows = ranked(("wls", "", 1, 2), ("he", "", 2, 3), ("original", "", 2, 3))
    decided, text = _best(pd.DataFrame(rows.values()), entries)
    assert not decided
    assert "wls alone may have rank 1" in text
    assert "may be wls" not in text


@pytest.mark.parametrize(
    ("value", "text"), [(float("inf"), "Infinity"), (float("-inf"), "-Infinity"), (float("nan"), ""), (0.5, "0.5")]
)
def test_numbers_are_sorted_as_javascript_reads_them(value, text):
    assert _by(value) == text


def test_angles_are_ordered_by_size_with_their_unit():
    facets = ["nodule", "9 deg", "-1 deg", "-9 deg", "0.9 deg", "10", "lobe 2"]
    assert sorted(facets, key=facet_order) == ["-9 deg", "-1 deg", "0.9 deg", "9 deg", "10", "lobe 2", "nodule"]
    assert facet_number("-8.1 deg") == (-8.1, "deg")
    assert facet_number("5") == (5.0, "")
    assert facet_number("2 of 3") is None
    assert facet_number("nan") is None


def test_a_curve_over_angles_names_their_unit():
    points = [(-9.0, 0.1, 0.0, 0.2), (0.0, 0.3, 0.2, 0.4)]
    (axes,) = over_facet({"a": points}, "psnr", "↑", "deg").axes
    assert axes.get_xlabel() == "facet, deg"


def test_facets_with_a_unit_have_a_curve(monkeypatch):
    from radbench.report import chapters
    from radbench.report.entries import entries_of, one_row_each

    rows = leaderboard_rows([pair("original"), pair("wls", 0.05)], 300)
    rows = rows[(rows["metric"] == "dice") & (rows["group"] == "all")]
    angles = pd.concat([rows.assign(facet=f"{angle} deg") for angle in (1, -9, 5)], ignore_index=True)
    own = one_row_each(angles)
    drawn = []
    stub = SimpleNamespace(add=lambda name, draw, text, main: drawn.append((name, draw)))
    chapters._over_facets(stub, own, entries_of(own), "dice", True)
    ((name, draw),) = drawn
    assert name == "dice-by-facet"
    (axes,) = draw().axes
    assert axes.get_xlabel() == "facet, deg"
    assert [list(line.get_xdata()) for line in axes.get_lines()] == [[-9.0, 1.0, 5.0]] * 2


def test_a_control_that_is_not_there_is_refused(board):
    with pytest.raises(UnknownNameError, match="unknown control 'nosuch'"):
        report([board], Wanted(controls=("nosuch",), images=False))
