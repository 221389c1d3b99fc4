"""Files of answers: what is whole counts, what is not is told in a sentence."""

from __future__ import annotations

import json
import stat
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from radbench.contracts.errors import UsageError
from radbench.reader_study.answers import AnswersError, read_answers
from radbench.reader_study.key import KEY, read_key, write_key

from .made_study import lines_of, made_folder, made_key, write_answers

RANK = {"fattal": 3, "madmad": 2, "guided-unet": 1}


def by_rank(case, enhancer, again):
    return RANK[enhancer]


@pytest.fixture
def key():
    return made_key(repeats=2)


@pytest.fixture
def folder(tmp_path, key):
    return made_folder(tmp_path / "study", key)


def read(folder, key, **options):
    return read_answers(key, [folder / "answers"], **options)


def test_whole_files_are_read_without_a_word(folder, key):
    for reader in (1, 2):
        write_answers(folder, key, reader, by_rank)
    found = read(folder, key)
    assert found.notes == ()
    assert {reader: len(own) for reader, own in found.by_reader.items()} == {1: 10, 2: 10}
    answer = found.by_reader[1][key.readers[1][0].token]
    assert sorted(answer.grades.values()) == [1, 2, 3]
    assert answer.seconds == 2.5


def test_a_reader_who_stopped_counts_as_far_as_she_came(folder, key):
    write_answers(folder, key, 1, by_rank)
    write_answers(folder, key, 2, by_rank, trials=4)
    found = read(folder, key)
    assert found.notes == ("reader 2: 4 of 10 trials answered; what is there counts",)
    assert len(found.by_reader[2]) == 4


def test_a_reader_who_sent_nothing_is_named(folder, key):
    write_answers(folder, key, 2, by_rank)
    found = read(folder, key)
    assert found.notes == ("reader 1: no answers",)
    assert list(found.by_reader) == [2]


def test_an_early_file_and_a_later_one_of_a_reader_are_joined(folder, key):
    write_answers(folder, key, 1, by_rank, trials=4, name="early.csv")
    write_answers(folder, key, 1, by_rank, name="late.csv")
    write_answers(folder, key, 2, by_rank)
    found = read(folder, key)
    assert found.notes == ()
    assert len(found.by_reader[1]) == 10


def test_of_two_answers_the_later_counts_and_it_is_said(folder, key):
    write_answers(folder, key, 1, lambda c, e, again: 2, name="z-early.csv", at=1_700_000_000)
    write_answers(folder, key, 1, by_rank, name="a-late.csv", at=1_700_000_500)
    write_answers(folder, key, 2, by_rank)
    found = read(folder, key)
    assert all(sorted(answer.grades.values()) == [1, 2, 3] for answer in found.by_reader[1].values())
    assert found.notes == (
        "reader 1 answered 10 trials in 'z-early.csv' and otherwise in 'a-late.csv': what was answered later counts",
    )


@pytest.mark.parametrize("mark", [";", "\t"])
def test_what_a_spreadsheet_saved_again_is_read(folder, key, mark):
    text = "\n".join(line.replace(",", mark) for line in lines_of(key, 1, by_rank))
    (folder / "answers" / "saved.csv").write_text(text, encoding="utf-8-sig")
    assert len(read(folder, key).by_reader[1]) == 10


def damaged(folder, key, change):
    lines = lines_of(key, 1, by_rank)
    (folder / "answers" / "a.csv").write_text("\n".join(change(lines)))


CHANGES = {
    "a changed answer": (
        lambda lines: [lines[0], lines[1].replace(",2500,", ",2501,"), *lines[2:]],
        "line 2 was changed",
    ),
    "a line cut off": (lambda lines: [*lines[:-1], lines[-1][:40]], r"line 31 has \d cells instead of 8"),
    "a line that is missing": (lambda lines: lines[:-1], "lacks 1 image of a trial of reader 1"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_damage_is_refused_in_a_sentence_and_left_out_only_when_told_to(folder, key, name):
    change, words = CHANGES[name]
    damaged(folder, key, change)
    with pytest.raises(AnswersError, match=f"'a.csv': {words}.*--leave-out-damaged"):
        read(folder, key)
    found = read(folder, key, leave_out_damaged=True)
    assert len(found.by_reader[1]) == 9
    assert any("left out" in note for note in found.notes)


FOREIGN = {
    "no answers": ("a,b,c\n1,2,3\n", "'a.csv' is no file of answers: its first line must name study"),
    "empty": ("", "is no file of answers"),
    "no text": (b"\xff\xfe\x00", "no text in UTF-8"),
}


@pytest.mark.parametrize("name", FOREIGN)
def test_what_is_no_file_of_answers_is_refused(folder, key, name):
    content, words = FOREIGN[name]
    (folder / "answers" / "a.csv").write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(AnswersError, match=words):
        read(folder, key)


def test_answers_of_another_study_are_refused_by_name(folder, key):
    other = made_key(seed="another seed")
    (folder / "answers" / "a.csv").write_text("\n".join(lines_of(other, 1, by_rank)))
    with pytest.raises(AnswersError, match=f"is of study {other.study}, and the key is of {key.study}"):
        read(folder, key)


def test_a_trial_of_another_reader_is_refused(folder, key):
    from radbench.reader_study.answers import check_of

    lines = lines_of(key, 1, by_rank)
    cells = lines[1].split(",")[:-1]
    cells[1] = "2"
    (folder / "answers" / "a.csv").write_text("\n".join([lines[0], ",".join([*cells, check_of(cells)])]))
    with pytest.raises(AnswersError, match="names a trial that this reader was not shown"):
        read(folder, key)


def test_an_answer_that_the_design_does_not_know_is_refused(folder, key):
    (folder / "answers" / "a.csv").write_text("\n".join(lines_of(key, 1, lambda *_: 4)))
    with pytest.raises(AnswersError, match="has the answer '4', which the design does not know"):
        read(folder, key)


@pytest.mark.parametrize(
    ("place", "words"),
    [
        (1, "names a trial that this reader was not shown"),
        (5, "has a time that is no whole number of at most 15 digits"),
        (6, "has a time that is no whole number of at most 15 digits"),
    ],
)
@pytest.mark.parametrize("number", ["9" * 5000, "\u0661", "1.5", "-1"])
def test_a_number_that_no_page_writes_is_refused_though_its_check_fits(folder, key, place, words, number):
    from radbench.reader_study.answers import check_of

    lines = lines_of(key, 1, by_rank)
    cells = lines[1].split(",")[:-1]
    cells[place] = number
    changed = [lines[0], ",".join([*cells, check_of(cells)]), *lines[2:]]
    (folder / "answers" / "a.csv").write_text("\n".join(changed), encoding="utf-8")
    with pytest.raises(AnswersError, match=f"'a.csv': line 2 {words}"):
        read(folder, key)


def test_no_answers_at_all_says_what_to_do(folder, key):
    with pytest.raises(UsageError, match=r"there are no files of answers in .*: put there what the readers sent back"):
        read(folder, key)
    (folder / "answers" / "a.csv").write_text(lines_of(key, 1, by_rank)[0])
    with pytest.raises(AnswersError, match=r"no trial is answered in 'a\.csv'"):
        read(folder, key)


def test_the_key_comes_back_and_is_its_users_alone(folder, key):
    assert read_key(folder) == key
    assert stat.S_IMODE((folder / KEY).stat().st_mode) == 0o600


def test_a_key_that_was_changed_is_refused(folder):
    kept = json.loads((folder / KEY).read_text())
    first = next(iter(kept["key"]["cases"].values()))
    first["images"]["fattal"], first["images"]["madmad"] = first["images"]["madmad"], first["images"]["fattal"]
    (folder / KEY).write_text(json.dumps(kept))
    with pytest.raises(UsageError, match="is no longer the key that the pages were made with"):
        read_key(folder)


@pytest.mark.parametrize(
    ("content", "words"),
    [("{", "cannot be read"), ('{"key": {"format": 9}}', "format 9"), ('{"key": {"format": 1}}', "is damaged")],
)
def test_a_broken_key_is_refused_in_a_sentence(folder, content, words):
    (folder / KEY).write_text(content)
    with pytest.raises(UsageError, match=words):
        read_key(folder)


def test_a_folder_without_a_key_is_refused(tmp_path):
    with pytest.raises(UsageError, match=r"has no key/key\.json: name the folder that 'bench reader-study make' wrote"):
        read_key(tmp_path)


def test_the_seal_stands_for_everything_in_the_key(tmp_path):
    names = {made_key(**different).study for different in ({}, {"seed": "b"}, {"cases": 9}, {"ties": False})}
    assert len(names) == 4
    write_key(tmp_path, made_key())
    assert read_key(tmp_path).study == made_key().study


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_whatever_harm_a_file_takes_no_answer_is_another(data):
    """Bytes are changed, dropped or put in: it is refused, or every answer that is read is one that was given."""
    key = made_key(cases=3, readers=1)
    content = bytearray("\r\n".join([*lines_of(key, 1, by_rank), ""]).encode())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(content) - 1))
        how = data.draw(st.sampled_from(["change", "drop", "cut", "put"]))
        if how == "change":
            content[at] = data.draw(st.integers(0, 255))
        elif how == "drop":
            del content[at : at + data.draw(st.integers(1, 30))]
        elif how == "cut":
            del content[at:]
        else:
            content[at:at] = data.draw(st.binary(min_size=1, max_size=5))
        if not content:
            return
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / "a.csv"
        file.write_bytes(bytes(content))
        for leave_out in (False, True):
            try:
                found = read_answers(key, [file], leave_out)
            except AnswersError:
                continue
            for answer in found.by_reader[1].values():
                assert answer.grades == {i: RANK[key.image_of[i][1]] for i in answer.trial.images}
