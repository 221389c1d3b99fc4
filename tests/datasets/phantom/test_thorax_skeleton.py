"""The thorax phantom's bony cage: shaped by patient, ribs on its surface, bones of the densities of real ones."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from radbench_phantom.thorax.cage import cage_distance, cage_normal, cage_point, cage_radius
from radbench_phantom.thorax.cage_shape import CageShape
from radbench_phantom.thorax.grid import Grid, Posture
from radbench_phantom.thorax.labels import Anatomy
from radbench_phantom.thorax.patient import ThoraxConfig, thorax_patient
from radbench_phantom.thorax.render import render
from radbench_phantom.thorax.ribs import rib_line, rib_tubes
from radbench_phantom.thorax.skeleton import edge_width
from radbench_phantom.thorax.volume import Volume

HEALTHY = ThoraxConfig(prevalence={}, devices=0.0, contrast=0.0)
shapes = st.builds(
    CageShape,
    flare=st.floats(-0.1, 0.1),
    barrel=st.floats(-0.05, 0.05),
    corner=st.floats(-0.05, 0.05),
    skew=st.floats(-0.03, 0.03),
    steep_mm=st.floats(-10, 20),
)


@lru_cache
def volume() -> Volume:
    return render(thorax_patient(0, 8, HEALTHY), (88, 112, 112))


def test_points_on_the_cage_have_no_distance_from_it():
    traits = thorax_patient(0, 3, HEALTHY).traits
    angle, z = (a.ravel() for a in np.meshgrid(np.linspace(-2.8, 2.8, 15), np.linspace(-120, 90, 12)))
    points = traits.place(cage_point(angle, z, 0.0, traits.shape))
    at = tuple(torch.from_numpy(points[:, k].astype(np.float32)).view(1, 1, -1) for k in (2, 1, 0))
    assert float(cage_distance((at[0], at[1], at[2]), traits).abs().max()) < 1.0


@settings(deadline=None, max_examples=20)
@given(shapes, st.floats(-0.05, 0.05))
def test_a_shape_mirrors_when_its_skew_changes_sign(shape, skew):
    angle, z = np.linspace(0.1, 3.0, 9), np.linspace(-100, 100, 9)
    left, right = (
        cage_radius(a, z, CageShape(shape.flare, shape.barrel, shape.corner, s))
        for a, s in ((angle, skew), (-angle, -skew))
    )
    np.testing.assert_allclose(left, right, rtol=1e-4)


@settings(deadline=None, max_examples=20)
@given(shapes)
def test_normals_are_of_unit_length_and_point_outwards(shape):
    angle, z = np.linspace(-2.5, 2.5, 11), np.linspace(-100, 80, 11)
    normal = cage_normal(angle, z, shape)
    outward = cage_point(angle, z, 5.0, shape) - cage_point(angle, z, 0.0, shape)
    np.testing.assert_allclose(np.linalg.norm(normal, axis=1), 1.0, rtol=1e-9)
    assert ((normal * outward).sum(1) > 0).all()


@settings(deadline=None, max_examples=20)
@given(shapes, st.sampled_from([1.0, -1.0]))
def test_ribs_run_down_from_behind_to_the_front_in_order(shape, side):
    lines = [rib_line(k, side, shape)[0] for k in range(12)]
    for line in lines[2:10]:
        assert line[3, 0] > line[12, 0] > line[-1, 0]
        assert line[3, 1] > line[12, 1] > line[-1, 1]
    assert all(np.sign(line[:, 2]).tolist() == [side] * len(line) for line in lines)
    lateral = [line[12, 0] for line in lines]
    assert all(np.diff(lateral) < 0)


def test_the_back_of_a_rib_is_nearly_level_and_its_front_steep_as_in_lidc_0001():
    # Fall over half the way, behind and in front, of the real ribs 4 to 8: 13 +- 8 and 60 +- 16 mm.
    for k in range(3, 8):
        line = rib_line(k, 1.0, CageShape())[0]
        behind, front = line[1, 0] - line[7, 0], line[12, 0] - line[-1, 0]
        assert 0 < behind < 25
        assert 40 < front < 80
        assert line[1:, 2].max() > 1.25 * line[-1, 2] or k > 5


def test_ribs_are_taller_than_thick_but_the_floating_ones():
    thorax = thorax_patient(0, 3, HEALTHY)
    for rib in rib_tubes(thorax.traits, thorax.anatomy_rng(7))[:10]:
        flat, tall = rib.radius.T
        assert (tall > 1.2 * flat).mean() > 0.8
        assert 5.0 < 2 * tall.max() < 20.0


def test_patients_differ_in_shape_and_sides():
    found = [thorax_patient(0, i, HEALTHY).traits for i in range(60)]
    slender = np.array([t.scale[0] / t.scale[2] for t in found])
    assert slender.std() > 0.04
    assert np.std([t.shape.skew for t in found]) > 0.005
    assert np.std([t.shape.steep_mm for t in found]) > 4
    assert max(abs(t.shape.flare) for t in found) < 0.2


def test_a_steeper_chest_has_lower_front_ends_and_the_same_heads():
    level, steep = (rib_line(5, 1.0, CageShape(steep_mm=s))[0] for s in (0.0, 12.0))
    assert steep[-1, 0] < level[-1, 0] - 6
    assert abs(steep[1, 0] - level[1, 0]) < 1.0


@pytest.mark.parametrize(
    ("first", "count", "mean", "spread"),
    [(Anatomy.RIB_LEFT_1, 24, (240, 430), (110, 260)), (Anatomy.VERTEBRA_C5 + 7, 8, (200, 400), (95, 260))],
)
def test_bones_are_as_dense_and_as_uneven_as_in_lidc_0001(first, count, mean, spread):
    # There ribs are 319 +- 241 HU and T5 to T12 277 +- 193; this patient is old, and voxels here are coarser.
    labels, hu = volume().labels.numpy(), volume().hu.numpy()
    own = hu[(labels >= first) & (labels < first + count)]
    assert mean[0] < own.mean() < mean[1]
    assert spread[0] < own.std() < spread[1]


def test_endplates_are_denser_than_the_middle_of_a_body():
    v = volume()
    labels, hu = v.labels.numpy(), v.hu.numpy()
    own = labels == Anatomy.VERTEBRA_C5 + 12
    y = np.nonzero(own)[1]
    x = np.nonzero(own)[2]
    core = np.zeros_like(own)
    middle = round(x.mean())
    core[:, y.min() + 3 : y.min() + 7, middle - 2 : middle + 3] = True
    heights = np.nonzero((own & core).any((1, 2)))[0]
    by_height = [hu[k][own[k] & core[k]].mean() for k in heights]
    assert max(by_height[0], by_height[-1], by_height[1], by_height[-2]) > min(by_height[2:-2]) + 60


def test_cartilage_calcifies_with_age():
    from dataclasses import replace

    thorax = thorax_patient(0, 3, HEALTHY)
    means = []
    for calcified in (0.0, 1.0):
        traits = replace(thorax.traits, shape=replace(thorax.traits.shape, calcified=calcified))
        made = render(replace(thorax, traits=traits), (64,) * 3, noise=False)
        means.append(float(made.hu[made.labels == int(Anatomy.CARTILAGE)].mean()))
    assert means[1] > means[0] + 40


@pytest.mark.parametrize("slope", [0.35, 0.5])
def test_voxels_long_along_the_beam_leave_fewer_stripes_on_a_slanting_bone(slope):
    grid = Grid((3, 60, 60), (2.0, 4.0, 2.0), (0.0, 0.0, 0.0), Posture())
    x, y, _ = grid.at((slice(0, 3), slice(0, 60), slice(0, 60)))
    bone = (y - 120 - slope * (x - 60)).abs() / math.hypot(1, slope) - 4.0
    ripple = [float((grid.soft(d).sum(1) * 4.0).std()) for d in (bone, bone * (grid.h / edge_width(grid, bone)))]
    assert ripple[1] < 0.5 * ripple[0]
