"""The thorax phantom's findings: there when asked for, each with its mask, and independent of everything else."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np
import pytest

from radbench_phantom.thorax.labels import DEVICES, FINDINGS, Anatomy
from radbench_phantom.thorax.patient import PREVALENCE, ThoraxConfig, thorax_patient
from radbench_phantom.thorax.render import render
from radbench_phantom.thorax.volume import Volume

SIDE = (72, 72, 72)
HEALTHY = ThoraxConfig(prevalence={}, devices=0.0, contrast=0.0)


def only(name: str, **fields) -> ThoraxConfig:
    return ThoraxConfig(prevalence={name: 1.0}, devices=0.0, contrast=0.0, **fields)


@lru_cache
def with_finding(name: str | None, upright: bool = ThoraxConfig.upright) -> Volume:
    """Return the same patient's volume with one finding, or with none."""
    config = replace(HEALTHY, prevalence={name: 1.0} if name else {}, upright=upright)
    return render(thorax_patient(5, 2, config), SIDE, noise=False)


@lru_cache
def wearing(*devices: str) -> Volume:
    bare = thorax_patient(5, 2, ThoraxConfig(prevalence={}, devices=0.0))
    return render(replace(bare, devices=devices), SIDE, noise=False)


@pytest.mark.parametrize("name", FINDINGS)
def test_a_finding_asked_for_is_there_with_its_mask(name):
    volume = with_finding(name)
    assert [k for k, there in volume.findings.items() if there] == [name]
    assert volume.finding_masks[name].any()


@pytest.mark.parametrize("name", [n for n in FINDINGS if n != "cardiomegaly"])
def test_a_finding_changes_the_image_where_its_mask_says(name):
    healthy, sick = with_finding(None), with_finding(name)
    mask = sick.finding_masks[name]
    changed = (sick.hu - healthy.hu).abs()
    assert float(changed[mask].mean()) > 10 * float(changed[~mask].mean())


def test_cardiomegaly_widens_the_heart():
    def width(volume):
        return np.ptp(np.nonzero(volume.labels.numpy() == Anatomy.HEART)[2])

    assert width(with_finding("cardiomegaly")) > 1.08 * width(with_finding(None))


def test_findings_do_not_depend_on_build_age_devices_or_contrast():
    drawn = [thorax_patient(9, k, ThoraxConfig(devices=0.3)) for k in range(1500)]
    traits = np.array(
        [
            [t.traits.age, t.traits.bmi, t.traits.sex == "male", t.traits.contrast, t.traits.fat_mm, len(t.devices)]
            for t in drawn
        ],
        dtype=float,
    )
    present = np.array([list(t.present.values()) for t in drawn], dtype=float)
    for trait in traits.T:
        for finding in present.T:
            assert abs(np.corrcoef(trait, finding)[0, 1]) < 4.0 / np.sqrt(len(drawn))


def test_prevalences_come_out_as_configured():
    present = np.array([list(thorax_patient(2, k).present.values()) for k in range(1500)], dtype=float)
    for share, name in zip(present.mean(axis=0), FINDINGS, strict=True):
        p = PREVALENCE[name]
        assert abs(share - p) < 4 * np.sqrt(p * (1 - p) / 1500)


def test_asking_for_one_finding_leaves_the_patient_as_it_was():
    plain, ill = thorax_patient(4, 7, ThoraxConfig(prevalence={})), thorax_patient(4, 7, only("mass"))
    assert (plain.traits.age, plain.traits.scale, plain.traits.posture) == (
        ill.traits.age,
        ill.traits.scale,
        ill.traits.posture,
    )


def test_nodules_carry_ratings_like_lidcs():
    config = only("nodule")
    found = [f for k in range(60) for f in thorax_patient(1, k, config).findings]
    for f in found:
        assert 4.0 <= f.size <= 30.0
        assert all(1 <= v <= 6 for v in f.ratings.values())
        assert (f.ratings["texture"] == 5) == (f.kind == "solid")
    assert {f.kind for f in found} == {"solid", "part-solid", "ground-glass"}


@pytest.mark.parametrize("upright", [True, False])
def test_fluid_sinks_and_air_rises(upright):
    axis, sign = (0, 1) if upright else (1, -1)
    for name, way in (("effusion", -1), ("pneumothorax", 1)):
        volume = with_finding(name, upright)
        there = np.nonzero(volume.finding_masks[name].numpy())[axis].mean()
        lungs = np.nonzero(volume.lung_mask.numpy())[axis].mean()
        assert sign * way * (there - lungs) > 0


@pytest.mark.parametrize("name", DEVICES)
def test_devices_are_dense_and_told_in_the_facts(name):
    worn = wearing(name)
    assert worn.facts["devices"] == [name]
    added = (worn.hu - wearing().hu).clamp(min=0)
    # As much more than the body as 100 mm^3 of bone.
    assert float(added.sum()) * float(np.prod(worn.spacing_mm)) > 100 * 1000
    assert float(added.max()) > 250


def test_each_device_has_its_own_share_and_none_goes_with_another():
    worn = np.array([[d in t.devices for d in DEVICES] for t in (thorax_patient(3, k) for k in range(1500))], float)
    share = ThoraxConfig().devices
    assert np.abs(worn.mean(axis=0) - share).max() < 4 * np.sqrt(share * (1 - share) / 1500)
    together = np.corrcoef(worn.T) - np.eye(len(DEVICES))
    assert np.abs(together).max() < 4.5 / np.sqrt(1500)


def test_a_pacemakers_can_stops_the_beam_and_keeps_its_size_on_any_grid():
    bare = thorax_patient(5, 2, ThoraxConfig(prevalence={}, devices=0.0, upright=True))
    mass = []
    for side in (48, 72):
        plain, worn = (render(replace(bare, devices=d), (side,) * 3, noise=False) for d in ((), ("pacemaker",)))
        path = (worn.hu - plain.hu).sum(1) * plain.spacing_mm[1] / 1000
        # Along the beam the can is worth as much as 8 cm of water, over more than 6 cm^2.
        assert float((path > 80).sum()) * plain.spacing_mm[0] * plain.spacing_mm[2] > 600
        mass.append(float(path.sum()) * plain.spacing_mm[0] * plain.spacing_mm[2])
    assert mass[0] == pytest.approx(mass[1], rel=0.05)


def test_an_unknown_finding_is_refused():
    with pytest.raises(ValueError, match="unknown finding 'flu'"):
        ThoraxConfig(prevalence={"flu": 1.0})
