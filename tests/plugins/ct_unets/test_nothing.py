"""What is no chest, to learn from; and lung images held to the lungs."""

import pytest
import torch

from radbench.learn.batch import Batch
from radbench.learn.draws import Draws
from radbench_ct_unets import nothing
from radbench_ct_unets.near import near, near_lungs
from radbench_ct_unets.nothing import veiled, with_nothing

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


def test_veils_lie_over_as_many_as_were_asked_for_and_take_no_more_than_they_may():
    given = batch(tuple(range(400)))
    found = veiled(given, Draws(0, 0, given.places), "film", 0.25)["film"]
    changed = (found != given["film"]).flatten(1).any(1)
    assert 0.18 < float(changed.float().mean()) < 0.32
    high = given["film"].amax((1, 2, 3), keepdim=True)
    assert (found >= (1 - nothing._VEIL) * given["film"] - 1e-6).all()
    assert (found <= high + 1e-6).all()


@pytest.mark.parametrize("change", [lambda *given: with_nothing(*given, 0.7)[0], lambda *given: veiled(*given, 0.7)])
def test_a_lesson_becomes_the_same_in_every_batch(change):
    given = batch(tuple(range(8)))
    whole = change(given, Draws(0, 3, given.places), "film")
    for i in range(8):
        alone = change(given.part(i, i + 1), Draws(0, 3, (i,)), "film")
        assert torch.equal(alone["film"][0], whole["film"][i])


def test_none_are_replaced_where_none_are_asked_for():
    given = batch((0, 1))
    found, chest = with_nothing(given, Draws(0, 0, (0, 1)), "film", 0.0)
    assert torch.equal(found["film"], given["film"])
    assert chest.all()


def test_near_falls_linearly_from_a_twentieth_to_a_tenth_of_the_side():
    lungs = torch.zeros(2, 1, 100, 100, dtype=torch.bool)
    lungs[0, 0, 40:60, 30:50] = True
    found = near(lungs)
    assert (found[0, 0, 35:65, 45] == 1).all()
    line = found[0, 0, 50, 49:62]
    expected = [1, 1, 1, 1, 1, 1, 0.8, 0.6, 0.4, 0.2, 0, 0, 0]
    assert line.tolist() == pytest.approx(expected, abs=1e-6)
    assert float(found[0, 0, 0].max()) == 0
    assert float(found[1].max()) == 0


def test_what_lies_far_from_the_lungs_is_left_out_and_told():
    lungs = torch.zeros(1, 1, 20, 20, dtype=torch.bool)
    lungs[..., 5:15, :10] = True
    picture = torch.full((1, 1, 200, 300), 0.5)
    with pytest.warns(UserWarning, match=r"\d\d% of the lung image was left out, far from the lungs that were found"):
        left = near_lungs(picture, lungs)
    assert (left[..., 60:140, :140] == 0.5).all()
    assert (left[..., 195:] == 0).all()
