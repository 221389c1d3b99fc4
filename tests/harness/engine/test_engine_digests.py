"""Digests: of values, the same in every process, and of what lies at a path."""

import hashlib

import pytest
from pydantic import BaseModel

from radbench.engine.keep.digests import content_digest, digest, in_order

NAMES = ["alpha", "beta", "delta", "epsilon", "eta", "gamma", "iota", "zeta"]


class Inner(BaseModel):
    names: frozenset[str] = frozenset(NAMES)


class Outer(BaseModel):
    inner: Inner = Inner()
    several: tuple[frozenset[str], ...] = (frozenset(NAMES), frozenset({"a"}))
    named: dict[str, set[int]] = {"b": {10, 9}}
    sets: frozenset[frozenset[int]] = frozenset({frozenset({8, 0}), frozenset({10, 9})})
    ordered: tuple[int, ...] = (3, 1, 2)
    text: str = "cab"
    nothing: int | None = None


def test_sets_are_sorted_wherever_they_stand_and_nothing_else_is():
    model = Outer()
    assert in_order(model, model.model_dump(mode="json")) == {
        "inner": {"names": NAMES},
        "several": [NAMES, ["a"]],
        "named": {"b": [10, 9]},  # by how they are written
        "sets": [[0, 8], [10, 9]],
        "ordered": [3, 1, 2],
        "text": "cab",
        "nothing": None,
    }


def test_a_value_that_holds_a_set_has_one_digest():
    # Both meet in one place of the table, so that they come in the order that they went in.
    assert [*frozenset([0, 8])] != [*frozenset([8, 0])]
    assert digest({"a": frozenset([0, 8])}) == digest({"a": {8, 0}}) == digest({"a": [0, 8]})


@pytest.fixture
def folder(tmp_path):
    """Return a folder with a link to a folder beside it."""
    for name, text in {"root/a.txt": "a", "root/sub/b.txt": "b", "beside/deep/w.pt": "1"}.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    (tmp_path / "root" / "net").symlink_to(tmp_path / "beside")
    return tmp_path / "root"


def expected(files):
    facts = [name.encode() + b"\0" + hashlib.sha256(text.encode()).digest() for name, text in files.items()]
    return hashlib.sha256(b"".join(facts) + b"\1").hexdigest()


def test_what_lies_behind_a_link_counts_as_if_it_lay_there(folder):
    first = content_digest([folder])
    assert first == expected({"a.txt": "a", "net/deep/w.pt": "1", "sub/b.txt": "b"})
    (folder.parent / "beside" / "deep" / "w.pt").write_text("2")
    assert content_digest([folder]) != first


def test_a_folder_without_links_has_the_digest_that_it_had(folder):
    (folder / "net").unlink()
    assert content_digest([folder]) == expected({"a.txt": "a", "sub/b.txt": "b"})


def test_links_in_a_circle_end(folder):
    first = content_digest([folder])
    (folder / "sub" / "up").symlink_to(folder)
    (folder / "sub" / "self").symlink_to(folder / "sub")
    (folder / "gone").symlink_to(folder / "nowhere")
    assert content_digest([folder]) == first


def test_two_links_to_one_folder_both_count(folder):
    first = content_digest([folder])
    (folder / "again").symlink_to(folder / "sub")
    assert content_digest([folder]) != first
