"""LidcIdri: digests, splits, and what is remembered of files between runs."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import torch

from radbench.contracts import DatasetError
from radbench.contracts.folders import cache_folder
from radbench_lidc import index
from radbench_lidc.dataset import LidcIdri, split_of

from .collection import (  # noqa: F401
    DEPTH,
    HU,
    copy_fixture,
    dataset,
    folder_of,
    one_fixture,
    only,
    reading,
    write_series,
)


def test_the_digest_follows_files_reading_and_options(copy, one):
    digest = dataset(one).manifest()[0].digest
    assert dataset(one, split_seed=5, split=(0.0, 0.0, 1.0)).manifest()[0].digest == digest
    assert dataset(one, lung_closing_mm=4.0).manifest()[0].digest != digest
    path = folder_of(copy) / "069.xml"
    path.write_text(reading(readers=2))
    assert dataset(copy).manifest()[0].digest != digest
    path.write_text(reading())
    assert dataset(copy).manifest()[0].digest == digest
    write_series(folder_of(copy), hu=HU + (HU == 40))
    assert dataset(copy).manifest()[0].digest != digest


def test_splits_go_by_patient_and_keep_their_shares():
    config = LidcIdri.Config(root=Path("x"))
    ids = [f"LIDC-IDRI-{i:04d}" for i in range(1, 1011)]
    splits = [split_of(i, config) for i in ids]
    shares = [splits.count(s) / len(ids) for s in ("train", "validation", "test")]
    assert shares == pytest.approx([0.6, 0.2, 0.2], abs=0.04)
    assert splits == [split_of(i, config) for i in ids]
    assert splits != [split_of(i, LidcIdri.Config(root=Path("x"), split_seed=1)) for i in ids]
    assert {split_of(i, LidcIdri.Config(root=Path("x"), split=(0, 0, 1))) for i in ids} == {"test"}


@pytest.fixture
def reads(monkeypatch):
    seen = []
    real = index._read
    monkeypatch.setattr(index, "_read", lambda path: (seen.append(path.name), real(path))[1])
    return seen


def later(monkeypatch):
    now = time.time_ns()
    monkeypatch.setattr(time, "time_ns", lambda: now + 10_000_000_000)


def test_files_are_read_once_and_again_when_they_change(copy, reads, monkeypatch):
    later(monkeypatch)
    before = dataset(copy).manifest()
    assert len(reads) == DEPTH + 2  # the licence, too: it has no suffix
    reads.clear()
    assert dataset(copy).manifest() == before
    assert reads == []
    (folder_of(copy) / "069.xml").write_text(reading(texture=2))
    assert dataset(copy).manifest() != before
    assert reads == ["069.xml"]


def test_fresh_files_are_not_remembered(copy, reads):
    dataset(copy).manifest()
    for path in copy.rglob("*"):
        path.touch()
    reads.clear()
    dataset(copy).manifest()
    reads.clear()
    dataset(copy).manifest()
    assert len(reads) == DEPTH + 2


@pytest.mark.parametrize("stopped_by", [KeyboardInterrupt, DatasetError])
def test_what_was_read_before_a_stop_is_remembered(copy, monkeypatch, stopped_by):
    later(monkeypatch)
    real = index._read

    def stop(path):
        if path.name == "1-020.dcm":
            raise stopped_by
        return real(path)

    monkeypatch.setattr(index, "_read", stop)
    with pytest.raises(stopped_by):
        dataset(copy).manifest()
    seen = []
    monkeypatch.setattr(index, "_read", lambda path: (seen.append(path.name), real(path))[1])
    dataset(copy).manifest()
    assert 0 < len(seen) < DEPTH / 2


def test_the_memory_grows_while_reading(copy, monkeypatch):
    later(monkeypatch)
    monkeypatch.setattr(index, "_KEPT_EVERY_SECONDS", -1.0)
    sizes = []
    real = index._remember
    monkeypatch.setattr(index, "_remember", lambda *given: (sizes.append(len(given[2])), real(*given))[1])
    dataset(copy).manifest()
    assert sizes == [*range(1, DEPTH + 3), DEPTH + 2]


def test_nothing_is_kept_on_disk_but_what_the_files_are(one):
    case = only(one)
    assert bool(case.targets["nodule_mask"].any())
    assert {p.name for p in (cache_folder() / "lidc").iterdir()} == {"index"}


def test_a_cache_that_cannot_be_written_costs_time_alone(one, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("RADBENCH_CACHE", str(tmp_path / "file"))
    assert bool(only(one).targets["nodule_mask"].any())


def test_a_case_made_again_has_the_same_bits(one):
    first, again = only(one), only(one)
    assert torch.equal(first.image, again.image)
    assert first.provenance == again.provenance
    for name in set(first.targets) - {"view_pose", "findings"}:
        assert torch.equal(first.targets[name], again.targets[name])
