"""The painted and scanned slices: tissues in Hounsfield units, point spread, noise, curves, shapes."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from radbench_phantom.slices.canvas import Tissue
from radbench_phantom.slices.curves import disc, inside, mirrored, offset, path, spline, symmetric, tube
from radbench_phantom.slices.lesion_shape import GRID, OUTLINES, largest_component, lesion_shape, longest_diameter
from radbench_phantom.slices.patient import PHASES, patient_of
from radbench_phantom.slices.render import REGIONS, painted, scanned
from radbench_phantom.slices.scanner import KERNELS, reconstructed, scan_noise, smooth_field

LEVELS = tuple(REGIONS)

# Attenuation in HU that textbooks give, over all contrast phases: least and greatest mean.
LITERATURE = {
    Tissue.SUBCUTANEOUS_FAT: (-125, -80),
    Tissue.ABDOMINAL_FAT: (-125, -75),
    Tissue.MUSCLE: (25, 80),
    Tissue.LIVER: (25, 135),
    Tissue.SPLEEN: (35, 165),
    Tissue.KIDNEY: (20, 250),
    Tissue.BLOOD: (20, 350),
    Tissue.LUNG: (-920, -720),
    Tissue.MARROW: (30, 420),
    Tissue.FLUID: (-15, 30),
}


def rendered(index, level):
    patient = patient_of(0, index)
    canvas = painted(patient, level, 512, (0.6, 0.98), (7, index))
    return patient, canvas, scanned(canvas, patient, (8, index))


@pytest.fixture(scope="module")
def slices():
    return [rendered(i, LEVELS[i % len(LEVELS)]) for i in range(16)]


def core_of(canvas, tissue, steps=2):
    here = (canvas.labels() == int(tissue)).astype(np.uint8)
    return cv2.erode(here, np.ones((3, 3), np.uint8), iterations=steps).astype(bool)


@pytest.mark.parametrize("tissue", list(LITERATURE), ids=lambda t: t.name.lower())
def test_a_tissue_attenuates_as_the_literature_says(slices, tissue):
    low, high = LITERATURE[tissue]
    seen = 0
    for patient, canvas, hu in slices:
        core = core_of(canvas, tissue, 3 if tissue == Tissue.FLUID else 2)
        if core.sum() < 150 or (tissue == Tissue.FLUID and hu[core].mean() > 150):
            continue  # excreted contrast medium in the urinary tract
        seen += 1
        assert low <= hu[core].mean() <= high, (patient.phase, hu[core].mean())
    assert seen >= 2


def test_contrast_medium_brightens_blood_and_kidneys():
    by_phase = {}
    for index in range(60):
        patient = patient_of(0, index)
        by_phase.setdefault(patient.phase, patient)
    assert set(by_phase) == set(PHASES)
    none, portal, arterial = (by_phase[p].hu for p in PHASES)
    assert arterial["aorta"] > portal["aorta"] + 40 > none["aorta"] + 90
    assert portal["kidney"] > none["kidney"] + 100
    assert portal["liver"] > none["liver"]


def test_left_is_left(slices):
    for _, canvas, _ in slices:
        labels = canvas.labels()
        if (labels == Tissue.LIVER).sum() > 8000:
            assert np.argwhere(labels == Tissue.LIVER)[:, 1].mean() < canvas.frame.centre[0]
        if (labels == Tissue.SPLEEN).sum() > 2000:
            assert np.argwhere(labels == Tissue.SPLEEN)[:, 1].mean() > canvas.frame.centre[0]


def test_the_body_lies_inside_the_field_of_view(slices):
    for _, canvas, _ in slices:
        edge = canvas.labels()[:, [0, -1]]
        assert not np.isin(edge, [Tissue.MUSCLE, Tissue.CORTEX, Tissue.SUBCUTANEOUS_FAT]).any()


def test_air_surrounds_the_body(slices):
    for _, canvas, hu in slices:
        air = core_of(canvas, Tissue.AIR, 8)
        assert hu[air].mean() == pytest.approx(-1000, abs=12)


def test_cortex_is_denser_than_marrow(slices):
    for _, canvas, hu in slices:
        labels = canvas.labels()
        assert hu[labels == Tissue.CORTEX].mean() > hu[labels == Tissue.MARROW].mean() + 60


def test_noise_in_the_liver_is_as_strong_as_clinical_scans_have_it():
    found = []
    for index in range(12):
        _, canvas, hu = rendered(index, "liver")
        core = core_of(canvas, Tissue.LIVER, 6)
        if core.sum() > 500:
            smooth = cv2.GaussianBlur(hu, (0, 0), 6)
            found.append(float((hu - smooth)[core].std()))
    assert 7 <= np.median(found) <= 20
    assert max(found) / min(found) > 1.5


@pytest.mark.parametrize("kernel", list(KERNELS))
def test_noise_is_correlated_over_neighbours_and_rings_beyond(kernel):
    hu = np.zeros((256, 256), dtype=np.float32)
    noise = scan_noise(hu, kernel, 0.75, 10.0, np.random.default_rng(3))
    power = np.abs(np.fft.fft2(noise - noise.mean())) ** 2
    lags = np.fft.ifft2(power).real
    lags /= lags[0, 0]
    # White noise would give 0 +- 0.004 at every lag.
    assert lags[0, 1] > {"smooth": 0.5, "standard": 0.4, "sharp": 0.1}[kernel]
    # A ramp filter lets no constant through: somewhere the correlation turns negative.
    assert lags[0, 1:8].min() < -0.02
    assert abs(noise.mean()) < 0.6


def test_a_sharper_kernel_moves_noise_to_higher_frequencies():
    def centroid(kernel):
        noise = scan_noise(np.zeros((256, 256), np.float32), kernel, 0.75, 10.0, np.random.default_rng(3))
        power = np.abs(np.fft.fft2(noise)) ** 2
        f = np.hypot(*np.meshgrid(np.fft.fftfreq(256), np.fft.fftfreq(256)))
        return float((f * power).sum() / power.sum())

    assert centroid("smooth") < centroid("standard") < centroid("sharp")


def test_noise_scales_with_its_standard_deviation_and_vanishes_at_zero():
    hu = np.zeros((128, 128), dtype=np.float32)
    one, three = (scan_noise(hu, "standard", 0.8, s, np.random.default_rng(1)) for s in (1.0, 3.0))
    assert np.allclose(three, 3 * one, atol=1e-5)
    assert not scan_noise(hu, "standard", 0.8, 0.0, np.random.default_rng(1)).any()


def test_noise_streaks_along_the_long_way_through_a_wide_body():
    hu = np.full((256, 256), -1000.0, dtype=np.float32)
    cv2.ellipse(hu, (128, 128), (118, 45), 0, 0, 360, 0.0, cv2.FILLED)
    noise = scan_noise(hu, "standard", 1.4, 10.0, np.random.default_rng(2))[100:156, 60:196]

    def lag(axis):
        a = np.take(noise, range(2, noise.shape[axis]), axis)
        b = np.take(noise, range(noise.shape[axis] - 2), axis)
        return float(np.mean(a * b) / np.mean(noise**2))

    # Rays along x pass most water: their noise is constant along x and alternates along y.
    assert lag(1) > lag(0) + 0.02


def test_noise_is_stronger_in_the_middle_of_the_body_than_beside_it():
    hu = np.full((256, 256), -1000.0, dtype=np.float32)
    cv2.circle(hu, (128, 128), 100, 0.0, cv2.FILLED)
    noise = scan_noise(hu, "standard", 1.4, 10.0, np.random.default_rng(2))
    assert noise[96:160, 96:160].std() > 1.3 * noise[:24, :24].std()


def test_reconstruction_keeps_constants_and_the_sum_of_an_edge():
    flat = np.full((64, 64), 37.0, dtype=np.float32)
    edge = np.zeros((64, 64), dtype=np.float32)
    edge[:, 32:] = 100.0
    for kernel in KERNELS:
        assert np.allclose(reconstructed(flat, kernel, 0.8), 37.0, atol=1e-3)
        assert reconstructed(edge, kernel, 0.8).mean() == pytest.approx(50.0, abs=0.1)
    assert reconstructed(edge, "sharp", 0.8).max() > 102.0
    assert reconstructed(edge, "smooth", 0.8).max() < 100.01


def test_a_smooth_field_has_unit_variance_and_the_asked_reach():
    field = smooth_field(np.random.default_rng(0), 512, 6.0)
    assert field.std() == pytest.approx(1.0, abs=0.12)
    assert np.mean(field[:, 3:] * field[:, :-3]) > 0.8
    assert abs(np.mean(field[:, 40:] * field[:, :-40])) < 0.15


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), outline=st.sampled_from(OUTLINES), aspect=st.floats(0.45, 1.0))
def test_a_shape_is_one_body_of_unit_diameter_around_the_middle(seed, outline, aspect):
    shape = lesion_shape(np.random.default_rng(seed), outline, aspect)
    body = largest_component(shape.distance < 0)
    assert longest_diameter(body) * 2 / GRID == pytest.approx(1.0, abs=0.05)
    assert np.abs(np.argwhere(body).mean(axis=0) - (GRID - 1) / 2).max() < 2.0
    assert not body[[0, -1]].any()


def test_spicules_leave_the_body_but_are_none_of_it():
    shape = lesion_shape(np.random.default_rng(4), "spiculated", 0.8)
    assert len(shape.spicules) >= 5
    for start, end in shape.spicules:
        assert np.linalg.norm(end) > np.linalg.norm(start)


@settings(max_examples=30, deadline=None)
@given(x=st.floats(-50, 50), y=st.floats(-50, 50), r=st.floats(3, 40), d=st.floats(-1.5, 5), turn=st.floats(0, 180))
def test_offset_moves_a_circle_by_its_distance(x, y, r, d, turn):
    moved = offset(disc((x, y), r, r, turn, n=120), d)
    assert np.allclose(np.linalg.norm(moved - (x, y), axis=1), r + d, atol=1e-6)
    assert np.allclose(np.linalg.norm(offset(mirrored(disc((x, y), r, n=120)), d) - (-x, y), axis=1), r + d, atol=1e-6)


def test_a_spline_passes_through_its_control_points():
    control = np.array([(0, -3), (4, 0), (1, 5), (-3, 2)], dtype=float)
    assert np.allclose(spline(control, 8)[::8], control)
    assert np.allclose(path(control, 8)[[0, 8, 16, -1]], control)


def test_symmetric_controls_mirror_left_to_right():
    curve = symmetric([(0, -2), (3, 0), (2, 4), (0, 5)])
    assert sorted(map(tuple, curve * (-1, 1) + 0.0)) == sorted(map(tuple, curve + 0.0))


def test_a_straight_tube_covers_its_width_times_its_length():
    line = np.stack([np.linspace(0, 100, 40), np.zeros(40)], axis=1)
    x, y = tube(line, 3.0).T
    area = 0.5 * abs(np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y))
    assert 600 < area < 600 + np.pi * 9


def test_inside_agrees_with_a_circle():
    points = np.random.default_rng(0).uniform(-12, 12, (400, 2))
    away = np.linalg.norm(points, axis=1)
    clear = np.abs(away - 10) > 0.05
    assert np.array_equal(inside(disc((0, 0), 10, n=200), points)[clear], (away < 10)[clear])
