"""The lungs as readers outline them, found in CT alone: against known anatomy, and against the phantom's own labels."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from radbench.contracts import CaseError
from radbench.contracts.case import validate_case
from radbench.imaging.lung_area import DOME_MM, HEART_MM, SPINE_MM, seen_lung
from radbench_lidc.diaphragm import below_domes
from radbench_lidc.grid import Grid, grid_of, hull
from radbench_lidc.hiding import find_anatomy
from radbench_lidc.spine import find_spine
from radbench_phantom.cxr.dataset import PhantomCxr
from radbench_phantom.cxr.lung_area import hiding
from radbench_phantom.thorax.render import render

from .collection import HU, PIXEL, fault, one_fixture, only, reading, write_series  # noqa: F401

LUNGS = ("lung_mask", "lung_field_mask", "aerated_lung_mask")
SPACING = (4.0, 2.0, 2.0)
SHAPE = (60, 120, 160)
MIDDLE = 160.0


def place(axis):
    shape = [1, 1, 1]
    shape[axis] = SHAPE[axis]
    return ((np.arange(SHAPE[axis]) + 0.5) * SPACING[axis]).reshape(shape)


def thorax(bone=300.0, aorta=40.0):
    """HU and lungs: two domes at 100 and 80 mm, a heart of 70 mm across on the left, a spine of 36 mm."""
    z, y, x = place(0), place(1), place(2)
    hu = np.full(SHAPE, -1000.0, np.float32)
    hu[np.broadcast_to(((y - 120) / 105) ** 2 + ((x - MIDDLE) / 150) ** 2 <= 1, SHAPE)] = 40
    sides = [((y - 110) / 80) ** 2 + ((x - MIDDLE - s * 68) / 62) ** 2 for s in (-1, 1)]
    lung = np.zeros(SHAPE, bool)
    for part, top in zip(sides, (100, 80), strict=True):
        lung |= (part <= 1) & (z >= top - 70 * part) & (z < 230)
    heart = ((z - 100) / 60) ** 2 + ((y - 85) / 45) ** 2 + ((x - MIDDLE - 10) / 35) ** 2 <= 1
    column = (abs(x - MIDDLE) <= 18) & (y >= 145) & (y <= 205)
    canal = (abs(x - MIDDLE) <= 9) & (y >= 178) & (y <= 194)
    vessel = ((y - 155) / 12) ** 2 + ((x - MIDDLE - 30) / 12) ** 2 <= 1
    lung &= ~heart & ~column & ~vessel
    hu[lung] = -850
    hu[np.broadcast_to(vessel, SHAPE)] = aorta
    hu[np.broadcast_to(column & ~canal, SHAPE)] = bone
    return hu, lung, heart


def of_columns(mask, spacing):
    """The mm at which a mask begins and ends along x, by slice."""
    width = mask.any(axis=1)
    first, last = width.argmax(axis=1), width.shape[1] - width[:, ::-1].argmax(axis=1)
    return first * spacing[2], last * spacing[2]


@pytest.mark.parametrize("aorta", [40.0, 400.0])
def test_the_spine_is_as_wide_as_its_bone_whatever_lies_beside_it(aorta):
    hu, lung, _ = thorax(aorta=aorta)
    found = find_anatomy(hu, lung, SPACING, 160.0)
    left, right = of_columns(found.spine, found.spacing_mm)
    assert left == pytest.approx(MIDDLE - 18, abs=2.1)
    assert right == pytest.approx(MIDDLE + 18, abs=2.1)


def test_the_abdomen_ends_at_the_domes_and_the_heart_stands_on_it():
    hu, lung, heart = thorax()
    found = find_anatomy(hu, lung, SPACING, 160.0)
    tops = found.abdomen.any(axis=1) * np.arange(1, len(found.abdomen) + 1)[:, None] * found.spacing_mm[0]
    for side, top in ((-68, 100), (68, 80)):
        at = round((MIDDLE + side) / found.spacing_mm[2])
        assert tops[:, at - 10 : at + 10].max() == pytest.approx(top, abs=4)
    own = np.repeat(heart, 2, axis=0)  # slices of 4 mm on a grid of 2 mm
    between = np.array([hull(plane) for plane in np.repeat(lung, 2, axis=0)])
    assert (found.heart & own).sum() > 0.95 * (own & between & ~found.abdomen).sum()
    assert not (found.heart & found.abdomen).any()
    # Beneath the heart the diaphragm lies between the domes and their foot.
    assert 40 < tops[:, round((MIDDLE + 10) / found.spacing_mm[2])].max() < 100


def test_a_scan_without_spine_is_told_of_and_can_be_taken(tmp_path):
    write_series(tmp_path, hu=np.where(HU == 500, 40, HU))
    (tmp_path / "a.xml").write_text(reading())
    said = fault(tmp_path, readers_lungs=True)
    assert said.startswith("case 'LIDC-IDRI-0001': no spinal canal found behind the lungs")
    assert "readers_lungs=false" in said
    assert only(tmp_path).targets["lung_mask"].any()


@pytest.mark.parametrize("options", [{}, {"frame": "stretch"}, {"physics": "ct2xray"}])
def test_each_lung_lies_within_the_one_before(one, options):
    case, without = only(one, readers_lungs=True, **options), only(one, **options)
    validate_case(case)
    whole, field, aerated = (case.targets[name] for name in LUNGS)
    assert aerated.any()
    assert not (field & ~whole).any()
    assert not (aerated & ~field).any()
    # The spine is 48 mm wide, in the middle.
    columns = (torch.arange(64) + 0.5 - 32) * case.spacing_mm[1]
    assert not field[0][:, columns.abs() < 4 * PIXEL - case.spacing_mm[1]].any()
    # What else there is does not depend on them.
    assert set(case.targets) - set(without.targets) == set(LUNGS[1:])
    for name in ("lung_mask", "lung_image", "bone_mask", "nodule_mask"):
        assert torch.equal(case.targets[name], without.targets[name])


def test_ct_alone_gives_the_lungs_that_the_phantoms_labels_give():
    volume = render(PhantomCxr().thorax("p0003"), (64, 56, 64))
    found = find_anatomy(volume.hu.numpy(), volume.lung_mask.numpy(), volume.spacing_mm, 160.0)

    def length(mask, spacing):
        along = torch.as_tensor(mask).sum(1).float().flip(0)[None, None] * spacing[1]
        return torch.nn.functional.interpolate(along, size=(128, 128), mode="bilinear")

    def outlined(lung, hidden, spacing):
        return seen_lung(lung, [(length(m, spacing), mm) for m, mm in hidden], volume.spacing_mm[2] / 2)

    whole = length(volume.lung_mask, volume.spacing_mm) > 0
    own = hiding(volume)
    field = outlined(whole, own.field, volume.spacing_mm)
    aerated = outlined(field, own.aerated, volume.spacing_mm)
    seen = outlined(whole, ((found.spine, SPINE_MM), (found.abdomen, DOME_MM)), found.spacing_mm)
    assert dice(seen, field) > 0.96
    assert dice(outlined(seen, ((found.heart, HEART_MM),), found.spacing_mm), aerated) > 0.95
    assert dice(whole, field) < 0.9
    assert dice(field, aerated) < 0.9


def test_a_lung_of_a_few_pixels_is_none():
    lung = np.zeros(SHAPE, bool)
    lung[30, 60, 80] = True
    with pytest.raises(CaseError, match="larger than a voxel of 2 mm; readers_lungs=false takes"):
        find_anatomy(thorax()[0], lung, (0.5, 0.5, 0.5), 160.0)


def test_a_lung_without_height_has_no_dome():
    hu, lung, _ = thorax()
    lung[np.arange(len(lung)) != 40] = False
    with pytest.raises(CaseError, match="no dome of the diaphragm found"):
        below_domes(Grid(hu, lung, (2.0, 2.0, 2.0)))


def test_the_spine_is_found_beside_one_lung_alone():
    hu, lung, _ = thorax()
    both = find_spine(grid_of(hu, lung, SPACING), 160.0)
    lung[:, :, : SHAPE[2] // 2] = False
    one = find_spine(grid_of(hu, lung, SPACING), 160.0)
    assert one.columns == pytest.approx(both.columns)
    assert one.half_width_mm == pytest.approx(both.half_width_mm)


def dice(a, b):
    return float(2 * (a & b).sum() / (a.sum() + b.sum()))
