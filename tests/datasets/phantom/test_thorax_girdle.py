"""The thorax phantom's shoulders and chest wall: hanging arms for radiographs, raised ones for CT."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pytest
import torch

from radbench_phantom.thorax.labels import Anatomy
from radbench_phantom.thorax.muscles import round_cone, triangle
from radbench_phantom.thorax.patient import Thorax, ThoraxConfig, thorax_patient
from radbench_phantom.thorax.render import render
from radbench_phantom.thorax.shoulder import shoulders
from radbench_phantom.thorax.tubes import joined
from radbench_phantom.thorax.volume import Volume

PATIENTS = range(12)
WIDE = ((96, 72, 128), (4.0, 4.0, 4.0))


def config(upright: bool = True) -> ThoraxConfig:
    return ThoraxConfig(prevalence={}, devices=0.0, contrast=0.0, upright=upright)


def patient(index: int, upright: bool = True) -> Thorax:
    return thorax_patient(0, index, config(upright))


@lru_cache
def standing(index: int = 7) -> Volume:
    return render(patient(index), *WIDE, noise=False)


@lru_cache
def lying(index: int = 7) -> Volume:
    return render(patient(index, False), *WIDE, noise=False)


def heights(volume: Volume, label: int) -> np.ndarray:
    """Heights (mm above the volume's lower edge) of a label's voxels."""
    return np.nonzero(volume.labels.numpy() == label)[0] * volume.spacing_mm[0]


def lung_top(volume: Volume) -> float:
    return float(np.nonzero(volume.lung_mask.numpy())[0].max() * volume.spacing_mm[0])


@pytest.mark.parametrize("index", PATIENTS)
def test_hanging_arms_go_down_and_outwards_from_the_shoulder(index):
    for s in shoulders(patient(index).traits):
        assert s.elbow[0] < s.head[0] - 180
        assert s.side * (s.elbow[2] - s.head[2]) > 0
        assert s.side * s.head[2] > 125


@pytest.mark.parametrize("index", PATIENTS)
def test_humeral_heads_are_round_and_of_an_adults_size(index):
    from radbench_phantom.thorax.hanging import hanging_girdle

    thorax = patient(index)
    tubes = joined(hanging_girdle(thorax.traits))
    for s in shoulders(thorax.traits):
        humerus = tubes.label == Anatomy.HUMERUS
        near = humerus & (np.linalg.norm(tubes.centre - s.head, axis=1) < 6)
        assert 19 < tubes.radius[near].max() < 28


def test_standing_patients_arms_are_lower_than_lying_ones():
    assert np.median(heights(standing(), Anatomy.HUMERUS)) < np.median(heights(lying(), Anatomy.HUMERUS)) - 40


@pytest.mark.parametrize("index", [1, 3, 7])
def test_the_lungs_apex_stands_above_the_clavicles_medial_end(index):
    v = standing(index)
    labels = v.labels.numpy()
    for label in (Anatomy.CLAVICLE_LEFT, Anatomy.CLAVICLE_RIGHT):
        z, _, x = np.nonzero(labels == label)
        medial = np.abs(x - labels.shape[2] / 2) * v.spacing_mm[2] < 45
        assert 10 < lung_top(v) - np.median(z[medial]) * v.spacing_mm[0] < 60


@pytest.mark.parametrize("index", [1, 3, 7])
def test_bones_of_the_shoulder_stay_out_of_the_lungs(index):
    v = standing(index)
    lungs = v.lung_mask
    girdle = torch.isin(v.labels, torch.arange(Anatomy.CLAVICLE_LEFT, Anatomy.HUMERUS + 1, dtype=torch.uint8))
    for axis in (0, 1, 2):
        for step in (1, -1):
            assert not (lungs & girdle.roll(step, axis)).any()


def test_left_bones_are_on_the_left():
    labels = standing().labels.numpy()
    middle = labels.shape[2] / 2
    for left in (Anatomy.CLAVICLE_LEFT, Anatomy.SCAPULA_LEFT):
        assert np.nonzero(labels == left)[2].min() > middle
        assert np.nonzero(labels == left + 1)[2].max() < middle


def test_rolled_shoulders_draw_the_scapulae_aside():
    edge = []
    for index in range(24):
        traits = patient(index).traits
        for k, s in enumerate(shoulders(traits)):
            border = s.at([(0.0, 8.0, 0.0), (28.0, -96.0, 0.0)])
            edge.append((traits.stance.roll[k], float(np.abs(border[:, 2]).mean() / traits.scale[2])))
    roll, x = np.array(edge).T
    assert x[roll > 0.8].mean() > x[roll < 0.3].mean() + 20
    assert x.max() - x.min() > 25


def test_patients_differ_in_stance_and_the_two_sides_differ():
    stances = [patient(i).traits.stance for i in range(40)]
    for name, least in (("roll", 0.2), ("height_mm", 4.0), ("abduction_deg", 6.0), ("fat", 0.05), ("bulk", 0.1)):
        values = np.array([getattr(s, name) for s in stances])
        assert values.std() > least, name
        assert np.abs(values[:, 0] - values[:, 1]).mean() > 0
    well = np.mean([np.mean(s.roll) > 0.55 for s in stances])
    assert 0.45 < well < 0.9


def test_shoulders_are_rolled_forward_at_the_stand_more_often_than_in_bed():
    def roll(at_stand: bool) -> float:
        chosen = ThoraxConfig(upright=True, at_stand=at_stand)
        return float(np.mean([thorax_patient(0, i, chosen).traits.stance.roll for i in range(40)]))

    assert roll(True) > roll(False) + 0.3


def test_a_patient_has_the_same_body_lying_and_standing():
    upright, flat = patient(3).traits.stance, patient(3, False).traits.stance
    assert not upright.arms_up
    assert flat.arms_up
    assert (upright.bulk, upright.fat, upright.breast) == (flat.bulk, flat.fat, flat.breast)


def test_air_parts_arm_and_flank_in_a_slim_patient_who_holds_the_arms_off():
    slim = [patient(i) for i in range(40)]
    slim = [t for t in slim if t.traits.bmi < 23 and min(t.traits.stance.abduction_deg) > 18]
    thorax = slim[0]
    v = render(thorax, (96, 72, 160), (4.0, 4.0, 4.0), noise=False)
    row = np.nonzero(v.labels.numpy()[14].max(0))[0]
    assert int((np.diff(row) > 1).sum()) == 2


@pytest.mark.parametrize("index", [1, 8, 22])
def test_the_neck_is_narrower_than_the_shoulders(index):
    v = standing(index)
    labels = v.labels.numpy()
    top, step = lung_top(v), v.spacing_mm[0]
    width = [float((labels[int((top + above) / step)].max(0) > 0).sum() * v.spacing_mm[2]) for above in (-20, 15, 40)]
    assert width[0] > width[1] >= width[2]
    assert width[2] < 0.85 * width[0]


def test_cones_and_triangles_keep_their_distance():
    generator = np.random.default_rng(0)
    a, b, c = generator.normal(0, 30, (3, 3))
    points = generator.normal(0, 40, (200, 3))
    at = tuple(torch.from_numpy(points[:, i]) for i in (2, 1, 0))
    weights = generator.dirichlet([0.5, 0.5, 0.5], 200_000)
    dense = weights @ np.stack([a, b, c])
    nearest = np.array([np.linalg.norm(dense - p, axis=1).min() for p in points])
    assert np.allclose(triangle(at, a, b, c).numpy(), nearest, atol=0.6)
    way = b - a
    t = np.clip((points - a) @ way / (way @ way), 0, 1)
    line = np.linalg.norm(points - a - t[:, None] * way, axis=1)
    assert np.allclose(round_cone(at, a, b, 5.0, 9.0).numpy(), line - 5 - 4 * t, atol=1e-6)
