"""Files that are replaced in one step."""

import pytest

from radbench.contracts.atomic import replace_file, replacing


def test_a_file_takes_its_place_when_the_block_ends_and_not_before(tmp_path):
    path = tmp_path / "new" / "file"
    with replacing(path) as stream:
        stream.write(b"one")
        assert not path.exists()
    assert path.read_bytes() == b"one"


def test_where_the_block_raises_nothing_has_changed(tmp_path):
    path = tmp_path / "file"
    replace_file(path, b"one")

    def write():
        with replacing(path) as stream:
            stream.write(b"two")
            raise KeyError

    with pytest.raises(KeyError):
        write()
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == {"file": b"one"}


def test_a_link_is_followed_and_the_mode_kept(tmp_path):
    path, link = tmp_path / "file", tmp_path / "link"
    path.write_bytes(b"one")
    path.chmod(0o640)
    link.symlink_to(path)
    replace_file(link, b"two")
    assert link.is_symlink()
    assert path.read_bytes() == b"two"
    assert path.stat().st_mode & 0o777 == 0o640
