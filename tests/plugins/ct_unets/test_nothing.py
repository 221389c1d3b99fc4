"""What is no chest, to learn from."""

import pytest
import torch

from radbench.learn.batch import Batch
from radbench.learn.draws import Draws
from radbench_ct_unets import nothing
from radbench_ct_unets.nothing import with_nothing

SEEDS = range(12)


def film(height=40, width=30):
    return torch.rand(1, height, width, generator=torch.Generator().manual_seed(0))


def batch(places):
    pictures = torch.stack([film() * (1 + place) / 40 for place in places])
    return Batch({"film": pictures, "other": pictures}, places)


@pytest.mark.parametrize("kind", nothing._KINDS)
@pytest.mark.parametrize("shape", [(40, 30), (3, 50), (1, 1)])
def test_every_kind_is_a_picture_of_the_films_size(kind, shape):
    for seed in SEEDS:
        made = kind(film(*shape), torch.Generator().manual_seed(seed))
        assert made.shape == (1, *shape)
        assert made.isfinite().all()


def test_what_is_turned_over_is_the_film_and_what_is_shuffled_has_its_greys():
    of, source = film(), torch.Generator()
    assert torch.equal(nothing._upside_down(of, source).flip(1), of)
    assert torch.equal(nothing._inverted(of, source), 1 - of)
    for seed in SEEDS:
        shuffled = nothing._shuffled(of, source.manual_seed(seed))
        assert torch.equal(shuffled.flatten().sort().values, of.flatten().sort().values)
        assert not torch.equal(shuffled, of)


def test_a_film_averaged_along_a_side_has_its_means_and_nothing_else():
    of = film()
    lines = {"down": of.mean(2, keepdim=True).expand_as(of), "across": of.mean(1, keepdim=True).expand_as(of)}
    found = [nothing._averaged(of, torch.Generator().manual_seed(seed)) for seed in range(40)]
    for line in lines.values():
        assert 8 < sum(torch.equal(made, line) for made in found) < 32
    assert all(any(torch.equal(made, line) for line in lines.values()) for made in found)


def test_a_ramp_rises_and_a_grey_is_one():
    of = film()
    for seed in SEEDS:
        ramp = nothing._ramp(of, torch.Generator().manual_seed(seed))
        assert (float(ramp.min()), float(ramp.max())) == (0.0, 1.0)
        assert float(torch.diff(ramp[0], dim=0).abs().max()) < 0.3
        grey = nothing._grey(of, torch.Generator().manual_seed(seed))
        assert float(grey.max() - grey.min()) <= nothing._NOISE
    greys = [nothing._grey(of, torch.Generator().manual_seed(seed)) for seed in range(100)]
    assert 35 < sum(bool(grey.max() == grey.min()) for grey in greys) < 65


def test_as_many_as_were_asked_for_are_replaced_and_nothing_else():
    given = batch(tuple(range(400)))
    found, chest = with_nothing(given, Draws(0, 0, given.places), "film", 0.25)
    assert 0.18 < float((~chest).float().mean()) < 0.32
    assert torch.equal(found["film"][chest], given["film"][chest])
    assert (found["film"][~chest] != given["film"][~chest]).flatten(1).any(1).all()
    assert torch.equal(found["other"], given["other"])
    assert torch.equal(given["film"], batch(given.places)["film"])  # the given one is left as it is


def test_a_lesson_becomes_the_same_in_every_batch():
    given = batch(tuple(range(8)))
    whole, _ = with_nothing(given, Draws(0, 3, given.places), "film", 0.7)
    for i in range(8):
        alone, _ = with_nothing(given.part(i, i + 1), Draws(0, 3, (i,)), "film", 0.7)
        assert torch.equal(alone["film"][0], whole["film"][i])


def test_none_are_replaced_where_none_are_asked_for():
    given = batch((0, 1))
    found, chest = with_nothing(given, Draws(0, 0, (0, 1)), "film", 0.0)
    assert torch.equal(found["film"], given["film"])
    assert chest.all()
