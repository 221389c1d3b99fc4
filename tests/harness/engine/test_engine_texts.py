"""Names and messages are shown so that they do nothing, and are read back as they were."""

import csv
import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from radbench.contracts.printable import from_cell, to_cell
from radbench.engine.keep.texts import counted, listed, names_listed, relisted, shown, visible, without_reasons

HOSTILE = ["=1+1", "+1", "-x", "@a", "\t=1", "\r", "'=1", "''-2", "-0.5", "1e-3", "", "a,b", '"', "a\nb", "'", "\\'"]
HOSTILE += [
    "\x1b[31m",
    "\u202egnp.exe",
    "\x00",
    "\\u{1b}",
    "\\u{5c}u{1b}",
    "\u2066x\u2069",
    "\x9b2J",
    "\u2028",
    "\udcff",
]
HOSTILE += ["('a', 'b'): c"]
MARKS = "=+-@'\\u{}1b\t\r\n\x1b\u202e,\""
TEXTS = st.text(max_size=12) | st.sampled_from(HOSTILE) | st.text(alphabet=MARKS, max_size=12)


@given(TEXTS)
def test_a_cell_is_read_back_as_it_was_and_is_no_formula_and_no_command(text):
    cell = to_cell(text)
    assert from_cell(cell) == text
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", cell)
    assert not cell.startswith(("=", "@", "\t"))
    assert not re.match(r"[+-](?![\d.]+(e[+-]?\d+)?$)", cell, re.IGNORECASE)


@given(TEXTS)
def test_a_cell_that_does_no_harm_is_left_alone(text):
    if text.isprintable() and not text.startswith(("=", "+", "-", "@", "'")) and "\\u{" not in text:
        assert to_cell(text) == text


@pytest.mark.parametrize("number", ["-1", "+0.5", "-1e-05", "-.5", "1", "-3."])
def test_numbers_stay_numbers(number):
    assert to_cell(number) == number


@given(st.lists(TEXTS, min_size=1, max_size=5))
def test_a_table_of_cells_is_read_back(texts):
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\n").writerow([*map(to_cell, texts), "end"])
    (row,) = csv.reader(io.StringIO(stream.getvalue(), newline=""))
    assert [from_cell(cell) for cell in row] == [*texts, "end"]


@given(st.lists(TEXTS, unique=True, max_size=9))
def test_names_that_are_listed_are_found_again(names):
    text = f"{len(names)} cases failed{listed(names)}: why"
    assert names_listed(text) == sorted(names)[:5]
    assert visible(text) == text


def test_a_list_names_the_first_and_counts_the_rest():
    assert listed([]) == ""
    assert listed("gfedcba") == " ('a', 'b', 'c', 'd', 'e' and 2 more)"
    assert relisted("2 failed ('a', 'b' and 3 more): x", {"a": "1a", "b": "2b"}) == "2 failed (1a, 2b and 3 more): x"
    assert relisted("2 failed ('a', 'b'): x", {"a": "1a"}) == "2 failed: x"
    assert without_reasons("1 failed ('a'): case b: no; 2 more ('c')") == "1 failed ('a'): …"
    assert without_reasons("cannot open (x): y") == "cannot open (x): y"


def test_what_is_not_to_be_seen_is_escaped():
    assert visible("a\x1b[2J\u202eb\r\n\tc") == "a\\x1b[2J\\u202eb\\r\n\tc"
    assert shown("it's\n\\") == r"'it\'s\n\\'"


def test_things_are_counted():
    assert [counted(n, "pair") for n in (0, 1, 2)] == ["0 pairs", "1 pair", "2 pairs"]
