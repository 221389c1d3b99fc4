"""The thorax phantom's mediastinum and abdomen: the silhouette that radiographs show, and what moves it."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np
import pytest
import torch

from radbench_phantom.thorax.heart import coarsely, from_heart, heart_distance, heart_frame
from radbench_phantom.thorax.labels import LUNG_LABELS, Anatomy
from radbench_phantom.thorax.patient import Thorax, ThoraxConfig, thorax_patient
from radbench_phantom.thorax.render import render
from radbench_phantom.thorax.volume import Volume

UPRIGHT = ThoraxConfig(prevalence={}, devices=0.0, contrast=0.0, upright=True)


@lru_cache
def upright(index: int, side: int = 64) -> Volume:
    return render(thorax_patient(0, index, UPRIGHT), (side,) * 3, noise=False)


def across(volume: Volume, *labels: int) -> np.ndarray:
    return np.nonzero(np.isin(volume.labels.numpy(), labels).any((0, 1)))[0]


def ratio(volume: Volume) -> float:
    return np.ptp(across(volume, Anatomy.HEART)) / np.ptp(across(volume, *LUNG_LABELS))


def millilitres(volume: Volume, label: int) -> float:
    return float((volume.labels == label).sum()) * float(np.prod(volume.spacing_mm)) / 1000


def places(thorax: Thorax, n: int = 24) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    z, y, x = (torch.linspace(a, b, n) for a, b in ((-70.0, 45.0), (-90.0, 30.0), (-50.0, 90.0)))
    shape = (n, n, n)
    return x.expand(shape), y.view(1, -1, 1).expand(shape), z.view(-1, 1, 1)


def test_cardiothoracic_ratios_are_those_of_healthy_adults():
    ratios = np.array([ratio(upright(k)) for k in range(8)])
    assert 0.40 < np.median(ratios) < 0.50
    assert ratios.min() > 0.33
    assert ratios.max() < 0.55
    assert ratios.std() > 0.01


def test_cardiomegaly_takes_the_ratio_above_one_half():
    sick = [thorax_patient(0, k, replace(UPRIGHT, prevalence={"cardiomegaly": 1.0})) for k in range(4)]
    ratios = [ratio(render(t, (64, 64, 64), noise=False)) for t in sick]
    assert np.median(ratios) > 0.50
    assert all(r > ratio(upright(k)) + 0.02 for k, r in enumerate(ratios))


@pytest.mark.parametrize("index", [0, 3])
def test_the_heart_stands_out_on_both_sides_of_the_spine_and_more_on_the_left(index):
    v = upright(index)
    labels = v.labels.numpy()
    spine = np.nonzero(np.isin(labels, range(Anatomy.VERTEBRA_C5 + 9, Anatomy.VERTEBRA_C5 + 13)).sum((0, 1)) > 3)[0]
    heart, middle = across(v, Anatomy.HEART), spine.mean()
    right, left = (middle - heart.min()) * v.spacing_mm[2], (heart.max() - middle) * v.spacing_mm[2]
    assert 25 < right < 70
    assert 40 < left < 105


def test_no_lung_lies_between_heart_and_diaphragm():
    v = upright(3, 96)
    labels = v.labels.numpy()
    heart, lungs = labels == Anatomy.HEART, np.isin(labels, LUNG_LABELS)
    columns = heart.sum(0) * v.spacing_mm[0] > 35
    lowest = np.argmax(heart, axis=0)
    below = np.arange(labels.shape[0])[:, None, None] < lowest[None]
    gap = (lungs & below).sum(0)[columns] * v.spacing_mm[0]
    assert np.mean(gap > 6.0) < 0.1


def test_the_upper_mediastinum_is_a_band_of_five_to_eight_centimetres():
    thorax = thorax_patient(0, 3, UPRIGHT)
    v = upright(3, 96)
    labels = v.labels.numpy()
    first = thorax.traits.offset_mm[0] - (labels.shape[0] - 1) / 2 * v.spacing_mm[0]
    row = labels[round((95.0 * thorax.traits.scale[0] - first) / v.spacing_mm[0])]
    lung = np.isin(row, LUNG_LABELS)
    half = lung.shape[1] // 2
    # Where half of the lung's greatest depth is gone.
    depth = lung.sum(0) / lung.sum(0).max()
    left, right = half + np.argmax(depth[half:] > 0.55), half - np.argmax(depth[:half][::-1] > 0.55)
    assert 40 < (left - right) * v.spacing_mm[2] < 85


def test_from_heart_undoes_heart_frame():
    traits = thorax_patient(0, 5, UPRIGHT).traits
    points = [(-30.0, -40.0, 50.0), (10.0, 0.0, -20.0), (30.0, -20.0, 5.0)]
    z, y, x = (torch.tensor(c, dtype=torch.float64) for c in from_heart(points, traits).T)
    back = torch.stack(heart_frame((x, y, z), traits)[::-1], dim=1)
    assert np.allclose(back.numpy(), points, atol=1e-9)


def test_a_distance_worked_out_coarsely_is_the_same_within_a_tenth_of_a_voxel():
    thorax = thorax_patient(0, 5, UPRIGHT)
    x, y, z = places(thorax)
    whole = heart_distance((x, y, z), thorax.traits)
    flat = heart_distance(
        (x.reshape(-1), y.reshape(-1), z.expand_as(x).reshape(-1)), thorax.traits
    )  # places one by one are not interpolated
    near = flat.view_as(whole).abs() < 8.0
    assert float((whole - flat.view_as(whole))[near].abs().mean()) < 0.5
    linear = coarsely((x, y, z), lambda a: 2.0 * a[0] - a[1] + a[2])
    assert torch.allclose(linear, 2.0 * x - y + z, atol=1e-3)


def test_chambers_differ_in_an_arterial_phase():
    config = replace(UPRIGHT, contrast=1.0)
    differ = [abs(t.blood_right_hu / t.blood_hu - 1) for t in (thorax_patient(0, k, config).traits for k in range(40))]
    assert np.mean(np.array(differ) > 0.1) > 0.3
    plain = thorax_patient(0, 1, UPRIGHT).traits
    assert plain.blood_right_hu == plain.blood_hu


def test_standing_patients_have_their_stomachs_gas_under_a_level_line():
    found = 0
    for k in range(6):
        v = upright(k)
        gas = (v.labels == Anatomy.STOMACH_GAS).numpy()
        if millilitres(v, Anatomy.STOMACH_GAS) < 15:
            continue
        found += 1
        floor = np.where(gas.any(0), np.argmax(gas, axis=0), -1)
        level = floor[floor >= 0].min()
        assert np.mean(floor[floor >= 0] <= level + 1) > 0.4
        assert across(v, Anatomy.STOMACH_GAS).mean() > v.labels.shape[2] / 2
    assert found >= 2
