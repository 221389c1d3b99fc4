"""The lungs' trees: Murray's law, reach and thin tubes' volume."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from radbench_phantom.thorax.grid import Grid, Posture
from radbench_phantom.thorax.trees import grown
from radbench_phantom.thorax.tubes import along_curve, splat, stamp


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000), levels=st.integers(1, 7))
def test_radii_obey_murrays_law_at_every_branching(seed, levels):
    rng = np.random.default_rng(seed)
    tree = grown(np.zeros(3), rng.normal(np.array([0, 0, 60]), 30, (2**levels, 3)), 5.0, rng)
    for k in range(len(tree.radius)):
        children = tree.radius[tree.parent == k]
        if len(children):
            assert np.sum(children**3) == pytest.approx(tree.radius[k] ** 3, rel=1e-9)
            assert len(children) == 2


def test_branches_join_and_end_at_the_points():
    rng = np.random.default_rng(1)
    points = rng.normal(np.array([0, 0, 60]), 30, (64, 3))
    tree = grown(np.zeros(3), points, 5.0, rng)
    inner = tree.parent >= 0
    np.testing.assert_allclose(tree.start[inner], tree.end[tree.parent[inner]])
    ends = tree.end[~np.isin(np.arange(len(tree.parent)), tree.parent)]
    assert {tuple(np.round(p, 6)) for p in ends} == {tuple(np.round(p, 6)) for p in points}


def test_a_tree_refuses_a_number_of_ends_that_is_no_power_of_two():
    with pytest.raises(ValueError, match="power of two"):
        grown(np.zeros(3), np.ones((6, 3)), 5.0, np.random.default_rng(0))


def a_grid(n: int, spacing: float) -> Grid:
    o = -(n - 1) / 2 * spacing
    return Grid((n, n, n), (spacing,) * 3, (o, o, o), Posture())


@pytest.mark.parametrize("spacing", [1.0, 2.0, 4.0])
def test_thin_tubes_keep_their_volume_at_every_grid(spacing):
    start, end = np.array([[-20.0, 3.0, 1.0]]), np.array([[20.0, -5.0, 9.0]])
    part = splat(a_grid(int(80 / spacing), spacing), start, end, np.array([0.4]))
    length = np.linalg.norm(end - start)
    assert float(part.double().sum()) * spacing**3 == pytest.approx(np.pi * 0.16 * length, rel=1e-4)


@pytest.mark.parametrize("spacing", [1.0, 1.5])
def test_thick_tubes_have_their_volume(spacing):
    import torch

    grid = a_grid(int(90 / spacing), spacing)
    tube = along_curve(np.array([[-30.0, 0, 0], [30.0, 5.0, -8.0]]), 6.0, 1, flat=4.0)
    distance = torch.full(grid.shape, 1e3)
    stamp(grid, tube, distance)
    length = np.linalg.norm([60.0, 5.0, -8.0])
    # The rounded caps reach a little over the ends.
    assert float(grid.soft(distance).sum()) * spacing**3 == pytest.approx(np.pi * 24 * length, rel=0.06)


def test_texture_is_the_same_function_at_two_grids():
    coarse, fine = a_grid(20, 4.0), a_grid(39, 2.0)
    a, b = coarse.texture((1, 2), 9.0), fine.texture((1, 2), 9.0)
    # Every other voxel of the finer grid lies on one of the coarser.
    offset = (coarse.origin[0] - fine.origin[0]) / 2.0
    assert offset == int(offset)
    np.testing.assert_allclose(a.numpy(), b.numpy()[int(offset) :: 2, int(offset) :: 2, int(offset) :: 2], atol=2e-4)
