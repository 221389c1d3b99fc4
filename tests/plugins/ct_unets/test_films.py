"""What films of chests vary in, to learn from: veils, the abdomen below, borders."""

import pytest
import torch

from radbench.learn.batch import Batch
from radbench.learn.draws import Draws
from radbench_ct_unets import films
from radbench_ct_unets.films import above_abdomen, bordered, veiled

CHANGES = (veiled, above_abdomen, bordered)


def film(height=40, width=30):
    return torch.rand(1, height, width, generator=torch.Generator().manual_seed(0))


def batch(places):
    pictures = torch.stack([film() * (1 + place) / 400 for place in places])
    return Batch({"film": pictures, "other": pictures}, places)


@pytest.mark.parametrize("change", CHANGES)
def test_as_many_as_were_asked_for_are_changed_and_nothing_else(change):
    given = batch(tuple(range(400)))
    found = change(given, Draws(0, 0, given.places), "film", 0.25)
    changed = (found["film"] != given["film"]).flatten(1).any(1)
    assert 0.18 < float(changed.float().mean()) < 0.32
    assert torch.equal(found["other"], given["other"])
    assert torch.equal(given["film"], batch(given.places)["film"])  # the given one is left as it is
    assert (found["film"] >= 0).all()
    assert (found["film"] <= 1).all()


@pytest.mark.parametrize("change", CHANGES)
def test_a_lesson_becomes_the_same_in_every_batch(change):
    given = batch(tuple(range(8)))
    whole = change(given, Draws(0, 3, given.places), "film", 0.7)
    for i in range(8):
        alone = change(given.part(i, i + 1), Draws(0, 3, (i,)), "film", 0.7)
        assert torch.equal(alone["film"][0], whole["film"][i])


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("shape", [(40, 30), (3, 50), (1, 1)])
def test_films_of_few_pixels_are_changed_too(change, shape):
    pictures = film(*shape).expand(12, 1, *shape)
    found = change(Batch({"film": pictures}, tuple(range(12))), Draws(0, 0, tuple(range(12))), "film", 1.0)["film"]
    assert found.shape == pictures.shape
    assert found.isfinite().all()


def test_a_veil_takes_no_more_than_it_may():
    given = batch(tuple(range(400)))
    found = veiled(given, Draws(0, 0, given.places), "film", 0.25)["film"]
    high = given["film"].amax((1, 2, 3), keepdim=True)
    assert (found >= (1 - films._VEIL) * given["film"] - 1e-6).all()
    assert (found <= high + 1e-6).all()


def test_below_a_flattened_film_its_lower_edge_goes_on():
    given = torch.full((1, 1, 40, 30), 0.2)
    given[:, :, 32:] = 0.7
    heights, spreads = [], []
    for seed in range(20):
        found = above_abdomen(Batch({"film": given}, (0,)), Draws(seed, 0, (0,)), "film", 1.0)["film"][0, 0]
        dark = int((found.amax(1) < 0.3).sum())  # a film's first 32 of 40 rows, as flat as it was made
        assert films._CHEST[0] * 32 - 2 <= dark <= films._CHEST[1] * 32 + 2
        assert ((found[dark + 2 :] - 0.7).abs() <= films._UNEVEN / 2 + 1e-6).all()
        heights.append(dark)
        spreads.append(float(found[-1].max() - found[-1].min()))
    assert min(heights) < 22
    assert max(heights) > 26
    assert max(spreads) > 0.05


def test_round_a_film_lies_one_grey_no_wider_than_it_may():
    given = torch.linspace(0.3, 0.6, 1200).reshape(1, 1, 40, 30)
    greys = set()
    for seed in range(40):
        found = bordered(Batch({"film": given}, (0,)), Draws(seed, 0, (0,)), "film", 1.0)["film"][0, 0]
        edges = [found[0], found[-1], found[:, 0], found[:, -1]]
        border = [float(edge[0]) for edge in edges if edge.unique().numel() == 1]
        greys |= set(border[:1])
        assert len(set(border)) <= 1
        inside = found[10:30, 8:22]
        assert ((inside >= 0.3) & (inside <= 0.6)).all()
    assert {0.0, 1.0} < greys
