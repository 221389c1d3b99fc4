"""The lungs: where they end, how the diaphragm stands, fissures, vessels at depth."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from radbench_phantom.thorax.breath import Breath, drawn_breath
from radbench_phantom.thorax.labels import Anatomy
from radbench_phantom.thorax.lungs import diaphragm_height, fissure_sheets, lung_distance, major_fissure
from radbench_phantom.thorax.patient import ThoraxConfig, thorax_patient
from radbench_phantom.thorax.render import render
from radbench_phantom.thorax.traits import Traits
from radbench_phantom.thorax.trees import curved, grown_along
from radbench_phantom.thorax.vasculature import lobar_trees

HEALTHY = ThoraxConfig(prevalence={}, devices=0.0, contrast=0.0)
STANDING = replace(HEALTHY, upright=True)


def traits(index: int = 3, config: ThoraxConfig = HEALTHY, **breath: object) -> Traits:
    t = thorax_patient(0, index, config).traits
    return replace(t, breath=replace(Breath(), **breath)) if breath else t  # type: ignore[arg-type]


def height(t: Traits, x: float, y: float) -> float:
    sx, sy = t.scale[2], t.scale[1]
    return float(diaphragm_height(torch.tensor([x * sx]), torch.tensor([y * sy]), t)[0])


def test_who_stands_breathes_deeper():
    for index in range(4):
        lying, standing = traits(index), traits(index, STANDING)
        assert height(standing, -60, -5) < height(lying, -60, -5) - 10


def test_the_recesses_are_deepest_behind_and_deep_at_the_sides():
    t = traits(config=STANDING, flat=0.0)
    dome = height(t, -60, -5)
    assert height(t, -112, -5) < dome - 15
    assert height(t, -60, 88) < height(t, -60, -85) - 20


def test_hyperinflation_flattens_the_domes():
    plain, flat = traits(flat=0.0), traits(flat=1.0)
    arched = [height(t, -60, -5) - height(t, -118, -5) for t in (plain, flat)]
    assert height(flat, -60, -5) < height(plain, -60, -5) - 10
    assert arched[1] < arched[0] - 10


def test_a_raised_side_stands_higher_and_leaves_the_other():
    plain, raised = traits(raised=(0.0, 0.0)), traits(raised=(25.0, 0.0))
    assert height(raised, -60, -5) > height(plain, -60, -5) + 20
    assert height(raised, 60, -5) == pytest.approx(height(plain, 60, -5), abs=0.1)


def test_the_diaphragm_has_no_step_between_its_domes():
    t = traits(config=STANDING)
    x = torch.linspace(-30, 30, 241)
    rise = diaphragm_height(x, torch.full_like(x, -10.0), t).diff().abs()
    assert float(rise.max()) < 0.5


def test_breath_is_drawn_apart_from_all_else():
    drawn = [drawn_breath(np.random.default_rng((61, k)), 60.0) for k in range(60)]
    assert len({b.round_ for b in drawn}) == 60
    assert 0.02 < np.mean([max(b.raised) > 0 for b in drawn]) < 0.25
    assert all(0 <= b.flat <= 1 and min(b.raised) == 0 for b in drawn)
    assert drawn[0] == drawn_breath(np.random.default_rng((61, 0)), 60.0)


@pytest.mark.parametrize("index", [0, 1, 3])
def test_no_lung_comes_between_the_heart_and_the_diaphragm(index):
    v = render(thorax_patient(0, index, STANDING), (96, 96, 96), noise=False)
    labels = v.labels.numpy()
    heart = labels == Anatomy.HEART
    lung = v.lung_mask.numpy()
    # Below the heart's lowest voxel of each column, no lung for the next two centimetres within the heart's middle.
    columns = np.argwhere(heart.sum(0) >= 12)
    steps = int(20 / v.spacing_mm[0])
    under = []
    for y, x in columns:
        bottom = int(np.nonzero(heart[:, y, x])[0][0])
        under.append(lung[max(bottom - steps, 0) : bottom, y, x].any())
    assert np.mean(under) < 0.03


def test_fissures_end_before_the_hilum_in_some_patients():
    t = traits()
    rng = np.random.default_rng(5)
    places = torch.from_numpy(rng.uniform([-110, -80, -100], [-20, 80, 90], (20000, 3)).astype(np.float32))
    at = (places[:, 0], places[:, 1], places[:, 2])
    near = (major_fissure(at, t).abs() < 4) & (lung_distance(at, t) < -4)
    shares = []
    for seed in range(12):
        sheets, there = fissure_sheets(at, t, np.random.default_rng(seed))
        assert float(sheets.min()) >= 0
        shares.append(float((there[near] > 0.4).float().mean()))
    assert min(shares) < 0.8 < max(shares)


def test_a_trunk_and_its_segments_obey_murrays_law():
    rng = np.random.default_rng(2)
    path = np.stack([np.linspace(0, 40, 9), 3 * np.sin(np.arange(9)), np.linspace(0, 20, 9)], axis=1)
    points = rng.normal([30, 20, 20], 25, (128, 3))
    tree = grown_along(path, points, np.exp(rng.normal(0, 0.6, 128)), 5.0, rng)
    assert tree.radius[0] == pytest.approx(5.0)
    for k in range(len(tree.radius)):
        children = tree.radius[tree.parent == k]
        if len(children):
            assert len(children) == 2
            assert np.sum(children**3) == pytest.approx(tree.radius[k] ** 3, rel=1e-9)
    inner = tree.parent >= 0
    np.testing.assert_allclose(tree.start[inner], tree.end[tree.parent[inner]])
    assert (tree.parent < np.arange(len(tree.parent))).all()


def test_a_path_of_the_wrong_length_is_refused():
    rng = np.random.default_rng(2)
    with pytest.raises(ValueError, match="power of two"):
        grown_along(np.zeros((4, 3)), rng.normal(0, 1, (16, 3)), np.ones(16), 5.0, rng)


def test_the_wider_branch_goes_on_without_a_kink():
    rng = np.random.default_rng(3)
    path = np.stack([np.linspace(0, 60, 9), np.zeros(9), np.linspace(0, 10, 9)], axis=1)
    tree = grown_along(path, rng.normal([50, 20, 20], 25, (256, 3)), np.exp(rng.normal(0, 0.6, 256)), 5.0, rng)
    pieces = 16
    start, end, _ = curved(tree, np.random.default_rng(0), pieces, bend=0.0)
    way = (end - start).reshape(pieces, -1, 3)
    way /= np.linalg.norm(way, axis=2, keepdims=True)
    turn = []
    for k in range(len(tree.radius)):
        children = np.nonzero(tree.parent == k)[0]
        if len(children):
            heir = children[np.argmax(tree.radius[children])]
            turn.append(float((way[-1, k] * way[0, heir]).sum()))
    # A sixteenth of a branch hardly turns.
    assert np.quantile(turn, 0.05) > 0.85


def test_stems_at_the_hilum_are_wide_and_vessels_near_the_pleura_thin():
    t = traits()
    trees = lobar_trees(t, np.random.default_rng(1))
    for label in (Anatomy.LUNG_LOWER_RIGHT, Anatomy.LUNG_LOWER_LEFT):
        tree = trees.arteries[int(label)]
        x, y, z = (torch.from_numpy(tree.end[:, i].astype(np.float32)) for i in (2, 1, 0))
        outer = lung_distance((x, y, z), t).numpy() > -12
        assert tree.radius[0] > 3.0
        assert np.median(tree.radius[outer]) < 0.6


def test_upright_the_bases_take_more_blood():
    t = traits()
    lying, standing = (lobar_trees(t, np.random.default_rng(1), upright) for upright in (False, True))
    label = int(Anatomy.LUNG_LOWER_RIGHT)

    def low_share(tree) -> float:
        ends = ~np.isin(np.arange(len(tree.parent)), tree.parent)
        volume, z = tree.radius[ends] ** 3, tree.end[ends, 0]
        return float(volume[z < np.median(z)].sum() / volume.sum())

    assert low_share(standing.arteries[label]) > low_share(lying.arteries[label])
