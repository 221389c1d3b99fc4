"""Messages as they are published: paths, files and people go, what helps stays."""

from __future__ import annotations

from pathlib import Path

import pytest

from radbench.leaderboard import privacy
from radbench.leaderboard.privacy import without_names, without_paths


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/data/x.png is cut short", "… is cut short"),
        ("cannot read /data/Jane Doe/scan 1/x.png: no mask", "cannot read …: no mask"),
        ("cannot read /data/Jane Doe.nii.gz, give an image", "cannot read …, give an image"),
        ("open(~/films/a) and ../films/b and ./c", "open(…) and …"),
        (r"no file C:\films\Jane Doe\1.dcm", "no file …"),
        (r"no file \\server\films", "no file …"),
        ("file:///data/x is gone", "… is gone"),
        ("'jane doe/1' is empty; it's \"b/c\"", "'…' is empty; it's \"…\""),
        ("doe_jane.DCM lacks the DICM mark", "… lacks the DICM mark"),
        ("films/jane/7 twice", "… twice"),
        ("series 1.2.840.113619.2.55.3 of 2", "series … of 2"),
        ("files (/a/b, /a/c) differ", "files differ"),
        ("Doe Jane.dcm and JANE DOE.JPEG lack it", "… and … lack it"),
        ("read /data/Müller Änne/ü.dcm", "read …"),
        ("/data/(old)/c d.png is bad", "… is bad"),
        (r"no file \\server\share\Jane Doe\x.png", "no file …"),
        ("open ~jane/films/x, C:/Users/Jane Doe/z.NII.GZ", "open …"),
        ("see “/data/x y/z.png”, ‘C:\\x’, «~/a» and „b.pdf“", "see “…”, ‘…’, «…» and „…“"),
        ("ask jane.doe@hospital.org or 192.168.1.17:8080", "ask … or …"),
        # What is no path.
        ("and/or, 3 / 4, n/a, float32/float64", "and/or, 3 / 4, n/a, float32/float64"),
        ("get them from https://example.org/net.pt first", "get them from https://example.org/net.pt first"),
        ("torch 2.5.1 needs [1,H,W] in [0.5, 1.0], got 1e-3.", "torch 2.5.1 needs [1,H,W] in [0.5, 1.0], got 1e-3."),
        ("task 'lung-unet[trained_on=lidc]' has no lung_mask", "task 'lung-unet[trained_on=lidc]' has no lung_mask"),
        ("ValueError: not this one (plugin.py:8)", "ValueError: not this one (plugin.py:8)"),
        ("", ""),
    ],
)
def test_what_looks_like_a_path_goes_and_no_more(text: str, expected: str) -> None:
    assert without_paths(text) == expected


@pytest.mark.parametrize(
    ("text", "private", "expected"),
    [
        ("case jane_1 failed; jane_12 did not", ("jane_1",), "case … failed; jane_12 did not"),
        ("jane_1 of jane", ("jane", "jane_1"), "… of …"),
        ("JANE_1 of Jane", ("jane", "jane_1"), "… of …"),
        ("left_jane_1.x", ("jane_1",), "left_….x"),
        ("3 of 20 slices, case '3', film 2024", ("3", "2024"), "3 of 20 slices, case '…', film …"),
        ("a (bob, cyd): d", ("bob", "cyd"), "a: d"),
        ("a.b and axb", ("a.b",), "… and axb"),
        ("'dice' of 'jane' in 'lung_mask'", (), "'dice' of '…' in '…'"),
        ("‘Jane’s film’ of “jane” has no ‘dice’", (), "‘…’ of “…” has no ‘dice’"),
        ("nothing. of it", ("", "."), "nothing. of it"),
    ],
)
def test_private_names_and_quoted_texts_go_whole(text: str, private: tuple[str, ...], expected: str) -> None:
    assert without_names(text, private, ("dice",)) == expected


def test_a_case_that_is_called_what_is_public_is_private() -> None:
    assert without_names("'dice' is broken", ("dice",), ("dice",)) == "'…' is broken"


def test_a_long_message_is_cut_between_words() -> None:
    assert without_paths("word " * 400) == "word " * 200 + "…"
    assert without_names("jane_doe" * 400, ("jane_doe",)) == "…"
    assert len(without_paths("(1 of /a b, " * 4000)) <= 1001


def test_user_and_machine_are_not_named_unless_everybody_is_called_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(privacy.socket, "gethostname", lambda: "pc-17.hospital.org")
    monkeypatch.setattr(privacy.getpass, "getuser", lambda: "root")
    monkeypatch.setattr(privacy.Path, "home", lambda: Path("/home/anna"))
    privacy._of_this_machine.cache_clear()
    try:
        assert privacy._of_this_machine() == {"pc-17.hospital.org", "pc-17", "anna"}
    finally:
        monkeypatch.undo()
        privacy._of_this_machine.cache_clear()


@pytest.mark.parametrize(
    ("text", "private", "expected"),
    [
        ("no lung in jane_doe-1970", {"Jane Doe 1970"}, "no lung in …"),
        ("no lung in Doe Jane", {"Doe Jane"}, "no lung in …"),
        ("a link to a file, of 'a'", {"a"}, "a link to a file, of '…'"),
        ("see https://jane:pw@host.org/x?user=jane#y", set(), "see https://host.org/x"),
    ],
)
def test_a_name_goes_however_it_is_spelt_and_a_letter_stays_a_word(text, private, expected):
    assert without_names(text, private) == expected
