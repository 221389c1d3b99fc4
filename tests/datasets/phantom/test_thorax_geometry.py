"""The thorax phantom's geometry: the same at every grid, and anatomical."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pytest
import torch
from scipy import ndimage

from radbench_phantom.thorax.labels import LUNG_LABELS, Anatomy
from radbench_phantom.thorax.patient import ThoraxConfig, thorax_patient
from radbench_phantom.thorax.render import render
from radbench_phantom.thorax.volume import Volume

HEALTHY = ThoraxConfig(prevalence={}, devices=0.0, contrast=0.0)


@lru_cache
def healthy(index: int = 3, side: int = 96) -> Volume:
    return render(thorax_patient(0, index, HEALTHY), (side, side, side))


def labelled(volume: Volume, *labels: int) -> np.ndarray:
    return np.isin(volume.labels.numpy(), labels)


def millilitres(volume: Volume, *labels: int) -> float:
    return float(labelled(volume, *labels).sum() * np.prod(volume.spacing_mm) / 1000)


def test_the_same_seed_gives_the_same_bits_and_another_patient_others():
    thorax = thorax_patient(3, 1)
    first, second = (render(thorax, (40, 40, 40)) for _ in range(2))
    assert torch.equal(first.hu, second.hu)
    assert torch.equal(first.labels, second.labels)
    assert not torch.equal(first.hu, render(thorax_patient(3, 2), (40, 40, 40)).hu)


def test_a_patient_does_not_depend_on_the_number_of_threads():
    thorax, before = thorax_patient(3, 1), torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        one = render(thorax, (40, 40, 40)).hu
        torch.set_num_threads(2)
        two = render(thorax, (40, 40, 40)).hu
    finally:
        torch.set_num_threads(before)
    assert torch.equal(one, two)


def test_two_grids_show_the_same_anatomy():
    coarse, fine = healthy(side=64), healthy(side=128)
    raised = coarse.labels.numpy().repeat(2, 0).repeat(2, 1).repeat(2, 2)
    dense = fine.labels.numpy()
    for labels in (LUNG_LABELS, (Anatomy.HEART,), (Anatomy.LIVER,), range(1, 100)):
        a, b = np.isin(raised, list(labels)), np.isin(dense, list(labels))
        assert 2 * (a & b).sum() / (a.sum() + b.sum()) > 0.9
    assert np.mean(raised == dense) > 0.9


def test_coarse_grids_keep_the_mass():
    thorax = thorax_patient(0, 3, HEALTHY)
    coarse, fine = (render(thorax, (side,) * 3, noise=False).hu.mean() for side in (48, 96))
    assert abs(float(coarse - fine)) < 8.0


def test_organs_have_the_volumes_and_densities_of_adults():
    v = healthy()
    hu = v.hu.numpy()
    lungs = millilitres(v, *LUNG_LABELS)
    assert 2500 < lungs < 6500
    assert 250 < millilitres(v, Anatomy.HEART) < 800
    assert 800 < millilitres(v, Anatomy.LIVER) < 2400
    expected = {
        Anatomy.LIVER: (35, 80),
        Anatomy.HEART: (15, 60),
        Anatomy.AORTA: (10, 70),
        Anatomy.MUSCLE: (10, 65),
        Anatomy.FAT: (-125, -75),
        Anatomy.SPLEEN: (25, 70),
    }
    for label, (low, high) in expected.items():
        assert low < np.median(hu[labelled(v, label)]) < high, label.name
    assert -880 < hu[labelled(v, *LUNG_LABELS)].mean() < -740


def test_the_right_lung_is_larger_and_every_lobe_is_there():
    v = healthy()
    left = millilitres(v, Anatomy.LUNG_UPPER_LEFT, Anatomy.LUNG_LOWER_LEFT)
    assert left < millilitres(v, *LUNG_LABELS) - left
    for lobe in LUNG_LABELS:
        assert millilitres(v, lobe) > 100


@pytest.mark.parametrize(
    "lobes",
    [
        (Anatomy.LUNG_UPPER_LEFT, Anatomy.LUNG_LOWER_LEFT),
        (Anatomy.LUNG_UPPER_RIGHT, Anatomy.LUNG_MIDDLE_RIGHT, Anatomy.LUNG_LOWER_RIGHT),
    ],
)
def test_each_lung_is_one_piece_on_its_side(lobes):
    own = labelled(healthy(), *lobes)
    parts, _ = ndimage.label(own, np.ones((3, 3, 3)))
    assert np.bincount(parts.ravel())[1:].max() > 0.99 * own.sum()


def test_fissures_part_the_lobes():
    v = render(thorax_patient(0, 3, HEALTHY), (96, 128, 128), noise=False)
    labels, hu = v.labels.numpy(), v.hu.numpy()
    below = ndimage.binary_dilation(labels == Anatomy.LUNG_LOWER_LEFT) & (labels == Anatomy.LUNG_UPPER_LEFT)
    inside = labels == Anatomy.LUNG_UPPER_LEFT
    assert np.median(hu[below]) > np.median(hu[inside]) + 40


def test_there_are_twelve_pairs_of_ribs_and_eleven_show_in_a_cut():
    v = healthy()
    for k in range(12):
        for first in (Anatomy.RIB_LEFT_1, Anatomy.RIB_RIGHT_1):
            assert 1.0 < millilitres(v, first + k) < 30.0
    labels = v.labels.numpy()
    cut = labels[:, :, labels.shape[2] // 2 + int(0.055 * labels.shape[2] * 3)]
    met = {int(a) for a in np.unique(cut) if Anatomy.RIB_LEFT_1 <= a < Anatomy.RIB_LEFT_1 + 12}
    assert len(met) >= 10


def test_ribs_stand_in_order_from_above():
    v = healthy()
    for first in (Anatomy.RIB_LEFT_1, Anatomy.RIB_RIGHT_1):
        heights = [np.nonzero(labelled(v, first + k))[0].mean() for k in range(11)]
        assert all(np.diff(heights) < 0)


def test_vertebrae_stand_in_order_and_the_canal_stays_open():
    v = healthy()
    heights = [np.nonzero(labelled(v, Anatomy.VERTEBRA_C5 + k))[0].mean() for k in range(3, 15)]
    assert all(np.diff(heights) < 0)
    assert millilitres(v, Anatomy.CORD) > 15


def test_left_is_left():
    v = healthy()
    middle = v.labels.shape[2] / 2
    assert np.nonzero(labelled(v, Anatomy.LUNG_UPPER_LEFT))[2].mean() > middle
    assert np.nonzero(labelled(v, Anatomy.LIVER))[2].mean() < middle
    assert np.nonzero(labelled(v, Anatomy.STERNUM))[1].mean() < np.nonzero(labelled(v, Anatomy.CORD))[1].mean()
    assert np.nonzero(labelled(v, Anatomy.TRACHEA))[0].mean() > np.nonzero(labelled(v, Anatomy.LIVER))[0].mean()


def test_noise_follows_its_factor():
    quiet, loud = (
        thorax_patient(0, 3, ThoraxConfig(prevalence={}, devices=0.0, contrast=0.0, noise=n)) for n in (1.0, 2.0)
    )
    clean = render(quiet, (48,) * 3, noise=False)
    liver = labelled(clean, Anatomy.LIVER)
    spread = [float((render(t, (48,) * 3).hu - clean.hu)[torch.from_numpy(liver)].std()) for t in (quiet, loud)]
    assert 1.6 < spread[1] / spread[0] < 2.2


@pytest.mark.parametrize("shape", [(8, 32, 32), (32, 32), (15, 15, 15)])
def test_too_small_a_grid_is_refused(shape):
    with pytest.raises(ValueError, match="at least 16"):
        render(thorax_patient(0, 0), shape)


def test_an_anisotropic_grid_shows_the_same_lungs():
    thorax = thorax_patient(0, 3, HEALTHY)
    thick = render(thorax, (40, 96, 96), (9.0, 4.0, 4.0))
    assert millilitres(thick, *LUNG_LABELS) == pytest.approx(millilitres(healthy(), *LUNG_LABELS), rel=0.05)
