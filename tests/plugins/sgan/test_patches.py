"""Patches: where they are cut, by seed and place alone, and how they are turned."""

import itertools

import pytest
import torch

from radbench.contracts import DatasetError
from radbench.learn import Batch, Draws, ListLessons
from radbench_sgan.patches import Cut, Patches, Together, _stride, turned


def images(*sizes):
    return ListLessons(
        [{"clean": torch.arange(h * w).reshape(1, h, w)} for h, w in sizes], [f"{h}x{w}" for h, w in sizes]
    )


def test_every_image_is_met_as_often_as_the_others():
    patches = Patches(images((4, 4), (5, 5), (6, 6)), 8)
    assert sorted(patches.case_ids.count(name) for name in ("4x4", "5x5", "6x6")) == [2, 3, 3]
    assert ["{}x{}".format(*patches[i]["clean"].shape[1:]) for i in range(8)] == patches.case_ids
    assert patches.at([1, 5]).case_ids == [patches.case_ids[1], patches.case_ids[5]]
    with pytest.raises(IndexError):
        patches[8]


@pytest.mark.parametrize("n", [1, 2, 3, 4, 12, 32, 242, 800])
def test_the_first_few_patches_are_of_images_that_lie_apart(n):
    steps = [_stride(n) * i % n for i in range(n)]
    assert sorted(steps) == [*range(n)]
    first = sorted(steps[:4])
    assert n < 12 or min(b - a for a, b in itertools.pairwise(first)) >= n // 8


def test_without_images_there_is_nothing_to_cut():
    with pytest.raises(DatasetError, match="no images"):
        Patches(images(), 8)


def test_a_patch_is_a_part_of_its_image_and_every_part_comes_up():
    ((lesson),) = [images((7, 9))[0]]
    found = {}
    for seed in range(200):
        patch = Cut(5)(lesson, torch.Generator().manual_seed(seed))["clean"]
        assert patch.shape == (1, 5, 5)
        top, left = divmod(int(patch[0, 0, 0]), 9)
        assert torch.equal(patch, lesson["clean"][:, top : top + 5, left : left + 5])
        found[top, left] = True
    assert set(found) == {(y, x) for y in range(3) for x in range(5)}


def test_an_image_that_is_too_small_is_continued_at_its_edges():
    patch = Cut(6)(images((3, 8))[0], torch.Generator().manual_seed(1))["clean"][0]
    assert patch.shape == (6, 6)
    rows = (patch[:, 0] // 8).tolist()
    assert rows == sorted(rows)
    assert set(rows) == {0, 1, 2}


def test_a_patch_is_turned_one_of_eight_ways_by_its_place_alone():
    square = torch.arange(9.0).reshape(1, 1, 3, 3)
    batch = Batch({"clean": square.expand(64, 1, 3, 3)}, tuple(range(64)))
    found = turned(batch, Draws(0, 0, batch.places))["clean"]
    ways = {tuple(x.flatten().tolist()) for x in found}
    expected = [torch.rot90(s, k, (-2, -1)) for s in (square[0, 0], square[0, 0].flip(-1)) for k in range(4)]
    assert ways == {tuple(x.flatten().tolist()) for x in expected}
    alone = turned(Batch({"clean": square}, (7,)), Draws(0, 0, (7,)))["clean"]
    assert torch.equal(alone[0], found[7])


def test_two_sets_together_are_one_after_the_other():
    both = Together(images((4, 4)), images((5, 5), (6, 6)))
    assert [tuple(both[i]["clean"].shape[1:]) for i in range(len(both))] == [(4, 4), (5, 5), (6, 6)]
    assert both.case_ids == ["4x4", "5x5", "6x6"]
    assert both.at([2, 0]).case_ids == ["6x6", "4x4"]
