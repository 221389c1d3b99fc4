"""Text from outside on one printable line, and names in characters that every file holds."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from radbench.contracts.errors import ImageReadError
from radbench.contracts.printable import from_cell, name_of, printable, to_cell


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain text, ünïcödé 患者 🙂", "plain text, ünïcödé 患者 🙂"),
        ("two\nlines\tand  more ", "two lines and more"),
        ("\x1b[31mred\x07", "\\x1b[31mred\\x07"),
        ("\u202egnp", "\\u202egnp"),
        (os.fsdecode(b"M\xfcller"), "M\\xfcller"),
        ("no\u00a0break\u200b", "no break\\u200b"),
        ("\ud800", "\\ud800"),
        ("", ""),
    ],
)
def test_what_is_obeyed_is_written_out(text, shown):
    assert printable(text) == shown


@given(st.text(st.characters(exclude_categories=())))
def test_every_text_becomes_one_printable_line_and_stays_it(text):
    shown = printable(text)
    assert shown.isprintable()
    shown.encode("utf-8")
    assert printable(shown) == shown


@given(st.binary(min_size=1, max_size=40).filter(lambda b: b"\0" not in b and b"/" not in b))
def test_every_file_name_has_a_name_that_can_be_kept(raw):
    name = name_of(os.fsdecode(raw))
    assert name.encode()
    try:
        assert name == raw.decode() or raw == b"."
    except UnicodeDecodeError:
        assert name.isascii() or "\\x" in name


def test_an_error_is_one_line_whatever_it_quotes():
    name = os.fsdecode(b"a\xfc")
    assert str(ImageReadError(f"'{name}' is\n\x1b[1mbad")) == "'a\\xfc' is \\x1b[1mbad"


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("plain", "plain"),
        ("-1.5e3", "-1.5e3"),
        ("=1+1", "'=1+1"),
        ("+cmd|' /C calc'!A0", "'+cmd|' /C calc'!A0"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("-rf", "'-rf"),
        ("\t=1", "'\t=1"),
        ("'=1", "''=1"),
        ("'quoted'", "'quoted'"),
        ("\x1b[31m", "\\u{1b}[31m"),
        ("two\nlines", "two\nlines"),
        ("\n=1", "'\n=1"),
        ("\uff1d1+1", "'\uff1d1+1"),
        ("\u200b=1", "'\u200b=1"),
        ("a\\u{1b}", "a\\u{5c}u{1b}"),
    ],
)
def test_a_cell_is_no_formula_and_no_command(text, cell):
    assert to_cell(text) == cell
    assert from_cell(cell) == text


def test_an_escape_of_no_character_stays():
    assert from_cell(r"\u{110000} \u{41}") == r"\u{110000} A"


@given(st.text(st.characters(exclude_categories=())))
def test_every_cell_reads_back_and_does_nothing(text):
    cell = to_cell(text)
    assert from_cell(cell) == text
    assert not any(c in cell for c in "\x1b\r\0\u202e\u2066")
    assert not cell.startswith(("=", "+", "-", "@", "\t")) or float(cell) is not None
