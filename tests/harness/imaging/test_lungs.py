"""The 3-D lung mask: on a thorax of ellipsoids whose lungs are known, and on a real one against its lobes."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from radbench.contracts import CaseError
from radbench.imaging.lungs import body_mask_3d, lung_mask_3d

SPACING = (4.0, 2.5, 2.5)
SHAPE = (80, 112, 144)


def ellipsoid(centre, radii):
    """All in mm from the volume's corner, in the order z, y, x."""
    z, y, x = (np.arange(n) * s for n, s in zip(SHAPE, SPACING, strict=True))
    z, y, x = z[:, None, None] - centre[0], y[None, :, None] - centre[1], x[None, None, :] - centre[2]
    return (z / radii[0]) ** 2 + (y / radii[1]) ** 2 + (x / radii[2]) ** 2 <= 1.0


@pytest.fixture(scope="module")
def thorax():
    """A body with two lungs, a trachea open into both, gas in the stomach, and a couch below."""
    middle = 180.0
    hu = np.full(SHAPE, -1000.0, np.float32)
    body = ellipsoid((160, 130, middle), (1e6, 100, 150))
    hu[body] = 40.0
    lungs = ellipsoid((160, 130, middle - 75), (110, 70, 50)) | ellipsoid((160, 130, middle + 75), (110, 70, 50))
    hu[lungs] = -850.0
    vessel = ellipsoid((160, 130, middle - 75), (40, 6, 6))
    hu[vessel] = 50.0
    nodule = ellipsoid((150, 65, middle + 75), (10, 10, 10)) & lungs  # at the pleura
    hu[nodule] = 30.0
    trachea = ellipsoid((1000, 140, middle), (820, 9, 9))
    bronchi = ellipsoid((180, 140, middle), (7, 7, 45)) & ~lungs
    hu[trachea | bronchi] = -1000.0
    gas = ellipsoid((20, 100, middle + 60), (25, 30, 40)) & ~lungs & body
    hu[gas] = -1000.0
    hu[:, 98:100, 20:124] = -200.0  # a couch, apart from the body
    return {
        "hu": hu,
        "lungs": lungs,
        "vessel": vessel,
        "nodule": nodule,
        "airway": trachea | bronchi,
        "gas": gas,
        "body": body,
    }


@pytest.fixture(scope="module")
def mask(thorax):
    return lung_mask_3d(torch.from_numpy(thorax["hu"]), SPACING).numpy()


def dice(a, b):
    return 2 * (a & b).sum() / (a.sum() + b.sum())


def test_both_lungs_are_found(thorax, mask):
    assert mask.dtype == bool
    assert dice(mask, thorax["lungs"]) > 0.98


def test_trachea_and_main_bronchi_are_dropped(thorax, mask):
    outside = thorax["airway"] & ~thorax["lungs"]
    assert (mask & outside).sum() < 0.02 * outside.sum()


def test_gas_below_the_lungs_is_dropped(thorax, mask):
    assert thorax["gas"].sum() > 0.03 * thorax["lungs"].sum()  # not by size alone
    assert not (mask & thorax["gas"]).any()


def test_vessels_and_nodules_count_as_lung(thorax, mask):
    assert mask[thorax["vessel"]].all()


def test_a_nodule_at_the_pleura_counts_with_closing_and_not_without(thorax, mask):
    open_mask = lung_mask_3d(thorax["hu"], SPACING, closing_mm=0.0).numpy()
    closed_mask = lung_mask_3d(thorax["hu"], SPACING, closing_mm=12.0).numpy()
    part = [m[thorax["nodule"]].mean() for m in (open_mask, mask, closed_mask)]
    assert part[0] < 0.1
    assert part[0] <= part[1] < part[2]
    assert part[2] > 0.7  # the end of a lung is round: no closing reaches all of it


def test_nothing_outside_the_body_is_lung(thorax, mask):
    assert not (mask & ~thorax["body"]).any()


def test_the_body_is_filled_and_without_the_couch(thorax):
    assert dice(body_mask_3d(thorax["hu"]).numpy(), thorax["body"]) > 0.995


def test_the_mediastinum_is_not_filled_when_lung_surrounds_it(thorax):
    hu = thorax["hu"].copy()
    heart = ellipsoid((160, 130, 180), (60, 50, 40))
    ring = ellipsoid((160, 130, 180), (70, 62, 55)) & ~heart
    hu[ring] = -850.0
    assert lung_mask_3d(hu, SPACING).numpy()[heart & ~thorax["lungs"]].mean() < 0.25


def test_mirroring_the_patient_mirrors_the_lungs(thorax, mask):
    mirrored = lung_mask_3d(thorax["hu"][:, :, ::-1].copy(), SPACING).numpy()
    assert dice(mirrored[:, :, ::-1], mask) > 0.999


def test_a_volume_without_lung_is_refused():
    with pytest.raises(CaseError, match="no lung"):
        lung_mask_3d(np.full((6, 20, 20), 40.0, np.float32), SPACING)


@pytest.mark.parametrize(
    ("hu", "spacing", "words"),
    [
        (np.zeros((4, 4), np.float32), SPACING, r"\[D,H,W\]"),
        (np.full((2, 4, 4), np.nan, np.float32), SPACING, "NaN"),
        (np.zeros((2, 4, 4), np.float32), (1.0, 0.0, 1.0), "spacing_mm"),
    ],
)
def test_wrong_volumes_are_refused(hu, spacing, words):
    with pytest.raises(CaseError, match=words):
        lung_mask_3d(hu, spacing)


@pytest.mark.slow
def test_a_real_lung_mask_covers_the_lobes_and_leaves_the_trachea(real_data):
    from radbench.imaging import read_volume

    folder = real_data / "lidc-0001"
    ct = read_volume(folder / "ct.nii.gz")
    labels = read_volume(folder / "labels.nii.gz").hu.numpy()
    mask = lung_mask_3d(ct.hu, ct.spacing_mm).numpy()
    lobes = (labels >= 10) & (labels <= 14)
    assert dice(mask, lobes) > 0.97
    assert mask[labels == 16].mean() < 0.02
